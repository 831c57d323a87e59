"""`%load_ext qlik_keys`: `%qlik` and `%%qlik` run the command line's tree, `%qlik_keys` shows the panel.

What a command comes to is the magic's value: a list of objects is a DataFrame, anything else is as it came. What would
be a token is never a value: that command has no place in a notebook.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

import typer
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class

from qlik_keys.cli.app import app as tree
from qlik_keys.cli.results import collected
from qlik_keys.errors import QlikKeysError

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from qlik_keys.panel import Panel

_NOT_HERE = ("token", "demo", "sandbox", "lab")


@magics_class
class QlikMagics(Magics):
    """The magics of `%load_ext qlik_keys`."""

    @line_cell_magic
    def qlik(self, line: str, cell: str | None = None) -> Any:
        """Call the tenant in qlik-cli's words: `%qlik user me`, `df = %qlik oauth-client ls`, `%qlik --help`.

        As `%%qlik` the cell is the JSON body: `%%qlik raw post v1/…`.
        """
        try:
            words = shlex.split(line)
        except ValueError:
            raise UsageError("A quote in that line is not closed.") from None
        if words and words[0] in _NOT_HERE:
            raise UsageError(f"`{words[0]}` is for a shell: qlik-keys {words[0]}")
        if cell is not None:
            words += ["--body", cell]
        return run(words)

    @line_magic
    def qlik_keys(self, line: str) -> Panel:
        """Show the panel."""
        from qlik_keys.panel import Panel  # noqa: PLC0415  # brings ipywidgets

        del line
        return Panel()


def run(words: list[str]) -> Any:
    """Run the tree and return what it came to, None for nothing.

    Raises:
        UsageError: the words are wrong, or what they ask for failed; says what to do.
    """
    problem = ""
    with collected() as results:
        try:
            typer.main.get_command(tree).main(words, prog_name="%qlik", standalone_mode=False)
        except (typer.Exit, typer.Abort, SystemExit):
            pass  # --help, and what was said already
        except QlikKeysError as error:
            problem = f"{error.message} What to do: {error.hint}" if error.hint else error.message
        except Exception as error:
            # typer brings a click of its own, whose errors have no public name.
            if not hasattr(error, "format_message"):
                raise
            problem = error.format_message()
    if problem:
        raise UsageError(problem)
    return _value(results[-1]) if results else None


def _value(document: Any) -> Any:
    listed = document.get("data") if isinstance(document, dict) else document
    if isinstance(listed, list) and listed and all(isinstance(each, dict) for each in listed):
        import pandas as pd  # noqa: PLC0415  # takes a while, and is not needed for one object

        return pd.json_normalize(listed)
    return document


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics; `%load_ext qlik_keys` calls it."""
    shell.register_magics(QlikMagics)
