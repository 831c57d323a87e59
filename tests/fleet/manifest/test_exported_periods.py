"""An exported file says how long each client's keys serve, also of clients that no file has declared before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import qlik_keys as qk
from qlik_keys.fleet.manifest.export import export_fleet
from qlik_keys.fleet.manifest.reading import manifest_of
from qlik_keys.keystore.base import KeySummary

NOW = datetime(2026, 11, 29, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("made_at", "rotate_by", "rotate_after", "days"),
    [
        (NOW, NOW + 30 * DAY + timedelta(seconds=5), None, 30),  # it came into use a moment after it was made
        (NOW, NOW + 30 * DAY, 60 * DAY, 60),  # the mark says so
        (None, NOW, None, None),
        (NOW, None, None, None),
    ],
)
def test_how_long_a_key_serves_is_told_in_days(made_at, rotate_by, rotate_after, days):
    summary = KeySummary(
        client_id="a", client_name="a", custody="kv", current_kid="k", made_at=made_at, rotate_by=rotate_by,
        rotate_after=rotate_after,
    )  # fmt: skip
    assert summary.serves_days == days


@pytest.mark.openbao
def test_an_export_of_clients_without_a_mark_has_their_period_and_no_difference(world, name):
    sides = (world.tenant, world.store)
    qk.provision(*sides, name=name, scopes=["user_default"], rotate_after=10 * DAY)
    fleet = qk.Fleet({"here": sides})
    here = {"here": qk.TenantReference(url="https://acme.eu.qlikcloud.com")}
    manifest = manifest_of(export_fleet(here, fleet=fleet, name="periods").text)
    [declared] = [each for each in manifest.clients if each.name == name]
    assert declared.rotate_after == 10 * DAY
    assert not [each for each in manifest.plan(fleet).changes if each.client == name and each.kind != "mark"]
