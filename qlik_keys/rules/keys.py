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
    "A key that was taken away, perhaps because it was compromised, is registered on the tenant again.",
    "Resume takes it away: an operation that sent an outdated list of keys was interrupted.",
    "resume",
)
LOCKED_OUT = Rule(
    "QK102",
    "locked-out",
    "high",
    "The key that the store holds is not registered on the tenant: consumers cannot log in.",
    "Revoke: it registers a new key and lets the consumers in again.",
    "revoke",
)
SHARED_KEY = Rule(
    "QK103",
    "shared-key",
    "high",
    "Two clients have the same public key: whoever has the one's private key can log in as the other.",
    "Revoke replaces a key of ours; a key that is not in the store is taken out in Qlik's console.",
    "revoke",
)
ROTATION_OVERDUE = Rule(
    "QK104",
    "rotation-overdue",
    "high",
    "The key is past the date by which it should have been replaced.",
    "Rotate it.",
    "rotate",
)
KEY_CAN_LEAVE = Rule(
    "QK105",
    "key-can-leave",
    "high",
    "Vault's Transit engine may give this key out: it was made exportable, or may be backed up in plain text.",
    "That cannot be taken back: revoke gives the client a key that cannot leave, and then look who set it.",
    "revoke",
)
REGISTERED_KEY_DIFFERS = Rule(
    "QK106",
    "registered-key-differs",
    "high",
    "Under the name of the store's key another key is registered on the tenant: consumers cannot log in.",
    "Revoke: it registers a new key and lets the consumers in again.",
    "revoke",
)
SIGNING_FAILED = Rule(
    "QK107",
    "signing-failed",
    "high",
    "The store does not sign with the client's key: consumers cannot log in.",
    "Revoke gives the client a new key, once Vault's engine works.",
    "revoke",
)
SIGNATURE_DIFFERS = Rule(
    "QK108",
    "signature-differs",
    "high",
    "The store signs with another key than its record names: consumers cannot log in.",
    "Revoke: it registers a new key and lets the consumers in again.",
    "revoke",
)
ALGORITHM_DIFFERS = Rule(
    "QK109",
    "algorithm-differs",
    "high",
    "The key is registered for another algorithm than the store signs by: consumers cannot log in.",
    "Rotate: the new key is registered for what the store signs by.",
    "rotate",
)
CUSTODY_CHANGED = Rule(
    "QK110",
    "custody-changed",
    "medium",
    "The key before this one was held by another custody: it moved between KV and Transit at the last rotation.",
    "If nobody asked for that, rotate with --custody and the one before. The next rotation ends this note.",
)
OVERLAP_OVER = Rule(
    "QK111",
    "overlap-over",
    "medium",
    "The overlap of the last rotation is over, and the old key still logs in.",
    "Retire takes it away.",
    "retire",
)
KEY_OLD = Rule(
    "QK112",
    "key-old",
    "medium",
    f"The key is older than {ROTATE_AFTER.days} days, and no date is known by which it should be replaced.",
    "Adopt gives the client a key of ours with such a date; where the store has its record, rotate does.",
    "adopt",
)
MANY_KEYS = Rule(
    "QK113",
    "many-keys",
    "medium",
    "More than two public keys are registered: a rotation needs two at most.",
    "Retire takes away the old ones; a key that nobody knows is for a person to look at.",
    "retire",
)
NO_KEY_IN_STORE = Rule(
    "QK114",
    "no-key-in-store",
    "low",
    "This store does not have the client's private key.",
    "Adopt gives it a key of ours; or find out who keeps its own.",
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
    "Neither the store nor the key's name tells when the key was made.",
    "Rotate or adopt it: the new key has a date.",
)
# Those that say "this key is old": the panel's chart of ages draws as old what has one of them, and nothing else.
OLD_KEY = (ROTATION_OVERDUE.name, KEY_OLD.name)
