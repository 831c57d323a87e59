"""Command lines of ours in what people are told: found, and parsed by the command tree without being run."""

from __future__ import annotations

import re
import shlex

import typer

from qlik_keys.cli.app import app

_COMMAND = re.compile(r"`(qlik-keys [^`]*)`")


def commands_in(text):
    """Return the command lines in a text, each as its words behind `qlik-keys`."""
    return [shlex.split(line)[1:] for line in _COMMAND.findall(text)]


def assert_parses(words):
    """Fail where a command or an option is none, or a required one is not given."""
    tree = typer.main.get_command(app)
    left = [*words]
    context = None
    while True:
        name = left.pop(0)
        command = tree.get_command(context, name)
        assert command is not None, words
        if not hasattr(command, "commands"):
            break
        tree = command
    context = command.make_context(name, left)
    assert not context.args, words


def assert_commands_parse(*texts):
    """Fail where a command line in one of the texts cannot be pasted; return how many there are."""
    found = [words for text in texts for words in commands_in(text)]
    for words in found:
        assert_parses(words)
    return len(found)
