"""JupyterLab once a run, Chromium and its page once a file, a notebook and its kernel once a test."""

from __future__ import annotations

import contextlib

import pytest
from fixtures.jupyter_lab import JupyterLab
from fixtures.panel_actions import VIEWPORT, new_page, open_in, set_theme
from playwright.sync_api import sync_playwright
from tools.browser_setup import launch_options


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with contextlib.closing(JupyterLab(tmp_path_factory.mktemp("lab") / "quickstart")) as server:
        yield server


@pytest.fixture(scope="module")
def chromium():
    """Chromium, for one file: what drives it has an event loop, in which the tests after it could run none."""
    with sync_playwright() as playwright, playwright.chromium.launch(**launch_options()) as browser:
        yield browser


@pytest.fixture
def fresh_page(chromium):
    with new_page(chromium) as opened:
        yield opened


@pytest.fixture(scope="module")
def one_page(chromium):
    with new_page(chromium) as opened:
        yield opened


@pytest.fixture
def page(one_page):
    """The page of a file, in one size for each test; a test that listens to its page or leaves it has a fresh one."""
    one_page.set_viewport_size(VIEWPORT)
    yield one_page
    if one_page.evaluate("document.body.dataset.jpThemeName ?? ''").endswith("Dark"):
        set_theme(one_page, "JupyterLab Light")


@pytest.fixture
def open_panel(page, request):
    """Open a copy of the quickstart, run its first cell, and return (the panel, the notebook's path)."""

    def open_it(server):
        return open_in(page, server, f"{request.node.name.translate(str.maketrans('[]/ ', '----'))}.ipynb")

    return open_it
