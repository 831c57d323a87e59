"""QK1xx: a client's keys, registered and stored."""

from __future__ import annotations

from datetime import timedelta

from qlik_keys.keys.spec import ROTATE_AFTER
from qlik_keys.rules.model import Rule

DUE_SOON = timedelta(days=14)

REMOVED_KEY_REGISTERED = Rule(
    "QK101",
    "removed-key-registered",
    "critical",
    "A key that was removed, perhaps because it was compromised, is registered on the tenant again.",
    "Resume removes it: an operation that sent an outdated list of keys was interrupted.",
    "resume",
)
LOCKED_OUT = Rule(
    "QK102",
    "locked-out",
    "high",
    "The key that the store holds is not registered on the tenant: consumers cannot log in.",
    "Revoke registers a new key, so consumers can log in again.",
    "revoke",
)
SHARED_KEY = Rule(
    "QK103",
    "shared-key",
    "high",
    "Two clients have the same public key: anyone who has the private key of one can log in as the other.",
    "Revoke replaces a key that qlik_keys manages; remove a key that is not in the store in Qlik's console.",
    "revoke",
)
ROTATION_OVERDUE = Rule(
    "QK104",
    "rotation-overdue",
    "high",
    "The key is older than its rotation date allows.",
    "Rotate it.",
    "rotate",
)
KEY_CAN_LEAVE = Rule(
    "QK105",
    "key-can-leave",
    "high",
    "Vault's Transit engine may export this key: it was made exportable, or allows a backup in plain text.",
    "This cannot be undone: revoke gives the client a key that cannot be exported. Then find out who changed the "
    "setting.",
    "revoke",
)
REGISTERED_KEY_DIFFERS = Rule(
    "QK106",
    "registered-key-differs",
    "high",
    "The tenant has a different key under the kid of the store's key: consumers cannot log in.",
    "Revoke registers a new key, so consumers can log in again.",
    "revoke",
)
SIGNING_FAILED = Rule(
    "QK107",
    "signing-failed",
    "high",
    "The store does not sign with the client's key: consumers cannot log in.",
    "When Vault's engine works again, revoke gives the client a new key.",
    "revoke",
)
SIGNATURE_DIFFERS = Rule(
    "QK108",
    "signature-differs",
    "high",
    "The store signs with a key other than the one in its record: consumers cannot log in.",
    "Revoke registers a new key, so consumers can log in again.",
    "revoke",
)
ALGORITHM_DIFFERS = Rule(
    "QK109",
    "algorithm-differs",
    "high",
    "The key is registered for an algorithm other than the one that the store uses: consumers cannot log in.",
    "Rotate registers a new key with the algorithm that the store uses.",
    "rotate",
)
CUSTODY_CHANGED = Rule(
    "QK110",
    "custody-changed",
    "medium",
    "The previous key had a different custody: the last rotation moved the key between KV and Transit.",
    "If this was not intended, rotate with --custody and the previous custody. The finding ends with the next "
    "rotation.",
)
OVERLAP_OVER = Rule(
    "QK111",
    "overlap-over",
    "medium",
    "The overlap of the last rotation is over, but the old key can still log in.",
    "Retire removes it.",
    "retire",
)
KEY_OLD = Rule(
    "QK112",
    "key-old",
    "medium",
    f"The key is older than {ROTATE_AFTER.days} days, and has no rotation date.",
    "Give it a key with a rotation date: rotate if the store has its record, otherwise adopt.",
    "adopt",
)
MANY_KEYS = Rule(
    "QK113",
    "many-keys",
    "medium",
    "More than two public keys are registered: a rotation needs at most two.",
    "Retire removes the old ones; an unknown key must be checked manually.",
    "retire",
)
NO_KEY_IN_STORE = Rule(
    "QK114",
    "no-key-in-store",
    "low",
    "This store does not have the client's private key.",
    "Adopt gives it a key that qlik_keys manages; or find out who has its private key.",
    "adopt",
)
ROTATION_DUE = Rule(
    "QK115",
    "rotation-due",
    "low",
    f"The key should be replaced within {DUE_SOON.days} days.",
    "Rotate it.",
    "rotate",
)
KEY_AGE_UNKNOWN = Rule(
    "QK116",
    "key-age-unknown",
    "low",
    "Neither the store nor the kid shows when the key was made.",
    "Rotate or adopt it: the new key has a date.",
)
# Those that say "this key is old": the panel's chart of ages draws as old what has one of them, and nothing else.
OLD_KEY = (ROTATION_OVERDUE.name, KEY_OLD.name)
