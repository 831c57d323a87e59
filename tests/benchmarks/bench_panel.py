"""The panel: how long it takes to open, to show and to filter 10,000 clients, and how long it holds up the kernel.

Opening is measured in processes of their own, since what is imported is most of it; the page in a real JupyterLab in
Chromium; the kernel's stalls by a main thread that wants to wake every five milliseconds while the panel works.
"""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

import browser_setup
from jupyter_lab import JupyterLab
from measure import Row, compared, interleaved, main
from panel_actions import button, connect, go_to
from playwright.sync_api import expect, sync_playwright

import qlik_keys as qk
from qlik_keys.panel.state import ClientForm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qlik_keys.panel.presenter import Presenter

CLIENTS = 10_000
OPENING_GOAL = 1.5
PAGE_GOAL_MILLISECONDS = 100
STALL_GOAL_MILLISECONDS = 100
WAKE_SECONDS = 0.005
OPENINGS = {
    "an empty VBox, and pandas": "import ipywidgets, pandas; ipywidgets.VBox()",
    "qk.Panel()": "import qlik_keys as qk; qk.Panel()",
}
FILTER = """async () => {
  const search = document.querySelector('.qk-clients input[type=search]');
  const times = [];
  for (const text of ['s', 'se', 'seeded-01', 'seeded-01234', 'nothing', '']) {
    const began = performance.now();
    search.value = text;
    search.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((shown) => requestAnimationFrame(() => setTimeout(shown)));
    times.push(performance.now() - began);
  }
  return times;
}"""
SHOWN = """() => new Promise((shown) => {
  const rows = document.querySelector('.qk-clients tbody');
  const began = performance.now();
  new MutationObserver(() => shown(performance.now() - began)).observe(rows, { childList: true });
  [...document.querySelectorAll('.qk-panel button')].find((each) => each.textContent === 'Show again').click();
})"""
AGAIN = """
from qlik_keys.panel.controls import button
table = panel._views["Clients"]._table
again = button("Show again", panel._presenter, table._send_rows)
panel._views["Clients"].widget.children = (again, *panel._views["Clients"].widget.children)
"""


def opening(quick: bool) -> Row:
    def run(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], check=True)

    variants = {name: (lambda code=code: run(code)) for name, code in OPENINGS.items()}
    return compared(
        "the panel opened, a process of its own", interleaved(variants, 3 if quick else 15), goal=OPENING_GOAL
    )


def page(box: qk.sandbox.Sandbox, quick: bool) -> Iterator[Row]:
    times = 2 if quick else 5
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = JupyterLab(Path(folder) / "lab")
        browser = playwright.chromium.launch(**browser_setup.launch_options())
        opened = browser.new_page(viewport={"width": 1400, "height": 1000})
        expect.set_options(timeout=60_000)
        opened.goto(lab.address_of("01-quickstart.ipynb"))
        expect(opened.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
        opened.locator(".jp-CodeCell .cm-content").first.click()
        opened.keyboard.press("Shift+Enter")
        panel = opened.locator(".qk-panel")
        connect(panel, box, api_key=box.api_key)
        expect(panel).to_contain_text("Connected to")
        go_to(panel, "Clients")
        button(panel, "Refresh").click()
        expect(panel.locator(".qk-clients")).to_contain_text(re.compile(r"10,0\d\d clients"))  # some were made
        opened.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
        opened.keyboard.press("Control+a")
        opened.keyboard.insert_text(AGAIN)
        opened.keyboard.press("Shift+Enter")
        expect(button(panel, "Show again")).to_be_visible()
        shown = statistics.median(opened.evaluate(SHOWN) for _ in range(times))
        filtered = [time for _ in range(times) for time in opened.evaluate(FILTER)]
        browser.close()
        lab.close()
    yield Row(name=f"{CLIENTS:,} clients shown in Chromium, from the click to the rows", ours=shown)
    name = f"{CLIENTS:,} clients filtered in Chromium, to the painted page"
    yield Row(name=name, ours=statistics.median(filtered), goal=PAGE_GOAL_MILLISECONDS)


def longest_stall(presenter: Presenter, begin: Callable[[], None]) -> float:
    """Return the longest time in milliseconds that the main thread was kept from running while the panel worked."""
    idle = threading.Event()
    presenter.listen(lambda state: idle.clear() if state.work else idle.set())
    begin()
    longest = 0.0
    while not idle.is_set():
        began = time.perf_counter()
        time.sleep(WAKE_SECONDS)
        longest = max(longest, time.perf_counter() - began - WAKE_SECONDS)
    if presenter.state.error:
        raise RuntimeError(presenter.state.error.what)
    return longest * 1000


def stalls(box: qk.sandbox.Sandbox, quick: bool) -> Iterator[Row]:
    times = 1 if quick else 3
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        panel = qk.Panel()
        presenter = panel._presenter
        presenter.use(tenant, store, wait=True)
        panel.refresh()  # pandas is there
        forms = [
            ClientForm(name=f"stall-{number}", scopes=("user_default",), key_choice="RS256-4096")
            for number in range(times)
        ]
        for title, begin in {
            f"listing {CLIENTS:,} clients": [presenter.refresh] * times,
            "making a client with an RSA-4096 key": [lambda form=form: presenter.make_client(form) for form in forms],
        }.items():
            longest = max(longest_stall(presenter, each) for each in begin)
            yield Row(name=f"kernel held up, {title}", ours=longest, goal=STALL_GOAL_MILLISECONDS)


def rows(quick: bool) -> Iterator[Row]:
    yield opening(quick)
    with qk.sandbox.start() as box:
        box.seed_clients(CLIENTS)
        yield from stalls(box, quick)
        # A fresh machine has no browser yet; where none can be had, only what is below is not measured.
        if browser_setup.main():
            raise SystemExit(1)
        yield from page(box, quick)


if __name__ == "__main__":
    main(rows)
