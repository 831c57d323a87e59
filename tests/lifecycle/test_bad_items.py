"""One bad item stops no fleet: every other one is done, then one error lists all that failed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import hvac
import pytest
from fixtures.support import environment_of

import qlik_keys as qk
from qlik_keys.cli.app import main
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.errors import (
    ClientGone,
    FleetError,
    Outcome,
    ResumeError,
    StoreConflict,
    StoreDenied,
    StoreNotFound,
    StoreSealed,
    TenantAuthError,
)
from qlik_keys.keystore.base import pending_document_name

pytestmark = pytest.mark.openbao
SOON = timedelta(seconds=1)


class Later:
    """The system's clock, a minute ahead: overlaps of a second are over."""

    monotonic = staticmethod(SYSTEM_CLOCK.monotonic)
    sleep = staticmethod(SYSTEM_CLOCK.sleep)

    @staticmethod
    def time():
        return SYSTEM_CLOCK.time() + 60


@pytest.fixture
def vault(box):
    client = hvac.Client(url=box.vault_url, token=box.vault_token)
    yield client
    client.adapter.close()


class Fleet:
    """Three clients, each with an old key whose overlap is over; the middle one is struck."""

    def __init__(self, world, vault, name):
        self.world, self.kv = world, vault.secrets.kv.v2
        self.made = [
            qk.provision(world.tenant, world.store, name=f"{name}-{number}", scopes=["user_default"])
            for number in range(3)
        ]
        for made in self.made:
            qk.rotate(world.tenant, world.store, made.client_id, overlap=SOON)
        self.bad = self.made[1]
        self.path = f"qlik-keys/{world.tenant.host}/{self.bad.client_id}"

    @property
    def good(self):
        return [self.made[0], self.made[2]]

    def document(self):
        return self.kv.read_secret_version(self.path, mount_point="secret", raise_on_deleted_version=True)["data"]

    def put(self, **changes):
        self.kv.create_or_update_secret(self.path, secret={**self.document()["data"], **changes})

    def strike(self, how):
        version = self.document()["metadata"]["version"]
        if how == "soft-deleted":
            self.kv.delete_latest_version_of_secret(self.path)
        elif how == "destroyed":
            self.kv.destroy_secret_versions(self.path, versions=[*range(1, version + 1)])
        elif how == "foreign":
            self.kv.delete_metadata_and_all_versions(self.path)
            self.kv.create_or_update_secret(self.path, secret={"password": "theirs"})
        elif how == "deleted in the console":
            self.world.tenant.oauth_clients.delete(self.bad.client_id)
        elif how == "damaged key":
            keys = self.document()["data"]["keys"]
            self.put(keys={**keys, self.bad.kid: {**keys[self.bad.kid], "private_jwk": "no key"}})

    def heal(self):
        self.kv.delete_metadata_and_all_versions(self.path)


@pytest.fixture
def fleet(world, vault, name):
    made = Fleet(world, vault, name)
    yield made
    made.heal()


@pytest.mark.parametrize("how", ["soft-deleted", "destroyed", "deleted in the console", "damaged key"])
def test_every_other_client_loses_its_old_key_and_one_error_lists_what_failed(world, fleet, how):
    fleet.strike(how)
    with pytest.raises(FleetError) as caught:
        qk.retire_due(world.tenant, world.store, clock=Later())
    error = caught.value
    assert [item.client_id for item in error.failures] == [fleet.bad.client_id]
    assert {item.client_id: item.result.retired for item in error.results if item.result} == {
        made.client_id: (made.kid,) for made in fleet.good
    }
    assert fleet.bad.client_id in error.message
    assert error.failures[0].error.message in error.message
    assert error.outcome is Outcome.APPLIED
    assert error.hint
    for made in fleet.good:
        [client] = world.clients_named(made.name)
        assert made.kid not in [key.kid for key in client.public_keys]
    with pytest.raises(FleetError) as again:
        qk.retire_due(world.tenant, world.store, clock=Later())
    assert [item for item in again.value.results if item.result] == []  # nothing is retired twice


def ended(monkeypatch, *words):
    monkeypatch.setattr("sys.argv", ["qlik-keys", *words])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def test_the_command_prints_what_was_done_and_each_failure_and_ends_with_1(world, fleet, monkeypatch, capsys):
    for name, text in environment_of(world.box).items():
        monkeypatch.setenv(name, text)
    fleet.strike("soft-deleted")
    SYSTEM_CLOCK.sleep(1.1)
    assert ended(monkeypatch, "retire", "--json", "--quiet") == 1
    out, err = capsys.readouterr()
    assert sorted(each["client_id"] for each in json.loads(out)) == sorted(made.client_id for made in fleet.good)
    document = json.loads(err)
    assert [each["client_id"] for each in document["failures"]] == [fleet.bad.client_id]
    assert document["failures"][0]["error"] == "StoreDeleted"
    assert document["failures"][0]["hint"]
    assert ended(monkeypatch, "retire", "--quiet") == 1
    assert fleet.bad.client_id in capsys.readouterr().err


@pytest.mark.parametrize("how", ["deleted in the console", "damaged key"])
def test_a_fleet_is_rotated_around_a_bad_client(world, fleet, how):
    fleet.strike(how)
    with pytest.raises(FleetError) as caught:
        qk.rotate_due(
            world.tenant,
            world.store,
            client_ids=[fleet.made[0].name, fleet.bad.client_id, fleet.made[2].client_id],
            before=datetime.now(UTC) + timedelta(days=1),
            clock=Later(),
        )
    assert [item.client_id for item in caught.value.failures] == [fleet.bad.client_id]
    assert {item.client_id for item in caught.value.results if item.result} == {each.client_id for each in fleet.good}


def test_what_was_started_is_finished_around_a_damaged_record_and_a_damaged_pending_one(world, fleet, vault, name):
    fleet.strike("damaged key")
    for made in fleet.good:
        record = world.store.read(world.tenant.host, made.client_id)
        world.store.write(replace(record, overlap_seconds=0))
    pending = f"qlik-keys/{world.tenant.host}/.staged/{pending_document_name(name)}"
    vault.secrets.kv.v2.create_or_update_secret(pending, secret={"name": name, "keys": {}, "pending_at": "no date"})
    try:
        with pytest.raises(ResumeError) as caught:
            qk.resume(world.tenant, world.store, clock=Later())
    finally:
        vault.secrets.kv.v2.delete_metadata_and_all_versions(pending)
    failed = {item.client_id or item.name for item in caught.value.failures}
    assert failed == {fleet.bad.client_id, f"secret/{pending}"}
    assert {item.client_id for item in caught.value.results if item.result} == {each.client_id for each in fleet.good}
    assert all(item.result.retired for item in caught.value.results if item.result)


@pytest.mark.parametrize("how", ["soft-deleted", "destroyed"])
def test_a_pending_document_that_is_gone_is_told_by_resume_and_audit(world, vault, name, how):
    path = f"qlik-keys/{world.tenant.host}/.staged/{pending_document_name(name)}"
    kv = vault.secrets.kv.v2
    kv.create_or_update_secret(path, secret={"name": name, "keys": {}})
    kv.delete_latest_version_of_secret(path) if how == "soft-deleted" else kv.destroy_secret_versions(path, [1])
    try:
        with pytest.raises(ResumeError, match=how.removeprefix("soft-")) as caught:
            qk.resume(world.tenant, world.store)
        assert "-mount=secret" in caught.value.failures[0].error.hint
        found = qk.audit(world.tenant, world.store)
        assert list(found[found["finding"] == "damaged-pending"]["name"]) == [f"secret/{path}"]
        made = qk.provision(world.tenant, world.store, name=f"{name} other", scopes=["user_default"])
        qk.delete(world.tenant, world.store, made.client_id, confirm=made.client_id)  # nobody else is kept from work
    finally:
        kv.delete_metadata_and_all_versions(path)


def test_a_document_that_is_not_ours_is_no_failure_and_a_finding(world, fleet, vault):
    """One under a client's id, one under a name of its own, and one whose name no record can have."""
    fleet.strike("foreign")
    folder = f"qlik-keys/{world.tenant.host}"
    others = ["notes", "team notes (old)"]
    for other in others:
        vault.secrets.kv.v2.create_or_update_secret(f"{folder}/{other}", secret={"password": "theirs"})
    try:
        retired = qk.retire_due(world.tenant, world.store, clock=Later())
        assert {item.client_id for item in retired} == {made.client_id for made in fleet.good}
        results = qk.rotate_due(world.tenant, world.store, clock=Later())
        foreign = {item.client_id for item in results if item.outcome == "foreign"}
        assert foreign == {fleet.bad.client_id, *others}
        assert all(item.error is None and item.result is None for item in results)
        assert qk.resume(world.tenant, world.store) == []
        with pytest.raises(FleetError) as caught:  # named by the caller, it is that caller's failure
            qk.rotate_due(world.tenant, world.store, client_ids=[fleet.bad.client_id])
        assert [type(item.error) for item in caught.value.failures] == [StoreConflict]
        found = qk.audit(world.tenant, world.store)
        rows = found[found["finding"] == "foreign-document"]
        assert {row.client_id or row.name for row in rows.itertuples()} == foreign
        assert set(rows["command"]) == {""}
        assert not set(found[found["finding"] == "orphaned-record"]["client_id"]) & foreign
        for other in others:
            document = vault.secrets.kv.v2.read_secret_version(f"{folder}/{other}", raise_on_deleted_version=True)
            assert document["data"]["data"] == {"password": "theirs"}
    finally:
        for other in others:
            vault.secrets.kv.v2.delete_metadata_and_all_versions(f"{folder}/{other}")


def test_a_client_that_was_deleted_in_the_console_is_told_and_delete_removes_the_rest(world, made):
    world.tenant.oauth_clients.delete(made.client_id)
    before = world.store.read(world.tenant.host, made.client_id)
    operations = {
        "rotate": lambda: qk.rotate(world.tenant, world.store, made.client_id),
        "revoke": lambda: qk.revoke(world.tenant, world.store, made.client_id),
        "adopt": lambda: qk.adopt(world.tenant, world.store, made.client_id),
        "resume": lambda: qk.lifecycle.resume_client(world.tenant, world.store, made.client_id),
        "preview": lambda: qk.preview(world.tenant, world.store, "rotate", made.client_id),
    }
    for name, perform in operations.items():
        with pytest.raises(ClientGone) as caught:
            perform()
        assert (caught.value.status, caught.value.outcome) == (404, Outcome.NOT_APPLIED), name
        assert "still in the store" in caught.value.message, name
        assert f"`qlik-keys delete {made.client_id}`" in caught.value.hint, name
        assert world.store.read(world.tenant.host, made.client_id).keys == before.keys, name
    [due] = [item for item in due_results(world) if item.client_id == made.client_id]
    assert isinstance(due.error, ClientGone)
    # What was in progress stays in progress, and resume says the same of it.
    record = world.store.read(world.tenant.host, made.client_id)
    world.store.write(replace(record, overlap_seconds=0, operation=None))
    with pytest.raises(ClientGone):
        qk.revoke(world.tenant, world.store, made.client_id)
    with pytest.raises(ResumeError) as caught:
        qk.resume(world.tenant, world.store)
    assert [type(item.error) for item in caught.value.failures] == [ClientGone]
    qk.delete(world.tenant, world.store, made.client_id, confirm=made.client_id)
    assert made.client_id not in world.store.client_ids(world.tenant.host)
    with pytest.raises(StoreNotFound):
        qk.rotate(world.tenant, world.store, made.client_id)


def due_results(world):
    with pytest.raises(FleetError) as caught:
        qk.rotate_due(world.tenant, world.store, before=datetime.now(UTC) + timedelta(days=1))
    return caught.value.results


@pytest.fixture
def made(world, name):
    return qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])


def test_a_record_that_is_due_is_read_no_more_often_than_by_a_rotation(world, made):
    def reads(perform):
        paths = []
        stop = world.store.subscribe(lambda call: paths.append(f"{call.method} {call.path}"))
        perform()
        stop()
        return sum(path.startswith("GET") and "/data/" in path and made.client_id in path for path in paths)

    alone = reads(lambda: qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(0)))
    due = datetime.now(UTC) + timedelta(days=1)
    ids = [made.client_id]
    in_fleet = lambda: qk.rotate_due(world.tenant, world.store, client_ids=ids, before=due, overlap=timedelta(0))  # noqa: E731
    assert reads(in_fleet) == alone > 0


class Refusing:
    """A store of which one call fails, for some clients or for all."""

    def __init__(self, store, error, only=None, health=None):
        self._store, self._error, self._only, self._health, self.reads = store, error, only, health, 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def read(self, host, client_id):
        self.reads += 1
        if self._only in (None, client_id):
            raise self._error
        return self._store.read(host, client_id)

    def health(self, host, client_id):
        if self._health is not None:
            raise self._health
        return self._store.health(host, client_id)

    def renew_token(self):
        return self._store.renew_token()


def test_a_forbidden_path_does_not_stop_other_clients(world, fleet):
    store = Refusing(world.store, StoreDenied("this path", hint="ask"), only=fleet.bad.client_id)
    with pytest.raises(FleetError) as caught:
        qk.retire_due(world.tenant, store, clock=Later())
    assert len([item for item in caught.value.results if item.result]) == 2


@pytest.mark.parametrize(
    ("error", "health"),
    [
        (StoreSealed("sealed"), None),
        (StoreDenied("expired"), StoreDenied("expired")),
        (TenantAuthError("bad key", status=401), None),
    ],
    ids=["sealed", "token", "api key"],
)
def test_what_concerns_all_is_met_once(world, fleet, error, health):
    store = Refusing(world.store, error, health=health)
    with pytest.raises(FleetError) as caught:
        qk.retire_due(world.tenant, store, clock=Later())
    assert store.reads == 1
    assert "not processed" in caught.value.message
