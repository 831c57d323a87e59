"""What a finding is fixed by: the safe fixes of `qk.fix`, and the command of each operation for a shell.

Not done here: applying them (`diagnosis.fixes`, `lifecycle`).
"""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Each can be undone, and removes nothing; the user sees these words before the fix is applied.
FIXES: Mapping[str, str] = MappingProxyType(
    {
        "trust": "Sets the client's consent method to trusted.",
        "machine-to-machine": "Adds the grant client_credentials to the client.",
        "method": "Adds private_key_jwt to the client's authentication methods.",
        "token-url": "Writes this tenant's token endpoint into the store's record, as a new version.",
        "resume": "Finishes the interrupted operation on this client. Removes no key and changes no other client.",
        "renew-vault-token": "Renews the Vault token.",
    }
)
# What Vault's own program does, and no operation of qlik_keys.
BY_VAULT = ("undelete", "keep")
_BY_QLIK_CLI = {
    "trust": "qlik oauth-client connection-config patch {client_id}"
    ' --body \'[{{"op":"replace","path":"/consentMethod","value":"trusted"}}]\'',
}
_COMMANDS: Mapping[str, str] = MappingProxyType(
    {
        "": "",
        **dict.fromkeys(FIXES, "qlik-keys doctor --client {client_id} --fix"),
        "resume": "qlik-keys resume",
        "doctor": "qlik-keys doctor --client {client_id}",
        **_BY_QLIK_CLI,
        "remove-bot": "qlik-keys delete {client_id} --remove-bot",
        **{name: f"qlik-keys {name} {{client_id}}" for name in ("rotate", "retire", "revoke", "adopt", "delete")},
    }
)
# By the name of the finding: what does the same for all clients that have it.
_FOR_ALL: Mapping[str, str] = MappingProxyType(
    {
        "rotation-overdue": "qlik-keys rotate --due",
        "rotation-due": "qlik-keys rotate --due --within {due_soon}",
        "rotation-due-soon": "qlik-keys rotate --due --within {due_within}",
        "overlap-over": "qlik-keys retire",
        "secret-only": "qlik-keys adopt --secret-only",
        "consent-not-trusted": "qlik-keys trust",
    }
)
OPERATIONS = frozenset({*_COMMANDS, *BY_VAULT})


def command_for_all(finding: str, *, due_soon: timedelta, due_within: timedelta | None) -> str:
    """Return the one command that does for all clients with a finding what is advised for each, "" for none.

    Args:
        finding: its name.
        due_soon: within what time a key is due by the finding "rotation-due".
        due_within: the same for "rotation-due-soon", which was asked for.
    """
    within = {"due_soon": due_soon, "due_within": due_within or due_soon}
    return _FOR_ALL.get(finding, "").format(**{name: _written(time) for name, time in within.items()})


def _written(time: timedelta) -> str:
    """Return a duration as the command line takes it, rounded up to hours."""
    hours = -(-time // timedelta(hours=1))
    return f"{hours}h" if hours % 24 else f"{hours // 24}d"


def shell_command(operation: str, client_id: str) -> str:
    """Return what applies an operation in a shell, "" where a person must look first or Vault tells the command."""
    return "" if operation in BY_VAULT else _COMMANDS[operation].format(client_id=client_id)
