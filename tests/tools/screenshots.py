"""Takes pictures of the panel in each state, light, dark, narrow and at 200 %: `make screenshots`.

All of them go to build/screenshots, to be looked at; the README's own are written to notebooks/ again.
"""

import shutil
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

sys.path.append(str(Path(__file__).parents[1]))
from fixtures.jupyter_lab import NOTEBOOKS, JupyterLab
from fixtures.panel_actions import button, create_client, go_to, run_cell, told
from tools.browser_setup import launch_options

PICTURES = NOTEBOOKS.parent / "build" / "screenshots"
# Theme, and width in CSS pixels: at 200 % a window of 1400 has 700 of them.
LOOKS = {
    "light": ("JupyterLab Light", 1400),
    "dark": ("JupyterLab Dark", 1400),
    "narrow": ("JupyterLab Light", 360),
    "zoomed": ("JupyterLab Dark", 700),
}
OF_README = {
    "light-4-made.png": "panel.png",
    "light-6-clients.png": "panel-clients.png",
    "dark-9-audit.png": "panel-audit.png",
    "light-11-call.png": "panel-try.png",
}
HEIGHT = 5600
PRACTICE_FLEET = 60


def walk(browser, look):
    """Go through the panel's states and take a picture of each."""
    theme, width = LOOKS[look]
    with tempfile.TemporaryDirectory() as folder, closing(JupyterLab(Path(folder) / "lab", theme=theme)) as lab:
        size = {"width": width, "height": HEIGHT}
        with browser.new_page(viewport=size, device_scale_factor=2.0 if look == "zoomed" else 1.5) as page:
            _walk(page, lab, look)


def _walk(page, lab, look):
    page.goto(lab.address_of("01-quickstart.ipynb"))
    # A narrow page has no room for the kernel's state in words.
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_attached()
    run_cell(page, 0)
    panel = page.locator(".qk-panel")

    def take(name):
        page.wait_for_timeout(400)  # colours fade
        panel.screenshot(path=PICTURES / f"{look}-{name}.png")

    expect(panel).to_be_visible()
    take("1-connect")
    button(panel, "Start the sandbox").click()
    expect(panel).to_contain_text("Connected to")
    go_to(panel, "New client")
    take("2-new-client")
    panel.get_by_label("Step by step").check()
    create_client(panel, "nightly-etl")
    for _ in range(3):
        expect(button(panel, "Next")).to_be_visible()
        button(panel, "Next").click()
    take("3-step-by-step")
    panel.get_by_label("Step by step").uncheck()
    expect(panel).to_contain_text("nightly-etl is made.")
    expect(panel.locator(".qk-work")).to_have_count(0)
    take("4-made")
    button(panel, "Remove user_default").click()
    panel.locator('input[data-scope="apps:read"]').check()
    button(panel, "Create client").click()
    expect(panel.get_by_role("alert")).to_be_visible()
    take("5-conflict")
    button(panel, "Dismiss").click()
    run_cell(page, 1, f"panel.sandbox.seed_clients({PRACTICE_FLEET})")
    go_to(panel, "Clients")
    button(panel, "Refresh").click()
    expect(panel.locator(".qk-clients")).to_contain_text(f"{PRACTICE_FLEET + 1} clients")
    button(panel, "Rotate").click()  # the client that was made is the selected one
    expect(panel.locator(".qk-plan-title")).to_be_visible()
    take("6-clients")
    button(panel, "Rotate the key of nightly-etl").click()
    expect(told(panel).filter(has_text="The old key can log in until")).to_be_visible()
    take("7-rotated")
    go_to(panel, "Audit")
    take("8-audit-before")
    button(panel, "Run audit").click()
    expect(panel.locator(".qk-ages")).to_be_visible()
    take("9-audit")
    _try_a_token(page, panel, take)


def _try_a_token(page, panel, take):
    """Take a login apart, call with its token, break it, and ask the doctor."""
    go_to(panel, "New client")
    for name in ("apps:read", "user_default"):
        if button(panel, f"Remove {name}").is_visible():
            button(panel, f"Remove {name}").click()
    panel.locator('input[data-scope="admin_classic"]:visible').check()
    panel.get_by_label("May impersonate users").check()
    panel.get_by_label("Name", exact=True).fill("api-explorer")
    button(panel, "Create client").click()
    expect(panel).to_contain_text("api-explorer is made.")
    expect(panel.locator(".qk-work")).to_have_count(0)
    go_to(panel, "Try a token")
    button(panel, "Get a token").click()
    expect(panel).to_contain_text("api-explorer logged in.")
    button(panel, "Send").click()
    expect(panel.locator(".qk-status")).to_contain_text("200")
    take("10-token")
    panel.get_by_label("Path", exact=True).fill("v1/oauth-clients?limit=20")
    button(panel, "Send").click()
    expect(panel.locator(".qk-rows")).to_be_visible()
    panel.get_by_text("The same call by hand").click()
    take("11-call")
    panel.get_by_label("Assertion", exact=True).select_option(index=2)
    button(panel, "Get a token").click()
    expect(panel).to_contain_text("Refused, as expected")
    take("12-broken")
    run_cell(page, 1, "panel.tenant.oauth_clients.set_consent(panel.last_made.client_id, 'required')")
    button(panel, "What is wrong?").first.click()
    expect(panel).to_contain_text("What the doctor found")
    take("13-doctor")


def main():
    PICTURES.mkdir(parents=True, exist_ok=True)
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**launch_options())
        for look in LOOKS:
            walk(browser, look)
            print(f"{look}: {len([*PICTURES.glob(f'{look}-*.png')])} pictures in build/screenshots")
        browser.close()
    for name, of_readme in OF_README.items():
        shutil.copy(PICTURES / name, NOTEBOOKS / of_readme)
        print(f"notebooks/{of_readme}: {(NOTEBOOKS / of_readme).stat().st_size // 1024} kB")


if __name__ == "__main__":
    main()
