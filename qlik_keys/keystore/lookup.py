"""Which client is meant: every operation takes a client's id or its name, and this is where that is decided.

A text of 32 hex digits is an id; it costs no request. A name is looked up with a constant number of requests: an
administrator asks the tenant with its filter, whoever has only the store asks its name entries (`KeyStore.ids_named`).
Either answer is compared exactly, and a name that several clients have is refused with their ids.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from qlik_keys.errors import ConfigurationError, Outcome, StoreNotFound, TenantNotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant

CLIENT_ID = re.compile(r"[0-9a-f]{32}")
Result = TypeVar("Result")


def check_sides(tenant: object, store: object, *, may_lack_store: bool = False) -> None:
    """Refuse what is no tenant or no key store, for instance the two in the wrong order.

    Args:
        tenant: what was given as the tenant.
        store: what was given as the store.
        may_lack_store: None is accepted as the store.

    Raises:
        TypeError: it names the argument and the type that was given.
    """
    for side, name, wanted, needed in (
        (tenant, "tenant", "a QlikTenant", "oauth_clients"),
        (store, "store", "a KeyStore, for example a VaultKeyStore", "client_ids"),
    ):
        if not hasattr(side, needed) and not (may_lack_store and side is store is None):
            kind = type(side).__name__
            raise TypeError(f"{name} must be {wanted}, not {kind}: pass the tenant first, then the store")


def client_id_of(tenant: QlikTenant, store: KeyStore, client: str) -> str:
    """Return the id of the client with that id or name, for an administrator.

    An id is returned as it is: the operation that follows finds out whether there is such a client. A name that looks
    like an id is therefore given up for the id; `by_id_or_name` tries it where there is no such id.

    Args:
        tenant: the tenant, with a TenantAdmin's credential.
        store: where the keys are; it knows clients that the tenant has no more.
        client: an id or a name.

    Raises:
        ConfigurationError: nothing is named; several clients have the name; or the client that had it when its key was
            stored is named otherwise by now.
        TenantNotFound: neither the tenant nor the store has a client of that name.
        TenantError, StoreError: one of them cannot be asked.
    """
    client = checked(client)
    return client if CLIENT_ID.fullmatch(client) else client_id_named(tenant, store, client)


def by_id_or_name(tenant: QlikTenant, store: KeyStore, client: str, perform: Callable[[str], Result]) -> Result:
    """Return what `perform` makes of the client with that id or name; see `client_id_of`.

    An id counts before a name. Where there is no such id, a client that has it as its name is the one that is meant.

    Raises:
        QlikKeysError: as `client_id_of` and `perform`.
    """
    client = checked(client)
    if not CLIENT_ID.fullmatch(client):
        return perform(client_id_named(tenant, store, client))
    try:
        return perform(client)
    except (StoreNotFound, TenantNotFound) as error:
        # Not where something is left of the client: what that is, and what to do, is what its error says.
        if type(error) not in (StoreNotFound, TenantNotFound) or error.outcome is not Outcome.NOT_APPLIED:
            raise
        named = ids_on_tenant(tenant, client)
        if not named:
            raise
    return perform(only(named, client))


def client_id_named(tenant: QlikTenant, store: KeyStore, name: str) -> str:
    """Return the id of the client of that name; see `client_id_of`.

    Raises:
        ConfigurationError, TenantNotFound, TenantError, StoreError: as `client_id_of`.
    """
    on_tenant = ids_on_tenant(tenant, name)
    if on_tenant:
        return only(on_tenant, name)
    in_store = store.ids_named(tenant.host, name)
    if not in_store:
        raise TenantNotFound(
            f"Neither the tenant nor the store has a client named {name!r}.",
            hint="Check the exact name and the tenant; `qlik-keys clients` lists the clients.",
        )
    client_id = only(in_store, name)
    try:
        now = tenant.oauth_clients.get(client_id).client_name
    except TenantNotFound:
        return client_id  # it was deleted on the tenant, and its record is still there
    if now == name:  # made, or named so, in between
        return client_id
    raise ConfigurationError(
        f"The client that had the name {name!r} is named {now!r} on the tenant now.",
        hint=f"If you mean this client, give its id: {client_id}.",
    )


def ids_on_tenant(tenant: QlikTenant, name: str) -> list[str]:
    """Return the ids of the tenant's clients that have exactly that name.

    Raises:
        TenantError: the tenant cannot be asked.
    """
    from qlik_keys.tenant.resources.requests import eq  # noqa: PLC0415  # who only gets a token asks no tenant for clients

    # How the filter treats upper case is not published, so the names are compared here too.
    found = tenant.oauth_clients.iterate(filter=eq("clientName", name))
    return [each.client_id for each in found if each.client_name == name]


def client_id_in_store(store: KeyStore, tenant_host: str, client: str) -> str:
    """Return the id of the client with that id or name, for callers who are nobody on the tenant; an id asks nothing.

    Raises:
        ConfigurationError: nothing is named, or several clients of that name have a key in the store.
        StoreNotFound: no client of that name has a key there.
        StoreError: the store cannot be asked.
    """
    client = checked(client)
    if CLIENT_ID.fullmatch(client):
        return client
    found = store.ids_named(tenant_host, client)
    if found:
        return only(found, client)
    raise StoreNotFound(
        f"No client with the name {client!r} on {tenant_host} has a key in Vault.",
        hint="Check the exact name and the tenant, or give the client's id (see `qlik-keys clients`). If its name "
        "entry is missing in Vault, `qlik-keys resume` writes it.",
    )


def only(client_ids: Sequence[str], name: str) -> str:
    """Return the one client id that there is.

    Raises:
        ConfigurationError: there are several.
    """
    if len(client_ids) > 1:
        raise ConfigurationError(
            f"{len(client_ids)} clients have the name {name!r}.",
            hint=f"Give the id of one of them: {', '.join(sorted(client_ids))}.",
        )
    return client_ids[0]


def checked(client: object) -> str:
    """Return an id without the blanks around it, and a name as it is.

    Raises:
        ConfigurationError: it is blank, or no text.
    """
    if client is None:
        client = ""
    if not isinstance(client, str):
        raise ConfigurationError(
            f"A client is identified by a string, not by a value of type {type(client).__name__}.",
            hint="Give its id or its name; the result of `provision` has the id as `client_id`.",
        )
    if not client.strip():
        raise ConfigurationError("No client is given.", hint="Give its id or its name.")
    return client.strip() if CLIENT_ID.fullmatch(client.strip()) else client
