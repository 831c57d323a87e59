"""Who the caller is (qlik-cloud-contract, "Hosts")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import TenantProtocolError
from qlik_keys.tenant.calls import Call
from qlik_keys.tenant.models import User, parse
from qlik_keys.tenant.url import target_on

if TYPE_CHECKING:
    import httpx

    from qlik_keys.tenant.session import Session

_PATH = "/api/v1/users/me"
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAXIMUM_HOPS = 3


class Users:
    """Asks about users."""

    def __init__(self, session: Session, auth: httpx.Auth) -> None:
        self._session = session
        self._auth = auth

    def me(self) -> User:
        """Return the caller.

        The tenant answers with a redirect to the user's own address, which is followed on the same origin only.

        Raises:
            TenantAuthError: the credential is not accepted.
            TenantProtocolError: the redirect leads to another origin, or round and round.
            TenantError: any other failure.
        """
        path, query = _PATH, dict[str, str]()
        for _ in range(_MAXIMUM_HOPS + 1):
            call = Call(method="GET", path=path, query=query, tier=1, again="always", accept=_REDIRECTS)
            answer = self._session.send(call, self._auth)
            if answer.status not in _REDIRECTS:
                return parse(User, answer.content, "GET", path)
            target = target_on(self._session.url, path, answer.headers.get("location", ""))
            if target is None:
                raise TenantProtocolError(
                    f"The tenant {self._session.host} redirects {_PATH} to another origin; the credential stays here.",
                    hint="Use the tenant's own host name, not an alias, and check the proxy in between.",
                    status=answer.status,
                    method="GET",
                    path=_PATH,
                )
            path, query = target
        raise TenantProtocolError(
            f"The tenant {self._session.host} redirects {_PATH} round and round.",
            hint="Ask again later; if it stays so, ask Qlik's support.",
            method="GET",
            path=_PATH,
        )
