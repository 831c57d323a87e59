"""The table's rows travel as a message, small enough for a notebook server, and are in no saved state."""

from __future__ import annotations

import json
import zlib
from datetime import UTC, datetime

import pandas as pd

from qlik_keys.inventory.tables import COLUMNS
from qlik_keys.jupyter.panel.views.audit import ages_of
from qlik_keys.jupyter.panel.widgets.audit_list import CLIENTS_SHOWN, AuditList, groups_of
from qlik_keys.jupyter.panel.widgets.client_table import ClientTable, packed
from qlik_keys.rules.catalogue import FINDINGS

MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


def frame_of(*rows):
    given = {"client_id": "c" * 32, "name": "nightly <b>etl</b>", "auth_methods": ("private_key_jwt",)}
    given |= {"scopes": ("user_default", "apps:read"), "kids": ("k",), "algs": ("ES384",), "current_kid": "k"}
    given |= {"custody": "kv", "key_made": MOMENT, "key_age_days": 3, "findings": ()}
    frame = pd.DataFrame([dict.fromkeys(COLUMNS) | given | row for row in rows])
    for name in ("created", "updated", "key_made", "rotate_by"):
        frame[name] = pd.Series(frame[name], dtype="datetime64[us, UTC]")
    frame["key_age_days"] = frame["key_age_days"].astype("Int64")
    return frame


def unpacked(rows):
    return json.loads(zlib.decompress(rows))


def test_rows_are_packed_with_their_moments_and_missing_values_as_missing():
    frame = frame_of({"created": MOMENT}, {"name": None, "key_made": None, "key_age_days": None})
    columns = unpacked(packed(frame))
    assert columns["name"] == ["nightly <b>etl</b>", ""]
    assert columns["key_made"] == columns["created"] == [int(MOMENT.timestamp() * 1000), None]
    assert columns["rotate_by"] == columns["updated"] == [None, None]
    assert columns["key_age_days"] == [3, None]
    assert columns["consent"] == ["", ""]
    assert columns["scopes"][0] == ["user_default", "apps:read"]
    assert columns["kids"] == [["k"], ["k"]]
    assert columns["operations"] == {}
    told = {"severity": "critical", "words": "revoke, started by ann on host at 2026-03-01 12:30 UTC"}
    frame.attrs["operations"] = {"c" * 32: {**told, "meaning": "It is: …"}}
    assert unpacked(packed(frame))["operations"] == {"c" * 32: told}


def test_the_rows_are_in_a_message_and_in_no_state():
    table, sent = ClientTable(), []
    table.send = lambda content, buffers=None: sent.append((content, buffers))
    table._handle_custom_msg({"kind": "ready"}, [])
    assert sent == [({"kind": "rows"}, [b""])]
    frame = frame_of({"name": "by-message-only"})
    table.show(frame)
    table.show(frame)
    assert len(sent) == 2
    assert unpacked(sent[-1][1][0])["name"] == ["by-message-only"]
    assert "by-message-only" not in json.dumps(table.get_state(), default=str)
    table._handle_custom_msg({"kind": "ready"}, [])
    assert len(sent) == 3
    assert repr(table) == "<ClientTable, 1 rows>"


def test_findings_come_in_groups_with_the_first_clients_of_each_and_a_click_is_passed_on_unless_it_is_busy():
    meaning, unfinished = FINDINGS["locked-out"].meaning, FINDINGS["unfinished"].meaning
    rows = [("high", "locked-out", f"{i:032x}", f"client {i}", meaning) for i in range(CLIENTS_SHOWN + 2)]
    rows.append(("medium", "unfinished", "", "interrupted", f"{unfinished} Since noon."))
    locked, unfinished = groups_of(pd.DataFrame(rows, columns=["severity", "finding", "client_id", "name", "meaning"]))
    assert (locked["count"], len(locked["clients"]), locked["action"]) == (CLIENTS_SHOWN + 2, CLIENTS_SHOWN, "Revoke …")
    alone = [{"client_id": "", "name": "interrupted", "detail": "Since noon."}]
    assert {each["detail"] for each in locked["clients"]} == {""}
    assert (unfinished["in_table"], unfinished["clients"]) == (False, alone)
    fixed, shown = [], []
    each = AuditList(fix=lambda *of: fixed.append(of), show=shown.append)
    each._handle_custom_msg({"kind": "fix", "finding": "locked-out", "client_id": "c"}, [])
    each._handle_custom_msg({"kind": "show", "finding": "secret-only"}, [])
    each.disabled = True
    each._handle_custom_msg({"kind": "fix", "finding": "locked-out", "client_id": "d"}, [])
    assert (fixed, shown) == ([("locked-out", "c")], ["secret-only"])


def test_ages_have_an_end_each_and_old_is_what_a_finding_says_is_old():
    ages = [0, 30, 31, 90, 91, 365, 366, None]
    counts = ages_of(frame_of(*({"key_age_days": age} for age in ages), {"kids": ()}))
    one = dict.fromkeys(("31-60", "61-90", "91-180", "181-365", "over 365", "unknown"), (1, 0))
    assert counts == {"0-30": (2, 0), **one}
    rows = [
        {"key_age_days": 40, "findings": ("rotation-overdue",)},  # to be replaced after 30 days
        {"key_age_days": 200, "findings": ()},  # to be replaced after a year
        {"key_age_days": 200, "findings": ("no-key-in-store", "key-old")},
        {"key_age_days": 400, "findings": ("secret-only",), "kids": ()},
    ]
    counts = ages_of(frame_of(*rows))
    assert {name: each for name, each in counts.items() if each[0]} == {"31-60": (1, 1), "181-365": (2, 1)}
