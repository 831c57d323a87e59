"""How the Vault token stands: its life as Vault tells it now, and its rights on one path."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qlik_keys.keystore.optional import StoreHealth
from qlik_keys.keystore.vault.http.refusals import granted, refused_token

if TYPE_CHECKING:
    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.vault.http.api import VaultApi
    from qlik_keys.keystore.vault.http.token import TokenKeeper


def health(api: VaultApi, keeper: TokenKeeper, *, path: str, clock: Clock) -> StoreHealth:
    """Return how the token stands.

    Raises:
        StoreDenied: Vault accepts the token for nothing, or refuses the login.
        StoreError: Vault cannot be asked.
    """
    lease = keeper.look()
    grant = granted(api, path)
    now = clock.time()
    if not grant.valid:
        raise refused_token(api, path=path, lease=lease, now=now)
    ends = lease.known and lease.expires_at != math.inf
    return StoreHealth(
        known=lease.known,
        seconds_left=max(lease.expires_at - now, 0.0) if ends else None,
        life_seconds=lease.life if ends else None,
        renewable=lease.renewable,
        replaceable=keeper.can_log_in,
        path=path,
        capabilities=grant.capabilities,
        longest_seconds=max(lease.ends_at - now, 0.0) if lease.ends_at != math.inf else None,
        uses_left=lease.uses_left,
    )
