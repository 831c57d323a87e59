"""Redirects of the tenant's API: followed for reading, on the same origin only, a few times at most."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from qlik_keys.errors import TenantProtocolError
from qlik_keys.tenant.url import host_of, target_on

if TYPE_CHECKING:
    import httpx

    from qlik_keys.tenant.http.calls import Answer, Call
    from qlik_keys.tenant.http.session import Session

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAXIMUM_HOPS = 3


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


def send_following(session: Session, call: Call, auth: httpx.Auth) -> Answer:
    """Send a GET and follow where it leads; the credential never goes to another origin.

    Raises:
        TenantProtocolError: a redirect leads to another origin, to an address with a secret in it, or round and round.
        TenantError: any other failure.
    """
    first = call.path
    call = replace(call, accept=call.accept | REDIRECTS)
    for _ in range(_MAXIMUM_HOPS + 1):
        answer = session.send(call, auth)
        if answer.status not in REDIRECTS:
            return answer
        location = answer.headers.get("location", "")
        target = target_on(session.url, call.path, location)
        if target is None:
            host = session.redactor.server_text(host_of(session.url, call.path, location), public=session.host)
            where = f" ({host})" if host else ""
            first = session.redactor.redact(first)
            del location
            raise TenantProtocolError(
                f"The tenant {session.host} redirects {first} to another origin{where}. The credential was not "
                "sent there.",
                hint="Use the tenant's own host name, not an alias, and check the proxy in between.",
                status=answer.status,
                method="GET",
                path=first,
            )
        refusal = secret_in_address(session, location, path=first)
        if refusal is not None:
            del location, target
            raise refusal
        call = replace(call, path=target[0], query=target[1])
    first = session.redactor.redact(first)
    raise TenantProtocolError(
        f"The tenant {session.host} redirects {first} in a loop.",
        hint="Try again later; if the problem persists, ask Qlik's support.",
        method="GET",
        path=first,
    )
