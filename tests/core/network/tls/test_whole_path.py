"""Everything over TLS, by the sandbox's own authority; and the command that starts it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

import qlik_keys as qk

pytestmark = pytest.mark.openbao


def test_a_whole_life_by_the_sandboxs_own_authority_and_environment(monkeypatch, tmp_path):
    for name in ("QLIK_TENANT_URL", "QLIK_API_KEY", "VAULT_ADDR", "VAULT_TOKEN", "VAULT_CACERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with qk.sandbox.start(tls=True) as box:
        ca_file = box.ca_file
        assert box.tenant_url.startswith("https://127.0.0.1:")
        assert box.vault_url.startswith("https://127.0.0.1:")
        assert (Path(ca_file).parent.stat().st_mode & 0o077) == 0
        box.set_environment()
        assert os.environ["SSL_CERT_FILE"] == os.environ["VAULT_CACERT"] == ca_file
        settings = qk.Settings.resolve()
        with settings.tenant() as tenant, settings.store() as store:
            made = qk.provision(tenant, store, name="by-tls", scopes=["user_default"])
            qk.rotate(tenant, store, made.client_id, overlap=timedelta(0))
            source = qk.TokenSource.from_store(store, tenant_url=box.tenant_url, client_id=made.client_id)
            auth = qk.PrivateKeyJwtAuth(source)
            with httpx.Client(base_url=box.tenant_url, auth=auth, follow_redirects=True) as api:
                assert api.get("/api/v1/users/me").json()["clientId"] == made.client_id
        assert box.requests()  # its own control uses TLS too
    assert "SSL_CERT_FILE" not in os.environ
    assert not Path(ca_file).exists()


def test_the_command_writes_the_authoritys_file_and_starts_nothing_where_a_file_cannot_be_created(tmp_path):
    program, file = Path(sys.executable).with_name("qlik-keys"), tmp_path / "box.env"
    command = [program, "sandbox", "--tls", "--env-file"]
    with subprocess.Popen([*command, file], stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline() for _ in range(5)]
        assert file.stat().st_mode & 0o777 == 0o600
        shown = subprocess.check_output(["sh", "-c", f". {file}; echo $SSL_CERT_FILE $VAULT_CACERT"], text=True)
        process.send_signal(signal.SIGINT)
        process.communicate()
    assert shown.split() == 2 * [next(line for line in said if "authority" in line).split()[-1]]
    assert list(tmp_path.iterdir()) == []
    assert any("Set SSL_CERT_FILE and VAULT_CACERT to this file." in line for line in said)
    file.write_text("mine")
    for path, reason in ((file, "File exists"), (tmp_path / "nowhere" / "box.env", "No such file or directory")):
        ended = subprocess.run([*command, path], capture_output=True, text=True, timeout=60, check=False)
        assert (ended.returncode, ended.stdout) == (1, "")
        assert f"{path} cannot be created: {reason}." in ended.stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]
