"""Redirects of the tenant's API: followed for reading, on the same origin only, a few times at most."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.errors import TenantProtocolError
from qlik_keys.tenant.url import host_of, target_on

if TYPE_CHECKING:
    import httpx

    from qlik_keys.tenant.calls import Answer, Call
    from qlik_keys.tenant.session import Session

REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAXIMUM_HOPS = 3


def send_following(session: Session, call: Call, auth: httpx.Auth) -> Answer:
    """Send a GET and follow where it leads; the credential never goes to another origin.

    Raises:
        TenantProtocolError: a redirect leads to another origin, or round and round.
        TenantError: any other failure.
    """
    first = call.path
    call = replace(call, accept=call.accept | REDIRECTS)
    for _ in range(_MAXIMUM_HOPS + 1):
        answer = session.send(call, auth)
        if answer.status not in REDIRECTS:
            return answer
        target = target_on(session.url, call.path, answer.headers.get("location", ""))
        if target is None:
            host = session.striker.text(host_of(session.url, call.path, answer.headers.get("location", "")))
            where = f" ({host})" if host else ""
            raise TenantProtocolError(
                f"The tenant {session.host} redirects {first} to another origin{where}; the credential stays here.",
                hint="Use the tenant's own host name, not an alias, and check the proxy in between.",
                status=answer.status,
                method="GET",
                path=first,
            )
        call = replace(call, path=target[0], query=target[1])
    raise TenantProtocolError(
        f"The tenant {session.host} redirects {first} round and round.",
        hint="Ask again later; if it stays so, ask Qlik's support.",
        method="GET",
        path=first,
    )
