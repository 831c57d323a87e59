"""`provision`: a client with its key in the Vault."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from qlik_keys.cli.app import TENANT_HELP, new_group
from qlik_keys.cli.commands.key_command import CommandOptions, KeyCommand
from qlik_keys.cli.options.common import refuse_empty
from qlik_keys.cli.options.groups import with_options
from qlik_keys.cli.options.key_options import SERVES_DAYS, Bits, Custody, key_spec
from qlik_keys.keys.spec import DEFAULT_KEY

app = new_group()


@app.command(epilog=TENANT_HELP)
@with_options(CommandOptions)
def provision(
    common: CommandOptions,
    name: Annotated[str, typer.Argument(help="The client's name.", callback=refuse_empty)],
    *,
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="A scope; can be repeated.", callback=refuse_empty),
    ] = None,
    alg: Annotated[str, typer.Option(help="ES384, RS256 or RS512.")] = DEFAULT_KEY.alg,
    bits: Bits = None,
    description: Annotated[str, typer.Option(help="Shown in Qlik's console.")] = "",
    impersonation: Annotated[bool, typer.Option("--impersonation", help="Also allow user impersonation.")] = False,
    rotate_after_days: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=3660,
            help=f"After how many days the key should be rotated; {SERVES_DAYS} for a new client.",
        ),
    ] = None,
    custody: Custody = None,
) -> None:
    """Create a machine-to-machine client whose private key is in Vault.

    Called again, it finishes the same client, or returns it.

    Example: qlik-keys provision nightly-etl --scope user_default
    """
    from qlik_keys import lifecycle
    from qlik_keys.lifecycle.options import ProvisionOptions

    options = ProvisionOptions(
        name=name,
        scopes=scope or ["user_default"],
        key=key_spec(alg, bits),
        description=description,
        impersonation=impersonation,
        rotate_after=None if rotate_after_days is None else timedelta(days=rotate_after_days),
    ).arguments
    work = KeyCommand("provision", common, custody=custody)
    work.run("", options, lambda tenant, store, _, **told: [lifecycle.provision(tenant, store, **options, **told)])
