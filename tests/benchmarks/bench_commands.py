"""`qlik-keys --help` and `qlik-keys token`, in fresh interpreters, against bare Python, httpx's import and Typer.

Typer's own empty program is what a command line made with Typer costs at least. It is there twice: as Typer makes it,
with rich, and without rich; ours is compared with both. `token` is the whole command against a sandbox: the settings,
the key from the Vault, the assertion, the token.
"""

import os
import subprocess
import sys

from bench_provision import boundless, connected, counted
from measure import Row, compared, interleaved, main

import qlik_keys as qk
from qlik_keys.keystore.lookup import ClientLookup

GOAL = 1.3
PROBE = 70
ROUNDS = 15, 1
NAMES = 200, 10
NAME = "measured"
OURS = "from qlik_keys.cli import main; main()"
EMPTY = "import typer\napp = typer.Typer({})\n@app.command()\ndef main() -> None:\n    pass\napp()"
PYTHON, HTTPX, PARTS = "python -c pass", "import httpx", "import httpx, hvac"
HELP, TOKEN, IDS = "qlik-keys --help", "qlik-keys token --stdout", "qlik-keys clients -q"
RICH, PLAIN = "Typer's empty program, --help", "the same, rich_markup_mode=None"


def fresh(code, *arguments, **environment):
    """Run a program in a fresh interpreter, its output into a pipe as a script would have it."""
    # Compiled once, as pip does for what it installs: the first run of each, which is not measured, does it here.
    ours = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"} | environment
    done = subprocess.run([sys.executable, "-c", code, *arguments], env=ours, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr.decode())


def requests_by_name(tenant, store, name):
    """Count what is asked for a client's id: with the store alone, and by an administrator."""
    lookups = ClientLookup(store, tenant.host), ClientLookup.of(tenant, store)
    return sum(counted(tenant, store, lambda: [lookup.find(name) for lookup in lookups]))


def rows(quick):
    names = NAMES[quick]
    with qk.sandbox.start() as box, connected(box, budget=boundless()) as (_, tenant, store):
        client_id = qk.provision(tenant, store, name=NAME, scopes=["user_default"]).client_id
        settings = {"QLIK_TENANT_URL": box.tenant_url, "QLIK_API_KEY": box.api_key}
        settings |= {"VAULT_ADDR": box.vault_url, "VAULT_TOKEN": box.vault_token}
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
        seconds = interleaved(variants, ROUNDS[quick])
        few = requests_by_name(tenant, store, NAME)
        probed = qk.probe(tenant, store, confirm=tenant.host).requests
        for number in range(names - 1):
            qk.provision(tenant, store, name=f"{NAME}-{number}", scopes=["user_default"])
        many = requests_by_name(tenant, store, NAME)
    name = f"requests to find a client by name among {names}, to those among one"
    yield Row(name=name, floor=few, ours=many, unit="requests", ratio=many / few, goal=1)
    yield Row(name="requests to probe a tenant", ours=probed, unit="requests", goal=PROBE)
    for name, figures, goal in (
        ("qlik-keys --help, to Typer's empty program as Typer makes it", (RICH, HELP), GOAL),
        ("qlik-keys --help, to the same without rich", (PLAIN, HELP), GOAL),
        ("qlik-keys token --stdout, to the import of httpx and hvac", (PARTS, TOKEN), GOAL),
        ("qlik-keys token --stdout, to bare Python", (PYTHON, TOKEN, HTTPX), None),
        ("qlik-keys clients -q, to the import of httpx and hvac", (PARTS, IDS), None),
    ):
        yield compared(name, {figure: seconds[figure] for figure in figures}, goal=goal)


if __name__ == "__main__":
    main(rows)
