"""Rotating a fleet: what is due and nothing else, and a run that is killed and asked for again as if it were not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import qlik_keys as qk
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.errors import FleetError, Interrupted, StoreSealed

pytestmark = [pytest.mark.openbao, pytest.mark.parametrize("custody", ["kv", "transit"])]
AHEAD_SECONDS = 5
SCRIPT = """
import os, sys
from datetime import datetime
import qlik_keys as qk
from test_rotation import Ahead
with qk.QlikTenant(os.environ["T"], credential=qk.ApiKey(os.environ["K"])) as tenant, qk.VaultKeyStore(
    os.environ["V"], token=os.environ["VT"], custody=os.environ["C"]
) as store:
    qk.rotate_due(
        tenant, store, client_ids=sys.argv[2:], before=datetime.fromisoformat(sys.argv[1]), workers=3, clock=Ahead(),
        on_step=lambda event: print(event.step, event.phase, flush=True),
    )
"""


class Ahead:
    """The system's clock, some seconds ahead: what was made just now was made before `moment`, and the rest after."""

    monotonic = staticmethod(SYSTEM_CLOCK.monotonic)
    sleep = staticmethod(SYSTEM_CLOCK.sleep)

    def time(self):
        return SYSTEM_CLOCK.time() + AHEAD_SECONDS


def moment_between():
    return datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS - 2)


@pytest.fixture
def fleet(world, name):
    return [
        qk.provision(world.tenant, world.store, name=f"{name}-{number}", scopes=["user_default"]) for number in range(5)
    ]


def kids_of(world, client_id):
    return {key.kid: key.state for key in world.store.read(world.tenant.host, client_id).keys.values()}


def test_killed_again_and_again_none_is_rotated_twice_and_none_forgotten(world, fleet):
    moment = moment_between()
    box, ids = world.box, [made.client_id for made in fleet]
    told = {**os.environ, "T": box.tenant_url, "K": box.api_key, "V": box.vault_url, "VT": box.vault_token}
    told |= {"C": world.custody, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    kills = 0
    for steps in (3, 13, 1, 21, 1000):
        run = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, moment.isoformat(), *ids], env=told, stdout=subprocess.PIPE, text=True
        )
        for number, _ in enumerate(run.stdout):
            if number == steps:
                run.send_signal(signal.SIGKILL)
                break
        run.stdout.close()
        kills += run.wait(60) == -signal.SIGKILL
    assert kills >= 3
    assert qk.resume(world.tenant, world.store) == []
    for made in fleet:
        states = kids_of(world, made.client_id)
        assert states.pop(made.kid) == "previous"
        assert list(states.values()) == ["current"]
        [client] = world.clients_named(made.name)
        assert {key.kid for key in client.public_keys} == {made.kid, *states}
        world.assert_no_orphan(made.name, world.store.read(world.tenant.host, made.client_id))


def test_only_what_is_due_is_rotated(world, fleet):
    ids = [made.client_id for made in fleet]
    assert {item.outcome for item in qk.rotate_due(world.tenant, world.store, client_ids=ids)} == {"skipped"}
    moment = datetime.now(UTC) + timedelta(days=1)
    first = qk.rotate_due(world.tenant, world.store, client_ids=ids[:2], before=moment, overlap=timedelta(0))
    assert [item.outcome for item in first] == ["rotated", "rotated"]
    assert {item.result.kid for item in first}.isdisjoint({made.kid for made in fleet})


def test_one_that_fails_does_not_stop_the_others(world, fleet):
    ids = [made.client_id for made in fleet]
    world.tenant.oauth_clients.delete(ids[2])
    heard = []
    with pytest.raises(FleetError) as caught:
        qk.rotate_due(
            world.tenant,
            world.store,
            client_ids=ids,
            before=datetime.now(UTC) + timedelta(days=1),
            on_client=heard.append,
        )
    outcomes = {item.client_id: item.outcome for item in caught.value.results}
    assert outcomes == {each: "failed" if each == ids[2] else "rotated" for each in ids}
    assert len(heard) == len(ids)
    assert caught.value.hint
    world.store.delete(world.tenant.host, ids[2])


def test_what_concerns_all_stops_the_run(world, fleet):
    ids = [made.client_id for made in fleet]

    class Sealed:
        """A store whose Vault was sealed when the first record was to be read."""

        def __getattr__(self, name):
            return getattr(world.store, name)

        def read(self, *_):
            raise StoreSealed("sealed")

    with pytest.raises(FleetError) as caught:
        qk.rotate_due(world.tenant, Sealed(), client_ids=ids, workers=1)
    assert len(caught.value.results) == 1


def test_cancelled_and_asked_for_again(world, fleet):
    ids, cancel = [made.client_id for made in fleet], threading.Event()
    moment = moment_between()
    with pytest.raises(Interrupted):
        qk.rotate_due(
            world.tenant,
            world.store,
            client_ids=ids,
            before=moment,
            cancel=cancel,
            workers=1,
            clock=Ahead(),
            on_client=lambda _: cancel.set(),
        )
    results = qk.rotate_due(world.tenant, world.store, client_ids=ids, before=moment, clock=Ahead())
    assert {item.outcome for item in results} <= {"rotated", "finished", "skipped"}
    for made in fleet:
        assert kids_of(world, made.client_id)[made.kid] == "previous"


def test_invalid_options_are_refused(world):
    with pytest.raises(ValueError, match="worker"):
        qk.rotate_due(world.tenant, world.store, workers=0)
    with pytest.raises(ValueError, match="time zone"):
        qk.rotate_due(world.tenant, world.store, before=datetime(2026, 1, 1))  # noqa: DTZ001
