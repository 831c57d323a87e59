"""Takes the README's picture of the panel: `make screenshots` writes notebooks/panel.png."""

from __future__ import annotations

import tempfile
from pathlib import Path

from browser_setup import launch_options
from jupyter_lab import NOTEBOOKS, JupyterLab
from panel_actions import button, create_client
from playwright.sync_api import expect, sync_playwright

PICTURE = NOTEBOOKS / "panel.png"
WIDTH, HEIGHT, MARGIN = 1240, 1010, 2


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        lab = JupyterLab(Path(folder) / "lab")
        browser = playwright.chromium.launch(**launch_options())
        page = browser.new_page(viewport={"width": WIDTH + 160, "height": HEIGHT + 400}, device_scale_factor=1.5)
        page.goto(lab.address_of("01-quickstart.ipynb"))
        expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=60_000)
        page.locator(".jp-CodeCell .cm-content").first.click()
        page.get_by_role("button", name="Run this cell and advance").click()
        panel = page.locator(".qk-panel")
        button(panel, "Start the sandbox").click()
        expect(panel).to_contain_text("Connected to")
        create_client(panel, "nightly-etl")
        expect(panel).to_contain_text("nightly-etl is made.")
        expect(panel.locator(".qk-work")).to_have_count(0)
        panel.locator(".qk-top").scroll_into_view_if_needed()
        place = panel.bounding_box()
        page.screenshot(
            path=PICTURE,
            clip={
                "x": place["x"] - MARGIN,
                "y": place["y"] - MARGIN,
                "width": place["width"] + 2 * MARGIN,
                "height": HEIGHT,
            },
        )
        browser.close()
        lab.close()
    print(f"{PICTURE.relative_to(NOTEBOOKS.parent)}: {PICTURE.stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
