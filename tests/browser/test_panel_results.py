"""Results in sight: nothing jumps, every control is large enough to hit, and times are told in the page's zone."""

from __future__ import annotations

import re

import pytest
from fixtures.panel_actions import PATIENCE_MILLISECONDS, button, create_client, go_to, open_in, run_cell, tab_to, told
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]
MOST_SHIFT = 0.02
WINDOW = {"width": 1400, "height": 1000}
WATCH = (
    # A click excuses nothing. What moves in the panel counts: the cells below it make room for a panel that grows.
    "() => { const isOurs = ({node}) => (node?.closest ? node : node?.parentElement)?.closest('.qk-panel');"
    " const area = ({width, height}) => width * height / innerWidth / innerHeight;"
    " const way = ({previousRect: a, currentRect: b}) => Math.max(Math.abs(a.x - b.x), Math.abs(a.y - b.y));"
    " const share = each => Math.min(1, area(each.previousRect) + area(each.currentRect)) * way(each);"
    " const told = ({node, previousRect: a, currentRect: b}) =>"
    " `${node.className || node.nodeName} ${Math.round(a.y)} to ${Math.round(b.y)}`;"
    " window.qkShift = 0; window.qkMoved = [];"
    " if (window.qkWatches) return; window.qkWatches = true;"
    " new PerformanceObserver(list => { for (const {sources} of list.getEntries())"
    " for (const each of sources.filter(isOurs)) {"
    " window.qkShift += share(each) / Math.max(innerWidth, innerHeight); window.qkMoved.push(told(each)); }"
    " }).observe({type: 'layout-shift'}); }"
)
TAKE = "() => { const seen = [window.qkShift, window.qkMoved]; window.qkShift = 0; window.qkMoved = []; return seen; }"
# The boxes of a scope and the rows of code are text; all that is pressed is a control.
SMALL = (
    "panel => [...panel.querySelectorAll('button, input, select, summary, textarea, [role=tab]')]"
    ".filter(each => each.offsetParent).map(each => [each, each.getBoundingClientRect()])"
    ".filter(([, at]) => at.width < 24 || at.height < 24)"
    ".map(([each, at]) => `${Math.round(at.width)}x${Math.round(at.height)} ${each.outerHTML.slice(0, 90)}`)"
)
# All of it, or its start where it is higher than the space between masthead and waiting secret.
IN_SIGHT = (
    "() => { const told = [...document.querySelectorAll('.qk-result-place [data-result]')]"
    ".filter(each => each.offsetParent).at(-1).getBoundingClientRect();"
    " const top = document.querySelector('.qk-masthead').getBoundingClientRect().bottom;"
    " const bottom = document.querySelector('.qk-once').getBoundingClientRect().top || innerHeight;"
    " return told.top > top - 2 && (told.bottom < bottom + 1 || told.top < top + 40); }"
)
BEGINS = (
    "() => { const bottom = document.querySelector('.qk-masthead').getBoundingClientRect().bottom;"
    " const shown = [...document.querySelectorAll('.qk-panel [role=tabpanel]')].find(each => each.offsetParent);"
    " return shown.getBoundingClientRect().top > bottom - 2; }"
)
TOLD_BELOW_MASTHEAD = (
    "() => document.querySelector('.qk-result-place [data-result]').getBoundingClientRect().top"
    " >= document.querySelector('.qk-masthead').getBoundingClientRect().bottom - 2"
)
# A client secret that waits stands at the bottom of the window, and may not hide what an action came to.
UNCOVERED = (
    "() => { const told = [...document.querySelectorAll('.qk-result-place [data-result]')]"
    ".find(each => each.offsetParent);"
    " const bottom = document.querySelector('.qk-once').getBoundingClientRect().top;"
    " return bottom > 0 && told.getBoundingClientRect().bottom <= bottom; }"
)
GROW = "() => { document.querySelector('.qk-form h3').style.paddingTop = '90px'; }"


@pytest.fixture
def away(chromium):
    """A page whose clock is five and a half hours ahead of UTC."""
    context = chromium.new_context(timezone_id="Asia/Kolkata", viewport=WINDOW)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MILLISECONDS)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    yield page
    context.close()


def test_nothing_jumps_all_can_be_hit_and_times_are_local(away, lab):
    # On a loaded machine the page may draw in two steps what arrives in one: what jumps does so each time.
    jumps = jumps_in(away, lab, "results.ipynb") and jumps_in(away, lab, "results-again.ipynb")
    assert jumps == {}


def jumps_in(away, lab, notebook):
    """Do everything in a new panel, and return each action that moved something, with how far and what."""
    away.set_viewport_size(WINDOW)
    panel, _ = open_in(away, lab, notebook)
    away.wait_for_function("() => document.querySelector('.qk-panel').offsetHeight > 600")
    away.evaluate(WATCH)
    shifts, moved, small = {}, {}, {}

    def measured(action):
        small[action] = panel.evaluate(SMALL)
        shifts[action], moved[action] = away.evaluate(TAKE)

    button(panel, "Start the sandbox").click()
    expect(told(panel)).to_contain_text("Connected to")
    measured("connect")
    create_client(panel, "in-sight")
    expect(told(panel)).to_contain_text("in-sight is made.")
    expect(told(panel)).to_be_in_viewport(ratio=1)
    expect(told(panel)).to_be_focused()
    expect(panel.locator(".qk-work")).to_have_count(0)
    measured("create")
    time = panel.locator(".qk-verification time")
    expect(time).to_have_text(re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC\+5:30$"))
    expect(time).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d UTC$"))
    go_to(panel, "Clients")
    button(panel, "Refresh").click()
    expect(told(panel).first).to_have_text("✓ 1 client listed.")
    measured("refresh")
    for operation, heading in (("Rotate", "Rotate the key of in-sight"), ("Delete", "Delete in-sight")):
        change(panel, operation, heading, measured)
    for name in ("Audit", "Try a token", "New client"):
        panel.evaluate("panel => panel.scrollIntoView({block: 'end'})")
        go_to(panel, name)
        measured(name)
        # It begins at its beginning, however far down the tab before it was.
        away.wait_for_function(BEGINS)
    no_waiting_secret_hides_a_result(away, panel, measured)
    # A tenant that takes its time, in a narrow panel: what begins and ends late is excused by nothing, and in sight.
    run_cell(away, 1, "panel.sandbox.configure(latency_seconds=0.3)")
    go_to(panel, "Clients")
    away.wait_for_timeout(300)
    away.evaluate(TAKE)
    button(panel, "Refresh").click()
    expect(told(panel).first).to_have_text("✓ 1 client listed.")
    expect(panel.locator(".qk-work")).to_have_count(0)
    measured("narrow: refresh")
    for operation, heading in (
        ("Rotate", "Rotate the key of with-a-secret"),
        ("Revoke", "Revoke the key of with-a-secret"),
        ("Delete", "Delete with-a-secret"),
    ):
        change(panel, operation, heading, lambda action: measured(f"narrow: {action}"))
    assert {action: controls for action, controls in small.items() if controls} == {}
    return {action: (shift, moved[action]) for action, shift in shifts.items() if shift >= MOST_SHIFT}


def change(panel, operation, heading, measured):
    button(panel, operation).click()
    expect(panel.locator(".qk-plan-title")).to_have_text(heading)
    expect(panel.locator(".qk-plan-title")).to_be_in_viewport(ratio=1)
    expect(panel.locator(".qk-work")).to_have_count(0)
    measured(f"plan to {operation}")
    confirm = panel.get_by_label("Client id, to confirm", exact=True)
    if confirm.is_visible():
        confirm.fill(panel.locator(".qk-plan-card code").first.inner_text())
    button(panel, heading).click()
    expect(panel.locator(".qk-inert")).to_be_visible()
    expect(told(panel).last).to_be_focused()
    panel.page.wait_for_function(IN_SIGHT)
    expect(panel.locator(".qk-work")).to_have_count(0)
    assert panel.locator(".qk-plan-card").evaluate("card => card.scrollWidth <= card.clientWidth")
    measured(operation)


def no_waiting_secret_hides_a_result(page, panel, measured):
    page.set_viewport_size({"width": 360, "height": 740})
    panel.get_by_label("Name", exact=True).fill("with-a-secret")
    tab_to(page, "Client secret (shown once)", most=30)  # the hundred scopes are one stop, and arrows go among them
    page.keyboard.press("Space")
    panel.locator("input[data-scope=user_default]").focus()
    page.keyboard.press("ArrowDown")
    expect(panel.locator("input[data-scope=offline_access]")).to_be_focused()
    page.evaluate(TAKE)
    button(panel, "Create client").click()
    expect(told(panel)).to_contain_text("with-a-secret is made.")
    page.wait_for_function(UNCOVERED)
    expect(panel.locator(".qk-work")).to_have_count(0)
    measured("narrow: create")
    # What is above it may still grow: a result stays in sight until the user does something.
    page.evaluate(GROW)
    page.wait_for_function(UNCOVERED)
    page.evaluate(TAKE)
    go_to(panel, "Try a token")
    button(panel, "Get a token").click()
    expect(told(panel)).to_contain_text("with-a-secret logged in.")
    page.wait_for_function(UNCOVERED)
    # The warning of a lost secret is above what is in sight then, and the masthead hides nothing of it.
    button(panel, "End session").click()
    expect(told(panel).first).to_contain_text("a secret that is shown once would be lost")
    page.wait_for_function(TOLD_BELOW_MASTHEAD)
    panel.locator(".qk-error-title").press("Escape")
    expect(panel.get_by_text("Ending the session failed")).to_have_count(0)
