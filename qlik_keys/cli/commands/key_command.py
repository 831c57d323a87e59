"""What the commands share that make a client or change its keys: connections, the plan or the change, the result."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import tell_step
from qlik_keys.cli.commands.key_results import document_of_result, done_of, is_kept, result_text, tell_results
from qlik_keys.cli.options.callers import resolved
from qlik_keys.cli.options.common import ContextOption, ServerOption  # noqa: TC001  # typer reads them
from qlik_keys.cli.options.many import TenantsAndTelling
from qlik_keys.cli.output.new_secrets import show_secret
from qlik_keys.cli.output.results import Result, current_notebook
from qlik_keys.cli.output.streams import note_effect
from qlik_keys.cli.output.table import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qlik_keys.errors import PartlyFailed
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle import Resumed
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import QlikTenant

_HOW_TO_LOOK = "`qlik-keys clients` shows the state of the client. No secret was lost."


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """Where it is done, whether it is done or only planned, and how it is told: what all of these commands share."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")] = False
    context: ContextOption = None
    server: ServerOption = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the result, the plan or the error as JSON.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the steps.")] = False


class KeyCommand:
    """What the commands share: connections, the client's id, the plan or the change, and how the result is told."""

    def __init__(self, operation: str, common: CommandOptions | TenantsAndTelling, *, custody: str | None) -> None:
        self._operation = operation
        self._custody = custody
        self._common = common
        self._is_of_one = operation not in ("retire", "resume")
        silent = common.quiet or common.as_json
        self._told: dict[str, Any] = {} if silent else {"on_step": self._tell_step}
        self._client_name = ""
        self._seen: list[Resumed] = []

    def saw(self, item: Resumed) -> None:
        """Take note of one of many; people see its new client secret at once, since the process may be killed."""
        self._seen.append(item)
        if item.client_secret is not None and not self._common.as_json and current_notebook() is None:
            show_secret(item.name, item.client_id, item.client_secret)

    def _tell_step(self, event: StepEvent) -> None:
        """Print a step on standard error; of many clients, each one's name above its steps."""
        if not self._is_of_one and event.phase == "before" and event.client_name != self._client_name:
            self._client_name = event.client_name
            typer.echo(f"{printable(event.client_name)}:", err=True)
        tell_step(event, err=True)

    def run(
        self,
        client: str,
        options: dict[str, Any],
        perform: Callable[..., list[Any]],
        *,
        nothing: str = "There was nothing to do.",
    ) -> None:
        """Do it or show its plan, and print the outcome.

        What was done of many is printed before the error that lists what failed.

        Raises:
            QlikKeysError: as the operation does.
        """
        from qlik_keys.errors import PartlyFailed

        with self._sides() as (tenant, store, of_fleet):
            if not options.get("hooks", True):
                options["hooks"] = of_fleet  # what `perform` hands on
            if self._common.dry_run:
                self._show_plan(tenant, store, client, options)
                return
            problem: PartlyFailed[Any] | None = None
            try:
                done = perform(tenant, store, client, **self._told)
            except PartlyFailed as error:
                done, problem = done_of(error), error
            except BaseException:
                self._show_secrets_of_interrupted()
                raise
            results = [document_of_result(self._operation, item) for item in done]
        changed = [each for each in results if not is_kept(each)]
        if changed:
            note_effect("; ".join(map(result_text, changed)), _HOW_TO_LOOK)
        notebook = current_notebook()
        if notebook is not None:
            notebook.results.append(Result(done[0] if self._is_of_one and done else done))
        elif self._common.as_json:
            typer.echo(json.dumps(results, indent=2))
        else:
            tell_results(results, is_of_one=self._is_of_one or bool(client))
        if problem is not None:
            raise problem
        if not results and notebook is None and not self._common.as_json:
            typer.echo(nothing)

    def _show_secrets_of_interrupted(self) -> None:
        """Show a notebook or a program the client secrets that were made: no other run can show them."""
        made = [item for item in self._seen if item.client_secret is not None]
        notebook = current_notebook()
        if made and notebook is not None:
            notebook.results.append(Result(made))
        elif made and self._common.as_json:
            typer.echo(json.dumps([document_of_result(self._operation, item) for item in made], indent=2))

    @contextmanager
    def _sides(self) -> Iterator[tuple[QlikTenant, KeyStore, tuple[Hook, ...]]]:
        """Yield the one tenant, its key store, and the hooks that a fleet file defines for it.

        Raises:
            typer.BadParameter: the options name several tenants.
            ConfigurationError: the tenant cannot be found, or has no login.
        """
        common = self._common
        if isinstance(common, TenantsAndTelling) and (common.all_contexts or common.tenant or common.fleet):
            fleet = common.selected(as_json=common.as_json)
            if fleet is None or len(fleet.names) != 1:
                raise typer.BadParameter("one client is of one tenant: give one --tenant", param_hint="--tenant")
            [name] = fleet.names
            with fleet.connect(name) as (tenant, store):
                yield tenant, store, fleet.hooks.get(name, ())
            return
        settings = resolved(common.context, common.server, custody=self._custody, as_json=common.as_json)
        with settings.tenant() as tenant, settings.store() as store:
            yield tenant, store, ()

    def _show_plan(self, tenant: QlikTenant, store: KeyStore, client_id: str, options: dict[str, Any]) -> None:
        from qlik_keys.lifecycle import preview

        plan = preview(tenant, store, self._operation, client_id, **options)  # type: ignore[arg-type]
        notebook = current_notebook()
        if notebook is not None:
            notebook.results.append(Result(plan))
            return
        typer.echo(json.dumps(plan.to_dict(), indent=2) if self._common.as_json else plan.to_text())
        if plan.blocked:
            raise typer.Exit(1)
