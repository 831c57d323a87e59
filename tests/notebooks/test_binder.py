"""What a Binder session gets: an environment from binder/'s files alone, the quickstart in it, and its memory."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest
from fixtures.fresh_copy import copy_of_the_repository
from jupyter_client.blocking import BlockingKernelClient

ROOT = Path(__file__).parents[2]
NOTEBOOK = Path("notebooks/01-quickstart.ipynb")
MEMORY_BOUND_MEGABYTES = 1024
PATIENCE_SECONDS = 120

pytestmark = [pytest.mark.openbao, pytest.mark.slow, pytest.mark.timeout(900)]


class Binder:
    """A clean copy of the repository, and the environment that its binder/ describes."""

    def __init__(self, folder):
        self.repository = folder / "repository"
        self.home = folder / "home"
        self.home.mkdir()
        environment = folder / "environment"
        copy_of_the_repository(self.repository)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        self.python = environment / "bin" / "python"
        # As repo2docker does it: the root of the repository is the working folder.
        # `--no-compile`, since nearly all of it is never imported here.
        options = ("--quiet", "--disable-pip-version-check", "install", "--no-compile")
        self.run(self.python, "-m", "pip", *options, "-r", "binder/requirements.txt")
        self.run("sh", "binder/postBuild")

    def environ(self, **more):
        """A session has nothing to fill in: no setting of the machine that runs the tests."""
        settings = ("QLIK", "VAULT", "BAO", "JUPYTER")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
        path = os.pathsep.join([str(self.python.parent), kept["PATH"]])
        return {**kept, "HOME": str(self.home), "PATH": path, "JUPYTER_RUNTIME_DIR": str(self.home / "runtime"), **more}

    def run(self, *arguments):
        return subprocess.run(arguments, cwd=self.repository, env=self.environ(), check=True, stdout=subprocess.PIPE)


@pytest.fixture(scope="module")
def binder(tmp_path_factory):
    return Binder(tmp_path_factory.mktemp("binder"))


@pytest.fixture
def session(binder):
    """JupyterLab as Binder starts it, with a kernel on the notebook; yields (server process, kernel client)."""
    token = secrets.token_hex(16)
    runtime = binder.home / "runtime"
    server = subprocess.Popen(
        [binder.python, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--ServerApp.port=0"]
        + (["--allow-root"] if os.geteuid() == 0 else []),
        cwd=binder.repository,
        env=binder.environ(JUPYTER_TOKEN=token),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        url = next(line.split()[-1] for line in server.stderr if "http://127.0.0.1" in line).split("?")[0]
        headers = {"authorization": f"token {token}"}
        with httpx.Client(base_url=url.removesuffix("lab"), headers=headers, timeout=PATIENCE_SECONDS) as api:
            assert api.get("lab").status_code == 200
            wanted = {"path": str(NOTEBOOK), "name": "", "type": "notebook", "kernel": {"name": "python3"}}
            made = api.post("api/sessions", json=wanted)
            kernel_id = made.raise_for_status().json()["kernel"]["id"]
            client = BlockingKernelClient(connection_file=str(runtime / f"kernel-{kernel_id}.json"))
            client.load_connection_file()
            client.hb_channel.time_to_dead = PATIENCE_SECONDS  # a busy machine answers a heartbeat late, and is alive
            client.start_channels()
            client.wait_for_ready(PATIENCE_SECONDS)
            yield psutil.Process(server.pid), client
            client.stop_channels()
            api.delete(f"api/kernels/{kernel_id}")
    finally:
        server.terminate()
        server.communicate()


@pytest.mark.parametrize("name", ["sandbox", "lab", "dev"])
def test_what_is_pinned_has_hashes_and_names_no_index(name):
    text = (ROOT / "requirements" / f"{name}.txt").read_text().replace("\\\n", " ")
    pinned = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert len(pinned) > 50
    for line in pinned:
        assert re.fullmatch(r"[\w.-]+(\[[\w,-]+\])?==[\w.+!]+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+", line), line
        assert "/" not in line


def test_everything_installed_is_pinned(binder):
    def normal(line):
        return re.sub(r"[-_.]+", "-", line.partition("==")[0]).lower(), line.partition("==")[2]

    text = (binder.repository / "requirements" / "lab.txt").read_text()
    pinned = re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?(==[\w.+!]+)", text, re.MULTILINE)
    frozen = binder.run(binder.python, "-m", "pip", "freeze", "--exclude", "qlik_keys").stdout.decode().splitlines()
    assert {normal(line) for line in frozen} <= {normal(name + version) for name, version in pinned}


def test_the_quickstart_runs_within_the_memory_of_a_session(binder, session, record_property):
    server, kernel = session
    measured = []
    notebook = json.loads((binder.repository / NOTEBOOK).read_text())
    for source in ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]:
        answer = kernel.execute_interactive(source, timeout=PATIENCE_SECONDS, output_hook=lambda _: None)
        assert answer["content"]["status"] == "ok"
        measured.append(memory_of([server, *server.children(recursive=True)]))
    largest = max(measured, key=lambda shares: sum(shares.values()))
    record_property("megabytes", sum(largest.values()))
    assert "bao" in " ".join(largest)
    assert sum(largest.values()) < MEMORY_BOUND_MEGABYTES


def memory_of(processes):
    """Return megabytes by process: PSS, which counts shared pages once; elsewhere than on Linux there is only RSS."""
    taken = {f"{process.name()} {process.pid}": process.memory_full_info() for process in processes}
    return {name: round(getattr(memory, "pss", memory.rss) / 2**20) for name, memory in taken.items()}
