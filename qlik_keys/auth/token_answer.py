"""What the token endpoint answers, checked member by member (RFC 6749 5.1; qlik-cloud-contract, "POST /oauth/token").

Read by hand and not as a pydantic model: a program that wants one token would pay more for building the model than for
the whole answer. Not done here: asking (`token_endpoint`), how long the token lives (`qlik_keys.auth.access_token`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from qlik_keys.core.secret import Secret, guarded
from qlik_keys.errors import Outcome, TokenError
from qlik_keys.tenant.http.known_refusals import is_web_page
from qlik_keys.tenant.unexpected import unexpected_answer

# The other kinds that have a name (RFC 9449, the OAuth parameter registry): a word of the server's that is none of
# these is not quoted, since it may be anything.
_OTHER_KINDS = {"mac": "MAC", "dpop": "DPoP", "pop": "PoP", "n_a": "N_A", "jwt": "JWT", "basic": "Basic"}
_LATEST_SECONDS = datetime.max.replace(tzinfo=UTC).timestamp()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAnswer:
    """A bearer token as the tenant gave it.

    Attributes:
        access_token: the token.
        token_type: "Bearer", in the letters that the tenant wrote.
        expires_in: its life in seconds, None where the tenant does not say it so, or says no number.
        expires_at: its end, UTC, None likewise.
        scope: the scopes that were granted, with blanks between; "" where the tenant does not say.
    """

    access_token: Secret
    token_type: str
    expires_in: float | None
    expires_at: datetime | None
    scope: str


def read_token_answer(content: bytes, *, client_id: str, status: int, method: str, path: str) -> TokenAnswer:
    """Read the answer to a request for a token.

    Args:
        content: the answer's body.
        client_id: the client that asked, for the error.
        status: the answer's HTTP status, for the error.
        method: HTTP method of the request, for the error.
        path: path of the request, for the error.

    Raises:
        TokenError: it is a token, and none that may be used as Bearer (RFC 6749 7.1: a client must not use a token
            whose type it does not understand). `outcome` is `applied`: the tenant has given the token.
        TenantProtocolError: it is no answer of a token endpoint; the members that are wrong are named, no value is
            shown.
    """
    members, wrong = _members(content)
    is_page = is_web_page(content)
    del content
    found = guarded(members.pop("access_token"), what="access token") if not wrong else None
    kind = members.get("token_type")
    expires_in, expires_at, scope = members.get("expires_in"), members.get("expires_at"), members.get("scope")
    members.clear()
    if not isinstance(found, Secret):
        raise unexpected_answer(method, path, wrong or "access_token", is_page=is_page)
    if not isinstance(kind, str) or kind.lower() != "bearer":
        told = _type_in_answer(kind)
        del kind
        raise TokenError(
            f"The tenant gave client {client_id} a token {told}, but only a Bearer token can be sent with a request.",
            hint="Nothing was sent with it. Check that the token URL is Qlik Cloud's and that no gateway changes its"
            " answers.",
            client_id=client_id,
            status=status,
            outcome=Outcome.APPLIED,
        )
    return TokenAnswer(
        access_token=found,
        token_type=kind,
        expires_in=_number(expires_in),
        expires_at=_moment(expires_at),
        # JSON may escape half a letter (RFC 8259 8.2), which no stream could print.
        scope=scope.encode("utf-8", "replace").decode() if isinstance(scope, str) else "",
    )


def _members(content: bytes) -> tuple[dict[str, Any], str]:
    """Return the document's members, or {} and what is wrong with it; never raises, since the token is in it."""
    try:
        document: Any = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}, "json_invalid"
    if not isinstance(document, dict):
        return {}, "not a JSON object"
    if not isinstance(document.get("access_token"), str):
        return {}, "access_token"
    return document, ""


def _type_in_answer(kind: Any) -> str:
    if kind is None:
        return "without `token_type`"
    if not isinstance(kind, str):
        return "whose `token_type` is not text"
    known = _OTHER_KINDS.get(kind.strip().lower())
    return f"of the type {known}" if known else "of an unknown type"


def _number(value: Any) -> float | None:
    """Return a number of seconds, written as a number or as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _moment(value: Any) -> datetime | None:
    """Return a moment in UTC, written by ISO 8601 (without a zone it is UTC) or in seconds since 1970; else None."""
    try:
        if isinstance(value, str) and not value.strip().replace(".", "", 1).isdecimal():
            moment = datetime.fromisoformat(value.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        seconds = _number(value)
        if seconds is None or not 0 <= seconds <= _LATEST_SECONDS:
            return None
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (ValueError, OverflowError):
        return None
