"""The quickstart as nbclient runs it, with no tenant, no Vault and nothing to fill in."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from fixtures.canaries import find_canaries
from fixtures.jupyter_lab import NOTEBOOKS
from nbclient import NotebookClient

pytestmark = [pytest.mark.openbao, pytest.mark.slow]
QUICKSTART = NOTEBOOKS / "01-quickstart.ipynb"
# The last cell ends the session; before it, the secrets are told on a way that no notebook keeps.
TELL = """
import pathlib, json
box = panel._controllers.connection.sandbox
private = store.read(tenant.host, made.client_id).current.private
pathlib.Path("secrets.json").write_text(json.dumps(
    {"API key": box.api_key, "Vault token": box.vault_token, "token": source.token().reveal(),
     "private key": private.reveal()}))
"""


@pytest.fixture
def quiet_environment(monkeypatch):
    for name in (
        "QLIK_TENANT_URL",
        "QLIK_API_KEY",
        "QLIK_CLIENT_ID",
        "QLIK_CLIENT_SECRET",
        "VAULT_ADDR",
        "VAULT_TOKEN",
    ):
        monkeypatch.delenv(name, raising=False)


def executed(tmp_path, extra=None):
    notebook = nbformat.read(QUICKSTART, as_version=4)
    if extra is not None:
        notebook.cells.insert(-1, nbformat.v4.new_code_cell(extra))
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute()
    return notebook


def test_it_is_stored_without_outputs():
    notebook = json.loads(QUICKSTART.read_text())
    assert [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")] == []
    assert "widgets" not in notebook["metadata"]


def test_it_runs_and_says_who_it_is(tmp_path, quiet_environment):
    notebook = executed(tmp_path)
    text = "".join(
        output.get("text", "") or output.get("data", {}).get("text/html", "")
        for cell in notebook.cells
        for output in cell.get("outputs", [])
    )
    assert re.search(r"nightly-etl [0-9a-f]{32}", text)
    assert re.search(r"I am qlikbot\\[0-9a-f]{32} and active", text)
    assert "<table" in text


def test_nothing_of_it_that_is_saved_has_a_secret(tmp_path, quiet_environment):
    notebook = executed(tmp_path, TELL)
    canaries = json.loads((tmp_path / "secrets.json").read_text())
    assert "widgets" in notebook.metadata
    assert find_canaries(nbformat.writes(notebook), canaries) == []
