"""Redirects of the tenant's API: followed for reading, within the tenant's own host names, a few times at most.

What a redirect to another of these names asks for is asked by the name that is in use: the credential goes to no host
that the user did not give. A call that is not followed is refused, with where it leads.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.errors import Outcome, TenantProtocolError
from qlik_keys.tenant.http.host_names import REDIRECTS, own_target, secret_in_address
from qlik_keys.tenant.url import host_of, windows_server

if TYPE_CHECKING:
    import httpx

    from qlik_keys.tenant.http.calls import Answer, Call
    from qlik_keys.tenant.http.session import Session

_MAXIMUM_HOPS = 3


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
        other = _other_server(session, "GET", session.redactor.redact(first), answer)
        if other is not None:
            raise other
        location = answer.headers.get("location", "")
        target = own_target(session, auth, call.path, location)
        if target is None:
            host = session.redactor.server_text(host_of(session.url, call.path, location), public=session.host)
            where = f" ({host})" if host else ""
            first = session.redactor.redact(first)
            del location
            raise TenantProtocolError(
                f"The tenant {session.host} redirects {first} to another origin{where}. The credential was not "
                "sent there.",
                hint="Check the proxy in between: that host is none of this tenant's host names.",
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


def refused_redirect(session: Session, call: Call, answer: Answer) -> TenantProtocolError:
    """Return the error for a redirect that is not followed.

    Args:
        session: the conversation.
        call: what was asked.
        answer: the redirect.
    """
    shown = session.redactor.redact(call.path)
    other = _other_server(session, call.method, shown, answer)
    if other is not None:
        return other
    host = host_of(session.url, call.path, answer.headers.get("location", ""))
    host = session.redactor.server_text(host, public=session.host)
    where = f" to {host}" if host else ""
    return TenantProtocolError(
        f"The tenant {session.host} redirects {call.method} {shown}{where}, which the API contract does not describe.",
        hint="Use the address to which the tenant redirects a browser, or check the proxy in between.",
        outcome=Outcome.UNKNOWN if call.method != "GET" else Outcome.NOT_APPLIED,
        status=answer.status,
        method=call.method,
        path=shown,
    )


def _other_server(session: Session, method: str, path: str, answer: Answer) -> TenantProtocolError | None:
    """Return the error for a redirect that says what the server is where it is no tenant, None for any other redirect.

    Args:
        session: the conversation.
        method: of the request.
        path: of the request, as it may be shown.
        answer: the redirect.
    """
    what = windows_server(answer.headers.get("location", ""))
    if not what:
        return None
    return TenantProtocolError(
        f"{session.host} is no tenant: it is {what}.",
        hint="Give the URL of a Qlik Cloud tenant, https://<tenant>.<region>.qlikcloud.com. For the Windows server, "
        "use qlik-cli.",
        status=answer.status,
        method=method,
        path=path,
    )
