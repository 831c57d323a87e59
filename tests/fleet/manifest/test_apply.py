"""Applying a fleet file on a tenant and a Vault: one `apply` ends any drift by hand, a second one does nothing."""

from __future__ import annotations

import random
import threading
from datetime import timedelta

import hvac
import pytest
from fixtures.support import NoWaiting

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, FleetError, Interrupted
from qlik_keys.fleet.manifest.export import export_fleet
from qlik_keys.fleet.manifest.reading import manifest_of
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao
WRITES = {"POST", "PUT", "PATCH", "DELETE"}


def file_of(fleet, *clients, tenants="here: {url: https://acme.eu.qlikcloud.com}"):
    lines = "\n".join(f"  - {{{client}}}" for client in clients)
    return manifest_of(
        f"version: 1\nfleet: {fleet}\ndefaults: {{scopes: [user_default], consent: trusted}}\n"
        f"tenants: {{{tenants}}}\nclients:\n{lines}\n"
    )


@pytest.fixture
def fleet(world):
    return qk.Fleet({"here": (world.tenant, world.store)})


@pytest.fixture
def requests(world):
    """What is sent to the tenant and the Vault: method and path."""
    seen = []
    ends = [side.subscribe(lambda told: seen.append((told.method, told.path))) for side in (world.tenant, world.store)]
    yield seen
    for end in ends:
        end()


def outcomes(applied):
    return sorted((each.change.kind, each.change.client, each.outcome) for each in applied.changes)


class ByHand:
    """What a person does to a client in Qlik's console or in the Vault, or a program that is killed."""

    def __init__(self, world, client_id):
        self.tenant, self.store, self.client_id = world.tenant, world.store, client_id
        self.vault = hvac.Client(url=world.box.vault_url, token=world.box.vault_token).secrets.kv.v2
        self.path = f"qlik-keys/{world.tenant.host}/{client_id}"

    def _patch(self, path, value):
        self.tenant.oauth_clients.patch(self.client_id, [PatchOperation("replace", path, value)])

    def scopes(self):
        self._patch("/allowedScopes", ["apps:read", "apps"])

    def rename(self):
        self._patch("/clientName", "renamed by hand")

    def description(self):
        self._patch("/description", "by hand")

    def consent(self):
        self.tenant.oauth_clients.set_consent(self.client_id, "required")

    def impersonation(self):
        self._patch("/allowedGrantTypes", ["client_credentials", "urn:qlik:oauth:user-impersonation"])

    def rotate_as_no_file_says(self):
        options = {"custody": "transit", "key": qk.KeySpec("RS256", bits=2048), "rotate_after": timedelta(days=5)}
        qk.rotate(self.tenant, self.store, self.client_id, overlap=timedelta(0), **options)

    def rotate_and_die(self):
        cancel = threading.Event()
        with pytest.raises(Interrupted):
            qk.rotate(
                self.tenant, self.store, self.client_id, cancel=cancel,
                on_step=lambda event: cancel.set() if event.step == "publish" else None,
            )  # fmt: skip

    def delete_client(self):
        self.tenant.oauth_clients.delete(self.client_id)

    def delete_record(self):
        self.store.delete(self.tenant.host, self.client_id)

    def remove_metadata(self):
        self.vault.update_metadata(self.path, custom_metadata={}, mount_point="secret")

    def edit_metadata(self):
        there = self.vault.read_secret_metadata(self.path, mount_point="secret")["data"]["custom_metadata"]
        edited = {**there, "declared_owner": "by hand", "declared_tags": "x y", "declared_overlap": "9h"}
        self.vault.update_metadata(self.path, custom_metadata=edited, mount_point="secret")

    def take_mark(self):
        record = self.store.read(self.tenant.host, self.client_id)
        self.store.write(type(record)(**{**_fields(record), "declaration": None}), read_back=False)


def _fields(record):
    return {name: getattr(record, name) for name in record.__slots__}


DRIFTS = [name for name in vars(ByHand) if not name.startswith("_")]


@pytest.mark.parametrize("seed", range(4))
def test_after_random_drifts_one_apply_ends_them_and_a_second_one_writes_nothing(world, fleet, requests, name, seed):
    """Each seed takes another third of the drifts, and clients that are declared in other ways."""
    chance = random.Random(seed)
    kinds = ["key: ES384, custody: kv", "key: ES384, custody: transit", "custody: kv"]
    more = ["owner: data@example.com, tags: [b, a]", "overlap: 0h", "impersonation: false"]
    drifts = (DRIFTS * 2)[seed * 3 : seed * 3 + 4]
    shared = "rotate-after: 30d, description: What it does"
    lines = [
        f"name: {name}-{number}, {shared}, {chance.choice(kinds)}, {chance.choice(more)}"
        for number in range(len(drifts) + 1)
    ]
    manifest = file_of(name, *lines)
    stranger = world.create_with_secret(f"{name}-stranger").client
    made = manifest.apply(fleet)
    assert {each.outcome for each in made.changes} == {"done"}
    assert not manifest.plan(fleet).changes
    ids = {each.change.client: each.client_id for each in made.changes}
    for number, drift in enumerate(drifts):
        getattr(ByHand(world, ids[f"{name}-{number}"]), drift)()
    plan = manifest.plan(fleet)
    assert f"{name}-{len(drifts)}" not in {each.client for each in plan.changes}
    manifest.apply(fleet, plan=plan, adopt=True, prune=True)
    requests.clear()
    assert manifest.plan(fleet).changes == ()
    assert manifest.apply(fleet, adopt=True, prune=True).changes == ()
    assert [each for each in requests if each[0] in WRITES] == []
    for declared in manifest.clients:
        client = next(each for each in world.tenant.oauth_clients.iterate() if each.client_name == declared.name)
        record = world.store.read(world.tenant.host, client.client_id)
        assert (set(client.allowed_scopes), client.description) == ({"user_default"}, declared.description)
        assert record.rotate_after == timedelta(days=30)
        assert (record.declaration.fleet, record.declaration.owner) == (name, declared.owner or "")
        assert record.custody == (declared.custody or "kv")
    assert world.tenant.oauth_clients.get(stranger.client_id) == stranger


def test_what_the_file_declares_no_longer_goes_by_prune_alone_and_only_if_a_person_has_seen_it(world, fleet, name):
    both = file_of(name, f"name: {name}-a", f"name: {name}-b")
    ids = {each.change.client: each.client_id for each in both.apply(fleet).changes}
    unmanaged = world.create_with_secret(f"{name}-c").client
    left = file_of(name, f"name: {name}-a, scopes: [apps], description: a new one", f"name: {name}-c")
    shown = file_of(name, f"name: {name}-a, scopes: [apps]", f"name: {name}-b").plan(fleet)
    # Nothing is done to a client of which no change was shown.
    assert world.tenant.oauth_clients.get(ids[f"{name}-a"]).description == ""
    assert outcomes(left.apply(fleet, plan=shown, prune=True, adopt=True)) == [("change", f"{name}-a", "done")]
    assert outcomes(left.apply(fleet)) == [("removed", f"{name}-b", "left"), ("unmanaged", f"{name}-c", "left")]
    assert world.tenant.oauth_clients.get(ids[f"{name}-b"])
    assert world.tenant.oauth_clients.get(unmanaged.client_id) == unmanaged
    applied = left.apply(fleet, prune=True)
    assert applied.left
    assert not applied.is_as_declared
    assert world.clients_named(f"{name}-b") == []
    assert ids[f"{name}-b"] not in world.store.client_ids(world.tenant.host)


def test_an_interrupted_provision_is_finished_and_then_is_as_declared(world, fleet, name):
    manifest, cancel = file_of(name, f"name: {name}, scopes: [apps], owner: data@example.com"), threading.Event()
    with pytest.raises(Interrupted):
        qk.provision(
            world.tenant, world.store, name=name, scopes=["user_default"], cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == "bind" else None,
        )  # fmt: skip
    assert [each.kind for each in manifest.plan(fleet).changes] == ["finish"]
    assert outcomes(manifest.apply(fleet)) == [("change", name, "done"), ("finish", name, "done")]
    assert not manifest.plan(fleet).changes
    world.assert_settled(name)


def test_a_new_client_secret_is_in_the_result_once_and_methods_are_added_and_removed(world, fleet, name):
    [made] = file_of(name, f"name: {name}, methods: [private-key-jwt, client-secret]").apply(fleet).changes
    secret = made.client_secret.reveal()
    world.assert_settled(name, secret=secret)
    assert secret not in f"{made!r}{made.to_dict()}"
    by_key = file_of(name, f"name: {name}, methods: [private-key-jwt]")
    assert outcomes(by_key.apply(fleet)) == [("change", name, "done")]
    assert world.assert_settled(name).client_secrets == ()
    [changed] = file_of(name, f"name: {name}, methods: [client-secret, private-key-jwt]").apply(fleet).changes
    world.assert_settled(name, secret=changed.client_secret.reveal())
    by_secret = file_of(name, f"name: {name}-2, methods: [client-secret]", f"name: {name}, methods: [client-secret]")
    applied = by_secret.apply(fleet)
    assert [(each.change.kind, each.outcome) for each in applied.changes] == [("create", "done"), ("blocked", "left")]
    world.assert_settled(f"{name}-2", by_key=False, secret=applied.changes[0].client_secret.reveal())


def test_one_bad_client_and_one_dead_tenant_stop_no_other_and_each_is_named(world, name):
    dead = qk.QlikTenant("http://127.0.0.1:9", credential=qk.ApiKey("x"), clock=NoWaiting())
    fleet = qk.Fleet({"here": (world.tenant, world.store), "there": (dead, world.store)})
    tenants = "here: {url: https://acme.eu.qlikcloud.com}, there: {url: https://acme.us.qlikcloud.com}"
    file_of(name, f"name: {name}-a").apply(fleet.only(["here"]))
    [client] = world.clients_named(f"{name}-a")
    keys = [*client.public_keys, qk.generate(qk.KeySpec()).public]
    world.tenant.oauth_clients.patch(client.client_id, [PatchOperation("replace", "/publicKeys", keys)])
    manifest = file_of(name, f"name: {name}-a, scopes: [apps]", f"name: {name}-b", tenants=tenants)
    assert [*manifest.plan(fleet).failures] == ["there"]
    heard = []
    with pytest.raises(FleetError) as caught:
        manifest.apply(fleet, on_change=heard.append)
    told = {(each.change.kind, each.change.client, each.change.tenant, each.outcome) for each in caught.value.results}
    # Another key is registered: no wider right is given to its owner.
    assert told == {
        ("change", f"{name}-a", "here", "failed"),
        ("create", f"{name}-b", "here", "done"),
        ("blocked", "", "there", "failed"),
    }
    assert len(heard) == 2
    assert f"{name}-a on here" in caught.value.message
    assert world.tenant.oauth_clients.get(client.client_id).allowed_scopes == ("user_default",)
    with pytest.raises(ConfigurationError, match="no tenant 'there'"):
        manifest.plan(fleet.only(["here"]))
    with pytest.raises(FleetError, match="no file was written"):
        export_fleet(manifest.tenants, fleet=fleet)
    dead.close()


def test_an_exported_file_differs_in_nothing_and_marks_nothing_until_it_is_applied(world, fleet, name):
    declared = file_of(
        name,
        *(f"name: {name}-{number}, owner: data@example.com, tags: [nightly], overlap: 0h" for number in range(3)),
        f'name: "{name}: yes", custody: transit, key: RS256/2048, rotate-after: 60d, impersonation: true',
    )
    assert declared.apply(fleet).is_as_declared
    qk.provision(world.tenant, world.store, name=f"{name}-unmarked", scopes=["new:scope"], description="no: [yaml")
    world.create_with_secret(f"{name}-stranger")
    exported = export_fleet(declared.tenants, fleet=fleet, name=name, include_all=True)
    assert exported.clients >= 5
    assert f"{name}-stranger" in exported.text
    assert "nightly: {scopes: [user_default], owner: data@example.com, tags: [nightly]}" in exported.text
    again = manifest_of(exported.text)
    plan = again.plan(fleet)
    assert not plan.has_drift
    assert plan.counts["mark"] >= 1
    assert {each.change.kind for each in again.apply(fleet).changes} == {"mark"}
    assert again.plan(fleet).changes == ()
    assert f"{name}-stranger" not in {each.name for each in again.clients}


def test_a_plan_without_drift_asks_no_more_than_the_table_of_clients(world, name):
    # A folder of its own in the Vault: what other tests have left, which a plan looks at once more, is not in it.
    with qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, prefix=f"counted-{name}") as store:
        fleet = qk.Fleet({"here": (world.tenant, store)})
        manifest = file_of(name, *(f"name: {name}-{number}, description: d" for number in range(6)))
        assert manifest.apply(fleet).is_as_declared
        seen = []
        ends = [side.subscribe(lambda told: seen.append(told.method)) for side in (world.tenant, store)]
        for consent in (False, None):
            seen.clear()
            qk.clients(world.tenant, store, consent=consent)
            table = len(seen)
            seen.clear()
            assert manifest.plan(fleet, consent=consent).changes == ()
            assert table > 6
            assert len(seen) <= table + 1  # whether something is pending
            assert {*seen} <= {"GET", "LIST"}
        for end in ends:
            end()
        for client_id in store.client_ids(world.tenant.host):
            qk.delete(world.tenant, store, client_id, confirm=client_id)
