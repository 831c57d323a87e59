"""What a run tells whoever watches it: each step, in words, before and after it is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qlik_keys.lifecycle.provisioning.plan import Action

if TYPE_CHECKING:
    from qlik_keys.errors import QlikKeysError

Phase = Literal["before", "after", "failed"]

TITLES: dict[str, str] = {
    "check": "Look at what the tenant and the key store have under that name",
    Action.WRITE_PENDING: "Make the key and put its private half into the key store",
    Action.REGISTER: "Register the client on the tenant with the public half",
    Action.BIND: "Note the client's id next to the pending key",
    Action.RECORD: "Write the client's secret in the key store, where consumers read it",
    Action.TRUST: "Set the consent method to trusted",
    Action.REPLACE_SECRET: "Make a new client secret, since the first answer was lost",
    Action.REMOVE_DUPLICATE: "Remove the client that a second attempt made of the same key",
    Action.VERIFY: "Verify it: read the key back, get a token with it, ask who we are",
    Action.REMOVE_PENDING: "Remove the pending document",
    Action.MAKE_NEXT: "Make the next key and put its private half into the key store",
    Action.PUBLISH: "Register the next public half on the tenant, next to the old one",
    Action.SWAP: "Put the next public half in the place of the old one, since the tenant takes one at a time",
    Action.VERIFY_NEXT: "Verify the next key: read it back, get a token with it, ask who we are",
    Action.PROMOTE: "Make the next key the one that consumers read",
    Action.END_OVERLAP: "Note that the old key's overlap ends now",
    Action.VERIFY_CURRENT: "Verify the current key before the old one goes",
    Action.UNPUBLISH: "Take the old public half off the tenant",
    Action.RETIRE: "Take the old private half out of the key store",
    Action.PURGE: "Destroy every older version that shows the old private half",
    Action.REMOVE_SECRETS: "Remove the client secrets and their login",
    Action.NOTE: "Write to the record what is started, so that it is finished whatever interrupts it",
    Action.SETTLE: "Write to the record that the operation is done",
    "delete_client": "Delete the client on the tenant; nobody can undo it",
    "delete_record": "Destroy the client's keys in the key store, every version",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEvent:
    """What is being done, for progress displays.

    Attributes:
        operation: "provision", "rotate", "retire", "revoke", "adopt" or "delete".
        step: "check", the plan's action, or a step of "delete".
        title: the step in words.
        phase: "before", "after" or "failed".
        client_name: which client it is about.
        error: what went wrong, in phase "failed".
    """

    operation: str
    step: str
    title: str
    phase: Phase
    client_name: str
    error: QlikKeysError | None = None
