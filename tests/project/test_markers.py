"""What needs a program that a machine may lack is marked: CI on Windows and macOS chooses by the markers."""

from __future__ import annotations

import subprocess
import sys

import pytest

STARTED = {
    "bao": [sys.executable, "-c", "pass", "/somewhere/bin/bao", "server"],  # as the sandbox starts it
    "-m qlik_keys.sandbox.server": [sys.executable, "-P", "-m", "qlik_keys.sandbox.server"],
    "node": ["/somewhere/node", "program.mjs"],
    "npm": ["npm.exe", "ci"],
    "chromium": ["chromium", "--version"],
}


def test_a_program_that_is_started_without_a_marker_fails_the_test():
    for program, words in STARTED.items():
        with pytest.raises(pytest.fail.Exception, match=f"starts {program} and has no marker"):
            subprocess.run(words, check=False)
