"""The panel's texts: what does each step by hand, the kinds of keys, the operations, and an error's outcome."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlik_keys.errors import Outcome
from qlik_keys.keys import KeySpec
from qlik_keys.lifecycle.actions import ACTIONS, Action

if TYPE_CHECKING:
    from collections.abc import Mapping

# The steps that every client takes, in their order.
NEW_CLIENT_STEPS = (
    Action.CHECK,
    Action.WRITE_PENDING,
    Action.REGISTER,
    Action.BIND,
    Action.RECORD,
    Action.VERIFY,
    Action.REMOVE_PENDING,
)
# The steps of a login.
TOKEN_STEPS: Mapping[str, str] = {
    "sign": "Sign an assertion with the key in the Vault",
    "ask": "Send it to the token endpoint",
    "ask_again": "Send the same assertion a second time",
    "verify": "Ask the tenant who the token's user is",
}
# What does a step by hand; for the actions of an operation, `lifecycle.actions` says it.
BY_HAND: Mapping[str, str] = {
    **{str(action): facts.by_hand for action, facts in ACTIONS.items() if facts.by_hand},
    "sign": "Terminal: your own script with a JOSE library. The script in Qlik's tutorial omits the kid.",
    "ask": "Terminal: curl with the assertion, within two minutes. qlik-cli logs in with client secrets only.",
    "ask_again": "Terminal: the same curl command once more.",
    "consent": "Console: the three dots, Change consent method.",
    "publish_client": "Console: the three dots, Publish.",
    "add_secret": "Console: open the client, Generate secret, copy it before the window closes.",
    "remove_secret": "Console: open the client, delete the secret.",
}
# Those of `tenant.resources.raw`, which brings httpx.
CALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# How an assertion is made; the names are those of `invalid_variants.INVALID_VARIANTS`.
VARIANT_CHOICES: Mapping[str, str] = {
    "valid, as for every login": "",
    "invalid: a kid that is not registered": "wrong-kid",
    "invalid: a slash at the end of the audience": "wrong-audience",
    "invalid: made an hour ago": "expired",
    "invalid: signed with another key": "another-key",
    "invalid: a valid one, sent twice": "replayed",
}
EXISTED_ALREADY = "existed already, with these choices"
NO_LONGER_THERE = "no longer on the tenant"
OWN_KEY = "own"
OWN_KEY_ADVICE = "RSA of 2048, 3072 or 4096 bits, or EC on P-384. It is checked, and its kid gets today's date."


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """A kind of key that the user can choose.

    Attributes:
        spec: what is made.
        label: its name on the control.
        advice: when to choose it.
    """

    spec: KeySpec
    label: str
    advice: str


KEY_CHOICES: Mapping[str, KeyChoice] = {
    "ES384": KeyChoice(
        KeySpec("ES384"),
        "ES384 · elliptic curve P-384",
        "Small, generated in a millisecond, signs fastest. The best choice unless your programs support RSA only.",
    ),
    "RS256-4096": KeyChoice(
        KeySpec("RS256", bits=4096),
        "RS256 · RSA 4096 bits",
        "Recommended by Qlik for RSA keys that are used for long in production. Generating it takes about a second.",
    ),
    "RS256-3072": KeyChoice(
        KeySpec("RS256", bits=3072), "RS256 · RSA 3072 bits", "Between the others in strength and speed."
    ),
    "RS256-2048": KeyChoice(
        KeySpec("RS256", bits=2048),
        "RS256 · RSA 2048 bits",
        "The shortest key that Qlik accepts. Signs five times as fast as 4096 bits.",
    ),
    "RS512-4096": KeyChoice(
        KeySpec("RS512", bits=4096), "RS512 · RSA 4096 bits", "Like RS256 with a longer hash, at the same speed."
    ),
    "RS512-3072": KeyChoice(
        KeySpec("RS512", bits=3072), "RS512 · RSA 3072 bits", "Like RS256 with a longer hash, at the same speed."
    ),
    "RS512-2048": KeyChoice(
        KeySpec("RS512", bits=2048), "RS512 · RSA 2048 bits", "Like RS256 with a longer hash, at the same speed."
    ),
}

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.NOT_APPLIED: "Nothing was changed.",
    Outcome.UNKNOWN: "It is not known whether it took effect. Start it again: it checks that first.",
    Outcome.APPLIED: "It took effect.",
}
# What is known after an answer was lost, for what is not checked: the user's own calls, and a token.
LOST_CALL = "It may have taken effect: check it with a GET before you send it again."
LOST_LOGIN = "The tenant may have issued a token, which expires by itself: get another one."
LOST_REVOCATION = "The token may be revoked: make a call with it to find out, or revoke it again."
# The introduction of "The same call by hand".
NEEDS = (
    "The key is read from the Vault: shell and kernel need VAULT_ADDR, and VAULT_TOKEN or another login of the Vault. "
    "curl needs the first part before it, in the same shell; the other samples run by themselves."
)
NEEDS_OF_SANDBOX = (
    "The key is read from the Vault, by VAULT_ADDR and VAULT_TOKEN. For this sandbox: run "
    "panel.sandbox.set_environment() in a cell. Then run Python in one cell, and the other samples in a cell that "
    "begins with %%bash. The first part and curl belong in the same cell."
)
# What the doctor says about a call that failed although the login works.
UNAUTHORIZED_CALL = (
    "The tenant does not accept the current token for this call: it may have been revoked elsewhere, or the path needs "
    "another kind of login. Get another token and try again."
)
REFUSED_CALL = (
    "This call was refused for another reason: read the tenant's answer, and check the path, the body, the scope of "
    "the token, and what its user may do."
)
UNANSWERED_CALL = (
    "The call got no answer, but the tenant answers now. Unless it was a GET, check first whether it took effect."
)


@dataclass(frozen=True, slots=True)
class Operation:
    """A change of an existing client, in words; `{name}` is the client's.

    Attributes:
        label: the button that opens its plan.
        meaning: what it is for.
        heading: the title of its plan, and the text of the button that applies it.
        doing: what is being done, for the progress line and an error's card.
    """

    label: str
    meaning: str
    heading: str
    doing: str


KEY_OPERATIONS: Mapping[str, Operation] = {
    "rotate": Operation(
        "Rotate",
        "A new key next to the old one, without downtime: both can log in until the overlap is over.",
        "Rotate the key of {name}",
        "Rotating the key of {name}",
    ),
    "retire": Operation(
        "Retire",
        "Removes the old key when its overlap is over.",
        "Retire the old key of {name}",
        "Retiring the old key of {name}",
    ),
    "revoke": Operation(
        "Revoke",
        "The key is compromised: it is replaced now, and every older key is removed.",
        "Revoke the key of {name}",
        "Revoking the key of {name}",
    ),
    "adopt": Operation(
        "Adopt",
        "Gives a client that was made elsewhere a key that qlik_keys manages.",
        "Adopt {name}",
        "Adopting {name}",
    ),
    "delete": Operation(
        "Delete", "Deletes the client and then its keys, permanently.", "Delete {name}", "Deleting {name}"
    ),
    "resume": Operation(
        "Resume all",
        "Finishes whatever was interrupted, of any client.",
        "Resume what was interrupted",
        "Resuming what was interrupted",
    ),
}
SETTING_OPERATIONS: Mapping[str, Operation] = {
    "trust": Operation(
        "Set trusted",
        "Sets the consent method to trusted: otherwise a machine cannot log in.",
        "Set {name} to trusted",
        "Setting {name} to trusted",
    ),
    "distrust": Operation(
        "Set required",
        "Sets the consent method to required: the machine cannot log in any more.",
        "Set {name} to required",
        "Setting {name} to required",
    ),
    "publish": Operation("Publish", "Lets other tenants use the client.", "Publish {name}", "Publishing {name}"),
    "add_secret": Operation(
        "Add secret",
        "Makes a further client secret, which is shown once.",
        "Add a client secret to {name}",
        "Adding a client secret to {name}",
    ),
    "remove_secret": Operation(
        "Delete secret",
        "Deletes one client secret.",
        "Delete a client secret of {name}",
        "Deleting a client secret of {name}",
    ),
}
OPERATIONS: Mapping[str, Operation] = {**KEY_OPERATIONS, **SETTING_OPERATIONS}


def counted(count: int, what: str) -> str:
    """Return a count with its noun: "1 client", "2 clients"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"
