"""The living access tokens of a user, and the end of one (qlik-cloud-contract, "What outlives a client").

Not published: whether tokens of machine-to-machine clients are in the list. A token that the tenant does not list can
be ended by the program that holds it alone (POST /oauth/revoke).
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.resources.models import OAuthTokenPage
from qlik_keys.tenant.resources.paging import pages_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from qlik_keys.tenant.http.session import Session
    from qlik_keys.tenant.resources.models import OAuthToken

_PATH = "/api/v1/oauth-tokens"
_PAGE_SIZE = "100"


class OAuthTokens:
    """Lists and ends access tokens; those of others are an administrator's."""

    def __init__(self, session: Session, auth: httpx.Auth) -> None:
        self._session = session
        self._auth = auth

    def of_user(self, user_id: str) -> Iterator[OAuthToken]:
        """Yield the living tokens of a user, page by page.

        Args:
            user_id: the user's id, for a client's tokens that of its bot.

        Raises:
            TenantAuthError: the credential is not accepted.
            TenantError: any other failure.

        Example:
            >>> [token.id for token in tenant.oauth_tokens.of_user(bot.id)]  # doctest: +SKIP
        """
        query = {"userId": user_id, "limit": _PAGE_SIZE}
        for page in pages_of(
            self._session, self._auth, _PATH, query, OAuthTokenPage, ids=lambda each: [token.id for token in each.data]
        ):
            # A server that knows no such parameter answers with everyone's.
            yield from (token for token in page.data if token.user_id == user_id)

    def end(self, token_id: str) -> None:
        """End a token by its id; the token itself is not needed.

        Raises:
            TenantNotFound: there is none with that id, for example because it has expired.
            TenantAuthError: it is another user's, and the caller is no administrator.
            TenantError: any other failure.
        """
        if not token_id:
            raise ValueError("token_id must not be empty")
        path = f"{_PATH}/{quote(token_id, safe='')}"
        self._session.send(Call(method="DELETE", path=path, tier=2, again="always"), self._auth)
