"""What is typed in qlik-cli's manner: a JSON body, and name=value pairs."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.bodies import read_body

if TYPE_CHECKING:
    from pathlib import Path


def document_of(body: str, body_file: Path | None) -> Any:
    """Return the body as JSON-ready values, None for none (`tenant.bodies`).

    Raises:
        ConfigurationError: both are given, or it is no JSON, or the file cannot be read.
    """
    if body and body_file:
        raise ConfigurationError("There are two bodies.", hint="Give --body or --body-file.")
    try:
        text = body_file.read_text(encoding="utf-8") if body_file else body
        document, problem = read_body(text)
    except OSError as error:
        problem = f"The file with the body cannot be read ({type(error).__name__})."
    except UnicodeDecodeError:
        problem = "The body is no JSON."
    if not problem:
        return document
    raise ConfigurationError(problem, hint="Check the quotes: a shell takes some of them away. Or use --body-file.")


def pairs(given: list[str] | None, option: str) -> dict[str, str]:
    """Return name=value pairs; like qlik-cli, several may stand in one text with commas between.

    Raises:
        ConfigurationError: one is none.
    """
    found = {}
    for text in given or []:
        for each in _parts(text):
            name, equals, value = each.partition("=")
            if not name.strip() or not equals:
                raise ConfigurationError(f"{option} wants name=value.", hint=f"For instance {option} limit=1.")
            found[name.strip()] = value
    return found


def _parts(text: str) -> list[str]:
    """Split `a=1,b=2`, but not `filter=a,b`, nor a text whose pieces are no pairs."""
    if text.count("=") < 2:  # noqa: PLR2004  # one pair, whatever commas its value has
        return [text]
    try:
        parts = next(csv.reader([text]))
    except (csv.Error, StopIteration):
        return [text]
    return parts if all("=" in part for part in parts) else [text]
