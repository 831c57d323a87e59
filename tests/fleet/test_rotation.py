"""Rotating a fleet: only the clients that are due, and the same result after the run was killed and repeated."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.harness.sides import SkewedClock
from fixtures.harness.steps import provision, registered

import qlik_keys as qk
from qlik_keys.errors import FleetError, Interrupted

pytestmark = pytest.mark.openbao
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])
# On this clock a client that was made just now was made before the moment, and every other key is made after it.
AHEAD_SECONDS = 5
SCRIPT = f"""
import os, sys
from datetime import datetime
import qlik_keys as qk
from fixtures.harness.sides import SkewedClock
with qk.QlikTenant(os.environ["T"], credential=qk.ApiKey(os.environ["K"])) as tenant, qk.VaultKeyStore(
    os.environ["V"], token=os.environ["VT"], custody=os.environ["C"]
) as store:
    qk.rotate_due(
        tenant, store, client_ids=sys.argv[2:], before=datetime.fromisoformat(sys.argv[1]), workers=3,
        clock=SkewedClock(off_seconds={AHEAD_SECONDS}),
        on_step=lambda event: print(event.step, event.phase, flush=True),
    )
"""


def moment_between():
    return datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS - 2)


@pytest.fixture
def fleet(world, name):
    """Five clients, by their ids: kid."""
    made = [provision(world.tenant, world.store, f"{name}-{number}") for number in range(5)]
    return {each.client_id: each.kid for each in made}


@pytest.mark.parametrize(("custody", "kills_at"), [("kv", (3, 13, 1, 21)), ("transit", (8,))], ids=["kv", "transit"])
def test_after_any_number_of_kills_no_client_is_rotated_twice_and_none_is_forgotten(world, fleet, kills_at):
    moment, box, kills = moment_between(), world.box, 0
    told = {**os.environ, "T": box.tenant_url, "K": box.api_key, "V": box.vault_url, "VT": box.vault_token}
    told |= {"C": world.custody, "PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", SCRIPT, moment.isoformat(), *fleet]
    for steps in (*kills_at, 1000):
        run = subprocess.Popen(words, env=told, stdout=subprocess.PIPE, text=True)
        for number, _ in enumerate(run.stdout):
            if number == steps:
                run.send_signal(signal.SIGKILL)
                break
        run.stdout.close()
        kills += run.wait(60) == -signal.SIGKILL
    assert kills >= (3 if len(kills_at) > 3 else 1)
    assert qk.resume(world.tenant, world.store) == []
    for client_id, kid in fleet.items():
        record = world.store.read(world.tenant.host, client_id)
        states = {key.kid: key.state for key in record.keys.values()}
        assert states.pop(kid) == "previous"
        assert list(states.values()) == ["current"]
        assert set(registered(world.tenant, client_id)) == {kid, *states}
        world.assert_no_orphan(record.client_name, record)


@BOTH
def test_only_due_clients_are_rotated_and_one_that_fails_does_not_stop_the_others(world, fleet):
    tenant, store, ids, heard = world.tenant, world.store, [*fleet], []
    assert {item.outcome for item in qk.rotate_due(tenant, store, client_ids=ids)} == {"skipped"}
    due = {"before": datetime.now(UTC) + timedelta(days=1), "overlap": timedelta(0)}
    first = qk.rotate_due(tenant, store, client_ids=ids[:2], **due)
    assert [item.outcome for item in first] == ["rotated", "rotated"]
    assert {item.result.kid for item in first}.isdisjoint(fleet.values())
    tenant.oauth_clients.delete(ids[2])
    with pytest.raises(FleetError) as caught:
        qk.rotate_due(tenant, store, client_ids=ids, **due, on_client=heard.append)
    outcomes = {item.client_id: item.outcome for item in caught.value.results}
    assert outcomes == {each: "failed" if each == ids[2] else "rotated" for each in ids}
    assert len(heard) == len(ids)
    assert caught.value.hint
    store.delete(tenant.host, ids[2])


def test_a_cancelled_run_is_finished_by_the_next_one(world, fleet):
    cancel, clock = threading.Event(), SkewedClock(off_seconds=AHEAD_SECONDS)
    options = {"client_ids": [*fleet], "before": moment_between(), "clock": clock}
    with pytest.raises(Interrupted):
        qk.rotate_due(
            world.tenant, world.store, **options, cancel=cancel, workers=1, on_client=lambda _: cancel.set()
        )  # fmt: skip
    results = qk.rotate_due(world.tenant, world.store, **options)
    assert {item.outcome for item in results} <= {"rotated", "finished", "skipped"}
    for client_id, kid in fleet.items():
        assert world.store.read(world.tenant.host, client_id).keys[kid].state == "previous"


def test_invalid_options_are_refused(world):
    for wrong, words in (({"workers": 0}, "worker"), ({"before": datetime(2026, 1, 1)}, "time zone")):  # noqa: DTZ001
        with pytest.raises(ValueError, match=words):
            qk.rotate_due(world.tenant, world.store, **wrong)
