"""The table of clients and the audit as a person uses them: ten thousand rows, searched, sorted, selected, fixed."""

from __future__ import annotations

import getpass
import re

import pytest
from fixtures.panel_actions import button, connect, go_to, new_page, open_in, told
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


@pytest.fixture(scope="module")
def crowd_page(crowd, lab, chromium):
    """One page for all tests here, since listing ten thousand clients takes longer than what is done with them."""
    box, *_ = crowd
    opened = new_page(chromium)
    panel, _ = open_in(opened, lab, "crowd.ipynb")
    connect(panel, box, api_key=box.api_key)
    expect(panel).to_contain_text("Connected to")
    go_to(panel, "Clients")
    expect(panel.locator(".qk-clients")).to_contain_text("Not listed yet")
    button(panel, "Refresh").click()
    expect(panel.locator(".qk-clients")).to_contain_text(f"{MANY + 2:,} clients")
    expect(panel.locator(".qk-clients .qk-caption")).to_contain_text("newest first")
    expect(rows(panel).first).to_contain_text("aa-")  # made last
    yield opened
    opened.close()


@pytest.fixture
def page(crowd_page):
    crowd_page.set_viewport_size({"width": 1400, "height": 1000})
    return crowd_page


@pytest.fixture
def panel(page):
    """The table with all clients, in whatever order a test has left, none of them selected."""
    panel = page.locator(".qk-panel")
    go_to(panel, "Clients")
    table = panel.locator(".qk-clients")
    table.get_by_label("Finding").select_option("")
    table.get_by_label("Search").fill("nothing like it")
    table.get_by_label("Select all rows shown").click()  # which is none
    table.get_by_label("Search").fill("")
    expect(table.locator(".qk-caption p")).not_to_contain_text("selected")
    return panel


@pytest.fixture
def passing_client(panel, crowd):
    """Make a client that is gone from tenant, store and panel after the test, whatever became of it."""
    _, tenant, store, _ = crowd
    made = []

    def make(**options):
        made.append(qk.provision(tenant, store, scopes=["user_default"], **options))
        return made[-1]

    yield make
    for each in made:
        qk.delete(tenant, store, each.client_id, confirm=each.client_id)
    expect(panel.locator(".qk-work")).to_have_count(0)
    refresh(panel)


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
    expect(table).to_contain_text("No client matches. Write dates as")
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
    table.get_by_label("Select all rows shown").check()
    expect(table).to_contain_text("2 selected")
    expect(panel).to_contain_text("2 are selected")
    expect(button(panel, "Rotate")).to_be_disabled()
    run_next_cell(page, "sorted(panel.selected['name'])")
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
    look = """row => {
      const table = row.closest('.qk-scroll');
      if (!table) return false;
      const [one, all] = [row, table].map(each => each.getBoundingClientRect());
      return one.top >= all.top && one.bottom <= all.bottom + 1;
    }"""
    for _ in range(20):
        if row.evaluate(look):
            return True
        row.page.wait_for_timeout(100)
    return False


def test_the_selected_row_stays_in_view(panel, crowd):
    *_, made = crowd
    table = panel.locator(".qk-clients")
    search, caption = table.get_by_label("Search"), table.locator(".qk-caption")
    search.fill("seeded-07 user_default >2020-01-01")
    expect(caption).to_contain_text("of 10,002 clients")
    search.fill("user_default seeded-07777")
    expect(rows(panel)).to_have_count(1)
    rows(panel).first.click()
    chosen = rows(panel).filter(has_text="seeded-07777")
    for do in (
        lambda: search.fill("seeded-07"),
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


def refresh(panel):
    button(panel, "Refresh").click()
    expect(panel.locator(".qk-work")).to_have_count(0)
    expect(panel.locator(".qk-caption:visible")).to_contain_text(f"{MANY + 2:,} clients")


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
        expect(table.locator(".qk-pager")).to_contain_text("1 to 3 of 1,000")
        button(table, "Next rows").click()
        expect(table.locator(".qk-pager")).to_contain_text("4 to 6 of 1,000")
        button(table, "Previous").click()
        expect(button(table, "Previous")).to_be_disabled()
        table.get_by_label("Order").select_option("oldest first")
        expect(table.locator(".qk-caption")).to_contain_text("oldest first")
        table.get_by_label("Order").select_option("newest first")
        rows(panel).first.get_by_role("checkbox").focus()
        page.keyboard.press("PageDown")
        expect(rows(panel).nth(3).get_by_role("checkbox")).to_be_focused()
        page.keyboard.press("Home")
        # Tenant, mode and tabs are at the top of what is shown, wherever in the panel that is.
        top = panel.locator(".qk-masthead")
        assert abs(top.bounding_box()["y"] - notebook.bounding_box()["y"]) < 20
        assert {"Sandbox", "127.0.0.1", "Clients"} <= {
            word for word in ("Sandbox", "127.0.0.1", "Clients") if word in top.inner_text()
        }


def test_an_interrupted_operation_is_told_with_who_and_when(panel, crowd, passing_client):
    _, tenant, store, _ = crowd
    made = passing_client(name="zz-interrupted")

    class Stop(Exception):
        pass

    def stop(event):
        if event.step == "promote":
            raise Stop

    with pytest.raises(Stop):
        qk.revoke(tenant, store, made.client_id, on_step=stop)
    button(panel, "Refresh").click()
    panel.locator(".qk-clients").get_by_label("Search").fill("revoke interrupted")
    expect(rows(panel)).to_have_count(1)
    told = re.compile(rf"revoke, started by {re.escape(getpass.getuser())} on .* at 20\d\d-")
    expect(rows(panel).first).to_contain_text("operation-interrupted")
    expect(rows(panel).first).to_contain_text(told)
    rows(panel).first.click()
    expect(panel.locator(".qk-warnings:visible")).to_contain_text(told)


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


def test_settings_by_clicking(panel, crowd, passing_client):
    _, tenant, _, _ = crowd
    made = passing_client(name="zz-settings", client_secret=True)
    button(panel, "Refresh").click()
    panel.locator(".qk-clients").get_by_label("Search").fill("zz-settings")
    expect(rows(panel)).to_have_count(1)
    rows(panel).first.click()

    button(panel, "Set required").click()
    expect(panel.locator(".qk-plan")).to_contain_text("cannot log in until it is trusted again")
    button(panel, "Set zz-settings to required").click()
    expect(told(panel).last).to_contain_text("is now required")
    assert tenant.oauth_clients.connection_config(made.client_id).consent_method == "required"

    button(panel, "Add secret").click()
    button(panel, "Add a client secret to zz-settings").click()
    expect(panel.locator(".qk-once")).to_contain_text("Client secret of zz-settings")
    button(panel, "Show it").click()
    expect(panel.locator(".qk-once output")).to_have_text(re.compile(r".{20,}"))
    expect(button(panel, "Copy")).to_be_focused()  # the focus goes on with what is shown next, and is never nowhere
    button(panel, "I have stored it").click()
    expect(panel.locator(".qk-once")).to_be_hidden()
    expect(told(panel).last).to_be_focused()

    button(panel, "Delete secret").click()
    hints = [secret.hint for secret in tenant.oauth_clients.get(made.client_id).client_secrets]
    delete = button(panel, "Delete a client secret of zz-settings")
    expect(delete).to_be_disabled()
    expect(panel).to_contain_text("Choose which client secret to delete.")
    panel.get_by_role("tabpanel", name="Clients").get_by_label("Client secret", exact=True).select_option(hints[1])
    delete.click()
    expect(told(panel).last).to_contain_text(f"zz-settings: deleted the client secret with the hint {hints[1]}")
    assert [each.hint for each in tenant.oauth_clients.get(made.client_id).client_secrets] == hints[:1]

    button(panel, "Publish").click()
    expect(panel.locator(".qk-plan")).to_contain_text("Cannot be undone: Publish the client")
    button(panel, "Discard plan").click()
    expect(panel.locator(".qk-plan-title")).to_be_hidden()
