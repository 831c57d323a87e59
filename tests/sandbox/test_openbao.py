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


def mounts(server, token=None):
    return httpx.get(f"{server.url}/v1/sys/mounts", headers={"X-Vault-Token": token or server.token})


def test_it_has_a_token_of_its_own_and_leaves_those_of_the_user_alone(openbao, tmp_path, monkeypatch):
    token_file = tmp_path / ".vault-token"
    token_file.write_text("hvs.mine")
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("VAULT_TOKEN", "BAO_DEV_ROOT_TOKEN_ID"):
        monkeypatch.setenv(name, "hvs.mine")
    monkeypatch.setenv("BAO_LISTEN_ADDRESS", "0.0.0.0:8200")
    with ThreadPoolExecutor(1) as thread:  # it outlives the thread that started it
        server = thread.submit(OpenBao.start).result()
    with server:
        found = mounts(server).json()["data"]
        assert (found["secret/"]["options"]["version"], found["transit/"]["type"]) == ("2", "transit")
        assert mounts(server, openbao.token).status_code == 403
        assert server.token not in ("hvs.mine", openbao.token)
        process = psutil.Process(server.pid)
        assert server.token not in repr(server) + str(vars(server)) + " ".join(process.cmdline())
        assert "hvs.mine" not in process.environ().values()
    assert token_file.read_text() == "hvs.mine"
    assert list(tmp_path.iterdir()) == [token_file]


def test_a_taken_port_is_tried_elsewhere_and_stop_frees_the_port_and_may_be_called_twice():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = iter([taken.getsockname()[1], find_free_port()])
        server = OpenBao.start(find_port=lambda: next(ports))
        port = urlsplit(server.url).port
        assert port != taken.getsockname()[1]
        assert mounts(server).status_code == 200
    process = psutil.Process(server.pid)
    server.stop()
    server.stop()
    assert (server.running, process.is_running(), "stopped" in repr(server)) == (False, False, True)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def test_a_server_that_is_never_stopped_ends_with_its_interpreter():
    script = "from qlik_keys.sandbox.openbao import OpenBao; server = OpenBao.start(); print(server.pid)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert not psutil.pid_exists(int(done.stdout))
