"""What needs a program that a machine may lack is marked: CI on Windows and macOS chooses by the markers."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import qlik_keys.sandbox


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("bao", [sys.executable, "-c", "pass", "/somewhere/bin/bao", "server"]),  # as the sandbox starts it
        ("-m qlik_keys.sandbox.server", [sys.executable, "-P", "-m", "qlik_keys.sandbox.server"]),
        ("node", ["/somewhere/node", "program.mjs"]),
        ("npm", ["npm.exe", "ci"]),
        ("chromium", ["chromium", "--version"]),
    ],
)
def test_a_program_that_is_started_without_a_marker_fails_the_test(program, words):
    with pytest.raises(pytest.fail.Exception, match=f"starts {program} and has no marker"):
        subprocess.run(words, check=False)


def test_the_sandbox_is_started_as_the_guard_knows_it():
    starts = (Path(qlik_keys.sandbox.__file__).parent / "process.py").read_text(encoding="utf-8")
    assert '"-m", "qlik_keys.sandbox.server"' in starts


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


def test_whatever_asks_for_the_sandbox_is_marked_by_itself(tmp_path):
    (tmp_path / "test_it.py").write_text("def test_it(box): pass\ndef test_other(): pass\n", encoding="utf-8")
    conftest = Path(__file__).parents[1] / "conftest.py"
    (tmp_path / "conftest.py").write_text(conftest.read_text(encoding="utf-8"), encoding="utf-8")
    options = ["-m", "not openbao", "-p", "no:cacheprovider", "-c", str(conftest.parents[1] / "pyproject.toml")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--collect-only", *options, "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        cwd=conftest.parents[1],
    )
    assert "test_it.py::test_other" in done.stdout, done.stdout
    assert "test_it.py::test_it" not in done.stdout
