"""The OpenBao server that the sandbox and the tests run on."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from qlik_keys.sandbox.openbao import OpenBao, find_free_port

pytestmark = pytest.mark.openbao


def ask(server, path):
    return httpx.get(f"{server.url}/v1/{path}", headers={"X-Vault-Token": server.token})


def test_it_has_kv_version_2_and_transit(openbao):
    mounts = ask(openbao, "sys/mounts").json()["data"]
    assert mounts["secret/"]["options"]["version"] == "2"
    assert mounts["transit/"]["type"] == "transit"


def test_it_is_ready_when_start_returns():
    with OpenBao.start() as server:
        answer = httpx.post(
            f"{server.url}/v1/secret/data/a", headers={"X-Vault-Token": server.token}, json={"data": {"b": "c"}}
        )
        assert answer.status_code == 200


def test_its_token_is_its_own_and_not_shown(openbao):
    with OpenBao.start() as other:
        assert other.token != openbao.token
        stranger = httpx.get(f"{other.url}/v1/sys/mounts", headers={"X-Vault-Token": openbao.token})
        assert stranger.status_code == 403
        shown = repr(other) + str(vars(other)) + " ".join(psutil.Process(other.pid).cmdline())
        assert other.token not in shown


def test_the_token_file_and_the_settings_of_the_user_are_not_touched(tmp_path, monkeypatch):
    token_file = tmp_path / ".vault-token"
    token_file.write_text("hvs.mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("VAULT_TOKEN", "hvs.mine")
    monkeypatch.setenv("BAO_LISTEN_ADDRESS", "0.0.0.0:8200")
    monkeypatch.setenv("BAO_DEV_ROOT_TOKEN_ID", "hvs.mine")
    with OpenBao.start() as server:
        assert ask(server, "sys/mounts").status_code == 200
        assert server.token != "hvs.mine"
        assert "hvs.mine" not in psutil.Process(server.pid).environ().values()
    assert token_file.read_text() == "hvs.mine"
    assert list(tmp_path.iterdir()) == [token_file]


def test_stop_may_be_called_twice_and_frees_the_port():
    server = OpenBao.start()
    process = psutil.Process(server.pid)
    server.stop()
    server.stop()
    assert not server.running
    assert not process.is_running()
    assert "stopped" in repr(server)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", urlsplit(server.url).port))


def test_a_taken_port_is_tried_elsewhere():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], find_free_port()])
        with OpenBao.start(find_port=lambda: next(ports)) as server:
            assert urlsplit(server.url).port != taken.getsockname()[1]
            assert ask(server, "sys/mounts").status_code == 200


def test_it_outlives_the_thread_that_started_it():
    with ThreadPoolExecutor(1) as thread:
        server = thread.submit(OpenBao.start).result()
    with server:
        assert ask(server, "sys/mounts").status_code == 200


def test_a_forgotten_server_ends_with_its_interpreter():
    script = "from qlik_keys.sandbox.openbao import OpenBao; server = OpenBao.start(); print(server.pid)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not psutil.pid_exists(int(done.stdout))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
def test_a_killed_parent_takes_it_along():
    script = """
from qlik_keys.sandbox.openbao import OpenBao
server = OpenBao.start()
print(server.pid, flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        server = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    gone, _ = psutil.wait_procs([server], timeout=30)
    assert gone
