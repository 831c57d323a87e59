"""What there is to say of each client of a table, from what tenant and store have told: pure.

One flat list of checks: a table may have ten thousand rows. Not done here: asking tenant or store (`tables`, `audit`).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.keystore.base import names_of_hooks
from qlik_keys.rules.access import NOT_CHECKED
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.clients import (
    ADMIN_SCOPE,
    CONSENT_NOT_TRUSTED,
    DISABLED,
    DYNAMIC_REGISTRATION,
    HOOK_PENDING,
    METHOD_NOT_ALLOWED,
    SECRET_AND_KEY,
    SECRET_ONLY,
)
from qlik_keys.rules.keys import (
    CUSTODY_CHANGED,
    DUE_SOON,
    KEY_AGE_UNKNOWN,
    KEY_OLD,
    LOCKED_OUT,
    MANY_KEYS,
    NO_KEY_IN_STORE,
    OVERLAP_OVER,
    REMOVED_KEY_REGISTERED,
    ROTATION_DUE,
    ROTATION_OVERDUE,
    SHARED_KEY,
)
from qlik_keys.rules.records import (
    METADATA_DIFFER,
    OPERATION_INTERRUPTED,
    RECORD_DAMAGED,
    RECORD_DELETED,
    RECORD_DESTROYED,
    RECORD_EXPIRES,
    severity_of_interruption,
)
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from qlik_keys.inventory.record_states import RecordStates
    from qlik_keys.keystore.base import KeySummary
    from qlik_keys.keystore.declarations import Declaration

_LOOKED_AT = (
    "grant_types",
    "auth_methods",
    "scopes",
    "consent",
    "kids",
    "current_kid",
    "custody",
    "custody_before",
    "key_made",
    "rotate_by",
    "created_by",
    "disabled",
    "unread",
    "untold",
    "of_record",
    "secrets",
)
_GONE = {"deleted": RECORD_DELETED, "destroyed": RECORD_DESTROYED}
ORDER = {name: place for place, name in enumerate(FINDINGS)}
_MOST_KEYS = 2  # a rotation needs two at a time


def findings_of_record(summary: KeySummary, now: datetime, states: RecordStates) -> tuple[str, ...]:
    """Return what is to be said of a client's record, for most nothing."""
    is_returned = summary.client_id in states.returned
    is_odd = is_returned or summary.client_id in states.damaged or summary.client_id in states.shown_wrong
    has_marks = summary.retire_at or summary.is_in_progress or summary.pending_hooks
    if not (summary.gone or summary.gone_at or has_marks or is_odd):
        return ()
    found = []
    if is_returned:
        found.append(REMOVED_KEY_REGISTERED.name)
    if summary.client_id in states.damaged:
        found.append(RECORD_DAMAGED.name)
    if summary.client_id in states.shown_wrong:
        found.append(METADATA_DIFFER.name)
    if summary.gone:
        found.append(_GONE[summary.gone].name)
    elif summary.gone_at:
        found.append(RECORD_EXPIRES.name)
    if summary.is_in_progress:
        found.append(OPERATION_INTERRUPTED.name)
    if summary.pending_hooks:
        found.append(HOOK_PENDING.name)
    elif summary.retire_at and summary.retire_at <= now:
        found.append(OVERLAP_OVER.name)
    return tuple(found)


def remedy_of(summary: KeySummary) -> dict[str, str]:
    """Return the moment and the command of what happens to a record, as JSON-ready values; nothing for most."""
    if summary.gone_at is None:
        return {}
    verb = "Deleted" if summary.gone else "To be deleted"
    return {"meaning": f"{verb} at {summary.gone_at:%Y-%m-%d %H:%M} UTC.", "command": summary.remedy}


# One flat list of checks: ten thousand rows go through it, and a call for each check would double the time.
def findings_of(  # noqa: C901, PLR0912
    columns: Mapping[str, Sequence[Any]], now: datetime, *, store_known: bool
) -> list[tuple[str, ...]]:
    """Return what there is to say of each client, in the order of `FINDINGS`."""
    due_at = now + DUE_SOON
    old_before = now - ROTATE_AFTER - timedelta(days=1)  # in whole days, as ages are told
    shared = {kid for kid, count in Counter(chain.from_iterable(columns["kids"])).items() if count > 1}
    findings = []
    looked_at = (columns[name] for name in _LOOKED_AT)
    for (
        grants, methods, scopes, consent, kids, current, custody, before, made, rotate_by, by, disabled, unread,
        untold, told, secrets
    ) in zip(*looked_at, strict=True):  # fmt: skip
        found = []
        if current and current not in kids:
            found.append(LOCKED_OUT.name)
        if shared and not shared.isdisjoint(kids):
            found.append(SHARED_KEY.name)
        if rotate_by and rotate_by < now:
            found.append(ROTATION_OVERDUE.name)
        is_by_secret = "private_key_jwt" not in methods and CLIENT_CREDENTIALS in grants
        if is_by_secret and current:
            found.append(METHOD_NOT_ALLOWED.name)
        if before:
            found.append(CUSTODY_CHANGED.name)
        if store_known and kids and made and not rotate_by and made <= old_before:
            found.append(KEY_OLD.name)
        if len(kids) > _MOST_KEYS:
            found.append(MANY_KEYS.name)
        if is_by_secret and not current:
            found.append(SECRET_ONLY.name)
        if "admin_classic" in scopes:
            found.append(ADMIN_SCOPE.name)
        if consent is not None and consent != "trusted":
            found.append(CONSENT_NOT_TRUSTED.name)
        if unread or untold:
            found.append(NOT_CHECKED.name)
        if kids and store_known and custody is None and not unread:
            found.append(NO_KEY_IN_STORE.name)
        if rotate_by and now <= rotate_by <= due_at:
            found.append(ROTATION_DUE.name)
        if kids and made is None and not unread:
            found.append(KEY_AGE_UNKNOWN.name)
        if secrets and current and "client_secret" in methods:
            found.append(SECRET_AND_KEY.name)
        if by == "dcr":
            found.append(DYNAMIC_REGISTRATION.name)
        if disabled:
            found.append(DISABLED.name)
        if told:
            found = sorted([*found, *told], key=ORDER.__getitem__)
        findings.append(tuple(found))
    return findings


def declared_of(declaration: Declaration) -> dict[str, Any]:
    """Return what a client's record has from the fleet file that declares it, for people, as JSON-ready values."""
    return {"fleet": declaration.fleet, "owner": declaration.owner, "tags": [*declaration.tags]}


def hooks_of(summary: KeySummary) -> str:
    """Return which hooks are pending for a client, and since when; "" for none."""
    if not summary.pending_hooks:
        return ""
    since = "" if summary.hooks_since is None else f", since {summary.hooks_since:%Y-%m-%d %H:%M} UTC"
    return f"Pending: {names_of_hooks(summary.pending_hooks)}{since}."


def operation_of(summary: KeySummary, states: RecordStates) -> dict[str, str]:
    """Return what is in progress with a client and how severe it is if it was interrupted, as JSON-ready values.

    A rotation or a retirement is not named in what the store shows: it removes nothing that someone counts on.
    """
    operation = summary.operation
    severity = severity_of_interruption(operation)
    if operation is not None:
        return {"severity": severity, "meaning": f"It is: {operation.to_text()}.", "words": operation.to_text()}
    what = "a rotation or a retirement"
    if summary.client_id in states.unread:
        what += ", or a manual change of the record: this login may not read which"
    return {"severity": severity, "meaning": f"It is {what}.", "words": what}
