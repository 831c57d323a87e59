"""Many items, of which some fail: every other one is done, and then one error lists all that failed.

What concerns all of them alike stops the rest early, since to go on would only repeat it: a sealed Vault, a caller
whose login is refused, a server that cannot be reached.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from qlik_keys.errors import (
    ConfigurationError,
    QlikKeysError,
    StoreConflict,
    StoreDenied,
    StoreSealed,
    StoreUnreachable,
    TenantAuthError,
    TenantUnreachable,
    TokenError,
)
from qlik_keys.keystore.lookup import CLIENT_ID
from qlik_keys.keystore.optional import ReportsHealth

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.keystore.base import ClientRecord, KeyStore
    from qlik_keys.lifecycle.provisioning.results import Resumed
    from qlik_keys.lifecycle.rotation.finishing import Rotated

Outcomes = Literal["rotated", "revoked", "adopted", "trusted", "finished", "retired", "skipped", "foreign", "failed"]
_UNAUTHORIZED = 401
_MOST_IN_A_ROW = 4


def read_if_ours(read: Callable[[str], ClientRecord], client_id: str) -> ClientRecord | None:
    """Return the record of that name in a tenant's folder, None for a document that is not managed by qlik_keys.

    Args:
        read: reads a client's record.
        client_id: a name of the store's list, which no one has chosen.

    Raises:
        StoreError: it is a record, or may be one, and cannot be read.
        ConfigurationError: it is a client's id, and cannot be part of a path all the same.
    """
    try:
        return read(client_id)
    except StoreConflict:
        return None
    except ConfigurationError:
        if CLIENT_ID.fullmatch(client_id):
            raise
        return None  # a name that no record that qlik_keys manages can have


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetResult:
    """What became of one client.

    Attributes:
        tenant: its tenant's name in the fleet, "" outside of one.
        client_id: the client; "" for a tenant that could not be asked.
        name: its name, "" where its record could not be read.
        outcome: "rotated", "revoked", "adopted", "trusted"; "finished", an operation that had been started; "retired",
            it lost old keys; "skipped", nothing was to be done; "foreign", the document of that name in the store is
            not managed by qlik_keys and was left alone; or "failed".
        result: what became of its keys; of a client that was skipped, what stays though it is due, with the reason.
        resumed: what `resume` finished.
        error: why it failed.
    """

    tenant: str = ""
    client_id: str
    name: str = ""
    outcome: Outcomes
    result: Rotated | None = None
    resumed: Resumed | None = None
    error: QlikKeysError | None = None


class SharedFailure:
    """Tells when a failure concerns all items; may be told from several threads.

    Args:
        store: where the keys are.
        tenant_host: host of the tenant.
        in_a_row: how many items in a row that meet an unreachable server are enough.
    """

    def __init__(self, store: KeyStore, tenant_host: str, *, in_a_row: int = _MOST_IN_A_ROW) -> None:
        self._store = store
        self._host = tenant_host
        self._most = in_a_row
        self._lock = threading.Lock()
        self._unreached = 0
        self.found = False

    def saw(self, client_id: str, error: QlikKeysError | None) -> bool:
        """Take note of what became of an item; return whether the others need not be tried."""
        unreached = isinstance(error, StoreUnreachable | TenantUnreachable)
        with self._lock:
            self._unreached = self._unreached + 1 if unreached else 0
            many = self._unreached >= self._most
        self.found = self.found or many or (error is not None and self._concerns_all(client_id, error))
        return self.found

    def _concerns_all(self, client_id: str, error: QlikKeysError) -> bool:
        if isinstance(error, StoreSealed):
            return True
        if isinstance(error, TenantAuthError):
            return error.status == _UNAUTHORIZED
        if isinstance(error, TokenError):
            # A client's own login fails where its key is verified; the caller's, who is another, at every call.
            return error.client_id not in ("", client_id)
        if isinstance(error, StoreDenied) and isinstance(self._store, ReportsHealth):
            try:
                self._store.health(self._host, client_id or "unknown")
            except StoreDenied:
                return True  # the Vault accepts the login for nothing; else one path is forbidden
            except QlikKeysError:
                return False
        return False
