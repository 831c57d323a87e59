"""One declared client, compared with what there is of its name: pure, from values to values."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from qlik_keys.core.durations import format_duration
from qlik_keys.fleet.manifest.comparing.changes import PlannedChange
from qlik_keys.fleet.manifest.declared import methods_text
from qlik_keys.fleet.manifest.model import key_text
from qlik_keys.lifecycle.provisioning.specification import APP_TYPE, CLIENT_SECRET, PRIVATE_KEY_JWT
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS, IMPERSONATION

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from qlik_keys.fleet.manifest.comparing.changes import Kind
    from qlik_keys.fleet.manifest.comparing.facts import FoundClient, TenantFacts
    from qlik_keys.fleet.manifest.declared import DeclaredClient
    from qlik_keys.keystore.base import KeySummary
    from qlik_keys.lifecycle.hooks.definition import Hook

_HOUR, _DAY = timedelta(hours=1), timedelta(days=1)


class Comparison:
    """One declared client, and what there is of its name."""

    def __init__(
        self,
        *,
        tenant: str,
        declared: DeclaredClient,
        alike: Sequence[FoundClient],
        facts: TenantFacts,
        fleet: str,
        now: datetime,
        hooks: Sequence[Hook],
        take_over: str = "",
    ) -> None:
        self._tenant, self._declared, self._alike = tenant, declared, alike
        self._facts, self._fleet, self._now, self._hooks = facts, fleet, now, hooks
        self._take_over = take_over

    def changes(self) -> list[PlannedChange]:
        """Return what differs."""
        if len(self._alike) > 1:
            ids = ", ".join(sorted(each.client_id for each in self._alike))
            return [
                self._change(
                    "blocked", reason=f"the tenant has several clients of this name ({ids}); rename all but one"
                )
            ]
        client = self._alike[0] if self._alike else None
        summary = None if client is None else client.summary
        if client is not None and client.problem:
            return [self._change("blocked", client, reason=client.problem)]
        if self._declared.name in self._facts.pending:
            return [self._change("finish", client, reason="it is being made, and was interrupted")]
        if client is None:
            return [self._change("create", fields=self._created())]
        if summary is not None and summary.gone == "deleted":
            return [
                self._change("blocked", client, reason=f"its record was deleted; to bring it back: {summary.remedy}")
            ]
        if summary is not None and summary.is_in_progress:
            return [self._change("finish", client, reason="an operation on its keys was interrupted")]
        if client.app_type != APP_TYPE:
            return [
                self._change("blocked", client, reason=f"a client of type {client.app_type or 'unknown'} has this name")
            ]
        if summary is None or summary.gone:
            return [self._change("unmanaged", client, reason="qlik_keys has no key of it; --adopt gives it one")]
        return self._managed(client, summary)

    def _managed(self, client: FoundClient, summary: KeySummary) -> list[PlannedChange]:
        mark, declared = summary.declaration, self._declared
        if mark is not None and mark.fleet not in (self._fleet, self._take_over):
            reason = (
                f"it is declared in the file of the fleet {mark.fleet!r}; if that fleet has a new name, or gives the "
                f"client away: --take-over {mark.fleet}"
            )
            return [self._change("blocked", client, reason=reason)]
        if not declared.has_key and PRIVATE_KEY_JWT in client.auth_methods:
            reason = "it logs in by a key, which no file removes; delete the method in Qlik's console"
            return [self._change("blocked", client, reason=reason)]
        if mark is not None and mark.awaits_secret and declared.has_secret and CLIENT_SECRET in client.auth_methods:
            reason = "a client secret was made, and it may have been shown to no one; another one is made"
            return [self._change("finish", client, reason=reason)]
        pending = self._pending_hooks(client, summary)
        if pending:
            return [pending]
        reasons = self._reasons_to_rotate(client, summary)
        fields = [*self._fields(client), *self._record_fields(summary, rotates=bool(reasons))]
        found = []
        if fields:
            found.append(self._change("change", client, fields=tuple(fields)))
        elif mark is None:
            found.append(self._change("mark", client))
        if summary.retire_at is not None and summary.retire_at <= self._now:
            found.append(self._change("retire", client, reason="the overlap of an old key is over"))
        if reasons:
            found.append(self._change("rotate", client, reason="; ".join(reasons)))
        return found

    def _pending_hooks(self, client: FoundClient, summary: KeySummary) -> PlannedChange | None:
        """Return what is to be done about hooks that have not succeeded, None where there are none.

        What is not defined here is no difference, until an old key waits for it that should be gone.
        """
        here = [each.name for each in self._hooks if each.name in summary.pending_hooks]
        if here:
            return self._change("finish", client, reason=f"these hooks have not succeeded: {', '.join(here)}")
        if summary.pending_hooks and summary.retire_at is not None and summary.retire_at <= self._now:
            names = ", ".join(summary.pending_hooks)
            reason = (
                f"an old key waits for hooks that this file does not define: {names}; `resume` where they are defined"
            )
            return self._change("blocked", client, reason=reason)
        return None

    def _fields(self, client: FoundClient) -> Iterator[tuple[str, str, str]]:
        """Yield what differs on the tenant."""
        declared = self._declared
        if client.name != declared.name:
            yield "name", client.name, declared.name
        if set(client.scopes) != set(declared.scopes):
            yield "scopes", _joined(client.scopes), _joined(declared.scopes)
        if declared.description is not None and client.description != declared.description:
            yield "description", client.description, declared.description
        if declared.consent is not None and client.consent is not None:
            there = "trusted" if client.consent == "trusted" else "required"
            if there != declared.consent:
                yield "consent", there, declared.consent
        if CLIENT_CREDENTIALS not in client.grant_types:
            yield "machine-to-machine", "false", "true"
        if declared.impersonation is not None and declared.impersonation != (IMPERSONATION in client.grant_types):
            yield "impersonation", _flag(not declared.impersonation), _flag(declared.impersonation)
        there_methods = {PRIVATE_KEY_JWT, CLIENT_SECRET} & {*client.auth_methods}
        if declared.methods is not None and there_methods != set(declared.methods):
            yield "methods", _joined(methods_text((*there_methods,))), _joined(methods_text(declared.methods))

    def _record_fields(self, summary: KeySummary, *, rotates: bool) -> Iterator[tuple[str, str, str]]:
        """Yield what differs in the record."""
        declared, there = self._declared, summary.declaration
        wanted = declared.mark(self._fleet, there)
        if there is not None and there.fleet != self._fleet:
            yield "fleet", there.fleet, self._fleet
        if wanted.owner != (there.owner if there else ""):
            yield "owner", there.owner if there else "", wanted.owner
        if wanted.tags != (there.tags if there else ()):
            yield "tags", _joined(there.tags if there else ()), _joined(wanted.tags)
        before = there.overlap_seconds if there else None
        if wanted.overlap_seconds != before:
            yield "overlap", _span(before), _span(wanted.overlap_seconds)
        serves, tolerance = summary.rotate_after, _HOUR
        if serves is None and summary.serves_days is not None:
            # Without a mark, when the key came into use is known by when it was made alone.
            serves, tolerance = timedelta(days=summary.serves_days), _DAY
        if declared.rotate_after is None or serves is None or rotates:
            return
        if abs(serves - declared.rotate_after) >= tolerance:
            yield "rotate-after", format_duration(serves), format_duration(declared.rotate_after)

    def _reasons_to_rotate(self, client: FoundClient, summary: KeySummary) -> list[str]:
        declared = self._declared
        if not declared.has_key:
            return []
        if not summary.current_kid:
            return ["it has no key"] if declared.methods is not None else []
        reasons = []
        if summary.current_kid not in client.kids:
            reasons.append("its key is not registered on the tenant")
        kind = key_text(declared.key) if declared.key is not None else ""
        if kind and client.key and kind != client.key:
            reasons.append(f"its key is {client.key}, and {kind} is declared")
        if declared.custody is not None and summary.custody != declared.custody:
            reasons.append(f"its custody is {summary.custody}, and {declared.custody} is declared")
        due_at = self._due_at(summary)
        if due_at is not None and due_at <= self._now:
            reasons.append(f"its key was due on {due_at:%Y-%m-%d}")
        return reasons

    def _due_at(self, summary: KeySummary) -> datetime | None:
        """Return when the current key should be replaced, by what the file says of it."""
        if self._declared.rotate_after is None or summary.rotate_by is None:
            return summary.rotate_by
        in_use_since = summary.made_at if summary.rotate_after is None else summary.rotate_by - summary.rotate_after
        return summary.rotate_by if in_use_since is None else in_use_since + self._declared.rotate_after

    def _created(self) -> tuple[tuple[str, str, str], ...]:
        """Return what is declared of a client that is to be made."""
        declared = self._declared
        told = {
            "scopes": _joined(declared.scopes),
            "key": key_text(declared.key) if declared.key and declared.has_key else "",
            "custody": (declared.custody or "") if declared.has_key else "",
            "methods": _joined(methods_text(declared.methods or ())),
            "owner": declared.owner or "",
        }
        return tuple((name, "", text) for name, text in told.items() if text)

    def _change(
        self,
        kind: Kind,
        client: FoundClient | None = None,
        *,
        fields: tuple[tuple[str, str, str], ...] = (),
        reason: str = "",
    ) -> PlannedChange:
        return PlannedChange(
            tenant=self._tenant,
            kind=kind,
            client=self._declared.name,
            client_id="" if client is None else client.client_id,
            fields=fields,
            reason=reason,
            hooks=self._hooks_after(kind, client),
        )

    def _hooks_after(self, kind: Kind, client: FoundClient | None) -> tuple[str, ...]:
        """Return the names of the hooks that run after a change: for a key that follows another one."""
        if client is None or kind not in ("rotate", "unmanaged"):
            return ()
        return tuple(each.name for each in self._hooks if each.is_for(client.client_id, self._declared.name))


def _joined(values: Sequence[str]) -> str:
    return ", ".join(sorted(values))


def _flag(value: bool) -> str:  # noqa: FBT001  # a value to be shown
    return "true" if value else "false"


def _span(seconds: int | None) -> str:
    return "" if seconds is None else format_duration(timedelta(seconds=seconds))
