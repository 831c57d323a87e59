"""R1 to R12 for real processes: killed by kill -9, several at the same moment, and Ctrl-C on a command."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
from types import SimpleNamespace

import pytest
from fixtures.cli_terminal import PROGRAM
from fixtures.harness import cases
from fixtures.harness.cases import Case, some_calls
from fixtures.harness.guarantees import check_one_key_made, check_settled
from fixtures.harness.processes import Processes
from fixtures.harness.sides import Client, Sides
from fixtures.loopback import PASS, Loopback
from fixtures.sandbox_client import serving
from fixtures.support import environment_of

import qlik_keys as qk
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = pytest.mark.openbao
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])
KILLED = (
    ("provision with secret", "nothing", "transit"),
    ("rotate at once", "plain", "kv"),
    ("adopt", "secret only", "kv"),
    ("resume", "rotate until make_next", "transit"),
)


@pytest.fixture
def sides(openbao, custody):
    with serving(SandboxTenant) as served:
        sides = Sides(openbao, custody, served=served)
        yield sides
        sides.close()


@pytest.fixture
def processes(sides):
    with contextlib.closing(Processes(sides)) as processes:
        yield processes


@pytest.mark.parametrize(("operation", "state", "custody"), KILLED)
def test_killed_at_a_call_it_is_finished_by_one_resume(sides, processes, operation, state, custody):
    """At every third call, before and after its effect; test_guarantees kills every operation in one process."""
    faults = itertools.cycle(("killed", "killed after"))
    calls = some_calls(KILLED.index((operation, state, custody)), 3)
    assert cases.run_all(sides, Case(operation, state), faults, calls, processes.act) > 5


@BOTH
def test_of_eight_that_rotate_at_once_one_makes_the_key(sides, processes):
    assert check_one_key_made(sides, processes) >= 1


@BOTH
def test_of_eight_that_make_a_client_at_once_all_get_the_same_one_or_are_refused(sides, processes):
    """R7, R9."""
    client = Client("together")
    made = [answer for answer in processes.together("provision", client) if "error" not in answer]
    [there] = sides.clients_named(client.name)
    check_settled(sides, there["clientId"])
    ids = (there["clientId"], there["publicKeys"][0]["kid"])
    assert {(answer["client_id"], answer["kid"]) for answer in made} == {ids}
    assert sides.resume() == []


@pytest.mark.parametrize(
    ("call", "is_registered", "more"), [(4, False, ()), (8, True, ()), (8, True, ("--json",))], ids=str
)
def test_ctrl_c_tells_what_was_started_and_with_which_id(sides, call, is_registered, more):
    """R12. At that call to the Vault the key is pending and nothing registered, or the tenant has the client."""
    started, name = [], "interrupted"

    def answer(_):
        if len(vault.calls) == call + 1:
            started[0].send_signal(signal.SIGINT)
        return PASS

    with Loopback(answer, sides.vault.url) as vault:
        box = SimpleNamespace(**sides.where, vault_url=vault.url, vault_token=sides.vault.token)
        words = [*PROGRAM, "provision", name, "--scope", "user_default", *more]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(words, env={**os.environ, **environment_of(box)}, **pipes))
        err = started[0].communicate(timeout=60)[1]
    told = json.loads(err)["message"] if more else err
    ids = [client["clientId"] for client in sides.clients_named(name)]
    assert (started[0].returncode, len(ids)) == (1, int(is_registered))
    assert f"Interrupted. The operation 'provision' on {name!r}" in told
    assert "qlik-keys resume" in told
    assert all(client_id in told for client_id in ids)
    with qk.VaultKeyStore(sides.vault.url, token=sides.vault.token) as store:
        [made] = qk.resume(sides.other.tenant, store)
        qk.delete(sides.other.tenant, store, made.client_id, confirm=made.client_id)
