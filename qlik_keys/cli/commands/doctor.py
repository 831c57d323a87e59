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
    ExaminedClientOption,
    JsonOption,
    QuietOption,
    refuse_empty,
)
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.tenants import ClusterOptions
from qlik_keys.cli.output.errors import error_document, tell_error, tell_json
from qlik_keys.cli.output.results import show, show_value
from qlik_keys.errors import ConfigurationError, QlikKeysError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qlik_keys.config.settings import Settings
    from qlik_keys.diagnosis import Diagnosis
    from qlik_keys.fleet import Fleet, FleetDiagnosis
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

app = new_group()


@app.command(epilog=TENANT_HELP)
@with_options(ClusterOptions)
def doctor(
    tenants: ClusterOptions,
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
    quiet: QuietOption = False,
    as_json: JsonOption = False,
) -> None:
    """Find out why a client cannot log in.

    Each check passed, failed (why, what to do) or could not be made (why). The administrator's credential of the
    environment looks at the client; without one less can be checked. Exit code 3 for a
    finding, 1 for a fix that failed and where the login could not be tried.
    Of several tenants, the client is looked for on each.

    Example: qlik-keys doctor --client nightly-etl
    """
    from qlik_keys import diagnosis

    user = lookup(as_user, as_subject)
    options: dict[str, Any] = {"scopes": scope or (), "user": user}
    fleet = tenants.selected(as_json=as_json)
    if fleet is not None:
        _examine(fleet, client, options, fix=fix, quiet=quiet, as_json=as_json)
        return
    settings = _settings(tenants.context, tenants.server, as_json=as_json)
    with ExitStack() as stack:
        store = stack.enter_context(settings.store())
        if settings.has_credential:
            tenant = stack.enter_context(settings.tenant())
        else:
            tenant = stack.enter_context(anonymous_tenant(settings))
        found = diagnosis.doctor(tenant, store, client, **options)
        fixes = dict.fromkeys(check.fix for check in found.findings if check.fix and fix)
        done = [_fix(name, tenant, store, found.client_id, as_json=as_json) for name in fixes]
        if fixes:
            found = diagnosis.doctor(tenant, store, client, **options)
    findings = [check.finding for check in found.findings]
    _show(found, findings, found.to_dict, quiet=quiet, as_json=as_json)
    _end(findings, is_healthy=found.is_healthy, is_fixed=all(done))


def _examine(fleet: Fleet, client: str, options: dict[str, Any], *, fix: bool, quiet: bool, as_json: bool) -> None:
    """Examine the client on each tenant that has it.

    Raises:
        typer.Exit: as for one tenant; code 1 where no tenant could be asked.
    """
    found = fleet.doctor(client, **options)
    done: list[bool] = []
    for name, diagnosis in found.diagnoses.items() if fix else ():
        fixes = dict.fromkeys(check.fix for check in diagnosis.findings if check.fix)
        if fixes:
            done += _fixed_on(fleet.only([name]), diagnosis.client_id, fixes, as_json=as_json)
    if done:
        found = fleet.doctor(client, **options)
    _show(found, found.findings, found.to_dicts, quiet=quiet, as_json=as_json)
    findings = found.findings if found.diagnoses else ()
    _end(findings, is_healthy=found.is_healthy, is_fixed=all(done))


def _fixed_on(fleet: Fleet, client_id: str, fixes: Iterable[str], *, as_json: bool) -> list[bool]:
    """Do fixes on the one tenant of a fleet, and tell what came of them; return of each whether it was done."""
    from qlik_keys.fleet.overviews import FixClient

    [outcome] = fleet.each(FixClient(client_id=client_id, fixes=(*fixes,)))
    done = [(each, outcome.error) for each in fixes] if outcome.error is not None else outcome.value or []
    return [_told(name, what, of=outcome.tenant, as_json=as_json) for name, what in done]


def _end(findings: Sequence[str], *, is_healthy: bool, is_fixed: bool) -> None:
    """End with the exit code of what was found.

    Raises:
        typer.Exit: there is a finding, a fix failed, or not everything could be looked at.
    """
    if not is_fixed:
        raise typer.Exit(1)
    if findings:
        raise typer.Exit(FINDINGS)
    if not is_healthy:
        raise typer.Exit(1)


def _fix(name: str, tenant: QlikTenant, store: KeyStore, client_id: str, *, as_json: bool) -> bool:
    """Do one fix, and tell on standard error what came of it; return whether it was done."""
    from qlik_keys import diagnosis

    what: str | QlikKeysError
    try:
        what = diagnosis.fix(tenant, store, client_id, name)
    except QlikKeysError as problem:
        what = problem
    return _told(name, what, as_json=as_json)


def _told(name: str, what: str | QlikKeysError, *, as_json: bool, of: str = "") -> bool:
    """Tell on standard error what came of a fix; return whether it was done.

    Args:
        name: the fix.
        what: what was done, or why not.
        as_json: it is told as JSON.
        of: the tenant's name, of several.
    """
    named: dict[str, object] = {"tenant": of} if of else {}
    told = f"{of}: {name}" if of else name
    if isinstance(what, QlikKeysError):
        if as_json:
            tell_json({**named, "fix": name, **error_document(what)})
        else:
            typer.echo(f"{told}: not done.", err=True)
            tell_error(what)
        return False
    if as_json:
        tell_json({**named, "fix": name, "done": what})
    else:
        typer.echo(f"{told}: {what}", err=True)
    return True


def _show(
    found: Diagnosis | FleetDiagnosis,
    findings: Sequence[str],
    document: Callable[[], Any],
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    if quiet:
        show([{"name": each} for each in findings], quiet=True, as_json=as_json)
    else:
        show_value(found, text=found.to_text, document=document, as_json=as_json)


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
