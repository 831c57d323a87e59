"""JupyterLab once a run; Chromium, its page and a panel once a file: a panel takes longer to open than most tests."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from fixtures.jupyter_lab import JupyterLab
from fixtures.panel_actions import VIEWPORT, end_session, new_page, open_in, set_theme
from playwright.sync_api import sync_playwright
from tools.browser_setup import launch_options

import qlik_keys as qk

FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with contextlib.closing(JupyterLab(tmp_path_factory.mktemp("lab") / "quickstart")) as server:
        yield server


@pytest.fixture
def tidy_box(box):
    """The sandbox that all tests of a worker share, of which a test leaves no client behind."""
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        before = {client.client_id for client in tenant.oauth_clients.iterate()}
        yield box
        for client in tenant.oauth_clients.list():
            if client.client_id not in before:
                tenant.oauth_clients.delete(client.client_id)
                store.delete(tenant.host, client.client_id)


@pytest.fixture(scope="module")
def chromium():
    """Chromium, for one file: what drives it has an event loop, in which the tests after it could run none."""
    with sync_playwright() as playwright, playwright.chromium.launch(**launch_options()) as browser:
        yield browser


@pytest.fixture
def fresh_page(chromium):
    with new_page(chromium, reduced_motion="reduce") as opened:
        yield opened


@pytest.fixture(scope="module")
def one_page(chromium):
    """The page of a file. It does not move smoothly, which takes a fifth of the time; test_panel_results does."""
    with new_page(chromium, reduced_motion="reduce") as opened:
        yield opened


@pytest.fixture
def page(one_page):
    """The page of a file, in one size for each test; a test that listens to its page or leaves it has a fresh one."""
    one_page.set_viewport_size(VIEWPORT)
    yield one_page
    if one_page.evaluate("document.body.dataset.jpThemeName ?? ''").endswith("Dark"):
        set_theme(one_page, "JupyterLab Light")


class PanelOfFile:
    """A panel in a copy of the quickstart; the first test of a file opens it, and one after a failure opens another."""

    def __init__(self, page, server, name):
        self._page, self._server, self._name = page, server, name
        self._numbers = itertools.count(1)
        self._opened = None
        self._used = []

    def open(self):
        """Run the first cell of a notebook, if none is open, and return (the panel, the notebook's path)."""
        if self._opened is None:
            self._used.append(f"{self._name}-{next(self._numbers)}.ipynb")
            self._opened = open_in(self._page, self._server, self._used[-1])
        return self._opened

    def discard(self):
        """Let the next test open another one."""
        self._opened = None

    def close(self):
        """End the kernels that are left, and the sandboxes of their panels."""
        self._server.end_kernels_of(self._used)


@pytest.fixture(scope="module")
def panel_of_file(one_page, lab, request):
    with contextlib.closing(PanelOfFile(one_page, lab, request.path.stem)) as panel:
        yield panel


@pytest.fixture
def used_panel(page, panel_of_file, request):  # `page` gives it its size
    """(The panel of the file, as the test before has left it; the path of its notebook)."""
    yield panel_of_file.open()
    if request.node.stash.get(FAILED, False):
        panel_of_file.discard()


@pytest.fixture
def empty_panel(used_panel):
    """The same, connected to nothing."""
    panel, _ = used_panel
    if panel.locator(".qk-badge").inner_text() != "Not connected":
        end_session(panel)
    return used_panel
