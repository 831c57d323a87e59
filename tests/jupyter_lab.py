"""A real JupyterLab with a folder, a home and settings of its own, for tests and screenshots."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
ATTEMPTS = 3
PATIENCE_SECONDS = 60
_WIDGETS = "@jupyter-widgets/jupyterlab-manager/plugin.jupyterlab-settings"
_THEMES = "@jupyterlab/apputils-extension/themes.jupyterlab-settings"
_NEWS = "@jupyterlab/apputils-extension/notification.jupyterlab-settings"


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}api", timeout=PATIENCE_SECONDS).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


class JupyterLab:
    """JupyterLab on a free port of loopback; ends its kernels when it is closed.

    Args:
        folder: an empty folder; `notebooks` in it is what the file browser shows.
        theme: the theme's name.
    """

    def __init__(self, folder: Path, *, theme: str = "JupyterLab Light"):
        self.notebooks = folder / "notebooks"
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        shutil.copytree(NOTEBOOKS, self.notebooks)
        self.log = folder / "log"
        self.token = secrets.token_hex(16)
        settings = folder / "settings"
        for name, value in {
            _WIDGETS: {"saveState": True},
            _THEMES: {"theme": theme},
            _NEWS: {"fetchNews": "false", "checkForUpdates": False},
        }.items():
            path = settings / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value))
        # Nothing of whoever runs the tests is found: no tenant, no Vault, no Jupyter settings.
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("QLIK", "VAULT", "BAO", "JUPYTER", "IPYTHON"))
        }
        command = [
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",
            f"--ServerApp.root_dir={self.notebooks}",
            f"--LabApp.user_settings_dir={settings}",
            f"--LabApp.workspaces_dir={folder / 'workspaces'}",
            *(["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []),
        ]
        environment = {**kept, "HOME": str(self.home), "JUPYTER_TOKEN": self.token, "PYTHONDONTWRITEBYTECODE": "1"}
        for _ in range(ATTEMPTS):
            with self.log.open("w") as log:
                self._process = subprocess.Popen(
                    command, env=environment, stdout=subprocess.DEVNULL, stderr=log, cwd=folder
                )
            self.url = self._wait_for_url()
            if self.url:
                return
            self.close()
        raise RuntimeError(f"JupyterLab did not start: {self.log.read_text()}")

    def _wait_for_url(self) -> str:
        """Return its address when it answers there, "" when it does not: it tells a port before it has it."""
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        with self.log.open() as log:
            url = ""
            while self._process.poll() is None and time.monotonic() < give_up_at:
                line = log.readline()
                if "http://127.0.0.1" in line:
                    url = line.split()[-1].split("?")[0].removesuffix("lab")
                if url and _answers(url):
                    return url
                if not line:
                    time.sleep(0.05)
        return ""

    def address_of(self, notebook: str) -> str:
        """Return the page that shows a notebook and nothing else of the laboratory."""
        return f"{self.url}doc/tree/{notebook}?token={self.token}"

    def close(self) -> None:
        """End the server, which ends its kernels."""
        self._process.terminate()
        self._process.wait()
