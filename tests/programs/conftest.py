"""A client of the sandbox whose key is in the Vault, and a POSIX shell in which `qlik-keys` is a command."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig

import pytest
from fixtures.support import environment_of, made_client

import qlik_keys as qk


@pytest.fixture(scope="module")
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def called(box):
    """The client "called by programs"."""
    with made_client(box, "called by programs") as made:
        yield made


@pytest.fixture
def shell(box, tmp_path):
    """Run a script by `sh`, with the sandbox as tenant and Vault; return what ended."""
    path = [sysconfig.get_path("scripts"), "/usr/local/bin", "/usr/bin", "/bin"]
    environment = {**environment_of(box), "HOME": str(tmp_path), "PATH": os.pathsep.join(path)}
    environment["PYTHONPATH"] = os.pathsep.join(sys.path)
    options = {"cwd": tmp_path, "capture_output": True, "text": True, "timeout": 60}

    def run(script, *arguments, stdin="", **more):
        command = ["sh", "-eu", "-c", script, "sh", *arguments]
        return subprocess.run(command, env={**environment, **more}, input=stdin, check=False, **options)

    return run
