"""A client that the tenant does not have any more, while the store still has its record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import ClientGone, StoreError, TenantNotFound

if TYPE_CHECKING:
    from qlik_keys.keystore.base import KeyStore


def is_of_client(problem: TenantNotFound) -> bool:
    """Tell whether it is a client that was not found, and not for example where `users/me` redirects to."""
    return "/oauth-clients/" in problem.path


def gone_on_tenant(
    problem: TenantNotFound, store: KeyStore, tenant_host: str, client_id: str, *, name: str = ""
) -> ClientGone:
    """Return the error for a client that was deleted on the tenant, with what removes its record.

    Args:
        problem: the tenant's answer.
        store: where the record is.
        tenant_host: host of the tenant.
        client_id: the client.
        name: its name in the record, "" where that is not known.
    """
    called = f"{name!r} ({client_id})" if name else client_id
    return ClientGone(
        f"The tenant has no client {called} any more. Its record is still in the store, at "
        f"{store.location(tenant_host, client_id)}.",
        hint=f"If it was deleted in the console, `qlik-keys delete {client_id}` removes its remains in the store. "
        "Otherwise check the tenant's URL.",
        outcome=problem.outcome,
        status=problem.status,
        code=problem.code,
        title=problem.title,
        detail=problem.detail,
        trace_id=problem.trace_id,
        method=problem.method,
        path=problem.path,
    )


def gone_or_unknown(problem: TenantNotFound, store: KeyStore, tenant_host: str, client_id: str) -> TenantNotFound:
    """Return `gone_on_tenant` where the store has a document of the client, else the tenant's answer as it is."""
    try:
        if client_id not in store.client_ids(tenant_host):
            return problem
    except StoreError:
        return problem  # the tenant's answer is what is to be told
    return gone_on_tenant(problem, store, tenant_host, client_id)
