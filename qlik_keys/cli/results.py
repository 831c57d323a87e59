"""What a command came to: printed in a shell, handed over where a notebook's magic runs the same tree."""

from __future__ import annotations

import json
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

_results: ContextVar[list[Any] | None] = ContextVar("qlik_keys_results", default=None)


@contextmanager
def collected() -> Iterator[list[Any]]:
    """Collect what commands come to, in place of printing it."""
    results: list[Any] = []
    token = _results.set(results)
    try:
        yield results
    finally:
        _results.reset(token)


def show(document: Any, *, quiet: bool = False) -> None:
    """Print a document as JSON, or the ids in it alone; in a notebook, hand it over."""
    if quiet:
        listed = document.get("data", [document]) if isinstance(document, dict) else document
        document = [
            each.get("id") or each.get("clientId") or ""
            for each in (listed if isinstance(listed, list) else [listed])
            if isinstance(each, dict)
        ]
    results = _results.get()
    if results is not None:
        results.append(document)
    elif quiet:
        typer.echo("\n".join(document))
    else:
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
