"""JupyterLab and Chromium for the browser tests: one of each a run, a notebook and a kernel of its own a test."""

from __future__ import annotations

import shutil

import pytest
from browser_setup import launch_options
from jupyter_lab import JupyterLab
from playwright.sync_api import expect, sync_playwright

QUICKSTART = "01-quickstart.ipynb"
PATIENCE_MILLISECONDS = 30_000


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    server = JupyterLab(tmp_path_factory.mktemp("lab") / "quickstart")
    yield server
    server.close()


@pytest.fixture(scope="session")
def dark_lab(tmp_path_factory):
    server = JupyterLab(tmp_path_factory.mktemp("lab") / "dark", theme="JupyterLab Dark")
    yield server
    server.close()


@pytest.fixture(scope="session")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    opened = chromium.new_page(viewport={"width": 1400, "height": 1000})
    opened.set_default_timeout(PATIENCE_MILLISECONDS)
    expect.set_options(timeout=PATIENCE_MILLISECONDS)
    # Any page of ours that asks something (an injected alert does) fails its test.
    opened.on("dialog", lambda dialog: pytest.fail(f"a dialog came up: {dialog.type}"))
    yield opened
    opened.close()


@pytest.fixture
def open_panel(page, request):
    """Open a copy of the quickstart, run its first cell, and return (the panel, the notebook's path)."""

    def open_it(server):
        name = f"{request.node.name.translate(str.maketrans('[]/ ', '----'))}.ipynb"
        path = server.notebooks / name
        shutil.copy(server.notebooks / QUICKSTART, path)
        page.goto(server.address_of(name))
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.get_by_role("button", name="Run this cell and advance").click()
        panel = page.locator(".qk-panel")
        expect(panel).to_be_visible()
        return panel, path

    return open_it
