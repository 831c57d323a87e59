"""The panel's words: what each step stands for by hand, the key choices, and what an error's outcome means."""

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
# What a login is made of, when it is taken apart.
TRY_STEPS: Mapping[str, str] = {
    "sign": "Sign an assertion with the key in the Vault",
    "ask": "Send it to the token endpoint",
    "ask_again": "Send the same assertion a second time",
    "verify": "Ask the tenant whose token it is",
}
# What a person does instead of what is no action of an operation; of these, `lifecycle.actions` says it.
BY_HAND: Mapping[str, str] = {
    **{str(action): facts.by_hand for action, facts in ACTIONS.items() if facts.by_hand},
    "sign": "Terminal: a script of your own with a JOSE library. The one in Qlik's tutorial forgets the kid.",
    "ask": "Terminal: curl, with what the script printed, within two minutes. qlik-cli knows client secrets only.",
    "ask_again": "Terminal: curl once more.",
    "consent": "Console: the three dots, Change consent method.",
    "publish_client": "Console: the three dots, Publish.",
    "add_secret": "Console: open the client, Generate secret, copy it before the window closes.",
    "remove_secret": "Console: open the client, delete the secret.",
}
# Those of `tenant.resources.raw`, which brings httpx.
CALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
# How the assertion of a trial is made; the names are those of `trial.INVALID_VARIANTS`.
VARIANT_CHOICES: Mapping[str, str] = {
    "genuine, as every login makes it": "",
    "broken: a kid that nobody registered": "wrong-kid",
    "broken: a slash at the end of the audience": "wrong-audience",
    "broken: made an hour ago": "expired",
    "broken: signed with another key": "another-key",
    "broken: a good one, sent twice": "replayed",
}
OWN_KEY = "own"
OWN_KEY_ADVICE = "RSA of 2048, 3072 or 4096 bits, or EC on P-384. It is checked, and its kid gets today's date."


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """A kind of key to choose from.

    Attributes:
        spec: what is made.
        label: its name on the control.
        advice: a word on when to take it.
    """

    spec: KeySpec
    label: str
    advice: str


KEY_CHOICES: Mapping[str, KeyChoice] = {
    "ES384": KeyChoice(
        KeySpec("ES384"),
        "ES384 · elliptic curve P-384",
        "Small, made in a millisecond, signs fastest. The best choice unless a consumer of yours only knows RSA.",
    ),
    "RS256-4096": KeyChoice(
        KeySpec("RS256", bits=4096),
        "RS256 · RSA 4096 bits",
        "What Qlik advises for long-lived production keys with RSA. Takes about a second to make.",
    ),
    "RS256-3072": KeyChoice(
        KeySpec("RS256", bits=3072), "RS256 · RSA 3072 bits", "Between the two others in strength and speed."
    ),
    "RS256-2048": KeyChoice(
        KeySpec("RS256", bits=2048),
        "RS256 · RSA 2048 bits",
        "The least that Qlik accepts. Signs five times as fast as 4096 bits.",
    ),
    "RS512-4096": KeyChoice(
        KeySpec("RS512", bits=4096), "RS512 · RSA 4096 bits", "As RS256 with a longer hash; no faster, no slower."
    ),
    "RS512-3072": KeyChoice(
        KeySpec("RS512", bits=3072), "RS512 · RSA 3072 bits", "As RS256 with a longer hash; no faster, no slower."
    ),
    "RS512-2048": KeyChoice(
        KeySpec("RS512", bits=2048), "RS512 · RSA 2048 bits", "As RS256 with a longer hash; no faster, no slower."
    ),
}

OUTCOMES: Mapping[Outcome, str] = {
    Outcome.NOT_APPLIED: "Nothing was changed by it.",
    Outcome.UNKNOWN: "Whether it took effect is not known. Ask again: it is looked up before anything is repeated.",
    Outcome.APPLIED: "It took effect.",
}
# What is known after an answer was lost where nothing looks it up: a call of the person's own, and a token's two ends.
LOST_CALL = "It may have taken effect: look with a GET before you send it again."
LOST_LOGIN = "At most the tenant gave a token, which ends by itself: get another one."
LOST_REVOCATION = "The token may be revoked: call anything with it to see, or revoke it again."
# What "The same call by hand" begins with.
NEEDS = (
    "The key is read from the Vault: shell and kernel need VAULT_ADDR, and VAULT_TOKEN or another of the Vault's "
    "logins. curl needs the first part before it, in the same shell; the others are whole."
)
NEEDS_OF_SANDBOX = (
    "The key is read from the Vault, by VAULT_ADDR and VAULT_TOKEN. For this sandbox: run "
    "panel.sandbox.set_environment() in a cell. Then Python runs in a cell of its own, and the others in a cell that "
    "begins with %%bash: the first part and curl in one."
)
# What the doctor says of a call that failed, where the login works.
UNAUTHORIZED_CALL = (
    "The tenant does not take the current token for this call: it may have been revoked elsewhere, or the path wants "
    "another kind of login. Get another token and try again."
)
REFUSED_CALL = (
    "This call was refused for another reason: read what the tenant says of it, and look at its path, its body, the "
    "token's scope, and what the token's user may do."
)
UNANSWERED_CALL = (
    "The call got no answer, and the tenant answers now. Unless it was a GET, look first what became of it."
)


@dataclass(frozen=True, slots=True)
class Operation:
    """A change of a client that is there, in words; `{name}` is the client's.

    Attributes:
        label: the button that opens its plan.
        meaning: what it is for.
        heading: what stands over its plan, and on the button that does it.
        doing: what is being done, for the line of progress and an error's card.
    """

    label: str
    meaning: str
    heading: str
    doing: str


KEY_OPERATIONS: Mapping[str, Operation] = {
    "rotate": Operation(
        "Rotate",
        "A new key next to the old one, without downtime: both log in until the overlap is over.",
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
        "The key is compromised: it is replaced now, and every older one goes.",
        "Revoke the key of {name}",
        "Revoking the key of {name}",
    ),
    "adopt": Operation(
        "Adopt", "Gives a client that was made elsewhere a key of ours.", "Adopt {name}", "Adopting {name}"
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
        "Consent method trusted: without it a machine cannot log in.",
        "Set {name} to trusted",
        "Setting {name} to trusted",
    ),
    "distrust": Operation(
        "Set required",
        "Consent method required: the machine is locked out.",
        "Set {name} to required",
        "Setting {name} to required",
    ),
    "publish": Operation("Publish", "Lets other tenants use the client.", "Publish {name}", "Publishing {name}"),
    "add_secret": Operation(
        "Add secret",
        "A further client secret, shown once.",
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
