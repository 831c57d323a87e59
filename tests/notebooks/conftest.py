"""A notebook as nbclient runs it, in a folder and an environment of its own, in which nothing is set."""

from __future__ import annotations

import os
import shutil

import pytest
from fixtures.jupyter_lab import NOTEBOOKS
from nbclient import NotebookClient


@pytest.fixture
def execute(monkeypatch, tmp_path):
    """Run a notebook and return the text of each cell's outputs."""
    for name in [name for name in os.environ if name.startswith(("QLIK_", "VAULT_", "BAO_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(NOTEBOOKS / "workshop_checks.py", tmp_path)

    def execute(notebook):
        resources = {"metadata": {"path": str(tmp_path)}}
        NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
        return [
            "".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in cell.get("outputs", []))
            for cell in notebook.cells
        ]

    return execute
