"""What there may be to say of a client: each finding's weight, meaning, and what to do about it.

Not done here: finding any (`inventory`), or showing them (`panel`, `cli`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from qlik_keys.keys.spec import ROTATE_AFTER

if TYPE_CHECKING:
    from collections.abc import Mapping

Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
DUE_SOON = timedelta(days=14)
# Those that say "this key is old": the panel's chart of ages draws as old what has one of them, and nothing else.
OLD_KEY = ("rotation-overdue", "key-old")


@dataclass(frozen=True, slots=True)
class Finding:
    """A kind of finding.

    Attributes:
        severity: "critical": a key that is known to be compromised may still log in; "high": somebody is locked out, or
            a key may be in other hands; "medium": a weaker login or an unfinished piece of work; "low": good to know.
        meaning: what it means, in words.
        advice: what to do.
        operation: the operation that fixes it ("rotate", "revoke", "adopt", "retire", "delete", "resume", "trust"; or
            "undelete" and "keep", by Vault's own program), "" where a person has to look first.
    """

    severity: Severity
    meaning: str
    advice: str
    operation: str = ""


# In the order of their weight.
FINDINGS: Mapping[str, Finding] = {
    "removed-key-registered": Finding(
        "critical",
        "A key that was taken away, perhaps because it was compromised, is registered on the tenant again.",
        "Resume takes it away: an operation that sent an outdated list of keys was interrupted.",
        "resume",
    ),
    "locked-out": Finding(
        "high",
        "The key that the store holds is not registered on the tenant: consumers cannot log in.",
        "Revoke: it registers a new key and lets the consumers in again.",
        "revoke",
    ),
    "record-destroyed": Finding(
        "high",
        "The client's record in the store was destroyed: consumers cannot log in, and nothing brings its key back.",
        "Adopt gives it a new key; if an older version is whole, the doctor says how it is rolled back to.",
        "adopt",
    ),
    "record-deleted": Finding(
        "high",
        "The client's record in the store was soft-deleted: consumers cannot log in. Its key is still there.",
        "Undelete it.",
        "undelete",
    ),
    "record-damaged": Finding(
        "high",
        "Somebody has edited the client's record in the store: it cannot be read, and consumers may be locked out.",
        "The doctor says what is wrong with it, and which older version is whole.",
        "doctor",
    ),
    "record-expires": Finding(
        "high",
        "Vault deletes the client's record by itself (delete_version_after of mount or path): then its key is gone.",
        "Take the limit away from mount and path, and undelete the version, which carries the old limit.",
        "keep",
    ),
    "shared-key": Finding(
        "high",
        "Two clients have the same public key: whoever has the one's private key can log in as the other.",
        "Revoke replaces a key of ours; a key that is not in the store is taken out in Qlik's console.",
        "revoke",
    ),
    "rotation-overdue": Finding(
        "high", "The key is past the date by which it should have been replaced.", "Rotate it.", "rotate"
    ),
    "key-can-leave": Finding(
        "high",
        "Vault's Transit engine may give this key out: it was made exportable, or may be backed up in plain text.",
        "That cannot be taken back: revoke gives the client a key that cannot leave, and then look who set it.",
        "revoke",
    ),
    "custody-changed": Finding(
        "medium",
        "The key before this one was held by another custody: it moved between KV and Transit at the last rotation.",
        "If nobody asked for that, rotate with --custody and the one before. The next rotation ends this note.",
    ),
    "operation-interrupted": Finding(
        "medium",
        "An operation on this client was started and is not at its end.",
        "If nobody is at it just now: resume finishes it as it was meant.",
        "resume",
    ),
    "overlap-over": Finding(
        "medium",
        "The overlap of the last rotation is over, and the old key still logs in.",
        "Retire takes it away.",
        "retire",
    ),
    "damaged-pending": Finding(
        "medium",
        "A document that waits for a client to be made cannot be read: resume cannot finish that client.",
        "Resume says what is wrong with it; an older version may be whole.",
        "resume",
    ),
    "unfinished": Finding(
        "medium", "Making this client was interrupted; its key waits in the store.", "Resume finishes it.", "resume"
    ),
    "secret-only": Finding(
        "medium",
        "A machine logs in by a client secret alone: whoever sees it once has it.",
        "Adopt: it gives the client a key, and takes the secret away if you say so.",
        "adopt",
    ),
    "admin-scope": Finding(
        "medium",
        "admin_classic: this client may administer the whole tenant.",
        "Give it the scopes that it needs, in Qlik's console; or make sure that its key is well kept.",
    ),
    "key-old": Finding(
        "medium",
        f"The key is older than {ROTATE_AFTER.days} days, and no date is known by which it should be replaced.",
        "Adopt gives the client a key of ours with such a date; where the store has its record, rotate does.",
        "adopt",
    ),
    "consent-not-trusted": Finding(
        "medium",
        "A machine cannot log in before its consent method is trusted.",
        "Set the consent method to trusted.",
        "trust",
    ),
    "many-keys": Finding(
        "medium",
        "More than two public keys are registered: a rotation needs two at most.",
        "Retire takes away the old ones; a key that nobody knows is for a person to look at.",
        "retire",
    ),
    "not-checked": Finding(
        "medium",
        "The store did not tell about this client's key, or the tenant about its consent: what they hide is not known.",
        "Look at the client with the doctor: it says which of them failed, and why.",
        "doctor",
    ),
    "no-key-in-store": Finding(
        "low",
        "The tenant has a public key whose private half is not in this store.",
        "Adopt gives it a key of ours; or find out who keeps its own.",
        "adopt",
    ),
    "secret-beside-key": Finding(
        "low",
        "A machine with a key has a client secret too, which logs in as well.",
        "If no consumer uses it: adopt with --remove-secrets takes it away.",
    ),
    "orphaned-record": Finding(
        "low",
        "The store keeps the keys of a client that the tenant does not have any more.",
        "Delete destroys the keys, every version.",
        "delete",
    ),
    "foreign-document": Finding(
        "low",
        "Among the records of this tenant lies a document that is not ours. No operation reads or changes it.",
        "Find out who put it there, and move it away; or use another mount or prefix.",
    ),
    "metadata-differ": Finding(
        "low",
        "What Vault shows of the client's record (its custom metadata) is not what the record says.",
        "The table has what the record says. Resume corrects what is shown.",
        "resume",
    ),
    "rotation-due": Finding("low", f"The key should be replaced within {DUE_SOON.days} days.", "Rotate it.", "rotate"),
    "key-age-unknown": Finding(
        "low",
        "Neither the store nor the key's name tells when the key was made.",
        "Rotate or adopt it: the new key has a date.",
    ),
    "dynamic-registration": Finding(
        "low", "The client registered itself.", "Find out which program did, and whether it should."
    ),
    "disabled": Finding(
        "low", "The tenant has disabled the client.", "Find out why; delete it when nobody needs it.", "delete"
    ),
}
