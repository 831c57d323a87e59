"""The table of clients and the audit as a user works with them: two thousand rows, searched, sorted and selected."""

from __future__ import annotations

import getpass
import re

import pytest
from fixtures.panel_actions import VIEWPORT, button, connect, go_to, open_in, run_cell
from playwright.sync_api import expect

import qlik_keys as qk

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]
MANY = 2_000


@pytest.fixture(scope="module")
def crowd():
    """A sandbox with two thousand clients that were made elsewhere, and two that qlik_keys manages."""
    with (
        qk.sandbox.start() as box,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        box.seed_clients(MANY)
        made = [qk.provision(tenant, store, name=f"aa-{name}", scopes=["user_default"]) for name in ("one", "two")]
        yield box, tenant, store, made


@pytest.fixture(scope="module")
def crowd_page(crowd, lab, one_page):
    """One page for all tests here, since listing two thousand clients takes longer than what is done with them."""
    box, *_ = crowd
    one_page.set_viewport_size(VIEWPORT)
    panel, _ = open_in(one_page, lab, "crowd.ipynb")
    connect(panel, box, api_key=box.api_key)
    expect(panel).to_contain_text("Connected to")
    go_to(panel, "Clients")
    expect(panel.locator(".qk-clients")).to_contain_text("Not listed yet")
    button(panel, "Refresh").click()
    expect(panel.locator(".qk-clients")).to_contain_text(f"{MANY + 2:,} clients")
    expect(panel.locator(".qk-clients .qk-caption")).to_contain_text("newest first")
    expect(rows(panel).first).to_contain_text("aa-")  # made last
    return one_page


@pytest.fixture
def page(crowd_page):
    crowd_page.set_viewport_size(VIEWPORT)
    return crowd_page


@pytest.fixture
def panel(page):
    """The table with all clients, in the order that a test has left, none of them selected."""
    panel = page.locator(".qk-panel")
    go_to(panel, "Clients")
    table = panel.locator(".qk-clients")
    table.get_by_label("Finding").select_option("")
    table.get_by_label("Search").fill("nothing like it")
    table.get_by_label("Select all rows shown").click()  # which is none
    table.get_by_label("Search").fill("")
    expect(table.locator(".qk-caption p")).not_to_contain_text("selected")
    return panel


def rows(panel):
    return panel.locator(".qk-table tbody tr[aria-rowindex]")


def test_two_thousand_rows_are_searched_sorted_filtered_and_selected(page, panel, crowd):
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

    search, finding = table.get_by_label("Search"), table.get_by_label("Finding")
    search.fill(made[0].kid[11:])
    expect(rows(panel)).to_have_count(1)
    search.fill("nothing like it")
    expect(table).to_contain_text("No client matches. Write dates as")
    search.fill("")
    finding.select_option("secret-only")
    expect(table).to_contain_text(re.compile(r"^.*?[\d,]+ of 2,002 clients", re.DOTALL))
    for row in rows(panel).all()[:5]:
        expect(row).to_contain_text("secret-only")
    finding.select_option("")
    search.press_sequentially("AA-")
    expect(table).to_contain_text(f"2 of {MANY + 2:,} clients")
    expect(rows(panel)).to_have_count(2)
    table.get_by_label("Select aa-one").check()
    expect(table).to_contain_text("1 selected")
    expect(button(panel, "Rotate")).to_be_enabled()
    table.get_by_label("Select all rows shown").check()
    expect(table).to_contain_text("2 selected")
    expect(panel).to_contain_text("2 are selected")
    expect(button(panel, "Rotate")).to_be_disabled()
    run_cell(page, 1, "sorted(panel.selected['name'])")
    expect(page.locator(".jp-OutputArea-output").filter(has_text="['aa-one', 'aa-two']")).to_be_visible()
    table.get_by_label("Select all rows shown").uncheck()

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


def is_in_sight(row):
    """Tell whether a row is, in the end, inside the part of the table that is shown; it may just be drawn again."""
    look = (
        "row => { const [one, all] = [row, row.closest('.qk-scroll')].map(each => each?.getBoundingClientRect());"
        " return all && one.top >= all.top && one.bottom <= all.bottom + 1; }"
    )
    return any(row.evaluate(look) or row.page.wait_for_timeout(100) for _ in range(20))


def test_the_selected_row_stays_in_view(panel, crowd):
    *_, made = crowd
    table = panel.locator(".qk-clients")
    search, caption = table.get_by_label("Search"), table.locator(".qk-caption")
    search.fill("seeded-01 user_default >2020-01-01")
    expect(caption).to_contain_text("of 2,002 clients")
    search.fill("user_default seeded-01777")
    expect(rows(panel)).to_have_count(1)
    rows(panel).first.click()
    chosen = rows(panel).filter(has_text="seeded-01777")
    for do in (
        lambda: search.fill("seeded-01"),
        lambda: search.fill(""),
        lambda: button(table, "Client").click(),
        lambda: button(table, "Client").click(),
        lambda: button(table, "Key age").click(),
        lambda: button(panel, "Refresh").click(),
    ):
        do()
        expect(panel.locator(".qk-work")).to_have_count(0)
        expect(chosen).to_have_count(1)
        assert is_in_sight(chosen)
    table.get_by_label("Finding").select_option("secret-only")
    expect(caption).to_contain_text("1 selected (not in this list)")
    search.fill("aa-")
    button(table, "Show the selection").click()
    expect(chosen).to_have_count(1)
    assert is_in_sight(chosen)
    expect(table.get_by_label("Finding")).to_have_value("")
    expect(button(table, "Show the selection")).to_be_hidden()
    search.fill("seeded created:soon")
    expect(caption).to_contain_text("created:soon is not a date: write 2026, 2026-11 or 2026-11-05")
    search.fill(f"aa- created:2000..{made[0].kid[:10]}")
    expect(rows(panel)).to_have_count(2)


def scroller_of(panel):
    return panel.locator(".qk-clients .qk-scroll")


def reaches_beyond(panel):
    return scroller_of(panel).evaluate("each => each.scrollWidth - each.clientWidth")


def is_whole(panel, words):
    box, around = rows(panel).nth(3).get_by_text(words).first.bounding_box(), scroller_of(panel).bounding_box()
    return around["x"] <= box["x"] and box["x"] + box["width"] <= around["x"] + around["width"] + 1


def test_findings_are_in_sight_next_to_the_file_browser_and_other_columns_on_request(page, panel):
    table = panel.locator(".qk-clients")
    table.get_by_label("Search").fill("seeded- secret-only")
    expect(rows(panel).nth(3)).to_contain_text("secret-only")
    page.locator('.jp-SideBar [data-id="filebrowser"]').first.click()
    expect(page.locator("#filebrowser")).to_be_visible()
    expect(table.get_by_text("Columns (6 of 10)")).to_be_visible()
    titles = table.locator("th button").all_inner_texts()
    assert titles[:4] == ["Client", "Findings", "Key age", "Rotate by"]
    assert reaches_beyond(panel) == 0
    assert is_whole(panel, "secret-only")
    page.locator('.jp-SideBar [data-id="filebrowser"]').first.click()

    # Other columns by keyboard; they stay chosen, and the client's name stays in sight next to them.
    table.get_by_text("Columns (").focus()
    page.keyboard.press("Enter")
    table.get_by_label("Consent", exact=True).focus()
    page.keyboard.press("Space")
    expect(table.get_by_label("Consent", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(table.get_by_label("Consent", exact=True)).to_be_hidden()
    go_to(panel, "Audit")
    go_to(panel, "Clients")
    button(panel, "Refresh").click()
    expect(panel.locator(".qk-work")).to_have_count(0)
    expect(button(table, "Consent")).to_be_visible()
    page.set_viewport_size({"width": 1000, "height": 1000})
    expect(button(table, "Consent")).to_be_attached()
    assert reaches_beyond(panel) > 0
    scroller_of(panel).evaluate("each => each.scrollTo(1000, 0)")
    assert is_whole(panel, re.compile("^seeded-"))
    table.get_by_text("Columns (").click()
    button(table, "As many as fit").click()
    table.get_by_text("Columns (").click()


def test_a_narrow_or_enlarged_panel_has_cards_and_leaves_the_wheel_to_the_page(page, panel):
    table, scroller = panel.locator(".qk-clients"), scroller_of(panel)
    table.get_by_label("Search").fill("seeded- secret-only")
    for width, height in ((700, 500), (360, 740)):  # 1400 by 1000 at 200 %, and a phone
        page.set_viewport_size({"width": width, "height": height})
        expect(table.locator(".qk-cards")).to_be_visible()
        assert reaches_beyond(panel) == 0
        assert is_whole(panel, "secret-only")
        expect(rows(panel).first).to_contain_text("No key")
        rows(panel).first.scroll_into_view_if_needed()
        notebook = page.locator(".jp-WindowedPanel-outer")
        before = notebook.evaluate("each => { each.scrollTop -= 600; return each.scrollTop; }")
        scroller.hover()
        page.mouse.wheel(0, 300)
        page.wait_for_function(
            "before => document.querySelector('.jp-WindowedPanel-outer').scrollTop > before + 100", arg=before
        )
        assert scroller.evaluate("each => each.scrollTop") == 0
        expect(table.locator(".qk-pager")).to_contain_text("1 to 3 of 200")
        button(table, "Next rows").click()
        expect(table.locator(".qk-pager")).to_contain_text("4 to 6 of 200")
        button(table, "Previous").click()
        expect(button(table, "Previous")).to_be_disabled()
        table.get_by_label("Order").select_option("oldest first")
        expect(table.locator(".qk-caption")).to_contain_text("oldest first")
        table.get_by_label("Order").select_option("newest first")
        rows(panel).first.get_by_role("checkbox").focus()
        page.keyboard.press("PageDown")
        expect(rows(panel).nth(3).get_by_role("checkbox")).to_be_focused()
        page.keyboard.press("Home")
        # Tenant, mode and tabs are at the top of what is shown, at any place of the panel.
        top = panel.locator(".qk-masthead")
        assert abs(top.bounding_box()["y"] - notebook.bounding_box()["y"]) < 20
        for word in ("Sandbox", "127.0.0.1", "Clients"):
            assert word in top.inner_text()


def test_the_last_use_is_shown_sorted_searched_and_explained(page, panel, crowd):
    box, *_ = crowd
    table = panel.locator(".qk-clients")
    caption = table.locator(".qk-caption")
    expect(button(table, "Last login (UTC)")).to_have_count(0)
    panel.get_by_label("Show last use").check()
    button(table, "Last login (UTC)").click()
    expect(rows(panel).first).to_contain_text(re.compile(r"none\s*since 20\d\d-\d\d-\d\d"))
    expect(caption).to_contain_text("longest unused first")
    button(table, "Logins in 30 days").click()
    button(table, "Logins in 30 days").click()
    expect(caption).to_contain_text("most logins first")
    expect(rows(panel).first).to_contain_text(re.compile(r"aa-.*20\d\d-\d\d-\d\d.*\d\d:\d\d", re.DOTALL))
    assert rows(panel).count() < 40  # the others are not in the page
    search = table.get_by_label("Search")
    search.fill("used:today")
    expect(rows(panel)).to_have_count(2)

    box.configure(events_refused=True)
    try:
        button(panel, "Refresh").click()
        expect(panel.get_by_role("status").filter(has_text="last logged in is unknown")).to_be_visible()
    finally:
        box.configure(events_refused=False)
    search.fill("name:aa-one")
    expect(rows(panel)).to_have_count(1)
    expect(rows(panel).first).to_contain_text("unknown")
    page.set_viewport_size({"width": 360, "height": 740})
    expect(rows(panel).first).to_contain_text("Last login (UTC): unknown")
    page.set_viewport_size(VIEWPORT)
    panel.get_by_label("Show last use").uncheck()
    expect(button(table, "Logins in 30 days")).to_have_count(0)
    expect(rows(panel)).to_have_count(1)
    button(table, "Client").click()


def test_an_interrupted_operation_is_told_with_who_and_when(panel, crowd):
    _, tenant, store, _ = crowd
    made = qk.provision(tenant, store, name="zz-interrupted", scopes=["user_default"])

    def stop(event):
        if event.step == "promote":
            raise KeyboardInterrupt

    try:
        with pytest.raises(KeyboardInterrupt):
            qk.revoke(tenant, store, made.client_id, on_step=stop)
        button(panel, "Refresh").click()
        panel.locator(".qk-clients").get_by_label("Search").fill("revoke interrupted")
        expect(rows(panel)).to_have_count(1)
        told = re.compile(rf"revoke, started by {re.escape(getpass.getuser())} on .* at 20\d\d-")
        for words in ("operation-interrupted", told):
            expect(rows(panel).first).to_contain_text(words)
        rows(panel).first.click()
        expect(panel.locator(".qk-warnings:visible")).to_contain_text(told)
    finally:
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)
    button(panel, "Refresh").click()
    expect(panel.locator(".qk-caption:visible")).to_contain_text(f"{MANY + 2:,} clients")


def test_the_audit_leads_to_the_plan(panel, crowd):
    _, tenant, _, made = crowd
    kids = [key.kid for key in tenant.oauth_clients.get(made[1].client_id).public_keys]
    go_to(panel, "Audit")
    expect(panel).to_contain_text("An audit changes nothing")
    button(panel, "Run audit").click()
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
    expect(panel.locator(".qk-plan-title")).to_contain_text("Adopt ")
    expect(panel.locator(".qk-clients")).to_contain_text("1 selected")
    assert [key.kid for key in tenant.oauth_clients.get(made[1].client_id).public_keys] == kids
