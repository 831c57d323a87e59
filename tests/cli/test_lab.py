"""`qlik-keys lab`: a real JupyterLab that ends with the command, however that ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

PROJECT = Path(__file__).parents[2]
PATIENCE_SECONDS = 60


def wait_for(look, what):
    end = time.monotonic() + PATIENCE_SECONDS
    while not (found := look()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is of POSIX")
@pytest.mark.slow
def test_a_killed_lab_leaves_no_server_and_no_kernel_and_kernels_find_our_commands(tmp_path):
    log = tmp_path / "log"
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "JUPYTER_PORT": "0",
        "JUPYTER_TOKEN": "a-token-of-the-test",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with log.open("w") as output:
        lab = subprocess.Popen(
            [str(Path(sys.executable).with_name("qlik-keys")), "lab", "--no-browser"],
            cwd=PROJECT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = wait_for(lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()), "no address in the log")[0]
        assert f"{url}lab/tree/01-quickstart.ipynb?token=" in log.read_text()
        headers = {"authorization": f"token {environment['JUPYTER_TOKEN']}"}
        answer = httpx.post(f"{url}api/kernels", headers=headers, json={"name": "python3"}, timeout=PATIENCE_SECONDS)
        assert answer.status_code == httpx.codes.CREATED, answer.text
        server = psutil.Process(lab.pid)

        def kernels():
            return [each for each in server.children(recursive=True) if "ipykernel_launcher" in each.cmdline()]

        [kernel] = wait_for(kernels, "no kernel")
        assert kernel.environ()["PATH"].split(os.pathsep)[0] == str(Path(sys.executable).parent)
        lab.kill()
        lab.wait()
        assert wait_for(lambda: not kernel.is_running(), "the kernel lives on")
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
    finally:
        lab.kill()
        lab.wait()
