"""Who the caller is, and who else is there (qlik-cloud-contract, "Hosts" and "What outlives a client")."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal
from urllib.parse import quote

from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.http.redirects import send_following
from qlik_keys.tenant.resources.models import User, UserPage, parse
from qlik_keys.tenant.resources.paging import pages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import httpx

    from qlik_keys.tenant.http.session import Session

_USERS = "/api/v1/users"
_PATH = f"{_USERS}/me"
BOT_SUBJECT = "qlikbot\\"
# The bot of a region's OAuth client ("My Qlik"), which is in no tenant's list of clients.
_REGION_BOT = re.compile(r"[a-z][a-z0-9-]* oauth client", re.IGNORECASE)
_PAGE_SIZE = "100"


def is_region_bot(user: User) -> bool:
    """Tell whether a bot is that of a region's OAuth client, by the name that Qlik gives it.

    A tenant's own client of such a name is taken for one too: what cannot be told apart is left alone.
    """
    return _REGION_BOT.fullmatch(user.name.strip()) is not None


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
            >>> bot = tenant.users.find("subject", "auth0|ada")  # doctest: +SKIP
        """
        query = {"filter": f"{attribute} eq {json.dumps(value, ensure_ascii=False)}", "limit": "1"}
        answer = self._session.send(Call(method="GET", path=_USERS, tier=1, query=query, again="always"), self._auth)
        users = parse(UserPage, answer.content, "GET", _USERS).data
        # A server that knows no filters answers with anyone.
        return next((user for user in users if getattr(user, attribute) == value), None)

    def bot_of(self, client_id: str) -> User | None:
        """Return the bot user of a client, None where the caller sees none; the client may be deleted by now.

        Raises:
            TenantAuthError: the credential is not accepted.
            TenantError: any other failure.
        """
        return self.find("subject", BOT_SUBJECT + client_id)

    def bots(self) -> Iterator[User]:
        """Yield all bot users that the caller sees, page by page; each has its client's id, as `client_id`.

        Raises:
            TenantAuthError: the credential is not accepted.
            TenantError: any other failure.
        """
        query = {"filter": f"subject co {json.dumps(BOT_SUBJECT)}", "limit": _PAGE_SIZE}
        for page in pages_of(
            self._session, self._auth, _USERS, query, UserPage, ids=lambda each: [user.id for user in each.data]
        ):
            for user in page.data:
                if user.subject.startswith(BOT_SUBJECT):
                    yield user.model_copy(update={"client_id": user.subject.removeprefix(BOT_SUBJECT)})

    def delete(self, user_id: str) -> None:
        """Delete a user permanently, with what the tenant deletes with it; needs the role Tenant Admin.

        Raises:
            TenantNotFound: there is none with that id.
            TenantAuthError: the caller may not.
            TenantError: any other failure.
        """
        if not user_id:
            raise ValueError("user_id must not be empty")
        path = f"{_USERS}/{quote(user_id, safe='')}"
        self._session.send(Call(method="DELETE", path=path, tier=2, again="always"), self._auth)

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
