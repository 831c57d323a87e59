"""`qlik-keys --help` and `qlik-keys token`, in fresh interpreters, against bare Python, httpx's import and Typer.

Typer's own empty program is what a command line made with Typer costs at least. It is there twice: as Typer makes it,
with rich, and without rich; ours is compared with both. `token` is the whole command against a sandbox: the settings,
the key from the Vault, the assertion, the token.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from measure import Row, Seconds, compared, interleaved, main

import qlik_keys as qk
from qlik_keys.keystore.lookup import ClientLookup
from qlik_keys.tenant import RateBudget

if TYPE_CHECKING:
    from collections.abc import Iterator


GOAL = 1.3
ROUNDS, QUICK_ROUNDS = 15, 1
NAMES, QUICK_NAMES = 200, 10
NAME = "measured"
BOUNDLESS = RateBudget(limits_per_minute={1: 10**6, 2: 10**6})  # the sandbox sets no limit here
OURS = "from qlik_keys.cli import main; main()"
EMPTY = "import typer\napp = typer.Typer({})\n@app.command()\ndef main() -> None:\n    pass\napp()"
PYTHON, HTTPX, PARTS = "python -c pass", "import httpx", "import httpx, hvac"
HELP, TOKEN, IDS = "qlik-keys --help", "qlik-keys token --stdout", "qlik-keys clients -q"
RICH, PLAIN = "Typer's empty program, --help", "the same, rich_markup_mode=None"


def fresh(code: str, *arguments: str, **environment: str) -> None:
    """Run a program in a fresh interpreter, its output into a pipe as a script would have it."""
    # Compiled once, as pip does for what it installs: the first run of each, which is not measured, does it here.
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], env={**ours, **environment}, capture_output=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr.decode())


def requests_by_name(tenant: qk.QlikTenant, store: qk.VaultKeyStore, name: str) -> int:
    """Count what is asked for a client's id: by who has the store alone, and by an administrator."""
    asked: list[object] = []
    unsubscribe = [tenant.subscribe(asked.append), store.subscribe(asked.append)]
    ClientLookup(store, tenant.host).find(name)
    ClientLookup.of(tenant, store).find(name)
    for end in unsubscribe:
        end()
    return len(asked)


def rows(quick: bool) -> Iterator[Row]:
    with (
        qk.sandbox.start() as box,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key), budget=BOUNDLESS) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        client_id = qk.provision(tenant, store, name=NAME, scopes=["user_default"]).client_id
        settings = {
            "QLIK_TENANT_URL": box.tenant_url,
            "QLIK_API_KEY": box.api_key,
            "VAULT_ADDR": box.vault_url,
            "VAULT_TOKEN": box.vault_token,
        }
        variants = {
            PYTHON: lambda: fresh("pass"),
            HTTPX: lambda: fresh("import httpx"),
            PARTS: lambda: fresh("import httpx, hvac"),
            RICH: lambda: fresh(EMPTY.format(""), "--help"),
            PLAIN: lambda: fresh(EMPTY.format("rich_markup_mode=None"), "--help"),
            HELP: lambda: fresh(OURS, "--help"),
            TOKEN: lambda: fresh(OURS, "token", "--client", client_id, "--stdout", **settings),
            IDS: lambda: fresh(OURS, "clients", "-q", **settings),
        }
        seconds = interleaved(variants, QUICK_ROUNDS if quick else ROUNDS)
        names = QUICK_NAMES if quick else NAMES
        few = requests_by_name(tenant, store, NAME)
        for number in range(names - 1):
            qk.provision(tenant, store, name=f"{NAME}-{number}", scopes=["user_default"])
        many = requests_by_name(tenant, store, NAME)

    def only(*names: str) -> Seconds:
        return {name: seconds[name] for name in names}

    yield Row(
        name=f"requests to find a client by name among {names}, to those among one",
        floor=few,
        ours=many,
        unit="requests",
        ratio=many / few,
        goal=1,
    )
    yield compared("qlik-keys --help, to Typer's empty program as Typer makes it", only(RICH, HELP), goal=GOAL)
    yield compared("qlik-keys --help, to the same without rich", only(PLAIN, HELP), goal=GOAL)
    yield compared("qlik-keys token --stdout, to the import of httpx and hvac", only(PARTS, TOKEN), goal=GOAL)
    yield compared("qlik-keys token --stdout, to bare Python", only(PYTHON, TOKEN, HTTPX))
    yield compared("qlik-keys clients -q, to the import of httpx and hvac", only(PARTS, IDS))


if __name__ == "__main__":
    main(rows)
