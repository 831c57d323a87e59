"""Who asks: the Protocol of a credential, and the simplest one, an API key.

The client secret and the private-key JWT need tokens and live in `qlik_keys.auth.http_auth`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import httpx

from qlik_keys.core.origins import same_origin
from qlik_keys.core.secret import guarded, wrong_type

if TYPE_CHECKING:
    from collections.abc import Generator

    from qlik_keys.core.secret import Secret
    from qlik_keys.tenant.http.session import Session


class Credential(Protocol):
    """Something that a tenant can be asked with."""

    def describe(self) -> str:
        """Return the kind of credential, without the secret, for example "API key"."""
        ...

    def auth(self, session: Session, /) -> httpx.Auth:
        """Return what puts the credential on requests to that session's tenant, and to no other origin."""
        ...


def wrong_credential(credential: object) -> TypeError | None:
    """Return the error for what is no credential, without its value; None for one.

    A text is refused with the class that it belongs in: many hand over the API key itself.
    """
    if callable(getattr(credential, "describe", None)) and callable(getattr(credential, "auth", None)):
        return None
    return wrong_type(
        type(credential), what="credential", wanted="ApiKey(...), ClientSecret(...) or PrivateKeyJwtAuth(...)"
    )


class ApiKey:
    """An API key of a user, made in the profile settings of the tenant.

    Args:
        value: the key; blanks around it are removed.

    Raises:
        ConfigurationError: it is empty or has a character that no API key has; it is not quoted.
        TypeError: it is no text; it is not quoted.

    Example:
        >>> ApiKey("eyJ0")
        <ApiKey>
    """

    __slots__ = ("_secret",)

    def __init__(self, value: str | Secret) -> None:
        secret = guarded(value, what="API key")
        del value
        if isinstance(secret, Exception):
            raise secret
        self._secret = secret

    def describe(self) -> str:
        """Return "API key"."""
        return "API key"

    def auth(self, session: Session, /) -> httpx.Auth:
        """Return what puts the key on requests to that tenant's origin."""
        session.redactor.keep(self._secret)
        return BearerOnce(self._secret, session.url)

    def __repr__(self) -> str:
        return "<ApiKey>"


class Anonymous:
    """Anonymous: for requests that need no login, or for a tenant that gets its credential by `with_credential`."""

    __slots__ = ()

    def describe(self) -> str:
        """Return "anonymous"."""
        return "anonymous"

    def auth(self, session: Session, /) -> httpx.Auth:
        """Return what puts nothing on any request."""
        del session
        return httpx.Auth()

    def __repr__(self) -> str:
        return "<Anonymous>"


class BearerOnce(httpx.Auth):
    """Puts a bearer on requests to one origin, and on no others."""

    def __init__(self, secret: Secret, origin: str) -> None:
        self._secret = secret
        self._origin = origin

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Yield the request with the bearer."""
        if same_origin(str(request.url), self._origin):
            request.headers["authorization"] = f"Bearer {self._secret.reveal()}"
        yield request

    def __repr__(self) -> str:
        return f"<BearerOnce {self._origin}>"
