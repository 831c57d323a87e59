"""Which client is meant: every operation takes a client's id or its name, and this is where that is decided.

A text of 32 hex digits is an id; it costs no request. A name is looked up with a constant number of requests: an
administrator asks the tenant with its filter; a caller who has only the store asks its name entries
(`KeyStore.ids_named`). Either answer is compared exactly, and a name that several clients have is refused with
their ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from qlik_keys.errors import AmbiguousName, ConfigurationError, Outcome, StoreNotFound, TenantNotFound
from qlik_keys.keystore.tenant_folder import folder_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qlik_keys.keystore.base import ClientRecord, KeyStore, StoredKey
    from qlik_keys.tenant import QlikTenant

CLIENT_ID = re.compile(r"[0-9a-f]{32}")
Result = TypeVar("Result")


def check_sides(tenant: object, store: object, *, may_lack_store: bool = False) -> None:
    """Refuse what is no tenant or no key store, for example the two in the wrong order.

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


@dataclass(frozen=True, slots=True)
class ClientLookup:
    """The one answer to "which client is meant": from an id or a name to a client.

    An id is believed without a request; the operation that follows finds out whether there is such a client. A name
    that looks like an id is tried as a name only where there is no such id.

    Attributes:
        store: where the keys are; it knows clients that the tenant has no more.
        tenant_host: host of the tenant.
        tenant: the tenant with a TenantAdmin's credential; None for callers who have none.
    """

    store: KeyStore
    tenant_host: str
    tenant: QlikTenant | None = None

    @classmethod
    def of(cls, tenant: QlikTenant, store: KeyStore) -> ClientLookup:
        """Return the lookup of a TenantAdmin."""
        return cls(folder_of(tenant, store), tenant.host, tenant)

    def find(self, client: str) -> str:
        """Return the id of the client with that id or name; an id is returned as it is.

        Raises:
            ConfigurationError: nothing is named.
            QlikKeysError: as `named`.
        """
        client = checked(client)
        return client if CLIENT_ID.fullmatch(client) else self.named(client)

    def perform(self, client: str, act: Callable[[str], Result]) -> Result:
        """Return what `act` makes of the client with that id or name.

        Raises:
            ConfigurationError: nothing is named.
            QlikKeysError: as `named`, and as `act`.
        """
        client = checked(client)
        if not CLIENT_ID.fullmatch(client):
            return act(self.named(client))
        try:
            return act(client)
        except (StoreNotFound, TenantNotFound) as error:
            # Not where something is left of the client: what that is, and what to do, is what its error says.
            if type(error) not in (StoreNotFound, TenantNotFound) or error.outcome is not Outcome.NOT_APPLIED:
                raise
            named = self.ids_named(client)
            if not named:
                raise
        return act(_only(named, client))

    def ids_named(self, name: str) -> Sequence[str]:
        """Return the ids of the clients that have exactly that name where it is asked first: the tenant, or the store.

        Raises:
            TenantError, StoreError: it cannot be asked.
        """
        if self.tenant is None:
            return self.store.ids_named(self.tenant_host, name)
        from qlik_keys.tenant.resources.requests import eq  # noqa: PLC0415  # who only gets a token asks no tenant

        # How the filter treats upper case is not published, so the names are compared here too.
        found = self.tenant.oauth_clients.iterate(filter=eq("clientName", name))
        return [each.client_id for each in found if each.client_name == name]

    def named(self, name: str) -> str:
        """Return the id of the client of that name.

        Raises:
            AmbiguousName: several clients have the name; or the client that had it when its key was stored is named
                otherwise by now.
            TenantNotFound: neither the tenant nor the store has a client of that name.
            StoreNotFound: the store, which alone is asked, has a key of none.
            TenantError, StoreError: one of them cannot be asked.
        """
        found = self.ids_named(name)
        if found:
            return _only(found, name)
        if self.tenant is None:
            raise StoreNotFound(
                f"No client with the name {name!r} on {self.tenant_host} has a key in Vault.",
                hint="Check the exact name and the tenant, or give the client's id (see `qlik-keys clients`). If its "
                "name entry is missing in Vault, `qlik-keys resume` writes it.",
            )
        return self._kept_in_store(self.tenant, name)

    def _kept_in_store(self, tenant: QlikTenant, name: str) -> str:
        """Return the id of a client that only the store knows by that name."""
        in_store = self.store.ids_named(self.tenant_host, name)
        if not in_store:
            raise TenantNotFound(
                f"Neither the tenant nor the store has a client named {name!r}.",
                hint="Check the exact name and the tenant; `qlik-keys clients` lists the clients.",
            )
        client_id = _only(in_store, name)
        try:
            now = tenant.oauth_clients.get(client_id).client_name
        except TenantNotFound:
            return client_id  # it was deleted on the tenant, and its record is still there
        if now == name:  # made, or named so, in between
            return client_id
        raise AmbiguousName(
            f"The client that had the name {name!r} is named {now!r} on the tenant now.",
            client_ids=(client_id,),
            hint=f"If you mean this client, give its id: {client_id}.",
        )


def _only(client_ids: Sequence[str], name: str) -> str:
    if len(client_ids) > 1:
        raise AmbiguousName(
            f"{len(client_ids)} clients have the name {name!r}.",
            client_ids=tuple(sorted(client_ids)),
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


def record_with_key(store: KeyStore, host: str, client_id: str) -> tuple[ClientRecord, StoredKey]:
    """Return a client's record and the key in it that consumers use, read from the store now.

    Raises:
        StoreError: it could not be read, or there is none.
    """
    record = store.read(host, client_id)
    current = record.current
    if current is None:
        raise StoreNotFound(
            f"The store holds no key of client {client_id}.",
            hint="It authenticates by client secret, or another program created it: adopt it first.",
        )
    return record, current
