"""A record that is gone, damaged, or will be: what it is, what brings it back, and that this advice works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.harness.sides import SkewedClock
from fixtures.harness.steps import log_in, provision
from fixtures.own_commands import assert_commands_parse

import qlik_keys as qk
from qlik_keys.errors import StoreDamaged, StoreDeleted, StoreDestroyed
from qlik_keys.sandbox.openbao import find_program

pytestmark = pytest.mark.openbao
AT_ONCE = timedelta(0)


class Record:
    """The client's document, as its Vault's operator sees it."""

    def __init__(self, world, vault, made):
        self.tenant, self.store, self.vault, self.kv = world.tenant, world.store, vault, vault.secrets.kv.v2
        self.client_id, self.path = made.client_id, f"qlik-keys/{world.tenant.host}/{made.client_id}"

    def read(self):
        return self.store.read(self.tenant.host, self.client_id)

    def put(self, document):
        self.kv.create_or_update_secret(self.path, secret=document)

    def run(self, text):
        """Run every `vault …` line of an advice with the real program; return their number."""
        lines = re.findall(r"`vault ([^`]*)`", text)
        where = {**os.environ, "BAO_ADDR": self.vault.url, "BAO_TOKEN": self.vault.token}
        for line in lines:
            done = subprocess.run([find_program(), *shlex.split(line)], env=where, capture_output=True, check=False)
            assert done.returncode == 0, (line, done.stderr)
        return len(lines)

    def log_in(self):
        assert log_in(self.tenant, self.store, self.client_id)

    def finding(self):
        checks = qk.doctor(self.tenant, self.store, self.client_id).checks
        return next(check for check in checks if check.name == "store-record")

    def audited(self, **options):
        frame = qk.audit(self.tenant, self.store, **options)
        return {row.finding: row for row in frame[frame["client_id"] == self.client_id].itertuples()}


@pytest.fixture
def record(world, vault, made):
    return Record(world, vault, made)


def assert_refused(kind, world, made, *operations):
    for operation in operations:
        with pytest.raises(kind):
            operation(world.tenant, world.store, made.client_id)
    with pytest.raises(kind):
        provision(world.tenant, world.store, made.name)


def test_a_soft_deletion_is_told_with_its_moment_and_undone_by_the_advice(world, record, made):
    record.kv.delete_latest_version_of_secret(record.path)
    with pytest.raises(StoreDeleted) as caught:
        record.read()
    assert f"{datetime.now(UTC):%Y-%m-%d}" in caught.value.message
    assert_refused(StoreDeleted, world, made, qk.rotate, qk.revoke, qk.adopt)
    finding = record.finding()
    assert finding.verdict == "failed"
    assert "undelete -mount=secret -versions=1" in finding.advice
    found = record.audited()
    row = found["record-deleted"]
    assert "no-key-in-store" not in found
    assert str(row.severity) == "high"
    assert f"{datetime.now(UTC):%Y-%m-%d}" in row.meaning
    assert record.run(f"`{row.command}`") == 1
    record.log_in()
    assert "record-deleted" not in record.audited()


def test_a_record_destroyed_in_every_version_is_lost_and_adopt_gives_a_new_key(world, record, made):
    record.kv.destroy_secret_versions(record.path, versions=[1])
    with pytest.raises(StoreDestroyed) as caught:
        record.read()
    assert assert_commands_parse(caught.value.hint) == 1
    assert "not managed by" not in caught.value.message
    assert_refused(StoreDestroyed, world, made, qk.revoke)
    assert record.finding().verdict == "failed"
    assert record.audited()["record-destroyed"].command == f"qlik-keys adopt {made.client_id}"
    assert qk.preview(world.tenant, world.store, "adopt", made.client_id).steps
    with pytest.raises(StoreDestroyed):
        record.read()
    assert qk.adopt(world.tenant, world.store, made.client_id).kid != made.kid
    record.log_in()
    assert "record-destroyed" not in record.audited()


@pytest.mark.parametrize("how", ["without keys", "a private key cut short", "destroyed"])
def test_where_an_older_version_is_whole_the_advice_rolls_back_to_it(world, record, made, how):
    whole = record.kv.read_secret_version(record.path, raise_on_deleted_version=True)["data"]["data"]
    keys = {kid: {**entry, "private_jwk": entry["private_jwk"][:40]} for kid, entry in whole["keys"].items()}
    record.put({"without keys": {"note": "edited"}, "destroyed": whole}.get(how, {**whole, "keys": keys}))
    if how == "destroyed":
        record.kv.destroy_secret_versions(record.path, versions=[2])
    with pytest.raises(StoreDamaged) as caught:
        record.read()
    assert "rollback -mount=secret -version=1" in caught.value.hint
    with pytest.raises(StoreDamaged):
        qk.adopt(world.tenant, world.store, made.client_id)  # it would bury what is whole
    assert record.run(record.finding().advice) == 1
    record.log_in()


def test_a_record_edited_with_nothing_whole_is_cleared_away_and_adopted_as_the_advice_says(world, record, made):
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
def test_a_mount_that_deletes_after_a_time_is_warned_of_and_kept_by_the_advice(world, tenant, store, record, made):
    when = f"{datetime.now(UTC) + timedelta(hours=48):%Y-%m-%d}"
    results = [made]
    for overlap in (timedelta(hours=1), AT_ONCE):
        qk.retire_due(tenant, store, made.client_id, force=True)
        results.append(qk.rotate(tenant, store, made.client_id, overlap=overlap))
    results.append(qk.adopt(tenant, store, world.create_with_secret(f"{made.name} adopted").client.client_id))
    assert all(any(when in warning for warning in result.warnings) for result in results)
    assert when in record.finding().why
    row = record.audited()["record-expires"]
    assert when in row.meaning
    assert record.run(" ".join(f"`{each}`" for each in row.command.split(" && "))) == 3
    assert record.read().gone_at is None
    assert record.finding().verdict == "passed"
    assert "record-expires" not in record.audited()
    assert qk.rotate(tenant, store, made.client_id).warnings == ()


def test_a_path_that_deletes_after_a_time_is_found_too(world, record, made):
    record.kv.update_metadata(record.path, delete_version_after="30m", mount_point="secret")
    warnings = qk.rotate(world.tenant, world.store, made.client_id, overlap=AT_ONCE).warnings
    assert any("delete_version_after" in each for each in warnings)
    assert record.finding().verdict == "failed"
    assert "record-expires" in record.audited()


def test_an_old_key_whose_overlap_is_over_is_a_finding_until_it_is_retired(world, record, made):
    for overlap in (AT_ONCE, timedelta(hours=1)):
        qk.rotate(world.tenant, world.store, made.client_id, overlap=overlap)
        assert "overlap-over" not in record.audited()
    later = SkewedClock(off_seconds=7200)
    assert record.audited(clock=later)["overlap-over"].command == f"qlik-keys retire {made.client_id}"
    qk.retire_due(world.tenant, world.store, made.client_id, force=True)
    assert "overlap-over" not in record.audited(clock=later)
