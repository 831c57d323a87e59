"""A warning about a private key that someone brings along and that another client has already.

Anyone who has it can log in as both clients, and replacing it for one leaves it with the other. Only for a key that was
brought along: a key that we make is no other user's. It costs one request, which an operation with a made key does not
send. It is asked before the operation, so that nothing stands between an effect and its report, and what goes wrong
with it is passed over: the operation itself tells.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from qlik_keys.errors import QlikKeysError
from qlik_keys.keys import PrivateKey

if TYPE_CHECKING:
    from qlik_keys.keys import KeySpec
    from qlik_keys.tenant import QlikTenant

_CLIENTS_LOOKED_AT = 100  # one page: who uses a file twice mostly does so in a row, and `audit` looks at all clients


def shared_key_warnings(tenant: QlikTenant, key: KeySpec | PrivateKey | None, client: str) -> tuple[str, ...]:
    """Return a sentence for each other client that has the public half of that key.

    Args:
        tenant: the tenant.
        key: what the operation was given; one request is sent where it is a key that was brought along, else none.
        client: the id or the name of the client that the key is for.
    """
    if not isinstance(key, PrivateKey):
        return ()
    try:
        newest = [*islice(tenant.oauth_clients.iterate(sort="-createdAt"), _CLIENTS_LOOKED_AT)]
    except QlikKeysError:
        return ()
    return tuple(
        f"The client {other.client_name!r} ({other.client_id}) has the same key: anyone who has it can log in as both. "
        "Give each client a key of its own, by rotate or revoke."
        for other in newest
        if client not in (other.client_id, other.client_name)
        and any(key.public.is_same_as(registered.to_dict()) for registered in other.public_keys)
    )
