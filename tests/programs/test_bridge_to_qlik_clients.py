"""Qlik's own clients, unmodified, call a tenant with `qlik-keys token --exec`: the token is in the API key's place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fixtures.other_programs import NODE, installed_by_npm, installed_by_pip

pytestmark = [pytest.mark.openbao, pytest.mark.registry]

HERE = Path(__file__).parent
SANDBOX = HERE.parent / "sandbox"


@pytest.fixture(scope="module")
def qlik_api(tmp_path_factory):
    """The command that runs a program with @qlik/api."""
    folder = installed_by_npm(SANDBOX / "qlik_api", tmp_path_factory.mktemp("npm"))
    return [NODE, shutil.copy(HERE / "call_by_environment.mjs", folder)]


@pytest.fixture(scope="module")
def qlik_sdk(tmp_path_factory):
    """The command that runs a program with qlik-sdk; -I: in its environment and no other."""
    python = installed_by_pip(SANDBOX / "qlik_sdk" / "requirements.txt", tmp_path_factory.mktemp("pip"))
    return [python, "-I", str(HERE / "call_by_environment.py")]


@pytest.mark.parametrize("which", ["qlik_api", "qlik_sdk"])
def test_it_calls_as_the_client(request, shell, called, which):
    command = request.getfixturevalue(which)
    ended = shell('qlik-keys token --client "$CLIENT" --exec -- "$@"', *command, CLIENT=called.client_id)
    assert ended.returncode == 0, ended.stderr
    me = json.loads(ended.stdout)
    assert (me["clientId"], me["subject"]) == (called.client_id, f"qlikbot\\{called.client_id}")
