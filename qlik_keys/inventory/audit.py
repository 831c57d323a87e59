"""The audit of a tenant: what there is to say of its clients and their keys, a row a finding.

Not done here: changing anything; showing it (`jupyter`, `cli`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from qlik_keys.core.arguments import DURATION, optional
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import QlikKeysError, StoreDenied
from qlik_keys.inventory.due_dates import due_soon, key_dates
from qlik_keys.inventory.engine_keys import export_paths
from qlik_keys.inventory.findings import ORDER, operation_of
from qlik_keys.inventory.orphaned_bots import orphaned_bots
from qlik_keys.inventory.record_states import foreign_documents, record_states
from qlik_keys.inventory.tables import clients
from qlik_keys.keystore.lookup import CLIENT_ID, check_sides
from qlik_keys.keystore.tenant_folder import folder_of, records_elsewhere
from qlik_keys.rules.access import DEPRECATED_ENDPOINT
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.clients import HOOK_PENDING, TWO_FOLDERS
from qlik_keys.rules.fixes import BY_VAULT, shell_command
from qlik_keys.rules.model import SEVERITIES
from qlik_keys.rules.records import (
    DAMAGED_PENDING,
    FOREIGN_DOCUMENT,
    OPERATION_INTERRUPTED,
    ORPHANED_RECORD,
    RECORD_DAMAGED,
    UNFINISHED,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from qlik_keys.core.clock import Clock
    from qlik_keys.errors import StoreError
    from qlik_keys.inventory.tables import Progress
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.rules.model import Severity
    from qlik_keys.tenant import QlikTenant

AUDIT_COLUMNS = ("severity", "code", "finding", "client_id", "name", "meaning", "advice", "command")


def audit(
    tenant: QlikTenant,
    store: KeyStore,
    *,
    consent: bool | None = None,
    usage: bool = False,
    due_within: timedelta | None = None,
    on_progress: Progress | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> pd.DataFrame:
    """Return what there is to say of the tenant's clients and their keys, a row a finding, highest severity first.

    In addition to the findings of `clients`, it looks for interrupted provisionings, for keys without a client, and for
    bot users and living tokens of clients that were deleted, and for records under another host name of the tenant. It
    takes a request for each hundred bot users, and one for the tenant's host names.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are.
        consent: as for `clients`.
        usage: as for `clients`: also the findings about the last use.
        due_within: also the finding "rotation-due-soon", for keys that are due within that time and have no finding
            about it yet.
        on_progress: as for `clients`.
        clock: says what now is.

    Returns:
        The columns of `AUDIT_COLUMNS`; "severity" is an ordered category (critical, high, medium, low), "command" what
        fixes it in a shell, "" where a person has to look first. `attrs` as for `clients`; "bots_unknown" says why the
        bot users could not be looked at, where that is so; "key_dates" has the dates of the keys for `audit_report`.

    Raises:
        TenantError, StoreError: one of them could not be asked.
        TypeError: an argument is of another type.
        ValueError: `due_within` is negative.

    Example:
        >>> found = audit(tenant, store)
        >>> found[found.severity == "high"]  # doctest: +SKIP
    """
    check_sides(tenant, store)
    refuse_negative(due_within)
    store = folder_of(tenant, store)
    frame = clients(tenant, store, consent=consent, usage=usage, on_progress=on_progress, clock=clock)
    return audit_of(frame, tenant, store, due_within=due_within)


def refuse_negative(due_within: timedelta | None) -> None:
    """Refuse a time within which a key is due that is none.

    Raises:
        TypeError: it is no timedelta.
        ValueError: it is negative.
    """
    optional(DURATION, due_within=due_within)
    if due_within is not None and due_within.total_seconds() < 0:
        raise ValueError("due_within must not be negative")


def audit_of(
    frame: pd.DataFrame, tenant: QlikTenant, store: KeyStore, *, due_within: timedelta | None = None
) -> pd.DataFrame:
    """Return the findings of a table that `clients` returned, with what only the store knows, and the orphaned bots.

    Args:
        frame: that table.
        tenant: the tenant.
        store: where the keys are.
        due_within: as for `audit`.

    Raises:
        StoreError: the store could not be asked.
    """
    tenant_host = tenant.host
    rows = [
        (finding, client_id, name)
        for client_id, name, findings in zip(frame["client_id"], frame["name"], frame["findings"], strict=True)
        for finding in findings
    ]
    rows += due_soon(frame, due_within)
    in_engine = frame.loc[frame["custody"] == "transit", ["client_id", "name"]]
    operations: dict[str, Any] = dict(frame.attrs.get("operations", {}))
    rows += export_paths(store, tenant_host, [*in_engine.itertuples(index=False, name=None)])
    damaged: list[StoreError] = []
    pending = store.pending(tenant_host, on_damaged=damaged.append)
    # An auditor may list these documents and read none, since keys are in them: that one is there is all it can tell.
    rows += [
        (UNFINISHED.name if isinstance(problem, StoreDenied) else DAMAGED_PENDING.name, "", problem.path)
        for problem in damaged
    ]
    rows += [(UNFINISHED.name, waiting.client_id, waiting.name) for waiting in pending]
    deprecations: Mapping[str, str] = frame.attrs.get("deprecations", {})
    of_tenant = {(DEPRECATED_ENDPOINT.name, name): words for name, words in deprecations.items()}
    of_tenant |= {(TWO_FOLDERS.name, host): words for host, words in _other_folders(tenant, store)}
    rows += [(finding, "", name) for finding, name in of_tenant]
    # A client that is just being made may have its record already, and no row yet.
    known = {*frame["client_id"], *(waiting.client_id for waiting in pending)}
    orphans = [client_id for client_id in store.client_ids(tenant_host) if client_id not in known]
    for client_id, name, findings, operation in _orphans(store, tenant_host, orphans):
        rows += [(finding, client_id, name) for finding in findings]
        if operation:
            operations[client_id] = operation

    # Behind the clients: a bot whose client was made in between is looked up before it is called an orphan.
    bots, unknown = orphaned_bots(tenant, known)
    rows += bots

    def severity_of(finding: str, client_id: str) -> Severity:
        told = operations.get(client_id) if finding == OPERATION_INTERRUPTED.name else None
        return FINDINGS[finding].severity if told is None else told["severity"]

    rows.sort(key=lambda row: (SEVERITIES.index(severity_of(*row[:2])), ORDER[row[0]], row[2], row[1]))
    details, hooks = frame.attrs.get("details", {}), frame.attrs.get("hooks", {})
    columns = {
        "severity": [severity_of(finding, client_id) for finding, client_id, _ in rows],
        "code": [FINDINGS[finding].code for finding, _, _ in rows],
        "finding": [finding for finding, _, _ in rows],
        "client_id": [client_id for _, client_id, _ in rows],
        "name": [name for _, _, name in rows],
        "meaning": [
            of_tenant.get((finding, name)) or _meaning(finding, client_id, details, operations, hooks)
            for finding, client_id, name in rows
        ],
        "advice": [FINDINGS[finding].advice for finding, _, _ in rows],
        "command": [_command(finding, client_id, details) for finding, client_id, _ in rows],
    }
    found = pd.DataFrame({name: pd.Series(values, dtype="string") for name, values in columns.items()})
    found["severity"] = pd.Categorical(found["severity"], categories=[*SEVERITIES], ordered=True)
    found.attrs = dict(frame.attrs)
    found.attrs["key_dates"] = key_dates(frame)
    if due_within is not None:
        found.attrs["due_within_seconds"] = due_within.total_seconds()
    if unknown:
        found.attrs["bots_unknown"] = unknown
    return found


def _other_folders(tenant: QlikTenant, store: KeyStore) -> list[tuple[str, str]]:
    """Return the host names under which there are records that the lists do not show, each with how many in words."""
    try:
        found = records_elsewhere(tenant, store)
    except QlikKeysError:
        return []  # what the rest of the audit found is told all the same
    words = TWO_FOLDERS.meaning
    return [
        (host, f"{words} {len(ids)} record{'' if len(ids) == 1 else 's'} under {host}.") for host, ids in found.items()
    ]


def _orphans(
    store: KeyStore, tenant_host: str, names: Sequence[str]
) -> list[tuple[str, str, tuple[str, ...], dict[str, str]]]:
    """Return what there is to say of documents without a client: name, client's name, findings, operation."""
    ids = [name for name in names if CLIENT_ID.fullmatch(name)]
    answers = dict(zip(ids, side_by_side(lambda each: store.summary(tenant_host, each), ids), strict=True))
    shown = {of: told for of, told in answers.items() if told is not None and not isinstance(told, QlikKeysError)}
    states = record_states(store, tenant_host, shown, {})
    foreign = foreign_documents(store, tenant_host, [name for name in names if answers.get(name) is None])
    found: list[tuple[str, str, tuple[str, ...], dict[str, str]]] = []
    for name in names:
        if name in foreign:
            # Its name may be anything; only a client's id stands in the column of ids.
            is_id = CLIENT_ID.fullmatch(name) is not None
            found.append((name if is_id else "", "" if is_id else name, (FOREIGN_DOCUMENT.name,), {}))
            continue
        summary = states.summaries.get(name)
        if summary is None or not summary.is_in_progress:
            client_name = "" if summary is None else summary.client_name
            damaged = (RECORD_DAMAGED.name,) if name in states.damaged else ()
            found.append((name, client_name, (ORPHANED_RECORD.name, *damaged), {}))
            continue
        findings = (ORPHANED_RECORD.name, OPERATION_INTERRUPTED.name)
        found.append((name, summary.client_name, findings, operation_of(summary, states)))
    return found


def _meaning(
    finding: str,
    client_id: str,
    details: Mapping[str, Mapping[str, str]],
    operations: Mapping[str, Mapping[str, str]],
    hooks: Mapping[str, str],
) -> str:
    meaning = FINDINGS[finding].meaning
    if finding == HOOK_PENDING.name:
        return f"{meaning} {hooks[client_id]}"
    if finding == OPERATION_INTERRUPTED.name:
        return f"{meaning} {operations[client_id]['meaning']}"
    is_of_moment = FINDINGS[finding].operation in BY_VAULT and client_id in details
    return f"{meaning} {details[client_id]['meaning']}" if is_of_moment else meaning


def _command(finding: str, client_id: str, details: Mapping[str, Mapping[str, str]]) -> str:
    operation = FINDINGS[finding].operation
    if operation in BY_VAULT:
        # As text for a shell: the quotes of a hint are not part of it.
        told = details.get(client_id, {}).get("command", "")
        return " && ".join(told.split("`")[1::2])
    return shell_command(operation, client_id)
