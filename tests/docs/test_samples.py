"""Every sample of the documentation: Python and commands run against the sandbox; what cannot run there is checked."""

from __future__ import annotations

import json
import os
import re
import shlex
import sqlite3
import tomllib
from datetime import timedelta
from pathlib import Path

import pytest
from fixtures.cli_here import in_a_pipe_here
from fixtures.own_commands import assert_parses
from fixtures.support import machine_client, move_in, write_contexts

import qlik_keys as qk
from qlik_keys.config.environment import VARIABLES

pytestmark = pytest.mark.openbao
ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
GUIDE_OF_CONSUMERS = ROOT / "docs" / "guides" / "consumers.md"  # test_consumers runs all of it
ID = "0123456789abcdef0123456789abcdef"
CONFIRMED = f"--confirm {ID}"  # of nightly-etl, elsewhere the id is that of a client that was made elsewhere
# A command line that is only parsed: it starts servers, waits for a key or a person, or needs another program.
ONLY_PARSED = (
    "demo",
    "sandbox",
    "lab",
    "context create",
    "token",
    "raw post",
    "--as-subject",
    "--all-contexts",
    "--dask",
    "--from-file",
    "notify",
)


def blocks(page, language):
    return [body for name, body in FENCE.findall(page.read_text("utf-8")) if name == language]


def commands(page):
    """The command lines of a page, without comments, pipes and redirects."""
    lines = "\n".join(blocks(page, "sh")).splitlines()
    return [re.split(r"\s+#\s|\s\|\s|\s<\s", line)[0].strip() for line in lines if line.startswith("qlik-keys ")]


def write_files(page, home):
    """Write the YAML files of a page; each begins with a comment that has its name."""
    for block in blocks(page, "yaml"):
        (home / block.splitlines()[0].removeprefix("# ")).write_text(block)


def name_of(page):
    return page.relative_to(ROOT).as_posix()


@pytest.fixture
def places(box):
    """A tenant and a store."""
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        yield tenant, store


@pytest.fixture
def home(box, tmp_path, monkeypatch):
    """A folder and an environment of a user of the sandbox."""
    file = move_in(monkeypatch, tmp_path, box)
    file.write_text(file.read_text().replace("practice", "prod"))
    program = tmp_path / "kubectl"  # a program that a hook of the guides runs
    program.write_text("#!/bin/sh\n")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


@pytest.fixture
def made(places):
    """The client that the guides call nightly-etl; every client is removed afterwards."""
    tenant, store = places
    before = {each.client_id for each in tenant.oauth_clients.iterate()}
    yield qk.provision(tenant, store, name="nightly-etl", scopes=["user_default"])
    for client_id in {each.client_id for each in tenant.oauth_clients.iterate()} - before:
        qk.delete(tenant, store, client_id, confirm=client_id)


@pytest.fixture
def made_elsewhere(places, made):
    """The id of a machine that was registered without this package, and logs in by a client secret."""
    del made  # its fixture removes this client too
    return places[0].oauth_clients.create(machine_client("made-elsewhere")).client.client_id


def is_magic(block):
    return block.startswith("%")


RUN = [page for page in PAGES if page != GUIDE_OF_CONSUMERS and blocks(page, "python")]


@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_python_runs(page, home, places, made, made_elsewhere, capsys):  # noqa: PLR0917  # fixtures
    write_files(page, home)
    connection = sqlite3.connect(home / "clients.db")
    given = {"qk": qk, "tenant": places[0], "store": places[1], "made": made, "client_id": made_elsewhere}
    given |= {"connection": connection, "timedelta": timedelta}
    names = {}
    for block in blocks(page, "python"):
        if not is_magic(block):
            # The file of pandas and pyarrow is tested where pyarrow is installed (tests/inventory).
            code = "\n".join(line for line in block.splitlines() if "# needs pyarrow" not in line)
            names |= given
            exec(compile(code, name_of(page), "exec"), names)
    connection.close()
    assert "Traceback" not in capsys.readouterr().out


def test_the_magics_run(box, shell, made, tmp_path):
    write_contexts(tmp_path, box)
    [block] = [each for each in blocks(ROOT / "docs" / "guides" / "notebooks.md", "python") if is_magic(each)]
    for line in block.splitlines():
        if line != "%load_ext qlik_keys":  # the fixture has loaded it
            assert shell.run_cell(line).success, line
    assert shell.user_ns["me"]["subject"].startswith("qlikbot\\")
    assert "nightly-etl" in set(shell.user_ns["clients"]["clientName"])


@pytest.mark.parametrize("page", [page for page in PAGES if commands(page)], ids=name_of)
def test_commands_run(page, home, made, made_elsewhere):
    write_files(page, home)
    (home / "client.json").write_text(json.dumps({"appType": "native", "clientName": "n"}))
    for shown in commands(page):
        if any(shown.startswith(f"qlik-keys {words}") or words in shown for words in ONLY_PARSED):
            assert_parses(shlex.split(shown)[1:])
            continue
        line = shown.replace(CONFIRMED, f"--confirm {made.client_id}").replace(ID, made_elsewhere)
        if "TOKEN-ID" in line:
            tokens = json.loads(in_a_pipe_here(["oauth-token", "ls", "--json"], os.environ).out)
            line = line.replace("TOKEN-ID", tokens[0]["id"])
        words = shlex.split(line)
        ended = in_a_pipe_here(words[1:], os.environ)
        # 3 is "there are findings", which a sandbox may have.
        assert ended.code == 0 or (ended.code == 3 and words[1] in {"audit", "doctor"}), (line, ended)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_other_lines_of_a_shell_name_what_is_there(page):
    """Targets of make, extras of pip, tests, and variables."""
    targets = {*re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    for line in "\n".join(blocks(page, "sh")).splitlines():
        words = shlex.split(line, comments=True)
        match words:
            case ["make", *rest]:
                assert {each for each in rest if "=" not in each} <= targets, line
            case ["pip", "install", package]:
                extras = re.search(r"\[(.*)\]", package)
                assert set(extras[1].split(",") if extras else ()) <= set(project["optional-dependencies"]), line
                assert package.startswith(project["name"])
            case [program, "-m", "pytest", path, *_]:
                assert program == ".venv/bin/python"
                assert (ROOT / path).exists(), line
            case ["export", *settings]:
                assert {each.partition("=")[0] for each in settings} <= {each.name for each in VARIABLES}, line
            case ["bao" | "qlik-keys", *_] | [".venv/bin/pre-commit", "install"] | []:
                pass
            case _:
                pytest.fail(f"{name_of(page)}: nothing checks the line {line!r}")


def test_each_sample_is_of_a_kind_that_is_checked_and_the_first_is_the_same_everywhere():
    found = {language for page in PAGES for language, _ in FENCE.findall(page.read_text("utf-8"))}
    # hcl: test_consumers; yaml: tests/fleet/manifest; text and none: layouts and trees
    assert found <= {"python", "sh", "hcl", "yaml", "text", ""}
    [first, *_] = blocks(ROOT / "README.md", "python")
    assert blocks(ROOT / "docs" / "getting-started.md", "python") == [first]
