"""The name of a fleet: two files that share it, a fleet that gets another one, and the name that an export gives."""

from __future__ import annotations

import pytest

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.manifest.export import export_fleet
from qlik_keys.fleet.manifest.reading import manifest_of

pytestmark = pytest.mark.openbao


def file_of(fleet, *names):
    clients = "".join(f"  - {{name: {name}}}\n" for name in names)
    return manifest_of(
        f"version: 1\nfleet: {fleet}\ndefaults: {{scopes: [user_default]}}\n"
        f"tenants: {{here: {{url: https://acme.eu.qlikcloud.com}}}}\nclients:\n{clients or '  []'}"
    )


@pytest.fixture
def fleet(world):
    return qk.Fleet({"here": (world.tenant, world.store)})


def outcomes(applied):
    return sorted((each.change.kind, each.change.client.rpartition("-")[2], each.outcome) for each in applied.changes)


def test_a_second_file_of_one_name_makes_nothing_and_deletes_nothing_until_it_is_confirmed(world, fleet, name):
    a, b, c, d, e = (f"{name}-{letter}" for letter in "abcde")
    assert file_of(name, a, b, c, e).apply(fleet).is_as_declared
    second = file_of(name, d)
    plan = second.plan(fleet)
    assert "WARNING    4 of 4 clients with the mark of the fleet" in plan.to_text()
    assert "`qlik-keys apply --same-fleet`" in plan.to_dict()["warnings"][0]
    held = second.apply(fleet, plan=plan, prune=True)
    left = [("create", "d", "left"), *(("removed", letter, "left") for letter in "abce")]
    assert outcomes(held) == left
    assert all("--same-fleet" in each.change.reason for each in held.changes)
    # One of the first file's is in it: it is made what the file says, and what would go is held all the same.
    assert outcomes(file_of(name, a, d).apply(fleet, prune=True)) == [("create", "d", "done"), *left[2:]]
    # At least half of them are in it: this is how clients are removed from a file every day.
    usual = file_of(name, a, b, c, d)
    assert usual.plan(fleet).doubts == ()
    assert outcomes(usual.apply(fleet, prune=True)) == [("removed", "e", "done")]
    assert outcomes(file_of(name, d).apply(fleet, prune=True, same_fleet=True)) == [
        ("removed", letter, "done") for letter in "abc"
    ]
    assert file_of(name, d).plan(fleet).changes == ()
    # One or two are everyday work: the only client gets another name, and the last one goes.
    renamed = [("create", "b", "done"), ("removed", "d", "done")]
    assert outcomes(file_of(name, b).apply(fleet, prune=True)) == renamed
    assert outcomes(file_of(name).apply(fleet, prune=True)) == [("removed", "b", "done")]


def test_a_fleet_gets_another_name_and_gives_clients_away_and_leaves_the_others_alone(world, fleet, name):
    a, b = f"{name}-a", f"{name}-b"
    before = file_of(name, a, b)
    before.apply(fleet)
    after = file_of(f"{name}.new", a)
    [blocked] = after.plan(fleet).changes
    assert (blocked.kind, f"--take-over {name}" in blocked.reason) == ("blocked", True)
    plan = after.plan(fleet, take_over=name)
    assert [(each.kind, each.fields) for each in plan.changes] == [("change", (("fleet", name, f"{name}.new"),))]
    assert outcomes(after.apply(fleet, plan=plan, take_over=name, prune=True)) == [("change", "a", "done")]
    assert after.plan(fleet).changes == ()
    assert [(each.kind, each.client) for each in before.plan(fleet).changes] == [("blocked", a)]
    assert file_of(name, b).plan(fleet).changes == ()


def test_an_export_takes_a_name_of_its_own_or_that_of_the_marks_and_asks_where_there_are_several(world, name):
    # A folder of its own in the Vault: what other tests have marked is not in it.
    with qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, prefix=f"names-{name}") as store:
        fleet = qk.Fleet({"here": (world.tenant, store)})
        references = {"here": qk.TenantReference(url=world.tenant.url)}
        exported = [export_fleet(references, fleet=fleet) for _ in range(2)]
        names = {each.fleet for each in exported}
        assert len(names) == 2  # two teams that begin from one tenant
        assert all(each.startswith("here-") for each in names)
        assert f"fleet: {exported[0].fleet}\n" in exported[0].text
        file_of(name, f"{name}-a").apply(fleet)
        marked = export_fleet(references, fleet=fleet)
        assert (marked.fleet, marked.clients) == (name, 1)
        assert f"{name!r}, whose mark 1 of the clients carry" in marked.notices[0]
        file_of(f"{name}.2", f"{name}-b").apply(fleet)
        with pytest.raises(ConfigurationError, match=r"marks of 2 fleets.*--name"):
            export_fleet(references, fleet=fleet)
        own = export_fleet(references, fleet=fleet, name=f"{name}.3")
        assert (own.clients, own.notices) == (0, ())
        for one in ("", ".2"):
            file_of(f"{name}{one}").apply(fleet, prune=True, same_fleet=True)
        assert not store.client_ids(world.tenant.host)
