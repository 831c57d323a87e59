"""One bad item stops no fleet: every other one is done, then one error lists all that failed."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.harness.sides import SkewedClock
from fixtures.harness.steps import provision, registered
from fixtures.support import environment_of

import qlik_keys as qk
from qlik_keys import errors
from qlik_keys.cli.app import main
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.keystore.base import pending_document_name

pytestmark = pytest.mark.openbao
LATER = SkewedClock(off_seconds=60)  # overlaps of a second are over


class Fleet:
    """Three clients, each with an old key whose overlap is over; the middle one is damaged."""

    def __init__(self, world, kv, name):
        self.world, self.kv = world, kv
        self.made = [provision(world.tenant, world.store, f"{name}-{number}") for number in range(3)]
        for made in self.made:
            qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(seconds=1))
        self.bad = self.made[1]
        self.good = {self.made[0].client_id: self.made[0], self.made[2].client_id: self.made[2]}
        self.path = f"qlik-keys/{world.tenant.host}/{self.bad.client_id}"

    def damage(self, how):
        document = self.kv.read_secret_version(self.path, raise_on_deleted_version=True)["data"]
        if how == "soft-deleted":
            self.kv.delete_latest_version_of_secret(self.path)
        elif how == "destroyed":
            self.kv.destroy_secret_versions(self.path, versions=[*range(1, document["metadata"]["version"] + 1)])
        elif how == "foreign":
            self.kv.delete_metadata_and_all_versions(self.path)
            self.kv.create_or_update_secret(self.path, secret={"password": "theirs"})
        elif how == "deleted in the console":
            self.world.tenant.oauth_clients.delete(self.bad.client_id)
        else:
            keys = document["data"]["keys"]
            keys[self.bad.kid]["private_jwk"] = "no key"
            self.kv.create_or_update_secret(self.path, secret={**document["data"], "keys": keys})


@pytest.fixture
def kv(vault):
    return vault.secrets.kv.v2


@pytest.fixture
def fleet(world, kv, name):
    made = Fleet(world, kv, name)
    yield made
    kv.delete_metadata_and_all_versions(made.path)


def done_in(error):
    return {item.client_id for item in error.results if item.result}


@pytest.mark.parametrize("how", ["soft-deleted", "destroyed", "deleted in the console", "damaged key"])
def test_every_other_client_is_changed_and_one_error_lists_what_failed(tenant, store, fleet, how):
    fleet.damage(how)
    with pytest.raises(errors.FleetError) as caught:
        qk.retire_due(tenant, store, clock=LATER)
    error = caught.value
    assert [item.client_id for item in error.failures] == [fleet.bad.client_id]
    assert {item.client_id: item.result.retired for item in error.results if item.result} == {
        client_id: (made.kid,) for client_id, made in fleet.good.items()
    }
    assert fleet.bad.client_id in error.message
    assert error.failures[0].error.message in error.message
    assert error.outcome is errors.Outcome.APPLIED
    assert error.hint
    assert not any(made.kid in registered(tenant, made.client_id) for made in fleet.good.values())
    with pytest.raises(errors.FleetError) as again:
        qk.retire_due(tenant, store, clock=LATER)
    assert done_in(again.value) == set()  # nothing is retired twice
    ids, soon = [fleet.made[0].name, fleet.bad.client_id, fleet.made[2].client_id], timedelta(days=1)
    with pytest.raises(errors.FleetError) as caught:
        qk.rotate_due(tenant, store, client_ids=ids, before=datetime.now(UTC) + soon, clock=LATER)
    assert [item.client_id for item in caught.value.failures] == [fleet.bad.client_id]
    assert done_in(caught.value) == set(fleet.good)


def test_the_command_prints_what_was_done_and_each_failure_and_ends_with_1(world, fleet, monkeypatch, capsys):
    for name, text in environment_of(world.box).items():
        monkeypatch.setenv(name, text)
    fleet.damage("soft-deleted")
    SYSTEM_CLOCK.sleep(1.1)
    for words in (["--json", "--quiet"], ["--quiet"]):
        monkeypatch.setattr("sys.argv", ["qlik-keys", "retire", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        assert caught.value.code == 1
        out, err = capsys.readouterr()
        if "--json" in words:
            assert {each["client_id"] for each in json.loads(out)} == set(fleet.good)
            [failure] = json.loads(err)["failures"]
            assert (failure["client_id"], failure["error"]) == (fleet.bad.client_id, "StoreDeleted")
            assert failure["hint"]
    assert fleet.bad.client_id in err


def test_resume_finishes_the_rest_around_a_damaged_record_and_a_damaged_pending_one(tenant, store, fleet, kv, name):
    fleet.damage("damaged key")
    for client_id in fleet.good:
        store.write(replace(store.read(tenant.host, client_id), overlap_seconds=0))
    pending = f"qlik-keys/{tenant.host}/.staged/{pending_document_name(name)}"
    kv.create_or_update_secret(pending, secret={"name": name, "keys": {}, "pending_at": "no date"})
    try:
        with pytest.raises(errors.ResumeError) as caught:
            qk.resume(tenant, store, clock=LATER)
    finally:
        kv.delete_metadata_and_all_versions(pending)
    failed = {item.client_id or item.name for item in caught.value.failures}
    assert failed == {fleet.bad.client_id, f"secret/{pending}"}
    assert done_in(caught.value) == set(fleet.good)
    assert all(item.result.retired for item in caught.value.results if item.result)


@pytest.mark.parametrize("how", ["soft-deleted", "destroyed"])
def test_a_pending_document_that_is_gone_is_told_by_resume_and_audit(tenant, store, kv, name, how):
    path = f"qlik-keys/{tenant.host}/.staged/{pending_document_name(name)}"
    kv.create_or_update_secret(path, secret={"name": name, "keys": {}})
    kv.delete_latest_version_of_secret(path) if how == "soft-deleted" else kv.destroy_secret_versions(path, [1])
    try:
        with pytest.raises(errors.ResumeError, match=how.removeprefix("soft-")) as caught:
            qk.resume(tenant, store)
        assert "-mount=secret" in caught.value.failures[0].error.hint
        found = qk.audit(tenant, store)
        assert list(found[found["finding"] == "damaged-pending"]["name"]) == [f"secret/{path}"]
        assert provision(tenant, store, f"{name} other").created  # it keeps no other client from being made
    finally:
        kv.delete_metadata_and_all_versions(path)


def test_a_document_that_is_not_ours_is_no_failure_and_a_finding(tenant, store, fleet, kv):
    """One under a client's id, one under a name of its own, and one whose name no record can have."""
    fleet.damage("foreign")
    others = {each: f"qlik-keys/{tenant.host}/{each}" for each in ("notes", "team notes (old)")}
    for path in others.values():
        kv.create_or_update_secret(path, secret={"password": "theirs"})
    try:
        assert {item.client_id for item in qk.retire_due(tenant, store, clock=LATER)} == set(fleet.good)
        results = qk.rotate_due(tenant, store, clock=LATER)
        foreign = {item.client_id for item in results if item.outcome == "foreign"}
        assert foreign == {fleet.bad.client_id, *others}
        assert all(item.error is None and item.result is None for item in results)
        assert qk.resume(tenant, store) == []
        with pytest.raises(errors.FleetError) as caught:  # a client that the caller has named is a failure
            qk.rotate_due(tenant, store, client_ids=[fleet.bad.client_id])
        assert [type(item.error) for item in caught.value.failures] == [errors.StoreConflict]
        found = qk.audit(tenant, store)
        rows = found[found["finding"] == "foreign-document"]
        assert {row.client_id or row.name for row in rows.itertuples()} == foreign
        assert set(rows["command"]) == {""}
        assert not set(found[found["finding"] == "orphaned-record"]["client_id"]) & foreign
        for path in others.values():
            document = kv.read_secret_version(path, raise_on_deleted_version=True)
            assert document["data"]["data"] == {"password": "theirs"}
    finally:
        for path in others.values():
            kv.delete_metadata_and_all_versions(path)


def test_a_client_that_was_deleted_in_the_console_is_told_and_delete_removes_the_rest(tenant, store, made):
    tenant.oauth_clients.delete(made.client_id)
    before = store.read(tenant.host, made.client_id)
    preview = lambda tenant, store, client_id: qk.preview(tenant, store, "rotate", client_id)  # noqa: E731
    for operation in (qk.rotate, qk.revoke, qk.adopt, qk.lifecycle.resume_client, preview):
        with pytest.raises(errors.ClientGone) as caught:
            operation(tenant, store, made.client_id)
        assert (caught.value.status, caught.value.outcome) == (404, errors.Outcome.NOT_APPLIED)
        assert "still in the store" in caught.value.message
        assert f"`qlik-keys delete {made.client_id}`" in caught.value.hint
        assert store.read(tenant.host, made.client_id).keys == before.keys
    with pytest.raises(errors.FleetError) as caught:
        qk.rotate_due(tenant, store, client_ids=[made.client_id], before=datetime.now(UTC) + timedelta(days=1))
    assert [type(item.error) for item in caught.value.results] == [errors.ClientGone]
    # What was in progress stays in progress, and resume says the same of it.
    store.write(replace(store.read(tenant.host, made.client_id), overlap_seconds=0, operation=None))
    with pytest.raises(errors.ClientGone):
        qk.revoke(tenant, store, made.client_id)
    with pytest.raises(errors.ResumeError) as caught:
        qk.resume(tenant, store)
    assert [type(item.error) for item in caught.value.failures] == [errors.ClientGone]
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)
    assert made.client_id not in store.client_ids(tenant.host)
    with pytest.raises(errors.StoreNotFound):
        qk.rotate(tenant, store, made.client_id)


class Refusing:
    """A store that cannot read the record of one client or, by default, of any."""

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


def test_a_forbidden_path_stops_no_other_client_and_a_problem_of_all_stops_at_the_first_one(tenant, store, fleet):
    expired, sealed = errors.StoreDenied("expired"), errors.StoreSealed("sealed")
    for error, health in ((sealed, None), (expired, expired), (errors.TenantAuthError("bad key", status=401), None)):
        refusing = Refusing(store, error, health=health)
        with pytest.raises(errors.FleetError) as caught:
            qk.retire_due(tenant, refusing, clock=LATER)
        assert refusing.reads == 1
        assert "not processed" in caught.value.message
    with pytest.raises(errors.FleetError) as caught:
        qk.rotate_due(tenant, Refusing(store, sealed), client_ids=[made.client_id for made in fleet.made], workers=1)
    assert len(caught.value.results) == 1
    with pytest.raises(errors.FleetError) as caught:
        qk.retire_due(tenant, Refusing(store, errors.StoreDenied("path"), only=fleet.bad.client_id), clock=LATER)
    assert done_in(caught.value) == set(fleet.good)
