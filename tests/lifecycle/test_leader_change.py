"""A cluster of three OpenBao servers whose leader is killed in the middle of the work: nobody is harmed."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.vault_cluster import Cluster

import qlik_keys as qk
from qlik_keys.keystore.testing.values import make_record

pytestmark = [pytest.mark.openbao, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def whole_cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def cluster(whole_cluster):
    yield whole_cluster
    whole_cluster.restore()


@pytest.fixture
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


def logs_in(tenant, store, client_id):
    with qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=client_id) as source:
        return bool(source.token().reveal())


def test_a_standby_that_is_a_little_late_shows_what_was_written_through_it(cluster):
    """OpenBao's standbys answer reads themselves: without asking for more, each of these reads finds nothing."""
    host = "acme.eu.qlikcloud.com"
    with qk.VaultKeyStore(cluster.follower().url, token=cluster.token, timeout_seconds=20) as store:
        for number in range(10):
            record = store.write(make_record(store, host, client_id=f"{number:032x}"))
            assert store.read(host, record.client_id) == record


def test_provision_and_a_fleets_rotation_outlive_their_leader(cluster, tenant):
    """The store is called by a follower's address, which forwards to whoever leads."""
    follower = cluster.follower()
    killed = threading.Event()

    def kill_at(step, event):
        if event.step == step and event.phase == "before" and not killed.is_set():
            killed.set()
            cluster.kill_leader()

    with qk.VaultKeyStore(follower.url, token=cluster.token, timeout_seconds=20) as store:
        first = [qk.provision(tenant, store, name=f"cluster-{number}", scopes=["user_default"]) for number in range(3)]
        before = datetime.now(UTC) + timedelta(seconds=2)
        results = []
        try:
            results = qk.rotate_due(
                tenant,
                store,
                client_ids=[made.client_id for made in first],
                before=before,
                overlap=timedelta(0),
                on_step=lambda event: kill_at("promote", event),
            )
        except qk.QlikKeysError:
            # What a cut answer left open is finished by asking again.
            qk.resume(tenant, store)
            results = qk.rotate_due(
                tenant, store, client_ids=[made.client_id for made in first], before=before, overlap=timedelta(0)
            )
        assert killed.is_set()
        assert {item.outcome for item in results} <= {"rotated", "finished", "skipped"}
        for made in first:
            record = store.read(tenant.host, made.client_id)
            assert record.current.kid != made.kid
            assert [*record.keys] == [record.current.kid]
            assert [key.kid for key in tenant.oauth_clients.get(made.client_id).public_keys] == [record.current.kid]
            assert logs_in(tenant, store, made.client_id)
        assert qk.resume(tenant, store) == []
        for made in first:
            qk.delete(tenant, store, made.client_id, confirm=made.client_id)


def test_provision_outlives_its_leader(cluster, tenant):
    follower = cluster.follower()
    killed = threading.Event()

    def kill(event):
        if event.step == "record" and event.phase == "before":
            killed.set()
            cluster.kill_leader()

    with qk.VaultKeyStore(follower.url, token=cluster.token, timeout_seconds=20) as store:
        try:
            made = qk.provision(tenant, store, name="one-of-a-cluster", scopes=["user_default"], on_step=kill)
        except qk.QlikKeysError:
            made = qk.provision(tenant, store, name="one-of-a-cluster", scopes=["user_default"])
        assert killed.is_set()
        assert logs_in(tenant, store, made.client_id)
        assert [each for each in tenant.oauth_clients.iterate() if each.client_name == "one-of-a-cluster"] != []
        assert len(store.pending(tenant.host)) == 0
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)
