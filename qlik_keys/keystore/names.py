"""A client of the key store by its name, for callers who are nobody on the tenant yet."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from qlik_keys.keystore.base import KeyStore

CLIENT_ID = re.compile(r"[0-9a-f]{32}")


def client_id_of(store: KeyStore, tenant_host: str, client: str) -> str:
    """Return the id of the client with that id or name; an id is not looked up.

    Raises:
        ConfigurationError: no client of that name has a key in the store, or several have.
        StoreError: the store cannot be asked.
    """
    if CLIENT_ID.fullmatch(client):
        return client
    found = client_ids_named(store, tenant_host, client)
    if len(found) == 1:
        return found[0]
    problem = "No client" if not found else f"{len(found)} clients"
    raise ConfigurationError(
        f"{problem} with the name {client!r} on {tenant_host} {'has' if not found else 'have'} a key in the Vault.",
        hint="Give the client's id, which `qlik-keys clients` shows."
        if found
        else "`qlik-keys clients` shows who has.",
    )


def client_ids_named(store: KeyStore, tenant_host: str, name: str) -> list[str]:
    """Return the ids of the clients of that name that have a key in the store.

    Raises:
        StoreError: the store cannot be asked.
    """
    summaries = (store.summary(tenant_host, client_id) for client_id in store.client_ids(tenant_host))
    return [summary.client_id for summary in summaries if summary and summary.client_name == name]
