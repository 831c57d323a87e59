"""The one exception tree of the package.

```
QlikKeysError                    hint, retryable, outcome
├── ConfigurationError           a setting is missing, contradictory or unsafe (also a ValueError)
│   ├── AmbiguousName            a client's name does not say which one is meant: client_ids
│   ├── HookNotPending           a hook that was to be dropped is pending nowhere: hook, pending
│   └── ManifestError            a fleet file has mistakes: problems, each with line and column
├── KeyMaterialError             a key is malformed, too weak, of the wrong kind, or private where public is wanted
├── TenantError                  status, code, title, detail, trace_id, method, path
│   ├── TenantUnreachable        no connection, or an answer that was interrupted
│   ├── TenantAuthError          401, 403
│   ├── TenantNotFound           404
│   │   └── ClientGone           of a client that the store still has a record of
│   ├── TenantConflict           409
│   ├── TenantRejected           any other 4xx: the request itself is wrong
│   ├── TenantThrottled          429, retry_after in seconds
│   ├── TenantUnavailable        5xx, retry_after in seconds where the tenant tells it
│   └── TenantProtocolError      an answer that the contract does not know, a redirect to another origin
├── TokenError                   client_id
│   ├── AssertionRejected        the token endpoint refuses the credential
│   │   └── ClientUntrusted      and the client's consent method is not trusted
│   ├── ScopeRejected            it refuses the scopes
│   └── ClockSkewError           it refuses, and its clock and ours are far apart: skew_seconds
├── StoreError                   path (never a value)
│   ├── StoreUnreachable         no connection, time-out, audit device that blocks, standby without a leader
│   │   └── StoreConnectionCut   the connection was cut: a fresh one may work
│   ├── StoreSealed
│   ├── StoreDenied              the Vault token may not do this, or is expired
│   │   └── StorePolicyDenied    the token was accepted, and its policies forbid the call
│   ├── StoreUsesReserved        nothing was asked: the last uses of the login are left to what needs them more
│   ├── StoreMisconfigured       no such mount, KV version 1 at that mount, redirect to another origin
│   ├── StoreNotFound
│   │   ├── StoreDeleted         soft-deleted: it can be undeleted; deletion_time
│   │   └── StoreDestroyed       its newest version is destroyed
│   ├── StoreConflict            compare-and-set lost
│   └── StoreProtocolError       an answer that is not Vault's, or a write that is not there when read back
│       └── StoreDamaged         a document of qlik_keys that someone has edited: kid, token_url
├── ClusterError                 a Dask cluster cannot be reached, has no worker, or was lost
├── NotificationFailed           a service did not accept a message, or it could not be remembered: it is sent again
└── LifecycleError
    ├── ManualActionRequired     a conflict that a person must decide: differences
    ├── Interrupted              cancelled between two steps; ask again to resume
    ├── HookFailed               a hook after a promotion: hook, hook_id
    └── PartlyFailed             of many items some failed: results, failures
        ├── FleetError           of the clients of a fleet
        └── ResumeError          of the operations that were to be finished
```

`outcome` says what is known of the effect: `not_applied`, `unknown` (look before trying again), `applied`.
No message, attribute, `__cause__` or `__context__` of these carries a secret: adapters copy class, host and status
from a foreign error and raise `from None` (reliability-facts 0.3).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime


class Outcome(StrEnum):
    """What is known about the effect of a call that failed."""

    NOT_APPLIED = "not_applied"
    UNKNOWN = "unknown"
    APPLIED = "applied"


class QlikKeysError(Exception):
    """The root of the tree.

    Attributes:
        hint: what the reader can do about it, one sentence, or "".
        retryable: True when the same call may succeed later without anyone changing anything.
        outcome: what is known of the effect.
    """

    def __init__(
        self, message: str, *, hint: str = "", retryable: bool = False, outcome: Outcome = Outcome.NOT_APPLIED
    ) -> None:
        super().__init__(message)
        self.hint = hint
        self.retryable = retryable
        self.outcome = outcome

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message} {self.hint}" if self.hint else message

    @property
    def message(self) -> str:
        """The message without the hint."""
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel between processes with all attributes: a constructor's keywords are not in an exception's `args`."""
        return _rebuilt, (self.__class__, self.args, self.__dict__)


def _rebuilt(kind: type[QlikKeysError], args: tuple[Any, ...], attributes: Mapping[str, Any]) -> QlikKeysError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


def copy_of_error(error: QlikKeysError) -> QlikKeysError:
    """Return an equal error that is another object: one that is raised in two threads mixes their tracebacks."""
    return _rebuilt(error.__class__, error.args, error.__dict__)


class ConfigurationError(QlikKeysError, ValueError):
    """A setting is missing, contradictory or unsafe."""


class AmbiguousName(ConfigurationError):
    """A client's name does not say which one is meant.

    Attributes:
        client_ids: the ids of those that it may be.
    """

    def __init__(self, message: str, *, client_ids: tuple[str, ...], hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.client_ids = client_ids


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestProblem:
    """A mistake in a fleet file, or in a file of hooks. No value is quoted: it may be a secret that someone pasted.

    Attributes:
        line: from 1.
        column: from 1.
        message: what is wrong.
        hint: what to do.
    """

    line: int
    column: int
    message: str
    hint: str

    def to_text(self) -> str:
        """Return what is wrong and what to do, as one sentence."""
        hint = self.hint
        if hint[1:2].islower():
            hint = hint[0].lower() + hint[1:]
        return f"{self.message.rstrip('.')}; {hint}"


class HookNotPending(ConfigurationError):
    """A hook that was to be dropped is pending for no client.

    Attributes:
        hook: the name that was given.
        pending: names of the hooks that are pending.
    """

    def __init__(self, message: str, *, hook: str, pending: Iterable[str] = (), hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.hook = hook
        self.pending = tuple(pending)


class ManifestError(ConfigurationError):
    """A fleet file, or a file of hooks, has mistakes.

    Attributes:
        file: the file, as it was named.
        problems: all of them, in the order of the file.
    """

    def __init__(self, file: str, problems: Sequence[ManifestProblem], *, what: str = "fleet file") -> None:
        self.file, self.problems = file, tuple(problems)
        count = "a mistake" if len(self.problems) == 1 else f"{len(self.problems)} mistakes"
        lines = [f"{file}:{each.line}:{each.column}: {each.to_text()}" for each in self.problems]
        super().__init__(
            "\n".join([f"The {what} {file} has {count}:", *lines]), hint="Correct the file; nothing was done."
        )


class KeyMaterialError(QlikKeysError, ValueError):
    """A key is malformed, too weak, of the wrong kind, or private where a public one is wanted."""


class TenantError(QlikKeysError):
    """A call to the tenant failed.

    Attributes:
        status: HTTP status, None when there was no answer.
        code: Qlik's own code, or the `error` of RFC 6749, or "".
        title: Qlik's title, or "".
        detail: Qlik's detail, or `error_description`, or "".
        trace_id: what Qlik's support asks for, or "".
        method: HTTP method of the request.
        path: path of the request, without the query.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        retryable: bool = False,
        outcome: Outcome = Outcome.NOT_APPLIED,
        status: int | None = None,
        code: str = "",
        title: str = "",
        detail: str = "",
        trace_id: str = "",
        method: str = "",
        path: str = "",
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable, outcome=outcome)
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.trace_id = trace_id
        self.method = method
        self.path = path


class TenantUnreachable(TenantError):
    """No connection, or an answer that was interrupted."""


class TenantAuthError(TenantError):
    """401 or 403: the credential is not accepted, or its role does not allow the call."""


class TenantNotFound(TenantError):
    """404."""


class ClientGone(TenantNotFound):
    """404 of a client whose record is still in the store."""


class TenantConflict(TenantError):
    """409, for example a sixth client secret."""


class TenantRejected(TenantError):
    """Any other 4xx: the request itself is wrong."""


class TenantThrottled(TenantError):
    """429 after all the retries that the bound allows.

    Attributes:
        retry_after: seconds that the tenant asks to wait.
    """

    def __init__(self, message: str, *, retry_after: float, **fields: object) -> None:
        super().__init__(message, **fields)  # type: ignore[arg-type]
        self.retry_after = retry_after


class TenantUnavailable(TenantError):
    """5xx after all the retries that the bound allows.

    Attributes:
        retry_after: seconds that the tenant asks to wait, None where it does not say.
    """

    def __init__(self, message: str, *, retry_after: float | None = None, **fields: object) -> None:
        super().__init__(message, **fields)  # type: ignore[arg-type]
        self.retry_after = retry_after


class TenantProtocolError(TenantError):
    """An answer that the contract does not know, or a redirect to another origin."""


_FORBIDDEN = 403  # of the token endpoint (qlik-cloud-contract, "POST /oauth/token")


class TokenError(QlikKeysError):
    """No access token could be had.

    Attributes:
        client_id: the client that asked.
        status: HTTP status of the token endpoint's answer, None when there was none.
        code: the endpoint's own error code, or "".
        detail: the endpoint's title and detail, or "".
        trace_id: what Qlik's support asks for, or "".
    """

    def __init__(
        self,
        message: str,
        *,
        client_id: str = "",
        status: int | None = None,
        code: str = "",
        detail: str = "",
        trace_id: str = "",
        hint: str = "",
        retryable: bool = False,
        outcome: Outcome = Outcome.NOT_APPLIED,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable, outcome=outcome)
        self.client_id = client_id
        self.status = status
        self.code = code
        self.detail = detail
        self.trace_id = trace_id


class AssertionRejected(TokenError):
    """The token endpoint refuses the client's credential (assertion or secret)."""

    @property
    def refuses_user(self) -> bool:
        """Whether the client is known and its user refused: disabled, or with too many tokens; time does not end it."""
        return self.status == _FORBIDDEN


class ClientUntrusted(AssertionRejected):
    """The token endpoint refuses the client's credential, and the client's consent method is not trusted."""


class ScopeRejected(TokenError):
    """The token endpoint refuses the scopes that were asked for."""


class ClockSkewError(TokenError):
    """The credential was refused, and our clock is so far from the server's that this is the likely reason.

    Attributes:
        skew_seconds: our clock minus the server's `Date`, in seconds.
    """

    def __init__(self, message: str, *, skew_seconds: float, **fields: object) -> None:
        super().__init__(message, **fields)  # type: ignore[arg-type]
        self.skew_seconds = skew_seconds


class StoreError(QlikKeysError):
    """A call to the key store failed.

    Attributes:
        path: where in the store, as a person would type it; never a value.
    """

    def __init__(
        self,
        message: str,
        *,
        path: str = "",
        hint: str = "",
        retryable: bool = False,
        outcome: Outcome = Outcome.NOT_APPLIED,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable, outcome=outcome)
        self.path = path


class StoreUnreachable(StoreError):
    """No connection, a time-out (an audit device that blocks looks like this), or a standby without a leader."""


class StoreConnectionCut(StoreUnreachable):
    """The server, or something before it, closed the connection: a fresh one may work."""


class StoreSealed(StoreError):
    """The Vault is sealed or not initialized."""


class StoreDenied(StoreError):
    """The Vault token may not do this, or is expired."""


class StorePolicyDenied(StoreDenied):
    """The token was accepted, and its policies forbid the call: Vault says that in other words than of a bad token."""


class StoreUsesReserved(StoreError):
    """Nothing was asked: the last uses of the login (Vault's num_uses) are left to someone who needs them more."""


class StoreMisconfigured(StoreError):
    """No such mount, KV version 1 at that mount, or a redirect to another origin."""


class StoreNotFound(StoreError):
    """There is nothing at that path."""


class StoreDeleted(StoreNotFound):
    """The newest version is soft-deleted: it can be undeleted.

    Attributes:
        deletion_time: when it was deleted, UTC.
    """

    def __init__(self, message: str, *, deletion_time: datetime | None, **fields: object) -> None:
        super().__init__(message, **fields)  # type: ignore[arg-type]
        self.deletion_time = deletion_time


class StoreDestroyed(StoreNotFound):
    """A record that qlik_keys manages was there, and its newest version is destroyed: nothing brings that one back."""


class StoreConflict(StoreError):
    """Another user wrote there first (compare-and-set lost), or what is there is not managed by qlik_keys."""


class StoreProtocolError(StoreError):
    """An answer that is not Vault's, or a write that is not there when read back."""


class StoreDamaged(StoreProtocolError):
    """A document of qlik_keys that cannot be read: someone has edited it.

    Attributes:
        kid: the current key's id that it names all the same, or "".
        token_url: the token endpoint that it names all the same, or "".
    """

    kid: str = ""
    token_url: str = ""


class ClusterError(QlikKeysError):
    """A Dask cluster cannot be reached, has no worker, or was lost while it worked."""


class NotificationFailed(QlikKeysError):
    """A service did not accept a message, or what was told could not be remembered: the next run tells it again."""


class LifecycleError(QlikKeysError):
    """An operation on a client's keys cannot go on automatically."""


class ManualActionRequired(LifecycleError):
    """A conflict that a person must decide.

    Attributes:
        differences: what differs: name of the field -> (what was asked for, what is there).
    """

    def __init__(
        self,
        message: str,
        *,
        differences: Mapping[str, tuple[object, object]] | None = None,
        hint: str = "",
        retryable: bool = False,
        outcome: Outcome = Outcome.NOT_APPLIED,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable, outcome=outcome)
        self.differences = dict(differences or {})


class Interrupted(LifecycleError):
    """Cancelled between two steps; the same call again resumes it."""


class HookFailed(LifecycleError):
    """A hook did not succeed: the client has its new key, and a consumer may not know.

    An operation that has changed a key reports it as a warning; `resume` that had nothing else to do raises it.

    Attributes:
        hook: the hook's name.
        hook_id: what it was told: the client's id, the kid and its name.
    """

    def __init__(
        self,
        message: str,
        *,
        hook: str,
        hook_id: str,
        hint: str = "",
        retryable: bool = True,
        outcome: Outcome = Outcome.UNKNOWN,
    ) -> None:
        super().__init__(message, hint=hint, retryable=retryable, outcome=outcome)
        self.hook = hook
        self.hook_id = hook_id


class ItemResult(Protocol):
    """What became of one item of many."""

    @property
    def client_id(self) -> str: ...  # noqa: D102

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def error(self) -> QlikKeysError | None: ...  # noqa: D102


Some = TypeVar("Some", bound=ItemResult)


class PartlyFailed(LifecycleError, Generic[Some]):
    """Some items failed; the others were done, and what is done is never done twice.

    Attributes:
        results: all items that were looked at, in order.
        failures: those of them that failed.
        left: how many were not looked at, since the last failure concerns them too.
    """

    def __init__(self, results: Sequence[Some], *, what: str, left: int = 0) -> None:
        self.left = left
        self.results = results if isinstance(results, list) else list(results)  # a list may have a look of its own
        self.failures = [item for item in results if item.error is not None]
        lines = _counted(self.results, what, left)
        lines += _reasons(self.failures)
        if left:
            lines.append(f"{left} were not processed: the last failure affects them too.")
        retryable = all(item.error is not None and item.error.retryable for item in self.failures)
        outcomes = {item.error.outcome for item in self.failures if item.error is not None}
        unclear = Outcome.UNKNOWN if Outcome.UNKNOWN in outcomes else Outcome.NOT_APPLIED
        done = len(self.failures) < len(results) or Outcome.APPLIED in outcomes
        super().__init__(
            "\n".join(lines),
            hint="Fix the causes and run it again: completed clients are not changed.",
            retryable=retryable,
            outcome=Outcome.APPLIED if done else unclear,
        )


class FleetError(PartlyFailed[Any]):
    """Some clients of a fleet could not be processed, e.g. not be rotated; the others were.

    Attributes:
        results: a `fleet.FleetResult` of each client that was looked at, those that were done too.
        failures: those that failed.
    """


class ResumeError(PartlyFailed[Any]):
    """Some operations could not be finished; the others were.

    Attributes:
        results: a `lifecycle.Resumed` of each, the finished ones too.
        failures: those that could not be finished.
    """


def _counted(results: Sequence[ItemResult], what: str, left: int) -> list[str]:
    """Return how many items failed; a tenant as a whole is none of them, and has a line of its own."""
    tenants = [item for item in results if _is_of_tenant(item)]
    items = [item for item in results if not _is_of_tenant(item)]
    total, failed = len(items) + left, sum(item.error is not None for item in items)
    lines = [f"{len(tenants)} tenant{'s'[: len(tenants) - 1]} could not be processed."] if tenants else []
    if failed == total == 1:
        lines.append(f"1 {what.replace('s could', ' could', 1)}")
    elif failed or not tenants:
        lines.append(f"{failed} of {total} {what}" if failed < total else f"{failed} {what}")
    return lines


def _reasons(failures: Sequence[ItemResult]) -> list[str]:
    """Return each reason, with all items that failed for it: one before it, several in a line below it."""
    failed: dict[tuple[str, str], list[ItemResult]] = {}
    for item in failures:
        if item.error is not None:
            tenant = getattr(item, "tenant", "") if _client_called(item) else ""
            failed.setdefault((tenant, _told(item.error)), []).append(item)
    lines = []
    for (tenant, reason), items in failed.items():
        if len(items) == 1:
            lines.append(f"{_called(items[0])}: {reason}")
        elif tenant:
            lines += [f"{tenant}: {reason}", f"  {', '.join(map(_client_called, items))}"]
        else:
            lines += [reason, f"  {', '.join(map(_called, items))}"]
    return lines


def _is_of_tenant(item: ItemResult) -> bool:
    """Tell whether an item stands for a tenant as a whole, of a work on clients."""
    if item.error is None:
        return False
    told: bool | None = getattr(item, "is_of_tenant", None)
    return bool(getattr(item, "tenant", "")) and not (item.client_id or item.name) if told is None else told


def _called(item: ItemResult) -> str:
    tenant = getattr(item, "tenant", "")
    called = _client_called(item)
    return f"{tenant}: {called}" if tenant and called else tenant or called


def _client_called(item: ItemResult) -> str:
    # A name is another user's text: neither a line of its own nor an escape sequence of a terminal.
    name = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in item.name)
    return f"{name} ({item.client_id})" if name and item.client_id else name or item.client_id


def _told(error: QlikKeysError) -> str:
    return f"{error.message} {error.hint}".rstrip()
