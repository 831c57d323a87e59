"""A client of the sandbox whose key is in the Vault, and a POSIX shell in which `qlik-keys` is a command."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig

import pytest
from fixtures.support import environment_of

import qlik_keys as qk

PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


@pytest.fixture(scope="module")
def called(box, tenant):
    """The client "called by programs"."""
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        made = qk.provision(tenant, store, name="called by programs", scopes=["user_default"])
        yield made
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)


@pytest.fixture
def shell(box, tmp_path):
    """Run a script by `sh`, as somebody whose tenant and Vault are the sandbox; return what ended."""

    def run(script, *arguments, stdin="", **more):
        environment = {
            **environment_of(box),
            "HOME": str(tmp_path),
            "PATH": os.pathsep.join([sysconfig.get_path("scripts"), "/usr/local/bin", "/usr/bin", "/bin"]),
            "PYTHONPATH": os.pathsep.join(sys.path),
            **more,
        }
        return subprocess.run(
            ["sh", "-eu", "-c", script, "sh", *arguments],
            env=environment,
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    return run
