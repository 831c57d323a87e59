"""Lists of clients as people write them, and selections that are refused in the words of the command line."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qlik_keys.cli.app import app
from qlik_keys.cli.options.many import clients_in
from qlik_keys.errors import ConfigurationError

LIST = "# compromised\r\nnightly etl\r\n\r\n  Größe  \r\nnightly etl\r\n-dash\r\n"
NAMES = ("nightly etl", "Größe", "-dash")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])  # the last two: editors and shells of Windows
@pytest.mark.parametrize("is_file", [True, False])
def test_windows_line_ends_marks_comments_and_duplicates_are_read(encoding, is_file, tmp_path, monkeypatch):
    content = LIST.encode(encoding)
    file = Path("-")
    if is_file:
        file = tmp_path / "list.txt"
        file.write_bytes(content)
    else:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="ascii"))
    assert clients_in(file) == NAMES


def test_what_cannot_be_read_is_an_error_that_says_why(tmp_path, monkeypatch):
    latin, empty, large = (tmp_path / name for name in ("latin", "empty", "large"))
    latin.write_bytes("Größe".encode("latin-1"))
    empty.write_text("# no client\n")
    large.write_text("a\n" * 2_000_001)
    monkeypatch.setattr(sys, "stdin", None)  # a service that has closed it
    for file, why in (
        (latin, "not UTF-8"), (empty, "names no client"), (large, "too long"), (tmp_path / "none", "No such file"),
        (tmp_path, "directory"), (Path("-"), "no standard input"),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError, match=why):
            clients_in(file)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--due --older-than 3d", "--due and --older-than are both given"),
        ("--finding QK104 --within 3d", "--within is an addition to --due"),
        ("--due --within 90d", "longer --rotate-after-days"),
        ("--older-than 0d", "Give a longer --older-than"),
    ],
)
def test_a_selection_is_refused_in_the_words_of_the_command_line(words, told):
    refused = CliRunner().invoke(app, ["rotate", *words.split()])
    assert refused.exit_code == 2
    said = " ".join(refused.output.replace("│", " ").split())
    assert told in said
    assert "`" not in said
