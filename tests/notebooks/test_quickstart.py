"""The quickstart as nbclient runs it, with no tenant, no Vault and nothing to fill in."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from fixtures.canaries import find_canaries
from fixtures.jupyter_lab import NOTEBOOKS

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


def test_it_runs_says_who_it_is_and_saves_no_secret(execute, tmp_path):
    notebook = nbformat.read(QUICKSTART, as_version=4)
    notebook.cells.insert(-1, nbformat.v4.new_code_cell(TELL))
    text, saved = "".join(execute(notebook)), nbformat.writes(notebook)
    assert re.search(r"nightly-etl [0-9a-f]{32}", text)
    assert re.search(r"I am qlikbot\\[0-9a-f]{32} and active", text)
    assert "<table" in saved
    assert "widgets" in notebook.metadata
    assert find_canaries(saved, json.loads((tmp_path / "secrets.json").read_text())) == []
