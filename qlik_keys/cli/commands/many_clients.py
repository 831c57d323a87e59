"""What the commands for many clients share: the plan for all, a question, progress, a result per client, a summary."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from qlik_keys.cli.commands.key_results import document_of_result, is_kept, result_text, tell_warnings
from qlik_keys.cli.options.callers import resolved
from qlik_keys.cli.options.common import refuse_unasked
from qlik_keys.cli.options.many import in_options
from qlik_keys.cli.output.new_secrets import show_secret
from qlik_keys.cli.output.progress_bar import ProgressBar
from qlik_keys.cli.output.results import Result, current_notebook, is_terminal
from qlik_keys.cli.output.streams import note_effect
from qlik_keys.cli.output.table import printable
from qlik_keys.errors import FleetError, Interrupted, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from qlik_keys.cli.options.many import TenantsAndTelling
    from qlik_keys.fleet import Fleet, FleetPlan, FleetResult, Selection

_HOW_TO_LOOK = "`qlik-keys clients` shows the state of the clients. No secret was lost."
_HOW_TO_CONTINUE = "run the same command"


def run_many(
    operation: str,
    common: TenantsAndTelling,
    selection: Selection,
    *,
    options: dict[str, Any],
    yes: bool,
    is_serious: bool = False,
    custody: str | None = None,
    made_before: datetime | None = None,
    how_to_continue: str = _HOW_TO_CONTINUE,
    fleet: Fleet | None = None,
) -> None:
    """Show the plan for all clients, ask a person on a terminal, do it, and print what became of each.

    Args:
        operation: which.
        common: where, and how it is told.
        selection: which clients.
        options: the operation's.
        yes: do not ask.
        is_serious: it must be confirmed also where no one can be asked.
        custody: of `--custody`.
        made_before: as for `Fleet.plan`.
        how_to_continue: in words, after an interruption.
        fleet: the tenants, where they were looked up already.

    Raises:
        FleetError: some failed; what was done is printed before.
        Interrupted: the question was answered by no.
        typer.BadParameter: it must be confirmed, and no one can be asked.
    """
    _refuse_selection(operation, selection, options)
    if is_serious and not (yes or common.dry_run):
        refuse_unasked("confirm it for all of these clients: --yes", option="--yes", as_json=common.as_json)
    with _fleet_of(common, fleet, custody) as members:
        plan = members.plan(operation, selection, made_before=made_before, **options)  # type: ignore[arg-type]
        if common.dry_run:
            _show_plan(plan, common)
            return
        try:
            _ask(plan, common, yes=yes, how_to_continue=how_to_continue)
            results, problem = _run(members, plan, common, how_to_continue)
        except KeyboardInterrupt as interrupt:
            if not getattr(interrupt, "__notes__", ()):  # before the first client
                interrupt.add_note(f"0 of {plan.count} clients are done. To continue, {how_to_continue}.")
            raise
    _tell(plan, results, common)
    if problem is not None:
        raise problem


def _refuse_selection(operation: str, selection: Selection, options: dict[str, Any]) -> None:
    """Refuse a selection by which the operation could not be asked for again, in the words of the command line.

    Raises:
        typer.BadParameter: so it is.
    """
    from qlik_keys.errors import ConfigurationError
    from qlik_keys.fleet.many.operations import check_selection, options_for

    chosen = options_for(operation, options)
    try:
        check_selection(operation, selection, chosen)
    except ConfigurationError as problem:
        message = in_options(f"{problem.message} {problem.hint}")
    else:
        return
    raise typer.BadParameter(message)


@contextmanager
def _fleet_of(common: TenantsAndTelling, fleet: Fleet | None, custody: str | None) -> Iterator[Fleet]:
    """Yield the tenants that the options name; one tenant is a fleet of one."""
    fleet = fleet or common.selected(as_json=common.as_json)
    if fleet is not None:
        yield fleet
        return
    from qlik_keys.fleet import Fleet

    settings = resolved(common.context, common.server, custody=custody, as_json=common.as_json)
    with settings.tenant() as tenant, settings.store() as store:
        yield Fleet({tenant.host: (tenant, store)})


def _show_plan(plan: FleetPlan, common: TenantsAndTelling) -> None:
    notebook = current_notebook()
    if notebook is not None:
        notebook.results.append(Result(plan))
        return
    typer.echo(json.dumps(plan.to_dict(), indent=2) if common.as_json else plan.to_text())
    if plan.missing or plan.hooks_not_pending or any(each.error is not None or each.problems for each in plan.tenants):
        raise typer.Exit(1)


def _ask(plan: FleetPlan, common: TenantsAndTelling, *, yes: bool, how_to_continue: str) -> None:
    """Show the plan, and ask a person on a terminal whether to do it.

    Raises:
        Interrupted: it should not be done.
    """
    if current_notebook() is not None:
        return
    if common.as_json:
        _tell_moment(plan, how_to_continue)
        return
    if not common.quiet:
        how = f"\nTo continue after an interruption, {how_to_continue}." if plan.made_before is not None else ""
        typer.echo(plan.to_text() + how, err=True)
    if not plan.count or yes or not is_terminal(sys.stdin):
        return
    clients = "this client" if plan.count == 1 else f"these {plan.count} clients"
    if not typer.confirm(f"{plan.operation.capitalize()} {clients}?", err=True):
        raise Interrupted("Nothing was changed.", outcome=Outcome.NOT_APPLIED)


def _tell_moment(plan: FleetPlan, how_to_continue: str) -> None:
    """Write as JSON on standard error since when keys count as replaced, if a killed run needs it to go on."""
    if plan.made_before is None or not plan.count or "--made-before" not in how_to_continue:
        return
    told = {"operation": plan.operation, "clients": plan.count, "made_before": plan.made_before.isoformat()}
    typer.echo(json.dumps(told | {"to_continue": how_to_continue}), err=True)


def _run(
    fleet: Fleet, plan: FleetPlan, common: TenantsAndTelling, how_to_continue: str
) -> tuple[Sequence[FleetResult], FleetError | None]:
    """Do what the plan says, and show how far it is; return the results, and what lists the failed ones."""
    seen: list[FleetResult] = []
    problems = sum(len(each.problems) + (each.error is not None) for each in plan.tenants)
    total = plan.count + problems + len(plan.missing)
    try:
        with ProgressBar(total, is_silent=common.quiet or common.as_json or not plan.count) as bar:

            def told(result: FleetResult) -> None:
                seen.append(result)
                bar.advance(_line(plan, result), has_failed=result.error is not None)

            return fleet.run(plan, on_client=told), None
    except FleetError as problem:
        if plan.made_before is not None:
            problem.hint = f"Fix the causes. To continue, {how_to_continue}: completed clients are not changed."
        return problem.results, problem
    except KeyboardInterrupt as interrupt:
        done = [each for each in seen if each.error is None]
        interrupt.add_note(f"{len(done)} of {plan.count} clients are done. To continue, {how_to_continue}.")
        if done:
            _tell(plan, done, common)
        note_effect("")  # the note has it
        raise


def _tell(plan: FleetPlan, results: Sequence[FleetResult], common: TenantsAndTelling) -> None:
    """Print what was done, a line a client or as JSON, and a summary on standard error."""
    shown = [each for each in results if each.error is None and each.outcome != "foreign"]
    documents = [_document(plan.operation, each) for each in shown]
    if plan.made_before is not None:
        documents = [{**each, "made_before": plan.made_before.isoformat()} for each in documents]
    changed = [each for each in documents if each["outcome"] != "skipped"]
    if changed:
        note_effect("; ".join(map(_text, changed)), _HOW_TO_LOOK)
    notebook = current_notebook()
    if notebook is not None:
        from qlik_keys.fleet.many.results import FleetResults  # for a notebook alone

        notebook.results.append(Result(FleetResults(results)))
        return
    if common.as_json:
        typer.echo(json.dumps(documents, indent=2))
        return
    for each in shown:
        if each.resumed is not None and each.resumed.client_secret is not None:
            show_secret(each.name, each.client_id, each.resumed.client_secret)
    for document in documents:
        where = f"{document['tenant']}: " if len(plan.tenants) > 1 else ""
        typer.echo(f"{where}{_text(document)}")
    tell_warnings(documents)
    counts = Counter(each.outcome for each in results if each.outcome != "foreign")
    if not results and not plan.count:
        typer.echo(f"There is nothing to {plan.operation}.")
    elif not common.quiet:
        told = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
        since = f"; keys made from {plan.made_before.isoformat()} on count as replaced" if plan.made_before else ""
        typer.echo(f"Summary: {told}{since}." if told else "Summary: nothing was done.", err=True)


def _line(plan: FleetPlan, result: FleetResult) -> str:
    where = f"{result.tenant}: " if result.tenant and len(plan.tenants) > 1 else ""
    who = result.name or result.client_id
    why = f": {result.error.message}" if result.error is not None else ""
    return printable(f"{where}{result.outcome} {who}".rstrip() + why)


def _document(operation: str, result: FleetResult) -> dict[str, Any]:
    """Return a result as JSON-ready values; only a client secret that was made just now is secret."""
    document: dict[str, Any] = {"tenant": result.tenant, "outcome": result.outcome}
    if result.resumed is not None:
        return document | document_of_result("resume", result.resumed)
    if result.result is not None:
        return document | document_of_result(operation, result.result)
    return document | {"operation": operation, "client_id": result.client_id, "name": result.name, "warnings": []}


def _text(document: dict[str, Any]) -> str:
    if document["outcome"] == "skipped" and not is_kept(document):
        name = printable(document["name"]) or "client"
        return f"skipped {name}: client id {document['client_id']}, nothing was to be done"
    return result_text(document)
