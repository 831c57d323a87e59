"""The findings of a tenant's clients by their ids, for those who have no use for a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.inventory.tables import clients

if TYPE_CHECKING:
    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import QlikTenant


def findings_by_client(
    tenant: QlikTenant, store: KeyStore, *, clock: Clock = SYSTEM_CLOCK
) -> dict[str, tuple[str, ...]]:
    """Return the names of the findings of each client of the tenant that has any.

    Raises:
        TenantError, StoreError: one of them could not be asked.
    """
    frame = clients(tenant, store, clock=clock)
    return {of: found for of, found in zip(frame["client_id"], frame["findings"], strict=True) if found}
