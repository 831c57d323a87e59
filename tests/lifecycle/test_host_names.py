"""One tenant with two host names: every operation finds the same records by either, whichever audience is accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import cycle

import pytest
from fixtures.host_names import EACH_ALTERNATIVE, aliased, empty, folders, turn
from fixtures.support import machine_client

import qlik_keys as qk
from qlik_keys.errors import AssertionRejected, StoreNotFound
from qlik_keys.keystore.tenant_folder import folder_of

__all__ = ["aliased"]

pytestmark = pytest.mark.openbao
AT_ONCE = timedelta(0)


@pytest.fixture(autouse=True)
def _emptied(aliased):
    yield
    turn(aliased, ("all", "display"))
    empty(aliased)


@pytest.fixture
def alternative(aliased, request):
    turn(aliased, request.param)
    return request.param


@pytest.mark.parametrize("first", ["display", "alias"])
@EACH_ALTERNATIVE
def test_a_whole_life_by_alternating_names(aliased, alternative, first, name):
    """Each operation is a process of its own, under the other name than the one before."""
    turns = cycle([aliased.display, aliased.alias] if first == "display" else [aliased.alias, aliased.display])
    custody = "transit" if alternative[0] == "display" else "kv"

    def by_next(operation, *arguments, **options):
        with next(turns).sides(custody) as (tenant, store):
            return operation(tenant, store, *arguments, **options)

    options = {"name": name, "scopes": ["user_default"]}
    made = by_next(qk.provision, **options)
    again = by_next(qk.provision, **options)
    assert (again.client_id, again.created) == (made.client_id, False)
    client_id = made.client_id
    with aliased.display.sides() as (tenant, store):
        record = store.read(tenant.host, client_id)
        assert record.token_url == tenant.token_url  # which every consumer can use, whatever is accepted
    assert folders(aliased, client_id) == [aliased.display.host]
    for _ in range(2):  # by each name
        rotated = by_next(qk.rotate, client_id, overlap=timedelta(hours=1))
        assert by_next(qk.preview, "revoke", name).steps
        assert by_next(qk.retire_due, client_id, force=True)
        revoked = by_next(qk.revoke, name)
        assert revoked.kid != rotated.kid
        assert by_next(qk.resume) == []
        frame = by_next(qk.clients).set_index("client_id")
        assert (frame.loc[client_id, "current_kid"], frame.loc[client_id, "findings"]) == (revoked.kid, ())
        audit = by_next(qk.audit)
        assert client_id not in list(audit["client_id"])
        assert by_next(qk.doctor, client_id).is_healthy
        assert by_next(qk.rotate_due)
        with next(turns).sides() as (tenant, store):
            if alternative[1] == "addressed":  # then only `tenants/me` tells the other name, and it wants a credential
                tenant.host_names()
            http = tenant.http if alternative[1] == "addressed" else None
            source = qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=name, http=http)
            as_client = tenant.with_credential(qk.PrivateKeyJwtAuth(source))
            assert as_client.users.me().client_id == client_id
            source.close()
        next(turns)
    by_next(qk.delete, client_id, confirm=client_id)
    assert folders(aliased, client_id) == []


@EACH_ALTERNATIVE
def test_a_client_made_elsewhere_is_adopted_once(aliased, alternative, name):
    with aliased.alias.sides() as (tenant, store):
        client_id = tenant.oauth_clients.create(machine_client(name)).client.client_id
        adopted = qk.adopt(tenant, store, client_id, remove_secrets=True)
    with aliased.display.sides() as (tenant, store):
        again = qk.adopt(tenant, store, client_id)
        assert [key.kid for key in tenant.oauth_clients.get(client_id).public_keys] == [adopted.kid] == [again.kid]
        qk.delete(tenant, store, client_id, confirm=client_id)


@EACH_ALTERNATIVE
def test_the_folder_of_an_alias_stays_in_use(aliased, alternative, name):
    """As an earlier version left it: all records are under the alias, with its token endpoint."""
    with aliased.display.sides() as (tenant, store):
        made = qk.provision(tenant, store, name=name, scopes=["user_default"])
        record = store.read(tenant.host, made.client_id)
        store.delete(tenant.host, made.client_id)
        token_url = f"{aliased.alias.tenant_url}/oauth/token"
        store.write(replace(record, version=0, tenant_host=aliased.alias.host, token_url=token_url))
    ids = [made.client_id]
    for named in (aliased.display, aliased.alias):
        with named.sides() as (tenant, store):
            assert qk.rotate(tenant, store, made.client_id, overlap=AT_ONCE).kid
            ids.append(qk.provision(tenant, store, name=f"{name} by {named.host}", scopes=["user_default"]).client_id)
            with qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=ids[-1], http=tenant.http) as source:
                assert source.token()
    assert [folders(aliased, client_id) for client_id in ids] == [[aliased.alias.host]] * 3
    with aliased.display.sides() as (tenant, store):
        accepted = store.read(aliased.alias.host, made.client_id).token_url
        assert (accepted == tenant.token_url) is (alternative[0] == "display")
        for client_id in ids:
            qk.delete(tenant, store, client_id, confirm=client_id)


def test_what_was_interrupted_under_one_name_is_finished_under_the_other(aliased, name):
    class Stopped(Exception):
        pass

    def stop(event):
        if (event.step, event.phase) == ("record", "before"):
            raise Stopped

    with aliased.alias.sides() as (tenant, store), pytest.raises(Stopped):
        qk.provision(tenant, store, name=name, scopes=["user_default"], on_step=stop)
    with aliased.display.sides() as (tenant, store):
        [finished] = qk.resume(tenant, store)
        assert folders(aliased, finished.client_id) == [aliased.display.host]
        qk.delete(tenant, store, finished.client_id, confirm=finished.client_id)


def test_what_names_cost(aliased, name):
    """By the name that has the folder, as with one name: one list per process, none where a record is read."""
    with aliased.display.sides() as (tenant, store):
        kept = qk.provision(tenant, store, name=name, scopes=["user_default"])
    for operation, lists in (
        (lambda tenant, store: qk.provision(tenant, store, name=f"{name} 2", scopes=["user_default"]), 1),
        (lambda tenant, store: qk.rotate(tenant, store, kept.client_id, overlap=AT_ONCE), 0),
        (qk.clients, 1),  # which is the list of the table
    ):
        with aliased.display.sides() as (tenant, store):
            asked, listed = [], []
            tenant.subscribe(lambda exchange, asked=asked: asked.append(exchange.path))
            store.subscribe(lambda call, listed=listed: listed.append(call.path))
            operation(tenant, store)
            assert not [path for path in asked if "tenants" in path or "well-known" in path]
            assert sum(path.endswith("?list=true") for path in listed) == lists, listed
    with aliased.display.sides() as (tenant, store):
        for client in tenant.oauth_clients.list():
            qk.delete(tenant, store, client.client_id, confirm=client.client_id)


def test_a_consumer_whom_nothing_leads_to_the_other_name_is_told(aliased, name):
    """The metadata name the host that was asked, and a consumer has no credential for `tenants/me`."""
    with aliased.display.sides() as (tenant, store):
        made = qk.provision(tenant, store, name=name, scopes=["user_default"])
        turn(aliased, ("all", "addressed"))
        try:
            with (
                qk.TokenSource.from_store(
                    store, tenant_url=aliased.alias.tenant_url, client_id=made.client_id
                ) as source,
                pytest.raises(StoreNotFound) as caught,
            ):
                source.token()
            assert "host name" in caught.value.hint
        finally:
            turn(aliased, ("all", "display"))
            qk.delete(tenant, store, made.client_id, confirm=made.client_id)


def test_the_refused_audiences_are_named(aliased, name):
    """A key that is not registered is refused by every name; the error says by which it was tried."""
    turn(aliased, ("display", "addressed"))
    key = qk.generate(qk.KeySpec("ES384"))
    with aliased.alias.sides() as (tenant, _):
        client_id = tenant.oauth_clients.create(machine_client(name, qk.generate(qk.KeySpec("ES384")))).client.client_id
        tenant.host_names()
        source = qk.TokenSource(tenant.token_url, client_id=client_id, signer=key.signer(), http=tenant.http)
        with pytest.raises(AssertionRejected) as caught:
            source.token()
        for named in (aliased.display, aliased.alias):
            assert f"{named.tenant_url}/oauth/token" in caught.value.hint
        tenant.oauth_clients.delete(client_id)
    turn(aliased, ("all", "display"))


def test_the_store_with_its_folder_offers_what_the_store_offers(aliased):
    from qlik_keys.keystore.optional import ReportsExportPaths, ReportsHealth, ReservesUses

    with aliased.alias.sides() as (tenant, store):
        folder = folder_of(tenant, store)
        assert folder_of(tenant, folder) is folder
        assert all(isinstance(folder, part) for part in (ReportsHealth, ReservesUses, ReportsExportPaths))

    class Plain:
        def client_ids(self, tenant_host):
            return [tenant_host]

    with aliased.alias.sides() as (tenant, _):
        assert not isinstance(folder_of(tenant, Plain()), ReportsHealth)
