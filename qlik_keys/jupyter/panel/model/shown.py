"""What the panel shows of requests, steps, plans, results and errors, as frozen values; none holds a secret."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qlik_keys.auth.inspection import Explained
    from qlik_keys.jupyter.panel.model.forms import ChangeForm, TokenForm

Mode = Literal["sandbox", "real"]
StepPhase = Literal["waiting", "running", "done", "failed"]
ResultKind = Literal["good", "warning", "bad"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What the panel is connected to.

    Attributes:
        mode: "sandbox" if the tenant is on this machine's loopback and says that it is one.
        tenant_url: the tenant's address.
        tenant_host: its host.
        identity: the caller's name on the tenant.
        roles: the caller's roles.
        vault_url: the Vault's address, "" if the key store is another program's.
        custody: who holds the private keys that are made from now on.
        notices: what was corrected in what was typed.
        deprecations: what the tenant says of deprecated endpoints that were called, a text each.
    """

    mode: Mode
    tenant_url: str
    tenant_host: str
    identity: str
    roles: tuple[str, ...] = ()
    vault_url: str = ""
    custody: str = "kv"
    notices: tuple[str, ...] = ()
    deprecations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRequest:
    """A request as it is shown; secrets are redacted where it is sent.

    Attributes:
        system: who was asked.
        method: HTTP method.
        path: path with the query, decoded for reading.
        address: the same as it was sent.
        body: JSON text, "" for none.
        status: HTTP status, None when no answer came.
        milliseconds: how long it took.
        attempt: 1 for the first time.
    """

    system: Literal["tenant", "vault"]
    method: str
    path: str
    address: str
    body: str = field(repr=False)
    status: int | None
    milliseconds: float
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStep:
    """A step of the lifecycle as it is shown.

    Attributes:
        step: its name in the lifecycle.
        title: what is done, in words.
        by_hand: what does the same by hand, in Qlik's console or with other tools.
        phase: how far it is.
        requests: the requests that it made.
    """

    step: str
    title: str
    by_hand: str
    phase: StepPhase = "waiting"
    requests: tuple[ShownRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCard:
    """An error, for the user.

    Attributes:
        doing: what was being done, in words.
        what: what happened.
        hint: what to do, or "".
        outcome: whether it took effect, in words, or "".
        kind: the name of the error's class.
        trace_id: what Qlik's support asks for, or "".
        client_id: the client whose login failed, for the doctor; "" for none.
        differences: (field, as requested, as it is), for a conflict.
    """

    doing: str
    what: str
    hint: str
    outcome: str
    kind: str
    trace_id: str = ""
    client_id: str = ""
    differences: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeClient:
    """A client that was made, or existed already, with its verification.

    Attributes:
        name: its name.
        client_id: its id on the tenant.
        kid: its current key's id, "" for none.
        created: False when it was there already.
        vault_path: where its secret is in the Vault, "" if that is not known.
        subject: the client's user on the tenant, "" if it was not verified.
        scope: the scopes of the verification's token.
        expires_at: when that token expires, UTC.
        warnings: what the user should know.
        is_gone: whether a newer list of the tenant's clients lacks it.
    """

    name: str
    client_id: str
    kid: str
    created: bool
    vault_path: str = ""
    subject: str = ""
    scope: str = ""
    expires_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    is_gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownPlan:
    """What a change would do, before it is made.

    Attributes:
        form: the change.
        client_name: the client's name, "" for several.
        notes: what the user should know.
        irreversible: titles of the steps that cannot be undone.
        blocked: why it would be refused now, "" if it would be made.
        hint: what to do about that.
        is_empty: there is nothing to do.
        hints: the client secrets to choose from, for "remove_secret".
        opened: the number of the plan: each one that is opened starts from the defaults.
    """

    form: ChangeForm
    client_name: str
    notes: tuple[str, ...] = ()
    irreversible: tuple[str, ...] = ()
    blocked: str = ""
    hint: str = ""
    is_empty: bool = False
    hints: tuple[str, ...] = ()
    opened: int = field(default=0, compare=False)

    def is_for(self, form: ChangeForm) -> bool:
        """Return whether these options lead to this plan; what confirms the change does not matter for it."""
        return replace(self.form, confirm="", hint="") == replace(form, confirm="", hint="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownResult:
    """The result of an action; it is shown at its button.

    Attributes:
        kind: whether it succeeded, succeeded with a warning, or failed.
        words: the result; "" if the card says it.
        card: the error, None for none.
        number: counts the results of the session: a new one is brought into view, one that is drawn again is not.
        retry: the change to plan again after a failure, None for none.
    """

    kind: ResultKind
    words: str
    number: int
    card: ErrorCard | None = None
    retry: ChangeForm | None = None


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
class ClientWithKey:
    """A client whose key is in the store.

    Attributes:
        client_id: its id.
        name: its name.
        scopes: what it may do.
        may_impersonate: whether it may request tokens of users.
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
        variant: how it was invalid on purpose, "" for a valid one.
    """

    members: tuple[Explained, ...]
    variant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownToken:
    """The current token, without itself.

    Attributes:
        form: what was requested.
        client_name: the client's name.
        kid: the key that signed for it.
        scope: what was granted.
        expires_at: when it expires, UTC.
        lifetime_known: False if the tenant did not say when.
        subject: the token's user on the tenant, "" if that is not known.
        parts: its header and claims, if it looks like a JWT.
        is_revoked: it was revoked.
    """

    form: TokenForm
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
    """The tenant's answer to an assertion that was invalid on purpose.

    Attributes:
        variant: how, a name of `invalid_variants.INVALID_VARIANTS`.
        status: HTTP status; 200 if the tenant accepted it.
        said: the tenant's own words.
        trace_id: what Qlik's support asks for, or "".
    """

    variant: str
    status: int | None
    said: str
    trace_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnswer:
    """The answer to a call, or why there is none, with secrets redacted.

    Attributes:
        request: the call.
        samples: the same call by hand: the tool, and the code; none if it was not sent.
        needs: what the samples need, in words.
        status: HTTP status, None when no answer came.
        sent: whether the call was sent at all.
        milliseconds: how long it took, with repeats and redirects.
        size: bytes of the body.
        content_type: its media type.
        trace_id: what Qlik's support asks for, or "".
        problem: the tenant's refusal, or why it was not sent or not answered; "" for success.
        hint: what to do about that.
        kind: the name of the error's class, "" for success.
        is_json: whether there is a document.
        document: the JSON-ready body.
        note: why there is none although it was expected; or "".
        raw: the body as text.
        redacted: whether a secret was redacted in it.
    """

    request: ShownRequest
    status: int | None
    samples: tuple[tuple[str, str], ...] = field(default=(), repr=False)
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
