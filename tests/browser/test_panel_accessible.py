"""Accessibility: axe-core's rules on every tab, and the whole job by keyboard alone."""

from __future__ import annotations

import itertools

import pytest
from axe_playwright_python.sync_playwright import Axe
from fixtures.panel_actions import (
    VIEWPORT,
    button,
    create_client,
    go_to,
    run_cell,
    set_theme,
    start_sandbox,
    tab,
    tab_to,
    told,
)
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]


def looking(page, found):
    """Return what notes the serious problems of a state by its name."""

    def look(where):
        page.wait_for_timeout(300)  # colours fade in JupyterLab
        seen = Axe().run(page, context=".qk-panel", options={"resultTypes": ["violations"]})
        for rule in seen.response["violations"]:
            if rule["impact"] in ("serious", "critical"):
                found[where, rule["id"], rule["impact"]] = [node["html"][:160] for node in rule["nodes"]]

    return look


def test_the_order_of_the_keyboard_is_the_order_on_the_page(page, empty_panel):
    panel, _ = empty_panel
    for name in ("Connect", "New client", "Clients", "Try a token", "Audit"):
        go_to(panel, name)
        places = panel.evaluate(
            "panel => [...panel.querySelectorAll('button, input, select, summary')]"
            ".filter(each => each.offsetParent && !each.disabled && !each.closest('.qk-scroll, .qk-options, .qk-tabs'))"
            ".map(each => { const at = each.getBoundingClientRect();"
            " const card = each.closest('.qk-plan-card .qk-column, .qk-card, .qk-top, .qk-tabs');"
            " return [card ? Math.round(card.getBoundingClientRect().left) : 0, Math.round(at.top), each.tabIndex]; })"
        )
        assert {index for *_, index in places} <= {0}
        for (card, top, _), (next_card, next_top, _) in itertools.pairwise(places):
            assert next_top >= top - 12 or next_card != card


def test_the_whole_job_by_keyboard(page, empty_panel):
    panel, _ = empty_panel

    go_to(panel, "Connect")
    tab(panel, "Connect").focus()
    tab_to(page, "Start the sandbox")
    page.keyboard.press("Enter")
    expect(panel).to_contain_text("Connected to")
    expect(told(panel)).to_be_focused()
    tab(panel, "Connect").focus()
    page.keyboard.press("End")
    expect(tab(panel, "Audit")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tab(panel, "Connect")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(tab(panel, "New client")).to_have_attribute("aria-selected", "true")
    expect(panel.get_by_role("tabpanel", name="New client")).to_be_visible()
    tab_to(page, "Name")
    page.keyboard.type("by-keyboard")
    page.keyboard.press("Enter")
    expect(told(panel)).to_contain_text("by-keyboard is made.")
    expect(told(panel)).to_be_focused()
    # No key is a shortcut of JupyterLab's, which would insert, cut or delete cells.
    cells = page.locator(".jp-Notebook .jp-Cell").count()
    panel.get_by_label("Step by step").focus()
    for key in "abcxvdd":
        page.keyboard.press(key)
    tab(panel, "New client").focus()
    for key in ("x", "d", "d", "Backspace"):
        page.keyboard.press(key)
    assert page.locator(".jp-Notebook .jp-Cell").count() == cells
    page.keyboard.press("ArrowRight")
    row = panel.get_by_label("Select by-keyboard")
    expect(row).to_be_checked()  # the client that was just made is the selected one
    tab_to(page, "Select by-keyboard")
    expect(button(panel, "Rotate")).to_be_enabled()
    tab_to(page, "Rotate")
    page.keyboard.press("Enter")
    expect(panel.locator(".qk-plan-title")).to_be_focused()
    tab_to(page, "Rotate the key of by-keyboard")
    page.keyboard.press("Enter")
    expect(told(panel).filter(has_text="The old key can log in until")).to_be_focused()


def test_axe_finds_nothing_serious(page, empty_panel):
    panel, _ = empty_panel
    found = {}
    look = looking(page, found)
    set_theme(page, "JupyterLab Dark")
    look_at_a_new_client(panel, look)
    look_at_clients(page, panel, look)
    look_at_results(page, panel, look)
    go_to(panel, "Audit")
    look("Audit, empty")
    button(panel, "Run audit").click()
    expect(panel.locator(".qk-ages")).to_be_visible()
    look("Audit")
    set_theme(page, "JupyterLab Light")
    look("Audit, light")
    go_to(panel, "New client")
    look("New client, light")
    look_at_a_token(panel, look)
    look_at_calls(panel, look)
    assert found == {}


def look_at_a_new_client(panel, look):
    go_to(panel, "Connect")
    look("Connect, empty")
    start_sandbox(panel)
    look("Connect")
    go_to(panel, "Try a token")
    look("Try a token, no client")
    go_to(panel, "New client")
    panel.get_by_label("Client secret (shown once)").check()
    panel.get_by_label("Calls of the client").fill("GET /v1/apps\nbrew tea")
    expect(panel).to_contain_text("Not included: 1 unknown call.")
    panel.get_by_label("May impersonate users").check()
    panel.locator('input[data-scope="admin_classic"]').check()
    look("New client, the least scopes")
    create_client(panel, "axe")
    expect(panel).to_contain_text("axe is made.")
    panel.locator(".qk-request summary").first.click()
    panel.locator(".qk-preview summary").first.click()
    button(panel, "Show it").click()
    look("New client, made")
    button(panel, "I have stored it").click()


def look_at_clients(page, panel, look):
    go_to(panel, "Clients")
    expect(panel.locator(".qk-work")).to_have_count(0)
    button(panel, "Delete").click()  # the client that was just made is the selected one
    expect(panel.locator(".qk-plan")).to_be_visible()
    panel.get_by_text("Columns (").click()
    panel.get_by_text("Search help").click()
    look("Clients, a plan, the chooser of columns and the help")
    panel.get_by_text("Columns (").click()
    page.set_viewport_size({"width": 360, "height": 740})
    expect(panel.locator(".qk-cards")).to_be_visible()
    look("Clients, cards")
    page.set_viewport_size(VIEWPORT)


def look_at_results(page, panel, look):
    """Let a client fail, and another one wait for each of its steps."""
    button(panel, "Discard plan").click()
    fail = {"method": "POST", "path": "/api/v1/oauth-clients", "fault": 400}
    run_cell(page, 1, f"panel.sandbox.configure(fail_next=[{fail}]); print('armed')")
    expect(page.locator(".jp-OutputArea-output").filter(has_text="armed")).to_be_visible()
    create_client(panel, "axe-error")
    expect(panel.get_by_role("alert")).to_be_visible()
    look("New client, an error")
    button(panel, "Dismiss").click()
    panel.get_by_label("Step by step").check()
    button(panel, "Create client").click()
    expect(button(panel, "Next")).to_be_visible()
    look("New client, a step that waits")
    panel.get_by_label("Step by step").uncheck()
    expect(told(panel)).to_contain_text("is made.")


def look_at_a_token(panel, look):
    go_to(panel, "Try a token")
    panel.get_by_label("For a user (impersonation)").check()
    panel.get_by_label("User of the token", exact=True).press_sequentially("grace")
    button(panel, "Search users").click()
    expect(panel.get_by_label("Users found")).to_be_visible()
    look("a user")
    panel.get_by_label("For a user (impersonation)").uncheck()
    button(panel, "Get a token").click()
    expect(panel).to_contain_text("logged in.")
    panel.get_by_text("The parts of the token").click()
    look("a token")


def look_at_calls(panel, look):
    send, status, path = button(panel, "Send"), panel.locator(".qk-status"), panel.get_by_label("Path", exact=True)
    send.click()
    expect(status).to_contain_text("200")
    panel.get_by_text("The same call by hand").click()
    panel.get_by_text("Calls, the newest first").click()
    look("a tree")
    path.fill("v1/oauth-clients")
    send.click()
    expect(status).to_contain_text("oauth-clients")
    button(panel, "Table").click()
    panel.get_by_label("Method", exact=True).select_option("DELETE")
    path.fill(f"v1/oauth-clients/{'a' * 32}")
    expect(button(panel, "Delete this client")).to_be_visible()
    look("a table, a deletion")
    panel.get_by_label("Assertion", exact=True).select_option(index=2)
    button(panel, "Get a token").click()
    expect(panel).to_contain_text("Refused, as expected")
    button(panel, "What is wrong?").first.click()
    expect(panel).to_contain_text("What the doctor found")
    look("broken on purpose, the doctor")
