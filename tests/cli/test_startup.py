"""What a command loads: for a token no more than a token needs."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from fixtures.support import environment_of, made_client

pytestmark = pytest.mark.openbao
LOADED = """
import json, sys
sys.argv[0] = "qlik-keys"
from qlik_keys.cli import main
try:
    main()
except SystemExit as ended:
    code = ended.code
with open({path!r}, "w") as file:
    json.dump([code, sorted(sys.modules)], file)
"""
# 590 with httpx, hvac, typer and cryptography as they are now, of which `import httpx, hvac` alone brings 490.
MOST_MODULES = 650
# Each is a tenth to a third of the time of the whole command.
NOT_FOR_A_TOKEN = {
    "IPython", "asyncio", "click", "cryptography.x509", "filelock", "jwcrypto", "pandas", "pydantic", "rich",
    "tenacity", "tornado", "yaml", "qlik_keys.cli.options.request_options", "qlik_keys.inventory.tables",
    "qlik_keys.tenant.resources.models",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, "started", scopes=["user_default"]) as made:
        yield made


@pytest.fixture
def loaded_by(box, tmp_path):
    """Run a command, and return what it printed and which modules it had loaded."""

    def run(*words, **environment):
        path = tmp_path / "modules.json"
        # Nobody's contexts, so that no YAML is read.
        settings = {**os.environ, **environment_of(box), "HOME": str(tmp_path), **environment}
        done = subprocess.run(
            [sys.executable, "-c", LOADED.format(path=str(path)), *words],
            env=settings, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        code, modules = json.loads(path.read_text())
        assert not code, done.stderr
        return done.stdout, {name for name in modules if name != "httpx._main"}

    return run


@pytest.mark.parametrize("client", ["id", "name"])
def test_a_token_loads_what_a_token_needs(loaded_by, made, client):
    printed, modules = loaded_by("token", "--client", made.client_id if client == "id" else "started", "--stdout")
    assert len(printed.split()) == 1
    assert modules & NOT_FOR_A_TOKEN == set()
    assert len(modules) <= MOST_MODULES


def test_ids_alone_need_no_table(loaded_by, made):
    printed, modules = loaded_by("clients", "--quiet", VAULT_ADDR="")
    assert made.client_id in printed.split()
    assert modules & {"pandas", "numpy", "hvac", "qlik_keys.inventory.tables"} == set()


def test_the_package_runs_as_a_module():
    command = [sys.executable, "-m", "qlik_keys", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("Usage: qlik-keys ")
