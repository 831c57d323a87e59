"""What came of a fleet file that was applied: results, and new client secrets, each shown once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import typer

from qlik_keys.cli.output.new_secrets import show_secret
from qlik_keys.cli.output.results import Result, current_notebook
from qlik_keys.cli.output.table import printable

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from qlik_keys.fleet.manifest.applying.results import AppliedChange


def hand_over(value: Any) -> bool:
    """Give a notebook a value; return whether there is one."""
    notebook = current_notebook()
    if notebook is not None:
        notebook.results.append(Result(value))
    return notebook is not None


def show_results(results: Sequence[AppliedChange], *, as_json: bool, shown: Collection[str] = ()) -> None:
    """Show what was done, with the new client secrets of those that are not shown by now."""
    if hand_over([*results]):
        return
    if as_json:
        typer.echo(json.dumps([_document(each) for each in results], indent=2))
        return
    for each in results:
        for warning in each.warnings:
            typer.echo(f"Note: {printable(f'{each.name}: {warning}')}", err=True)
        if each.client_secret is not None and each.client_id not in shown:
            show_secret(each.name, each.client_id, each.client_secret)
    outcomes = [each.outcome for each in results]
    counts = ", ".join(f"{outcomes.count(one)} {word}" for one, word in _WORDS.items() if one in outcomes)
    typer.echo(f"Changes: {counts}." if counts else "Everything is as declared.")


_WORDS = {
    "done": "made",
    "failed": "failed",
    "skipped": "not tried",
    "left": "left (see --adopt and --prune, or what the plan says)",
}


def _document(change: AppliedChange) -> dict[str, Any]:
    secret = change.client_secret
    return change.to_dict() | ({} if secret is None else {"client_secret": secret.reveal()})
