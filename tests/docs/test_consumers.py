"""The guide for consumers of a key, run as it stands there, with the consumer's policy and nothing more."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import hvac
import pytest

import qlik_keys as qk
from qlik_keys.sandbox.openbao import find_program

GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "consumers.md"


def snippets(language):
    """The code blocks of that language in the guide."""
    return re.findall(rf"```{language}\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


@dataclass
class Consumer:
    """A client with its key in the Vault, and an environment with a login for that key and nothing else."""

    client_id: str
    environment: dict
    folder: Path

    def run(self, *command):
        options = {"env": self.environment, "cwd": self.folder, "capture_output": True, "text": True, "timeout": 60}
        ended = subprocess.run(command, check=False, **options)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout


@pytest.fixture
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


@pytest.fixture
def store(box, request):
    custody = getattr(request, "param", "kv")
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody) as store:
        yield store


@pytest.fixture
def consumer(box, tenant, store, tmp_path):
    name = f"guide-{uuid.uuid4().hex[:12]}"
    made = qk.provision(tenant, store, name=name, scopes=["user_default"])
    root = hvac.Client(url=box.vault_url, token=box.vault_token)
    rules = qk.vault_policy("consumer", tenant_host=tenant.host, client_id=made.client_id, client_name=name)
    root.sys.create_or_update_policy(name, rules)
    token = root.auth.token.create(policies=[name])["auth"]["client_token"]
    root.adapter.close()
    path = f"{Path(find_program()).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {"PATH": path, "HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {"VAULT_ADDR": box.vault_url, "VAULT_TOKEN": token, "QLIK_TENANT_URL": box.tenant_url}
    environment |= {"TENANT_HOST": tenant.host, "CLIENT_ID": made.client_id}
    return Consumer(made.client_id, environment, tmp_path)


def test_by_the_vault_s_own_command_and_by_hvac_and_a_jwt_library(consumer, tenant, store):
    [command], key = snippets("sh"), store.read(tenant.host, consumer.client_id).current.private
    assert consumer.run("sh", "-c", command).strip() == key.reveal().strip()
    snippet = next(each for each in snippets("python") if "import httpx, hvac, jwt" in each)
    assert consumer.run(sys.executable, "-c", snippet).lower() == "bearer user_default\n"


@pytest.mark.parametrize("store", ["kv", "transit"], indirect=True)
def test_by_this_package_with_both_custodies_and_after_a_rotation(consumer, tenant, store):
    snippet = next(each for each in snippets("python") if "PrivateKeyJwtAuth" in each)
    for _ in range(2):
        assert consumer.run(sys.executable, "-c", snippet) == f"qlikbot\\{consumer.client_id}\n"
        qk.rotate(tenant, store, consumer.client_id, overlap=timedelta(0))


def test_by_an_agent_and_after_a_rotation(consumer, tenant, store):
    [configuration] = snippets("hcl")
    (consumer.folder / "agent.hcl").write_text(f"exit_after_auth = true\n{configuration}")
    (consumer.folder / "vault-token").write_text(consumer.environment["VAULT_TOKEN"])
    del consumer.environment["VAULT_TOKEN"]
    file = consumer.folder / "qlik-key.json"
    for _ in range(2):
        consumer.run(find_program(), "agent", "-config=agent.hcl")
        there, key = json.loads(file.read_text()), store.read(tenant.host, consumer.client_id).current
        assert there["private_key"] == key.private.reveal()
        assert (there["kid"], there["alg"], there["client_id"]) == (key.kid, key.alg, consumer.client_id)
        assert there["token_url"] == tenant.token_url
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        qk.rotate(tenant, store, consumer.client_id, overlap=timedelta(0))
