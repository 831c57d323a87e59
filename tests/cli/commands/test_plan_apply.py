"""`plan`, `apply` and `export`: exit codes, questions on a terminal, a secret that is shown once."""

from __future__ import annotations

import json
import re
import uuid

import pytest

import qlik_keys as qk

pytestmark = pytest.mark.openbao


@pytest.fixture
def name(tenant, store):
    name = f"cli-{uuid.uuid4().hex[:8]}"
    yield name
    for client in tenant.oauth_clients.list():
        if client.client_name.startswith(name):
            qk.delete(tenant, store, client.client_id, confirm=client.client_id)


@pytest.fixture
def fleet(tmp_path, name, box):
    """Write a fleet file of these clients; return its path."""

    def write(*clients, file="fleet.yaml"):
        path = tmp_path / file
        lines = "".join(f"  - {{name: {name}-{client}}}\n" for client in clients)
        vault = f"{{address: '{box.vault_url}', token-variable: VAULT_TOKEN}}"
        path.write_text(
            f"version: 1\nfleet: {name}\ndefaults: {{scopes: [user_default]}}\ntenants:\n"
            f"  here: {{url: '{box.tenant_url}', api-key-variable: QLIK_API_KEY, vault: {vault}}}\nclients:\n{lines}"
        )
        return str(path)

    return write


def test_a_schedule_plans_and_applies_and_a_second_time_there_is_nothing_to_do(qlik_keys, fleet, name):
    file = fleet("a", "b, methods: [private-key-jwt, client-secret]")
    planned = qlik_keys("plan", file)
    assert planned.code == 3
    assert re.search(rf"^create +here  {name}-a: scopes user_default", planned.out, re.MULTILINE)
    assert "2 create; 0 as declared." in planned.out
    asked = qlik_keys("apply", file)  # no one can answer
    assert (asked.code, "--yes" in asked.err) == (2, True)
    applied = qlik_keys("apply", file, "--yes")
    assert applied.code == 0, applied.err
    [secret] = re.findall(rf"Client secret of {name}-b on here \([0-9a-f]{{32}}\), shown this once: (\S+)", applied.out)
    assert applied.out.endswith("Changes: 2 made.\n")
    for words in (["plan", file], ["apply", file, "--yes"], ["apply", file, "--dry-run"]):
        again = qlik_keys(*words)
        assert (again.code, "No differences: 2 as declared." in again.out + again.err) == (0, True), again
        assert secret not in again.out + again.err
    assert qlik_keys("plan", QLIK_KEYS_FLEET=file).code == 0


def test_a_person_is_asked_and_about_deletions_apart_with_each_id(qlik_keys, terminal, fleet, tenant, name):
    file = fleet("a", "b")
    refused = terminal("apply", file, typed="n\n")
    assert (refused.code, "nothing was changed" in refused.err) == (1, True)
    assert tenant.oauth_clients.list(f'clientName eq "{name}-a"') == []
    assert terminal("apply", file, typed="y\n").code == 0
    [removed] = tenant.oauth_clients.list(f'clientName eq "{name}-b"')
    file = fleet("a, description: changed")
    left = qlik_keys("apply", file, "--yes")
    assert (left.code, "1 made, 1 left" in left.out) == (3, True), left.err
    refused = terminal("apply", file, "--prune", typed="n\n")
    assert f"Delete {removed.client_id} ({name}-b on here)" in refused.err
    assert "This cannot be undone" in refused.err
    assert tenant.oauth_clients.get(removed.client_id) == removed
    assert terminal("apply", file, "--prune", typed="y\n").code == 0
    assert qlik_keys("plan", file).code == 0


def test_with_json_both_streams_are_for_programs(qlik_keys, fleet, name, tmp_path):
    file = fleet("a, methods: [client-secret]")
    planned = qlik_keys("plan", file, "--json")
    assert (planned.code, planned.err) == (3, "")
    assert json.loads(planned.out)["counts"] == {"create": 1}
    applied = qlik_keys("apply", file, "--yes", "--json")
    assert (applied.code, applied.err) == (0, "")
    [made] = json.loads(applied.out)
    assert (made["outcome"], made["client"], len(made["client_secret"]) > 20) == ("done", f"{name}-a", True)
    bad = fleet("a, grup: x", file="bad.yaml")
    refused = qlik_keys("plan", bad, "--json")
    assert (refused.code, refused.out) == (1, "")
    [problem] = json.loads(refused.err)["problems"]
    assert (problem["line"], problem["hint"]) == (7, "Did you mean group?")
    assert json.loads(qlik_keys("plan", "--schema").out)["properties"]["version"]["const"] == 1
    assert qlik_keys("plan", str(tmp_path / "nothing.yaml")).code == 1


def test_an_export_can_be_planned_without_a_difference_and_overwrites_nothing(qlik_keys, fleet, name, tmp_path):
    file = fleet("a, owner: data@example.com", "b")
    assert qlik_keys("apply", file, "--yes").code == 0
    written = tmp_path / "exported.yaml"
    exported = qlik_keys("export", str(written), "--fleet", file, "--name", name)
    assert exported.code == 0, exported.err
    assert qlik_keys("plan", str(written)).code == 0
    refused = qlik_keys("export", str(written))
    assert (refused.code, "--force" in refused.err) == (1, True)
    shown = qlik_keys("export", "-", "--name", name)
    assert shown.code == 0
    assert shown.out.startswith("# yaml-language-server: $schema=https://")
    dead = qlik_keys("export", str(written), "--force", "--server", "http://127.0.0.1:9")
    assert (dead.code, written.read_text().startswith("# yaml")) == (1, True)


def test_a_second_file_of_one_name_is_held_and_a_fleet_gets_another_name(qlik_keys, fleet, name, tmp_path):
    file = fleet("a", "b", "d")
    assert qlik_keys("apply", file, "--yes").code == 0
    second = fleet("c", file="second.yaml")
    planned = qlik_keys("plan", second)
    assert (planned.code, "WARNING    3 of 3 clients" in planned.out) == (3, True)
    held = qlik_keys("apply", second, "--yes", "--prune", "--json")
    assert (held.code, held.err) == (3, "")
    assert {(each["outcome"], "--same-fleet" in each["reason"]) for each in json.loads(held.out)} == {("left", True)}
    renamed = tmp_path / "renamed.yaml"
    exported = qlik_keys("export", str(renamed), "--fleet", file, "--name", name)
    assert exported.code == 0
    renamed.write_text(renamed.read_text().replace(f"fleet: {name}", f"fleet: {name}.new"))
    assert f"--take-over {name}" in qlik_keys("plan", str(renamed)).out
    assert qlik_keys("apply", str(renamed), "--yes", "--take-over", name).code == 0
    assert qlik_keys("plan", str(renamed)).code == 0
    assert qlik_keys("export", str(renamed), "--fleet", file, "--force").code == 0
    assert f"fleet: {name}.new\n" in renamed.read_text()
    confirmed = qlik_keys("apply", second, "--yes", "--same-fleet")  # no client has the first name by now
    assert confirmed.code == 0
