"""The table of actions: everything that a step of an operation can do, and every fact about it.

One entry an action, and nowhere else: its title, which system it changes, whether it can be undone, and what a person
would do by hand. An action without an entry fails at import.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

System = Literal["tenant", "vault", "both"]


class Action(StrEnum):
    """The things that a step can do; each changes one system only and can be done again."""

    CHECK = "check"
    WRITE_PENDING = "write_pending"
    REGISTER = "register"
    BIND = "bind"
    RECORD = "record"
    TRUST = "trust"
    REPLACE_SECRET = "replace_secret"  # noqa: S105  # the name of a step
    REMOVE_DUPLICATE = "remove_duplicate"
    VERIFY = "verify"
    REMOVE_PENDING = "remove_pending"
    MAKE_NEXT = "make_next"
    PUBLISH = "publish"
    SWAP = "swap"
    VERIFY_NEXT = "verify_next"
    PROMOTE = "promote"
    END_OVERLAP = "end_overlap"
    VERIFY_CURRENT = "verify_current"
    UNPUBLISH = "unpublish"
    RETIRE = "retire"
    PURGE = "purge"
    REMOVE_SECRETS = "remove_secrets"
    NOTE = "note"
    SETTLE = "settle"
    DELETE_CLIENT = "delete_client"
    DELETE_RECORD = "delete_record"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionFacts:
    """The facts about one action.

    Attributes:
        title: the step in words.
        system: what it changes; "both" for what reads both and changes neither.
        is_reversible: whether it can be undone.
        by_hand: what a person does instead (qlik-cloud-contract, "The console's words", and Qlik's tutorial "Create a
            M2M OAuth2 client"); "" for what only this package does.
    """

    title: str
    system: System
    is_reversible: bool = True
    by_hand: str = ""


ACTIONS: Mapping[Action, ActionFacts] = MappingProxyType(
    {
        Action.CHECK: ActionFacts(
            title="Look at what the tenant and the key store have under that name",
            system="both",
            by_hand="Console: look through the list of OAuth clients for it.",
        ),
        Action.WRITE_PENDING: ActionFacts(
            title="Make the key and put its private half into the key store",
            system="vault",
            by_hand="Terminal: make a key pair with OpenSSL, turn it into a JWK by a script, keep the file somewhere.",
        ),
        Action.REGISTER: ActionFacts(
            title="Register the client on the tenant with the public half",
            system="tenant",
            by_hand="Console, steps 1 to 6: Create new, type Web, name, scopes, authentication method, "
            "Machine-to-machine, Create. Steps 8 and 9: consent method Trusted.",
        ),
        Action.BIND: ActionFacts(
            title="Note the client's id next to the pending key",
            system="vault",
            by_hand="Console, step 7: copy the client id before the window closes.",
        ),
        Action.RECORD: ActionFacts(
            title="Write the client's secret in the key store, where consumers read it",
            system="vault",
            by_hand="Terminal: put key and client id where the job finds them.",
        ),
        Action.TRUST: ActionFacts(
            title="Set the consent method to trusted",
            system="tenant",
            by_hand="Console, steps 8 and 9: the three dots, Change consent method, Trusted.",
        ),
        Action.REPLACE_SECRET: ActionFacts(
            title="Make a new client secret, since the first answer was lost",
            system="tenant",
            is_reversible=False,
        ),
        Action.REMOVE_DUPLICATE: ActionFacts(
            title="Remove the client that a second attempt made of the same key",
            system="tenant",
            is_reversible=False,
        ),
        Action.VERIFY: ActionFacts(
            title="Verify it: read the key back, get a token with it, ask who we are",
            system="both",
            by_hand="Terminal: qlik context create, then qlik user me. With a private key qlik-cli cannot do it "
            "at all.",
        ),
        Action.REMOVE_PENDING: ActionFacts(
            title="Remove the pending document",
            system="vault",
            by_hand="Terminal: delete the key file that was left behind.",
        ),
        Action.MAKE_NEXT: ActionFacts(
            title="Make the next key and put its private half into the key store",
            system="vault",
            by_hand="Terminal: make another key pair with OpenSSL, and a JWK by a script.",
        ),
        Action.PUBLISH: ActionFacts(
            title="Register the next public half on the tenant, next to the old one",
            system="tenant",
            by_hand="Console: open the client, paste the new JWK below the old one, Save. Forget the old one, "
            "and every job that still uses it is locked out.",
        ),
        Action.SWAP: ActionFacts(
            title="Put the next public half in the place of the old one, since the tenant takes one at a time",
            system="tenant",
            by_hand="Console: open the client, paste the new JWK over the old one, Save, and hope.",
        ),
        Action.VERIFY_NEXT: ActionFacts(
            title="Verify the next key: read it back, get a token with it, ask who we are",
            system="both",
            by_hand="Terminal: no tool of Qlik's can try the new key.",
        ),
        Action.PROMOTE: ActionFacts(
            title="Make the next key the one that consumers read",
            system="vault",
            by_hand="Terminal: put the new key where the jobs find it.",
        ),
        Action.END_OVERLAP: ActionFacts(
            title="Note that the old key's overlap ends now",
            system="vault",
        ),
        Action.VERIFY_CURRENT: ActionFacts(
            title="Verify the current key before the old one goes",
            system="both",
            by_hand="Terminal: no tool of Qlik's can try the key.",
        ),
        Action.UNPUBLISH: ActionFacts(
            title="Take the old public half off the tenant",
            system="tenant",
            by_hand="Console: open the client, take the old JWK out, Save.",
        ),
        Action.RETIRE: ActionFacts(
            title="Take the old private half out of the key store",
            system="vault",
            is_reversible=False,
            by_hand="Terminal: delete the old key file, wherever it was copied to.",
        ),
        Action.PURGE: ActionFacts(
            title="Destroy every older version that shows the old private half",
            system="vault",
            is_reversible=False,
            by_hand="Terminal: find every backup of the old key file.",
        ),
        Action.REMOVE_SECRETS: ActionFacts(
            title="Remove the client secrets and their login",
            system="tenant",
            is_reversible=False,
            by_hand="Console: open the client, delete each secret, untick Client secret.",
        ),
        Action.NOTE: ActionFacts(
            title="Write to the record what is started, so that it is finished whatever interrupts it",
            system="vault",
        ),
        Action.SETTLE: ActionFacts(
            title="Write to the record that the operation is done",
            system="vault",
        ),
        Action.DELETE_CLIENT: ActionFacts(
            title="Delete the client on the tenant; nobody can undo it",
            system="tenant",
            is_reversible=False,
            by_hand="Console: the three dots, Delete, confirm.",
        ),
        Action.DELETE_RECORD: ActionFacts(
            title="Destroy the client's keys in the key store, every version",
            system="vault",
            is_reversible=False,
            by_hand="Terminal: delete the key file, wherever it was copied to.",
        ),
    }
)
if _missing := set(Action) - ACTIONS.keys():
    raise RuntimeError(f"no facts about these actions: {', '.join(sorted(_missing))}")
