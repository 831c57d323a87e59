"""What a finding is fixed by: the safe fixes of `qk.fix`, and the command of each operation for a shell.

Not done here: applying them (`diagnosis.fixes`, `lifecycle`).
"""

from __future__ import annotations

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
OPERATIONS = frozenset({*_COMMANDS, *BY_VAULT})


def shell_command(operation: str, client_id: str) -> str:
    """Return what applies an operation in a shell, "" where a person must look first or Vault tells the command."""
    return "" if operation in BY_VAULT else _COMMANDS[operation].format(client_id=client_id)
