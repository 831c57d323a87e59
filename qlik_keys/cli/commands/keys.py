"""The commands that make clients and change their keys; each can show its plan first (`--dry-run`).

The steps go to standard error, the result to standard output: a pipe gets the result alone.
"""

from __future__ import annotations

import functools
import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group, tell_step
from qlik_keys.cli.commands.key_results import document_of_result, done_of, result_text, tell_result
from qlik_keys.cli.commands.last_use import ask_about_old_key, ask_about_use, tell_last_use
from qlik_keys.cli.completion.offers import complete_clients
from qlik_keys.cli.options.callers import resolved
from qlik_keys.cli.options.common import ContextOption, ServerOption, ask_for_id, refuse_empty, refuse_unasked
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.hooks import DropHookOption, HooksOption, hooks_of_option
from qlik_keys.cli.output.results import Result, current_notebook, is_terminal
from qlik_keys.cli.output.streams import note_effect
from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys.spec import DEFAULT_KEY, DEFAULT_OVERLAP, ROTATE_AFTER

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.errors import PartlyFailed
    from qlik_keys.keys import KeySpec
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

app = new_group()

Client = Annotated[
    str,
    typer.Argument(
        metavar="CLIENT",
        help="The client's id or name.",
        autocompletion=complete_clients,
        callback=refuse_empty,
    ),
]


def _known_custody(custody: str | None) -> str | None:
    if custody in (None, "kv", "transit"):
        return custody
    raise typer.BadParameter("choose kv or transit")


Custody = Annotated[
    str | None,
    typer.Option(
        help="Custody of new keys: kv, or transit (Vault signs). QLIK_KEYS_CUSTODY sets the default for first keys.",
        callback=_known_custody,
    ),
]
Alg = Annotated[str | None, typer.Option(help="ES384, RS256 or RS512; by default that of the current key.")]
Bits = Annotated[int | None, typer.Option(help="RSA size, with --alg RS256 or RS512: 2048, 3072 or 4096.")]
AllowSwap = Annotated[
    bool,
    typer.Option("--allow-swap", help="If the tenant accepts only one key, replace it (logins fail for a moment)."),
]
RotateAfter = Annotated[int, typer.Option(min=1, max=3660, help="After how many days the key should be rotated.")]
_OVERLAP_HOURS = DEFAULT_OVERLAP / timedelta(hours=1)
_SERVES_DAYS = ROTATE_AFTER.days


_HOW_TO_CONFIRM = "repeat the client's id to confirm: --confirm ID"
_HOW_TO_LOOK = "`qlik-keys clients` shows the state of the client. No secret was lost."


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """Where it is done, whether it is done or only planned, and how it is told: what all of these commands share."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")] = False
    context: ContextOption = None
    server: ServerOption = None
    as_json: Annotated[bool, typer.Option("--json", help="Print the result, the plan or the error as JSON.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the steps.")] = False


@app.command(epilog=TENANT_HELP)
@with_options(CommandOptions)
def provision(
    common: CommandOptions,
    name: Annotated[str, typer.Argument(help="The client's name.", callback=refuse_empty)],
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="A scope; can be repeated.", callback=refuse_empty),
    ] = None,
    alg: Annotated[str, typer.Option(help="ES384, RS256 or RS512.")] = DEFAULT_KEY.alg,
    bits: Bits = None,
    description: Annotated[str, typer.Option(help="Shown in Qlik's console.")] = "",
    impersonation: Annotated[bool, typer.Option("--impersonation", help="Also allow user impersonation.")] = False,
    rotate_after_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3660,
            help=f"After how many days the key should be rotated; {_SERVES_DAYS} for a new client.",
        ),
    ] = None,
    custody: Custody = None,
) -> None:
    """Create a machine-to-machine client whose private key is in Vault.

    Called again, it finishes the same client, or returns it.

    Example: qlik-keys provision nightly-etl --scope user_default
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import ProvisionOptions

    options = ProvisionOptions(
        name=name,
        scopes=scope or ["user_default"],
        key=_key_spec(alg, bits),
        description=description,
        impersonation=impersonation,
        rotate_after=None if rotate_after_days is None else timedelta(days=rotate_after_days),
    ).arguments
    work = _Command("provision", common, custody=custody)
    work.run("", options, lambda tenant, store, _, **told: [lifecycle.provision(tenant, store, **options, **told)])


@app.command(epilog=TENANT_HELP)
@with_options(CommandOptions)
def rotate(
    common: CommandOptions,
    client: Client,
    *,
    overlap_hours: Annotated[
        float, typer.Option(min=0, help="How long the old key stays valid next to the new one.")
    ] = _OVERLAP_HOURS,
    at_once: Annotated[bool, typer.Option("--at-once", help="No overlap: remove the old key now.")] = False,
    alg: Alg = None,
    bits: Bits = None,
    allow_swap: AllowSwap = False,
    rotate_after_days: RotateAfter = _SERVES_DAYS,
    custody: Custody = None,
    hooks: HooksOption = None,
) -> None:
    """Replace a client's key without downtime.

    Both keys log in until the overlap is over.

    Example: qlik-keys rotate nightly-etl --overlap-hours 24
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import RotateOptions

    options = RotateOptions(
        overlap=timedelta(0) if at_once else _overlap(overlap_hours),
        key=_key_spec(alg, bits),
        allow_swap=allow_swap,
        rotate_after=timedelta(days=rotate_after_days),
        custody=custody,  # type: ignore[arg-type]  # one of the two, by `_known_custody`
        hooks=hooks_of_option(hooks),
    ).arguments
    work = _Command("rotate", common, custody=custody)
    work.run(
        client, options, lambda tenant, store, id_, **told: [lifecycle.rotate(tenant, store, id_, **options, **told)]
    )


@app.command(epilog=TENANT_HELP)
@with_options(CommandOptions)
def retire(
    common: CommandOptions,
    client: Annotated[
        str | None,
        typer.Argument(
            metavar="[CLIENT]",
            help="A client's id or name; by default all clients.",
            autocompletion=complete_clients,
            callback=refuse_empty,
        ),
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Even if the overlap is not over.")] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="With --force, do not ask, also if the client is in use.")
    ] = False,
    custody: Custody = None,
) -> None:
    """Remove the old keys whose overlap is over.

    With --force and a client a person on a terminal is asked if that client has logged in lately.

    Example: qlik-keys retire --dry-run
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import RetireOptions

    options = RetireOptions(force=force).arguments
    work = _Command("retire", common, custody=custody)
    asks = force and client is not None and not (yes or common.as_json) and is_terminal(sys.stdin)

    def perform(tenant: QlikTenant, store: KeyStore, id_: str, **told: Any) -> list[Any]:
        if asks:
            ask_about_old_key(tenant, store, id_)
        return lifecycle.retire_due(tenant, store, id_ or None, **options, **told)

    work.run(client or "", options, perform, nothing="No old key is due for removal.")


@app.command(epilog=TENANT_HELP)
@with_options(CommandOptions)
def revoke(
    common: CommandOptions,
    client: Client,
    *,
    alg: Alg = None,
    bits: Bits = None,
    allow_swap: AllowSwap = False,
    custody: Custody = None,
    hooks: HooksOption = None,
) -> None:
    """Replace a compromised key now, and remove every older one.

    Example: qlik-keys revoke nightly-etl
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import RevokeOptions

    options = RevokeOptions(
        key=_key_spec(alg, bits),
        allow_swap=allow_swap,
        custody=custody,  # type: ignore[arg-type]  # one of the two, by `_known_custody`
        hooks=hooks_of_option(hooks),
    ).arguments
    work = _Command("revoke", common, custody=custody)
    work.run(
        client, options, lambda tenant, store, id_, **told: [lifecycle.revoke(tenant, store, id_, **options, **told)]
    )


@app.command(epilog=TENANT_HELP)
@with_options(CommandOptions)
def adopt(
    common: CommandOptions,
    client: Client,
    *,
    remove_secrets: Annotated[
        bool, typer.Option("--remove-secrets", help="Remove the client secrets after the key is verified.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Remove the secrets without asking, also if the client is in use.")
    ] = False,
    alg: Alg = None,
    bits: Bits = None,
    rotate_after_days: RotateAfter = _SERVES_DAYS,
    custody: Custody = None,
    hooks: HooksOption = None,
) -> None:
    """Give a client that another program created a key that qlik_keys manages.

    With --remove-secrets a person on a terminal is asked if the client has logged in lately.

    Example: qlik-keys adopt 0123456789abcdef0123456789abcdef --remove-secrets
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import AdoptOptions

    options = AdoptOptions(
        key=_key_spec(alg, bits),
        remove_secrets=remove_secrets,
        rotate_after=timedelta(days=rotate_after_days),
        custody=custody,  # type: ignore[arg-type]  # one of the two, by `_known_custody`
        hooks=hooks_of_option(hooks),
    ).arguments
    work = _Command("adopt", common, custody=custody)
    asks = remove_secrets and not (yes or common.as_json) and is_terminal(sys.stdin)

    def perform(tenant: QlikTenant, store: KeyStore, id_: str, **told: Any) -> list[Any]:
        if asks:
            ask_about_use(tenant, store, id_)
        return [lifecycle.adopt(tenant, store, id_, **options, **told)]

    work.run(client, options, perform)


@app.command(epilog=TENANT_HELP)
@with_options(CommandOptions)
def delete(
    common: CommandOptions,
    client: Client,
    *,
    confirm: Annotated[str | None, typer.Option(help="The client's id, to confirm.")] = None,
    keep_secret: Annotated[bool, typer.Option("--keep-secret", help="Keep its keys in Vault.")] = False,
    remove_bot: Annotated[
        bool, typer.Option("--remove-bot", help="Also delete its bot user, which otherwise stays on the tenant.")
    ] = False,
) -> None:
    """Delete a client permanently, end its access tokens, and destroy its keys in Vault.

    This cannot be undone. The client's bot user stays, unless --remove-bot is given.

    Example: qlik-keys delete nightly-etl
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import DeleteOptions

    asks = confirm is None and not common.dry_run
    if asks:
        refuse_unasked(_HOW_TO_CONFIRM, option="--confirm", as_json=common.as_json)
    options = DeleteOptions(confirm=confirm or "", keep_secret=keep_secret, remove_bot=remove_bot).arguments

    def perform(tenant: QlikTenant, store: KeyStore, id_: str, **told: Any) -> list[Any]:
        if asks:
            tell_last_use(tenant, store, id_)
            options["confirm"] = ask_for_id(_HOW_TO_CONFIRM, option="--confirm", as_json=common.as_json)
        deleted = lifecycle.delete(tenant, store, id_, **options, **told)
        return [{**document_of_result("delete", deleted), "keys_kept": keep_secret}]

    work = _Command("delete", common, custody=None)
    work.run(client, options, perform)


@app.command(epilog=TENANT_HELP)
@with_options(CommandOptions)
def resume(
    common: CommandOptions,
    *,
    custody: Custody = None,
    hooks: HooksOption = None,
    drop_hook: DropHookOption = None,
) -> None:
    """Finish every interrupted operation on the tenant.

    It also runs the pending hooks that are defined here (--hooks).

    Example: qlik-keys resume
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import ResumeOptions

    options = ResumeOptions(hooks=hooks_of_option(hooks), drop_hooks=drop_hook or ()).arguments
    work = _Command("resume", common, custody=custody)
    work.run(
        "",
        options,
        lambda tenant, store, _, **told: lifecycle.resume(tenant, store, **options, **told),
        nothing="There was no interrupted operation.",
    )


class _Command:
    """What the commands share: connections, the client's id, the plan or the change, and how the result is told."""

    def __init__(self, operation: str, common: CommandOptions, *, custody: str | None) -> None:
        self._operation = operation
        self._custody = custody
        self._common = common
        self._is_of_one = operation not in ("retire", "resume")
        silent = common.quiet or common.as_json
        self._told: dict[str, Any] = {} if silent else {"on_step": functools.partial(tell_step, err=True)}

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

        settings = resolved(
            self._common.context, self._common.server, custody=self._custody, as_json=self._common.as_json
        )
        with settings.tenant() as tenant, settings.store() as store:
            if self._common.dry_run:
                self._show_plan(tenant, store, client, options)
                return
            problem: PartlyFailed[Any] | None = None
            try:
                done = perform(tenant, store, client, **self._told)
            except PartlyFailed as error:
                done, problem = done_of(error), error
            results = [document_of_result(self._operation, item) for item in done]
        if results:
            note_effect("; ".join(map(result_text, results)), _HOW_TO_LOOK)
        notebook = current_notebook()
        if notebook is not None:
            notebook.results.append(Result(done[0] if self._is_of_one and done else done))
        elif self._common.as_json:
            typer.echo(json.dumps(results, indent=2))
        else:
            for result in results:
                tell_result(result)
        if problem is not None:
            raise problem
        if not results and notebook is None and not self._common.as_json:
            typer.echo(nothing)

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


def _overlap(hours: float) -> timedelta:
    """Return the overlap.

    Raises:
        typer.BadParameter: the hours are no span of time.
    """
    try:
        return timedelta(hours=hours)
    except (OverflowError, ValueError):
        raise typer.BadParameter("that is not a number of hours.", param_hint="--overlap-hours") from None


def _key_spec(alg: str | None, bits: int | None) -> KeySpec | None:
    """Return the kind of key that is requested, None for the kind that there is.

    Raises:
        typer.BadParameter: there is no such kind.
    """
    from qlik_keys.keys import KeySpec

    if alg is None and bits is None:
        return None
    if alg is None:  # the current key may be of another algorithm, which only a choice may change
        raise typer.BadParameter("it is the size of an RSA key: add --alg RS256 or --alg RS512.", param_hint="--bits")
    try:
        return KeySpec(alg, bits=bits)  # type: ignore[arg-type]  # it refuses what it does not know
    except KeyMaterialError as problem:
        message = f"{problem.message} {problem.hint}"
    raise typer.BadParameter(message, param_hint="--alg/--bits")
