"""The panel: how long it takes to open, to show and to filter 10,000 clients, and how long it holds up the kernel.

And each action of the main path: how long from the click to what it came to, and how far it moves what is on the page
(Chromium's layout shift, all of it: a click excuses none of it here).

Opening is measured in processes of their own, since what is imported is most of it; the page in a real JupyterLab in
Chromium; the kernel's stalls by a main thread that wants to wake every five milliseconds while the panel works.
"""

import contextlib
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from bench_provision import connected
from fixtures.jupyter_lab import JupyterLab
from fixtures.panel_actions import button, connect, go_to, new_page, open_in, run_cell
from measure import Row, compared, interleaved, main
from playwright.sync_api import expect, sync_playwright
from tools import browser_setup

import qlik_keys as qk
from qlik_keys.jupyter.panel.model.forms import ClientForm

CLIENTS = 10_000, 2_000
OPENING_GOAL = 1.5
PAGE_GOAL_MILLISECONDS = 100
SHIFT_GOAL = 0.02
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
from qlik_keys.jupyter.panel.widgets.controls import button
table = panel._views["Clients"]._table
again = button("Show again", panel._controllers.work, table._send_rows)
panel._views["Clients"].widget.children = (again, *panel._views["Clients"].widget.children)
"""

# The page is left alone between the click and its result; what moves right after it counts, too.
ACT = """async ([button, result]) => {
  const isSeen = (each) => each.offsetParent && each.getClientRects().length;
  const seen = (selector) => [...document.querySelectorAll(selector)].filter(isSeen);
  const found = () => seen(result.selector).some((each) => each.textContent.includes(result.text));
  const pressed = seen(button.selector).find((each) => !button.text || each.textContent.trim() === button.text);
  let shift = 0;
  const observer = new PerformanceObserver((list) => list.getEntries().forEach((each) => (shift += each.value)));
  observer.observe({ type: 'layout-shift' });
  const began = performance.now();
  const wasThere = found();
  pressed.click();
  while (wasThere && !pressed.disabled) await new Promise(requestAnimationFrame);
  while (wasThere && pressed.disabled) await new Promise(requestAnimationFrame);
  while (!found() && performance.now() - began < 60000) await new Promise(requestAnimationFrame);
  const elapsed = performance.now() - began;
  const isThere = found();
  await new Promise((waited) => setTimeout(waited, 200));
  observer.disconnect();
  return isThere ? [elapsed, shift] : null;
}"""
BUTTONS = ".qk-panel button"
# What is pressed (a selector and the words), and what is to be seen then.
ACTIONS = {
    "Start the sandbox": ((BUTTONS, "Start the sandbox"), (".qk-panel", "Connected to")),
    "go to New client": ((".qk-tabs button", "New client"), (".qk-chosen", "New client")),
    "Create client": ((BUTTONS, "Create client"), (".qk-good", "is made.")),
    "go to Clients": ((".qk-tabs button", "Clients"), (".qk-table tbody tr", "bench")),
    "Refresh": ((BUTTONS, "Refresh"), (".qk-table tbody tr", "bench")),
    "the plan of a rotation": ((BUTTONS, "Rotate"), (".qk-plan", "")),
    "the rotation": ((BUTTONS, "Rotate the key of bench"), (".qk-plan-card", "The old key can log in until")),
    "go to Try a token": ((".qk-tabs button", "Try a token"), (".qk-chosen", "Try a token")),
    "Get a token": ((BUTTONS, "Get a token"), (".qk-countdown", "")),
    "Send": ((BUTTONS, "Send"), (".qk-status", "200")),
    "go to Audit": ((".qk-tabs button", "Audit"), (".qk-chosen", "Audit")),
    "the audit": ((BUTTONS, "Run audit"), (".qk-ages", "")),
}


def opening(quick):
    def run(code):
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    seconds = interleaved({name: run(code) for name, code in OPENINGS.items()}, 1 if quick else 15)
    return compared("the panel opened, a process of its own", seconds, goal=OPENING_GOAL)


def page(lab, box, quick):
    times, count = 1 if quick else 5, CLIENTS[quick]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**browser_setup.launch_options())
        opened = new_page(browser)
        panel, _ = open_in(opened, lab, "crowd.ipynb")
        connect(panel, box, api_key=box.api_key)
        expect(panel).to_contain_text("Connected to")
        go_to(panel, "Clients")
        button(panel, "Refresh").click()
        listed = re.compile(rf"{count // 1000},0\d\d clients")  # some were made, too
        expect(panel.locator(".qk-clients")).to_contain_text(listed)
        run_cell(opened, 1, AGAIN)
        expect(button(panel, "Show again")).to_be_visible()
        shown = statistics.median(opened.evaluate(SHOWN) for _ in range(times))
        filtered = [time for _ in range(times) for time in opened.evaluate(FILTER)]
        acted = [*actions(opened)]
        browser.close()
    yield Row(name=f"{count:,} clients shown in Chromium, from the click to the rows", ours=shown)
    name = f"{count:,} clients filtered in Chromium, to the painted page"
    yield Row(name=name, ours=statistics.median(filtered), goal=PAGE_GOAL_MILLISECONDS)
    yield from acted


def actions(page):
    """Walk the main path once, in a panel and a sandbox of its own, as a newcomer does."""
    run_cell(page, 0)
    panel = page.locator(".qk-panel")
    expect(panel).to_be_visible()
    expect(button(panel, "Start the sandbox")).to_be_enabled()
    for name, ((pressed, words), (selector, text)) in ACTIONS.items():
        if name == "Create client":
            panel.get_by_label("Name", exact=True).fill("bench")
            expect(button(panel, "Create client")).to_be_enabled()
        acted = page.evaluate(ACT, [{"selector": pressed, "text": words}, {"selector": selector, "text": text}])
        if acted is None:
            raise RuntimeError(f"{name}: {text or selector} did not come in sight")
        expect(panel.locator(".qk-work")).to_have_count(0)
        elapsed, shift = acted
        yield Row(name=f"{name}, from the click to its result", ours=elapsed)
        yield Row(name=f"{name}, layout shift", ours=shift, unit="", goal=SHIFT_GOAL)


def longest_stall(controllers, begin):
    """Return the longest time in milliseconds that the main thread was kept from running while the panel worked."""
    idle = threading.Event()
    controllers.store.listen(lambda state: idle.clear() if state.work.doing else idle.set())
    begin()
    longest = 0.0
    while not idle.is_set():
        began = time.perf_counter()
        time.sleep(WAKE_SECONDS)
        longest = max(longest, time.perf_counter() - began - WAKE_SECONDS)
    for result in controllers.state.results.values():
        if result.card is not None:
            raise RuntimeError(result.card.what)
    return longest * 1000


def stalls(box, quick):
    times, count = 1 if quick else 3, CLIENTS[quick]
    with connected(box) as (_, tenant, store):
        panel = qk.Panel()
        controllers = panel._controllers
        controllers.connection.use(tenant, store, wait=True)
        panel.refresh()  # pandas is there
        forms = (ClientForm(name=f"stall-{n}", scopes=("user_default",), key_choice="RS256-4096") for n in range(times))
        for title, begin in {
            f"listing {count:,} clients": controllers.clients.refresh,
            "making a client with an RSA-4096 key": lambda: controllers.new_client.make(next(forms)),
        }.items():
            longest = max(longest_stall(controllers, begin) for _ in range(times))
            yield Row(name=f"kernel held up, {title}", ours=longest, goal=STALL_GOAL_MILLISECONDS)


def rows(quick):
    yield opening(quick)
    with tempfile.TemporaryDirectory() as folder, qk.sandbox.start() as box:
        box.seed_clients(CLIENTS[quick])
        yield from stalls(box, quick)
        # A fresh machine has no browser yet; where none can be had, only what is below is not measured.
        if browser_setup.main():
            raise SystemExit(1)
        with contextlib.closing(JupyterLab(Path(folder) / "lab")) as lab:
            yield from page(lab, box, quick)


if __name__ == "__main__":
    main(rows)
