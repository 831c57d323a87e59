"""The auditors' report: who rotated what and when, as far as records, their versions and the tenant's events tell."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from fixtures.world import World

import qlik_keys as qk
from qlik_keys.inventory.formats.history import history_report
from qlik_keys.inventory.history import HISTORY_COLUMNS

pytestmark = pytest.mark.openbao


@pytest.fixture
def world(box):
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        yield World(box, tenant, store)


@pytest.fixture
def made(world):
    made = qk.provision(world.tenant, world.store, name=f"=report-{uuid.uuid4().hex[:8]}", scopes=["user_default"])
    yield made
    qk.delete(world.tenant, world.store, made.client_id, confirm=made.client_id)


def events_of(history, made, name):
    return history[(history["client_id"] == made.client_id) & (history["event"] == name)]


def test_a_rotation_is_told_with_its_time_and_the_user_and_what_cannot_be_known(world, made):
    before = datetime.now(UTC) - timedelta(minutes=1)
    qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(0))
    record = world.store.read(world.tenant.host, made.client_id)
    history = qk.report(world.tenant, world.store)
    assert tuple(history.columns) == HISTORY_COLUMNS

    [promoted] = events_of(history, made, "key-promoted").itertuples()
    assert (promoted.kid, promoted.time) == (record.current.kid, pd.Timestamp(record.current.promoted_at))
    me = world.tenant.users.me()
    assert promoted.by == f"{me.name} ({me.id})"
    [removed] = events_of(history, made, "key-removed").itertuples()
    assert (removed.kid, pd.isna(removed.time), removed.by) == (made.kid, True, "")
    assert "not recorded" in removed.detail
    assert {*events_of(history, made, "client-created")["by"]} == {promoted.by}
    versions = events_of(history, made, "record-written")
    assert len(versions) == record.version
    assert "destroyed" in versions["detail"].iloc[0]
    assert (versions["time"] >= pd.Timestamp(before)).all()
    assert any("Vault's own audit log" in each for each in history.attrs["unknown"])
    # A key's private half is in no row, and a formula in no cell.
    text = history_report(history, "csv")
    assert f"'{made.name}" in text
    assert record.current.private.reveal("pem").splitlines()[1] not in text + history_report(history, "html")
    assert json.loads(history_report(history, "json"))["unknown"] == history.attrs["unknown"]


def test_older_than_since_is_left_out_but_what_has_no_date(world, made):
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    history = qk.report(world.tenant, world.store, since=tomorrow)
    mine = history[history["client_id"] == made.client_id]  # other tests have clocks of their own
    assert mine["time"].isna().all()
    assert history.attrs["since"] == f"{tomorrow}T00:00:00+00:00"
    assert not events_of(qk.report(world.tenant, world.store, since=date(2020, 1, 1)), made, "key-made").empty
    with pytest.raises(ValueError, match="time zone"):
        qk.report(world.tenant, world.store, since=datetime(2026, 1, 1))  # noqa: DTZ001  # what is refused


def test_who_may_read_neither_events_nor_keys_is_told_what_is_missing(world, made, openbao_role):
    world.box.configure(events_refused=True)
    try:
        with qk.VaultKeyStore(world.box.vault_url, token=openbao_role("auditor")) as store:
            history = qk.report(world.tenant, store)
    finally:
        world.box.configure(events_refused=False)
    [key] = events_of(history, made, "key-made").itertuples()
    assert (key.source, key.kid, key.by) == ("metadata", made.kid, "")
    unknown = "\n".join(history.attrs["unknown"])
    assert "events could not be read" in unknown
    assert "could not be read with this login" in unknown


@pytest.fixture
def openbao_role(box):
    """Make a token that has the policy of a role, and nothing else."""
    import hvac

    vault, names = hvac.Client(url=box.vault_url, token=box.vault_token), []

    def make(role):
        names.append(f"role-{uuid.uuid4().hex[:12]}")
        vault.sys.create_or_update_policy(names[-1], qk.vault_policy(role))
        answer = vault.auth.token.create(policies=[names[-1]], no_default_policy=True, no_parent=True)
        return answer["auth"]["client_token"]

    yield make
    for name in names:
        vault.sys.delete_policy(name)
    vault.adapter.close()
