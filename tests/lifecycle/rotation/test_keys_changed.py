"""rotate, retire, revoke, adopt and delete on real parts; the end state is looked at on the tenant and in the Vault."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import hvac
import pytest
from fixtures.canaries import find_canaries

import qlik_keys as qk
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.errors import (
    AssertionRejected,
    ConfigurationError,
    Interrupted,
    ManualActionRequired,
    StoreNotFound,
    TenantNotFound,
)
from qlik_keys.keystore.base import KeyOwner
from qlik_keys.lifecycle.record_changes import promoted
from qlik_keys.tenant import NewOAuthClient, PatchOperation

pytestmark = [pytest.mark.openbao, pytest.mark.parametrize("custody", ["kv", "transit"])]
AT_ONCE = timedelta(0)


class LaterClock:
    """The system's clock, some time ahead."""

    def __init__(self, ahead):
        self._ahead = ahead.total_seconds()

    def time(self):
        return SYSTEM_CLOCK.time() + self._ahead

    monotonic = staticmethod(SYSTEM_CLOCK.monotonic)
    sleep = staticmethod(SYSTEM_CLOCK.sleep)


@pytest.fixture
def made(world, name):
    return qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])


def key_of(world, made):
    """The current key, for a consumer that has kept it."""
    return world.store.read(world.tenant.host, made.client_id).current


def can_log_in(world, made, key):
    with qk.TokenSource(world.tenant.token_url, client_id=made.client_id, signer=world.store.signer(key)) as source:
        try:
            source.token()
        except (AssertionRejected, StoreNotFound):  # the latter where Vault was to sign and has the key no more
            return False
    return True


def secret_part(key):
    """The number that is the key (the PEMs of two keys begin alike); of a key in Transit, its public one."""
    return key.public.to_dict()["x"] if key.reference else json.loads(key.private.reveal("jwk"))["d"]


def readable_versions(world, made):
    """Everything that any version of the client's secret still shows, asked by hvac itself."""
    vault = hvac.Client(url=world.box.vault_url, token=world.box.vault_token)
    path = f"qlik-keys/{world.tenant.host}/{made.client_id}"
    shown = []
    for version in vault.secrets.kv.v2.read_secret_metadata(path, mount_point="secret")["data"]["versions"]:
        try:
            answer = vault.secrets.kv.v2.read_secret_version(
                path, version=int(version), mount_point="secret", raise_on_deleted_version=True
            )
        except hvac.exceptions.InvalidPath:
            continue
        shown.append(str(answer["data"]["data"]))
    vault.adapter.close()
    return "\n".join(shown)


def test_both_keys_log_in_until_the_overlap_is_over(world, made):
    old = key_of(world, made)
    result = qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(hours=2))
    new = key_of(world, made)
    assert (result.kid, result.old_kids) == (new.kid, (old.kid,))
    assert timedelta(minutes=119) < result.retire_at - datetime.now(UTC) <= timedelta(hours=2)
    assert can_log_in(world, made, old)
    assert can_log_in(world, made, new)
    with pytest.raises(ManualActionRequired, match=r"can be removed in (2 h 0|1 h 59) min"):
        qk.retire_due(world.tenant, world.store, made.client_id)
    with pytest.raises(ManualActionRequired, match="never needs more than two keys"):
        qk.rotate(world.tenant, world.store, made.client_id)
    assert qk.retire_due(world.tenant, world.store, made.client_id, clock=LaterClock(timedelta(hours=3)))[
        0
    ].retired == (old.kid,)
    assert not can_log_in(world, made, old)
    assert find_canaries(readable_versions(world, made), {"old": secret_part(old)}) == []
    assert find_canaries(readable_versions(world, made), {"new": secret_part(new)}) != []
    world.assert_settled(made.name)


def test_an_overlap_beyond_all_dates_is_refused_and_one_that_was_written_ends(world, made):
    for options in ({"overlap": timedelta(days=99_999)}, {"rotate_after": timedelta(days=999_999)}):
        with pytest.raises(qk.QlikKeysError, match="ten years"):
            qk.rotate(world.tenant, world.store, made.client_id, **options)
    world.assert_settled(made.name)
    record = world.store.read(world.tenant.host, made.client_id)
    [kid], now = record.keys, datetime.now(UTC)
    started = replace(
        record.with_key(replace(record.current, public=qk.generate(qk.KeySpec("ES384")).public, state="next")),
        overlap_seconds=10**12,
    )
    ended = promoted(started, registered=[kid], now=now, rotate_after=timedelta(days=1))
    assert ended.keys[kid].retire_at == now + timedelta(days=3660)


def test_the_steps_in_their_order(world, made):
    steps = []
    qk.rotate(
        world.tenant,
        world.store,
        made.client_id,
        overlap=AT_ONCE,
        on_step=lambda event: steps.append(event.step) if event.phase == "after" else None,
    )
    assert steps == ["check", "make_next", "publish", "verify_next", "promote", "unpublish", "retire", "purge"]
    world.assert_settled(made.name)


def test_a_key_of_another_kind_and_one_brought_along(world, made):
    qk.rotate(world.tenant, world.store, made.client_id, key=qk.KeySpec("RS256", bits=2048), overlap=AT_ONCE)
    assert key_of(world, made).public.alg == "RS256"
    qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE)
    assert key_of(world, made).public.alg == "RS256"
    own = qk.generate(qk.KeySpec("ES384"))
    qk.rotate(world.tenant, world.store, made.client_id, key=own, overlap=AT_ONCE)
    assert key_of(world, made).kid == own.kid
    world.assert_settled(made.name)


def test_a_consumer_sees_no_failed_call_during_rotations_in_a_row(world, made):
    stop, failures, calls = threading.Event(), [], []

    def consume():
        with (
            qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, custody=world.custody) as store,
            qk.TokenSource.from_store(store, tenant_url=world.tenant.url, client_id=made.client_id) as source,
            httpx.Client(base_url=world.tenant.url, auth=qk.PrivateKeyJwtAuth(source), follow_redirects=True) as api,
        ):
            while not stop.wait(0.02):  # its own budget of token requests is not to be spent at once
                try:
                    source.token(force=True)
                    calls.append(api.get("/api/v1/users/me").raise_for_status())
                except (qk.QlikKeysError, httpx.HTTPError) as error:
                    failures.append(error)

    consumer = threading.Thread(target=consume)
    consumer.start()
    try:
        rotations = 0
        while rotations < 15 or len(calls) < 15:
            if failures:
                break
            rotations += 1
            qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE)
    finally:
        stop.set()
        consumer.join()
    assert failures == []
    world.assert_settled(made.name)


class RotatedAfterReads:
    """A store whose client is rotated right after it was read, some times: what a reader may meet who has to wait."""

    def __init__(self, world, client_id, rotations):
        self._world, self._client_id, self._rotations = world, client_id, rotations

    def __getattr__(self, name):
        return getattr(self._world.store, name)

    def read(self, host, client_id):
        record = self._world.store.read(host, client_id)
        if self._rotations:
            self._rotations -= 1
            qk.rotate(self._world.tenant, self._world.store, self._client_id, overlap=AT_ONCE)
        return record


@pytest.mark.parametrize(("rotations", "gets_a_token"), [(1, True), (3, True), (99, False)])
def test_a_consumer_outlasts_rotations_that_overtake_it(world, made, rotations, gets_a_token):
    store = RotatedAfterReads(world, made.client_id, rotations)
    with qk.TokenSource.from_store(store, tenant_url=world.tenant.url, client_id=made.client_id) as source:
        if gets_a_token:
            assert source.token().reveal()
        else:  # and ends, though there is always another key
            with pytest.raises((AssertionRejected, StoreNotFound)):
                source.token()
    world.assert_settled(made.name)


def test_where_the_tenant_takes_one_key_the_swap_is_offered_and_never_made_by_itself(world, made):
    old = key_of(world, made)
    world.box.configure(maximum_public_keys=1)
    try:
        with pytest.raises(ManualActionRequired, match="refuses a second key") as caught:
            qk.rotate(world.tenant, world.store, made.client_id)
        assert "allow_swap" in caught.value.hint
        assert key_of(world, made).kid == old.kid
        world.assert_settled(made.name)
        result = qk.rotate(world.tenant, world.store, made.client_id, allow_swap=True)
    finally:
        world.box.configure(maximum_public_keys=None)
    assert result.kid != old.kid
    assert not can_log_in(world, made, old)
    qk.retire_due(world.tenant, world.store, made.client_id)
    world.assert_settled(made.name)


def test_revoke_removes_every_older_key_now(world, made):
    first = key_of(world, made)
    qk.rotate(world.tenant, world.store, made.client_id)
    second = key_of(world, made)
    result = qk.revoke(world.tenant, world.store, made.client_id)
    assert set(result.retired) == {first.kid, second.kid}
    assert any("remain valid until they expire" in warning for warning in result.warnings)
    assert not can_log_in(world, made, first)
    assert not can_log_in(world, made, second)
    assert (
        find_canaries(readable_versions(world, made), {"first": secret_part(first), "second": secret_part(second)})
        == []
    )
    world.assert_settled(made.name)


def test_a_client_moves_from_one_custody_to_the_other_by_a_rotation(world, made):
    there = {"kv": "transit", "transit": "kv"}[world.custody]
    old = key_of(world, made)
    with qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, custody=there) as store:
        qk.rotate(world.tenant, store, made.client_id, custody=there)
        new = key_of(world, made)
        assert (old.custody, new.custody) == (world.custody, there)
        assert can_log_in(world, made, old)
        assert can_log_in(world, made, new)
        assert store.summary(world.tenant.host, made.client_id).custody == there
        qk.retire_due(world.tenant, store, made.client_id, force=True)
    assert not can_log_in(world, made, old)
    record = world.store.read(world.tenant.host, made.client_id)
    assert (record.custody, list(record.keys)) == (there, [new.kid])
    world.assert_no_orphan(made.name, record)
    assert find_canaries(readable_versions(world, made), {"old": secret_part(old)}) == []


def test_keys_of_others_are_kept_word_for_word(world, made):
    theirs = {**qk.generate(qk.KeySpec("ES384")).public.to_dict(), "kid": "somebody-elses"}
    client = world.tenant.oauth_clients.get(made.client_id)
    keys = [*client.public_keys, theirs]
    world.tenant.oauth_clients.patch(made.client_id, [PatchOperation("replace", "/publicKeys", keys)])
    qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE)
    there = {key.kid: key.to_dict() for key in world.tenant.oauth_clients.get(made.client_id).public_keys}
    assert there == {"somebody-elses": theirs, key_of(world, made).kid: key_of(world, made).public.to_dict()}


def test_another_administrator_who_writes_over_our_key_is_noticed_and_theirs_is_kept(world, made):
    theirs = {**qk.generate(qk.KeySpec("ES384")).public.to_dict(), "kid": "somebody-elses"}
    done = []

    def write_over(exchange):
        """As somebody does who had read the keys before our write, and writes after it."""
        if exchange.method == "PATCH" and not done:
            done.append(True)
            keys = [key_of(world, made).public, theirs]
            with qk.QlikTenant(world.tenant.url, credential=qk.ApiKey(world.box.api_key)) as other:
                other.oauth_clients.patch(made.client_id, [PatchOperation("replace", "/publicKeys", keys)])

    unsubscribe = world.tenant.subscribe(write_over)
    result = qk.rotate(world.tenant, world.store, made.client_id)
    unsubscribe()
    assert done
    kids = {key.kid for key in world.tenant.oauth_clients.get(made.client_id).public_keys}
    assert kids == {"somebody-elses", result.kid, *result.old_kids}
    assert any("Another user" in warning for warning in result.warnings)


def test_adopt_keeps_the_secret_unless_asked(world, name):
    created = world.create_with_secret(name)
    result = qk.adopt(world.tenant, world.store, created.client.client_id)
    assert any("still log in" in warning for warning in result.warnings)
    world.assert_settled(name, secret=created.client_secret)
    qk.adopt(world.tenant, world.store, created.client.client_id, remove_secrets=True)
    client = world.assert_settled(name)
    assert client.allowed_auth_methods == ("private_key_jwt",)
    assert client.client_secrets == ()
    assert [key.kid for key in client.public_keys] == [result.kid]


def test_what_is_no_machine_is_not_adopted(world, name):
    new = NewOAuthClient(app_type="web", client_name=name, allowed_auth_methods=("client_secret",))
    client = world.tenant.oauth_clients.create(new).client
    with pytest.raises(ManualActionRequired, match="not a machine-to-machine"):
        qk.adopt(world.tenant, world.store, client.client_id)
    with pytest.raises(StoreNotFound):
        qk.rotate(world.tenant, world.store, client.client_id)


def test_delete_wants_the_id_once_more_and_takes_the_keys_last(world, made):
    with pytest.raises(ConfigurationError, match="nothing was deleted"):
        qk.delete(world.tenant, world.store, made.client_id, confirm=made.name)
    assert world.clients_named(made.name)
    qk.delete(world.tenant, world.store, made.client_id, confirm=made.client_id, keep_secret=True)
    with pytest.raises(TenantNotFound):
        world.tenant.oauth_clients.get(made.client_id)
    assert key_of(world, made)
    qk.delete(world.tenant, world.store, made.client_id, confirm=made.client_id)
    with pytest.raises(StoreNotFound):
        world.store.read(world.tenant.host, made.client_id)


def half_made(world, name, *, at):
    """Cut the making of a client off behind one of its steps; return the client's id."""
    cancel = threading.Event()
    with pytest.raises(Interrupted):
        qk.provision(
            world.tenant,
            world.store,
            name=name,
            scopes=["user_default"],
            cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == at else None,
        )
    [client] = world.clients_named(name)
    return client.client_id


@pytest.mark.parametrize("at", ["register", "bind", "record", "verify"])
def test_a_client_that_is_being_made_and_is_deleted_does_not_come_back(world, name, at):
    client_id = half_made(world, name, at=at)
    qk.delete(world.tenant, world.store, client_id, confirm=client_id)
    assert qk.resume(world.tenant, world.store) == []
    assert world.is_untouched(name)


@pytest.mark.parametrize("at", ["register", "bind", "record", "verify"])
def test_a_client_that_is_being_made_is_not_adopted(world, name, at):
    client_id = half_made(world, name, at=at)
    with pytest.raises(ManualActionRequired, match="not finished"):
        qk.adopt(world.tenant, world.store, client_id)
    qk.resume(world.tenant, world.store)
    world.assert_settled(name)


def test_a_retirement_that_was_due_and_is_interrupted_is_finished(world, made):
    qk.rotate(world.tenant, world.store, made.client_id)
    cancel = threading.Event()
    with pytest.raises(Interrupted):
        qk.retire_due(
            world.tenant,
            world.store,
            made.client_id,
            clock=LaterClock(timedelta(hours=25)),
            cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == "unpublish" else None,
        )
    [item] = qk.resume(world.tenant, world.store, clock=LaterClock(timedelta(hours=25)))
    assert item.result.retired == (made.kid,)
    world.assert_settled(made.name)


def test_the_metadata_of_a_record_that_was_never_written_hide_no_orphan(world, name):
    created = world.create_with_secret(name)
    path = f"qlik-keys/{world.tenant.host}/{created.client.client_id}"
    vault = hvac.Client(url=world.box.vault_url, token=world.box.vault_token)
    vault.secrets.kv.v2.update_metadata(path, custom_metadata={"custody": world.custody})
    owner = KeyOwner(world.tenant.host, name, created.client.client_id)
    orphan = world.store.make_key(qk.KeySpec("ES384"), owner)
    assert world.transit_keys(name) == ([orphan.reference] if world.custody == "transit" else [])
    qk.resume(world.tenant, world.store)
    assert world.transit_keys(name) == []
    vault.secrets.kv.v2.delete_metadata_and_all_versions(path)
    vault.adapter.close()


def test_cancelled_between_steps_and_finished_by_resume(world, made):
    cancel = threading.Event()
    old = key_of(world, made)
    with pytest.raises(Interrupted):
        qk.rotate(
            world.tenant,
            world.store,
            made.client_id,
            cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == "publish" else None,
        )
    assert can_log_in(world, made, old)
    [item] = qk.resume(world.tenant, world.store)
    assert (item.operation, item.client_id, item.error) == ("rotate", made.client_id, None)
    assert key_of(world, made).kid == item.result.kid != old.kid
    assert qk.resume(world.tenant, world.store) == []


def test_eight_who_rotate_at_once_make_one_key(world, made):
    results, problems = [], []

    def rotate():
        with (
            qk.QlikTenant(world.tenant.url, credential=qk.ApiKey(world.box.api_key)) as tenant,
            qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, custody=world.custody) as store,
        ):
            try:
                results.append(qk.rotate(tenant, store, made.client_id))
            except qk.QlikKeysError as problem:
                problems.append(problem)

    threads = [threading.Thread(target=rotate) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    qk.resume(world.tenant, world.store)
    record = world.store.read(world.tenant.host, made.client_id)
    assert len(record.keys) == 2
    assert {result.kid for result in results} == {record.current.kid}
    assert all(problem.hint for problem in problems)
    assert can_log_in(world, made, record.current)


def test_a_list_that_arrives_too_late_brings_no_removed_key_back(world, made):
    """Somebody reads the list of keys, sends it after the key was revoked, and is interrupted before a look at it."""
    clients, store, host = world.tenant.oauth_clients, world.store, world.tenant.host
    old = clients.get(made.client_id).public_keys
    revoked = qk.revoke(world.tenant, store, made.client_id)
    theirs = qk.generate(qk.KeySpec("ES384")).public
    kept = [*clients.get(made.client_id).public_keys, theirs]
    clients.patch(made.client_id, [PatchOperation("replace", "/publicKeys", [*old, *kept])])
    assert store.read(host, made.client_id).removed_kids == (old[0].kid,)

    found = qk.audit(world.tenant, store)
    found = found[(found["client_id"] == made.client_id) & (found["finding"] == "removed-key-registered")]
    assert [(row.severity, row.command) for row in found.itertuples()] == [("critical", "qlik-keys resume")]
    [check] = [
        check for check in qk.doctor(world.tenant, store, made.client_id).findings if check.name == "kid-registered"
    ]
    assert (old[0].kid in check.why, "qlik-keys resume" in check.advice) == (True, True)

    [resumed] = [item for item in qk.resume(world.tenant, store) if item.client_id == made.client_id]
    assert (resumed.operation, resumed.error, resumed.result.kid) == ("retire", None, revoked.kid)
    assert f"The key {old[0].kid!r} was registered" in resumed.result.warnings[0]
    assert [key.kid for key in clients.get(made.client_id).public_keys] == [revoked.kid, theirs.kid]
    assert qk.resume(world.tenant, store) == []


def test_a_plan_says_that_a_removed_key_goes_again(world, made):
    clients = world.tenant.oauth_clients
    old = clients.get(made.client_id).public_keys
    qk.revoke(world.tenant, world.store, made.client_id)
    clients.patch(
        made.client_id, [PatchOperation("replace", "/publicKeys", [*old, *clients.get(made.client_id).public_keys])]
    )
    plans = [qk.preview(world.tenant, world.store, "resume")]
    plans += [qk.preview(world.tenant, world.store, operation, made.client_id) for operation in ("rotate", "revoke")]
    mine = [[step.action for step in plan.steps if step.client_name == made.name] for plan in plans]
    assert [plan.blocked for plan in plans] == [""] * 3
    assert [actions.index("unpublish") for actions in mine] == [0, 0, 1]  # a revocation is noted first
    assert [actions.count("unpublish") for actions in mine] == [1, 1, 2]
    assert len(clients.get(made.client_id).public_keys) == 2


def test_a_rotation_removes_a_returned_key_again(world, made):
    clients = world.tenant.oauth_clients
    old = clients.get(made.client_id).public_keys
    qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE)
    clients.patch(
        made.client_id, [PatchOperation("replace", "/publicKeys", [*old, *clients.get(made.client_id).public_keys])]
    )
    again = qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE)
    assert [key.kid for key in clients.get(made.client_id).public_keys] == [again.kid]
    assert len(world.store.read(world.tenant.host, made.client_id).removed_kids) == 2


def test_a_key_that_is_brought_back_on_purpose_stays(world, made):
    own = qk.generate(qk.KeySpec("ES384"))
    for key in (own, None, own):
        options = {} if key is None else {"key": key}
        rotated = qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE, **options)
    assert rotated.kid == own.public.kid
    assert own.public.kid not in world.store.read(world.tenant.host, made.client_id).removed_kids
    assert qk.resume(world.tenant, world.store) == []
    assert [key.kid for key in world.tenant.oauth_clients.get(made.client_id).public_keys] == [own.public.kid]


def test_a_record_forgets_removed_keys_but_the_newest_ten(world, made):
    record = world.store.read(world.tenant.host, made.client_id)
    for number in range(12):
        record = record.without_key(f"2026-01-{number + 1:02}")
    assert record.removed_kids == tuple(f"2026-01-{number:02}" for number in range(3, 13))
