"""The tenant as scripts and notebooks see it: client, resource, verb.

Not done here: keys, stores and the order of steps (`qlik_keys.lifecycle`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from qlik_keys.core.clock import SYSTEM_CLOCK, Clock
from qlik_keys.errors import ConfigurationError
from qlik_keys.tenant.credentials import Anonymous, wrong_credential
from qlik_keys.tenant.discovery import discover, read_metadata
from qlik_keys.tenant.http.host_names import host_names
from qlik_keys.tenant.http.session import Session
from qlik_keys.tenant.resources.clients import OAuthClients
from qlik_keys.tenant.resources.events import Events
from qlik_keys.tenant.resources.oauth_tokens import OAuthTokens
from qlik_keys.tenant.resources.raw import raw_call, raw_pages
from qlik_keys.tenant.resources.users import Users
from qlik_keys.tenant.url import checked_tenant_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx

    from qlik_keys.tenant.credentials import Credential
    from qlik_keys.tenant.discovery import Discovery
    from qlik_keys.tenant.http.budget import RateBudget
    from qlik_keys.tenant.http.calls import Exchange, RetryPolicy
    from qlik_keys.tenant.http.versions import DeprecatedEndpoint
    from qlik_keys.tenant.resources.models import AuthorizationServerMetadata
    from qlik_keys.tenant.resources.raw import RawAnswer
    from qlik_keys.tenant.url import Query


class QlikTenant:
    """A Qlik Cloud tenant and a credential to ask it with. The constructor asks nothing.

    Proxies from the environment (`HTTPS_PROXY`, `NO_PROXY`) are honoured, but never for loopback. Safe for threads.

    Args:
        url: the tenant's URL; what is nearly right is normalized, see `notices`.
        credential: `ApiKey`, `ClientSecret` or `PrivateKeyJwtAuth`.
        timeout_seconds: for connecting, sending and each wait for bytes of the answer.
        transport: instead of the network, for tests and the sandbox's synchronous door.
        clock: measures and waits.
        retry: how failed calls are repeated, where that is safe.
        budget: counts requests of both rate-limit tiers; a new one by default.

    Attributes:
        url: the tenant's URL, without a slash at the end.
        host: its host, with the port where that is not the default.
        token_url: its token endpoint, which is also the audience of client assertions.
        http: the conversation with the tenant; a `TokenSource` can share it.
        notices: in words, what was normalized in the URL.
        budget: how many requests of each tier were sent.
        has_credential: whether calls carry a credential.
        oauth_clients: the tenant's OAuth clients.
        users: the tenant's users.
        oauth_tokens: the living access tokens.
        events: the events of issued tokens.

    Raises:
        ConfigurationError: the URL is no tenant's, or the credential is for another one.
        TypeError: the credential is none, for example the text of an API key; it is not quoted.

    Example:
        >>> from qlik_keys.tenant import ApiKey, QlikTenant
        >>> QlikTenant("acme.eu.qlikcloud.com", credential=ApiKey("eyJ0"))
        <QlikTenant https://acme.eu.qlikcloud.com as API key>
    """

    # A verbose traceback shows an object whose constructor refused its arguments, too.
    url: str = ""
    _kind: str = "anonymous"

    def __init__(
        self,
        url: str,
        *,
        credential: Credential,
        timeout_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
        clock: Clock = SYSTEM_CLOCK,
        retry: RetryPolicy | None = None,
        budget: RateBudget | None = None,
    ) -> None:
        checked = checked_tenant_url(url)
        wrong = wrong_credential(credential)
        del url  # it may hold a password, and a verbose traceback prints the arguments of every frame
        if wrong is not None:
            del credential
            raise wrong
        if isinstance(checked, ConfigurationError):
            raise checked
        address, notices = checked
        session = Session(
            address, timeout_seconds=timeout_seconds, transport=transport, clock=clock, retry=retry, budget=budget
        )
        session.notices = notices
        self._set_up(session, credential, owns_session=True)

    def _set_up(self, session: Session, credential: Credential, *, owns_session: bool) -> None:
        self.http = session
        self.url, self.host, self.token_url = session.url, session.host, session.token_url
        self.notices = session.notices
        self.budget = session.budget
        self._owns_session = owns_session
        self._kind = credential.describe()
        self._close_credential = getattr(credential, "close", None)
        self.has_credential = not isinstance(credential, Anonymous)
        self._auth = auth = credential.auth(session)
        self.oauth_clients = OAuthClients(session, auth)
        self.users = Users(session, auth)
        self.oauth_tokens = OAuthTokens(session, auth)
        self.events = Events(session, auth)

    def with_credential(self, credential: Credential) -> QlikTenant:
        """Return the same tenant asked with another credential, over the same connections.

        Budget and subscribers are shared too: requests of two users are counted as those of one, which is more than
        Qlik counts and never less. It ends with the tenant that it was made from.

        Raises:
            ConfigurationError: the credential is for another tenant.
            TypeError: the credential is none; it is not quoted.
        """
        wrong = wrong_credential(credential)
        if wrong is not None:
            del credential
            raise wrong
        other = object.__new__(QlikTenant)
        other._set_up(self.http, credential, owns_session=False)
        return other

    def metadata(self) -> AuthorizationServerMetadata:
        """Return what the tenant says about its OAuth endpoints; asked without the credential.

        Raises:
            TenantError: no answer, or not a tenant's.
        """
        return read_metadata(self.http)

    def discover(self) -> Discovery:
        """Return what the tenant answers when asked about its OAuth endpoints, be it an error, and what time it has.

        Raises:
            TenantError: there was no answer, or one that says that the tenant cannot answer now.
        """
        return discover(self.http)

    def host_names(self) -> tuple[str, ...]:
        """Return the tenant's host names, the display name first; asked once per conversation.

        Each has the port where it is not the default. Where the tenant does not tell, it is `host` alone.

        Raises:
            TenantError: the tenant cannot answer at the moment.

        Example:
            >>> tenant.host_names()  # doctest: +SKIP
            ('acme.eu.qlikcloud.com', 'analytics.eu.qlikcloud.com')
        """
        return host_names(self.http, self._auth if self.has_credential else None)

    def raw(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        on_refusal: Callable[[RawAnswer], None] | None = None,
    ) -> RawAnswer:
        """Send any call to the REST API, as `qlik raw` does.

        Reading follows redirects on the same origin and is repeated after a failure; a change is sent once, and again
        only where nothing can have been applied. Deleting a client needs the header `qlik-confirm-delete`.

        Args:
            method: get, post, put, patch or delete.
            path: `v1/users/me`, or `/api/v1/users/me`.
            query: the query's fields; a tuple has all values of one; never a secret.
            body: JSON-ready values, None for none (`tenant.http.bodies.JSON_NULL` is the body null).
            headers: further headers; never a secret.
            on_refusal: called with each answer that is refused, whose body no error has: it may hold anything.

        Raises:
            ConfigurationError: no such method, or no path of this tenant.
            TenantError: the tenant refuses it, or cannot be asked.

        Example:
            >>> tenant.raw("get", "v1/users/me").json()["subject"]  # doctest: +SKIP
        """
        return raw_call(
            self.http, self._auth, method, path, query=query, body=body, headers=headers, on_refusal=on_refusal
        )

    def raw_pages(
        self, path: str, *, query: Query | None = None, headers: Mapping[str, str] | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the pages of a listing as they come, each with its `data`.

        Args:
            path: `v1/oauth-clients`, or `/api/v1/oauth-clients`.
            query: the query's fields for the first page; never a secret.
            headers: further headers; never a secret.

        Raises:
            ConfigurationError: no path of this tenant.
            TenantProtocolError: it is no listing, or its pages go in a circle or to another address.
            TenantError: the tenant refuses it, or cannot be asked.
        """
        return raw_pages(self.http, self._auth, path, query=query, headers=headers)

    def subscribe(self, callback: Callable[[Exchange], None]) -> Callable[[], None]:
        """Call back with every exchange with the tenant, redacted; return what ends that.

        The callback runs in the thread that made the request, also for tenants made by `with_credential`; it is never
        called by two threads at a time.
        """
        return self.http.subscribe(callback)

    def close(self) -> None:
        """Close the connections, and what the credential alone uses.

        Quiet for a tenant made by `with_credential`, which shares the connections.
        """
        if self._owns_session:
            self.http.close()
            if self._close_credential is not None:
                self._close_credential()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def deprecations(self) -> tuple[DeprecatedEndpoint, ...]:
        """The endpoints that were called and that the tenant calls deprecated, each once."""
        return self.http.deprecations.all()

    @property
    def caller(self) -> str:
        """Who asks: the kind of credential and, of a client's, its id; no secret."""
        return self._kind

    def __repr__(self) -> str:
        return f"<QlikTenant {self.url} as {self._kind}>"
