"""How the probe asks: any call whose refusal is an answer too, and logins of every kind, with what they brought."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from qlik_keys.auth.assertion import CLIENT_ASSERTION_TYPE, client_assertion
from qlik_keys.core.redaction import REDACTED
from qlik_keys.core.secret import Secret, guarded
from qlik_keys.errors import TenantError, TenantProtocolError
from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.http.clock_skew import skew_seconds
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS
from qlik_keys.tenant.url import TOKEN_PATH

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qlik_keys.core.clock import Clock
    from qlik_keys.keys import PrivateKey
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.resources.raw import RawAnswer

_REFUSALS = frozenset({400, 401, 403})
OK, FORBIDDEN = 200, 403
LONGEST_ASSERTION_SECONDS = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """The answer to a request for a token.

    Attributes:
        status: HTTP status.
        token: the token, None for none.
        document: the body without the token.
        is_json: whether the body was a JSON object.
        skew_seconds: our clock minus the tenant's, None where the answer has no date.
    """

    status: int
    token: Secret | None
    document: Mapping[str, Any] = field(repr=False)
    is_json: bool
    skew_seconds: float | None = None

    @property
    def is_accepted(self) -> bool:
        """Whether a token came."""
        return self.status == OK and self.token is not None


def ask(tenant: QlikTenant, method: str, path: str, **options: Any) -> RawAnswer:
    """Send a call and return its answer, also one that refuses it.

    Raises:
        TenantError: there was no answer.
    """
    refused: list[RawAnswer] = []
    try:
        return tenant.raw(method, path, on_refusal=refused.append, **options)
    except TenantError:
        if not refused:
            raise
    return refused[-1]


def assertion_for(
    client_id: str, key: PrivateKey, audience: str, *, clock: Clock, lifetime_seconds: int = LONGEST_ASSERTION_SECONDS
) -> Secret:
    """Return an assertion that is ready to be sent, more than once too."""
    text = client_assertion(
        key.signer(), client_id=client_id, audience=audience, lifetime_seconds=lifetime_seconds, clock=clock
    )
    made = guarded(text, what="assertion")
    assert isinstance(made, Secret)
    return made


def document_of(answer: RawAnswer) -> dict[str, Any]:
    """Return an answer's document, {} where it is no JSON object."""
    try:
        document = answer.json()
    except TenantProtocolError:
        return {}
    return document if isinstance(document, dict) else {}


def rows_of(answer: RawAnswer) -> list[dict[str, Any]]:
    """Return the rows of a list, none where the answer has no list."""
    rows = document_of(answer).get("data")
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def next_address(answer: RawAnswer) -> str:
    """Return the address of the next page, "" for none."""
    links = document_of(answer).get("links")
    following = links.get("next") if isinstance(links, dict) else None
    address = following.get("href") if isinstance(following, dict) else None
    return address if isinstance(address, str) else ""


def log_in(
    tenant: QlikTenant,
    client_id: str,
    *,
    assertion: Secret | None = None,
    secret: Secret | None = None,
    scope: str = "",
    assertion_type: str = CLIENT_ASSERTION_TYPE,
) -> Login:
    """Ask for a token once, and return the answer, also one that refuses it.

    Args:
        tenant: the tenant.
        client_id: the client.
        assertion: by which it authenticates itself; or
        secret: its client secret.
        scope: separated by blanks, "" for none.
        assertion_type: the field `client_assertion_type`.

    Raises:
        TenantError: there was no answer, or none of the token endpoint's.
    """
    fields = {"grant_type": CLIENT_CREDENTIALS, "client_id": client_id, **({"scope": scope} if scope else {})}
    shown = dict(fields)
    if assertion is not None:
        fields["client_assertion_type"] = shown["client_assertion_type"] = assertion_type
        shown["client_assertion"] = REDACTED
    if secret is not None:
        shown["client_secret"] = REDACTED

    def form() -> dict[str, str]:
        by = {} if assertion is None else {"client_assertion": assertion.reveal()}
        return {**fields, **by, **({} if secret is None else {"client_secret": secret.reveal()})}

    call = Call(method="POST", path=TOKEN_PATH, tier=2, form=form, shown=shown, public=(client_id,), accept=_REFUSALS)
    answer = tenant.http.send(call, None)
    document, token = _read(answer.content)
    if token is not None:
        tenant.http.redactor.know(token)
    return Login(
        status=answer.status,
        token=token,
        document=document or {},
        is_json=document is not None,
        skew_seconds=skew_seconds(answer),
    )


def _read(content: bytes) -> tuple[dict[str, Any] | None, Secret | None]:
    """Return the members of an answer without the token, and the token."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(document, dict):
        return None, None
    found = document.pop("access_token", None)
    for name in [name for name in document if "token" in name and name != "token_type"]:
        document[name] = REDACTED
    token = guarded(found, what="access token") if isinstance(found, str) else None
    return document, token if isinstance(token, Secret) else None


def seconds_until(
    wanted: Callable[[], bool], *, clock: Clock, limit_seconds: float, stop: Callable[[], None] = lambda: None
) -> float | None:
    """Return how long it took until something was so, 0 where it was so at once, None where it never was.

    Args:
        wanted: looks.
        clock: time.
        limit_seconds: how long to look.
        stop: called before each wait; it may raise.
    """
    started, pause_seconds = clock.monotonic(), 0.25
    if wanted():
        return 0.0
    while clock.monotonic() - started + pause_seconds <= limit_seconds:
        stop()
        clock.sleep(pause_seconds)
        if wanted():
            return round(clock.monotonic() - started, 2)
        pause_seconds = min(pause_seconds * 2, 4.0)
    return None
