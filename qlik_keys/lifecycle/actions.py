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
    RUN_HOOK = "run_hook"
    DROP_HOOKS = "drop_hooks"
    REMOVE_SECRETS = "remove_secrets"
    NOTE = "note"
    SETTLE = "settle"
    DELETE_CLIENT = "delete_client"
    END_TOKENS = "end_tokens"
    REMOVE_BOT = "remove_bot"
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
            title="Check what the tenant and the key store have under that name",
            system="both",
            by_hand="Console: look through the list of OAuth clients for it.",
        ),
        Action.WRITE_PENDING: ActionFacts(
            title="Generate the key and store its private key in the key store",
            system="vault",
            by_hand="Terminal: generate a key pair with OpenSSL, convert it to a JWK with a script, keep the file "
            "somewhere.",
        ),
        Action.REGISTER: ActionFacts(
            title="Register the client on the tenant with the public key",
            system="tenant",
            by_hand="Console, steps 1 to 6: Create new, type Web, name, scopes, authentication method, "
            "Machine-to-machine, Create. Steps 8 and 9: consent method Trusted.",
        ),
        Action.BIND: ActionFacts(
            title="Write the client's id to the pending record",
            system="vault",
            by_hand="Console, step 7: copy the client id before the window closes.",
        ),
        Action.RECORD: ActionFacts(
            title="Write the client's record to the key store, where consumers read it",
            system="vault",
            by_hand="Terminal: copy key and client id to the place where the job reads them.",
        ),
        Action.TRUST: ActionFacts(
            title="Set the consent method to trusted",
            system="tenant",
            by_hand="Console, steps 8 and 9: the three dots, Change consent method, Trusted.",
        ),
        Action.REPLACE_SECRET: ActionFacts(
            title="Create a new client secret, because the first answer was lost",
            system="tenant",
            is_reversible=False,
        ),
        Action.REMOVE_DUPLICATE: ActionFacts(
            title="Remove the client that a second attempt created with the same key",
            system="tenant",
            is_reversible=False,
        ),
        Action.VERIFY: ActionFacts(
            title="Verify it: read the key back, request a token with it, call users/me",
            system="both",
            by_hand="Terminal: qlik context create, then qlik user me. qlik-cli cannot use a private key.",
        ),
        Action.REMOVE_PENDING: ActionFacts(
            title="Remove the pending record",
            system="vault",
            by_hand="Terminal: delete the key file that was left behind.",
        ),
        Action.MAKE_NEXT: ActionFacts(
            title="Generate the next key and store its private key in the key store",
            system="vault",
            by_hand="Terminal: generate another key pair with OpenSSL, and a JWK with a script.",
        ),
        Action.PUBLISH: ActionFacts(
            title="Register the next public key on the tenant, next to the old one",
            system="tenant",
            by_hand="Console: open the client, paste the new JWK below the old one, Save. If the old one is lost, "
            "every job that still uses it fails.",
        ),
        Action.SWAP: ActionFacts(
            title="Replace the old public key with the next one, because the tenant accepts only one at a time",
            system="tenant",
            by_hand="Console: open the client, replace the old JWK with the new one, Save.",
        ),
        Action.VERIFY_NEXT: ActionFacts(
            title="Verify the next key: read it back, request a token with it, call users/me",
            system="both",
            by_hand="Terminal: no Qlik tool can test the new key.",
        ),
        Action.PROMOTE: ActionFacts(
            title="Make the next key the one that consumers read",
            system="vault",
            by_hand="Terminal: copy the new key to the place where the jobs read it.",
        ),
        Action.END_OVERLAP: ActionFacts(
            title="Record that the old key's overlap ends now",
            system="vault",
        ),
        Action.VERIFY_CURRENT: ActionFacts(
            title="Verify the current key before the old one is removed",
            system="both",
            by_hand="Terminal: no Qlik tool can test the key.",
        ),
        Action.UNPUBLISH: ActionFacts(
            title="Remove the old public key from the tenant",
            system="tenant",
            by_hand="Console: open the client, remove the old JWK, Save.",
        ),
        Action.RETIRE: ActionFacts(
            title="Remove the old private key from the key store",
            system="vault",
            is_reversible=False,
            by_hand="Terminal: delete the old key file, wherever it was copied to.",
        ),
        Action.PURGE: ActionFacts(
            title="Destroy every older version that contains the old private key",
            system="vault",
            is_reversible=False,
            by_hand="Terminal: find and delete every backup of the old key file.",
        ),
        Action.RUN_HOOK: ActionFacts(
            title="Run a hook and wait for it, so that a consumer reads the new key",
            system="vault",
            by_hand="Terminal: restart or refresh every job that uses the key.",
        ),
        Action.DROP_HOOKS: ActionFacts(
            title="Remove pending hooks from the record without running them",
            system="vault",
        ),
        Action.REMOVE_SECRETS: ActionFacts(
            title="Remove the client secrets and this authentication method",
            system="tenant",
            is_reversible=False,
            by_hand="Console: open the client, delete each secret, deselect Client secret.",
        ),
        Action.NOTE: ActionFacts(
            title="Write the operation to the record, so that it can be finished after any interruption",
            system="vault",
        ),
        Action.SETTLE: ActionFacts(
            title="Record that the operation is finished",
            system="vault",
        ),
        Action.DELETE_CLIENT: ActionFacts(
            title="Delete the client on the tenant (cannot be undone)",
            system="tenant",
            is_reversible=False,
            by_hand="Console: the three dots, Delete, confirm.",
        ),
        Action.END_TOKENS: ActionFacts(
            title="End the access tokens that the tenant lists for the client's bot user",
            system="tenant",
            is_reversible=False,
            by_hand="Terminal: qlik oauth-token ls, then qlik oauth-token rm for each token of the bot user.",
        ),
        Action.REMOVE_BOT: ActionFacts(
            title="Delete the client's bot user (cannot be undone)",
            system="tenant",
            is_reversible=False,
            by_hand="Console: Users, find the bot by its name and subject, Delete.",
        ),
        Action.DELETE_RECORD: ActionFacts(
            title="Destroy all versions of the client's keys in the key store",
            system="vault",
            is_reversible=False,
            by_hand="Terminal: delete the key file, wherever it was copied to.",
        ),
    }
)
if _missing := set(Action) - ACTIONS.keys():
    raise RuntimeError(f"these actions have no facts: {', '.join(sorted(_missing))}")
