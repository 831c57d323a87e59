"""What a command came to: a table for people, JSON for pipes, a value where a notebook's magic runs the same tree.

In a notebook a value may be shown and saved, so whatever in it is named like a secret is a `Secret` there, which does
not show itself. In a shell the answer is printed as it is: a new client secret is shown this once, as Qlik does.
"""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import typer

from qlik_keys.errors import TenantProtocolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_IDS = ("id", "clientId", "name")
_NAMES = ("name", "clientName", "displayName", "title", "description", "subject")


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to in a notebook.

    Attributes:
        value: secrets in it do not show themselves.
        columns: those of a table that is empty; None where it is no table, whatever it looks like.
        total: how many objects there are in all, where that was asked for.
    """

    value: Any
    columns: Sequence[str] | None = None
    total: int | None = None


@dataclass(slots=True)
class Notebook:
    """The notebook in which the tree runs.

    Attributes:
        context: the qlik-cli context that was chosen in it, "" for none.
        tenant_url: the tenant that was called last, "" for none.
        has_cell: the JSON body is the cell.
        results: what commands came to.
    """

    context: str = ""
    tenant_url: str = ""
    has_cell: bool = False
    results: list[Result] = field(default_factory=list)


_notebook: ContextVar[Notebook | None] = ContextVar("qlik_keys_notebook", default=None)


@contextmanager
def running_in(notebook: Notebook) -> Iterator[None]:
    """Hand what commands come to over to a notebook, in place of printing it."""
    token = _notebook.set(notebook)
    try:
        yield
    finally:
        _notebook.reset(token)


def current_notebook() -> Notebook | None:
    """Return the notebook in which the tree runs, None in a shell."""
    return _notebook.get()


def notebook_context() -> str:
    """Return the qlik-cli context that was chosen in the notebook, "" for none."""
    notebook = _notebook.get()
    return notebook.context if notebook is not None else ""


def show(
    document: Any,
    *,
    quiet: bool = False,
    as_json: bool = False,
    unmodified: bool = False,
    human: bool = False,
    columns: Sequence[str] = (),
    nothing: str = "The list is empty.",
    total: int | None = None,
) -> None:
    """Show a document.

    Args:
        document: JSON-ready values.
        quiet: the ids in it alone, a line each, as JSON a list; outranks `human`.
        as_json: as JSON also on a terminal.
        unmodified: it is a text that is printed as it is.
        human: ids and names alone, as a table also in a pipe.
        columns: what a table shows; all by default.
        nothing: what is said on a terminal where a list is empty.
        total: how many objects of a list there are in all, None where no one asked.
    """
    if quiet or human:
        if not as_json:
            _tell_of_secrets(document)
        document, columns = (ids_of(document), ()) if quiet else (names_of(document), ("id", "name"))
    notebook = _notebook.get()
    if notebook is not None:
        value = _for_a_notebook(document, unmodified=unmodified)
        notebook.results.append(Result(value, None if quiet or unmodified else columns, total))
    elif unmodified:
        typer.echo(document, nl=False)
    elif quiet and not as_json:
        from qlik_keys.cli.output.table import printable

        typer.echo("".join(f"{printable(each)}\n" for each in document), nl=False)
    else:
        as_table = not as_json and (human or is_terminal(sys.stdout))
        _print(document, as_table=as_table, columns=columns, nothing=nothing, total=total)
        if total is not None and not as_table and not as_json:  # a list of JSON has no place for it
            typer.echo(f"Note: {len(document)} of {total}.", err=True)


def _print(document: Any, *, as_table: bool, columns: Sequence[str], nothing: str, total: int | None) -> None:
    """Print a document: as JSON to pipes, as a table to people.

    Raises:
        TenantProtocolError: it nests too deep for either.
    """
    from qlik_keys.cli.output.table import document_as_text

    try:
        text = document_as_text(document, columns, nothing=nothing, total=total) if as_table else _json_text(document)
    except RecursionError:
        text = None
    if text is None:
        raise TenantProtocolError(
            "The response is nested too deeply to be displayed.", hint="Use --raw to get it unmodified."
        )
    typer.echo(text)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a person is there; a program may be started without the stream, which is None then."""
    return stream is not None and stream.isatty()


def show_value(value: Any, *, text: Callable[[], str], document: Callable[[], Any], as_json: bool) -> None:
    """Show a value of qlik_keys: as a text to people, as JSON to pipes, as itself in a notebook.

    Args:
        value: without a secret in it.
        text: returns it for people.
        document: returns it as JSON-ready values.
        as_json: as JSON also on a terminal.
    """
    notebook = _notebook.get()
    if notebook is not None:
        notebook.results.append(Result(value))
    elif as_json or not is_terminal(sys.stdout):
        typer.echo(_json_text(document()))
    else:
        typer.echo(text())


def _for_a_notebook(document: Any, *, unmodified: bool) -> Any:
    """Return a document whose secrets do not show themselves; a text that has one in it is a secret as a whole."""
    from qlik_keys.core.secret import Secret
    from qlik_keys.tenant.http.guarded import guarded_document, redacted_document

    if not unmodified:
        return guarded_document(document)
    try:
        inside = json.loads(document)
    except (ValueError, RecursionError):
        return document
    if redacted_document(inside) == inside:
        return document
    return Secret(document, what="answer with a secret in it", any_text=True)


def _json_text(document: Any) -> str:
    """Return JSON with every letter as it is, but no control character: a client's name is another user's text."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)


def _tell_of_secrets(document: Any) -> None:
    """Say so where ids or names alone leave out a secret that is shown only once."""
    from qlik_keys.tenant.http.guarded import redacted_document

    if redacted_document(document) != document:
        left_out = "Note: the response contains a secret, which --quiet and --human omit. It will not be shown again."
        typer.echo(left_out, err=True)


def listed_in(document: Any) -> Any:
    """Return the list that a page of a listing holds in `data`, as qlik-cli prints it; any other document as it is."""
    listed = document.get("data") if isinstance(document, dict) else None
    return listed if isinstance(listed, list) else document


def ids_of(document: Any) -> list[str]:
    """Return the ids in a list of objects, or of one object."""
    listed = document if isinstance(document, list) else [document]
    return [found for found in (_first_of(each, _IDS) for each in listed) if found is not None]


def names_of(document: Any) -> list[dict[str, str]]:
    """Return id and name of each object in a list, or of one object; "" for what it has not."""
    listed = document if isinstance(document, list) else [document]
    return [{"id": _first_of(each, _IDS) or "", "name": _first_of(each, _NAMES) or ""} for each in listed]


def _first_of(document: Any, names: Sequence[str]) -> str | None:
    fields = document if isinstance(document, dict) else {}
    return next((str(fields[name]) for name in names if isinstance(fields.get(name), str | int)), None)
