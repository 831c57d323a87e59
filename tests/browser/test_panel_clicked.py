"""The quickstart as a user works with it: in a real JupyterLab, in Chromium, by clicking and typing."""

from __future__ import annotations

import itertools
import re

import pytest
from fixtures.panel_actions import button, connect, create_client, fill_in, go_to, start_sandbox
from playwright.sync_api import expect

import qlik_keys as qk

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]
BOT = re.compile(r"qlikbot\\[0-9a-f]{32}")
TABS = ("Connect", "New client", "Clients", "Try a token", "Audit")


def test_from_nothing_to_a_verified_client_that_the_notebook_goes_on_with(page, empty_panel):
    panel, _ = empty_panel
    expect(panel).to_contain_text("Not connected")
    button(panel, "Start the sandbox").click()
    expect(panel.locator(".qk-badge")).to_have_text("Sandbox: nothing here is real")
    create_client(panel, "nightly-etl")
    for words in ("nightly-etl is made.", "Verified:", BOT):
        expect(panel).to_contain_text(words)
    steps = panel.locator(".qk-step")
    assert steps.count() == 7
    assert all("qk-done" in steps.nth(i).get_attribute("class") for i in range(7))
    register = steps.filter(has_text="Register the client")
    expect(register).to_contain_text("201")
    register.locator("summary").filter(has_text="POST /api/v1/oauth-clients").click()
    opened = register.locator("details[open]")
    expect(opened.locator("pre").first).to_contain_text('"allowedAuthMethods"')
    expect(opened).to_contain_text("qlik raw post v1/oauth-clients --body '{")
    expect(steps.filter(has_text="Generate the key")).to_contain_text("POST /v1/secret/data/qlik-keys/")
    expect(steps.filter(has_text="Verify it")).to_contain_text("POST /oauth/token")

    go_to(panel, "Clients")
    row = panel.locator(".qk-table tbody tr")
    expect(row).to_have_count(1)
    for words in ("nightly-etl", "private key JWT", "✓ none"):
        expect(row).to_contain_text(words)

    go_to(panel, "Try a token")  # the client that was just made is the selected one
    button(panel, "Get a token").click()
    expect(panel).to_contain_text("nightly-etl logged in.")
    tried = panel.locator(".qk-result:visible")
    expect(tried).to_contain_text(BOT)
    expect(tried.locator(".qk-request")).to_contain_text(["GET", "POST /oauth/token", "GET /api/v1/users/me"])

    for words in ("made = qk.provision", "source = qk.TokenSource", "qk.clients(tenant, store)"):
        page.locator(".jp-CodeCell").filter(has_text=words).last.locator(".cm-content").click()
        page.get_by_role("button", name="Run this cell and advance").click()
    outputs = page.locator(".jp-OutputArea-output")
    expect(outputs.filter(has_text="was there already")).to_have_count(1)
    expect(outputs.filter(has_text=re.compile(r"I am qlikbot\\[0-9a-f]{32} and active"))).to_have_count(1)
    expect(outputs.locator("table.dataframe tbody tr")).to_have_count(1)


def test_a_button_stays_under_the_pointer_while_it_is_pressed(page, box, empty_panel):
    panel, _ = empty_panel
    go_to(panel, "Connect")
    fill_in(panel, box, api_key=box.api_key)
    connect = button(panel, "Connect tenant and Vault")
    expect(connect).to_be_enabled()
    connect.scroll_into_view_if_needed()
    place = connect.bounding_box()
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + 4)
    page.mouse.down()  # leaves the field, whose note changes; a slow finger lets go only then
    expect(panel.get_by_text("✓ The kernel holds it")).to_have_count(2)
    assert connect.bounding_box() == place
    page.mouse.up()
    expect(panel).to_contain_text("Connected to")


def test_a_wrong_credential_is_a_card_with_what_to_do(box, empty_panel):
    panel, _ = empty_panel
    go_to(panel, "Connect")
    connect(panel, box, api_key="not-the-key-of-this-tenant")
    card = panel.get_by_role("alert")
    for words in ("Connecting failed", "What to do:", "TenantAuthError"):
        expect(card).to_contain_text(words)
    expect(panel.locator(".qk-badge")).to_have_text("Not connected")
    button(panel, "Dismiss").click()
    expect(card).to_have_count(0)


def test_what_fails_is_a_card_the_next_try_finishes_it_and_a_name_is_no_markup(tidy_box, empty_panel):
    box = tidy_box
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        qk.provision(tenant, store, name="taken-in-browser", scopes=["apps:read"])
    panel, _ = empty_panel
    go_to(panel, "Connect")
    connect(panel, box, api_key=box.api_key)
    expect(panel).to_contain_text("Connected to")
    create_client(panel, "taken-in-browser")
    card, name = panel.get_by_role("alert"), panel.get_by_label("Name", exact=True)
    expect(card).to_contain_text("ManualActionRequired")
    expect(card.locator("tbody tr")).to_contain_text(["scopes"])
    for scope in ("user_default", "apps:read"):
        expect(card).to_contain_text(scope)
    box.configure(fail_next=[{"method": "POST", "path": "/api/v1/oauth-clients", "fault": 400}])
    name.fill("second-try")
    button(panel, "Create client").click()
    expect(card).to_contain_text("Making the client second-try failed")
    expect(panel.locator(".qk-failed")).to_contain_text("Register the client")
    button(panel, "Create client").click()
    expect(panel).to_contain_text("second-try is made.")
    expect(card).to_have_count(0)
    markup = "<img src=x onerror=\"alert('owned')\"><b>bold</b>"
    name.fill(markup)
    button(panel, "Create client").click()
    expect(panel).to_contain_text(f"{markup} is made.")
    go_to(panel, "Clients")
    panel.locator(".qk-clients").get_by_label("Search").fill("onerror")
    expect(panel.locator(".qk-table")).to_contain_text(markup)
    assert panel.locator("img").count() == 0


def test_the_button_says_what_is_missing_and_nothing_is_clipped_at_any_width(page, empty_panel):
    panel, _ = empty_panel
    go_to(panel, "Connect")
    panel.get_by_label("Tenant address").fill("")
    expect(button(panel, "Connect tenant and Vault")).to_be_disabled()
    expect(panel).to_contain_text("Still needed: the tenant's address, a credential for the tenant")
    go_to(panel, "New client")
    expect(button(panel, "Create client")).to_be_disabled()
    expect(panel).to_contain_text("Connect first")
    start_sandbox(panel)
    for width, tab in itertools.product((360, 1600), TABS):
        page.set_viewport_size({"width": width, "height": 1000})
        go_to(panel, tab)
        wider = panel.evaluate(
            "panel => [...panel.querySelectorAll('button, input, select, .qk-card')]"
            ".filter(each => each.offsetParent && !each.closest('.qk-scroll') && each.getBoundingClientRect().right"
            " > panel.getBoundingClientRect().right + 1).map(each => each.outerHTML.slice(0, 80))"
        )
        assert wider == []
    go_to(panel, "New client")
    panel.get_by_label("Name", exact=True).fill("")
    expect(panel).to_contain_text("Give the client a name.")
    panel.get_by_label("Name", exact=True).fill("any")
    expect(button(panel, "Create client")).to_be_enabled()
    button(panel, "Remove user_default").click()
    expect(panel).to_contain_text("The client has no scope.")
    expect(button(panel, "Create client")).to_be_disabled()
    # Scopes are found by their meaning, and parents cover children.
    scopes = panel.locator(".qk-scopes:visible")
    scopes.get_by_role("searchbox").fill("admin.apps")
    found = scopes.locator(".qk-option input").evaluate_all("boxes => boxes.map(box => box.dataset.scope)")
    assert {"admin.apps", "admin.apps:read", "admin.apps:export"} <= {*found}
    assert len(found) < 10, found
    scopes.locator('input[data-scope="admin.apps"]').check()
    covered = scopes.locator('input[data-scope="admin.apps:read"]')
    expect(covered).to_be_checked()
    expect(covered).to_be_disabled()
    expect(scopes).to_contain_text("covered by admin.apps")
    scopes.get_by_role("searchbox").fill("brand.new")
    scopes.get_by_role("button", name="Add “brand.new”").click()
    for name in ("admin.apps", "brand.new"):
        expect(button(scopes, f"Remove {name}")).to_be_visible()
    expect(panel).to_contain_text("'brand.new' is not among the scopes that Qlik publishes")
