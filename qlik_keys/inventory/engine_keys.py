"""What an audit asks of keys that a store's engine keeps: whether their private half could leave it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.side_by_side import side_by_side
from qlik_keys.errors import StoreError
from qlik_keys.keystore.optional import ReportsExportPaths
from qlik_keys.rules.access import NOT_CHECKED
from qlik_keys.rules.keys import KEY_CAN_LEAVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.keystore.base import KeyStore


def export_paths(store: KeyStore, tenant_host: str, clients: Sequence[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Return the findings of those clients' current keys: (finding, client id, name), none for keys that cannot leave.

    Args:
        store: where the keys are; one that does not tell is not asked.
        tenant_host: host of the tenant.
        clients: id and name of those whose key an engine keeps.
    """
    if not isinstance(store, ReportsExportPaths):
        return []
    teller = store

    def look(client_id: str) -> str:
        try:
            summary = store.summary(tenant_host, client_id)
            can_leave = summary is not None and summary.reference and teller.export_paths(summary.reference)
        except StoreError:  # a policy that does not let us see is no reason to tell nothing else
            return NOT_CHECKED.name
        return KEY_CAN_LEAVE.name if can_leave else ""

    answers = side_by_side(look, [client_id for client_id, _ in clients])
    found = zip(answers, clients, strict=True)
    return [(answer, *client) for answer, client in found if isinstance(answer, str) and answer]
