"""A process that provisions a client and kills itself at one point: run by test_provision_killed.

Reads a JSON object from standard input: where the sandbox is, what to make, and at which step and phase to die.
"""

from __future__ import annotations

import json
import os
import signal
import sys

import qlik_keys as qk


def main() -> None:
    told = json.load(sys.stdin)

    def die(event: object) -> None:
        if (event.step, event.phase) == (told["step"], told["phase"]):
            os.kill(os.getpid(), signal.SIGKILL)

    tenant = qk.QlikTenant(told["tenant_url"], credential=qk.ApiKey(told["api_key"]))
    store = qk.VaultKeyStore(told["vault_url"], token=told["vault_token"])
    qk.provision(
        tenant, store, name=told["name"], scopes=["user_default"], client_secret=told["client_secret"], on_step=die
    )


if __name__ == "__main__":
    main()
