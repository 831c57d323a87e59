"""The panel in Notebook 7 and in Voilà, and its summary in a reopened notebook."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import nbformat
import pytest
from fixtures.panel_actions import (
    OPEN,
    PATIENCE_MILLISECONDS,
    button,
    close_all,
    create_client,
    end_session,
    go_to,
    save,
    start_sandbox,
)
from playwright.sync_api import expect

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]


@pytest.fixture
def notebook(lab):
    """A notebook that is the panel and nothing else."""
    path = lab.notebooks / "only-the-panel.ipynb"
    cells = [nbformat.v4.new_code_cell("import qlik_keys as qk\n\npanel = qk.Panel()\npanel")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    yield path
    path.unlink()


def make_one(panel, name):
    start_sandbox(panel)
    create_client(panel, name)
    expect(panel).to_contain_text(f"{name} is made.")
    go_to(panel, "Clients")
    expect(panel.locator(".qk-table tbody tr")).to_contain_text([name])
    go_to(panel, "Try a token")
    button(panel, "Get a token").click()
    expect(panel).to_contain_text(f"{name} logged in.")
    button(panel, "Send").click()
    expect(panel.locator(".qk-status")).to_contain_text("200")
    # The header stays in sight, however far down it is scrolled.
    page = panel.page
    page.set_viewport_size({"width": 1000, "height": 500})
    button(panel, "Send").scroll_into_view_if_needed()
    expect(panel.get_by_role("tab", name="Clients")).to_be_in_viewport()
    expect(panel.locator(".qk-header")).to_be_in_viewport()
    end_session(panel)


def test_in_notebook_7(fresh_page, lab, notebook):
    page = fresh_page
    hosts = set()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).hostname))
    page.goto(f"{lab.url}notebooks/{notebook.name}?token={lab.token}")
    page.locator(".jp-CodeCell .cm-content").first.click()
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]")).to_be_visible()
    page.keyboard.press("Shift+Enter")
    panel = page.locator(".qk-panel")
    expect(panel).to_be_visible()
    expect(page.locator(".qk-summary")).to_be_hidden()
    make_one(panel, "in-notebook-7")
    # It would put a long output into a box of 300 px that scrolls.
    inside = "area => area.clientHeight >= area.querySelector('.qk-panel').offsetHeight"
    assert page.locator(".jp-Cell-outputArea:has(.qk-panel)").evaluate(inside)
    assert hosts <= {"127.0.0.1", None}  # None: what is in the page itself


def test_in_voila(fresh_page, lab, notebook):
    page = fresh_page
    # Voilà's own page asks for fonts and the like elsewhere; the panel needs none of it.
    page.route(lambda address: urlsplit(address).hostname != "127.0.0.1", lambda route: route.abort())
    page.goto(f"{lab.url}voila/render/{notebook.name}?token={lab.token}")
    panel = page.locator(".qk-panel")
    expect(panel).to_be_visible(timeout=3 * PATIENCE_MILLISECONDS)  # it starts a kernel, and runs the notebook first
    expect(page.locator(".qk-summary")).to_be_hidden()
    make_one(panel, "in-voila")


def test_a_reopened_notebook_shows_the_summary_in_place_of_a_dead_panel(page, lab, used_panel):
    panel, path = used_panel
    start_sandbox(panel)
    create_client(panel, "before-the-kernel-died")
    expect(panel).to_contain_text("before-the-kernel-died is made.")
    expect(page.locator(".qk-summary")).to_be_hidden()
    expect(panel.locator(".qk-work")).to_have_count(0)
    save(page)
    saved = json.loads(path.read_text())
    page.get_by_role("button", name="Restart the kernel", exact=True).click()
    page.locator(".jp-Dialog .jp-mod-accept").click()
    expect(panel).to_be_hidden()  # its kernel is gone, and nothing in it would answer
    expect(page.locator(".qk-summary")).to_be_visible()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    close_all(page, lab)

    assert "widgets" in saved["metadata"]
    reopened = lab.notebooks / "reopened.ipynb"
    reopened.write_text(json.dumps(saved))
    page.goto(lab.address_of(reopened.name))  # loads the page again, so that it knows nothing of the dead panel
    the_summary_is_shown(page)
    # The same without widget state, in a page that has shown another one.
    del saved["metadata"]["widgets"]
    without = lab.notebooks / "reopened-without-state.ipynb"
    without.write_text(json.dumps(saved))
    close_all(page, lab)
    expect(page.locator(".qk-summary")).to_have_count(0)
    page.evaluate(OPEN, without.name)
    the_summary_is_shown(page)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    expect(page.locator(".qk-panel")).to_be_visible()
    expect(page.locator(".qk-summary")).to_be_hidden()
    close_all(page, lab)


def the_summary_is_shown(page):
    panel, summary = page.locator(".qk-panel"), page.locator(".qk-summary")
    expect(summary).to_be_visible()
    for words in ("import qlik_keys as qk; qk.Panel()", "a sandbox: nothing in it was real", "Clients that were made"):
        expect(summary).to_contain_text(words)
    expect(summary.locator("tbody tr")).to_contain_text("before-the-kernel-died")
    expect(page.get_by_text("model not found")).to_be_hidden()
    expect(panel).to_be_hidden()
