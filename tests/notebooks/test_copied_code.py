"""What the panel's copy buttons copy, run unmodified in a `%%bash` cell and in a Python cell."""

from __future__ import annotations

import os
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from fixtures.support import connected_controllers, environment_of, made_in_panel
from nbclient import NotebookClient

from qlik_keys.jupyter.panel.model.forms import CallForm, ClientForm, TokenForm
from qlik_keys.jupyter.panel.views import inspection_markup, markup

pytestmark = [pytest.mark.openbao, pytest.mark.slow]
# What every Python code may use is in the notebook that the panel is in.
PANEL = """
import os, qlik_keys as qk
settings = qk.Settings.resolve()
panel = qk.Panel(tenant=settings.tenant(), store=settings.store())
"""


VARIABLES = """
import subprocess
from qlik_keys.auth.assertion import client_assertion
words = ["qlik-keys", "token", "--client", client_id, "--stdout"]
os.environ["TOKEN"] = subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()
os.environ["CLIENT_ID"] = client_id
signer = panel.store.signer(panel.store.read(panel.tenant.host, client_id).current)
os.environ["ASSERTION"] = client_assertion(signer, client_id=client_id, audience=panel.tenant.token_url)
"""


class Copied(HTMLParser):
    """What the buttons of some markup copy."""

    def __init__(self, text):
        super().__init__()
        self.codes, self._inside = [], False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self._inside = tag == "code" or (self._inside and tag != "pre")
        if tag == "code":
            self.codes.append("")

    def handle_endtag(self, tag):
        if tag == "code":
            self._inside = False

    def handle_data(self, data):
        if self._inside:
            self.codes[-1] += data


@pytest.fixture
def controllers(box):
    connected = connected_controllers(box)
    yield connected
    connected.connection.end_session()


def kernel_environment(box, folder, monkeypatch):
    """Give kernels what a user has: the sandbox's variables, and the path that `qlik-keys lab` makes."""
    for name, value in environment_of(box).items():
        monkeypatch.setenv(name, value)
    programs, environment = folder / "bin", Path(sys.executable).parent
    programs.mkdir()
    bao = next(environment.glob("bao"), None) or shutil.which("bao")
    for name, line in (("qlik", 'printf "qlik was told %s\\n" "$*"'), ("vault", f'exec {bao or "true"} "$@"')):
        (programs / name).write_text(f"#!/bin/sh\n{line}\n")
        (programs / name).chmod(0o700)
    monkeypatch.setenv("PATH", os.pathsep.join([str(environment), str(programs), "/usr/bin", "/bin"]))
    monkeypatch.setenv("HOME", str(folder))


def run(cells, folder):
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    return [
        "\n".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in cell.outputs)
        for cell in notebook.cells
    ]


def test_every_copied_code_runs_as_it_stands_in_a_cell(controllers, box, monkeypatch, tmp_path):
    client_id = made_in_panel(controllers, "it's copied", scopes=("user_default", "admin_classic"))
    steps = markup.steps(controllers.state.new_client.steps)
    controllers.token.request(TokenForm(client_id=client_id, scopes=("user_default",)))
    tried = markup.steps(controllers.state.token.steps) + inspection_markup.token_parts(controllers.state.token.token)
    controllers.calls.call(CallForm(method="GET", path="v1/spaces?name=sales"))
    samples = dict(controllers.state.calls.answer.samples)
    form = ClientForm(name="made by the code", scopes=("apps:read",), description='it\'s "quoted"')
    cells = {
        "the panel": PANEL,
        "curl in bash": f"%%bash\n{samples['First, once in your shell']}\n{samples['curl']}",
        "qlik-keys": f"%%bash\n{samples['qlik-keys']}",
        "qlik-cli": f"%%bash\n{samples['qlik-cli']}",
        "Python": samples["Python"],
        "use it": Copied(markup.use_in_cell(client_id)).codes[-1],
        "the same in Python": controllers.new_client.code_of(form) + "\nprint(made.name)",
    }
    # Of the steps: what reads what is still there.
    codes = [code for code in Copied(steps + tried).codes if re.search(r"^(curl|qlik |vault |cat|import )", code)]
    reading = [code for code in dict.fromkeys(codes) if not re.search(r"POST|write|PUT|DELETE|delete|\.staged", code)]
    assert len(reading) > 8
    shells = {f"read {place}": code for place, code in enumerate(reading)}
    cells["the variables"] = f"client_id = {client_id!r}\n{VARIABLES}"
    for name, code in shells.items():
        cells[name] = code if code.startswith("import ") else f"%%bash\n{code}"
    kernel_environment(box, tmp_path, monkeypatch)
    before = box.requests()[-1]  # the sandbox keeps the newest 10,000: their number tells nothing
    told = dict(zip(cells, run(cells.values(), tmp_path), strict=True))
    assert box.requests()[-1] != before
    for name in ("curl in bash", "qlik-keys", "Python"):
        assert '"Sales"' in told[name], (name, told[name])
    assert "qlik was told raw get v1/spaces --query name=sales" in told["qlik-cli"]
    assert f"'clientId': '{client_id}'" in told["use it"]
    assert told["the same in Python"].strip() == "made by the code"
    for name, code in shells.items():
        assert "Error" not in told[name], (code, told[name])
