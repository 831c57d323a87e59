"""Access tokens: kept, renewed in time, revoked.

One request for a token is in progress however many threads ask. The key comes from a signer, or again from the key
store when the tenant refuses the current one, so that a rotation elsewhere is no outage here.

Not done here: the request itself (`access_token`, `qlik_keys.auth.token_endpoint`), assertions
(`qlik_keys.auth.assertion`), putting tokens on requests (`qlik_keys.auth.http_auth`).
"""

from __future__ import annotations

import contextlib
import functools
import logging
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Self, TypedDict, Unpack
from urllib.parse import urlsplit

from qlik_keys.auth.access_token import Freshness, Token, fetch_token
from qlik_keys.auth.assertion import DEFAULT_LIFETIME_SECONDS, MAXIMUM_LIFETIME_SECONDS
from qlik_keys.auth.audiences import audience_of, other_audiences
from qlik_keys.auth.token_endpoint import BySecret, BySigner, UserLookup, revoke_token
from qlik_keys.core.arguments import TEXT, WHOLE_NUMBER, Kind, optional, require, texts
from qlik_keys.core.clock import SYSTEM_CLOCK, Clock
from qlik_keys.core.origins import same_origin
from qlik_keys.core.secret import guarded, wrong_type
from qlik_keys.errors import (
    AssertionRejected,
    ConfigurationError,
    Outcome,
    QlikKeysError,
    StoreNotFound,
    TokenError,
    copy_of_error,
)
from qlik_keys.keystore.lookup import ClientLookup, record_with_key
from qlik_keys.keystore.tenant_folder import folder_at
from qlik_keys.tenant.http.session import Session
from qlik_keys.tenant.url import (
    TOKEN_PATH,
    checked_tenant_url,
    tenant_host,
    token_url_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import httpx

    from qlik_keys.core.secret import Secret
    from qlik_keys.keys.signer import Signer
    from qlik_keys.keystore.base import KeyStore

_logger = logging.getLogger(__name__)
_USER = Kind((UserLookup,), "a UserLookup")
_SESSION = Kind((Session,), "a tenant's `http`")
_PATIENCE_SECONDS = 300.0
# How many keys of the store are tried in a row, each current when it was read.
_KEYS_TRIED = 5


@dataclass(slots=True)
class _Flight:
    """A request for a token that is in progress."""

    done: threading.Event = field(default_factory=threading.Event)
    token: Token | None = None
    failure: QlikKeysError | None = None


class TokenOptions(TypedDict, total=False):
    """The options that every way to make a `TokenSource` takes; the constructor's docstring explains them."""

    scopes: Iterable[str]
    user: UserLookup | None
    assertion_seconds: int
    timeout_seconds: float
    clock: Clock
    transport: httpx.BaseTransport | None
    http: Session | None


class TokenSource:
    """Gets tokens for one client and keeps the current one. Asks nothing until `token()`; safe for threads.

    Args:
        token_url: the tenant's token endpoint, `<tenant>/oauth/token`; assertions have it as audience.
        client_id: the client.
        signer: signs assertions; or give
        secret: the client secret instead; or
        store: a key store that has the client's key, as `from_store` does.
        scopes: what to ask for; none asks for all that the client may have.
        user: ask for a token of that user (impersonation) instead of the client's own bot user.
        assertion_seconds: how long an assertion is good for from now, 1 to 300; more than 240 end as 240 do.
        secret_style: where the secret goes, "form" or HTTP "basic".
        timeout_seconds: for connecting, sending and each wait for bytes of the answer.
        clock: measures and waits.
        transport: instead of the network, for tests and the sandbox's synchronous door.
        http: a tenant's conversation to share (`tenant.http`), with its connections, budget and subscribers; the
            clock, the transport and the time-out are then its own.

    Raises:
        ConfigurationError: the URL is no token endpoint, or `http` belongs to another tenant.
        TypeError: there is not exactly one of `signer`, `secret` and `store`, one of them is of another type (it is
            not quoted), `scopes` is one text, or another argument is of another type.
        ValueError: the assertion's life is out of bounds, or the client id is empty.
    """

    client_id: str = ""  # a verbose traceback shows a source whose constructor refused its arguments, too
    token_url: str = ""
    tenant_url: str = ""

    def __init__(
        self,
        token_url: str,
        *,
        client_id: str,
        signer: Signer | None = None,
        secret: str | Secret | None = None,
        store: KeyStore | None = None,
        scopes: Iterable[str] = (),
        user: UserLookup | None = None,
        assertion_seconds: int = DEFAULT_LIFETIME_SECONDS,
        secret_style: Literal["form", "basic"] = "form",  # noqa: S107  # the name of a style
        timeout_seconds: float = 30.0,
        clock: Clock = SYSTEM_CLOCK,
        transport: httpx.BaseTransport | None = None,
        http: Session | None = None,
    ) -> None:
        hidden = None if secret is None else guarded(secret, what="client secret")
        del secret
        address = checked_tenant_url(token_url)
        is_endpoint = isinstance(address, tuple) and urlsplit(token_url.strip()).path.rstrip("/") == TOKEN_PATH
        del token_url  # it may hold a password
        if isinstance(hidden, Exception):
            raise hidden
        if isinstance(address, ConfigurationError):
            raise address
        wrong = _wrong_way_in(signer, store)
        if wrong is not None:
            del signer, store
            raise wrong
        if sum(way is not None for way in (signer, hidden, store)) != 1:
            raise TypeError("give exactly one of signer, secret and store")
        require(TEXT, client_id=client_id, secret_style=secret_style)
        require(WHOLE_NUMBER, assertion_seconds=assertion_seconds)
        optional(_USER, user=user)
        optional(_SESSION, http=http)
        chosen = texts("scopes", scopes)
        if not client_id.strip():
            raise ValueError("client_id must not be empty")
        if secret_style not in ("form", "basic"):
            raise ValueError(f"secret_style must be 'form' or 'basic', not {secret_style!r}")
        if not 1 <= assertion_seconds <= MAXIMUM_LIFETIME_SECONDS:
            raise ValueError(f"assertion_seconds must be 1 to {MAXIMUM_LIFETIME_SECONDS}, not {assertion_seconds}")
        if not is_endpoint:
            raise ConfigurationError(f"The token URL does not end with {TOKEN_PATH}.", hint="Use `tenant.token_url`.")
        if http is not None and not same_origin(address[0], http.url):
            raise ConfigurationError(f"The shared connections go to {http.host}, and the token URL is elsewhere.")
        self._owns_http = http is None
        self._http = http or Session(address[0], timeout_seconds=timeout_seconds, transport=transport, clock=clock)
        self.token_url = self._http.token_url
        self.tenant_url = self._http.url
        self.client_id = self._asked_for = client_id
        self.scopes = chosen
        self._user = user
        self._assertion_seconds = assertion_seconds
        self._clock = self._http.clock
        self._store = store
        self._signer = signer
        self._by_secret = None if hidden is None else BySecret(secret=hidden, style=secret_style)
        self._lock = threading.Lock()
        self._audience = ""  # the record's, where it is that of another host name of the tenant
        self._token: Token | None = None
        self._flight: _Flight | None = None

    @classmethod
    def from_store(
        cls, store: KeyStore, *, tenant_url: str, client_id: str, **options: Unpack[TokenOptions]
    ) -> TokenSource:
        """Return a source that signs with the client's current key in the store.

        The store is read at the first token, and again when the tenant refuses the key, never in between.

        Args:
            store: where the key is.
            tenant_url: the tenant.
            client_id: the client's id or name; a name is looked up in the store when it is first read, and the source's
                `client_id` is the id from then on.
            **options: as for the constructor.

        Raises:
            ConfigurationError: the tenant URL is none, or `http` belongs to another tenant.
            TypeError: the store is none; it is not quoted.
        """
        checked = checked_tenant_url(tenant_url)
        wrong = _wrong_way_in(None, store)
        del tenant_url
        if wrong is not None:
            del store
            raise wrong
        if isinstance(checked, ConfigurationError):
            raise checked
        return cls(token_url_of(checked[0]), client_id=client_id, store=store, **options)

    def current_secret(self) -> Secret | None:
        """Return the current token's text, None where there is no token yet; nothing is asked."""
        held = self._token
        return None if held is None else held.secret

    def token(self, *, force: bool = False) -> Token:
        """Return a token that is good for use, the current one or a new one.

        A token that wants renewal but is not over is returned all the same when a new one cannot be had for a passing
        reason.

        Args:
            force: get a new one, or the one that is just being got.

        Raises:
            TokenError: the tenant refuses the credential, its scopes, or the clock.
            TenantError: the tenant could not be asked.
            StoreError: the key could not be read.
            ValueError: a scope is empty.
        """
        if not force and (ready := self.ready()) is not None:
            return ready
        held = self._token
        if held is None or force:
            return self._another(held)
        try:
            return self._another(held)
        except QlikKeysError as error:
            if not error.retryable or held.freshness(self._clock) is Freshness.EXPIRED:
                raise
            _logger.warning("client %s: no new token (%s); the current one is still valid", self.client_id, type(error))
        return held

    def ready(self) -> Token | None:
        """Return the current token where it may be used without asking anyone, else None; never waits."""
        held = self._token
        if held is None:
            return None
        freshness = held.freshness(self._clock)
        is_good = freshness is Freshness.FRESH or (freshness is Freshness.RENEW and self._flight is not None)
        return held if is_good else None

    async def token_async(self, *, force: bool = False) -> Token:
        """Return what `token` returns, without holding the event loop up (asyncio or trio).

        Args:
            force: get a new one, or the one that is being got at the moment.

        Raises:
            TokenError, TenantError, StoreError, ValueError: as for `token`.
        """
        if not force and (ready := self.ready()) is not None:
            return ready
        from qlik_keys.auth.async_tokens import in_a_thread  # noqa: PLC0415  # who calls no coroutine needs no anyio

        return await in_a_thread(functools.partial(self.token, force=force), self, force)

    async def renew_async(self, rejected: Token) -> Token:
        """Return what `renew` returns, without holding the event loop up.

        Raises:
            TokenError, TenantError, StoreError: as for `token`.
        """
        from qlik_keys.auth.async_tokens import in_a_thread  # noqa: PLC0415

        return await in_a_thread(functools.partial(self.renew, rejected), self, rejected)

    def renew(self, rejected: Token) -> Token:
        """Return a token other than the one that was rejected; of many threads that ask, one gets it for all.

        Raises:
            TokenError, TenantError, StoreError: as for `token`.
        """
        return self._another(rejected)

    def revoke(self) -> None:
        """End the current token on the tenant and forget it; quiet when there is none.

        Raises:
            TenantError: the tenant could not be asked; the token is forgotten here all the same.
        """
        with self._lock:
            token, self._token = self._token, None
        if token is not None:
            revoke_token(self._http, token.secret)

    def forget(self, token: Token) -> None:
        """Let the next call get a new token if this one is the current one."""
        with self._lock:
            if self._token is token:
                self._token = None

    def refresh_signer(self) -> bool:
        """Read the client's key from the store again; return whether it is another one than before.

        Raises:
            StoreError: it could not be read, or there is none.
        """
        if self._store is None:
            return False
        host = tenant_host(self._http.url)
        store, old = folder_at(self._http, self._store), self._signer

        def read(client_id: str) -> Signer:
            record, key = record_with_key(store, host, client_id)
            self.client_id = client_id
            self._audience = audience_of(self._http, record)
            return store.signer(key)

        # A name each time again: the client may have been deleted and made again, with another id.
        self._signer = new = ClientLookup(store, host).perform(self._asked_for, read)
        return old is None or old.kid != new.kid

    def close(self) -> None:
        """Close the connections, unless they are shared with a tenant."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<TokenSource client_id={self.client_id} at {self.token_url}>"

    def _another(self, held: Token | None) -> Token:
        """Return a token other than the one held; the first thread gets it, the others wait for the same."""
        while True:
            with self._lock:
                current = self._token
                if current is not None and current is not held and current.freshness(self._clock) is Freshness.FRESH:
                    return current
                flight = self._flight
                if flight is None:
                    leading = self._flight = _Flight()
            if flight is None:
                return self._lead(leading)
            if not flight.done.wait(_PATIENCE_SECONDS):
                message = f"Another thread has been requesting a token of client {self.client_id} for too long."
                raise TokenError(message, client_id=self.client_id, retryable=True, outcome=Outcome.UNKNOWN)
            if flight.token is not None:
                return flight.token
            if flight.failure is not None:
                raise copy_of_error(flight.failure)
            # The thread that asked was interrupted: this one takes over.

    def _lead(self, flight: _Flight) -> Token:
        try:
            flight.token = token = self._fetch_token()
        except QlikKeysError as error:
            flight.failure = error
            raise
        finally:
            with self._lock:
                if flight.token is not None:
                    self._token = flight.token
                self._flight = None
            flight.done.set()
        return token

    def _fetch_token(self) -> Token:
        if self._by_secret is not None:
            return self._request(self._by_secret)
        if self._signer is None:
            self.refresh_signer()
        keys = 1
        while True:
            try:
                return self._request(self._by_signer())
            except (AssertionRejected, StoreNotFound) as error:  # the latter where Vault signs, and has the key no more
                refused = error
            # Someone may have rotated the key since it was read, and again while this thread waited for its turn.
            if keys == _KEYS_TRIED or not self.refresh_signer():
                break
            keys += 1
        is_audience_known = self._http.is_audience_accepted and self._audience in ("", self._http.audience)
        if isinstance(refused, AssertionRejected) and not refused.refuses_user and not is_audience_known:
            return self._by_other_audience(refused)
        raise refused

    def _by_other_audience(self, refused: AssertionRejected) -> Token:
        """Return a token got by an assertion for another host name of the tenant.

        Which of a tenant's host names it accepts as audience is not published (qlik-cloud-contract, "Host names").

        Raises:
            AssertionRejected: none is accepted; it names those that were tried.
        """
        tried = [self._audience or self._http.audience]
        for audience in other_audiences(self._http):
            if audience in tried:
                continue
            tried.append(audience)
            with contextlib.suppress(AssertionRejected):
                token = self._request(self._by_signer(), audience)
                self._audience = audience
                return token
        if len(tried) > 1:
            refused.hint += f" These audiences were refused: {', '.join(tried)}."
        raise refused

    def _by_signer(self) -> BySigner:
        assert self._signer is not None
        return BySigner(signer=self._signer, lifetime_seconds=self._assertion_seconds)

    def _request(self, authentication: BySigner | BySecret, audience: str = "") -> Token:
        return fetch_token(
            self._http,
            client_id=self.client_id,
            authentication=authentication,
            scopes=self.scopes,
            user=self._user,
            audience=audience or self._audience,
        )


def _wrong_way_in(signer: object, store: object) -> TypeError | None:
    """Return the error for a signer or a store that is none, for example the text of a key; it is not quoted."""
    if signer is not None and not callable(getattr(signer, "sign", None)):
        return wrong_type(type(signer), what="signer", wanted="a Signer, for instance PrivateKey.signer()")
    if store is not None and not callable(getattr(store, "signer", None)):
        return wrong_type(type(store), what="store", wanted="a KeyStore")
    return None
