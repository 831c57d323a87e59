"""The panel's HTML: nothing of anybody's text is markup, and what is shown is what the state says."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pandas as pd
import pytest

from qlik_keys.auth.inspection import INVALID_VARIANTS, explain
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
from qlik_keys.jupyter.panel.model.words import OPERATIONS
from qlik_keys.jupyter.panel.views import inspection_markup, markup

MALICIOUS = "<img src=x onerror=alert(1)>'\"&</td></details><script>alert(2)</script>"
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
    record |= {"name": MALICIOUS, "client_id": "c" * 32, "scopes": (MALICIOUS,), "auth_methods": ("private_key_jwt",)}
    record |= {"findings": (MALICIOUS,), "algs": ("ES384",), "current_kid": MALICIOUS, "consent": MALICIOUS}
    return record | {"key_made": MOMENT, "rotate_by": pd.NaT} | values


CONNECTION = Connection(
    mode="real",
    tenant_url="https://acme.eu.qlikcloud.com",
    tenant_host=MALICIOUS,
    identity=MALICIOUS,
    roles=(MALICIOUS,),
    vault_url=MALICIOUS,
    notices=(MALICIOUS,),
)
REQUEST = ShownRequest(
    system="tenant", method=MALICIOUS, path=MALICIOUS, address=MALICIOUS, body=MALICIOUS, status=200, milliseconds=1.4
)
STEP = ShownStep(step="check", title=MALICIOUS, by_hand=MALICIOUS, phase="running", requests=(REQUEST,))
CARD = ErrorCard(
    doing=MALICIOUS,
    what=MALICIOUS,
    hint=MALICIOUS,
    outcome=MALICIOUS,
    kind=MALICIOUS,
    trace_id=MALICIOUS,
    differences=((MALICIOUS, MALICIOUS, MALICIOUS),),
)
MADE = MadeClient(
    name=MALICIOUS,
    client_id=MALICIOUS,
    kid=MALICIOUS,
    created=True,
    vault_path=MALICIOUS,
    subject=MALICIOUS,
    scope=MALICIOUS,
    expires_at=MOMENT,
    warnings=(MALICIOUS,),
)

PLAN = ShownPlan(
    form=ChangeForm(operation="rotate"),
    client_name=MALICIOUS,
    notes=(MALICIOUS,),
    irreversible=(MALICIOUS,),
    blocked="",
    hint=MALICIOUS,
)

TOKEN = ShownToken(
    form=TokenForm(client_id="c", scopes=(MALICIOUS,), user_field="userId", user_value=MALICIOUS),
    client_name=MALICIOUS,
    kid=MALICIOUS,
    scope=MALICIOUS,
    expires_at=MOMENT,
    lifetime_known=True,
    subject=MALICIOUS,
    parts={"header": {MALICIOUS: MALICIOUS}, "claims": {"exp": 1_800_000_000, "list": [MALICIOUS]}},
)


@pytest.mark.parametrize(
    "html",
    [
        markup.header(PanelState(connection=CONNECTION)),
        markup.header(PanelState(connection=replace(CONNECTION, mode="sandbox"))),
        markup.selected(pd.DataFrame([row()]), (MALICIOUS,), MALICIOUS),
        markup.selected(pd.DataFrame([row()]), (MALICIOUS,), ""),
        markup.plan_heading(PLAN),
        markup.plan(PLAN),
        markup.plan(PLAN, is_current=False),
        markup.plan(replace(PLAN, blocked=MALICIOUS, hint=MALICIOUS)),
        markup.result(ShownResult(kind="good", words=MALICIOUS, number=1)),
        markup.result(ShownResult(kind="bad", words="", number=2, card=CARD)),
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
    assert "onerror=alert(1)" in "".join(parsed.texts)


def test_the_mode_is_told_in_words():
    assert "Not connected" in markup.header(PanelState())
    assert "Real tenant" in markup.header(PanelState(connection=CONNECTION))
    assert "nothing here is real" in markup.header(PanelState(connection=replace(CONNECTION, mode="sandbox")))


def test_a_step_is_told_in_words_too():
    for phase, word in {"waiting": "to do", "running": "running", "done": "done", "failed": "failed"}.items():
        assert f">{word}<" in markup.steps([replace(STEP, phase=phase)])
    answerless = replace(REQUEST, status=None, attempt=2)
    shown = markup.steps([replace(STEP, requests=(answerless,))])
    assert "no answer" in shown
    assert "attempt 2" in shown


def test_a_request_shows_its_body_and_how_to_send_it_by_hand():
    shown = read(markup.steps([replace(STEP, requests=(replace(REQUEST, method="GET", address="/api/v1/users/me"),))]))
    text = "".join(shown.texts)
    assert "Body (body.json)" in text
    assert 'curl -X GET "${QLIK_TENANT_URL:?the address of the tenant}"/api/v1/users/me' in text
    assert "Body" not in markup.steps([replace(STEP, requests=(replace(REQUEST, body=""),))])


def test_what_is_chosen_is_told_in_words():
    frame = pd.DataFrame([row(name="nightly-etl")])
    assert "Select a client" in markup.selected(frame, (), "")
    assert "nightly-etl" in markup.selected(frame, ("c" * 32,), "")
    assert "2 are selected" in markup.selected(frame, ("c" * 32, "d" * 32), "")
    assert "Connect first" in markup.selected(None, (), "Connect first.")
    assert "e" * 32 in markup.selected(frame[:0], ("e" * 32,), "")


def test_ages_are_bars_with_their_figures():
    shown = markup.ages({"0-30": (4, 0), "31-60": (2, 2), "91-180": (2, 1), "unknown": (0, 0)})
    assert re.findall(r"qk-age-bar( qk-age-old)?' style='height:(\d+)px", shown) == [
        ("", "90"),
        *(("", "0"), (" qk-age-old", "45")),
        *(("", "23"), (" qk-age-old", "22")),
        ("", "2"),
    ]
    assert re.findall(r"qk-age-count'>(\d+)", shown) == ["4", "2", "2", "0"]
    assert re.findall(r"(\d+) old<", shown) == ["2", "1"]
    assert "<b>rotation-overdue</b> and <b>key-old</b>" in shown


def test_the_summary_has_what_was_made_and_the_table_and_hides_itself():
    state = PanelState(
        connection=CONNECTION,
        new_client=NewClientState(made_here=(MADE,)),
        clients=ClientsState(frame=pd.DataFrame([row()] * 51), listed_at=MOMENT),
    )

    def summary_of(frame):
        return summary(replace(state, clients=ClientsState(frame=frame, listed_at=MOMENT)), "0a1b2c3d")

    rows = [row(name="old", created=MOMENT - timedelta(days=9)) for _ in range(50)]
    aged = pd.DataFrame([*rows, row(name="made-last", created=MOMENT)])
    assert (
        summary(replace(state, clients=ClientsState(frame=aged, listed_at=MOMENT)), "0a1b2c3d").count("made-last") == 1
    )
    shown = summary(state, "0a1b2c3d")
    parsed = read(shown)
    text = "".join(parsed.texts)
    assert not {"img", "script"} & parsed.tags
    assert "qk.Panel()" in text
    missing = pd.DataFrame([row()]).astype({"current_kid": "string"}).assign(current_kid=pd.NA)
    assert "NA" not in "".join(read(summary_of(missing)).texts)
    assert "51 clients as of 2026-03-01 12:30 UTC, the newest 50" in text
    assert shown.count("<tr>") == 51
    assert "2026-03-01" in text
    assert "NaT" not in text
    assert ".qk-root-0a1b2c3d" in shown
    assert "connected" not in summary(PanelState(), "0a1b2c3d")


def test_nothing_to_show_is_nothing():
    assert (
        markup.error(None)
        == markup.made([])
        == markup.progress(PanelState(work=WorkState(doing="w", at="a")), "b")
        == ""
    )
    assert markup.work(PanelState()) == markup.warnings([]) == ""
    assert markup.listed_at(None) == markup.plan(None) == markup.plan_heading(None) == ""
    assert (
        inspection_markup.assertion(None)
        == inspection_markup.rejection(None)
        == inspection_markup.token_parts(None)
        == ""
    )
    assert inspection_markup.token(None, now=MOMENT) == ""


@pytest.mark.parametrize("fault", INVALID_VARIANTS)
def test_what_is_broken_on_purpose_is_marked_in_words(fault):
    members = explain({"alg": "ES384", "kid": "k", "typ": "JWT"}, {"aud": "a", "jti": "j", "iat": 1, "exp": 2})
    shown = inspection_markup.assertion(ShownAssertion(members=members, variant=fault))
    assert shown.count("sent twice on purpose" if fault == "replayed" else "invalid on purpose") == 1
    assert "on purpose" not in inspection_markup.assertion(ShownAssertion(members=members))
    assert [part for part in ("Header", "Claims", "Signature") if f"<h4>{part}</h4>" in shown] == [
        "Header",
        "Claims",
        "Signature",
    ]
    refused = inspection_markup.rejection(ShownRejection(variant=fault, status=401, said="no"))
    assert "Refused, as expected" in refused
    assert "should have refused" in inspection_markup.rejection(ShownRejection(variant=fault, status=200, said=""))


def test_a_tokens_own_parts_are_under_reserve():
    shown = inspection_markup.token_parts(TOKEN)
    assert "unofficial, may change" in shown
    assert "2027-01-15 08:00:00 UTC" in shown
    opaque = inspection_markup.token_parts(replace(TOKEN, parts=None))
    assert "unofficial, may change" in opaque
    assert "no JWT" in opaque
    assert "user=qk.UserLookup(" in opaque


def test_a_token_that_is_revoked_or_over_says_so():
    assert "is revoked" in inspection_markup.token(replace(TOKEN, is_revoked=True), now=MOMENT)
    assert "estimated" in inspection_markup.token(replace(TOKEN, lifetime_known=False), now=MOMENT)
    assert "qk-good" in inspection_markup.token(TOKEN, now=TOKEN.expires_at - timedelta(seconds=1))
    over = inspection_markup.token(TOKEN, now=TOKEN.expires_at)
    assert "has expired" in over
    assert "qk-good" not in over


def test_a_call_says_whose_token_it_is_made_with():
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
    assert markup.moment(MOMENT) == told
    assert markup.formatted("It logs in until 2026-03-01 12:30 UTC.") == f"It logs in until {told}."
    assert (
        markup.formatted("Look with `qlik-keys token`, `<b>`")
        == "Look with <code>qlik-keys token</code>, <code>&lt;b&gt;</code>"
    )
    words = "The old key logs in until 2026-03-01 12:30 UTC."
    assert told in markup.result(ShownResult(kind="good", words=words, number=1))
    assert told in markup.plan(replace(PLAN, notes=(words,), blocked=""))
    assert told in markup.plan(replace(PLAN, blocked=words))
    assert told in markup.error(replace(CARD, what=words))
    assert told in markup.listed_at(MOMENT, "clients")
    assert told in markup.made([replace(MADE, expires_at=MOMENT)])


def test_an_operation_is_told_in_words():
    for name in OPERATIONS:
        shown = markup.plan_heading(replace(PLAN, form=ChangeForm(operation=name, client_id="c"), client_name="etl"))
        text = "".join(read(shown).texts)
        assert "_" not in text.replace("qlik_keys", "")
        assert ("etl" in text) or name == "resume"
    shown = markup.plan_heading(ShownPlan(form=ChangeForm(operation="delete", client_id="c1"), client_name=""))
    assert "Delete c1" in shown
