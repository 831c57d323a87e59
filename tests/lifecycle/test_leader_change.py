"""A cluster of three OpenBao servers whose leader is killed during an operation: no client is harmed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fixtures.harness.steps import log_in, provision, registered
from fixtures.vault_cluster import Cluster

import qlik_keys as qk
from qlik_keys.keystore.testing.values import make_record

pytestmark = [pytest.mark.openbao, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    with Cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


def by_a_follower(cluster):
    """The store by the address of a server that forwards to the leader."""
    return qk.VaultKeyStore(cluster.follower().url, token=cluster.token, timeout_seconds=20)


def test_a_standby_that_is_a_little_late_shows_what_was_written_through_it(cluster):
    """OpenBao's standbys answer reads themselves: without asking for more, each of these reads finds nothing."""
    host = "acme.eu.qlikcloud.com"
    with by_a_follower(cluster) as store:
        for number in range(10):
            record = store.write(make_record(store, host, client_id=f"{number:032x}"))
            assert store.read(host, record.client_id) == record


def test_provision_and_the_rotation_of_a_fleet_survive_the_end_of_the_leader(cluster, tenant):
    killed = []

    def kill_at(step):
        def see(event):
            if (event.step, event.phase) == (step, "before") and step not in killed:
                killed.append(step)
                cluster.kill_leader()

        return see

    with by_a_follower(cluster) as store:
        first = [provision(tenant, store, f"cluster-{number}") for number in range(2)]
        try:
            first.append(provision(tenant, store, "cluster-2", on_step=kill_at("record")))
        except qk.QlikKeysError:  # an answer was lost: the same call again finishes it
            first.append(provision(tenant, store, "cluster-2"))
        assert len(store.pending(tenant.host)) == 0
    cluster.restore()
    fleet = {"client_ids": [made.client_id for made in first], "overlap": timedelta(0)}
    fleet["before"] = datetime.now(UTC) + timedelta(seconds=2)
    with by_a_follower(cluster) as store:
        try:
            results = qk.rotate_due(tenant, store, **fleet, on_step=kill_at("promote"))
        except qk.QlikKeysError:
            qk.resume(tenant, store)
            results = qk.rotate_due(tenant, store, **fleet)
        assert killed == ["record", "promote"]
        assert {item.outcome for item in results} <= {"rotated", "finished", "skipped"}
        for made in first:
            record = store.read(tenant.host, made.client_id)
            assert record.current.kid != made.kid
            assert [*record.keys] == registered(tenant, made.client_id) == [record.current.kid]
            assert log_in(tenant, store, made.client_id).reveal()
        assert qk.resume(tenant, store) == []
