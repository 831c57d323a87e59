"""Hooks in a fleet file: each mistake with its place, for which clients they are, and who runs them."""

from __future__ import annotations

import json
import pickle
import sys
from dataclasses import replace
from datetime import timedelta

import pytest
from fixtures.cli_here import in_a_pipe_here
from fixtures.support import environment_of

import qlik_keys as qk
from qlik_keys.errors import FleetError, ManifestError
from qlik_keys.fleet.manifest.reading import manifest_of
from qlik_keys.lifecycle.hooks.definition import Hook

HEAD = "version: 1\nfleet: f\ndefaults: {scopes: [user_default]}\ntenants: {prod: {context: a}, test: {context: b}}\n"
SECRET = "AAAA-canary-9f8e7d6c5b4a39281706f5e4d3c2b1a0"
MISTAKES = [
    ("hooks:\n  a: {comand: [x], clients: [c]}\n", 6, 7, "Did you mean command?"),
    ("hooks:\n  a: {url: https://a.example, clients: [c]}\n", 6, 7, "There are: command, url-variable"),
    ("hooks:\n  a: {clients: [c]}\n", 6, 3, "needs exactly one of command and URL"),
    ("hooks:\n  a: {command: kubectl, clients: [c]}\n", 6, 16, "A list is expected here"),
    ("hooks:\n  a: {command: [x], timeout: 2d, clients: [c]}\n", 6, 30, "at most an hour"),
    ("hooks:\n  A b: {command: [x], clients: [c]}\n", 6, 3, "not a name for a hook"),
    ("hooks:\n  a: {command: [x]}\n", 6, 3, "This hook is for no client"),
    (f"hooks:\n  a: {{command: [curl, {SECRET}], clients: [c]}}\n", 6, 23, "looks like a secret"),
    ("clients: [{name: c, hooks: [b]}]\nhooks:\n  bb: {command: [x], clients: [c]}\n", 5, 29, "Did you mean bb?"),
    ("groups: {g: {hooks: [b]}}\n", 5, 22, "no such hook"),
    ("groups: {scopes: {taks: [b]}}\n", 5, 19, "Did you mean tags?"),
    ("hooks:\n  clients: {comand: [x], clients: [c]}\n", 6, 13, "Did you mean command?"),
]


@pytest.mark.parametrize(("text", "line", "column", "message"), MISTAKES)
def test_a_mistake_is_told_with_its_place_and_without_its_value(text, line, column, message):
    with pytest.raises(ManifestError) as caught:
        manifest_of(HEAD + text)
    [problem] = caught.value.problems
    assert (problem.line, problem.column) == (line, column), problem
    assert message in f"{problem.message} {problem.hint}"
    assert SECRET not in str(caught.value)


def test_a_hook_is_for_the_clients_that_name_it_and_for_its_own_patterns_by_tenant():
    manifest = manifest_of(
        HEAD + "groups: {g: {hooks: [grouped]}}\n"
        "clients:\n"
        "  - {name: 'a[1]', tenants: [prod], hooks: [own]}\n"
        "  - {name: b, group: g}\n"
        "  - {name: 'a[1]', tenants: [test]}\n"
        "hooks:\n"
        "  own: {command: [restart, a], timeout: 90s, clients: ['z-*']}\n"
        "  grouped: {url-variable: HOOK_URL}\n"
    )

    def names(tenant, client):
        return [each.name for each in manifest.hooks[tenant] if each.is_for("0" * 32, client)]

    assert (names("prod", "a[1]"), names("test", "a[1]")) == (["own"], [])
    assert (names("prod", "a1"), names("prod", "b"), names("test", "z-9")) == ([], ["grouped"], ["own"])
    assert manifest.hooks["prod"][0].timeout == timedelta(seconds=90)
    assert pickle.loads(pickle.dumps(manifest)).hooks["test"][1].url_variable == "HOOK_URL"
    fleet = manifest.fleet_of_tenants()
    assert [each.name for each in fleet.only(["test"]).with_runner("threads").hooks["test"]] == ["own", "grouped"]
    assert qk.Manifest(fleet="f", tenants=manifest.tenants).fleet_of_tenants().hooks == {}


@pytest.fixture
def told(tmp_path):
    """A program that notes for which client it runs, and fails while a file is there; its command as YAML."""
    log, fails = tmp_path / "log", tmp_path / "fails"
    program = tmp_path / "hook.py"
    program.write_text(
        "import os, pathlib, sys\n"
        f"with open({str(log)!r}, 'a') as file: print(os.environ['QLIK_KEYS_CLIENT_NAME'], file=file)\n"
        f"sys.exit(pathlib.Path({str(fails)!r}).exists())\n"
    )

    def taken():
        lines = log.read_text().splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return sorted(lines)

    return json.dumps([sys.executable, str(program)]), taken, fails


def age(world, client_id):
    record = world.store.read(world.tenant.host, client_id)
    by = timedelta(days=100)
    older = record.with_key(
        replace(record.current, made_at=record.current.made_at - by, promoted_at=record.current.made_at - by)
    )
    world.store.write(replace(older, rotate_by=record.rotate_by - by), read_back=False)


@pytest.mark.openbao
def test_apply_and_rotate_run_them_and_apply_finishes_what_failed(world, box, name, told, tmp_path):
    command, taken, fails = told
    vault = f"{{address: '{box.vault_url}', token-variable: VAULT_TOKEN}}"
    file = tmp_path / "fleet.yaml"
    file.write_text(
        f"version: 1\nfleet: {name}\ndefaults: {{scopes: [user_default], rotate-after: 90d}}\n"
        f"tenants: {{here: {{url: '{box.tenant_url}', api-key-variable: QLIK_API_KEY, vault: {vault}}}}}\n"
        f"clients:\n  - {{name: {name}-a, hooks: [restart]}}\n  - {{name: {name}-b}}\n"
        f"hooks:\n  restart: {{command: {command}}}\n"
    )
    manifest = qk.Manifest.from_file(file)
    fleet = qk.Fleet({"here": (world.tenant, world.store)})
    ids = {each.change.client.removeprefix(f"{name}-"): each.client_id for each in manifest.apply(fleet).changes}
    assert taken() == []  # a new client has no consumer yet
    for client_id in ids.values():
        age(world, client_id)
    plan = manifest.plan(fleet)
    assert {each.client: each.hooks for each in plan.changes} == {f"{name}-a": ("restart",), f"{name}-b": ()}
    assert "then these hooks run: restart" in plan.to_text()
    fails.touch()
    assert {each.outcome for each in manifest.apply(fleet, plan=plan).changes} == {"done"}
    assert taken() == [f"{name}-a"]
    [left] = manifest.plan(fleet).changes
    assert (left.kind, left.reason) == ("finish", "these hooks have not succeeded: restart")
    with pytest.raises(FleetError):
        manifest.apply(fleet)
    fails.unlink()
    manifest.apply(fleet)
    assert taken() == [f"{name}-a"] * 2
    assert manifest.plan(fleet).changes == ()

    def run(*words, **more):
        ended = in_a_pipe_here(words, {**environment_of(box), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", **more})
        assert ended.code == 0, ended.err
        return ended.out + ended.err

    # Commands for the tenants of the file run them too, unless they are given others.
    others = tmp_path / "hooks.yaml"
    others.write_text(f"hooks: {{other: {{command: {command}, clients: ['{name}-b']}}}}\n")
    named = ("rotate", "--due", "--name", f"{name}-*", "--yes")
    for words, expected in (
        ((*named, "--fleet", str(file)), ["a"]),
        ((*named, "--fleet", str(file), "--hooks", str(others)), ["b"]),
        (("rotate", f"{name}-a", "--fleet", str(file)), ["a"]),
        (("rotate", f"{name}-b", "--fleet", str(file)), []),
    ):
        for client_id in ids.values():
            qk.retire_due(world.tenant, world.store, client_id, force=True)
            age(world, client_id)
        shown = run(*words, QLIK_KEYS_HOOKS=str(others))
        assert taken() == [f"{name}-{each}" for each in expected], words
        if words[1] == "--due":
            which = "other" if "--hooks" in words else "restart"
            assert (
                f"- {which}: the program '{sys.executable.rpartition('/')[2]}', at most 5 minutes (1 client)" in shown
            )
    # The fleet file of the environment is not that of a client that is named alone.
    qk.retire_due(world.tenant, world.store, ids["b"], force=True)
    run("rotate", f"{name}-b", QLIK_KEYS_HOOKS=str(others), QLIK_KEYS_FLEET=str(file))
    assert taken() == [f"{name}-b"]


def test_hooks_of_a_fleet_are_checked():
    fleet = qk.Fleet({"a": qk.TenantReference(context="a")})
    with pytest.raises(TypeError, match="must be a Hook"):
        fleet.with_hooks({"a": ("restart",)})
    assert fleet.with_hooks({"a": (Hook("x", command=["true"]),)}).hooks["a"][0].name == "x"
