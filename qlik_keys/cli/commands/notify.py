"""Telling people of findings: `notify`."""

from __future__ import annotations

import os
from pathlib import Path  # noqa: TC003  # typer reads it
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.options.callers import resolved
from qlik_keys.cli.options.common import JsonOption  # noqa: TC001
from qlik_keys.cli.options.findings import (
    DueWithinOption,  # noqa: TC001
    OnlyOption,  # noqa: TC001
    SeverityOption,  # noqa: TC001
)
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.inputs import text_in
from qlik_keys.cli.options.tenants import TenantsOptions
from qlik_keys.cli.output.results import show_value
from qlik_keys.cli.output.table import printable
from qlik_keys.errors import ConfigurationError, NotificationFailed

if TYPE_CHECKING:
    from qlik_keys.core.secret import Secret
    from qlik_keys.fleet.notifications import Delivery, Notified

app = new_group()
VARIABLE = "QLIK_KEYS_NOTIFY"
_MOST_BYTES = 65_536


@app.command(epilog=TENANT_HELP, context_settings={"allow_extra_args": True})
@with_options(TenantsOptions)
def notify(
    tenants: TenantsOptions,
    called: typer.Context,
    *,
    from_file: Annotated[
        Path | None,
        typer.Option(
            "--from-file", metavar="FILE", help=f"A file with the URLs, one a line, instead of {VARIABLE}; - for stdin."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the messages; send and remember nothing.")] = False,
    only: OnlyOption = None,
    severity: SeverityOption = None,
    due_within: DueWithinOption = None,
    usage: Annotated[
        bool, typer.Option("--usage", help="Also look for clients that are not used, as `audit` does.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Send new findings of an audit, and those that are gone, to webhooks, chats or mail.

    Each finding is sent once, and again when it changes. Of several tenants, one message has the findings of all.

    The destinations are URLs of apprise (https://appriseit.com/services/). They are secrets: set them in
    QLIK_KEYS_NOTIFY, separated by blanks, or write them in a file. What was told is remembered in the Vault.

    Example: qlik-keys notify --severity high --from-file /run/secrets/notify
    """
    if called.args:  # not repeated: a URL is a secret
        raise typer.BadParameter(
            f"a URL is a secret, and other users of this machine see the arguments of a command: set {VARIABLE} or use "
            "--from-file",
            param_hint="notify",
        )
    from qlik_keys.fleet.notifications import notify as send
    from qlik_keys.fleet.notifications import notify_fleet as send_fleet
    from qlik_keys.fleet.notifications.destinations import destinations_of as refuse_urls

    urls = _urls(from_file)
    chosen: dict[str, Any] = {"only": only or (), "severity": severity, "dry_run": dry_run}
    looked_for: dict[str, Any] = {"usage": usage, "due_within": due_within}
    fleet = tenants.selected(as_json=as_json)
    if fleet is None:
        settings = resolved(tenants.context, tenants.server, as_json=as_json)
        with settings.tenant() as tenant, settings.store() as store:
            done = send(tenant, store, urls, **chosen, **looked_for)
    else:
        destinations = [*urls]
        refuse_urls(destinations)  # before the tenants are asked
        found = fleet.audit(**looked_for)
        done = send_fleet(found, fleet, destinations, **chosen)
    for name, host in {} if as_json else done.elsewhere.items():
        typer.echo(
            f"Note: The Vault of {printable(name)} cannot be used to remember what was told about it: "
            f"that of {printable(host)} does, so it is not told again.",
            err=True,
        )
    show_value(done, text=lambda: _as_text(done, dry_run=dry_run), document=lambda: _document(done), as_json=as_json)
    raise_failures(done)


def raise_failures(done: Notified) -> None:
    """Raise what failed, if anything did.

    Raises:
        NotificationFailed: a destination was not reached, or a store did not take what was told.
    """
    failed = [f"{_name(each)}: {each.reason}" for each in done.failures]
    if failed:
        raise NotificationFailed(
            f"{len(failed)} of {len(done.deliveries)} notifications could not be sent ({'; '.join(failed)}).",
            hint="Check that URL, and run the command again: what was not sent is sent then.",
            retryable=True,
        )
    for tenant, problem in done.forgetful.items():
        raise NotificationFailed(
            f"What was told about {tenant} could not be remembered: {problem.message}",
            hint=f"It will be sent again. {problem.hint}".rstrip(),
            retryable=problem.retryable,
            outcome=problem.outcome,
        )


def _urls(from_file: Path | None) -> list[Secret]:
    """Return the URLs of the file, else of the variable.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    from qlik_keys.core.secret import Secret
    from qlik_keys.fleet.notifications.destinations import texts_of

    text, reason = (os.environ.get(VARIABLE, ""), "") if from_file is None else text_in(from_file, _MOST_BYTES)
    if reason:
        raise ConfigurationError(
            f"The file of --from-file cannot be read: {reason}.",
            hint="It must be a UTF-8 file that this process can read.",
        )
    return [Secret(each, what="notification URL", any_text=True) for each in texts_of(text)]


def _name(delivery: Delivery) -> str:
    return f"{delivery.service} (URL {delivery.destination})"


def _as_text(done: Notified, *, dry_run: bool) -> str:
    parts = []
    for each in done.deliveries:
        numbers = f"{each.new} new, {each.changed} changed, {each.gone} gone"
        if each.message is None:
            parts.append(f"{_name(each)}: nothing new, nothing sent.")
        elif dry_run:
            parts.append(f"{_name(each)}: {numbers}; would be sent:\n\n{each.message.title}\n{each.message.body}\n")
        else:
            parts.append(f"{_name(each)}: {numbers}; {'sent' if each.sent else 'not sent'}.")
    return "\n".join(parts)


def _document(done: Notified) -> list[dict[str, Any]]:
    return [
        {
            "destination": each.destination,
            "service": each.service,
            "new": each.new,
            "changed": each.changed,
            "gone": each.gone,
            "sent": each.sent,
            "reason": each.reason,
            "title": each.message.title if each.message else None,
            "body": each.message.body if each.message else None,
        }
        for each in done.deliveries
    ]
