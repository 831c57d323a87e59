"""How an error is told: to a person in words, to a program as JSON; always on standard error."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import sys
from contextvars import ContextVar
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from qlik_keys.cli.options.word_order import FALSE
from qlik_keys.cli.output.streams import abandon, noted_effect
from qlik_keys.errors import Interrupted, Outcome, QlikKeysError

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = "Interrupted. Completed steps are kept. Run the same command to continue."
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


# A file of `-c` that was read asks for JSON, so its errors are told as that, too.
_file_asks: ContextVar[bool] = ContextVar("qlik_keys_file_asks_for_json", default=False)


def asks_for_json(words: Sequence[str]) -> bool:
    """Return whether a command line asks for JSON: `--json`, `--json=` with anything but false, or a file of `-c`."""
    options = words[: words.index("--")] if "--" in words else words
    asked = [word for word in options if word == "--json" or word.startswith("--json=")]
    return _file_asks.get() or (bool(asked) and asked[-1].partition("=")[2].lower() not in FALSE)


def note_file(*, asks_for_json: bool) -> None:
    """Note whether the file of `-c` asks for JSON."""
    _file_asks.set(asks_for_json)
    if asks_for_json:
        silence_libraries()


def silence_libraries() -> None:
    """Have no library write a warning of its own next to the JSON."""
    import logging
    import warnings

    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.lastResort = logging.NullHandler()  # without any, logging says so on standard error


def _tell_of_a_fault(problem: Exception) -> None:
    """Tell of a fault of this program as JSON. Its own words may hold anything, so they are left out."""
    trace = problem.__traceback__
    where = ""
    while trace is not None:
        code = trace.tb_frame.f_code
        if f"{os.sep}qlik_keys{os.sep}" in code.co_filename:
            where = f"{os.path.basename(code.co_filename)}, line {trace.tb_lineno}"  # noqa: PTH119
        trace = trace.tb_next
    error = QlikKeysError(
        f"Internal error in qlik-keys: {type(problem).__name__} in {where or 'a library'}.",
        hint="Please report it. The same command without --json shows a traceback.",
        outcome=Outcome.UNKNOWN,
    )
    tell_json(error_document(error) | {"error": type(problem).__name__})


def tell_unexpected(problem: Exception, *, as_json: bool) -> bool:
    """Tell of what no one foresaw, a full disk in words; return whether it was told, and no traceback is wanted."""
    if isinstance(problem, OSError) and problem.errno in _UNWRITABLE:
        _tell_of_a_full_disk(problem, as_json=as_json)
    elif as_json:
        _tell_of_a_fault(problem)
    else:
        return False
    return True


def _tell_of_a_full_disk(problem: OSError, *, as_json: bool) -> None:
    """Say that the result could not be written, and have no one try again when the program ends."""
    error = QlikKeysError(
        f"The output cannot be written ({problem.strerror}).",
        hint="Free some space or write to another place. The operation may have succeeded: check before you run "
        "it again.",
        outcome=Outcome.UNKNOWN,
    )
    with contextlib.suppress(OSError):
        tell_json(error_document(error)) if as_json else tell_error(error)
    for stream in (sys.__stdout__, sys.__stderr__):
        abandon(stream)


def tell_interrupted(interrupt: KeyboardInterrupt, *, as_json: bool) -> None:
    """Say on standard error that it was interrupted, and what was done or started before, with its ids."""
    done, advice = noted_effect()
    started = " ".join(getattr(interrupt, "__notes__", ()))
    error = Interrupted(f"Interrupted. {started}" if started else INTERRUPTED, outcome=Outcome.UNKNOWN)
    if done:
        message = f"Interrupted, but the operation was completed: {done}."
        error = Interrupted(message, hint=advice, outcome=Outcome.APPLIED)
    told = f"{error.message} {error.hint}".rstrip()
    tell_json(error_document(error)) if as_json else typer.echo(told, err=True)


def tell_error(problem: QlikKeysError) -> None:
    """Print what happened and what to do, on standard error."""
    told = f"Error: {problem.message}"
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"  # https://no-color.org
    typer.echo(told if plain else typer.style(told, fg=typer.colors.RED), err=True)
    if problem.hint:
        typer.echo(f"What to do: {problem.hint}", err=True)
    trace_id = getattr(problem, "trace_id", "")
    if trace_id:
        typer.echo(f"Trace id for Qlik's support: {trace_id}", err=True)


def tell_json(document: dict[str, object]) -> None:
    """Print an error's document on standard error."""
    typer.echo(json.dumps(document), err=True)


def error_document(problem: QlikKeysError) -> dict[str, object]:
    """Return an error as JSON-ready values; `status` and `title` are the names that qlik-cli gives them."""
    return {
        "error": type(problem).__name__,
        "status": getattr(problem, "status", None),
        "title": getattr(problem, "title", "") or problem.message,
        "message": problem.message,
        "hint": problem.hint,
        "retryable": problem.retryable,
        "outcome": str(problem.outcome),
        "trace_id": getattr(problem, "trace_id", ""),
        **_failures(problem),
    }


def _failures(problem: QlikKeysError) -> dict[str, object]:
    """Return what failed of many items, each with its own error, where it is about many; or a file's mistakes."""
    mistakes = getattr(problem, "problems", None)
    if mistakes is not None:
        return {"problems": [asdict(each) for each in mistakes]}
    failures = getattr(problem, "failures", None)
    if failures is None:
        return {}
    return {
        "failures": [
            {
                **({"tenant": item.tenant} if getattr(item, "tenant", "") else {}),
                "client_id": item.client_id,
                "name": item.name,
                **error_document(item.error),
            }
            for item in failures
        ]
    }
