"""Who the caller is, and who else is there (qlik-cloud-contract, "Hosts" and "What outlives a client")."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.http.redirects import send_following
from qlik_keys.tenant.resources.models import User, UserPage, parse

if TYPE_CHECKING:
    from collections.abc import Sequence

    import httpx

    from qlik_keys.tenant.http.session import Session

_USERS = "/api/v1/users"
_PATH = f"{_USERS}/me"


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

    def find(self, attribute: Literal["id", "subject"], value: str) -> User | None:
        r"""Return the user with that id or subject, None where the caller sees none: others are an administrator's.

        Args:
            attribute: "id" or "subject".
            value: its whole value.

        Raises:
            TenantAuthError: the credential is not accepted.
            TenantError: any other failure.

        Example:
            >>> bot = tenant.users.find("subject", rf"qlikbot\{client_id}")  # doctest: +SKIP
        """
        query = {"filter": f"{attribute} eq {json.dumps(value, ensure_ascii=False)}", "limit": "1"}
        answer = self._session.send(Call(method="GET", path=_USERS, tier=1, query=query, again="always"), self._auth)
        users = parse(UserPage, answer.content, "GET", _USERS).data
        # A server that knows no filters answers with anyone.
        return next((user for user in users if getattr(user, attribute) == value), None)

    def search(self, text: str, *, limit: int = 20) -> Sequence[User]:
        """Return users with that text in the name, the e-mail address or the subject, or with that id.

        Args:
            text: any part of it, in any case; not empty.
            limit: the most users, up to 100.

        Raises:
            ValueError: the text is empty.
            TenantAuthError: the credential is not accepted.
            TenantError: any other failure.

        Example:
            >>> tenant.users.search("ada")  # doctest: +SKIP
        """
        if not text.strip():
            raise ValueError("the text to search users by must not be empty")
        quoted = json.dumps(text.strip(), ensure_ascii=False)
        parts = [*(f"{attribute} co {quoted}" for attribute in ("name", "email", "subject")), f"id eq {quoted}"]
        query = {"filter": " or ".join(parts), "limit": str(limit)}
        answer = self._session.send(Call(method="GET", path=_USERS, tier=1, query=query, again="always"), self._auth)
        return parse(UserPage, answer.content, "GET", _USERS).data
