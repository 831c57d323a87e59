"""`qlik-keys vault-policy`: the least Vault policy for a role, for `vault policy write NAME -`."""

from __future__ import annotations

from typing import Annotated

import typer

from qlik_keys.cli.app import UsageProblem, new_group
from qlik_keys.cli.options.common import JsonOption  # noqa: TC001  # typer reads the annotations at run time
from qlik_keys.cli.output.results import show
from qlik_keys.errors import ConfigurationError
from qlik_keys.keystore import defaults

app = new_group()


@app.command("vault-policy")
def vault_policy(
    *,
    role: Annotated[str, typer.Option(help="admin, consumer, auditor or notifier.")],
    tenant: Annotated[str, typer.Option(help="One tenant, by host or URL; by default all.")] = "",
    client_id: Annotated[str, typer.Option("--client", help="For a consumer: one client's id.")] = "",
    client_name: Annotated[
        str, typer.Option(help="That client's name; the names of its keys in Transit are derived from it.")
    ] = "",
    custody: Annotated[str, typer.Option(help="kv, transit or both.")] = "both",
    mount: Annotated[str, typer.Option(help="The KV version 2 engine.")] = defaults.MOUNT,
    prefix: Annotated[str, typer.Option(help="The folder in the KV engine.")] = defaults.PREFIX,
    transit_mount: Annotated[str, typer.Option(help="The Transit engine.")] = defaults.TRANSIT_MOUNT,
    as_json: JsonOption = False,
) -> None:
    """Print the minimal Vault policy for a role, ready to paste.

    Example: qlik-keys vault-policy --role admin | vault policy write qlik-keys-admin -
    """
    from qlik_keys.keystore.vault.policy import vault_policy as policy_text
    from qlik_keys.tenant.url import normalise_tenant_url, tenant_host

    try:
        host = tenant_host(normalise_tenant_url(tenant)[0]) if "://" in tenant else tenant
        text = policy_text(
            role,  # type: ignore[arg-type]  # it refuses what it does not know
            tenant_host=host,
            client_id=client_id,
            client_name=client_name,
            custody=custody,  # type: ignore[arg-type]
            mount=mount,
            prefix=prefix,
            transit_mount=transit_mount,
        )
    except ConfigurationError as error:  # it knows nothing but these options
        raise UsageProblem(f"{error.message} {error.hint}".strip(), "") from None
    if as_json:
        show({"role": role, "policy": text}, as_json=True)
    else:
        typer.echo(text, nl=False)
