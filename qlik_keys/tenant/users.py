"""Who the caller is (qlik-cloud-contract, "Hosts")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.tenant.calls import Call
from qlik_keys.tenant.models import User, parse
from qlik_keys.tenant.redirects import send_following

if TYPE_CHECKING:
    import httpx

    from qlik_keys.tenant.session import Session

_PATH = "/api/v1/users/me"


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
        call = Call(method="GET", path=_PATH, tier=1, again="always")
        answer = send_following(self._session, call, self._auth)
        return parse(User, answer.content, "GET", _PATH)
