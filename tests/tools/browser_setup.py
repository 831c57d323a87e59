"""The browser of the tests: an installed Chromium or Chrome, else Debian's package, else Playwright's own.

`python tests/tools/browser_setup.py` (`make test` runs it) makes sure that there is one and says what it does.
The tests ask `launch_options()`. `CHROME` names a browser of one's own.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC_PATHS = [f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Google Chrome", "Chromium")]
NONE = """There is no browser for the tests, and none could be got. Install Chromium or Chrome, or name one: \
CHROME=/path/to/chrome make test"""


def find_installed():
    """Return the path of a Chromium or Chrome that this machine has and that starts, None for none."""
    chosen = os.environ.get("CHROME")
    candidates = [shutil.which(chosen) or chosen] if chosen else [*map(shutil.which, NAMES), *MAC_PATHS]
    return next((path for path in candidates if path and starts(path)), None)


def find_playwrights_own():
    """Return the path of the Chromium that Playwright downloaded, None for none."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() and starts(path) else None


def starts(path):
    """Return whether a browser runs at all: Ubuntu's `chromium-browser` may be a stub that asks for a snap."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, timeout=60, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def launch_options():
    """Return the arguments for Playwright's `chromium.launch`."""
    path = find_installed() or find_playwrights_own()
    if path is None:
        raise RuntimeError("no browser: run `python tests/tools/browser_setup.py`")
    # As root Chromium refuses to start in its sandbox; the pages it opens are our own.
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return {"executable_path": path, "args": arguments}


def install():
    """Get a browser in the way that this machine allows, and return its path."""
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        print("No Chromium or Chrome here: installing Debian's package chromium (as root, by apt-get).", flush=True)
        options = {"env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        options |= dict.fromkeys(("stdin", "stdout"), subprocess.DEVNULL)
        for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
            subprocess.run([apt, "-qq", *command], check=False, **options)
        if found := find_installed():
            return found
    print("No Chromium or Chrome here: downloading Playwright's own into its cache.", flush=True)
    subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=False)
    return find_playwrights_own()


def main():
    found = find_installed() or find_playwrights_own() or install()
    print(f"Browser of the tests: {found}" if found else NONE, file=sys.stdout if found else sys.stderr)
    return 0 if found else 1


if __name__ == "__main__":
    sys.exit(main())
