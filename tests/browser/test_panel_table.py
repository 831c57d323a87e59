"""The table of clients and the audit as a person uses them: ten thousand rows, searched, sorted, selected, mended."""

from __future__ import annotations

import re

import pytest
from panel_actions import button, connect, go_to
from playwright.sync_api import expect

import qlik_keys as qk

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]
MANY = 10_000


@pytest.fixture(scope="module")
def crowd():
    """A sandbox with ten thousand clients that were made elsewhere, and two of ours."""
    with (
        qk.sandbox.start() as box,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        box.seed_clients(MANY)
        made = [qk.provision(tenant, store, name=f"aa-{name}", scopes=["user_default"]) for name in ("one", "two")]
        yield box, tenant, store, made


@pytest.fixture
def panel(crowd, lab, open_panel):
    box, *_ = crowd
    panel, _ = open_panel(lab)
    connect(panel, box, api_key=box.api_key)
    expect(panel).to_contain_text("Connected to")
    go_to(panel, "Clients")
    expect(panel.locator(".qk-clients")).to_contain_text("Not asked for yet")
    button(panel, "Refresh").click()
    expect(panel.locator(".qk-clients")).to_contain_text(f"{MANY + 2:,} clients")
    return panel


def rows(panel):
    return panel.locator(".qk-table tbody tr[aria-rowindex]")


def run_next_cell(page, code):
    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")


def test_ten_thousand_rows_are_searched_sorted_filtered_and_selected(page, panel, crowd):
    *_, made = crowd
    table = panel.locator(".qk-clients")
    assert rows(panel).count() < 40  # the others are not in the page
    assert table.locator("table").get_attribute("aria-rowcount") == str(MANY + 3)

    button(table, "Client").click()
    expect(rows(panel).first).to_contain_text("aa-one")
    button(table, "Client").click()
    expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")
    expect(rows(panel).first).not_to_contain_text("aa-")
    table.locator(".qk-scroll").evaluate("each => each.scrollTo(0, each.scrollHeight)")
    expect(rows(panel).last).to_contain_text("aa-one")

    table.get_by_label("Search").press_sequentially("AA-")
    expect(table).to_contain_text(f"2 of {MANY + 2:,} clients")
    expect(rows(panel)).to_have_count(2)
    table.get_by_label("Search").fill(made[0].kid[11:])
    expect(rows(panel)).to_have_count(1)
    table.get_by_label("Search").fill("nothing like it")
    expect(table).to_contain_text("No client has that.")
    table.get_by_label("Search").fill("")

    table.get_by_label("Finding").select_option("secret-only")
    expect(table).to_contain_text(re.compile(r"^.*?[\d,]+ of 10,002 clients", re.DOTALL))
    for row in rows(panel).all()[:5]:
        expect(row).to_contain_text("secret-only")
    table.get_by_label("Finding").select_option("")

    table.get_by_label("Search").fill("aa-")
    expect(rows(panel)).to_have_count(2)
    table.get_by_label("Select aa-one").check()
    expect(table).to_contain_text("1 selected")
    expect(button(panel, "Rotate")).to_be_enabled()
    table.get_by_label("Select all that are shown").check()
    expect(table).to_contain_text("2 selected")
    expect(panel).to_contain_text("2 are selected")
    expect(button(panel, "Rotate")).to_be_disabled()
    run_next_cell(page, "sorted(panel.selected['name'])")
    expect(page.locator(".jp-OutputArea-output").filter(has_text="['aa-one', 'aa-two']")).to_be_visible()
    table.get_by_label("Select all that are shown").uncheck()

    # A click on a row is that row alone; the keyboard walks from one to the next.
    rows(panel).first.click()
    expect(table).to_contain_text("1 selected")
    page.keyboard.press("Tab")
    table.get_by_label("Select aa-two").focus()
    page.keyboard.press("ArrowDown")
    expect(table.get_by_label("Select aa-one")).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(table.get_by_label("Select aa-two")).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.press("Space")
    expect(table).to_contain_text("2 selected")


def test_the_audit_leads_to_the_plan(panel, crowd):
    _, tenant, _, made = crowd
    kids = [key.kid for key in tenant.oauth_clients.get(made[1].client_id).public_keys]
    go_to(panel, "Audit")
    expect(panel).to_contain_text("Nothing is changed by looking")
    button(panel, "Look through all clients").click()
    expect(panel.locator(".qk-ages .qk-age")).to_have_count(7)
    severities = panel.locator(".qk-group-card .qk-badge").all_inner_texts()
    weights = [["✗ High", "⚠ Medium", "\N{INFORMATION SOURCE} Low"].index(words) for words in severities]
    assert weights == sorted(weights)
    group = panel.locator(".qk-group-card").filter(has_text="secret-only")
    expect(group.locator(".qk-found")).to_have_count(10)
    group.get_by_role("button", name=re.compile("^Show all")).click()
    expect(panel.locator(".qk-chosen")).to_have_text("Clients")
    expect(panel.locator(".qk-clients").get_by_label("Finding")).to_have_value("secret-only")

    go_to(panel, "Audit")
    group.get_by_role("button", name=re.compile("^Adopt")).first.click()
    expect(panel.locator(".qk-plan-title")).to_contain_text("The plan: adopt")
    expect(panel.locator(".qk-clients")).to_contain_text("1 selected")
    assert [key.kid for key in tenant.oauth_clients.get(made[1].client_id).public_keys] == kids


def test_settings_by_clicking(panel, crowd):
    _, tenant, store, _ = crowd
    made = qk.provision(tenant, store, name="zz-settings", scopes=["user_default"], client_secret=True)
    button(panel, "Refresh").click()
    panel.locator(".qk-clients").get_by_label("Search").fill("zz-settings")
    expect(rows(panel)).to_have_count(1)
    rows(panel).first.click()

    button(panel, "Set required").click()
    expect(panel.locator(".qk-plan")).to_contain_text("cannot log in any more")
    button(panel, "Do it").click()
    expect(panel.locator(".qk-changed")).to_contain_text("required now")
    assert tenant.oauth_clients.connection_config(made.client_id).consent_method == "required"

    button(panel, "Add secret").click()
    button(panel, "Do it").click()
    expect(panel.locator(".qk-once")).to_contain_text("Client secret of zz-settings")
    button(panel, "Show it").click()
    expect(panel.locator(".qk-once output")).to_have_text(re.compile(r".{20,}"))
    button(panel, "I have stored it").click()
    expect(panel.locator(".qk-once")).to_be_hidden()

    button(panel, "Delete secret").click()
    hints = [secret.hint for secret in tenant.oauth_clients.get(made.client_id).client_secrets]
    panel.get_by_label("Which client secret").select_option(hints[1])
    button(panel, "Do it").click()
    expect(panel.locator(".qk-changed")).to_contain_text(f"Deleted the client secret with the hint {hints[1]}")
    assert [each.hint for each in tenant.oauth_clients.get(made.client_id).client_secrets] == hints[:1]

    button(panel, "Publish").click()
    expect(panel.locator(".qk-plan")).to_contain_text("Cannot be undone: Publish the client")
    button(panel, "Never mind").click()
    expect(panel.locator(".qk-plan-title")).to_be_hidden()
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)
