"""The notebooks for data engineers and for workshops, as nbclient runs them: whole, and without a secret."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from fixtures.canaries import find_canaries
from fixtures.jupyter_lab import NOTEBOOKS
from fixtures.support import environment_of

import qlik_keys as qk
from qlik_keys.tenant import eq

pytestmark = [pytest.mark.openbao, pytest.mark.slow]
ENGINEERS, WORKSHOP = NOTEBOOKS / "02-data-engineers.ipynb", NOTEBOOKS / "03-workshop.ipynb"
ANALYSTS = NOTEBOOKS / "04-analysts.ipynb"


@pytest.mark.parametrize("path", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda path: path.stem)
def test_they_are_stored_without_outputs(path):
    notebook = json.loads(path.read_text())
    assert [cell for cell in notebook["cells"] if cell.get("outputs") or cell.get("execution_count")] == []
    assert "widgets" not in notebook["metadata"]


def test_the_engineers_notebook_practises_where_no_tenant_is_set(execute):
    notebook = nbformat.read(ENGINEERS, as_version=4)
    text = "\n".join(execute(notebook))
    assert "SANDBOX, nothing here is real: http://127.0.0.1" in text
    assert "made now" in text
    assert text.count("active") == 3
    assert "Empty DataFrame" in text  # which the text above it says of a new sandbox
    assert re.search(r"retired: \d{4}-\d\d-\d\d_", text)


def test_the_engineers_notebook_takes_tenant_and_vault_from_the_environment(box, monkeypatch, execute):
    for name, value in environment_of(box).items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(ENGINEERS, as_version=4)
    text = "\n".join(execute(notebook))
    assert f"REAL tenant: {box.tenant_url}" in text
    assert find_canaries(nbformat.writes(notebook), [box.api_key, box.vault_token]) == []
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        assert tenant.oauth_clients.list(eq("clientName", "qlik-keys-notebook-02")) == []


@pytest.mark.parametrize("real", [False, True], ids=["sandbox", "tenant of the environment"])
def test_the_analysts_notebook_breaks_a_client_and_fixes_it(real, box, monkeypatch, execute):
    for name, value in environment_of(box).items() if real else ():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(ANALYSTS, as_version=4)
    texts = execute(notebook)
    text = "\n".join(texts)
    assert (f"REAL tenant: {box.tenant_url}" if real else "SANDBOX, nothing here is real") in text
    assert "'subject': 'qlikbot\\\\" in text
    assert "'made by notebook 04'" in text
    refused = next(place for place, shown in enumerate(texts) if "UsageError" in shown)
    # What is said below an error must fit it: the sandbox names the cause.
    assert "The client's consent is not trusted." in texts[refused]
    assert notebook.cells[refused + 1].source.startswith("The sandbox names the cause at the end of its message.")
    assert "<Diagnosis" in texts[refused + 2]
    assert "consent" in texts[refused + 2]
    assert "Sales overview" in text
    assert "healthy again: True" in text
    assert find_canaries(nbformat.writes(notebook), [box.api_key, box.vault_token]) == []
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        assert tenant.oauth_clients.list(eq("clientName", "qlik-keys-notebook-04")) == []


def test_each_notebook_stands_in_the_readme_and_no_other_is_there():
    readme = (NOTEBOOKS.parent / "README.md").read_text()
    assert {path.name for path in NOTEBOOKS.glob("*.ipynb")} == set(
        re.findall(r"^\| \[.*\]\(notebooks/(.*)\)", readme, re.MULTILINE)
    )


# What learners do wrong, in the order of one sitting: the cell, the exercise that is checked, what the check says.
IN_ORDER = [
    ("", 1, "○ The sandbox is not running. Run the first cell"),
    (None, 1, "There is no client with the name etl. Make it in the tab New client"),
    ("", 2, "There is no client with the name etl: do exercise 1 first."),
    (
        'qk.provision(tenant, store, name="ETL", scopes=["user_default"])',
        1,
        "a client 'ETL'; the exercise asks for 'etl'",
    ),
    (
        (
            'qk.delete(tenant, store, "ETL", confirm=panel.tenant.oauth_clients.list()[0].client_id)\n'
            'made = qk.provision(tenant, store, name="etl", scopes=["user_default"], client_secret=True)'
        ),
        1,
        "etl may also log in by a client secret",
    ),
    (
        (
            "AGAIN = lambda: qk.delete(tenant, store, etl_id, confirm=etl_id)\nAGAIN()\n"
            'made = qk.provision(tenant, store, name="etl", scopes=["user_default"], key=None, client_secret=True)'
        ),
        1,
        "etl has no key: it logs in by a client secret.",
    ),
    (
        'AGAIN()\nmade = qk.provision(tenant, store, name="etl", scopes=["user_default", "admin_classic"])',
        1,
        "etl has the scopes admin_classic, user_default",
    ),
    (
        (
            'AGAIN()\nmade = qk.provision(tenant, store, name="etl", scopes=["user_default"])\n'
            "store.delete(tenant.host, made.client_id)"
        ),
        1,
        "The Vault has no key of etl",
    ),
    (
        'AGAIN()\nmade = qk.provision(tenant, store, name="etl", scopes=["user_default"])\nmade = ...',
        1,
        "✓ etl is there, and the Vault has its key. Its id is in `etl_id`",
    ),
    (None, 1, "✓ etl is there"),  # the first cell once more: what was made stays
    ("", 2, "There is nothing in `me` yet"),
    ('import pandas as pd\nme = pd.DataFrame({"subject": ["x"]})', 2, "`me` is of the type DataFrame, and shall be"),
    ("me = ...", [2], "There is no exercise [2]: they are 1 to 8."),
    ("me = tenant.users.me()", 2, "of the type User, and shall be what the tenant answers, a dict. Call with httpx"),
    ('me = tenant.raw("get", "v1/users/me").json()', 2, "That is the administrator, by an API key."),
    (
        (
            "source = qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=etl_id)\n"
            "api = httpx.Client(base_url=tenant.url, auth=qk.PrivateKeyJwtAuth(source), follow_redirects=True)\n"
            'me = api.get("/api/v1/users/me")'
        ),
        2,
        "`me` is of the type Response, and shall be what the tenant answers, a dict. Take its .json().",
    ),
    ('me = api.get("/api/v1/spaces/x").json()', 2, "`me` has no subject"),
    ('me = api.get("/api/v1/users/me").json()', 2, "✓"),
    ("", 3, "There is nothing in `refused` yet"),
    ("refused = qk.errors.AssertionRejected", 3, "`refused` is the class of an error"),
    ("refused = source.token()", 3, "If there was none, the key that signed is registered"),
    (
        (
            'by = {"client_id": "etl", "signer": qk.generate(qk.KeySpec("ES384")).signer()}\n'
            'try:\n    qk.TokenSource(f"{tenant.url}/oauth/token", **by).token()\n'
            "except qk.errors.AssertionRejected as error:\n    refused = error"
        ),
        3,
        "The tenant refused another client than etl",
    ),
    ('refused = ValueError("a typo")', 3, "`refused` is a ValueError, which says something else: a typo"),
    ("", 4, "etl still has its one key. Rotate it with an overlap"),
    (
        "try:\n    qk.rotate(tenant, store, etl_id, overlap=1)\nexcept TypeError as error:\n    print(error)",
        4,
        "overlap must be a timedelta, for example timedelta(hours=24), not int\n○ Not yet. etl still has its one key.",
    ),
    ("qk.rotate(tenant, store, etl_id, overlap=timedelta(0));", 4, "the overlap was zero, so the old key went at once"),
    ("qk.rotate(tenant, store, etl_id);", 4, "The overlap is 24 hours, and shall be one. Remove the old key"),
    (
        (
            "qk.retire_due(tenant, store, etl_id, force=True)\n"
            "rotated = qk.rotate(tenant, store, etl_id, overlap=timedelta(hours=1))"
        ),
        4,
        "✓ Both keys log in",
    ),
    ("qk.retire_due(tenant, store);", 5, "The tenant has 2 keys of etl still. The overlap is not over"),
    ("qk.retire_due(tenant, store, etl_id, force=True);", 5, "✓"),
    ("", 4, "etl has one key, and the one before it is gone. If that was exercise 5, go on;"),
    ("", 6, "There is no client seeded-00003: run the cell with seed_clients first."),
    ("panel.sandbox.seed_clients(60)", 6, "There is nothing in `by_secret` yet"),
    (
        'found = qk.audit(tenant, store)\nrows = found[found["finding"] == "secret-only"]\nby_secret = rows',
        6,
        "DataFrame",
    ),
    ("by_secret = len(found)", 6, "count the rows with the finding secret-only alone"),
    ("by_secret = len(rows)", 6, "The number is right. Now give seeded-00003 a key"),
    ('qk.adopt(tenant, store, "seeded-00003");', 6, "has a key now, and its client secret too."),
    (
        'qk.adopt(tenant, store, "seeded-00003", remove_secrets=True)\nby_secret = len(rows) - 1',
        6,
        "that is how many there are now. Before you fixed one there was one more.",
    ),
    ("by_secret = 60", 6, "which is not how many there were"),
    ("by_secret = len(rows)", 6, "✓"),
    ("", 7, "There is nothing in `leaked_kid` yet"),
    ("leaked_kid = store.read(tenant.host, etl_id).current", 7, "`leaked_kid` is of the type StoredKey"),
    ("leaked_kid = leaked_kid.kid", 7, "That key still logs in: qk.revoke(tenant, store, etl_id) replaces it."),
    (
        "qk.rotate(tenant, store, etl_id, overlap=timedelta(hours=1));",
        7,
        "qk.rotate leaves it until the overlap is over",
    ),
    (
        "qk.revoke(tenant, store, etl_id)\nleaked_kid = store.read(tenant.host, etl_id).current.kid",
        7,
        "`leaked_kid` is the key that etl has now.",
    ),
    ('leaked_kid = "the key of etl"', 7, "is 'the key of etl', which is no kid that etl ever had."),
    (f'leaked_kid = "2026-11-28_{"x" * 43}"', 7, "which is no kid that etl ever had. Note the current kid"),
    ("leaked_kid = store.read(tenant.host, etl_id).current.kid\nqk.revoke(tenant, store, etl_id);", 7, "✓"),
    ("", 8, "There is no client with the name vault-only. Make it with a VaultKeyStore"),
    (
        (
            "box = panel.sandbox\n"
            'in_vault = qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody="transit")\n'
            'made = qk.provision(tenant, in_vault, name="vault-only", scopes=["user_default"], client_secret=True)'
        ),
        8,
        "vault-only may also log in by a client secret, which can leak",
    ),
    ("qk.delete(tenant, in_vault, made.client_id, confirm=made.client_id);", 8, "There is no client with the name"),
    ('qk.provision(tenant, store, name="Vault-Only", scopes=["user_default"]);', 8, "a client 'Vault-Only'"),
    ('qk.provision(tenant, store, name="vault-only", scopes=["user_default"]);', 8, "There is a way back"),
    ("WAY BACK", 8, "✓ The Vault signs for it"),
    ("", 9, "There is no exercise 9: they are 1 to 8."),
    ("panel.end_session()", 8, "○ The sandbox is not running. Run the first cell"),
]


def test_each_check_says_what_is_wrong_with_what_was_done(execute):
    notebook = nbformat.read(WORKSHOP, as_version=4)
    first = next(cell for cell in notebook.cells if cell.cell_type == "code")
    way_back = 'qk.rotate(tenant, store, "vault-only", custody="transit", overlap=timedelta(0));'
    assert way_back.rstrip(";") in (NOTEBOOKS / "workshop_checks.py").read_text()
    codes = {None: first.source, "WAY BACK": way_back}
    notebook.cells = [
        nbformat.v4.new_code_cell(f"{codes.get(code, code)}\nfrom workshop_checks import check\ncheck({exercise})")
        for code, exercise, _ in IN_ORDER
    ]
    texts = execute(notebook)
    told = dict(enumerate(zip(texts, IN_ORDER, strict=True)))
    assert {number: text for number, (text, case) in told.items() if case[2] not in text} == {}
    assert [text for text in texts if {"True", "False"} & {*text.splitlines()}] == []


def test_every_solution_of_the_workshop_passes_its_check(execute):
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
    texts = execute(notebook)
    assert sum("✓" in text for text in texts) == 8
    assert not any("Not yet" in text for text in texts)
