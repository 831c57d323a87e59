"""QK2xx: a client's record in the store, and the operation that it says is in progress."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.rules.model import Rule

if TYPE_CHECKING:
    from qlik_keys.keystore.base import StartedOperation
    from qlik_keys.rules.model import Severity

RECORD_DESTROYED = Rule(
    "QK201",
    "record-destroyed",
    "high",
    "The client's record in the store was destroyed: consumers cannot log in, and nothing brings its key back.",
    "Adopt gives it a new key; if an older version is whole, the doctor says how it is rolled back to.",
    "adopt",
)
RECORD_DELETED = Rule(
    "QK202",
    "record-deleted",
    "high",
    "The client's record in the store was soft-deleted: consumers cannot log in. Its key is still there.",
    "Undelete it.",
    "undelete",
)
RECORD_DAMAGED = Rule(
    "QK203",
    "record-damaged",
    "high",
    "Somebody has edited the client's record in the store: it cannot be read, and consumers may be locked out.",
    "The doctor says what is wrong with it, and which older version is whole.",
    "doctor",
)
RECORD_EXPIRES = Rule(
    "QK204",
    "record-expires",
    "high",
    "Vault deletes the client's record by itself (delete_version_after of mount or path): then its key is gone.",
    "Take the limit away from mount and path, and undelete the version, which carries the old limit.",
    "keep",
)
NO_CURRENT_KEY = Rule(
    "QK205",
    "no-current-key",
    "high",
    "The client's record in the store has keys, and none of them is current: consumers cannot log in.",
    "No operation leaves it so: have the Vault's operator bring back its last good version.",
)
TOKEN_URL_DIFFERS = Rule(
    "QK206",
    "token-url-differs",
    "high",
    "The client's record names another token endpoint than the tenant: whoever takes the audience from it is refused.",
    "Write the right one into the record: it is compared letter by letter, with no slash at the end.",
    "token-url",
)
OPERATION_INTERRUPTED = Rule(
    "QK207",
    "operation-interrupted",
    "medium",
    "An operation on this client was started and is not at its end.",
    "If nobody is at it just now: resume finishes it as it was meant.",
    "resume",
)
DAMAGED_PENDING = Rule(
    "QK208",
    "damaged-pending",
    "medium",
    "A document that waits for a client to be made cannot be read: resume cannot finish that client.",
    "Resume says what is wrong with it; an older version may be whole.",
    "resume",
)
UNFINISHED = Rule(
    "QK209",
    "unfinished",
    "medium",
    "Making this client was interrupted; its key waits in the store.",
    "Resume finishes it.",
    "resume",
)
ORPHANED_RECORD = Rule(
    "QK210",
    "orphaned-record",
    "low",
    "The store keeps the keys of a client that the tenant does not have any more.",
    "Delete destroys the keys, every version.",
    "delete",
)
FOREIGN_DOCUMENT = Rule(
    "QK211",
    "foreign-document",
    "low",
    "Among the records of this tenant lies a document that is not ours. No operation reads or changes it.",
    "Find out who put it there, and move it away; or use another mount or prefix.",
)
METADATA_DIFFER = Rule(
    "QK212",
    "metadata-differ",
    "low",
    "What Vault shows of the client's record (its custom metadata) is not what the record says.",
    "The table has what the record says. Resume corrects what is shown.",
    "resume",
)


def severity_of_interruption(operation: StartedOperation | None) -> Severity:
    """Return how severe it is that an operation was interrupted; None for one that removes nothing at its end."""
    if operation is None:
        return OPERATION_INTERRUPTED.severity
    if operation.name == "revoke":
        return "critical"
    return "high" if operation.is_serious else OPERATION_INTERRUPTED.severity
