"""The panel's HTML: nothing of anybody's text is markup, and what is shown is what the state says."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pandas as pd
import pytest

from qlik_keys.inventory import COLUMNS
from qlik_keys.panel import markup
from qlik_keys.panel.state import Connection, ErrorCard, MadeClient, PanelState, ShownRequest, ShownStep

HOSTILE = "<img src=x onerror=alert(1)>'\"&</td></details><script>alert(2)</script>"
MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.texts = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.texts.append(data)


def read(html):
    parser = Tags()
    parser.feed(html)
    parser.close()
    return parser


def row(**values):
    record = dict.fromkeys(COLUMNS)
    record |= {"name": HOSTILE, "client_id": "c" * 32, "scopes": (HOSTILE,), "auth_methods": ("private_key_jwt",)}
    record |= {"findings": (HOSTILE,), "algs": ("ES384",), "current_kid": HOSTILE, "consent": HOSTILE}
    return record | {"key_made": MOMENT, "rotate_by": pd.NaT} | values


CONNECTION = Connection(
    mode="real",
    tenant_url="https://acme.eu.qlikcloud.com",
    tenant_host=HOSTILE,
    identity=HOSTILE,
    roles=(HOSTILE,),
    vault_url=HOSTILE,
    notices=(HOSTILE,),
)
REQUEST = ShownRequest(system="tenant", method=HOSTILE, path=HOSTILE, body=HOSTILE, status=200, milliseconds=1.4)
STEP = ShownStep(step="check", title=HOSTILE, by_hand=HOSTILE, phase="running", requests=(REQUEST,))
CARD = ErrorCard(
    doing=HOSTILE,
    what=HOSTILE,
    hint=HOSTILE,
    outcome=HOSTILE,
    kind=HOSTILE,
    trace_id=HOSTILE,
    differences=((HOSTILE, HOSTILE, HOSTILE),),
)
MADE = MadeClient(
    name=HOSTILE,
    client_id=HOSTILE,
    kid=HOSTILE,
    created=True,
    vault_path=HOSTILE,
    subject=HOSTILE,
    scope=HOSTILE,
    expires_at=MOMENT,
    warnings=(HOSTILE,),
)


@pytest.mark.parametrize(
    "html",
    [
        markup.header(PanelState(connection=CONNECTION)),
        markup.header(PanelState(connection=replace(CONNECTION, mode="sandbox"))),
        markup.summary(PanelState(connection=CONNECTION)),
        markup.connected(CONNECTION),
        markup.work(PanelState(work=HOSTILE)),
        markup.error(CARD),
        markup.warnings([HOSTILE]),
        markup.preview(HOSTILE),
        markup.plain(HOSTILE),
        markup.steps([STEP]),
        markup.made(MADE),
        markup.first_use(MADE),
        markup.clients(pd.DataFrame([row()]), MOMENT, ""),
    ],
)
def test_no_text_becomes_markup(html):
    parsed = read(html)
    assert not {"img", "script"} & parsed.tags
    assert "onerror=alert(1)" in "".join(parsed.texts)


def test_the_mode_is_told_in_words():
    assert "Not connected" in markup.header(PanelState())
    assert "Real tenant" in markup.header(PanelState(connection=CONNECTION))
    assert "nothing here is real" in markup.header(PanelState(connection=replace(CONNECTION, mode="sandbox")))


def test_a_step_is_told_in_words_too():
    for phase, word in {"waiting": "to do", "running": "doing", "done": "done", "failed": "failed"}.items():
        assert f">{word}<" in markup.steps([replace(STEP, phase=phase)])
    answerless = replace(REQUEST, status=None, attempt=2)
    shown = markup.steps([replace(STEP, requests=(answerless,))])
    assert "no answer" in shown
    assert "attempt 2" in shown


def test_the_search_looks_at_every_text_and_says_how_many():
    frame = pd.DataFrame(
        [
            row(name="nightly-etl", scopes=("apps:read",), findings=()),
            row(name="other", scopes=("user_default",), findings=("secret-only",)),
        ]
    )
    assert "2 clients." in markup.clients(frame, MOMENT, "")
    for wanted in ("NIGHTLY", "apps:read"):
        shown = markup.clients(frame, MOMENT, wanted)
        assert "1 of 2 clients" in shown
        assert "nightly-etl" in shown
        assert "other" not in shown
    assert "1 of 2 clients" in markup.clients(frame, MOMENT, "secret-only")
    assert "0 of 2 clients" in markup.clients(frame, MOMENT, "nothing like it")


def test_a_long_table_says_what_it_leaves_out():
    frame = pd.DataFrame([row(name=f"client {i}") for i in range(markup.ROWS_SHOWN + 1)])
    shown = markup.clients(frame, MOMENT, "")
    assert f"{markup.ROWS_SHOWN + 1} clients, the first {markup.ROWS_SHOWN} shown" in shown
    assert f"client {markup.ROWS_SHOWN}<" not in shown


def test_dates_are_days_and_missing_ones_are_empty():
    shown = markup.clients(pd.DataFrame([row()]), MOMENT, "")
    assert "2026-03-01" in shown
    assert "NaT" not in shown
    assert "As of 2026-03-01 12:30 UTC" in shown


def test_nothing_to_show_is_nothing():
    assert markup.error(None) == markup.made(None) == markup.first_use(None) == markup.connected(None) == ""
    assert markup.work(PanelState()) == markup.warnings([]) == ""
    assert "no OAuth client yet" in markup.clients(pd.DataFrame(columns=list(COLUMNS)), MOMENT, "")
