"""The last use of clients in a table of two thousand rows, as a user sees, sorts and searches it."""

from __future__ import annotations

import re

import pytest
from fixtures.panel_actions import button, connect, go_to
from playwright.sync_api import expect

import qlik_keys as qk

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]
MANY = 2_000


def test_the_last_use_is_shown_sorted_searched_and_explained(open_panel, page, lab, tmp_path):
    with (
        qk.sandbox.start() as box,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        box.seed_clients(MANY)
        qk.provision(tenant, store, name="used", scopes=["user_default"])
        panel, _ = open_panel(lab)
        connect(panel, box, api_key=box.api_key)
        expect(panel).to_contain_text("Connected to")
        go_to(panel, "Clients")
        button(panel, "Refresh").click()
        table = panel.locator(".qk-clients")
        rows = table.locator("tbody tr[aria-rowindex]")
        expect(table).to_contain_text(f"{MANY + 1:,} clients")
        expect(button(table, "Last login (UTC)")).to_have_count(0)

        panel.get_by_label("Show last use").check()
        button(table, "Last login (UTC)").click()
        expect(rows.first).to_contain_text(re.compile(r"none\s*since 20\d\d-\d\d-\d\d"))
        expect(table.locator(".qk-caption")).to_contain_text("longest unused first")
        button(table, "Logins in 30 days").click()
        button(table, "Logins in 30 days").click()
        expect(table.locator(".qk-caption")).to_contain_text("most logins first")
        expect(rows.first).to_contain_text(re.compile(r"used.*20\d\d-\d\d-\d\d.*\d\d:\d\d", re.DOTALL))
        assert rows.count() < 40  # the others are not in the page
        panel.screenshot(path=tmp_path / "last-use.png")
        table.get_by_label("Search").fill("used:today")
        expect(rows).to_have_count(1)

        box.configure(events_refused=True)
        button(panel, "Refresh").click()
        expect(panel.get_by_role("status").filter(has_text="last logged in is unknown")).to_be_visible()
        table.get_by_label("Search").fill("name:used")
        expect(rows).to_have_count(1)
        expect(rows.first).to_contain_text("unknown")
        panel.screenshot(path=tmp_path / "refused.png")
        page.set_viewport_size({"width": 360, "height": 740})
        expect(rows.first).to_contain_text("Last login (UTC): unknown")
        page.set_viewport_size({"width": 1400, "height": 1000})
        panel.get_by_label("Show last use").uncheck()
        expect(button(table, "Logins in 30 days")).to_have_count(0)
        expect(rows).to_have_count(1)
