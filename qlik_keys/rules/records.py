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
    "The client's record in the store was destroyed: consumers cannot log in, and its key cannot be restored.",
    "Adopt gives it a new key; if an older version is intact, the doctor shows how to restore it.",
    "adopt",
)
RECORD_DELETED = Rule(
    "QK202",
    "record-deleted",
    "high",
    "The client's record in the store was soft-deleted: consumers cannot log in. Its key still exists.",
    "Undelete it.",
    "undelete",
)
RECORD_DAMAGED = Rule(
    "QK203",
    "record-damaged",
    "high",
    "The client's record in the store was edited manually: it cannot be read, and consumers may be unable to log in.",
    "The doctor shows what is wrong with it, and which older version is intact.",
    "doctor",
)
RECORD_EXPIRES = Rule(
    "QK204",
    "record-expires",
    "high",
    "Vault will delete the client's record automatically (delete_version_after of mount or path): then its key is "
    "lost.",
    "Remove the limit from mount and path, and undelete the version, which keeps the old limit.",
    "keep",
)
NO_CURRENT_KEY = Rule(
    "QK205",
    "no-current-key",
    "high",
    "The client's record in the store has keys, but no current one: consumers cannot log in.",
    "No operation leaves this state: ask the Vault's operator to restore its last good version.",
)
TOKEN_URL_DIFFERS = Rule(
    "QK206",
    "token-url-differs",
    "high",
    "The token endpoint in the client's record differs from the tenant's: a consumer that uses it as the audience "
    "is refused.",
    "Write the correct one into the record: it is compared character by character, with no slash at the end.",
    "token-url",
)
OPERATION_INTERRUPTED = Rule(
    "QK207",
    "operation-interrupted",
    "medium",
    "An operation on this client was started and is not finished.",
    "If no one is running it now, resume finishes it as requested.",
    "resume",
)
DAMAGED_PENDING = Rule(
    "QK208",
    "damaged-pending",
    "medium",
    "A pending record cannot be read: resume cannot finish creating that client.",
    "Resume shows what is wrong with it; an older version may be intact.",
    "resume",
)
UNFINISHED = Rule(
    "QK209",
    "unfinished",
    "medium",
    "Creating this client was interrupted; its key is already in the store.",
    "Resume finishes it.",
    "resume",
)
ORPHANED_RECORD = Rule(
    "QK210",
    "orphaned-record",
    "low",
    "The store keeps the keys of a client that the tenant does not have any more.",
    "Delete destroys all versions of the keys.",
    "delete",
)
FOREIGN_DOCUMENT = Rule(
    "QK211",
    "foreign-document",
    "low",
    "The folder of this tenant's records contains a document that qlik_keys does not manage. No operation reads "
    "or changes it.",
    "Find out who wrote it, and move it to another path; or use another mount or prefix.",
)
METADATA_DIFFER = Rule(
    "QK212",
    "metadata-differ",
    "low",
    "The custom metadata that Vault shows for the client's record differs from the record.",
    "The table shows the values of the record. Resume corrects the metadata.",
    "resume",
)


def severity_of_interruption(operation: StartedOperation | None) -> Severity:
    """Return how severe it is that an operation was interrupted; None for one that removes nothing at its end."""
    if operation is None:
        return OPERATION_INTERRUPTED.severity
    if operation.name == "revoke":
        return "critical"
    return "high" if operation.is_serious else OPERATION_INTERRUPTED.severity
