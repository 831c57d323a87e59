"""Tables leave pandas for Excel, SQL, CSV and Parquet: real files, a real database, and no formula that runs."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from fixtures.other_programs import PATIENCE_SECONDS, run

import qlik_keys as qk
from qlik_keys.core.secret import Secret
from qlik_keys.inventory.frames import records_frame
from qlik_keys.inventory.tables import COLUMNS
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

FORMULAS = {
    **{text: f"'{text}" for text in ('=HYPERLINK("https://evil.example","click")', "+1+cmd|' /C calc'!A0", "-2+3")},
    **{text: f"'{text}" for text in ("@SUM(A1)", "\t=1", "  =1")},
    "two\r=1,=2": "two\n=1,=2",
    "\r=1": "'\n=1",
    "\uff1d1": "'\uff1d1",
}
KINDS = ("excel", "csv", "sql", "parquet")


@pytest.fixture
def tables(clock):
    """The clients of a tenant with names that others chose, with the audit's kind of table next to it."""
    simulator = SandboxTenant("https://acme.eu.qlikcloud.com", clock=clock)
    simulator.seed_clients(20)
    options = {"credential": qk.ApiKey(simulator.api_key), "transport": SandboxTransport(simulator), "clock": clock}
    with qk.QlikTenant(simulator.base_url, **options) as tenant:
        for name in FORMULAS:
            body = {"appType": "web", "clientName": name, "allowedScopes": ["a", "b"]}
            tenant.raw("post", "v1/oauth-clients", body=body)
        frame = qk.clients(tenant, clock=clock)
    severity = pd.Categorical(["high"] * len(frame), categories=["high", "low"])
    return {"clients": frame, "audit": frame[["name", "findings"]].assign(severity=severity), "empty": frame.iloc[:0]}


@pytest.mark.parametrize("name", ["clients", "audit", "empty"])
def test_a_table_in_a_spreadsheet_has_each_cell_and_no_formula(tables, tmp_path, name):
    file, frame = tmp_path / "clients.xlsx", tables[name]
    qk.flat(frame, "excel").to_excel(file, index=False)
    heads, *rows = openpyxl.load_workbook(file).active.iter_rows()
    assert [cell.value for cell in heads] == [*frame.columns]
    assert len(rows) == len(frame)
    assert {cell.data_type for row in rows for cell in row} <= {"s", "inlineStr", "n", "d", "b"}  # "f" is a formula
    if name == "clients":
        first, *_, last = (dict(zip(COLUMNS, (cell.value for cell in row), strict=True)) for row in rows)
        assert first["created"] == frame["created"].iloc[0].to_pydatetime().replace(tzinfo=None)
        assert first["key_age_days"] == frame["key_age_days"].iloc[0]
        assert (last["scopes"], last["name"]) == ("a, b", "'\uff1d1")
    qk.flat(frame, "csv").to_csv(tmp_path / "clients.csv", index=False)
    with (tmp_path / "clients.csv").open(encoding="utf-8", newline="") as opened:
        heads, *rows = csv.reader(opened)
    assert heads == [*frame.columns]
    assert len(rows) == len(frame)
    assert not [cell for row in rows for cell in row if cell.strip()[:1] in {*"=+-@", "\uff1d"}]
    assert [row[heads.index("name")] for row in rows[20:]] == [*FORMULAS.values()][: len(rows)]


def test_a_table_in_a_database_has_each_text_unchanged(tables):
    with closing(sqlite3.connect(":memory:")) as connection:
        for name, frame in tables.items():
            qk.flat(frame, "sql").to_sql(name, connection, index=False)
            findings = [", ".join(found) for found in frame["findings"]]
            rows = connection.execute(f"SELECT name, findings FROM {name} ORDER BY rowid").fetchall()
            assert rows == [*zip(frame["name"], findings, strict=True)]
        created, consent, kid = connection.execute("SELECT created, consent, current_kid FROM clients").fetchone()
    assert pd.Timestamp(created, tz="UTC") == tables["clients"]["created"].iloc[0]
    assert (consent, kid) == ("trusted", None)


PARQUET = """
import sys, pandas as pd, qlik_keys as qk
frame = pd.read_pickle(sys.argv[1])
qk.flat(frame, "parquet").to_parquet("there.parquet", index=False)
there = pd.read_parquet("there.parquet")
assert ([*there.columns], there.attrs) == ([*frame.columns], frame.attrs)
assert str(there["created"].dtype) == "datetime64[us, UTC]"
assert there["created"].equals(frame["created"])
assert [tuple(each) for each in there["scopes"]] == [*frame["scopes"]]
assert [*there["name"]] == [*frame["name"]]
assert there["key_age_days"].isna().equals(frame["key_age_days"].isna())
"""


@pytest.mark.registry
def test_parquet_works_with_pyarrow(tables, tmp_path):
    """In a process of its own: pandas changes its texts where pyarrow is installed, and most tests run without."""
    place, requirements = tmp_path / "packages", Path(__file__).parent / "parquet" / "requirements.txt"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--only-binary", ":all:"]
    run(subprocess.run, [*pip, "--no-deps", "--target", str(place), "--requirement", str(requirements)])
    options = {"env": {**os.environ, "PYTHONPATH": str(place)}, "cwd": tmp_path, "timeout": PATIENCE_SECONDS}
    for name in ("clients", "empty"):
        tables[name].to_pickle(tmp_path / name)
        subprocess.run([sys.executable, "-c", PARQUET, name], check=True, **options)


def test_any_answer_of_the_tenant(tmp_path):
    odd = {
        "id": "1", "createdAt": "2026-01-02T03:04:05+02:00", "tags": ["a", "b"], "mixed": 3, "text": "a\x0bb\ud800c",
        "spans": [{"from": 1, "to": None}], "=2+3": "a column's name is foreign text, too",
        "secret": Secret("canary-of-a-secret", what="client secret"),
    }  # fmt: skip
    frame = records_frame([odd, {"id": "2", "mixed": "text", "tags": None}], tenant_url="https://acme.eu.qlikcloud.com")
    made = {target: qk.flat(frame, target) for target in KINDS}
    for flat in made.values():
        assert flat.attrs == frame.attrs
        assert "canary" not in flat.to_json(date_format="iso")
        assert (flat["spans"].iloc[0], [*flat["mixed"]]) == ('[{"from": 1, "to": null}]', ["3", "text"])
        assert flat["tags"].isna().tolist() == [False, True]
    assert made["excel"]["text"].iloc[0] == "a\N{REPLACEMENT CHARACTER}b?c"
    assert made["csv"]["createdAt"].iloc[0] == pd.Timestamp("2026-01-02T01:04:05")
    assert ("'=2+3" in made["csv"].columns, "=2+3" in made["sql"].columns) == (True, True)
    made["excel"].to_excel(tmp_path / "odd.xlsx")
    made["csv"].to_csv(tmp_path / "odd.csv")
    with closing(sqlite3.connect(":memory:")) as connection:
        made["sql"].to_sql("odd", connection)


def test_an_index_is_escaped_and_times_are_converted_to_utc(tables):
    frame = tables["clients"].set_index("name")
    frame["created"] = frame["created"].dt.tz_convert("Asia/Tokyo")
    flat = qk.flat(frame, "csv")
    assert [*flat.index[20:]] == [*FORMULAS.values()]
    assert [*flat["created"]] == [*tables["clients"]["created"].dt.tz_localize(None)]
    several = qk.flat(tables["clients"].set_index(["name", "created"]), "excel")
    assert (several.index.names, several.index[-1][0]) == (["name", "created"], "'\uff1d1")


def test_the_table_itself_is_not_changed_and_another_target_is_refused(tables):
    before = tables["clients"].copy(deep=True)
    for target in KINDS:
        qk.flat(tables["clients"], target)
    pd.testing.assert_frame_equal(tables["clients"], before)
    with pytest.raises(ValueError, match="excel, csv, sql, parquet"):
        qk.flat(tables["clients"], "feather")
