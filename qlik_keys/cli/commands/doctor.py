"""`qlik-keys doctor`: why a client cannot log in, check by check, and what to do about it."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.app import FINDINGS, TENANT_HELP, new_group
from qlik_keys.cli.options.callers import anonymous_tenant, lookup, resolved
from qlik_keys.cli.options.common import (
    AsSubjectOption,
    AsUserOption,
    ContextOption,
    ExaminedClientOption,
    JsonOption,
    QuietOption,
    ServerOption,
    refuse_empty,
)
from qlik_keys.cli.output.errors import error_document, tell_error, tell_json
from qlik_keys.cli.output.results import show, show_value
from qlik_keys.errors import ConfigurationError, QlikKeysError

if TYPE_CHECKING:
    from qlik_keys.config.settings import Settings
    from qlik_keys.diagnosis import Diagnosis
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

app = new_group()


@app.command(epilog=TENANT_HELP)
def doctor(
    *,
    client: ExaminedClientOption,
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE", help="A scope that the failed call requested; by default all.", callback=refuse_empty
        ),
    ] = None,
    as_user: AsUserOption = None,
    as_subject: AsSubjectOption = None,
    fix: Annotated[
        bool, typer.Option("--fix", help="Apply the safe fixes, and check again; nothing is removed.")
    ] = False,
    context: ContextOption = None,
    server: ServerOption = None,
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find out why a client cannot log in.

    Each check passed, failed (why, what to do) or could not be made (why). The administrator's credential of the
    environment looks at the client; without one less can be checked. Exit code 3 for a
    finding, 1 for a fix that failed and where the login could not be tried.

    Example: qlik-keys doctor --client nightly-etl
    """
    from qlik_keys import diagnosis

    user = lookup(as_user, as_subject)
    settings = _settings(context, server, as_json=as_json)
    with ExitStack() as stack:
        store = stack.enter_context(settings.store())
        if settings.has_credential:
            tenant = stack.enter_context(settings.tenant())
        else:
            tenant = stack.enter_context(anonymous_tenant(settings))
        options: dict[str, Any] = {"scopes": scope or (), "user": user}
        found = diagnosis.doctor(tenant, store, client, **options)
        fixes = dict.fromkeys(check.fix for check in found.findings if check.fix and fix)
        done = [_fix(name, tenant, store, found.client_id, as_json=as_json) for name in fixes]
        if fixes:
            found = diagnosis.doctor(tenant, store, client, **options)
    _show(found, quiet=quiet, as_json=as_json)
    if not all(done):
        raise typer.Exit(1)
    if found.findings:
        raise typer.Exit(FINDINGS)
    if not found.is_healthy:
        raise typer.Exit(1)


def _fix(name: str, tenant: QlikTenant, store: KeyStore, client_id: str, *, as_json: bool) -> bool:
    """Do one fix, and tell on standard error what came of it; return whether it was done."""
    from qlik_keys import diagnosis

    try:
        words = diagnosis.fix(tenant, store, client_id, name)
    except QlikKeysError as problem:
        if as_json:
            tell_json({"fix": name, **error_document(problem)})
        else:
            typer.echo(f"{name}: not done.", err=True)
            tell_error(problem)
        return False
    if as_json:
        tell_json({"fix": name, "done": words})
    else:
        typer.echo(f"{name}: {words}", err=True)
    return True


def _show(found: Diagnosis, *, quiet: bool, as_json: bool) -> None:
    if quiet:
        show([{"name": check.finding} for check in found.findings], quiet=True, as_json=as_json)
    else:
        show_value(found, text=found.to_text, document=found.to_dict, as_json=as_json)


def _settings(context: str | None, server: str | None, *, as_json: bool) -> Settings:
    """Return the settings; with an administrator's login if there is one that can be used."""
    try:
        return resolved(context, server, as_json=as_json)
    except ConfigurationError as error:
        problem = error
    settings = resolved(context, server, login=False, as_json=as_json)
    if not as_json:
        typer.echo(f"Note: no administrator's credential is used. {problem.message}", err=True)
    return settings
