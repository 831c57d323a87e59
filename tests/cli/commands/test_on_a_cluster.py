"""`--dask`: the workers of a real cluster do what the command says, by their own logins, and no secret travels."""

from __future__ import annotations

import contextlib
import json
import threading
from datetime import timedelta

import pytest
from fixtures.canaries import find_canaries
from fixtures.dask_cluster import DaskCluster
from fixtures.sandbox_client import serving

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, Interrupted
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

pytestmark = [pytest.mark.openbao, pytest.mark.slow]
NAMES = ("prod", "test")


@pytest.fixture(scope="module")
def cluster_of_two(box, tmp_path_factory):
    """Two tenants in a fleet file; workers alone have the variables with their logins."""
    folder = tmp_path_factory.mktemp("cluster")
    with contextlib.ExitStack() as stack:
        served = {name: stack.enter_context(serving(SandboxTenant)) for name in NAMES}
        secrets = {f"KEY_OF_{name.upper()}": tenant.api_key for name, (tenant, _) in served.items()}
        secrets["WORKERS_TOKEN"] = box.vault_token
        cluster = DaskCluster(folder, secrets)
        stack.callback(cluster.close)
        cluster.start()
        store = stack.enter_context(qk.VaultKeyStore(box.vault_url, token=box.vault_token))
        sides = {
            name: (stack.enter_context(qk.QlikTenant(url, credential=qk.ApiKey(tenant.api_key))), store)
            for name, (tenant, url) in served.items()
        }

        def file(*clients):
            lines = [f"  - {{{client}}}" for client in clients]
            vault = f"{{address: '{box.vault_url}', token-variable: WORKERS_TOKEN}}"
            tenants = [
                f"  {name}: {{url: '{url}', api-key-variable: KEY_OF_{name.upper()}, vault: {vault}}}"
                for name, (_, url) in served.items()
            ]
            path = folder / "fleet.yaml"
            head = ["version: 1", "fleet: cluster", "defaults: {scopes: [user_default]}", "tenants:"]
            path.write_text("\n".join([*head, *tenants, "clients:" if lines else "clients: []", *lines]) + "\n")
            return str(path)

        yield sides, file, cluster, secrets


@pytest.fixture
def places(cluster_of_two):
    yield cluster_of_two
    for tenant, store in cluster_of_two[0].values():
        for client in tenant.oauth_clients.list():
            qk.delete(tenant, store, client.client_id, confirm=client.client_id)


def test_due_keys_are_rotated_by_the_workers_and_a_second_time_there_is_nothing_to_do(qlik_keys, places, box):
    sides, file, cluster, secrets = places
    options = {"name": "etl", "scopes": ["user_default"], "rotate_after": timedelta(days=1)}
    made = {name: qk.provision(*pair, **options) for name, pair in sides.items()}
    rotate = ("rotate", "--due", "--within", "2d", "--fleet", file(), "--tenant", "prod", "--tenant", "test")
    here = qlik_keys(*rotate, "--yes")
    assert (here.code, "WORKERS_TOKEN is not set" in here.err) == (1, True), here.err  # its own login is on the workers
    done = qlik_keys(*rotate, "--yes", "--dask", cluster.address, "--json")
    assert (done.code, done.err) == (0, "")
    told = {each["tenant"]: each for each in json.loads(done.out)}
    for name, (tenant, store) in sides.items():
        record = store.read(tenant.host, made[name].client_id)
        assert (told[name]["outcome"], told[name]["kid"]) == ("rotated", record.current.kid)
        assert [key.kid for key in record.in_state("previous")] == [made[name].kid]
    assert qlik_keys(*rotate, "--dask", cluster.address).out == "There is nothing to rotate.\n"
    table = qlik_keys("clients", "--fleet", file(), "--dask", cluster.address, "--json")
    assert {each["client_id"] for each in json.loads(table.out)} == {each.client_id for each in made.values()}
    healthy = qlik_keys("doctor", "--client", "etl", "--fleet", file(), "--fix", "--dask", cluster.address)
    assert healthy.code == 0, healthy.err
    shown = "".join([here.out, here.err, done.out, table.out, *cluster.texts().values()])
    assert find_canaries(shown, {**secrets, "Vault token": box.vault_token}) == []


def test_a_declared_fleet_is_applied_by_the_workers_and_client_secrets_are_refused_before_anything(qlik_keys, places):
    sides, file, cluster, _ = places
    on = ("--dask", cluster.address)
    refused = qlik_keys("apply", file("name: a", "name: b, methods: [client-secret]"), "--yes", *on)
    assert refused.code == 1
    assert "Declared so: b." in refused.err
    assert "without --dask" in refused.err
    assert not [each for tenant, _ in sides.values() for each in tenant.oauth_clients.list('clientName eq "a"')]
    manifest = qk.Manifest.from_file(file("name: c, methods: [client-secret]"))
    with pytest.raises(ConfigurationError, match="Declared so: c"):
        manifest.apply(manifest.fleet_of_tenants().with_runner("dask", address=cluster.address))
    declared = file("name: a")
    assert qlik_keys("apply", declared, "--yes", *on).code == 0
    assert qlik_keys("plan", declared, *on).code == 0


@pytest.mark.parametrize("how", ["resume", "apply"])
def test_an_interrupted_client_with_a_secret_is_not_finished_on_a_worker(qlik_keys, places, how):
    sides, file, cluster, _ = places
    tenant, store = sides["test"]
    cancel = threading.Event()

    def die(event):
        if (event.step, event.phase) == ("write_pending", "after"):
            cancel.set()

    options = {"name": how, "scopes": ["user_default"], "client_secret": True}
    with pytest.raises(Interrupted):
        qk.provision(tenant, store, **options, cancel=cancel, on_step=die)
    on = ("--dask", cluster.address)
    words = {
        "resume": ("resume", "--fleet", file()),
        "apply": ("apply", file(f"name: {how}, tenants: [test]"), "--yes"),
    }[how]
    left = qlik_keys(*words, *on)
    assert (left.code, "without --dask" in left.err) == (1, True), left.err
    assert tenant.oauth_clients.list(f'clientName eq "{how}"') == []
    [finished] = qk.resume(tenant, store)
    assert finished.result.client_secret is not None


@pytest.mark.parametrize(
    "words", [["clients"], ["audit"], ["doctor", "--client", "a"], ["rotate", "--due"], ["resume"], ["trust"]]
)
def test_a_cluster_needs_tenants_by_name_and_says_why(qlik_keys, words):
    refused = qlik_keys(*words, "--dask", "tcp://127.0.0.1:1", QLIK_KEYS_FLEET=None)
    assert refused.code == 2
    assert "login of a single tenant is on this machine" in " ".join(refused.err.split())


@pytest.mark.parametrize("operation", ["rotate", "retire", "revoke", "adopt", "trust"])
def test_one_client_is_not_for_a_cluster(qlik_keys, operation):
    refused = qlik_keys(operation, "nightly-etl", "--tenant", "prod", "--dask", "tcp://127.0.0.1:1")
    assert (refused.code, "one client is done by this process" in " ".join(refused.err.split())) == (2, True)
