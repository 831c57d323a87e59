"""When a client last logged in, told to a person on a terminal before what it logs in by is removed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from qlik_keys.errors import Interrupted, Outcome

if TYPE_CHECKING:
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle.last_use import LastUse
    from qlik_keys.tenant import QlikTenant


def tell_last_use(tenant: QlikTenant, store: KeyStore, client: str) -> None:
    """Print when a client last logged in, on standard error; nothing where there is not one of that id or name."""
    found = _last_use(tenant, store, client)
    if found is not None:
        typer.echo(found.to_text(), err=True)


def ask_about_use(tenant: QlikTenant, store: KeyStore, client: str) -> None:
    """Ask whether the secrets of a client that has logged in lately should be removed.

    Raises:
        Interrupted: they should not; nothing was done.
    """
    last_use_of_client = _last_use(tenant, store, client)
    if last_use_of_client is None or last_use_of_client.at is None:
        return
    typer.echo(last_use_of_client.to_text(), err=True)
    if not typer.confirm("Remove its client secrets?", err=True):
        raise Interrupted("The client was not adopted; nothing was changed.", outcome=Outcome.NOT_APPLIED)


def ask_about_old_key(tenant: QlikTenant, store: KeyStore, client: str) -> None:
    """Ask whether the old key of a client that has logged in lately should be retired before its overlap is over.

    Raises:
        Interrupted: it should not; nothing was done.
    """
    from qlik_keys.core.clock import SYSTEM_CLOCK
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.keystore.lookup import ClientLookup
    from qlik_keys.keystore.tenant_folder import folder_of
    from qlik_keys.lifecycle.last_use import use_of_old_key

    try:
        client_id = ClientLookup.of(tenant, store).find(client)
        record = folder_of(tenant, store).read(tenant.host, client_id)
    except QlikKeysError:
        return  # the operation itself says what is wrong
    used = use_of_old_key(tenant, record, SYSTEM_CLOCK)
    if used is None or used.at is None:
        return
    end = f"{record.old_keys_end:%Y-%m-%d %H:%M} UTC"
    typer.echo(
        f"Apart from the verification of its new key it last logged in at {used.at:%Y-%m-%d %H:%M} UTC. A consumer "
        f"that has not read the new key yet is locked out; the overlap ends at {end}.",
        err=True,
    )
    if not typer.confirm("Retire the old key now?", err=True):
        raise Interrupted("The old key was not retired; nothing was changed.", outcome=Outcome.NOT_APPLIED)


def _last_use(tenant: QlikTenant, store: KeyStore, client: str) -> LastUse | None:
    """Return when a client last logged in, None where there is not one client of that id or name."""
    from qlik_keys.core.clock import SYSTEM_CLOCK
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.keystore.lookup import ClientLookup
    from qlik_keys.lifecycle.last_use import last_use

    try:
        client_id = ClientLookup.of(tenant, store).find(client)
    except QlikKeysError:
        return None  # the operation itself says what is wrong
    return last_use(tenant, client_id, SYSTEM_CLOCK)
