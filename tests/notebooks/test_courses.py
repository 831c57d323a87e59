"""The notebooks for data engineers and for workshops, as nbclient runs them: whole, and without a secret."""

from __future__ import annotations

import json
import re
import shutil

import nbformat
import pytest
from canaries import find_canaries
from jupyter_lab import NOTEBOOKS
from nbclient import NotebookClient
from support import environment_of

import qlik_keys as qk
from qlik_keys.tenant import eq

pytestmark = [pytest.mark.openbao, pytest.mark.slow]
ENGINEERS, WORKSHOP = NOTEBOOKS / "02-data-engineers.ipynb", NOTEBOOKS / "03-workshop.ipynb"
ANALYSTS = NOTEBOOKS / "04-analysts.ipynb"
VARIABLES = ("QLIK_TENANT_URL", "QLIK_API_KEY", "QLIK_CLIENT_ID", "QLIK_CLIENT_SECRET", "VAULT_ADDR", "VAULT_TOKEN")


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch, tmp_path):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    shutil.copy(NOTEBOOKS / "workshop_checks.py", tmp_path)


def execute(notebook, folder):
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources=resources).execute()
    return [
        "".join(out.get("text", "") or out.get("data", {}).get("text/plain", "") for out in cell.get("outputs", []))
        for cell in notebook.cells
    ]


@pytest.mark.parametrize("path", [ENGINEERS, WORKSHOP, ANALYSTS], ids=["engineers", "workshop", "analysts"])
def test_they_are_stored_without_outputs(path):
    notebook = json.loads(path.read_text())
    assert [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")] == []
    assert "widgets" not in notebook["metadata"]


def test_the_engineers_notebook_practises_where_no_tenant_is_set(tmp_path):
    notebook = nbformat.read(ENGINEERS, as_version=4)
    text = "\n".join(execute(notebook, tmp_path))
    assert "SANDBOX, nothing here is real: http://127.0.0.1" in text
    assert "made now" in text
    assert text.count("active") == 3
    assert re.search(r"retired: \d{4}-\d\d-\d\d_", text)


def test_the_engineers_notebook_takes_tenant_and_vault_from_the_environment(box, monkeypatch, tmp_path):
    for name, value in environment_of(box).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(ENGINEERS, as_version=4)
    text = "\n".join(execute(notebook, tmp_path))
    assert f"REAL tenant: {box.tenant_url}" in text
    assert find_canaries(nbformat.writes(notebook), [box.api_key, box.vault_token]) == []
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        assert tenant.oauth_clients.list(eq("clientName", "qlik-keys-notebook-02")) == []


@pytest.mark.parametrize("real", [False, True], ids=["sandbox", "tenant of the environment"])
def test_the_analysts_notebook_breaks_a_client_and_mends_it(real, box, monkeypatch, tmp_path):
    for name, value in environment_of(box).items() if real else ():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(ANALYSTS, as_version=4)
    texts = execute(notebook, tmp_path)
    text = "\n".join(texts)
    assert (f"REAL tenant: {box.tenant_url}" if real else "SANDBOX, nothing here is real") in text
    assert "'subject': 'qlikbot\\\\" in text
    assert "'made by notebook 04'" in text
    assert "UsageError" in text
    assert "healthy again: True" in text
    assert find_canaries(nbformat.writes(notebook), [box.api_key, box.vault_token]) == []
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        assert tenant.oauth_clients.list(eq("clientName", "qlik-keys-notebook-04")) == []


def test_the_workshop_tells_what_is_missing_until_it_is_solved(tmp_path):
    texts = execute(nbformat.read(WORKSHOP, as_version=4), tmp_path)
    assert sum("Not yet" in text for text in texts) == 8
    assert not any("✓" in text for text in texts)


def test_every_solution_of_the_workshop_passes_its_check(tmp_path):
    notebook = nbformat.read(WORKSHOP, as_version=4)
    solutions = [
        code
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for code in re.findall(r"<summary>A solution</summary>\n\n```python\n(.*?)\n```", cell.source, re.DOTALL)
    ]
    exercises = [cell for cell in notebook.cells if re.search(r"# exercise \d$", cell.source)]
    assert len(solutions) == len(exercises) == 8
    for cell, solution in zip(exercises, solutions, strict=True):
        cell.source = solution
    texts = execute(notebook, tmp_path)
    assert sum("✓" in text for text in texts) == 8
    assert not any("Not yet" in text for text in texts)
