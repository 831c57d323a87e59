"""Pure checks of the store: the client's record, the Vault token's life, and its rights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.clock import describe_duration
from qlik_keys.diagnosis.commands import command, policy
from qlik_keys.diagnosis.facts import tenant_skip
from qlik_keys.diagnosis.in_progress import removes_no_key, started
from qlik_keys.diagnosis.results import failed, not_checked, passed, see
from qlik_keys.errors import (
    StoreConflict,
    StoreDamaged,
    StoreDeleted,
    StoreDenied,
    StoreDestroyed,
    StoreError,
    StoreNotFound,
    StoreUsesReserved,
)
from qlik_keys.keystore.base import names_of_hooks
from qlik_keys.keystore.vault.documents.fields import format_time, roll_back
from qlik_keys.rules.access import (
    STORE_FAILED,
    VAULT_RIGHTS_MISSING,
    VAULT_TOKEN_ENDS,
    VAULT_TOKEN_FEW_USES,
    VAULT_TOKEN_REFUSED,
)
from qlik_keys.rules.clients import HOOK_PENDING
from qlik_keys.rules.keys import KEY_CAN_LEAVE, NO_KEY_IN_STORE
from qlik_keys.rules.records import (
    FOREIGN_DOCUMENT,
    METADATA_DIFFER,
    NO_CURRENT_KEY,
    OPERATION_INTERRUPTED,
    RECORD_DAMAGED,
    RECORD_DELETED,
    RECORD_DESTROYED,
    RECORD_EXPIRES,
    UNFINISHED,
    severity_of_interruption,
)
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS

if TYPE_CHECKING:
    from qlik_keys.diagnosis.facts import Facts
    from qlik_keys.diagnosis.results import Check
    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.keystore.optional import StoreHealth

# A token of less life than this may end under a run that begins now; one that is made so short-lived is meant so.
SOON_SECONDS = 600.0
# A login takes up to five requests: a look at the token, at the mount, the record, and the signature.
FEW_USES = 10


def check_record(facts: Facts) -> Check:
    """Say whether the store has a key of the client for consumers."""
    name, problem = "store-record", facts.record.problem
    if facts.record.value is not None:
        return _check_keys(facts.record.value, facts)
    if facts.pending is not None:
        return failed(
            name,
            UNFINISHED,
            f"Creating {facts.pending.name!r} was interrupted; its key is already in the store.",
            _RESUME,
            has_fix=facts.client.value is not None,
        )
    if not facts.client_id:
        return see(name, "client-exists")
    if isinstance(problem, StoreDenied):
        return see(name, _denier(facts))
    if isinstance(problem, StoreUsesReserved):
        return see(name, "vault-token")
    unusable = next((rule for kind, rule in _UNUSABLE.items() if isinstance(problem, kind)), None)
    if isinstance(problem, StoreNotFound) and unusable is None:
        return _check_absence(problem, facts)
    if problem is not None:
        return failed(name, unusable or STORE_FAILED, problem.message, problem.hint)
    return not_checked(name, "Not checked.")


def check_token(facts: Facts) -> Check:
    """Say whether the store's own login lives on."""
    name, health, problem = "vault-token", facts.health.value, facts.health.problem
    if isinstance(problem, StoreDenied):
        return failed(name, VAULT_TOKEN_REFUSED, problem.message, problem.hint)
    if facts.uses_left is not None and (facts.skipped_checks or facts.uses_left < FEW_USES):
        return _few_uses(facts, facts.uses_left)
    if problem is not None:
        return see(name, "store-record") if _tells_of_reach(facts) else not_checked(name, problem.message)
    if health is None:
        return not_checked(name, "This store does not report its own login.")
    return _check_life(health)


def check_rights(facts: Facts) -> Check:
    """Say whether the Vault token may do what a login needs: read the record, and sign in Vault."""
    name, record, signing = "vault-rights", facts.record, facts.signing
    if isinstance(facts.health.problem, StoreDenied) or "store-record" in facts.skipped_checks:
        return see(name, "vault-token")
    if isinstance(record.problem, StoreDenied):
        return failed(
            name,
            VAULT_RIGHTS_MISSING,
            record.problem.message,
            f"{record.problem.hint} {policy(facts)} prints the least.",
        )
    if isinstance(signing.problem, StoreDenied):
        return failed(
            name,
            VAULT_RIGHTS_MISSING,
            signing.problem.message,
            f"{signing.problem.hint} {policy(facts)} prints the least.",
        )
    if not facts.client_id:
        return see(name, "client-exists")
    if not facts.is_readable:
        return see(name, "store-record")
    if {"same-key", "vault-rights"} & {*facts.skipped_checks}:
        return not_checked(name, f"It may read {facts.location}; for its other permissions, see vault-token.")
    health = facts.health.value
    held = health.capabilities if health is not None else None
    told = f" (its policy grants {', '.join(held)} there)" if held else ""
    # Whether Vault signs is not asked where the record names no key to sign with.
    signs = ", and sign in Vault" if facts.current is not None and facts.current.reference else ""
    return passed(name, f"It may read {facts.location}{told}{signs}.")


def _check_keys(record: ClientRecord, facts: Facts) -> Check:
    name, current = "store-record", record.current
    if record.is_in_progress:
        why = f"Started but not finished: {started(record)}. Perhaps another user is running it now."
        advice, is_safe = f"If no one is running it: {_RESUME}", removes_no_key(record)
        if not is_safe:
            advice += " It removes keys at once, so the doctor does not do it."
        has_fix, severity = is_safe and facts.client.value is not None, severity_of_interruption(record.operation)
        return failed(name, OPERATION_INTERRUPTED, why, advice, has_fix=has_fix, severity=severity)
    if current is not None and facts.export_paths.value:
        ways = " and ".join(facts.export_paths.value)
        return failed(
            name,
            KEY_CAN_LEAVE,
            f"Vault's Transit engine may export the key {current.kid} ({ways}). This cannot be undone.",
            f"{command('revoke', facts.client_id)} gives the client one that cannot be exported; then find out "
            "who changed the setting.",
        )
    if record.gone_at is not None:
        why = f"Vault deletes it automatically at {format_time(record.gone_at)}: then the key is lost."
        why += " A delete_version_after of its mount or path says so."
        return failed(name, RECORD_EXPIRES, why, f"{record.remedy} keep it.")
    if record.is_shown_wrong and (current is not None or not record.keys):
        why = f"Vault's custom metadata at {facts.location} differ from the record, which is the source of truth."
        return failed(name, METADATA_DIFFER, why, f"{command('resume')} corrects them.", has_fix=True)
    if record.pending_hooks:
        since = "" if record.hooks_since is None else f", since {format_time(record.hooks_since)}"
        why = f"These hooks, which tell consumers about the new key, have not succeeded{since}: "
        why += f"{names_of_hooks(record.pending_hooks)}. A consumer may still use the old key."
        return failed(name, HOOK_PENDING, why, HOOK_PENDING.advice)
    if current is not None:
        moved = f"; the key before it was in custody {record.custody_before}" if record.custody_before else ""
        unseen = (
            " The token may not check whether it can be exported from Transit." if facts.export_paths.problem else ""
        )
        return passed(name, f"{facts.location} has the key {current.kid}, custody {current.custody}{moved}.{unseen}")
    if not record.keys:
        return passed(
            name, f"{facts.location} has no key: the client authenticates by a client secret, which no store holds."
        )
    return failed(
        name,
        NO_CURRENT_KEY,
        f"{facts.location} has keys, but no current one.",
        "No operation leaves this state: ask the Vault's operator to restore its last good version. "
        f"{roll_back(facts.location)}",
    )


def _check_absence(problem: StoreNotFound, facts: Facts) -> Check:
    name = "store-record"
    elsewhere = ("discovery",) if facts.is_alias else tenant_skip(facts.discovery)
    if elsewhere and "rate-budget" not in elsewhere:
        why = (
            f"There is no record for this address. Records are filed by the tenant's host: see {', '.join(elsewhere)}."
        )
        return not_checked(name, why)
    if facts.is_absent:
        return see(name, "client-exists")
    where = "" if facts.location in problem.message else f" ({facts.location})"
    client, advice = facts.client.value, problem.hint or "Check tenant, mount and prefix."
    if client is None or CLIENT_CREDENTIALS in client.allowed_grant_types:
        advice += f" If qlik_keys should manage its key, {command('adopt', facts.client_id)} gives it a new one."
    return failed(name, NO_KEY_IN_STORE, f"{problem.message}{where}", advice)


def _few_uses(facts: Facts, left: int) -> Check:
    requests = "request" if left == 1 else "requests"
    why = f"It can be used for {left} more {requests} to Vault (num_uses); each login needs several."
    if facts.skipped_checks:
        why += f" They were reserved for you, so some checks were skipped: see {', '.join(facts.skipped_checks)}."
    return failed("vault-token", VAULT_TOKEN_FEW_USES, why)


def _check_life(health: StoreHealth) -> Check:
    name, left, life = "vault-token", health.seconds_left, health.life_seconds
    if not health.known:
        return not_checked(
            name, "Vault accepts it, but does not report how long it is valid (it lacks the policy default)."
        )
    if left is None or life is None:
        return passed(name, "It does not expire.")
    ends = f"It ends in {describe_duration(left)}"
    if health.replaceable:
        return passed(name, f"{ends}; then the store logs in again.")
    if health.longest_seconds is not None and health.longest_seconds < SOON_SECONDS:
        why = f"It ends in {describe_duration(health.longest_seconds)} at the latest, because of its maximum lifetime."
        return failed(name, VAULT_TOKEN_ENDS, why)
    if left >= SOON_SECONDS or (health.renewable and life < SOON_SECONDS):
        return passed(name, f"{ends}; {'it is renewed on use' if health.renewable else 'it cannot be renewed'}.")
    if health.renewable:
        why = f"{ends} unless the store is used before that."
        return failed(name, VAULT_TOKEN_ENDS, why, "Renew it, or run `vault token renew`.", has_fix=True)
    return failed(name, VAULT_TOKEN_ENDS, f"{ends} and cannot be renewed.")


def _denier(facts: Facts) -> str:
    return "vault-token" if isinstance(facts.health.problem, StoreDenied) else "vault-rights"


def _tells_of_reach(facts: Facts) -> bool:
    """Tell whether the record's check says already that the store cannot be asked."""
    return isinstance(facts.record.problem, StoreError) and type(facts.record.problem) is type(facts.health.problem)


_RESUME = f"{command('resume')} finishes the interrupted operations on this tenant."
# Why a record that is there, or was, cannot be used.
_UNUSABLE = {
    StoreDeleted: RECORD_DELETED,
    StoreDestroyed: RECORD_DESTROYED,
    StoreDamaged: RECORD_DAMAGED,
    StoreConflict: FOREIGN_DOCUMENT,
}
