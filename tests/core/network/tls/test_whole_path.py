"""Everything over TLS: the sandbox's own, and by real names through a proxy, with one connection to each server."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from fixtures.tls_servers import TENANT_NAME, VAULT_NAME, ConnectProxy

import qlik_keys as qk
from qlik_keys.errors import TenantUnreachable

pytestmark = pytest.mark.openbao
ES384 = qk.KeySpec("ES384")


@pytest.fixture(scope="module")
def tls_box():
    with qk.sandbox.start(tls=True) as box:
        yield box


def test_the_whole_path_by_the_sandboxs_authority(monkeypatch, tls_box):
    assert tls_box.tenant_url.startswith("https://127.0.0.1:")
    assert tls_box.vault_url.startswith("https://127.0.0.1:")
    monkeypatch.setenv("SSL_CERT_FILE", tls_box.ca_file)
    with (
        qk.QlikTenant(tls_box.tenant_url, credential=qk.ApiKey(tls_box.api_key)) as tenant,
        qk.VaultKeyStore(tls_box.vault_url, token=tls_box.vault_token, ca_cert=tls_box.ca_file) as store,
    ):
        made = qk.provision(tenant, store, name="by-tls", scopes=["user_default"], key=ES384)
        qk.rotate(tenant, store, made.client_id, overlap=timedelta(0))
        source = qk.TokenSource.from_store(store, tenant_url=tls_box.tenant_url, client_id=made.client_id)
        assert source.token().expires_at
        with httpx.Client(base_url=tls_box.tenant_url, auth=qk.PrivateKeyJwtAuth(source), follow_redirects=True) as api:
            assert api.get("/api/v1/users/me").json()["clientId"] == made.client_id
        assert list(qk.clients(tenant, store)["client_id"]) == [made.client_id]
    assert tls_box.requests()  # its own door speaks TLS too


def test_without_its_authority_it_is_not_trusted(tls_box):
    with (
        qk.QlikTenant(tls_box.tenant_url, credential=qk.ApiKey("k")) as tenant,
        pytest.raises(TenantUnreachable, match="does not trust"),
    ):
        tenant.metadata()


def test_its_environment_is_complete(monkeypatch, tmp_path):
    for name in ("QLIK_TENANT_URL", "QLIK_API_KEY", "VAULT_ADDR", "VAULT_TOKEN", "VAULT_CACERT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with qk.sandbox.start(tls=True) as box:
        ca_file = box.ca_file
        assert (Path(ca_file).parent.stat().st_mode & 0o077) == 0
        box.set_environment()
        assert os.environ["SSL_CERT_FILE"] == os.environ["VAULT_CACERT"] == ca_file
        settings = qk.Settings.resolve()
        with settings.tenant() as tenant, settings.store() as store:
            assert tenant.users.me().status == "active"
            assert store.client_ids(tenant.host) == []
    assert "SSL_CERT_FILE" not in os.environ
    assert not Path(ca_file).exists()


def test_the_command_prints_the_authoritys_file_and_writes_it(tmp_path):
    file = tmp_path / "box.env"
    command = [Path(sys.executable).with_name("qlik-keys"), "sandbox", "--tls", "--env-file", file]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        said = [process.stdout.readline() for _ in range(5)]
        assert file.stat().st_mode & 0o777 == 0o600
        shown = subprocess.run(
            ["sh", "-c", f". {file}; echo $SSL_CERT_FILE $VAULT_CACERT"], capture_output=True, text=True, check=True
        )
        process.send_signal(signal.SIGINT)
        process.communicate()
    ca_file = next(line for line in said if "authority" in line).split()[-1]
    assert shown.stdout.split() == [ca_file, ca_file]
    assert list(tmp_path.iterdir()) == []
    assert any("Set SSL_CERT_FILE and VAULT_CACERT to this file." in line for line in said)


@pytest.mark.parametrize("lies_there", [True, False])
def test_a_file_that_cannot_be_made_is_told_before_servers_are_started(tmp_path, lies_there):
    file = tmp_path / "box.env" if lies_there else tmp_path / "nowhere" / "box.env"
    if lies_there:
        file.write_text("mine")
    command = [Path(sys.executable).with_name("qlik-keys"), "sandbox", "--env-file", file]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"{file} cannot be created: {'File exists' if lies_there else 'No such file or directory'}." in ended.stderr
    assert [path.read_text() for path in tmp_path.iterdir()] == (["mine"] if lies_there else [])


@pytest.fixture
def named_tenant(certificates):
    """The simulator under the name of a real tenant: its API key and its port."""
    import uvicorn

    from qlik_keys.core.clock import SYSTEM_CLOCK
    from qlik_keys.sandbox.asgi import UVICORN_OPTIONS, create_app
    from qlik_keys.sandbox.simulator.tenant import SandboxTenant

    tenant = SandboxTenant(f"https://{TENANT_NAME}", clock=SYSTEM_CLOCK)
    files = certificates.files["good"]
    listener = socket.socket(proto=socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    app = create_app(tenant, control_token="c")
    secured = {"ssl_certfile": files.certificate, "ssl_keyfile": files.key}
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, **secured, **UVICORN_OPTIONS))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield tenant.api_key, listener.getsockname()[1]
    server.should_exit = server.force_exit = True
    thread.join()


def test_by_real_names_and_with_one_connection_to_each_server(monkeypatch, certificates, named_tenant, tls_openbao):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates.ca))
    api_key, port = named_tenant
    targets = {f"{TENANT_NAME}:443": port, f"{VAULT_NAME}:8200": urlsplit(tls_openbao.urls["good"]).port}
    with ConnectProxy(targets) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy.address}")
        with (
            qk.QlikTenant(f"https://{TENANT_NAME}", credential=qk.ApiKey(api_key)) as tenant,
            qk.VaultKeyStore(f"https://{VAULT_NAME}:8200", token=tls_openbao.token) as store,
        ):
            made = qk.provision(tenant, store, name="nightly-etl", scopes=["user_default"], key=ES384)
            qk.rotate(tenant, store, made.client_id, overlap=timedelta(0))
            assert store.read(TENANT_NAME, made.client_id).current.kid in {
                key.kid for key in tenant.oauth_clients.get(made.client_id).public_keys
            }
            qk.delete(tenant, store, made.client_id, confirm=made.client_id)
        assert sorted(proxy.connects) == sorted(targets)
