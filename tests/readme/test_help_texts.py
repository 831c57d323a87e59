"""The help in the README is the program's own. `python tests/readme/test_help_texts.py` writes it again."""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from cli_terminal import in_a_pipe

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.DOTALL | re.MULTILINE)
WIDTH = "100"


def told_by(command):
    """Return what a command of the README prints, with the command above it."""
    environment = {**os.environ, "COLUMNS": WIDTH, "PYTHONPATH": ":".join(sys.path)}
    ended = in_a_pipe(shlex.split(command.removeprefix("$ qlik-keys")), environment)
    assert ended.code == 0, ended.err
    lines = [line.rstrip() for line in ended.out.rstrip().splitlines()]
    return "\n".join([command, *lines])


def written_again(text):
    """Return the README's text with each block of commands and their outputs made again."""

    def block(found):
        commands = [line for line in found[1].splitlines() if line.startswith("$ qlik-keys")]
        return "```console\n" + "\n\n".join(map(told_by, commands)) + "\n```"

    return BLOCK.sub(block, text)


def test_the_readme_s_help_is_the_real_one():
    text = README.read_text(encoding="utf-8")
    assert text.count("\n$ qlik-keys ") >= 4
    assert written_again(text) == text


if __name__ == "__main__":
    README.write_text(written_again(README.read_text(encoding="utf-8")), encoding="utf-8")
