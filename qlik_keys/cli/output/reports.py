"""A report in a format of its own: printed, or written to a file whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from qlik_keys.cli.output.results import Result, current_notebook
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path


def show_text(text: str, output: Path | None = None) -> None:
    """Print a text that is a whole document, or write it to a file; a notebook shows it as it is.

    Args:
        text: the document, with its last line end.
        output: the file; it is replaced at once, so that no reader meets half of it.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    notebook = current_notebook()
    if output is not None:
        write(text, output)
    elif notebook is not None:
        notebook.results.append(Result(text))
    else:
        typer.echo(text.encode(), nl=False)  # as it is: a calendar's lines end by CR LF


def write(text: str, output: Path) -> None:
    """Write a file whole or not at all.

    Raises:
        ConfigurationError: it cannot be written.
    """
    from qlik_keys.core.files import write_whole

    target = output.expanduser()
    try:
        write_whole(target, text.encode())
    except OSError as problem:
        reason = problem.strerror or type(problem).__name__
        raise ConfigurationError(
            f"The file {str(output)!r} cannot be written ({reason}).",
            hint="Give a file in a folder that you may write.",
        ) from None
