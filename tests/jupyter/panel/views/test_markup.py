"""The panel's HTML: no text of users becomes markup, and what is shown is what the state says."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pandas as pd
import pytest

from qlik_keys.auth.inspection import explain
from qlik_keys.auth.invalid_variants import INVALID_VARIANTS
from qlik_keys.inventory.tables import COLUMNS
from qlik_keys.jupyter.panel.model.forms import ChangeForm, TokenForm
from qlik_keys.jupyter.panel.model.shown import (
    ClientWithKey,
    Connection,
    ErrorCard,
    MadeClient,
    ShownAssertion,
    ShownPlan,
    ShownRejection,
    ShownRequest,
    ShownResult,
    ShownStep,
    ShownToken,
)
from qlik_keys.jupyter.panel.model.state import ClientsState, NewClientState, PanelState, WorkState
from qlik_keys.jupyter.panel.model.summary import summary
from qlik_keys.jupyter.panel.views import inspection_markup, markup
from qlik_keys.jupyter.panel.views.clients import selected_client

MALICIOUS = "<img src=x onerror=alert(1)>'\"&</td></details><script>alert(2)</script>"
MOMENT = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text = set(), ""

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert not any(name.startswith("on") for name, _ in attrs)

    def handle_data(self, data):
        self.text += data


def read(html):
    parser = Tags()
    parser.feed(html)
    parser.close()
    return parser


def malicious(kind, **values):
    """An object with markup in each of its texts."""
    texts = {"str": MALICIOUS, "tuple[str, ...]": (MALICIOUS,)}
    return kind(**{each.name: texts[each.type] for each in fields(kind) if each.type in texts} | values)


def row(**values):
    record = dict.fromkeys(COLUMNS)
    record |= {"name": MALICIOUS, "client_id": "c" * 32, "scopes": (MALICIOUS,), "auth_methods": ("private_key_jwt",)}
    record |= {"findings": (MALICIOUS,), "algs": ("ES384",), "current_kid": MALICIOUS, "consent": MALICIOUS}
    return record | {"key_made": MOMENT, "rotate_by": pd.NaT} | values


CONNECTION = malicious(Connection, mode="real", tenant_url="https://acme.eu.qlikcloud.com")
REQUEST = malicious(ShownRequest, system="tenant", status=200, milliseconds=1.4)
STEP = malicious(ShownStep, step="check", phase="running", requests=(REQUEST,))
CARD = malicious(ErrorCard, client_id="", differences=((MALICIOUS, MALICIOUS, MALICIOUS),))
MADE = malicious(MadeClient, created=True, expires_at=MOMENT)
PLAN = malicious(ShownPlan, form=ChangeForm(operation="rotate"), blocked="")
TOKEN = malicious(
    ShownToken,
    form=TokenForm(client_id="c", scopes=(MALICIOUS,), user_field="userId", user_value=MALICIOUS),
    expires_at=MOMENT,
    lifetime_known=True,
    parts={"header": {MALICIOUS: MALICIOUS}, "claims": {"exp": 1_800_000_000, "list": [MALICIOUS]}},
)


@pytest.mark.parametrize(
    "html",
    [
        markup.header(PanelState(connection=CONNECTION)),
        selected_client(pd.DataFrame([row()]), (MALICIOUS,), MALICIOUS),
        markup.plan_heading(PLAN),
        markup.plan(PLAN),
        markup.plan(replace(PLAN, blocked=MALICIOUS, hint=MALICIOUS)),
        markup.result(ShownResult(kind="good", words=MALICIOUS, number=1)),
        markup.progress(PanelState(work=WorkState(doing=MALICIOUS, at="new")), "new"),
        markup.formatted(MALICIOUS),
        markup.work(PanelState(work=WorkState(doing=MALICIOUS))),
        markup.error(CARD),
        markup.warnings([MALICIOUS]),
        markup.preview(MALICIOUS, MALICIOUS),
        markup.plain(MALICIOUS),
        markup.steps([STEP]),
        markup.made([MADE, replace(MADE, is_gone=True)]),
        markup.use_in_cell("c", scopes=(MALICIOUS,), user=("userId", MALICIOUS)),
        inspection_markup.assertion(
            ShownAssertion(members=explain({"kid": MALICIOUS}, {MALICIOUS: MALICIOUS, "iat": 3}))
        ),
        inspection_markup.assertion(ShownAssertion(members=explain({"kid": MALICIOUS}, {}), variant="wrong-kid")),
        inspection_markup.rejection(ShownRejection(variant="expired", status=401, said=MALICIOUS, trace_id=MALICIOUS)),
        inspection_markup.token(TOKEN, now=MOMENT),
        inspection_markup.token(replace(TOKEN, is_revoked=True, lifetime_known=False), now=MOMENT),
        inspection_markup.token_parts(TOKEN),
        inspection_markup.call_heading(TOKEN, None),
    ],
)
def test_no_text_becomes_markup(html):
    parsed = read(html)
    assert not {"img", "script"} & parsed.tags
    assert "onerror=alert(1)" in parsed.text


def test_mode_steps_and_selection_are_told_in_words():
    assert "Not connected" in markup.header(PanelState())
    assert "Real tenant" in markup.header(PanelState(connection=CONNECTION))
    for phase, word in {"waiting": "to do", "running": "running", "done": "done", "failed": "failed"}.items():
        assert f">{word}<" in markup.steps([replace(STEP, phase=phase)])
    shown = markup.steps([replace(STEP, requests=(replace(REQUEST, status=None, attempt=2, body=""),))])
    assert ("no answer" in shown, "attempt 2" in shown, "Body" in shown) == (True, True, False)
    assert "Body (body.json)" in read(markup.steps([STEP])).text
    cancelling = PanelState(work=WorkState(doing="Rotating", cancelling=True))
    assert "Rotating: stopping after this step …" in markup.work(cancelling)
    frame = pd.DataFrame([row(name="nightly-etl")])
    assert "Select a client" in selected_client(frame, (), "")
    assert "nightly-etl" in selected_client(frame, ("c" * 32,), "")
    assert "2 are selected" in selected_client(frame, ("c" * 32, "d" * 32), "")
    assert "Connect first" in selected_client(None, (), "Connect first.")
    assert "e" * 32 in selected_client(frame[:0], ("e" * 32,), "")


def test_ages_are_bars_with_their_figures():
    shown = markup.ages({"0-30": (4, 0), "31-60": (2, 2), "91-180": (2, 1), "unknown": (0, 0)})
    bars = [("", "90"), ("", "0"), (" qk-age-old", "45"), ("", "23"), (" qk-age-old", "22"), ("", "2")]
    assert re.findall(r"qk-age-bar( qk-age-old)?' style='height:(\d+)px", shown) == bars
    assert re.findall(r"qk-age-count'>(\d+)", shown) == ["4", "2", "2", "0"]
    assert re.findall(r"(\d+) old<", shown) == ["2", "1"]


def test_the_summary_has_what_was_made_and_the_newest_of_the_table():
    def summary_of(frame):
        clients = ClientsState(frame=frame, listed_at=MOMENT)
        state = PanelState(connection=CONNECTION, new_client=NewClientState(made_here=(MADE,)), clients=clients)
        return summary(state, "0a1b2c3d")

    rows = [row(name="old", created=MOMENT - timedelta(days=9)) for _ in range(50)]
    assert summary_of(pd.DataFrame([*rows, row(name="made-last", created=MOMENT)])).count("made-last") == 1
    missing = pd.DataFrame([row()]).astype({"current_kid": "string"}).assign(current_kid=pd.NA)
    assert "NA" not in read(summary_of(missing)).text
    shown = summary_of(pd.DataFrame([row()] * 51))
    parsed = read(shown)
    assert not {"img", "script"} & parsed.tags
    assert "51 clients as of 2026-03-01 12:30 UTC, the newest 50" in parsed.text
    assert shown.count("<tr>") == 51
    assert "NaT" not in parsed.text
    assert ".qk-root-0a1b2c3d" in shown
    assert "connected" not in summary(PanelState(), "0a1b2c3d")


def test_where_there_is_nothing_to_show_nothing_is_shown():
    elsewhere = markup.progress(PanelState(work=WorkState(doing="w", at="a")), "b")
    assert elsewhere == markup.error(None) == markup.made([]) == markup.work(PanelState()) == markup.warnings([]) == ""
    assert markup.listed_at(None) == markup.plan(None) == markup.plan_heading(None) == ""
    assert inspection_markup.assertion(None) == inspection_markup.rejection(None) == ""
    assert inspection_markup.token_parts(None) == inspection_markup.token(None, now=MOMENT) == ""


@pytest.mark.parametrize("fault", INVALID_VARIANTS)
def test_what_is_broken_on_purpose_is_marked_in_words(fault):
    members = explain({"alg": "ES384", "kid": "k", "typ": "JWT"}, {"aud": "a", "jti": "j", "iat": 1, "exp": 2})
    shown = inspection_markup.assertion(ShownAssertion(members=members, variant=fault))
    assert shown.count("sent twice on purpose" if fault == "replayed" else "invalid on purpose") == 1
    assert "on purpose" not in inspection_markup.assertion(ShownAssertion(members=members))
    assert re.findall("<h4>(Header|Claims|Signature)</h4>", shown) == ["Header", "Claims", "Signature"]
    assert "should have refused" in inspection_markup.rejection(ShownRejection(variant=fault, status=200, said=""))


def test_a_token_says_its_state_its_unofficial_parts_and_whose_calls_it_makes():
    shown = inspection_markup.token_parts(TOKEN)
    assert ("unofficial, may change" in shown, "2027-01-15 08:00:00 UTC" in shown) == (True, True)
    opaque = inspection_markup.token_parts(replace(TOKEN, parts=None))
    assert ("no JWT" in opaque, "user=qk.UserLookup(" in opaque) == (True, True)
    assert "is revoked" in inspection_markup.token(replace(TOKEN, is_revoked=True), now=MOMENT)
    assert "estimated" in inspection_markup.token(replace(TOKEN, lifetime_known=False), now=MOMENT)
    assert "qk-good" in inspection_markup.token(TOKEN, now=TOKEN.expires_at - timedelta(seconds=1))
    over = inspection_markup.token(TOKEN, now=TOKEN.expires_at)
    assert ("has expired" in over, "qk-good" in over) == (True, False)
    other = ClientWithKey(client_id="another", name="other", scopes=(), may_impersonate=False)
    token = replace(TOKEN, client_name="etl")
    assert "with the token of etl" in inspection_markup.call_heading(token, None)
    for_user = replace(token, form=replace(token.form, user_field="userId", user_value="0-1"), subject="acme\\<ada>")
    assert "the token of etl for the user acme\\&lt;ada&gt;</h3>" in inspection_markup.call_heading(for_user, None)
    assert "To call as other, get its token first" in inspection_markup.call_heading(token, other)
    own = replace(other, client_id=token.form.client_id)
    assert "To call as" not in inspection_markup.call_heading(token, own)


def test_every_time_is_told_in_a_way_that_the_page_can_put_in_its_own_zone():
    told = "<time datetime='2026-03-01T12:30Z' title='2026-03-01 12:30 UTC'>2026-03-01 12:30 UTC</time>"
    words = "The old key logs in until 2026-03-01 12:30 UTC."
    assert markup.formatted(words) == f"The old key logs in until {told}."
    code = "Look with <code>qlik-keys token</code>, <code>&lt;b&gt;</code>"
    assert markup.formatted("Look with `qlik-keys token`, `<b>`") == code
    for shown in (markup.result(ShownResult(kind="good", words=words, number=1)), markup.listed_at(MOMENT, "clients")):
        assert told in shown
