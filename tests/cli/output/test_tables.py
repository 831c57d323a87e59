"""Tables of the command line: never wider than the terminal, whatever is in them, and what is copied is whole."""

import io
import sys

import pandas as pd
import pytest

from qlik_keys.cli.output.table import as_text, audit_as_text, document_as_text

ID = "4aa726cdcded5d6604fd26faab1b0794"
CLIENTS = ("name", "client_id", "findings", "rotate_by", "custody", "scopes", "auth_methods", "algs", "current_kid")


class Terminal(io.TextIOWrapper):
    """Standard output that is a terminal."""

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    def of(columns, encoding="utf-8"):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "stdout", Terminal(io.BytesIO(), encoding=encoding))

    return of


def clients(name="nightly-etl"):
    """Return a client with a key, and one without, as pandas marks what is missing."""
    kid = "2026-11-28_CdYU4DQn-cvtgtszqgFnBDGIAesEOSXNuSOMFjDNNVs"
    with_key = (name, ID, (), pd.Timestamp("2027-02-26", tz="UTC"), "kv", ("user_default",), ("private_key_jwt",))
    rows = [(*with_key, ("ES384",), kid), ("other", ID[::-1], ("secret-only",), None, None, (), (), (), None)]
    frame = pd.DataFrame(rows, columns=CLIENTS)
    frame["rotate_by"] = frame["rotate_by"].astype("datetime64[us, UTC]")
    return frame.astype({"custody": "string", "current_kid": "string"})


@pytest.mark.parametrize("columns", [50, 100, 200])
@pytest.mark.parametrize("name", ["日本" * 30, "n" * 300])
def test_a_table_is_never_wider_than_the_terminal(terminal, columns, name):
    terminal(columns)
    lines = as_text(clients(name)).splitlines()
    assert len(lines[1]) <= columns
    assert ID in lines[2]
    left_out = lines[-1].removeprefix("Columns that do not fit: ").removesuffix(". --json shows all.")
    assert list(CLIENTS) == [*lines[0].split(), *(left_out.split(", ") if lines[1].count("  ") < 8 else [])]


def test_on_eighty_columns_the_last_columns_give_way(terminal):
    terminal(80)
    assert as_text(clients()).splitlines() == [
        f"name         client_id{' ' * 23}  findings     rotate_by   custody",
        f"-----------  {'-' * 32}  -----------  ----------  -------",
        f"nightly-etl  {ID}               2027-02-26  kv",
        f"other        {ID[::-1]}  secret-only",
        "",
        "Columns that do not fit: scopes, auth_methods, algs, current_kid. --json shows all.",
    ]


def test_a_column_is_as_wide_as_what_the_console_shows_of_it(terminal):
    rows = [{"id": "1" * 24, "name": "日本"}, {"id": "2" * 24, "name": "x" * 80}, {"id": "e\u0301", "name": "y"}]
    terminal(60, "ascii")
    assert document_as_text(rows, nothing="").splitlines()[2:4] == [
        f"{'1' * 24}  \\u65e5\\u672c",
        f"{'2' * 24}  {'x' * 31}...",
    ]
    terminal(60)
    wide = [{"name": each["name"], "id": each["id"]} for each in (rows[0], rows[2])]
    assert document_as_text(wide, nothing="").splitlines()[1:] == [
        f"----  {'-' * 24}",
        f"日本  {'1' * 24}",
        "y     e\u0301",
    ]
    terminal(20)
    lines = document_as_text([{"id": "1" * 24, "name": "x", "note": "y"}] * 2, nothing="").splitlines()
    assert lines[2:] == ["1" * 24, "1" * 24, "", "Columns that do not fit: name, note. --json shows all."]


def test_a_command_of_the_audit_is_whole_on_any_terminal(terminal):
    command = f"qlik-keys adopt {ID} --remove-secrets --name {'n' * 40}"
    found = {"severity": "medium", "code": "QK306", "finding": "secret-only", "name": "n", "client_id": ID}
    frame = pd.DataFrame([found | {"command": command, "meaning": "A secret.", "advice": "Adopt."}] * 2)
    terminal(400)
    assert [line.endswith(command) for line in audit_as_text(frame).splitlines()[2:4]] == [True, True]
    terminal(80)
    lines = audit_as_text(frame).splitlines()
    assert max(map(len, lines[:4])) <= 80
    assert lines[4:] == ["", command, "", "secret-only: A secret. Adopt."]
