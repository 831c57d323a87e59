"""What a person does with the panel in a page, for the browser tests and the screenshots."""

from __future__ import annotations

import shutil

import pytest
from playwright.sync_api import expect

QUICKSTART = "01-quickstart.ipynb"
PATIENCE_MILLISECONDS = 30_000


def new_page(chromium):
    """Return a page that fails its test where something asks (an injected alert does)."""
    opened = chromium.new_page(viewport={"width": 1400, "height": 1000})
    opened.set_default_timeout(PATIENCE_MILLISECONDS)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    opened.on("dialog", lambda dialog: pytest.fail(f"a dialog came up: {dialog.type}"))
    return opened


def open_in(page, server, name):
    """Open a copy of the quickstart, run its first cell, and return (the panel, the notebook's path)."""
    path = server.notebooks / name
    shutil.copy(server.notebooks / QUICKSTART, path)
    page.goto(server.address_of(name))
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.get_by_role("button", name="Run this cell and advance").click()
    panel = page.locator(".qk-panel")
    expect(panel).to_be_visible()
    return panel, path


def run_cell(page, number, code=""):
    """Run a code cell of the notebook, with other code in it where some is given."""
    page.locator(".jp-CodeCell").nth(number).locator(".cm-content").click()
    if code:
        page.keyboard.press("Control+a")
        page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")


def button(panel, name):
    return panel.get_by_role("button", name=name, exact=True)


def tab(panel, name):
    return panel.get_by_role("tab", name=name, exact=True)


def go_to(panel, name):
    tab(panel, name).click()
    expect(panel.locator(".qk-chosen")).to_have_text(name)
    expect(panel.get_by_role("tabpanel", name=name, exact=True)).to_be_visible()


def told(panel):
    """Return the line or the card of what an action came to, in the tab in front."""
    return panel.locator(".qk-result-place [data-result]:visible")


def connect(panel, box, *, api_key):
    """Fill in the form for a tenant and a Vault of one's own, by keyboard."""
    panel.get_by_label("Tenant address").press_sequentially(box.tenant_url)
    panel.locator("input[type=password]").and_(panel.get_by_label("API key", exact=True)).press_sequentially(api_key)
    panel.get_by_label("Vault address").press_sequentially(box.vault_url)
    panel.get_by_label("Vault token", exact=True).press_sequentially(box.vault_token)
    button(panel, "Connect tenant and Vault").click()


def create_client(panel, name):
    go_to(panel, "New client")
    field = panel.get_by_label("Name", exact=True)
    field.click()  # waits until it is in sight: keys without a focus are JupyterLab's commands
    field.press_sequentially(name)
    button(panel, "Create client").click()


def tab_to(page, name, *, most=60):
    """Press Tab until the control of that name has the focus."""
    for _ in range(most):
        page.keyboard.press("Tab")
        label = page.evaluate(
            "() => { const e = document.activeElement; return (e.getAttribute('aria-label') || e.innerText ||"
            " (e.labels && [...e.labels].map(each => each.innerText).join(' ')) || '').trim(); }"
        )
        if label == name:
            return
    pytest.fail(f"Tab does not reach {name!r}")
