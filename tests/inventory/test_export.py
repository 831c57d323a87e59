"""Tables leave pandas for Excel, SQL, CSV and Parquet: real files, a real database, and no formula that runs."""

from __future__ import annotations

import csv
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
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

NOW = datetime.fromtimestamp(1_800_000_000, tz=UTC)
FORMULAS = [
    '=HYPERLINK("https://evil.example","click")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "two\r=1,=2",
    "  =1",
    "\uff1d1",
]


def harmless(text):
    return text.replace("\r", "\n") if text.startswith("two") else "'" + text.replace("\r", "\n")


KINDS = ("excel", "csv", "sql", "parquet")


@pytest.fixture
def tables(clock):
    """The clients of a tenant whose names are somebody else's text, with the audit's kind of table next to it."""
    simulator = SandboxTenant("https://acme.eu.qlikcloud.com", clock=clock)
    simulator.seed_clients(20)
    with qk.QlikTenant(
        simulator.base_url, credential=qk.ApiKey(simulator.api_key), transport=SandboxTransport(simulator), clock=clock
    ) as tenant:
        for name in FORMULAS:
            tenant.raw(
                "post", "v1/oauth-clients", body={"appType": "web", "clientName": name, "allowedScopes": ["a", "b"]}
            )
        frame = qk.clients(tenant, clock=clock)
    audit = frame[["name", "findings"]].assign(
        severity=pd.Categorical(["high"] * len(frame), categories=["high", "low"])
    )
    return {"clients": frame, "audit": audit, "nobody": frame.iloc[:0]}


@pytest.mark.parametrize("name", ["clients", "audit", "nobody"])
def test_excel(tables, tmp_path, name):
    file, frame = tmp_path / "clients.xlsx", tables[name]
    qk.flat(frame, "excel").to_excel(file, index=False)
    sheet = openpyxl.load_workbook(file).active
    heads, *rows = sheet.iter_rows()
    assert [cell.value for cell in heads] == [*frame.columns]
    assert len(rows) == len(frame)
    assert {cell.data_type for row in rows for cell in row} <= {"s", "inlineStr", "n", "d", "b"}  # "f" is a formula
    if name == "clients":
        found = [dict(zip(COLUMNS, (cell.value for cell in row), strict=True)) for row in rows]
        assert found[0]["created"] == frame["created"].iloc[0].to_pydatetime().replace(tzinfo=None)
        assert found[-1]["scopes"] == "a, b"
        assert found[-1]["name"] == "'" + FORMULAS[-1]
        assert found[0]["key_age_days"] == frame["key_age_days"].iloc[0]


@pytest.mark.parametrize("name", ["clients", "audit", "nobody"])
def test_csv(tables, tmp_path, name):
    file, frame = tmp_path / "clients.csv", tables[name]
    qk.flat(frame, "csv").to_csv(file, index=False)
    with file.open(encoding="utf-8", newline="") as opened:
        heads, *rows = csv.reader(opened)
    assert heads == [*frame.columns]
    assert len(rows) == len(frame)
    assert not [cell for row in rows for cell in row if cell.strip()[:1] in {*"=+-@", "\uff1d"}]
    assert [row[heads.index("name")] for row in rows[20:]] == [harmless(text) for text in FORMULAS][: len(rows)]


@pytest.mark.parametrize("name", ["clients", "audit", "nobody"])
def test_sql(tables, name):
    frame = tables[name]
    with closing(sqlite3.connect(":memory:")) as connection:
        qk.flat(frame, "sql").to_sql("clients", connection, index=False)
        rows = connection.execute("SELECT name, findings FROM clients ORDER BY rowid").fetchall()
        assert rows == [
            (client, ", ".join(found)) for client, found in zip(frame["name"], frame["findings"], strict=True)
        ]  # word for word: a database runs nothing
        if name == "clients":
            created, consent, kid = connection.execute("SELECT created, consent, current_kid FROM clients").fetchone()
            assert datetime.fromisoformat(created) == frame["created"].iloc[0].to_pydatetime().replace(tzinfo=None)
            assert (consent, kid) == ("trusted", None)


PARQUET = """
import sys
import pandas as pd
import qlik_keys as qk
frame = pd.read_pickle(sys.argv[1])
qk.flat(frame, "parquet").to_parquet(sys.argv[2], index=False)
there = pd.read_parquet(sys.argv[2])
assert [*there.columns] == [*frame.columns]
assert str(there["created"].dtype) == "datetime64[us, UTC]"
assert there["created"].equals(frame["created"])
assert [tuple(each) for each in there["scopes"]] == [*frame["scopes"]]
assert [*there["name"]] == [*frame["name"]]
assert there["key_age_days"].isna().equals(frame["key_age_days"].isna())
assert there.attrs == frame.attrs
"""


@pytest.mark.registry
def test_parquet_works_with_pyarrow(tables, tmp_path):
    """In a process of its own: pandas changes its texts where pyarrow is installed, and most tests run without."""
    place = tmp_path / "packages"
    requirements = Path(__file__).parent / "parquet" / "requirements.txt"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--only-binary", ":all:"]
    run(subprocess.run, [*pip, "--no-deps", "--target", str(place), "--requirement", str(requirements)])
    for name in ("clients", "nobody"):
        pickled = tmp_path / f"{name}.pickle"
        tables[name].to_pickle(pickled)
        command = [sys.executable, "-c", PARQUET, str(pickled), str(tmp_path / f"{name}.parquet")]
        environment = {**os.environ, "PYTHONPATH": str(place)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE_SECONDS
        )
        assert done.returncode == 0, done.stderr


def test_any_answer_of_the_tenant(tmp_path):
    odd = {
        "id": "1",
        "createdAt": "2026-01-02T03:04:05+02:00",
        "tags": ["a", "b"],
        "spans": [{"from": 1, "to": None}],
        "mixed": 3,
        "=2+3": "a column's name is somebody's text, too",
        "secret": Secret("canary-of-a-secret", what="client secret"),
        "text": "a\x0bb\ud800c",
    }
    frame = records_frame([odd, {"id": "2", "mixed": "text", "tags": None}], tenant_url="https://acme.eu.qlikcloud.com")
    for target in KINDS:
        flat = qk.flat(frame, target)
        assert flat.attrs == frame.attrs
        assert "canary" not in flat.to_json(date_format="iso")
        assert flat["spans"].iloc[0] == '[{"from": 1, "to": null}]'
        assert list(flat["mixed"]) == ["3", "text"]
        assert flat["tags"].isna().tolist() == [False, True]
    assert qk.flat(frame, "excel")["text"].iloc[0] == "a\N{REPLACEMENT CHARACTER}b?c"
    assert str(qk.flat(frame, "csv")["createdAt"].dtype) == "datetime64[us]"
    assert qk.flat(frame, "csv")["createdAt"].iloc[0] == pd.Timestamp("2026-01-02T01:04:05")
    assert "'=2+3" in qk.flat(frame, "csv").columns
    assert "=2+3" in qk.flat(frame, "sql").columns
    qk.flat(frame, "excel").to_excel(tmp_path / "odd.xlsx")
    qk.flat(frame, "csv").to_csv(tmp_path / "odd.csv")
    with closing(sqlite3.connect(":memory:")) as connection:
        qk.flat(frame, "sql").to_sql("odd", connection)


def test_an_index_is_escaped_and_times_are_converted_to_utc(tables):
    frame = tables["clients"].set_index("name")
    frame["created"] = frame["created"].dt.tz_convert("Asia/Tokyo")
    flat = qk.flat(frame, "csv")
    assert [*flat.index[20:]] == [harmless(text) for text in FORMULAS]
    assert flat.index.name == "name"
    assert [*flat["created"]] == [*tables["clients"]["created"].dt.tz_localize(None)]
    several = qk.flat(tables["clients"].set_index(["name", "created"]), "excel")
    assert several.index.names == ["name", "created"]
    assert several.index[-1][0] == "'" + FORMULAS[-1]


def test_the_table_itself_is_not_changed(tables):
    frame = tables["clients"]
    before = frame.copy(deep=True)
    for target in KINDS:
        qk.flat(frame, target)
    pd.testing.assert_frame_equal(frame, before)


def test_another_target_is_refused(tables):
    with pytest.raises(ValueError, match="excel, csv, sql, parquet"):
        qk.flat(tables["clients"], "feather")
