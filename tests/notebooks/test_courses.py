"""The notebooks as nbclient runs them: whole, with nothing to fill in, and without a secret."""

from __future__ import annotations

import json
import os
import re
import shutil

import nbformat
import pytest
from fixtures.canaries import find_canaries
from fixtures.jupyter_lab import NOTEBOOKS
from fixtures.support import environment_of
from nbclient import NotebookClient

import qlik_keys as qk
from qlik_keys.tenant import eq

pytestmark = [pytest.mark.openbao, pytest.mark.slow]
# The last cell ends the session; before it, the secrets are written where no notebook keeps them.
TELL = """
import pathlib, json
box = panel._controllers.connection.sandbox
private = store.read(tenant.host, made.client_id).current.private
pathlib.Path("secrets.json").write_text(json.dumps(
    {"API key": box.api_key, "Vault token": box.vault_token, "token": source.token().reveal(),
     "private key": private.reveal()}))
"""


@pytest.fixture
def execute(monkeypatch, tmp_path):
    """Run a notebook in an environment in which nothing is set, and return the text of each cell's outputs."""
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


def read(name):
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def test_each_notebook_is_stored_without_outputs_and_stands_in_the_readme():
    names = re.findall(r"^\| \[.*\]\(notebooks/(.*)\)", (NOTEBOOKS.parent / "README.md").read_text(), re.MULTILINE)
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == {*names}
    for name in names:
        notebook = json.loads((NOTEBOOKS / name).read_text())
        assert [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")] == []
        assert "widgets" not in notebook["metadata"]


def test_the_quickstart_runs_says_who_it_is_and_saves_no_secret(execute, tmp_path):
    notebook = read("01-quickstart")
    notebook.cells.insert(-1, nbformat.v4.new_code_cell(TELL))
    text, saved = "".join(execute(notebook)), nbformat.writes(notebook)
    assert re.search(r"nightly-etl [0-9a-f]{32}", text)
    assert re.search(r"I am qlikbot\\[0-9a-f]{32} and active", text)
    assert "<table" in saved
    assert "widgets" in notebook.metadata
    assert find_canaries(saved, json.loads((tmp_path / "secrets.json").read_text())) == []


@pytest.mark.parametrize(
    ("name", "real"),
    [("02-data-engineers", False), ("04-analysts", True)],
    ids=["02 on a sandbox", "04 on the tenant of the environment"],
)
def test_a_notebook_runs_on_a_sandbox_and_on_the_tenant_of_the_environment(name, real, box, monkeypatch, execute):
    for variable, value in environment_of(box).items() if real else ():
        monkeypatch.setenv(variable, value)
    notebook = read(name)
    texts = execute(notebook)
    text = "\n".join(texts)
    where = f"REAL tenant: {box.tenant_url}" if real else "SANDBOX, nothing here is real: http://127.0.0.1"
    assert where in text
    if name == "02-data-engineers":
        assert "made now" in text
        assert text.count("active") == 3
        assert "Empty DataFrame" in text  # which the text above it says of a new sandbox
        assert re.search(r"retired: \d{4}-\d\d-\d\d_", text)
    else:
        for words in ("'subject': 'qlikbot\\\\", "'made by notebook 04'", "Sales overview", "healthy again: True"):
            assert words in text
        refused = next(place for place, shown in enumerate(texts) if "UsageError" in shown)
        # What is said below an error must fit it: the sandbox names the cause.
        assert "The client's consent is not trusted." in texts[refused]
        assert notebook.cells[refused + 1].source.startswith("The sandbox names the cause at the end of its message.")
        assert ("<Diagnosis" in texts[refused + 2], "consent" in texts[refused + 2]) == (True, True)
    assert find_canaries(nbformat.writes(notebook), [box.api_key, box.vault_token]) == []
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        assert tenant.oauth_clients.list(eq("clientName", f"qlik-keys-notebook-{name[:2]}")) == []


# What learners do wrong, in the order of one sitting: the cell, the exercise that is checked, what the check says.
SITTING = """
# 1: ○ The sandbox is not running. Run the first cell
FIRST CELL  # 1: There is no client with the name etl. Make it in the tab New client
qk.provision(tenant, store, name="ETL", scopes=["user_default"])  # 1: a client 'ETL'; the exercise asks for 'etl'
qk.delete(tenant, store, "ETL", confirm=panel.tenant.oauth_clients.list()[0].client_id)
made = qk.provision(tenant, store, name="etl", scopes=["user_default"], client_secret=True)
# 1: etl may also log in by a client secret
AGAIN = lambda: qk.delete(tenant, store, etl_id, confirm=etl_id)
AGAIN()
made = qk.provision(tenant, store, name="etl", scopes=["user_default"], key=None, client_secret=True)
# 1: etl has no key: it logs in by a client secret.
AGAIN()
made = qk.provision(tenant, store, name="etl", scopes=["user_default", 'admin_classic'])
# 1: etl has the scopes admin_classic, user_default
AGAIN()
made = qk.provision(tenant, store, name="etl", scopes=["user_default"])
store.delete(tenant.host, made.client_id)  # 1: The Vault has no key of etl
AGAIN()
made = qk.provision(tenant, store, name="etl", scopes=["user_default"])
made = ...  # 1: ✓ etl is there, and the Vault has its key. Its id is in `etl_id`
FIRST CELL  # 1: ✓ etl is there
# 2: There is nothing in `me` yet
me = ...  # [2]: There is no exercise [2]: they are 1 to 8.
me = tenant.users.me()  # 2: of the type User, and shall be what the tenant answers, a dict. Call with httpx
me = tenant.raw("get", "v1/users/me").json()  # 2: That is the administrator, by an API key.
source = qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=etl_id)
api = httpx.Client(base_url=tenant.url, auth=qk.PrivateKeyJwtAuth(source), follow_redirects=True)
me = api.get("/api/v1/users/me")
# 2: `me` is of the type Response, and shall be what the tenant answers, a dict. Take its .json().
me = api.get("/api/v1/spaces/x").json()  # 2: `me` has no subject
me = api.get("/api/v1/users/me").json()  # 2: ✓
refused = qk.errors.AssertionRejected  # 3: `refused` is the class of an error
refused = source.token()  # 3: If there was none, the key that signed is registered
by = {"client_id": "etl", "signer": qk.generate(qk.KeySpec("ES384")).signer()}
try:
    qk.TokenSource(f"{tenant.url}/oauth/token", **by).token()
except qk.errors.AssertionRejected as error:
    refused = error  # 3: The tenant refused another client than etl
refused = ValueError("a typo")  # 3: `refused` is a ValueError, which says something else: a typo
# 4: etl still has its one key. Rotate it with an overlap
qk.rotate(tenant, store, etl_id, overlap=timedelta(0));  # 4: the overlap was zero, so the old key went at once
qk.rotate(tenant, store, etl_id);  # 4: The overlap is 24 hours, and shall be one. Remove the old key
qk.retire_due(tenant, store, etl_id, force=True)
rotated = qk.rotate(tenant, store, etl_id, overlap=timedelta(hours=1))  # 4: ✓ Both keys log in
qk.retire_due(tenant, store);  # 5: The tenant has 2 keys of etl still. The overlap is not over
qk.retire_due(tenant, store, etl_id, force=True);  # 5: ✓
# 4: etl has one key, and the one before it is gone. If that was exercise 5, go on;
# 6: There is no client seeded-00003: run the cell with seed_clients first.
panel.sandbox.seed_clients(60)  # 6: There is nothing in `by_secret` yet
found = qk.audit(tenant, store)
by_secret = rows = found[found["finding"] == "secret-only"]  # 6: DataFrame
by_secret = len(found)  # 6: count the rows with the finding secret-only alone
by_secret = len(rows)  # 6: The number is right. Now give seeded-00003 a key
qk.adopt(tenant, store, "seeded-00003");  # 6: has a key now, and its client secret too.
qk.adopt(tenant, store, "seeded-00003", remove_secrets=True)
by_secret = len(rows) - 1  # 6: that is how many there are now. Before you fixed one there was one more.
by_secret = 60  # 6: which is not how many there were
by_secret = len(rows)  # 6: ✓
leaked_kid = store.read(tenant.host, etl_id).current  # 7: `leaked_kid` is of the type StoredKey
leaked_kid = leaked_kid.kid  # 7: That key still logs in: qk.revoke(tenant, store, etl_id) replaces it.
qk.rotate(tenant, store, etl_id);  # 7: qk.rotate leaves it until the overlap is over
qk.revoke(tenant, store, etl_id)
leaked_kid = store.read(tenant.host, etl_id).current.kid  # 7: `leaked_kid` is the key that etl has now.
leaked_kid = "2026-11-28_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
# 7: which is no kid that etl ever had. Note the current kid
leaked_kid = store.read(tenant.host, etl_id).current.kid
qk.revoke(tenant, store, etl_id);  # 7: ✓
# 8: There is no client with the name vault-only. Make it with a VaultKeyStore
box = panel.sandbox
in_vault = qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody="transit")
made = qk.provision(tenant, in_vault, name="vault-only", scopes=["user_default"], client_secret=True)
# 8: vault-only may also log in by a client secret, which can leak
qk.delete(tenant, in_vault, made.client_id, confirm=made.client_id);  # 8: There is no client with the name
qk.provision(tenant, store, name="vault-only", scopes=["user_default"]);  # 8: There is a way back
WAY BACK  # 8: ✓ The Vault signs for it
panel.end_session()  # 8: ○ The sandbox is not running. Run the first cell
"""


def test_each_check_says_what_is_wrong_with_what_was_done(execute):
    notebook = read("03-workshop")
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    way_back = 'qk.rotate(tenant, store, "vault-only", custody="transit", overlap=timedelta(0));'
    assert way_back.rstrip(";") in (NOTEBOOKS / "workshop_checks.py").read_text()
    codes = {"FIRST CELL": first.source, "WAY BACK": way_back}
    done = [(code.strip(), *check) for code, *check in re.findall(r"((?:.*\n)*?.*?)# (\S+): (.*)\n", SITTING[1:])]
    notebook.cells = [
        nbformat.v4.new_code_cell(f"{codes.get(code, code)}\nfrom workshop_checks import check\ncheck({exercise})")
        for code, exercise, _ in done
    ]
    texts = execute(notebook)
    assert [(case, text) for text, case in zip(texts, done, strict=True) if case[2] not in text] == []
    assert [text for text in texts if {"True", "False"} & {*text.splitlines()}] == []


def test_every_solution_of_the_workshop_passes_its_check(execute):
    notebook = read("03-workshop")
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
    texts = execute(notebook)
    assert sum("✓" in text for text in texts) == 8
    assert not any("Not yet" in text for text in texts)
