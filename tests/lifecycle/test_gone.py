"""A record that is gone, damaged, or will be: what it is, what brings it back, and that this advice works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta

import hvac
import pytest
from fixtures.own_commands import assert_commands_parse
from fixtures.support import ManualClock

import qlik_keys as qk
from qlik_keys.errors import StoreDamaged, StoreDeleted, StoreDestroyed
from qlik_keys.sandbox.openbao import find_program

pytestmark = pytest.mark.openbao


@pytest.fixture
def vault(box):
    client = hvac.Client(url=box.vault_url, token=box.vault_token)
    yield client
    client.adapter.close()


@pytest.fixture
def made(world, name):
    return qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])


class Record:
    """The client's document, as its Vault's operator sees it."""

    def __init__(self, world, vault, made):
        self.world, self.kv, self.client_id = world, vault.secrets.kv.v2, made.client_id
        self.path = f"qlik-keys/{world.tenant.host}/{made.client_id}"
        self.vault = vault

    def read(self):
        return self.world.store.read(self.world.tenant.host, self.client_id)

    def document(self):
        return self.kv.read_secret_version(self.path, raise_on_deleted_version=True)["data"]["data"]

    def put(self, document):
        self.kv.create_or_update_secret(self.path, secret=document)

    def run(self, text):
        """Run every `vault …` line of an advice with the real program."""
        lines = re.findall(r"`vault ([^`]*)`", text)
        where = {"BAO_ADDR": self.vault.url, "BAO_TOKEN": self.vault.token}
        for line in lines:
            done = subprocess.run(
                [find_program(), *shlex.split(line)], env={**os.environ, **where}, capture_output=True, check=False
            )
            assert done.returncode == 0, (line, done.stderr)
        return len(lines)

    def log_in(self):
        with qk.TokenSource.from_store(
            self.world.store, tenant_url=self.world.tenant.url, client_id=self.client_id
        ) as source:
            source.token()

    def finding(self):
        return next(
            check
            for check in qk.doctor(self.world.tenant, self.world.store, self.client_id).checks
            if check.name == "store-record"
        )

    def audited(self):
        frame = qk.audit(self.world.tenant, self.world.store)
        return {row.finding: row for row in frame[frame["client_id"] == self.client_id].itertuples()}


@pytest.fixture
def record(world, vault, made):
    return Record(world, vault, made)


def test_soft_deleted_is_told_with_its_moment_and_brought_back_by_the_advice(world, record, made):
    record.kv.delete_latest_version_of_secret(record.path)
    with pytest.raises(StoreDeleted) as caught:
        record.read()
    assert f"{datetime.now(UTC):%Y-%m-%d}" in caught.value.message
    for operation in (qk.rotate, qk.revoke, qk.adopt):
        with pytest.raises(StoreDeleted):
            operation(world.tenant, world.store, made.client_id)
    with pytest.raises(StoreDeleted):
        qk.provision(world.tenant, world.store, name=made.name, scopes=["user_default"])
    finding = record.finding()
    assert finding.verdict == "failed"
    assert "undelete -mount=secret -versions=1" in finding.advice
    row = record.audited()["record-deleted"]
    assert "no-key-in-store" not in record.audited()
    assert str(row.severity) == "high"
    assert f"{datetime.now(UTC):%Y-%m-%d}" in row.meaning
    assert record.run(f"`{row.command}`") == 1
    record.log_in()
    assert "record-deleted" not in record.audited()


def test_destroyed_with_nothing_whole_is_lost_and_adopt_gives_a_new_key(world, record, made):
    record.kv.destroy_secret_versions(record.path, versions=[1])
    with pytest.raises(StoreDestroyed) as caught:
        record.read()
    assert assert_commands_parse(caught.value.hint) == 1
    assert "not managed by" not in caught.value.message
    with pytest.raises(StoreDestroyed):
        qk.revoke(world.tenant, world.store, made.client_id)
    with pytest.raises(StoreDestroyed):
        qk.provision(world.tenant, world.store, name=made.name, scopes=["user_default"])
    assert record.finding().verdict == "failed"
    assert record.audited()["record-destroyed"].command == f"qlik-keys adopt {made.client_id}"
    assert qk.preview(world.tenant, world.store, "adopt", made.client_id).steps
    with pytest.raises(StoreDestroyed):
        record.read()
    adopted = qk.adopt(world.tenant, world.store, made.client_id)
    assert adopted.kid != made.kid
    record.log_in()
    assert "record-destroyed" not in record.audited()


@pytest.mark.parametrize("how", ["without keys", "a private key cut short", "destroyed"])
def test_where_an_older_version_is_whole_the_advice_rolls_back_to_it(world, record, made, how):
    whole = record.document()
    if how == "without keys":
        record.put({"note": "edited"})
    elif how == "destroyed":
        record.put(whole)
        record.kv.destroy_secret_versions(record.path, versions=[2])
    else:
        keys = {kid: {**entry, "private_jwk": entry["private_jwk"][:40]} for kid, entry in whole["keys"].items()}
        record.put({**whole, "keys": keys})
    with pytest.raises(StoreDamaged) as caught:
        record.read()
    assert "rollback -mount=secret -version=1" in caught.value.hint
    with pytest.raises(StoreDamaged):
        qk.adopt(world.tenant, world.store, made.client_id)  # it would bury what is whole
    advice = record.finding().advice
    assert record.run(advice) == 1
    record.log_in()


def test_edited_with_nothing_whole_is_cleared_away_and_adopted_as_the_advice_says(world, record, made):
    record.put({"note": "edited"})
    record.kv.destroy_secret_versions(record.path, versions=[1])
    with pytest.raises(StoreDamaged) as caught:
        record.read()
    assert assert_commands_parse(caught.value.hint) == 1
    assert record.run(caught.value.hint) == 1
    qk.adopt(world.tenant, world.store, made.client_id)
    record.log_in()


@pytest.fixture
def short_lived(vault):
    vault.secrets.kv.v2.configure(delete_version_after="48h", mount_point="secret")
    yield
    vault.secrets.kv.v2.configure(delete_version_after="0s", mount_point="secret")


@pytest.mark.usefixtures("short_lived")
def test_a_mount_that_deletes_by_itself_is_warned_of_and_kept_by_the_advice(world, vault, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    record = Record(world, vault, made)
    when = f"{datetime.now(UTC) + timedelta(hours=48):%Y-%m-%d}"
    assert any(when in each for each in made.warnings)
    for overlap in (timedelta(hours=1), timedelta(0)):
        qk.retire_due(world.tenant, world.store, made.client_id, force=True)
        rotated = qk.rotate(world.tenant, world.store, made.client_id, overlap=overlap)
        assert any(when in each for each in rotated.warnings)
    other = world.create_with_secret(f"{name} adopted").client
    assert any(when in each for each in qk.adopt(world.tenant, world.store, other.client_id).warnings)
    world.forget(other.client_name)
    assert when in record.finding().why
    row = record.audited()["record-expires"]
    assert when in row.meaning
    assert record.run(" ".join(f"`{each}`" for each in row.command.split(" && "))) == 3
    assert record.read().gone_at is None
    assert record.finding().verdict == "passed"
    assert "record-expires" not in record.audited()
    assert qk.rotate(world.tenant, world.store, made.client_id).warnings == ()


def test_a_path_that_deletes_by_itself_is_found_too(world, record, made):
    record.kv.update_metadata(record.path, delete_version_after="30m", mount_point="secret")
    warnings = qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(0)).warnings
    assert any("delete_version_after" in each for each in warnings)
    assert record.finding().verdict == "failed"
    assert "record-expires" in record.audited()


def test_an_old_key_whose_overlap_is_over_is_a_finding_until_it_is_retired(world, record, made):
    qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(0))
    assert "overlap-over" not in record.audited()
    qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(hours=1))
    assert "overlap-over" not in record.audited()

    later = ManualClock(datetime.now(UTC).timestamp() + 7200)
    frame = qk.audit(world.tenant, world.store, clock=later)
    [row] = frame[(frame["client_id"] == made.client_id) & (frame["finding"] == "overlap-over")].itertuples()
    assert row.command == f"qlik-keys retire {made.client_id}"
    qk.retire_due(world.tenant, world.store, made.client_id, force=True)
    frame = qk.audit(world.tenant, world.store, clock=later)
    assert frame[(frame["client_id"] == made.client_id) & (frame["finding"] == "overlap-over")].empty
