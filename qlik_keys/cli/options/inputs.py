"""What is typed in qlik-cli's manner: a JSON body, and name=value pairs."""

from __future__ import annotations

import codecs
import re
import sys
from pathlib import Path
from typing import Any

import typer

from qlik_keys.cli.output.results import current_notebook
from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.http.bodies import read_body

STDIN = Path("-")
_PIECE = r"""(?:[^,"']|"[^"]*"|'[^']*')+"""
_PIECES = re.compile(f"{_PIECE}(?:,{_PIECE})*")


def document_of(body: str | None, body_file: Path | None, body_values: list[str] | None = None) -> Any:
    """Return the body as JSON-ready values, None where there is none (`tenant.http.bodies`).

    Args:
        body: of `--body`, or a notebook's cell.
        body_file: of `--body-file`; "-" is standard input.
        body_values: of `--body-values`.

    Raises:
        typer.BadParameter: several are given, or a value is malformed.
        ConfigurationError: it is no JSON, or the file cannot be read.
    """
    if sum(given is not None for given in (body, body_file, body_values or None)) > 1:
        raise typer.BadParameter("these are two bodies: give only one of them", param_hint="--body / --body-file")
    if body_values:
        from qlik_keys.cli.options.body_values import body_of_values

        body = body_of_values(body_values)
    if body_file is not None:
        hint = "Check what is in it."
        text = _read(body_file)
    else:
        has_cell = (notebook := current_notebook()) is not None and notebook.has_cell
        hint = "Check the cell." if has_cell else "Check the quotes: a shell removes some of them. Or use a file."
        text = body or ""
    document, problem = read_body(text.removeprefix("\ufeff"))  # a cell may have been pasted with its mark
    if problem:
        raise ConfigurationError(problem, hint=hint)
    return document


def _read(file: Path) -> str:
    """Return a file's text; see `text_in`.

    Raises:
        ConfigurationError: it cannot be read.
    """
    text, problem = text_in(file)
    if problem:
        raise ConfigurationError(f"The file with the body cannot be read ({problem}).", hint="Name a UTF-8 file.")
    return text


def text_in(file: Path, most_bytes: int = -1) -> tuple[str, str]:
    """Return a file's text and "", or "" and why it cannot be read.

    The text is UTF-8 whatever encoding the console has, or UTF-16 where it begins so (PowerShell's `>`). The byte order
    mark of an editor on Windows is no part of it. No frame that has the text raises: it may be a secret.

    Args:
        file: "-" is standard input; "~" is the home folder, which a shell does not put into `--option=~/file`.
        most_bytes: a longer file is refused; -1 for any length.
    """
    try:
        if file != STDIN:
            with file.expanduser().open("rb") as opened:
                content = opened.read(most_bytes + 1 or -1)
        elif sys.stdin is None:
            return "", "there is no standard input"
        else:
            buffer = getattr(sys.stdin, "buffer", None)
            content = sys.stdin.read().encode() if buffer is None else buffer.read(most_bytes + 1 or -1)
        if 0 <= most_bytes < len(content):
            return "", "it is too long"
        return _decoded(content), ""
    except UnicodeError:
        return "", "it is not UTF-8 text"
    except OSError as error:
        return "", error.strerror or type(error).__name__
    except (RuntimeError, ValueError) as error:  # there is no home folder, or a path has a null character
        return "", type(error).__name__


def _decoded(content: bytes) -> str:
    is_utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if is_utf_16 else "utf-8").removeprefix("\ufeff")


def pairs(given: list[str] | None, option: str) -> list[tuple[str, str]]:
    """Return name=value pairs; like with qlik-cli, several may stand in one text with commas between.

    Raises:
        typer.BadParameter: one is none.
    """
    found = []
    for text in given or []:
        for each in _parts(text):
            name, equals, value = each.partition("=")
            if not name.strip() or not equals:
                raise typer.BadParameter(f"write it as name=value, for instance {option} limit=1", param_hint=option)
            found.append((name.strip(), value))
    return found


def _parts(text: str) -> list[str]:
    """Split `a=1,b=2`, but not `filter=a,b`, nor within quotes, nor a text whose pieces are no pairs."""
    if not _PIECES.fullmatch(text):
        return [text]
    parts = [re.sub(r'^"([^"]*)"$', r"\1", piece) for piece in re.findall(_PIECE, text)]
    return parts if all("=" in part for part in parts) else [text]
