"""The commands that change the keys of a client, or of many; each can show its plan first (`--dry-run`).

The steps go to standard error, the result to standard output: a pipe gets the result alone.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.commands.key_command import KeyCommand
from qlik_keys.cli.commands.key_results import document_of_result
from qlik_keys.cli.commands.last_use import ask_about_old_key, ask_about_use, tell_last_use
from qlik_keys.cli.commands.many_clients import run_many
from qlik_keys.cli.options.client_argument import Client, OneOrAll, OneOrMany  # noqa: TC001  # typer reads them
from qlik_keys.cli.options.common import ask_for_id, duration, refuse_unasked
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.hooks import DropHookOption, HooksOption, hooks_of_option
from qlik_keys.cli.options.key_options import (
    OVERLAP_HOURS,
    SERVES_DAYS,
    Alg,
    AllowSwap,
    Bits,
    Custody,
    KeptRotateAfter,
    RotateAfter,
    key_spec,
    overlap_of,
)
from qlik_keys.cli.options.many import (
    FromFile,
    ManyOptions,
    TenantsAndTelling,
    WorkOptions,
    YesOption,
    clients_in,
    moment_of_order,
)
from qlik_keys.cli.output.results import is_terminal

if TYPE_CHECKING:
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

app = new_group()

_HOW_TO_CONFIRM = "repeat the client's id to confirm: --confirm ID"


@app.command(epilog=TENANT_HELP)
@with_options(ManyOptions)
def rotate(
    common: ManyOptions,
    client: OneOrMany = None,
    *,
    due: Annotated[bool, typer.Option("--due", help="All clients whose rotation date has passed.")] = False,
    within: Annotated[
        timedelta | None,
        typer.Option(metavar="DURATION", parser=duration, help="With --due: also those due within this time: 14d, 2w."),
    ] = None,
    older_than: Annotated[
        timedelta | None,
        typer.Option(metavar="DURATION", parser=duration, help="All clients whose key is older than this: 60d."),
    ] = None,
    overlap_hours: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="How long the old key stays valid next to the new one; by default as its fleet file declares it, "
            f"else {OVERLAP_HOURS:g}.",
            show_default=False,
        ),
    ] = None,
    at_once: Annotated[bool, typer.Option("--at-once", help="No overlap: remove the old key now.")] = False,
    yes: YesOption = False,
    alg: Alg = None,
    bits: Bits = None,
    allow_swap: AllowSwap = False,
    rotate_after_days: KeptRotateAfter = None,
    custody: Custody = None,
    hooks: HooksOption = None,
) -> None:
    """Replace a client's key without downtime.

    Both keys log in until the overlap is over. Without a client, the keys of all clients that the options choose.

    Example: qlik-keys rotate nightly-etl --overlap-hours 24
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import RotateOptions

    options = RotateOptions(
        overlap=timedelta(0) if at_once else overlap_of(overlap_hours),
        key=key_spec(alg, bits),
        allow_swap=allow_swap,
        rotate_after=None if rotate_after_days is None else timedelta(days=rotate_after_days),
        custody=custody,  # type: ignore[arg-type]  # one of the two, by `_known_custody`
        hooks=hooks_of_option(hooks, common, is_of_one=client is not None),
    ).arguments
    if client is not None:
        common.refuse_for_one(due, within is not None, older_than is not None)
        work = KeyCommand("rotate", common, custody=custody)
        work.run(
            client,
            options,
            lambda tenant, store, id_, **told: [lifecycle.rotate(tenant, store, id_, **options, **told)],
        )
        return
    if not (due or older_than is not None or common.finding):
        raise typer.BadParameter(
            "name a client, or choose many: --due, --older-than DURATION or --finding CODE", param_hint="CLIENT"
        )
    selection = common.selection(due=due, within=within or timedelta(0), older_than=older_than)
    run_many("rotate", common, selection, options=options, yes=yes, custody=custody)


@app.command(epilog=TENANT_HELP)
@with_options(ManyOptions)
def retire(
    common: ManyOptions,
    client: OneOrAll = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Even if the overlap is not over.")] = False,
    yes: YesOption = False,
    custody: Custody = None,
) -> None:
    """Remove the old keys whose overlap is over.

    A client whose old key stays because hooks are pending is named, with what to do. With --force and a client a person
    on a terminal is asked if that client has logged in lately.

    Example: qlik-keys retire --dry-run
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.options import RetireOptions
    from qlik_keys.lifecycle.rotation.retirement import retire_all

    options = RetireOptions(force=force).arguments
    if client is not None:
        common.refuse_for_one()
    fleet = common.selected(as_json=common.as_json) if client is None else None
    if client is None and (fleet is not None or common.has_filter):
        run_many("retire", common, common.selection(), options=options, yes=yes, custody=custody, fleet=fleet)
        return
    work = KeyCommand("retire", common, custody=custody)
    asks = force and client is not None and not (yes or common.as_json) and is_terminal(sys.stdin)

    def perform(tenant: QlikTenant, store: KeyStore, id_: str, **told: Any) -> list[Any]:
        if not id_:
            work = OperationContext(tenant=tenant, store=store, **told)
            done = retire_all(work, RetireOptions(**options))
            return [each.result for each in done if each.result is not None]
        if asks:
            ask_about_old_key(tenant, store, id_)
        return lifecycle.retire_due(tenant, store, id_, **options, **told)

    work.run(client or "", options, perform, nothing="No old key is due for removal.")


@app.command(epilog=TENANT_HELP)
@with_options(ManyOptions)
def revoke(
    common: ManyOptions,
    client: OneOrMany = None,
    *,
    from_file: FromFile = None,
    made_before: Annotated[
        str | None,
        typer.Option(
            metavar="MOMENT",
            help="Of many: a key made at this moment or later is replaced already. By default when the file was "
            "changed, else now.",
        ),
    ] = None,
    yes: YesOption = False,
    alg: Alg = None,
    bits: Bits = None,
    allow_swap: AllowSwap = False,
    custody: Custody = None,
    hooks: HooksOption = None,
) -> None:
    """Replace a compromised key now, and remove every older one.

    Without a client, of all clients that the options choose; a revocation that was interrupted is finished.

    Example: qlik-keys revoke nightly-etl
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import RevokeOptions

    options = RevokeOptions(
        key=key_spec(alg, bits),
        allow_swap=allow_swap,
        custody=custody,  # type: ignore[arg-type]  # one of the two, by `_known_custody`
        hooks=hooks_of_option(hooks, common, is_of_one=client is not None),
    ).arguments
    if client is not None:
        common.refuse_for_one(from_file, made_before)
        work = KeyCommand("revoke", common, custody=custody)
        work.run(
            client,
            options,
            lambda tenant, store, id_, **told: [lifecycle.revoke(tenant, store, id_, **options, **told)],
        )
        return
    if not (from_file or common.has_filter):
        raise typer.BadParameter(
            "name a client, or choose many: --from-file FILE, --name PATTERN, --scope SCOPE or --finding CODE",
            param_hint="CLIENT",
        )
    selection = common.selection(clients=() if from_file is None else clients_in(from_file))
    moment, how = moment_of_order(from_file, made_before)
    run_many(
        "revoke",
        common,
        selection,
        options=options,
        yes=yes,
        is_serious=True,
        custody=custody,
        made_before=moment,
        how_to_continue=how,
    )


@app.command(epilog=TENANT_HELP)
@with_options(ManyOptions)
def adopt(
    common: ManyOptions,
    client: OneOrMany = None,
    *,
    secret_only: Annotated[
        bool, typer.Option("--secret-only", help="All machines that log in by a client secret and have no key.")
    ] = False,
    remove_secrets: Annotated[
        bool, typer.Option("--remove-secrets", help="Remove the client secrets after the key is verified.")
    ] = False,
    yes: Annotated[
        bool,
        typer.Option(
            "--yes", "-y", help="Do not ask: of many clients, and before secrets go, also if the client is in use."
        ),
    ] = False,
    alg: Alg = None,
    bits: Bits = None,
    rotate_after_days: RotateAfter = SERVES_DAYS,
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
        key=key_spec(alg, bits),
        remove_secrets=remove_secrets,
        rotate_after=timedelta(days=rotate_after_days),
        custody=custody,  # type: ignore[arg-type]  # one of the two, by `_known_custody`
        hooks=hooks_of_option(hooks, common, is_of_one=client is not None),
    ).arguments
    if client is None:
        if not (secret_only or common.finding):
            raise typer.BadParameter(
                "name a client, or choose many: --secret-only or --finding CODE", param_hint="CLIENT"
            )
        selection = common.selection(secret_only=secret_only)
        run_many("adopt", common, selection, options=options, yes=yes, is_serious=remove_secrets, custody=custody)
        return
    common.refuse_for_one(secret_only)
    work = KeyCommand("adopt", common, custody=custody)
    asks = remove_secrets and not (yes or common.as_json) and is_terminal(sys.stdin)

    def perform(tenant: QlikTenant, store: KeyStore, id_: str, **told: Any) -> list[Any]:
        if asks:
            ask_about_use(tenant, store, id_)
        return [lifecycle.adopt(tenant, store, id_, **options, **told)]

    work.run(client, options, perform)


@app.command(epilog=TENANT_HELP)
@with_options(ManyOptions)
def trust(common: ManyOptions, client: OneOrMany = None, *, yes: YesOption = False) -> None:
    """Set a client's consent method to trusted, without which no machine logs in.

    Without a client, of all machines that qlik_keys manages. A client that has other keys too is refused: anyone who
    has one of them could log in.

    Example: qlik-keys trust nightly-etl
    """
    if client is not None:
        common.refuse_for_one()
    selection = common.selection(clients=() if client is None else (client,))
    run_many("trust", common, selection, options={}, yes=yes or client is not None)


@app.command(epilog=TENANT_HELP)
@with_options(TenantsAndTelling)
def delete(
    common: TenantsAndTelling,
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

    work = KeyCommand("delete", common, custody=None)
    work.run(client, options, perform)


@app.command(epilog=TENANT_HELP)
@with_options(WorkOptions)
def resume(
    common: WorkOptions,
    *,
    yes: YesOption = False,
    custody: Custody = None,
    hooks: HooksOption = None,
    drop_hook: DropHookOption = None,
) -> None:
    """Finish every interrupted operation on the tenant.

    It also runs the pending hooks that are defined here (--hooks). Clients that are not trusted are named: run `trust`
    first.

    Example: qlik-keys resume
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import ResumeOptions

    options = ResumeOptions(hooks=hooks_of_option(hooks, common), drop_hooks=drop_hook or ()).arguments
    fleet = common.selected(as_json=common.as_json)
    if fleet is not None:
        from qlik_keys.fleet import Selection

        run_many("resume", common, Selection(), options=options, yes=yes, fleet=fleet)
        return
    work = KeyCommand("resume", common, custody=custody)
    work.run(
        "",
        options,
        lambda tenant, store, _, **told: lifecycle.resume(tenant, store, on_result=work.saw, **options, **told),
        nothing="There was no interrupted operation.",
    )
