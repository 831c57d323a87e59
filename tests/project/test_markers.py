"""What needs a program that a machine may lack is marked: CI on Windows and macOS chooses by the markers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

STARTED = [
    ("bao", [sys.executable, "-c", "pass", "/somewhere/bin/bao", "server"]),  # as the sandbox starts it
    ("-m qlik_keys.sandbox.server", [sys.executable, "-P", "-m", "qlik_keys.sandbox.server"]),
    ("node", ["/somewhere/node", "program.mjs"]),
    ("npm", ["npm.exe", "ci"]),
    ("chromium", ["chromium", "--version"]),
]


@pytest.mark.parametrize(("program", "words"), STARTED)
def test_a_program_that_is_started_without_a_marker_fails_the_test(program, words):
    with pytest.raises(pytest.fail.Exception, match=f"starts {program} and has no marker"):
        subprocess.run(words, check=False)


def test_each_file_of_tests_can_be_imported_where_posix_is_missing():
    """Where one cannot be collected, no test runs at all."""
    missing = {"fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"}
    found = set()
    for path in Path(__file__).parents[1].rglob("*.py"):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Import):
                found |= {(path.name, alias.name) for alias in node.names if alias.name in missing}
            elif isinstance(node, ast.ImportFrom) and node.module in missing:
                found.add((path.name, node.module))
    assert found == set()


def test_a_test_with_the_sandbox_is_marked_by_itself(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it(box): pass\ndef test_other(): pass\n", encoding="utf-8")
    tests = Path(__file__).parents[1]
    (tmp_path / "conftest.py").write_text((tests / "conftest.py").read_text(encoding="utf-8"), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "--collect-only", "-m", "not openbao", "-p", "no:cacheprovider"]
    command += ["-c", str(tests.parent / "pyproject.toml"), "--rootdir", str(tmp_path), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tests.parent)
    assert "test_it.py::test_other" in done.stdout, done.stdout
    assert "test_it.py::test_it" not in done.stdout
