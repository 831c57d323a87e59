"""Logging in by tokens: `PrivateKeyJwtAuth` and `ClientSecret`, for httpx and as credentials of `QlikTenant`.

Where the tokens come from is `qlik_keys.auth.token_source`; its names are here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import httpx

from qlik_keys.auth.access_token import UNKNOWN_LIFETIME_SECONDS, Freshness, Token
from qlik_keys.auth.token_endpoint import UserLookup
from qlik_keys.auth.token_source import TokenSource
from qlik_keys.core.origins import same_origin
from qlik_keys.core.secret import guarded, wrong_type
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Iterable

    from qlik_keys.core.secret import Secret
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant.http.session import Session

__all__ = [
    "UNKNOWN_LIFETIME_SECONDS",
    "BearerAuth",
    "ClientSecret",
    "Freshness",
    "PrivateKeyJwtAuth",
    "StoredKeyLogin",
    "Token",
    "TokenSource",
    "UserLookup",
]
_UNAUTHORIZED = 401
_OWN_PORTS = {b"https": 443, b"http": 80}


class BearerAuth(httpx.Auth):
    """Puts a source's token on requests to its tenant, and gets a new one once when the tenant answers 401.

    A request to another origin goes out without it, and after a redirect to one no token is tried there. A body that
    cannot be sent twice (a stream) is not: the 401 is returned then, and the next request has a new token.

    It is a credential of `QlikTenant` too, and serves `httpx.AsyncClient` without holding its event loop up.

    Args:
        source: where the tokens come from.

    Attributes:
        client_id: the client that logs in.

    Raises:
        TypeError: it is no `TokenSource`; it is not quoted.
    """

    client_id: str = ""  # a verbose traceback shows an object whose constructor refused its arguments, too

    def __init__(self, source: TokenSource) -> None:
        if not isinstance(source, TokenSource):
            kind = type(source)
            del source  # a token or a key may have been handed over in its place
            raise wrong_type(kind, what="source of tokens", wanted="a TokenSource")
        self._source = source
        self.client_id = source.client_id
        self._origin = _origin(httpx.URL(source.token_url))

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with a token, and again with a new one after a 401."""
        if _origin(request.url) != self._origin:
            yield request
            return
        token = self._source.token()
        request.headers["authorization"] = f"Bearer {token.reveal()}"
        response = yield request
        if self._wants_another_token(token, request, response):
            request.headers["authorization"] = f"Bearer {self._source.renew(token).reveal()}"
            yield request

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Do the same for `httpx.AsyncClient`: what may wait (store, signature, tenant) waits in a worker thread."""
        if _origin(request.url) != self._origin:
            yield request
            return
        token = await self._source.token_async()
        request.headers["authorization"] = f"Bearer {token.reveal()}"
        response = yield request
        if self._wants_another_token(token, request, response):
            renewed = await self._source.renew_async(token)
            request.headers["authorization"] = f"Bearer {renewed.reveal()}"
            yield request

    def _wants_another_token(self, token: Token, request: httpx.Request, response: httpx.Response) -> bool:
        """Tell whether the request is to be sent again; forget a token that was refused where it cannot be."""
        if response.status_code != _UNAUTHORIZED or _origin(response.request.url) != self._origin:
            return False
        if isinstance(request.stream, httpx.ByteStream):
            return True
        self._source.forget(token)
        return False

    def describe(self) -> str:
        """Return the kind of credential and the client."""
        return f"token of client {self._source.client_id}"

    def auth(self, session: Session, /) -> httpx.Auth:
        """Return itself.

        Raises:
            ConfigurationError: its tokens are for another tenant.
        """
        if not same_origin(session.url, self._source.token_url):
            raise ConfigurationError(f"The token is for another tenant than {session.host}.")
        session.redactor.know(self._source.current_secret)
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} client_id={self.client_id}>"


def _origin(url: httpx.URL) -> tuple[bytes, bytes, int | None]:
    """Return scheme, host and port as httpx connects by them, in lower case.

    `origins.same_origin` would parse the same address another time for every request, and by other rules than httpx's.
    """
    port = url.port  # None is the scheme's own, which may be written out as well
    return url.raw_scheme, url.raw_host, _OWN_PORTS.get(url.raw_scheme) if port is None else port


class PrivateKeyJwtAuth(BearerAuth):
    """Logs a client in by its private key: an `httpx.Auth`, and a credential for `QlikTenant`.

    Args:
        source: where it gets its tokens: a `TokenSource` that signs with the client's key.

    Raises:
        TypeError: the source is no `TokenSource`; it is not quoted.

    Example:
        >>> source = TokenSource.from_store(store, tenant_url=url, client_id=client_id)  # doctest: +SKIP
        >>> httpx.Client(base_url=url, auth=PrivateKeyJwtAuth(source), follow_redirects=True)  # doctest: +SKIP
    """

    def describe(self) -> str:
        """Return the kind of credential and the client."""
        return f"private-key JWT of client {self._source.client_id}"


class StoredKeyLogin:
    """A client whose private key is in a key store: a credential for `QlikTenant`, without any secret in hand.

    The tokens are requested over the tenant's own connections. After a rotation of that very client the store is read
    again.

    Args:
        store: the key store; it stays open as long as the tenant is used.
        client: the client's id or name.
        on_close: called when the tenant is closed, for a store that is for this login alone.

    Example:
        >>> StoredKeyLogin(store, "key-rotation")  # doctest: +SKIP
        <StoredKeyLogin client=key-rotation>
    """

    __slots__ = ("_client", "_on_close", "_store")

    def __init__(self, store: KeyStore, client: str, *, on_close: Callable[[], None] = lambda: None) -> None:
        self._store, self._client, self._on_close = store, client, on_close

    def describe(self) -> str:
        """Return the kind of credential and the client."""
        return f"private-key JWT of client {self._client}"

    def auth(self, session: Session, /) -> httpx.Auth:
        """Return what gets the client's tokens and puts them on requests."""
        source = TokenSource.from_store(self._store, tenant_url=session.url, client_id=self._client, http=session)
        return PrivateKeyJwtAuth(source).auth(session)

    def close(self) -> None:
        """Close what is for this login alone; the tenant does so when it is closed."""
        self._on_close()

    def __repr__(self) -> str:
        return f"<StoredKeyLogin client={self._client}>"


class ClientSecret:
    """A client id and its secret: a credential for `QlikTenant`.

    Args:
        client_id: the client.
        secret: its secret; blanks around it are removed.
        scopes: what to ask for; none asks for all that the client may have.
        style: where the secret goes, "form" or HTTP "basic".

    Raises:
        ConfigurationError: the secret is empty or has a character that no secret has; it is not quoted.
        TypeError: the secret is no text; it is not quoted.

    Example:
        >>> ClientSecret("a1b2", "s3cret")
        <ClientSecret client_id=a1b2>
    """

    __slots__ = ("_scopes", "_secret", "_style", "client_id")

    def __init__(
        self,
        client_id: str,
        secret: str | Secret,
        *,
        scopes: Iterable[str] = (),
        style: Literal["form", "basic"] = "form",
    ) -> None:
        self.client_id = client_id
        hidden = guarded(secret, what="client secret")
        del secret
        if isinstance(hidden, Exception):
            raise hidden
        self._secret = hidden
        self._scopes = tuple(scopes)
        self._style = style

    def describe(self) -> str:
        """Return the kind of credential and the client."""
        return f"client secret of client {self.client_id}"

    def auth(self, session: Session, /) -> httpx.Auth:
        """Return what puts tokens got by the secret on requests to that tenant."""
        session.redactor.keep(self._secret)
        return BearerAuth(
            TokenSource(
                session.token_url,
                client_id=self.client_id,
                secret=self._secret,
                scopes=self._scopes,
                secret_style=self._style,
                http=session,
            )
        )

    def __repr__(self) -> str:
        return f"<ClientSecret client_id={self.client_id}>"
