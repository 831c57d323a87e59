"""rotate, retire, revoke and adopt on real parts; the end state is checked on the tenant and in the Vault."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta

import httpx
import hvac
import pytest
from fixtures.canaries import find_canaries
from fixtures.harness.sides import SkewedClock
from fixtures.harness.steps import can_log_in, log_in, register, registered
from fixtures.support import machine_client

import qlik_keys as qk
from qlik_keys.errors import AssertionRejected, ManualActionRequired, StoreNotFound
from qlik_keys.keystore.base import KeyOwner

pytestmark = pytest.mark.openbao
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])
AT_ONCE = timedelta(0)


def key_of(world, made):
    """The current key, for a consumer that has kept it."""
    return world.store.read(world.tenant.host, made.client_id).current


def works(world, made, *keys):
    return [can_log_in(world.tenant, world.store, made.client_id, key) for key in keys]


def readable(world, vault, made, *keys):
    """Which keys any version of the client's secret still shows, asked by hvac itself.

    The number that is the key is looked for (the PEMs of two keys begin alike); of a key in Transit, its public one.
    """
    kv, path, shown = vault.secrets.kv.v2, f"qlik-keys/{world.tenant.host}/{made.client_id}", []
    for version in kv.read_secret_metadata(path)["data"]["versions"]:
        try:
            shown.append(str(kv.read_secret_version(path, version=int(version), raise_on_deleted_version=True)["data"]))
        except hvac.exceptions.InvalidPath:
            continue
    parts = [key.public.to_dict()["x"] if key.reference else json.loads(key.private.reveal("jwk"))["d"] for key in keys]
    return [find_canaries("\n".join(shown), [part]) != [] for part in parts]


@BOTH
def test_both_keys_log_in_until_the_overlap_is_over(world, tenant, store, made, vault):
    old = key_of(world, made)
    result = qk.rotate(tenant, store, made.client_id, overlap=timedelta(hours=2))
    new = key_of(world, made)
    assert (result.kid, result.old_kids) == (new.kid, (old.kid,))
    assert timedelta(minutes=119) < result.retire_at - datetime.now(UTC) <= timedelta(hours=2)
    assert works(world, made, old, new) == [True, True]
    with pytest.raises(ManualActionRequired, match=r"can be removed in (2 h 0|1 h 59) min"):
        qk.retire_due(tenant, store, made.client_id)
    with pytest.raises(ManualActionRequired, match="never needs more than two keys"):
        qk.rotate(tenant, store, made.client_id)
    [retired] = qk.retire_due(tenant, store, made.client_id, clock=SkewedClock(off_seconds=3 * 3600))
    assert retired.retired == (old.kid,)
    assert works(world, made, old) == [False]
    assert readable(world, vault, made, old, new) == [False, True]
    world.assert_settled(made.name)


@BOTH
def test_a_key_stays_of_its_kind_and_an_own_key_is_taken_even_a_second_time(world, tenant, store, made):
    rsa, own = qk.KeySpec("RS256", bits=2048), qk.generate(qk.KeySpec("ES384"))
    for key, alg in ((rsa, "RS256"), (None, "RS256"), (own, "ES384"), (None, "ES384"), (own, "ES384")):
        qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE, **({"key": key} if key else {}))
        assert key_of(world, made).public.alg == alg
        assert key is not own or key_of(world, made).kid == own.kid
    assert own.kid not in store.read(tenant.host, made.client_id).removed_kids
    assert qk.resume(tenant, store) == []
    world.assert_settled(made.name)


def test_a_consumer_sees_no_failed_call_during_rotations_in_a_row(world, made):
    stop, failures, calls = threading.Event(), [], []

    def consume():
        with (
            qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token) as store,
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
        while not failures and (rotations < 15 or len(calls) < 15):
            rotations += 1
            qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE)
    finally:
        stop.set()
        consumer.join()
    assert failures == []
    world.assert_settled(made.name)


class RotatedAfterReads:
    """A store whose client is rotated right after it was read, some times: what a reader that has to wait may meet."""

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


@BOTH
def test_a_consumer_outlasts_rotations_that_overtake_it_and_does_not_try_permanently(world, tenant, made):
    assert log_in(tenant, RotatedAfterReads(world, made.client_id, 3), made.client_id).reveal()
    with pytest.raises((AssertionRejected, StoreNotFound)):
        log_in(tenant, RotatedAfterReads(world, made.client_id, 99), made.client_id)
    world.assert_settled(made.name)


@BOTH
def test_where_the_tenant_takes_one_key_the_swap_is_offered_and_never_made_unasked(world, tenant, store, made):
    old = key_of(world, made)
    world.box.configure(maximum_public_keys=1)
    try:
        with pytest.raises(ManualActionRequired, match="refuses a second key") as caught:
            qk.rotate(tenant, store, made.client_id)
        assert "allow_swap" in caught.value.hint
        assert key_of(world, made).kid == old.kid
        world.assert_settled(made.name)
        result = qk.rotate(tenant, store, made.client_id, allow_swap=True)
    finally:
        world.box.configure(maximum_public_keys=None)
    assert result.kid != old.kid
    assert works(world, made, old) == [False]
    qk.retire_due(tenant, store, made.client_id)
    world.assert_settled(made.name)


@BOTH
def test_revoke_removes_every_older_key_now(world, tenant, store, made, vault):
    first = key_of(world, made)
    qk.rotate(tenant, store, made.client_id)
    second = key_of(world, made)
    result = qk.revoke(tenant, store, made.client_id)
    assert set(result.retired) == {first.kid, second.kid}
    assert any("remain valid until they expire" in warning for warning in result.warnings)
    assert works(world, made, first, second) == [False, False]
    assert readable(world, vault, made, first, second) == [False, False]
    world.assert_settled(made.name)


def test_another_administrator_who_overwrites_our_key_is_noticed_and_their_key_is_kept(world, tenant, store, made):
    theirs = {**qk.generate(qk.KeySpec("ES384")).public.to_dict(), "kid": "of-another-program"}
    done = []

    def overwrite(exchange):
        """As someone does who had read the keys before our write, and writes after it."""
        if exchange.method == "PATCH" and not done:
            done.append(True)
            with qk.QlikTenant(tenant.url, credential=qk.ApiKey(world.box.api_key)) as other:
                register(other, made.client_id, key_of(world, made).public, theirs)

    unsubscribe = tenant.subscribe(overwrite)
    result = qk.rotate(tenant, store, made.client_id)
    unsubscribe()
    assert done
    assert set(registered(tenant, made.client_id)) == {"of-another-program", result.kid, *result.old_kids}
    assert any("Another user" in warning for warning in result.warnings)
    qk.retire_due(tenant, store, made.client_id, force=True)
    there = {key.kid: key.to_dict() for key in tenant.oauth_clients.get(made.client_id).public_keys}
    assert there == {"of-another-program": theirs, result.kid: key_of(world, made).public.to_dict()}


@BOTH
def test_adopt_keeps_the_secret_unless_told_otherwise(world, tenant, store, name):
    created = world.create_with_secret(name)
    result = qk.adopt(tenant, store, created.client.client_id)
    assert any("still log in" in warning for warning in result.warnings)
    world.assert_settled(name, secret=created.client_secret)
    qk.adopt(tenant, store, created.client.client_id, remove_secrets=True)
    client = world.assert_settled(name)
    assert (client.allowed_auth_methods, client.client_secrets) == (("private_key_jwt",), ())
    assert [key.kid for key in client.public_keys] == [result.kid]


def test_a_client_for_people_is_not_adopted(tenant, store, name):
    client = tenant.oauth_clients.create(machine_client(name, allowed_scopes=(), allowed_grant_types=())).client
    with pytest.raises(ManualActionRequired, match="not a machine-to-machine"):
        qk.adopt(tenant, store, client.client_id)
    with pytest.raises(StoreNotFound):
        qk.rotate(tenant, store, client.client_id)


@pytest.mark.parametrize("custody", ["transit"])
def test_the_metadata_of_a_record_that_was_never_written_hide_no_orphan(world, tenant, store, name, vault):
    client_id = world.create_with_secret(name).client.client_id
    path = f"qlik-keys/{tenant.host}/{client_id}"
    vault.secrets.kv.v2.update_metadata(path, custom_metadata={"custody": "transit"})
    orphan = store.make_key(qk.KeySpec("ES384"), KeyOwner(tenant.host, name, client_id))
    assert world.transit_keys(name) == [orphan.reference]
    qk.resume(tenant, store)
    assert world.transit_keys(name) == []
    vault.secrets.kv.v2.delete_metadata_and_all_versions(path)


@BOTH
def test_a_list_that_arrives_too_late_brings_no_removed_key_back(tenant, store, made):
    def register_again(*more):
        register(tenant, made.client_id, *old, *tenant.oauth_clients.get(made.client_id).public_keys, *more)

    old = tenant.oauth_clients.get(made.client_id).public_keys
    revoked = qk.revoke(tenant, store, made.client_id)
    theirs = qk.generate(qk.KeySpec("ES384")).public
    register_again(theirs)
    assert store.read(tenant.host, made.client_id).removed_kids == (old[0].kid,)
    found = qk.audit(tenant, store)
    found = found[(found["client_id"] == made.client_id) & (found["finding"] == "removed-key-registered")]
    assert [(row.severity, row.command) for row in found.itertuples()] == [("critical", "qlik-keys resume")]
    [check] = [each for each in qk.doctor(tenant, store, made.client_id).findings if each.name == "kid-registered"]
    assert (old[0].kid in check.why, "qlik-keys resume" in check.advice) == (True, True)
    plans = [qk.preview(tenant, store, "resume")]
    plans += [qk.preview(tenant, store, operation, made.client_id) for operation in ("rotate", "revoke")]
    mine = [[step.action for step in plan.steps if step.client_name == made.name] for plan in plans]
    assert [plan.blocked for plan in plans] == [""] * 3
    assert [actions.index("unpublish") for actions in mine] == [0, 0, 1]  # a revocation is noted first
    assert [actions.count("unpublish") for actions in mine] == [1, 1, 2]
    assert len(registered(tenant, made.client_id)) == 3
    [resumed] = [item for item in qk.resume(tenant, store) if item.client_id == made.client_id]
    assert (resumed.operation, resumed.error, resumed.result.kid) == ("retire", None, revoked.kid)
    assert f"The key {old[0].kid!r} was registered" in resumed.result.warnings[0]
    assert registered(tenant, made.client_id) == [revoked.kid, theirs.kid]
    assert qk.resume(tenant, store) == []
    register_again()
    rotated = qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE)
    assert registered(tenant, made.client_id) == [theirs.kid, rotated.kid]
    assert len(store.read(tenant.host, made.client_id).removed_kids) == 2
