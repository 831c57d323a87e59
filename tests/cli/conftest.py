"""The command line, run as a person runs it: settings by environment, two streams and an exit code back."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest
from support import environment_of

import qlik_keys as qk


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def settings(box, tmp_path):
    """The environment of somebody who uses the sandbox, and has nothing else."""
    return {**environment_of(box), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(sys.path)}


@pytest.fixture
def qlik_keys(settings):
    """Run `qlik-keys` in a process of its own."""

    def run(*words, stdin="", **more):
        command = [sys.executable, "-W", "error", "-c", "from qlik_keys.cli import main; main()", *words]
        ended = subprocess.run(
            command, env={**settings, **more}, input=stdin, capture_output=True, text=True, timeout=120, check=False
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


@pytest.fixture
def store(box):
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        yield store
