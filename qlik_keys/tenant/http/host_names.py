"""The host names of a tenant (qlik-cloud-contract, "Host names"), and the addresses that lead to one of them.

`tenants/me` tells all of them to anyone who is logged in. The metadata of the token endpoint tell one, without a
credential. Both are asked only where a name is needed, and once per conversation. A name counts only where it may be
one of the same tenant (`tenant.url.may_be_same_tenant`): no server can name another tenant and get what is that one's.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from qlik_keys.errors import TenantError, TenantProtocolError
from qlik_keys.tenant.http.calls import Call, HostNames
from qlik_keys.tenant.url import host_of, may_be_same_tenant, target_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import httpx

    from qlik_keys.tenant.http.calls import Answer
    from qlik_keys.tenant.http.session import Session
    from qlik_keys.tenant.url import QueryFields

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_TENANT_PATH = "/api/v1/tenants/me"
METADATA_PATH = "/.well-known/oauth-authorization-server"


def secret_in_address(session: Session, address: str, *, path: str) -> TenantProtocolError | None:
    """Return the refusal of an address that the tenant named, None without a secret in it: addresses are logged.

    Delete the address before you raise it: a traceback may show each variable.

    Args:
        session: knows the secrets that were sent.
        address: as the tenant wrote it.
        path: of the request that was answered with it.
    """
    if not (session.redactor.finds(address) or session.redactor.finds(unquote(address))):
        return None
    path = session.redactor.redact(path)
    return TenantProtocolError(
        f"The tenant {session.host} answers GET {path} with a URL that contains a secret. No request was sent to it.",
        hint="Check the proxy in between; a tenant never does this.",
        method="GET",
        path=path,
    )


def host_names(session: Session, auth: httpx.Auth | None) -> tuple[str, ...]:
    """Return the tenant's host names, the display name first; the own one alone where no more is told.

    Args:
        session: the tenant.
        auth: the credential; None asks for the metadata alone.

    Raises:
        TenantError: the tenant cannot answer at the moment (`retryable`).
    """
    if auth is not None and session.names.source != "tenant":
        found = _told(lambda: _hostnames(_of_tenant(session, auth)))
        if found:
            session.names = HostNames(_believed(session, found), "tenant")
        elif not session.names.source:
            session.names = HostNames(_believed(session, _told(lambda: _of_metadata(session))), "tenant")
    elif not session.names.source:
        session.names = HostNames(_believed(session, _told(lambda: _of_metadata(session))), "metadata")
    return session.names.all


def own_target(session: Session, auth: httpx.Auth | None, path: str, address: str) -> tuple[str, QueryFields] | None:
    """Return path and query of an address on the tenant's own origin or on another of its host names, else None.

    Args:
        session: the tenant, which is asked for its names only where the address is on another host.
        auth: the credential.
        path: the path of the request that was answered.
        address: absolute or relative, as the tenant wrote it.
    """
    target = target_on(session.url, path, address)
    host = host_of(session.url, path, address)
    if target is not None or host == session.host or not may_be_same_tenant(session.url, host):
        return target
    names: tuple[str, ...] = ()
    with contextlib.suppress(TenantError):  # then only the own name is known
        names = host_names(session, auth)
    return target_on(session.url, path, address, names=names)


def _told(ask: Callable[[], Iterable[str]]) -> list[str]:
    """Return what is told, nothing where the tenant does not tell; where it may tell later, its error is raised."""
    try:
        return list(ask())
    except TenantError as error:
        if error.retryable:
            raise
    return []


def _believed(session: Session, told: Iterable[str]) -> tuple[str, ...]:
    names = dict.fromkeys(name for name in told if may_be_same_tenant(session.url, name))
    return (*names, session.host) if session.host not in names else tuple(names)


def _of_tenant(session: Session, auth: httpx.Auth) -> Answer:
    """Ask `tenants/me`; a redirect is followed on the own host, whatever name of the tenant it has."""
    call = Call(method="GET", path=_TENANT_PATH, tier=1, again="always", accept=REDIRECTS)
    answer = session.send(call, auth)
    location = answer.headers.get("location", "")
    if answer.status not in REDIRECTS:
        return answer
    target = target_on(session.url, _TENANT_PATH, location, names=[host_of(session.url, _TENANT_PATH, location)])
    host = host_of(session.url, _TENANT_PATH, location)
    refusal = secret_in_address(session, location, path=_TENANT_PATH)
    del location
    if refusal is None and (target is None or not (host == session.host or may_be_same_tenant(session.url, host))):
        refusal = TenantProtocolError("The tenant redirects the question for its host names to another origin.")
    if refusal is not None:
        del target
        raise refusal
    assert target is not None
    return session.send(Call(method="GET", path=target[0], query=target[1], tier=1, again="always"), auth)


def _hostnames(answer: Answer) -> list[str]:
    try:
        document = json.loads(answer.content)
    except (ValueError, RecursionError):
        return []
    names = document.get("hostnames") if isinstance(document, dict) else None
    return [name.lower() for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _of_metadata(session: Session) -> list[str]:
    answer = session.send(Call(method="GET", path=METADATA_PATH, tier=1, again="always"), None)
    try:
        document = json.loads(answer.content)
        address = document.get("token_endpoint") if isinstance(document, dict) else None
        return [urlsplit(address).netloc.lower()] if isinstance(address, str) else []
    except (ValueError, RecursionError):
        return []
