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


@dataclass(frozen=True, slots=True)
class Result:
    """What a command came to in a notebook.

    Attributes:
        value: secrets in it do not show themselves.
        columns: those of a table that is empty; None where it is no table, whatever it looks like.
    """

    value: Any
    columns: Sequence[str] | None = None


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
    as_it_came: bool = False,
    columns: Sequence[str] = (),
    nothing: str = "There is nothing to list.",
) -> None:
    """Show a document.

    Args:
        document: JSON-ready values.
        quiet: the ids in it alone, a line each.
        as_json: as JSON also on a terminal.
        as_it_came: it is a text that is printed as it is.
        columns: what a table shows; all by default.
        nothing: what is said on a terminal where a list is empty.
    """
    if quiet:
        _tell_of_secrets(document)
        document = ids_of(document)
    notebook = _notebook.get()
    if notebook is not None:
        value = _for_a_notebook(document, as_it_came=as_it_came)
        notebook.results.append(Result(value, None if quiet or as_it_came else columns))
    elif as_it_came:
        typer.echo(document, nl=False)
    elif quiet:
        from qlik_keys.cli.table import printable

        typer.echo("".join(f"{printable(each)}\n" for each in document), nl=False)
    else:
        _print(document, as_json=as_json, columns=columns, nothing=nothing)


def _print(document: Any, *, as_json: bool, columns: Sequence[str], nothing: str) -> None:
    """Print a document: as JSON to pipes, as a table to people.

    Raises:
        TenantProtocolError: it nests too deep for either.
    """
    from qlik_keys.cli.table import document_as_text

    try:
        if as_json or not is_terminal(sys.stdout):
            text = _json_text(document)
        else:
            text = document_as_text(document, columns, nothing=nothing)
    except RecursionError:
        text = None
    if text is None:
        raise TenantProtocolError("The answer nests too deep to be shown.", hint="Take it as it came: --raw.")
    typer.echo(text)


def is_terminal(stream: TextIO | None) -> bool:
    """Return whether a person is there; a program may be started without the stream, which is None then."""
    return stream is not None and stream.isatty()


def show_value(value: Any, *, text: Callable[[], str], document: Callable[[], Any], as_json: bool) -> None:
    """Show a value of ours: as a text to people, as JSON to pipes, as itself in a notebook.

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


def _for_a_notebook(document: Any, *, as_it_came: bool) -> Any:
    """Return a document whose secrets do not show themselves; a text that has one in it is a secret as a whole."""
    from qlik_keys.secret import Secret
    from qlik_keys.tenant.guarded import guarded_document, struck_document

    if not as_it_came:
        return guarded_document(document)
    try:
        inside = json.loads(document)
    except (ValueError, RecursionError):
        return document
    if struck_document(inside) == inside:
        return document
    return Secret(document, what="answer with a secret in it", any_text=True)


def _json_text(document: Any) -> str:
    """Return JSON with every letter as it is, but no control character: a client's name is somebody else's text."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1] for letter in text)


def _tell_of_secrets(document: Any) -> None:
    """Say so where the ids alone leave out a secret that is shown only once."""
    from qlik_keys.tenant.guarded import struck_document

    if struck_document(document) != document:
        typer.echo("Note: the answer has a secret in it, which --quiet leaves out. It is not shown again.", err=True)


def ids_of(document: Any) -> list[str]:
    """Return the ids in a list of objects, in a page of them, or of one object."""
    listed = document.get("data", [document]) if isinstance(document, dict) else document
    ids = []
    for each in listed if isinstance(listed, list) else [listed]:
        names = ("id", "clientId", "name") if isinstance(each, dict) else ()
        found = next((each[name] for name in names if isinstance(each.get(name), str | int)), None)
        if found is not None:
            ids.append(str(found))
    return ids
