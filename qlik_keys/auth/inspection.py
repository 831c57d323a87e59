"""A login parsed, to be looked at: the assertion, the token that comes of it, and calls with just this token.

The assertion is made as every login makes it (`qlik_keys.auth.assertion`), or broken on purpose, which teaches what a
tenant refuses and is done on the sandbox alone. What may be explained with authority is our own assertion; an access
token is officially opaque (qlik-cloud-contract, "POST /oauth/token"), and what its parts say is told under that
reserve.

Not done here: keeping and renewing tokens (`token_source`), showing any of it (`qlik_keys.jupyter.panel`).
"""

from __future__ import annotations

import contextlib
import json
from base64 import urlsafe_b64decode
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from qlik_keys.auth.access_token import fetch_token
from qlik_keys.auth.assertion import (
    BACKDATED_SECONDS,
    DEFAULT_LIFETIME_SECONDS,
    MAXIMUM_LIFETIME_SECONDS,
    client_assertion,
)
from qlik_keys.auth.audiences import audience_of
from qlik_keys.auth.invalid_variants import INVALID_VARIANTS, broken
from qlik_keys.auth.token_endpoint import ByAssertion, revoke_token
from qlik_keys.auth.token_source import TokenSource
from qlik_keys.core.clock import SYSTEM_CLOCK, Clock
from qlik_keys.core.origins import is_loopback
from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError, QlikKeysError
from qlik_keys.keystore.lookup import record_with_key
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.tenant.credentials import BearerOnce
from qlik_keys.tenant.discovery import metadata_answer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import httpx

    from qlik_keys.auth.access_token import Token
    from qlik_keys.auth.token_endpoint import UserLookup
    from qlik_keys.keys.signer import Signer
    from qlik_keys.keystore.base import ClientRecord, KeyStore
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.http.session import Session

UNOFFICIAL = "unofficial, may change"
_SANDBOX_HEADER = "x-qlik-keys-sandbox"
_LATEST = datetime.max.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """An assertion that is ready to be sent.

    Attributes:
        client_id: whose it is.
        token_url: where it is to be sent.
        fault: how it was broken on purpose, a name of `INVALID_VARIANTS`; "" for a genuine one.
        header: its header, for showing.
        claims: its claims, for showing.
        assertion: the compact JWS, which logs in anyone who sends it first.
    """

    client_id: str
    token_url: str
    fault: str
    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    assertion: Secret = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A member of an assertion with what it means.

    Attributes:
        part: "header" or "claims".
        name: the member.
        value: what stands there, as text; a date in words too.
        meaning: what it is.
        rule: what Qlik asks of it, and where that is written.
    """

    part: str
    name: str
    value: str
    meaning: str
    rule: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call, or a request for a token, that was made; neither bodies nor secrets are kept.

    Attributes:
        time: when, UTC.
        client_id: as which client.
        client: its name.
        method: HTTP method.
        path: path with the query.
        status: HTTP status, None when no answer came.
        milliseconds: how long it took, with repeats and redirects.
        trace_id: what Qlik's support asks for, "" where the tenant did not say.
        retry_after: seconds that the tenant asks to wait, None for none.
        error: the name of the error's class, "" for success.
    """

    time: datetime
    client_id: str
    client: str
    method: str
    path: str
    status: int | None
    milliseconds: float
    trace_id: str = ""
    retry_after: float | None = None
    error: str = ""


def prepare(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    fault: str = "",
    lifetime_seconds: int = DEFAULT_LIFETIME_SECONDS,
    clock: Clock = SYSTEM_CLOCK,
) -> Prepared:
    """Return a fresh assertion of a client, signed by the key that the store has for its consumers.

    Args:
        tenant: the tenant.
        store: where the key is.
        client_id: the client.
        fault: how to break it on purpose, a name of `INVALID_VARIANTS`; "" for a genuine one.
        lifetime_seconds: from now, 1 to 300; more than 240 end as 240 do.
        clock: says what now is.

    Raises:
        ConfigurationError: there is no such fault, or the tenant is not the sandbox and it is to be broken.
        StoreError, KeyMaterialError: the key could not be read, or could not sign.
        TenantError: the tenant could not be asked whether it is the sandbox.
    """
    if fault:
        _require_sandbox(tenant, fault)
    store = folder_of(tenant, store)
    record, key = record_with_key(store, tenant.host, client_id)
    signer: Signer = store.signer(key)
    audience = _audience(tenant, client_id, signer, record)
    signer, audience, clock = broken(fault, signer, audience, clock)
    compact = client_assertion(
        signer, client_id=client_id, audience=audience, lifetime_seconds=lifetime_seconds, clock=clock
    )
    header, claims = (_read_part(part) for part in compact.split(".")[:2])
    assert header is not None  # our own
    assert claims is not None
    return Prepared(
        client_id=client_id,
        token_url=tenant.token_url,
        fault=fault,
        header=header,
        claims=claims,
        assertion=Secret(compact, what="client assertion"),
    )


def _audience(tenant: QlikTenant, client_id: str, signer: Signer, record: ClientRecord) -> str:
    """Return what the tenant accepts as audience; where it has several host names, a login finds it out, once."""
    named = audience_of(tenant.http, record)
    if not named:
        return tenant.http.audience
    source = TokenSource(tenant.token_url, client_id=client_id, signer=signer, http=tenant.http)
    with contextlib.suppress(QlikKeysError):  # then what the record names is as good a guess as any
        source.token()
        source.revoke()
    return tenant.http.audience if tenant.http.is_audience_accepted else named


def send(
    tenant: QlikTenant, prepared: Prepared, *, scopes: Sequence[str] = (), user: UserLookup | None = None
) -> Token:
    """Send an assertion as it is, and return the token that comes of it. Once: a second time it is refused.

    Args:
        tenant: the tenant that it was prepared for.
        prepared: the assertion.
        scopes: what to ask for; none asks for all that the client may have.
        user: ask for a token of that user (impersonation).

    Raises:
        ConfigurationError: it was prepared for another tenant.
        TokenError: the tenant refuses it.
        TenantError: the tenant could not be asked.
    """
    if prepared.token_url != tenant.token_url:
        raise ConfigurationError(
            f"The assertion was made for {prepared.token_url}.", hint="Prepare it for this tenant."
        )
    authentication = ByAssertion(assertion=prepared.assertion, kid=str(prepared.header["kid"]))
    return fetch_token(
        tenant.http, client_id=prepared.client_id, authentication=authentication, scopes=scopes, user=user
    )


def revoke(tenant: QlikTenant, token: Token) -> None:
    """End a token before its time (RFC 7009); anyone who uses it afterwards is told 401.

    Raises:
        TenantError: the tenant could not be asked, or refuses.
    """
    revoke_token(tenant.http, token.secret)


class HeldToken:
    """A credential that is exactly this token: it is never renewed, so that its end can be seen.

    Args:
        token: the token.
        client_id: whose it is, for the repr.
    """

    __slots__ = ("_client_id", "_token")

    def __init__(self, token: Token, *, client_id: str) -> None:
        self._token = token
        self._client_id = client_id

    def describe(self) -> str:
        """Return the kind of credential and the client."""
        return f"one token of client {self._client_id}"

    def auth(self, session: Session, /) -> httpx.Auth:
        """Return what puts the token on requests to that tenant's origin."""
        return BearerOnce(self._token.secret, session.url)

    def __repr__(self) -> str:
        return f"<HeldToken client_id={self._client_id}>"


def explain(header: Mapping[str, Any], claims: Mapping[str, Any]) -> tuple[Explained, ...]:
    """Return what each member of an assertion means, the header's first; of unknown ones, that they are unknown."""
    lifetime = ""
    if isinstance(claims.get("iat"), int) and isinstance(claims.get("exp"), int):
        lifetime = f" Here: {claims['exp'] - claims['iat']} s."
    explained = []
    for part, members in (("header", header), ("claims", claims)):
        for name, value in members.items():
            meaning, rule = _MEANINGS.get((part, name), ("Not a member that Qlik requires", ""))
            rule += lifetime if name == "exp" else ""
            explained.append(
                Explained(part=part, name=name, value=_format_value(name, value), meaning=meaning, rule=rule)
            )
    return tuple(explained)


def token_parts(token: Token) -> dict[str, dict[str, Any]] | None:
    """Return header and claims of an access token that looks like a JWT, never its signature; None for any other.

    Nothing is verified, and nothing may be built on it: a tenant may make its tokens otherwise tomorrow (`UNOFFICIAL`).
    Who the token is for says `users/me`; scope and life say the answer that brought it.
    """
    parts = token.reveal().split(".")
    if len(parts) != 3:  # noqa: PLR2004  # header, claims, signature
        return None
    header, claims = _read_part(parts[0]), _read_part(parts[1])
    return None if header is None or claims is None else {"header": header, "claims": claims}


def format_timestamp(value: Any) -> str:
    """Return a NumericDate (RFC 7519, 2) in words, "" for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LATEST:
        return ""
    return f"{datetime.fromtimestamp(value, tz=UTC):%Y-%m-%d %H:%M:%S} UTC"


_MEANINGS: Mapping[tuple[str, str], tuple[str, str]] = {
    ("header", "alg"): (
        "How it is signed",
        "RS256, RS512 or ES384: the algorithm that the key is registered for. The sender cannot choose another one.",
    ),
    ("header", "kid"): (
        "Which key signed it",
        "Required by Qlik: it selects the registered key. The code of Qlik's own tutorial omits it.",
    ),
    ("header", "typ"): ("The type of the token", "JWT, by convention (RFC 7519, 5.1)."),
    ("claims", "iss"): ("Issuer: the client", "Exactly the client id (RFC 7523, 3)."),
    ("claims", "sub"): ("Subject: the client", "The same as iss: the client authenticates itself."),
    ("claims", "aud"): (
        "Audience: the token endpoint",
        "Exactly <tenant>/oauth/token, with no slash at the end; a string, not a list.",
    ),
    ("claims", "jti"): ("Unique identifier", "A new UUID for each request: a second use is refused."),
    ("claims", "iat"): (
        "Time of issue, minus a minute",
        f"Required by Qlik. Set {BACKDATED_SECONDS} s in the past: clocks differ, and a time in the future is refused.",
    ),
    ("claims", "exp"): ("Expiry time", f"At most {MAXIMUM_LIFETIME_SECONDS} s after iat."),
}


def _format_value(name: str, value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    moment = format_timestamp(value) if name in ("iat", "exp", "nbf") else ""
    return f"{text} ({moment})" if moment else text


def _read_part(part: str) -> dict[str, Any] | None:
    try:
        document = json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def is_sandbox(tenant: QlikTenant) -> bool:
    """Return whether a tenant is the sandbox, by its address and by its own word: a proxy to a real one may be here.

    Raises:
        TenantError: it could not be asked.
    """
    if not is_loopback(urlsplit(tenant.url).hostname or ""):
        return False
    return bool(metadata_answer(tenant.http).headers.get(_SANDBOX_HEADER) == "true")


def _require_sandbox(tenant: QlikTenant, fault: str) -> None:
    if fault not in INVALID_VARIANTS:
        raise ConfigurationError(
            f"There is no invalid variant {fault!r}.", hint=f"There are: {', '.join(INVALID_VARIANTS)}."
        )
    if not is_sandbox(tenant):
        raise ConfigurationError(
            f"{tenant.host} is not the sandbox, and invalid assertions are never sent to a real tenant on purpose.",
            hint="Start the sandbox to see what a tenant refuses.",
        )
