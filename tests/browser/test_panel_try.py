"""Try a token in a real JupyterLab: a login inspected, called with, fixed, revoked; nothing of it stays."""

from __future__ import annotations

import json
import re
import signal

import psutil
import pytest
from fixtures.canaries import find_canaries, find_canaries_in_files
from fixtures.panel_actions import (
    PATIENCE_MILLISECONDS,
    button,
    create_client,
    end_session,
    go_to,
    run_cell,
    save,
    start_sandbox,
    told,
)
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]


@pytest.fixture
def trying(used_panel):
    """The tab, with an administrator's client in it that may act for users; and the notebook's path."""
    panel, path = used_panel
    if panel.locator(".qk-badge").inner_text() == "Not connected":
        begin(panel)
    settle(panel)
    panel.get_by_label("For a user (impersonation)").uncheck()
    return panel, path


def begin(panel):
    start_sandbox(panel)
    go_to(panel, "New client")
    panel.get_by_label("May impersonate users").check()
    scopes = panel.get_by_placeholder("Search by name or meaning: apps, space, user …").first
    scopes.fill("admin")
    # What bears the word stands before what only says it in its meaning.
    names = panel.locator(".qk-options:visible input[data-scope]").evaluate_all("all => all.map(e => e.dataset.scope)")
    assert ["admin" in name for name in names] == sorted(("admin" in name for name in names), reverse=True)
    assert names[0].startswith("admin")
    scopes.fill("")
    panel.locator('input[data-scope="admin_classic"]').check()
    create_client(panel, "to-be-tried")
    expect(panel).to_contain_text("to-be-tried is made.")
    go_to(panel, "Try a token")


def settle(panel):
    expect(panel.locator(".qk-work")).to_have_count(0)


def get_token(panel):
    button(panel, "Get a token").click()
    expect(panel.locator(".qk-result:visible")).to_contain_text("to-be-tried logged in.")
    settle(panel)


def have_token(panel):
    """Get a token, if there is none from the test before."""
    if not panel.locator(".qk-countdown").is_visible():
        get_token(panel)


def fill_in_call(panel, path, *, method="GET", body=""):
    panel.get_by_label("Method", exact=True).select_option(method)
    panel.get_by_label("Path", exact=True).fill(path)
    if method != "GET":
        panel.get_by_label("Body (JSON)").fill(body)


def call(panel, path, **options):
    fill_in_call(panel, path, **options)
    button(panel, "Send").click()
    settle(panel)
    return panel.locator(".qk-status:visible")


def run_code(page, code):
    """Run code in the notebook's second cell, and return its output."""
    run_cell(page, 1, code)
    return page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")


def fail_next(page, **fault):
    expect(run_code(page, f"panel.sandbox.configure(fail_next=[{fault}]); print('armed')")).to_contain_text("armed")


def test_a_login_is_inspected_and_calls_are_made_with_its_token(page, trying):
    panel, _ = trying
    expect(panel.get_by_label("Client", exact=True)).to_have_value("to-be-tried")
    expect(panel).to_contain_text("None chosen: the token gets every scope of the client.")
    get_token(panel)
    members = panel.locator(".qk-members li")
    expect(members).to_have_count(10)
    expect(members.filter(has_text="aud")).to_contain_text("no slash at the end")
    expect(panel.locator(".qk-step.qk-done:visible")).to_have_count(3)
    panel.get_by_text("The parts of the token").click()
    expect(panel.locator(".qk-result:visible")).to_contain_text("unofficial, may change")
    countdown = panel.locator(".qk-countdown")
    expect(countdown).to_contain_text("The token expires in 5 h 59 min")

    expect(call(panel, "v1/users/me")).to_contain_text("200")
    tree = panel.locator(".qk-branch").first
    expect(tree).to_contain_text('"to-be-tried"')
    links = tree.locator("summary").filter(has_text="assignedRoles")
    expect(tree.locator("summary").filter(has_text="4 members")).to_be_visible()
    links.focus()
    page.keyboard.press("Enter")
    expect(tree.locator("summary").filter(has_text="4 members")).to_be_hidden()
    button(panel, "Raw").click()
    expect(panel.locator(".qk-shown pre")).to_contain_text('"subject":')

    expect(call(panel, "v1/oauth-clients")).to_contain_text("200")
    button(panel, "Table").click()
    table = panel.locator(".qk-rows")
    expect(table.locator("tbody tr")).to_have_count(1)
    expect(table).to_contain_text("to-be-tried")
    call(panel, "v1/oauth-clients/unknown")
    expect(panel.locator(".qk-status:visible")).to_contain_text(re.compile("404.*trace id [0-9a-f]{32}"))
    panel.get_by_text("Calls, the newest first").click()
    expect(panel.get_by_role("region", name="Calls").locator("tbody tr").first).to_contain_text("404")
    frame = run_code(page, "panel.history[['method', 'path', 'status']].tail(3)").locator("tbody tr")
    expect(frame).to_contain_text(["users/me", "oauth-clients", "oauth-clients/unknown"])
    expect(frame.last).to_contain_text("404")


SHOW = """
from qlik_keys.jupyter.panel.model.answers import shown_answer
from qlik_keys.jupyter.panel.model.shown import ShownRequest
from qlik_keys.core.secret import Secret
from qlik_keys.tenant.resources.raw import RawAnswer
asked = ShownRequest(system='tenant', method='GET', path='/odd', address='/odd', body='', status=None, milliseconds=0)
def answer(content):
    came = RawAnswer(status=200, content=content, content_type='application/json')
    shown, _ = shown_answer(came, None, asked, samples=(), needs='', milliseconds=1, token=Secret('not-in-it-0123'))
    panel._controllers.store.update('calls', answer=shown)
    print('shown', len(content))
"""


def test_an_answer_is_shown_truly(page, trying):
    panel, _ = trying
    have_token(panel)
    run_code(page, SHOW)

    def show(content):
        cell = run_code(page, f"answer({content!r})")
        expect(cell).to_contain_text(f"shown {len(content)}")
        return panel.locator(".qk-shown")

    shown = show(b'{"id": 12345678901234567890, "f": 1.0, "n": 7}')
    expect(shown).to_contain_text("id: 12345678901234567890")
    expect(shown).to_contain_text("f: 1.0")
    expect(shown.locator(".qk-is-number")).to_have_count(3)
    shown = show(b'[1, "a", null, {"x": 1.0, "deep": {"n": [12345678901234567890]}}, {"constructor": 2}]')
    button(panel, "Table").click()
    expect(shown.locator("th")).to_have_text(["value", "x", "deep", "constructor"])
    rows = [line.locator("td").all_inner_texts() for line in shown.locator("tbody tr").all()]
    assert rows == [
        ["1", "", "", ""],
        ["a", "", "", ""],
        ["null", "", "", ""],
        ["", "1.0", '{"n":[12345678901234567890]}', ""],
        ["", "", "", "2"],
    ]
    shown = show(b'{"a": NaN}')
    expect(shown.locator("pre")).to_have_text('{"a": NaN}')
    expect(panel.locator(".qk-answer-view")).to_contain_text("not standard JSON")
    expect(panel.locator(".qk-views button")).to_have_text(["Raw"])
    # What a page cannot read, it says so.
    run_code(page, "panel._views['Try a token']._answer.send({'kind': 'answer'}, [b'no deflate'])")
    expect(panel.locator(".qk-answer-view")).to_contain_text("This page cannot show it")


def test_a_call_that_fails_is_told_next_to_its_form(page, trying):
    panel, _ = trying
    have_token(panel)
    path, view = panel.get_by_label("Path", exact=True), panel.locator(".qk-answer-view")
    path.fill(" ")
    expect(button(panel, "Send")).to_be_disabled()
    expect(panel.get_by_text("Type a path.")).to_be_visible()
    head = call(panel, "v1/x", method="POST", body="{a")
    expect(head).to_contain_text("✗ not sent")
    expect(view).to_contain_text("The body is not JSON (line 1, column 2)")
    expect(button(view, "What is wrong?")).to_have_count(0)
    expect(panel.get_by_role("alert")).to_have_count(0)
    panel.get_by_label("Body (JSON)").fill("")
    client, delete = "0" * 32, button(panel, "Delete this client")
    confirm = panel.get_by_label("Client id, to confirm: it is deleted permanently")
    panel.get_by_label("Method", exact=True).select_option("DELETE")
    for address in (f"v1/oauth-clients/{client}/?x=1", f"/api//v1/oauth-clients%2F{client}"):
        path.fill(address)
        for typed in ("", client[:-1]):
            confirm.fill(typed)
            expect(delete).to_be_disabled()
            confirm.press("Enter")
        expect(view).to_contain_text("The body is not JSON")  # still the answer from before
    confirm.fill(client)
    expect(delete).to_have_class("qk-danger")
    confirm.press("Enter")
    settle(panel)
    expect(head).to_contain_text("404")
    button(view, "Tree").click()
    expect(view.locator(".qk-shown")).to_contain_text("traceId")
    fail_next(page, fault="lost_answer", path="/api/v1/oauth-clients", method="POST")
    expect(call(panel, "v1/oauth-clients", method="POST", body="{}")).to_contain_text("✗ no answer")
    expect(view).to_contain_text("It may have taken effect: check it with a GET before you send it again.")
    button(view, "What is wrong?").click()
    expect(panel.locator(".qk-remark")).to_contain_text("the tenant answers now")
    button(panel, "Dismiss").click()


def test_by_keyboard_the_focus_stays_where_it_was_and_goes_to_an_error(page, trying):
    panel, _ = trying
    expect(button(panel, "Get a token")).to_be_enabled()
    button(panel, "Get a token").focus()
    page.keyboard.press("Enter")
    expect(panel.locator(".qk-result:visible")).to_contain_text("to-be-tried logged in.")
    settle(panel)
    expect(told(panel).first).to_be_focused()
    expect(told(panel).first).to_be_in_viewport(ratio=1)
    fill_in_call(panel, "v1/users/me")
    button(panel, "Send").focus()
    page.keyboard.press("Enter")
    expect(panel.locator(".qk-status:visible")).to_contain_text("200")
    settle(panel)
    expect(button(panel, "Send")).to_be_focused()
    # The answer comes into view, also where the form is the last that was in sight.
    path = panel.get_by_label("Path", exact=True)
    path.fill("v1/tenants/me")
    path.evaluate("field => field.scrollIntoView({ block: 'end' })")
    page.keyboard.press("Enter")
    expect(panel.locator(".qk-status:visible")).to_contain_text("tenants/me")
    settle(panel)
    expect(panel.locator(".qk-status:visible")).to_be_in_viewport(ratio=1)
    expect(path).to_be_focused()
    button(panel, "Send").focus()
    fail_next(page, fault=400, path="/oauth/revoke")
    button(panel, "Revoke the token").focus()
    page.keyboard.press("Enter")
    title = panel.locator(".qk-error-title")
    expect(title).to_have_text("✗ Revoking the token failed")
    expect(title).to_be_focused()
    expect(title).to_be_in_viewport()
    settle(panel)
    expect(button(panel.locator(".qk-has-card"), "What is wrong?")).to_be_visible()
    button(panel, "Dismiss").focus()
    page.keyboard.press("Enter")
    expect(title).to_have_count(0)
    expect(button(panel, "Revoke the token")).to_be_focused()


def test_what_fails_is_fixed_by_a_click_and_a_token_of_a_user_is_revoked(page, trying):
    panel, _ = trying
    expect(button(panel, "What is wrong?")).to_be_enabled()
    run_code(page, "panel.tenant.oauth_clients.set_consent(panel.last_made.client_id, 'required')")
    button(panel, "Get a token").click()
    card = panel.locator(".qk-has-card")
    expect(card.get_by_role("alert")).to_contain_text("Requesting a token failed")
    button(card, "What is wrong?").click()
    doctor = panel.locator(".qk-checks").first
    expect(doctor.locator(".qk-check")).to_have_count(1)
    expect(doctor).to_contain_text("The client is trusted failed")
    expect(doctor).to_contain_text("What to do: Set the consent method to trusted.")
    expect(panel.get_by_role("heading", name="What the doctor found: to-be-tried")).to_be_focused()
    button(panel, "Fix it").click()
    expect(panel).to_contain_text("Nothing was found: the login works")
    expect(panel).to_contain_text("✓ The consent method is trusted now.")
    button(panel, "Dismiss").click()
    expect(doctor).to_be_hidden()
    # For a user, and revoked.
    run_code(page, "print('me is', panel.tenant.users.me().id)")
    printed = page.locator(".jp-OutputArea-output").filter(has_text="me is ")
    me = re.search(r"me is (\w+)", printed.inner_text())[1]
    panel.get_by_label("For a user (impersonation)").check()
    expect(panel).to_contain_text("Type which user the token is for.")
    panel.get_by_label("User of the token", exact=True).press_sequentially(me)
    get_token(panel)
    for words in ("sandbox\\administrator", f"userId {me}"):
        expect(panel.locator(".qk-result:visible")).to_contain_text(words)
    button(panel, "Revoke the token").click()
    expect(panel).to_contain_text("The token of to-be-tried is revoked")
    expect(panel.locator(".qk-countdown")).to_be_hidden()
    expect(call(panel, "v1/users/me")).to_contain_text("401")
    button(panel.locator(".qk-answer-view"), "What is wrong?").click()
    expect(panel).to_contain_text("Nothing was found: the login works")
    button(panel, "Dismiss").click()


def test_a_call_is_copied(page, trying):
    panel, _ = trying

    def copied():
        expect(panel.get_by_text("✓ Copied")).to_have_count(1)
        return page.evaluate("() => navigator.clipboard.readText()")

    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    have_token(panel)
    body = '{"name": "it\'s"}'
    call(panel, "v1/oauth-clients", method="POST", body=body)
    panel.get_by_text("The same call by hand").click()
    expected = {
        "curl": 'curl -X POST "${QLIK_TENANT_URL:?the address of the tenant}"/api/v1/oauth-clients \\\n  -H "Auth',
        "qlik-keys": "qlik-keys raw post v1/oauth-clients --body",
        "Python": "import httpx\n\nimport qlik_keys as qk",
    }
    for name, begins in expected.items():
        button(panel, f"Copy: {name}").click()
        assert copied().startswith(begins)
        expect(panel.get_by_text("✓ Copied")).to_have_count(0)
    sent = panel.locator(".qk-step").filter(has_text="Send it to the token endpoint")
    sent.locator("summary").click()
    button(sent, "Copy the code").nth(1).click()
    assert copied().startswith('curl "${QLIK_TENANT_URL:?the address of the tenant}"/oauth/token')
    expect(panel.get_by_text("✓ Copied")).to_have_count(0)
    # A page without a clipboard selects and copies by the old way.
    page.evaluate("() => navigator.clipboard.writeText('')")
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    button(panel, "Copy: curl").click()
    assert copied().startswith("curl")
    page.evaluate("() => delete navigator.clipboard.writeText")


def test_nothing_of_a_call_is_left_behind(page, lab, trying):
    panel, path = trying
    have_token(panel)
    canary, query = "body-canary-0123456789-abcdefghij", "query-canary-0123456789-abcdefghij"
    for typed in (f"https://elsewhere.example/{query}", f"v1/items?filter={query}"):
        call(panel, typed)
        expect(panel.locator(".qk-status:visible")).to_contain_text(query)
    name = {"clientName": "made-by-a-call", "appType": "web", "allowedScopes": ["user_default"], "redirectUris": []}
    methods = {"allowedGrantTypes": ["client_credentials"], "allowedAuthMethods": ["client_secret"]}
    call(panel, "v1/oauth-clients", method="POST", body=json.dumps({**name, **methods, "description": canary}))
    expect(panel.locator(".qk-status:visible")).to_contain_text("201")
    expect(panel.locator(".qk-answer-view")).to_contain_text("replaces a secret that was redacted")
    button(panel, "Show it").click()
    output = panel.locator(".qk-once output")
    expect(output).to_have_text(re.compile(r".{20,}"))
    secret = output.inner_text()
    save(page)
    saved = path.read_text()
    assert "to-be-tried" in saved, "the notebook was not saved, so this test shows nothing"
    assert "widgets" in json.loads(saved)["metadata"]
    assert "made-by-a-call" not in saved
    assert query in panel.locator(".qk-calls").text_content()
    canaries = {"client secret": secret, "body": canary, "query": query}
    assert find_canaries_in_files(lab.notebooks, canaries) == {}
    button(panel, "I have stored it").click()
    expect(output).to_have_text("")
    assert find_canaries(page.content(), {"client secret": secret}) == []
    end_session(panel)
    expect(panel.locator(".qk-answer-view")).to_have_text("")
    expect(panel.get_by_label("Body (JSON)")).to_have_value("")
    values = page.evaluate("() => [...document.querySelectorAll('input, textarea')].map(each => each.value)")
    assert find_canaries(page.content() + "\n".join(values), {"body": canary, "client secret": secret}) == []


def test_the_countdown_needs_no_kernel_and_ends_in_words(page, trying, panel_of_file):
    panel, _ = trying
    panel_of_file.discard()  # its kernel is ended here
    run_code(page, "panel.sandbox.configure(token_lifetime_seconds=60); import os; print('pid', os.getpid())")
    printed = page.locator(".jp-OutputArea-output").filter(has_text="pid ")
    kernel = psutil.Process(int(re.search(r"pid (\d+)", printed.inner_text())[1]))
    get_token(panel)
    countdown = panel.locator(".qk-countdown")
    expect(countdown).to_contain_text(re.compile(r"expires in (1 min|\d\d? s)"))
    kernel.suspend()  # it does not answer, as one that is dead
    try:
        for _ in range(3):
            expect(countdown).not_to_have_text(countdown.text_content())
        expect(countdown).to_contain_text("The token has expired", timeout=2 * PATIENCE_MILLISECONDS)
    finally:
        kernel.resume()
    expect(panel.locator(".qk-result:visible")).to_contain_text("The token of to-be-tried has expired")
    expect(call(panel, "v1/users/me")).to_contain_text("401")
    get_token(panel)
    countdown = page.locator(".qk-countdown")
    expect(countdown).to_contain_text("expires in")  # of the new token
    kernel.send_signal(signal.SIGKILL)
    kernel.wait()
    for _ in range(3):
        expect(countdown).not_to_have_text(countdown.text_content())
