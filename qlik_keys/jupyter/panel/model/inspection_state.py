"""What the tab "Try a token" shows at one moment, as frozen values; nothing of it is a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qlik_keys.auth.inspection import Explained
    from qlik_keys.jupyter.panel.model.state import ShownRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class TryForm:
    """A wish for a token.

    Attributes:
        client_id: as which client.
        scopes: what to ask for; none asks for all that the client may have.
        user_field: how a user is looked up for whom the token is, "" for the client's own.
        user_value: the user's id or subject.
        fault: how to break the assertion on purpose, a name of `trial.INVALID_VARIANTS`; "" for a genuine one.
    """

    client_id: str
    scopes: tuple[str, ...] = ()
    user_field: Literal["", "userId", "subject"] = ""
    user_value: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundUser:
    """A user of the tenant that a search found.

    Attributes:
        user_id: the id.
        label: name, e-mail address and subject, as far as there are any.
    """

    user_id: str
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForm:
    """A call with the current token, as it was typed.

    Attributes:
        method: HTTP method.
        path: for instance v1/users/me.
        body: JSON text, "" for none.
        confirm: the id once more, where the call deletes a client.
    """

    method: str
    path: str
    body: str = field(default="", repr=False)
    confirm: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientToTry:
    """A client whose key is in the store.

    Attributes:
        client_id: its id.
        name: its name.
        scopes: what it may do.
        may_impersonate: whether it may ask for tokens of users.
    """

    client_id: str
    name: str
    scopes: tuple[str, ...]
    may_impersonate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAssertion:
    """An assertion as it was sent, without its signature.

    Attributes:
        members: header and claims, explained.
        fault: how it was broken on purpose, "" for a genuine one.
    """

    members: tuple[Explained, ...]
    fault: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownToken:
    """The current token, without itself.

    Attributes:
        form: what was asked for.
        client_name: the client's name.
        kid: the key that signed for it.
        scope: what was granted.
        expires_at: when it ends, UTC.
        lifetime_known: False where the tenant did not say when.
        subject: who the tenant says its bearer is, "" where it was not asked.
        parts: its header and claims, where it looks like a JWT.
        is_revoked: it was ended before its time.
    """

    form: TryForm
    client_name: str
    kid: str
    scope: str
    expires_at: datetime
    lifetime_known: bool
    subject: str = ""
    parts: Mapping[str, Mapping[str, Any]] | None = None
    is_revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRejection:
    """What a tenant said to an assertion that was broken on purpose.

    Attributes:
        fault: how, a name of `trial.INVALID_VARIANTS`.
        status: HTTP status; 200 where the tenant took it.
        said: the tenant's own words.
        trace_id: what Qlik's support asks for, or "".
    """

    fault: str
    status: int | None
    said: str
    trace_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnswer:
    """What a call was answered, or why it was not, with secrets redacted.

    Attributes:
        request: the call.
        ways: the same by hand: what with, and the code; none where it was not sent.
        needs: what the first of them needs, in words.
        status: HTTP status, None when no answer came.
        sent: whether the call was sent at all.
        milliseconds: how long it took, with repeats and redirects.
        size: bytes of the body.
        content_type: its media type.
        trace_id: what Qlik's support asks for, or "".
        problem: what the tenant said against it, or why it was not sent or not answered; "" for success.
        hint: what to do about that.
        kind: the name of the error's class, "" for success.
        is_json: whether there is a document.
        document: the JSON-ready body.
        note: why there is none, where one was to be expected; or "".
        raw: the body as text.
        redacted: whether a secret was redacted in it.
    """

    request: ShownRequest
    status: int | None
    ways: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    needs: str = ""
    sent: bool = True
    milliseconds: float = 0.0
    size: int = 0
    content_type: str = ""
    trace_id: str = ""
    problem: str = ""
    hint: str = ""
    kind: str = ""
    is_json: bool = False
    document: Any = field(default=None, repr=False, compare=False)
    note: str = ""
    raw: str = field(default="", repr=False, compare=False)
    redacted: bool = False
