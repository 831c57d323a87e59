"""`qlik-keys demo`: the main job on the sandbox, from nothing to a table, each step told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import httpx
import typer

from qlik_keys import sandbox
from qlik_keys.auth.http_auth import PrivateKeyJwtAuth, TokenSource
from qlik_keys.cli.app import DOCUMENTATION, new_group, tell_step
from qlik_keys.cli.output.table import as_text
from qlik_keys.keys import KeySpec
from qlik_keys.keystore.vault.store import VaultKeyStore
from qlik_keys.lifecycle import provision
from qlik_keys.tenant import ApiKey, QlikTenant

if TYPE_CHECKING:
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle import Provisioned

_KEY_SPECS = {"nightly-etl": KeySpec("ES384"), "monthly-report": KeySpec("RS256", bits=4096)}


app = new_group()


@app.command()
def demo() -> None:
    """Show the main functions on the sandbox: two clients, keys in a real OpenBao, tokens, a table.

    It needs no tenant, no Vault and no answer, and stops everything again.

    Example: qlik-keys demo
    """
    began = time.monotonic()
    typer.echo("Starting the sandbox: a strict Qlik Cloud tenant and a real OpenBao server, on this machine only …")
    with sandbox.start() as box:
        typer.echo(f"    tenant {box.tenant_url}, Vault {box.vault_url}\n")
        with (
            QlikTenant(box.tenant_url, credential=ApiKey(box.api_key)) as tenant,
            VaultKeyStore(box.vault_url, token=box.vault_token) as store,
        ):
            for name, key in _KEY_SPECS.items():
                typer.secho(f"{name}: a machine-to-machine client with {key}", bold=True)
                made = provision(tenant, store, name=name, scopes=["user_default"], key=key, on_step=tell_step)
                _use(tenant, store, made)
            typer.echo("The tenant's clients:\n")
            from qlik_keys.inventory.tables import clients  # pandas takes a while; the steps show first

            typer.echo(as_text(clients(tenant, store)))
    typer.echo(f"\nThe sandbox is stopped. The demo took {time.monotonic() - began:.1f} s.")
    typer.echo("Next: `qlik-keys lab` (in a clone: `make lab`) does the same in a user interface.")
    typer.echo(f"Your own tenant and Vault: {DOCUMENTATION}/guides/tenant-and-vault.md")


def _use(tenant: QlikTenant, store: KeyStore, made: Provisioned) -> None:
    """Do what the client's consumer would do: read the key from the Vault, get a token, call the API."""
    source = TokenSource.from_store(store, tenant_url=tenant.url, client_id=made.client_id)
    with httpx.Client(base_url=tenant.url, auth=PrivateKeyJwtAuth(source), follow_redirects=True) as api:
        answer = api.get("/api/v1/users/me").raise_for_status().json()
    token = source.token()
    typer.echo(f"    client id {made.client_id}")
    typer.echo(f"    key id    {made.kid}")
    typer.echo(f"    token     scope {token.scope!r}, until {token.expires_at:%Y-%m-%d %H:%M} UTC")
    typer.echo(f"    users/me  {answer['subject']}, {answer['status']}\n")
