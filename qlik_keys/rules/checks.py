"""What the doctor checks of a client: a stable name, and what must hold. A failed check is a finding."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# In the order in which they are told: what the others stand on comes first.
CHECKS: Mapping[str, str] = MappingProxyType(
    {
        "tenant-url": "The tenant can be reached at its URL",
        "discovery": "A Qlik tenant answers there",
        "clock": "This machine's clock agrees with the tenant's",
        "audience": "Assertions are made for this tenant's token endpoint",
        "client-exists": "The tenant has the client",
        "client-enabled": "The client is enabled",
        "machine-to-machine": "The client is machine-to-machine",
        "consent": "The client is trusted",
        "user": "The user of its tokens is enabled",
        "method": "The client may log in by private-key JWT",
        "kid-registered": "The store's key is registered with the client",
        "same-key": "The store's key and the registered key are the same",
        "alg": "Both name the same algorithm",
        "scopes": "The client may have the scopes",
        "store-record": "The store has the client's key",
        "vault-token": "The Vault token is valid long enough",
        "vault-rights": "The Vault token may use the client's key",
        "rate-budget": "The tenant's rate limit is not used up",
        "api-version": "The tenant has deprecated no endpoint that is called",
        "login": "The client gets a token for the right identity",
    }
)
