"""What the probe measures without a client: it reads, and asks what will be refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from qlik_keys.core.secret import Secret
from qlik_keys.diagnosis.probe.asking import FORBIDDEN, OK, ask, document_of, log_in, next_address, rows_of
from qlik_keys.diagnosis.probe.results import Observation
from qlik_keys.errors import TenantProtocolError
from qlik_keys.tenant import Anonymous
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.diagnosis.probe.run import ProbeRun
    from qlik_keys.tenant import Exchange

CLIENTS = "v1/oauth-clients"
NO_CLIENT = "0" * 32
_BAD_REQUEST = 400
_REDIRECTS = range(300, 400)
_LARGEST_PAGE = 100


def look_at_users_me(run: ProbeRun) -> Observation:
    """See who the caller is, and where `users/me` leads."""
    seen: list[Exchange] = []
    unsubscribe = run.tenant.subscribe(seen.append)
    try:
        user = run.tenant.users.me()
    except TenantProtocolError:
        if not seen or seen[-1].status not in _REDIRECTS:
            raise  # no tenant's answer, for example a single sign-on page: there is nothing to measure
        return Observation(name="users-me", seen="redirects to another host")
    finally:
        unsubscribe()
    for name, by in ((user.name, "caller"), (user.subject, "caller"), (user.email, "caller"), (user.id, "user")):
        run.anonymizer.replace(name, by)
    run.anonymizer.replace(user.tenant_id, "tenant")
    if len(seen) == 1:
        return Observation(name="users-me", seen="answers itself, without a redirect")
    is_own = seen[-1].path == f"/api/v1/users/{user.id}"
    where = "the user's own address on the same host" if is_own else "another address on the same host"
    return Observation(name="users-me", seen=f"redirects to {where}", details={"status": seen[0].status})


def look_at_host_names(run: ProbeRun) -> Observation:
    """See which host names the tenant has."""
    answer = ask(run.tenant, "get", "v1/tenants/me")
    document = document_of(answer)
    told = document.get("hostnames")
    names = [name.lower() for name in told if isinstance(name, str)] if isinstance(told, list) else []
    run.host_names = tuple(names)
    for number, name in enumerate(names, 1):
        run.anonymizer.replace(name, f"host {number}")
    run.anonymizer.replace(str(document.get("name") or ""), "tenant's name")
    if answer.status != OK or not names:
        return Observation(name="host-names", seen=f"not told (status {answer.status})", is_measured=False)
    place = names.index(run.tenant.host) + 1 if run.tenant.host in names else 0
    which = f"number {place} is in use" if place else "the one in use is none of them"
    return Observation(name="host-names", seen=f"{len(names)} in all, {which}")


def look_at_page_length(run: ProbeRun) -> Observation:
    """See how long a page of clients may be."""
    too_many = ask(run.tenant, "get", CLIENTS, query={"limit": str(_LARGEST_PAGE + 1)})
    full = ask(run.tenant, "get", CLIENTS, query={"limit": str(_LARGEST_PAGE)})
    if full.status != OK:
        return Observation(name="page-length", seen=f"refused with {full.status}", is_measured=False)
    rows, has_more = len(rows_of(full)), bool(next_address(full))
    if has_more and rows < _LARGEST_PAGE:
        return Observation(name="page-length", seen=f"{rows} at most")
    if too_many.status >= _BAD_REQUEST:
        return Observation(name="page-length", seen=f"{_LARGEST_PAGE} at most")
    return Observation(name="page-length", seen=f"more than {_LARGEST_PAGE} may be asked for")


def look_at_next_page(run: ProbeRun) -> Observation:
    """See what names the next page."""
    answer = ask(run.tenant, "get", CLIENTS, query={"limit": "1"})
    address = next_address(answer)
    if not address:
        why = "no list of this tenant has a second page" if answer.status == OK else f"refused with {answer.status}"
        return Observation(name="next-page", seen=why, is_measured=False)
    try:
        parts = urlsplit(address)
    except ValueError:
        return Observation(name="next-page", seen="no address")
    kind = "a whole address" if parts.scheme else "a path" if parts.path else "a cursor alone"
    names = [name for name, _ in parse_qsl(parts.query) if name not in ("limit", "filter", "sort")]
    return Observation(name="next-page", seen=run.anonymizer.text(f"{kind} with the parameter {', '.join(names)}"))


def look_at_token_list(run: ProbeRun) -> Observation:
    """See what this caller sees of `oauth-tokens`."""
    return _listed(run, "token-list", "v1/oauth-tokens", lambda rows: {"members of a row": sorted({*rows[0]})})


def look_at_events(run: ProbeRun) -> Observation:
    """See what this caller sees of the tenant's events."""

    def kinds(rows: list[dict[str, Any]]) -> dict[str, Any]:
        return {"event types": sorted({str(row.get("eventType", "")) for row in rows})}

    return _listed(run, "events", "v1/audits", kinds)


def look_at_refusals(run: ProbeRun) -> dict[str, Any]:
    """Return the literal bodies of refusals that need no client."""
    tenant = run.tenant
    unknown_secret = Secret("not-a-secret", what="client secret")
    malformed = Secret("e30.e30.e30", what="assertion")
    calls: dict[str, Callable[[], Any]] = {
        "no credential": lambda: ask(tenant.with_credential(Anonymous()), "get", "v1/users/me"),
        "no such client": lambda: ask(tenant, "get", f"{CLIENTS}/{NO_CLIENT}"),
        "no such path": lambda: ask(tenant, "get", "v1/qlik-keys-probe"),
        "a filter that is none": lambda: ask(tenant, "get", CLIENTS, query={"filter": "clientName ~ 1"}),
        "a page of 0": lambda: ask(tenant, "get", CLIENTS, query={"limit": "0"}),
        "a token for no such client": lambda: log_in(tenant, NO_CLIENT, secret=unknown_secret),
        "an assertion of no such client": lambda: log_in(tenant, NO_CLIENT, assertion=malformed),
        "an unknown type of assertion": lambda: log_in(
            tenant, NO_CLIENT, assertion=malformed, assertion_type=CLIENT_CREDENTIALS
        ),
    }
    return {what: run.refusal(call) for what, call in calls.items()}


def _listed(
    run: ProbeRun, name: str, path: str, details: Callable[[list[dict[str, Any]]], dict[str, Any]]
) -> Observation:
    answer = ask(run.tenant, "get", path, query={"limit": "20"})
    if answer.status != OK:
        why = "this caller may not see it" if answer.status == FORBIDDEN else f"refused with {answer.status}"
        return Observation(name=name, seen=why)
    rows = rows_of(answer)
    return Observation(name=name, seen="a list", details=run.anonymizer.document(details(rows)) if rows else None)
