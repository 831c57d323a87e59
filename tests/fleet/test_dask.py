"""A fleet on a Dask cluster of real processes, each of which is killed: all is done once, and no secret shows."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fixtures import fleet_works
from fixtures.canaries import find_canaries
from fixtures.dask_cluster import LEASES, DaskCluster
from fixtures.harness.steps import provision, registered
from fixtures.leaks import Leaks
from fixtures.sandbox_client import serving
from fixtures.support import wait_for

import qlik_keys as qk
from qlik_keys.errors import ClusterError, ConfigurationError, Interrupted, Outcome, TenantUnreachable
from qlik_keys.fleet.runners.dask_worker import TOPIC, do_tenant, lease_of_tenant
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = [pytest.mark.openbao, pytest.mark.slow]
AHEAD_SECONDS = 5  # as in test_rotation: a client that was made just now was made before the moment
NAMES = ("a", "b", "c")
SCRIPT = """
import pickle, sys
fleet, work = pickle.loads(bytes.fromhex(sys.argv[1]))
fleet.each(work, told=lambda name, what: print(name, flush=True))
"""


@dataclass
class Tenants:
    """Three tenants with one Vault, and a cluster whose workers alone can log in to them."""

    cluster: DaskCluster
    sides: dict
    references: dict
    secrets: dict
    kids: dict = field(default_factory=dict)

    @property
    def fleet(self):
        return qk.Fleet(self.references, runner="dask", address=self.cluster.address)

    def make_clients(self):
        """Two clients a tenant; return the work that rotates them all."""
        self.kids = {
            (name, made.client_id): made.kid
            for name, (tenant, store) in self.sides.items()
            for made in [provision(tenant, store, f"etl-{number}", key=qk.KeySpec("ES384")) for number in range(2)]
        }
        return fleet_works.RotateAll(datetime.now(UTC) + timedelta(seconds=AHEAD_SECONDS - 2), AHEAD_SECONDS)

    def assert_each_is_rotated_once(self):
        for (name, client_id), kid in self.kids.items():
            tenant, store = self.sides[name]
            states = {key.kid: key.state for key in store.read(tenant.host, client_id).keys.values()}
            assert states.pop(kid) == "previous"
            assert list(states.values()) == ["current"]
            assert set(registered(tenant, client_id)) == {kid, *states}
        for tenant, store in self.sides.values():
            assert qk.resume(tenant, store) == []


@pytest.fixture(scope="module")
def places(openbao, tmp_path_factory):
    with contextlib.ExitStack() as stack:
        served = {name: stack.enter_context(serving(SandboxTenant)) for name in NAMES}
        secrets = {f"KEY_OF_{name.upper()}": tenant.api_key for name, (tenant, _) in served.items()}
        secrets["VAULT_TOKEN"] = openbao.token
        vault = qk.VaultReference(address=openbao.url)
        references = {
            name: qk.TenantReference(url=url, api_key_variable=f"KEY_OF_{name.upper()}", vault=vault)
            for name, (_, url) in served.items()
        }
        sides = {
            name: (
                stack.enter_context(qk.QlikTenant(url, credential=qk.ApiKey(tenant.api_key))),
                stack.enter_context(qk.VaultKeyStore(openbao.url, token=openbao.token)),
            )
            for name, (tenant, url) in served.items()
        }
        cluster = DaskCluster(tmp_path_factory.mktemp("dask"), secrets)
        stack.callback(cluster.close)
        cluster.start()
        yield Tenants(cluster, sides, references, secrets)


@pytest.fixture
def tenants(places):
    yield places
    for tenant, store in places.sides.values():
        for client in tenant.oauth_clients.list():
            tenant.oauth_clients.delete(client.client_id)
            store.delete(tenant.host, client.client_id)


def everything_the_cluster_shows(address):
    """What a person with access to the scheduler can see, as text: its state, events, stories, pages and logs."""
    import distributed

    with distributed.Client(address, set_as_default=False) as client:
        shown = client.run_on_scheduler(_state_of_scheduler)
        shown |= {f"logs {number}": str(each) for number, each in enumerate([client.get_scheduler_logs()])}
        shown["logs of workers"] = str(client.get_worker_logs())
        shown["calls"] = str(client.call_stack())
        shown["events"] = repr(client.get_events())
        shown["profile"] = str(client.profile())
        keys = shown.pop("keys")
        shown["story"] = repr(client.story(*keys)) if hasattr(client, "story") else ""
        info = client.dashboard_link.removesuffix("/status")
        pages = ["info/main/workers.html", "json/counts.json", "json/identity.json", "info/call-stack", "metrics"]
        pages += [f"info/task/{key}.html" for key in keys] + [f"info/call-stack/{key}.html" for key in keys]
    return shown | {page: httpx.get(f"{info}/{page}").text for page in pages}, keys


def _state_of_scheduler(dask_scheduler):
    import pickle

    tasks = dask_scheduler.tasks
    return {
        "keys": [str(key) for key in tasks],
        "specifications": repr([(key, each.run_spec) for key, each in tasks.items()]),
        "pickled": pickle.dumps([each.run_spec for each in tasks.values()]).decode("latin-1"),
        "exceptions": repr([(each.exception, each.exception_text, each.traceback_text) for each in tasks.values()]),
        "transitions": repr(list(dask_scheduler.transition_log)),
        "clients": repr(dask_scheduler.clients),
    }


def test_workers_do_the_work_by_their_own_logins_and_nothing_of_dask_shows_a_secret(tenants):
    work, leaks, seen, heard = tenants.make_clients(), Leaks(**tenants.secrets), {}, []

    def told(name, what):
        heard.append((name, what))
        if not seen:  # in the middle of the work
            seen["here"], seen["keys"] = everything_the_cluster_shows(tenants.cluster.address)

    outcomes = tenants.fleet.each(work, told=told)
    tenants.assert_each_is_rotated_once()
    assert [outcome.tenant for outcome in outcomes] == [*NAMES]
    assert all({item.outcome for item in outcome.value} == {"rotated"} for outcome in outcomes)
    assert {name for name, _ in heard} == {*NAMES}
    assert {process_id for _, (process_id, _) in heard} <= {*tenants.cluster.workers}
    assert {event.step for _, (_, event) in heard} >= {"publish", "verify_next", "promote"}
    assert {key.split("-")[1] for key in seen["keys"]} == {"RotateAll"}
    leaks.shown |= seen["here"]
    failed = tenants.fleet.each(fleet_works.is_unreachable)
    assert {type(each.error) for each in failed} == {TenantUnreachable}
    with pytest.raises(KeyError, match="b"):  # what no operation raises stops the others between two steps
        tenants.fleet.each(fleet_works.fails)
    unsent = tenants.fleet.each(fleet_works.returns_a_secret)
    assert {(type(each.error), each.error.outcome) for each in unsent} == {(ClusterError, Outcome.APPLIED)}
    leaks.secrets["returned"] = "canary-of-an-api-key-that-a-work-returns"
    for tenant, store in tenants.sides.values():
        for client_id in store.client_ids(tenant.host):
            for number, key in enumerate(store.read(tenant.host, client_id).keys.values()):
                leaks.key(f"{client_id} {number}", key.private)
    shown, _ = everything_the_cluster_shows(tenants.cluster.address)
    leaks.shown |= {f"afterwards: {where}": text for where, text in shown.items()} | tenants.cluster.texts()
    for file in tenants.cluster.folder.rglob("*"):
        if file.is_file():
            leaks.shown[file.name] = file.read_bytes().decode("latin-1")
    told_here = [tenants.fleet, *outcomes, *failed, *unsent, *heard]
    leaks.shown |= {"here": repr(told_here), "travels": pickle.dumps(told_here).decode("latin-1")}
    assert "do_tenant" in leaks.shown["pickled"]
    assert "KEY_OF_A" in leaks.shown["pickled"]  # the name of the variable, which is all that is sent
    assert "etl-0" in leaks.shown["here"]
    assert TOPIC in leaks.shown["events"]
    leaks.check()


def test_a_worker_that_is_killed_is_replaced_by_another_and_each_client_is_rotated_once(tenants):
    work, killed, heard = tenants.make_clients(), [], set()

    def told(name, what):
        heard.add((name, what[0]))
        if not killed and what[1].step == "publish":
            killed.append(what[0])
            tenants.cluster.kill(what[0])

    outcomes = tenants.fleet.each(work, told=told)
    tenants.cluster.add_worker()
    assert len(heard) > len(NAMES)  # a tenant that two processes worked on, one after the other
    assert [outcome.error for outcome in outcomes] == [None] * 3
    assert {item.outcome for outcome in outcomes for item in outcome.value} <= {"rotated", "finished", "skipped"}
    tenants.assert_each_is_rotated_once()


def test_the_scheduler_is_killed_and_what_is_asked_for_again_ends(tenants):
    work, killed = tenants.make_clients(), []

    def told(_, what):
        if not killed and what[1].step == "publish":
            killed.append(what[0])
            tenants.cluster.kill_scheduler()

    outcomes = tenants.fleet.each(work, told=told)
    lost = [outcome.error for outcome in outcomes if outcome.error is not None]
    assert lost
    assert all(isinstance(each, ClusterError) and each.retryable and each.hint for each in lost)
    with pytest.raises(ClusterError, match="cannot be reached"):
        qk.DaskRunner(tenants.cluster.address, connect_seconds=0.5).run(
            work, [*tenants.references.items()], told=print, cancel=threading.Event()
        )
    tenants.cluster.close()
    tenants.cluster.start()
    assert [outcome.error for outcome in tenants.fleet.each(work)] == [None] * 3
    tenants.assert_each_is_rotated_once()


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_the_asking_process_ends_and_another_one_that_asks_finds_all_as_if_nothing_had_been(tenants, end):
    work = tenants.make_clients()
    said = ask(tenants.fleet, work, end)
    assert ("KeyboardInterrupt" in said) is (end == signal.SIGINT)
    assert [outcome.error for outcome in tenants.fleet.each(work)] == [None] * 3
    tenants.assert_each_is_rotated_once()


def test_one_worker_at_a_time_works_on_a_tenant_and_work_stops_when_it_is_cancelled_or_its_asker_is_gone(tenants):
    cancel, started, first, second = threading.Event(), threading.Event(), [], []
    of_one = tenants.fleet.only(["a"])
    name = lease_of_tenant(tenants.sides["a"][0].host)
    told = {"told": lambda *_: started.set(), "cancel": cancel}
    one = threading.Thread(target=lambda: first.extend(of_one.each(fleet_works.waits, **told)))
    one.start()
    assert started.wait(60)
    other = threading.Thread(target=lambda: second.extend(of_one.each(fleet_works.names)))
    other.start()
    wait_for(lambda: pending_leases(tenants.cluster.address, name), "the second does not wait")
    assert (first, second) == ([], [])
    cancel.set()
    one.join(60)
    other.join(60)
    assert isinstance(first[0].error, Interrupted)
    assert second[0].error is None
    ask(tenants.fleet, fleet_works.waits, signal.SIGKILL)
    assert [outcome.error for outcome in tenants.fleet.each(fleet_works.names)] == [None] * 3


def test_dask_repeats_what_failed_for_a_passing_reason_as_often_as_it_is_told(tenants):
    of_one = tenants.fleet.only(["b"]).with_runner(qk.DaskRunner(tenants.cluster.address, retries=1))
    [outcome] = of_one.each(fleet_works.fails_once)
    assert (outcome.error, outcome.value) == (None, "done")


def ask(fleet, work, end):
    """Ask in a process without any secret, end it in the middle, and return what it says."""
    words = [sys.executable, "-c", SCRIPT, pickle.dumps((fleet, work)).hex()]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)} | LEASES
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, env=environment, **streams) as asking:
        for _ in NAMES:
            assert asking.stdout.readline()
        asking.send_signal(end)
        _, said = asking.communicate(timeout=60)
    assert asking.returncode != 0
    return said


def pending_leases(address, name):
    import distributed

    with distributed.Client(address, set_as_default=False) as client:
        return client.run_on_scheduler(
            lambda dask_scheduler: dask_scheduler.extensions["semaphores"].metrics["pending"][name]
        )


def test_what_cannot_be_sent_is_refused_before_anything_is_asked(tenants):
    nowhere = qk.DaskRunner("tcp://127.0.0.1:9")
    references = qk.Fleet(tenants.references, runner=nowhere)
    with pytest.raises(ConfigurationError, match=r"open already.*: a"):
        qk.Fleet({"a": tenants.sides["a"]}, runner=nowhere).each(fleet_works.names)
    for work in (lambda *_, **__: None, qk.ApiKey("canary-of-an-api-key"), SimpleWork(threading.Lock())):
        with pytest.raises(ConfigurationError, match="cannot be sent") as caught:
            references.each(work)
        assert not find_canaries(repr(caught.value), ["canary-of-an-api-key"])
    with pytest.raises(ConfigurationError, match="not sent to other machines: it shows a client secret"):
        references.each(SimpleWork(None, "it shows a client secret"))
    code = "import qlik_keys as qk\nfrom qlik_keys.fleet.runners.packing import packed_tasks\ndef work(): pass\n"
    code += "packed_tasks(work, [('a', qk.TenantReference(url='https://acme.eu.qlikcloud.com'))])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "work is of a notebook or a script" in ended.stderr
    outcome = pickle.loads(do_tenant("0.0.0", "run", "a", b"", False))
    assert "0.0.0" in outcome.error.message
    assert outcome.error.hint


@dataclass
class SimpleWork:
    what: object
    stays_because: str = ""


def test_arguments_and_a_missing_package():
    for wrong in ({"retries": -1}, {"wait_seconds": 0}, {"connect_seconds": 0}):
        with pytest.raises(ValueError, match="must be"):
            qk.DaskRunner("tcp://127.0.0.1:9", **wrong)
    with pytest.raises(TypeError):
        qk.DaskRunner(7)
    reference = {"a": qk.TenantReference(url="https://acme.eu.qlikcloud.com")}
    for address in ("nonsense://scheduler", "tls://127.0.0.1:9"):
        with pytest.raises(ConfigurationError) as caught:
            qk.Fleet(reference, runner="dask", address=address).each(fleet_works.names)
        assert caught.value.hint
    for wrong in ({"runner": "spark"}, {"address": "tcp://127.0.0.1:9"}, {"runner": "dask"}):
        with pytest.raises(ConfigurationError) as caught:
            qk.Fleet(reference, **wrong)
        assert caught.value.hint
    code = "import sys; sys.modules['distributed'] = None\nimport qlik_keys as qk\nqk.DaskRunner('tcp://127.0.0.1:9')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'qlik_keys[dask]'" in ended.stderr


def test_a_worker_without_qlik_keys_is_told(tenants, tmp_path):
    lacking = "import sys; sys.modules['qlik_keys'] = None"
    (tmp_path / "sitecustomize.py").write_text(lacking)
    tenants.cluster.add_worker("--resources", "lacking=1", PYTHONPATH=str(tmp_path))
    lacks_it = [*tenants.cluster.workers][-1]
    runner = qk.DaskRunner(tenants.cluster.address, resources={"lacking": 1})
    try:
        [outcome] = tenants.fleet.only(["a"]).with_runner(runner).each(fleet_works.names)
    finally:
        tenants.cluster.kill(lacks_it)
    assert isinstance(outcome.error, ConfigurationError)
    assert "qlik_keys" in outcome.error.message


def test_a_cluster_without_workers_is_told(tenants):
    import distributed

    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as empty,
        empty.get_client() as c,
    ):
        runner = qk.DaskRunner(c, wait_seconds=0.2)
        with pytest.raises(ClusterError, match="no worker"):
            qk.Fleet(tenants.references, runner=runner).each(fleet_works.names)
