"""Making a client what a fleet file says of it, as far as it is no matter of keys: its fields, its consent, its mark.

Each function can be called again from anywhere: it looks at what is there and changes what differs. What would let
others do more is done only where no key but the store's is registered (`ownership`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qlik_keys.errors import ManualActionRequired, Outcome, StoreConflict, TenantNotFound, TenantProtocolError
from qlik_keys.lifecycle.ownership import risk_of_wider_rights, set_trusted
from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
from qlik_keys.tenant.resources.requests import PatchOperation

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Any

    from qlik_keys.core.secret import Secret
    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.keystore.declarations import Declaration
    from qlik_keys.lifecycle.context import OperationContext
    from qlik_keys.lifecycle.provisioning.run import Provisioned
    from qlik_keys.tenant import OAuthClient
    from qlik_keys.tenant.resources.requests import ConsentMethod

_PATHS = {
    "name": "/clientName",
    "description": "/description",
    "scopes": "/allowedScopes",
    "grant_types": "/allowedGrantTypes",
    "auth_methods": "/allowedAuthMethods",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFields:
    """What a client should be on the tenant; what is None stays as it is.

    Attributes:
        name: its name.
        description: shown in Qlik's console.
        scopes: what it may ask tokens for.
        grant_types: how it may ask for them.
        auth_methods: how it may log in.
        consent: its consent method.
    """

    name: str | None = None
    description: str | None = None
    scopes: tuple[str, ...] | None = None
    grant_types: tuple[str, ...] | None = None
    auth_methods: tuple[str, ...] | None = None
    consent: ConsentMethod | None = None


def update_client(work: OperationContext, client_id: str, wanted: ClientFields) -> Secret | None:
    """Change the fields of a client that differ, read them back, and return the client secret that came with a method.

    Args:
        work: the tenant and the store.
        client_id: the client.
        wanted: what it should be.

    Raises:
        ManualActionRequired: it would get a wider right, and another key than the store's is registered with it.
        TenantProtocolError: the tenant accepted a change and shows another value.
        TenantError, StoreError: tenant or store could not be asked, or refused.
    """
    clients = work.tenant.oauth_clients
    client = clients.get(client_id)
    changes = _differences(client, wanted)
    widens_consent = wanted.consent == "trusted" and _consent(work, client_id) != "trusted"
    if widens_consent or any(_widens(client, name, value) for name, value in changes.items()):
        _refuse_wider_rights(work, client)
    # The consent first: nothing may fail between a change that brings a client secret and its report.
    if widens_consent:
        set_trusted(work.tenant, client_id, risk=None)  # it was checked above
    elif wanted.consent == "required" and _consent(work, client_id) == "trusted":
        clients.set_consent(client_id, "required")
    if not changes:
        return None
    secret = clients.patch(client_id, [_operation(client, name, value) for name, value in changes.items()])
    left = {} if secret is not None else _differences(clients.get(client_id), wanted)
    if left:
        raise TenantProtocolError(
            f"The tenant accepted a change of {client.client_name!r} and shows another value of: {', '.join(left)}.",
            hint="Try again; if it persists, change the client in Qlik's console.",
            outcome=Outcome.UNKNOWN,
        )
    return secret


def declare(
    work: OperationContext, client_id: str, *, declaration: Declaration | None, rotate_after: timedelta | None
) -> ClientRecord:
    """Write the mark of a fleet file to a client's record, and how long its current key should serve.

    Args:
        work: the tenant and the store.
        client_id: the client.
        declaration: the mark, None to remove it.
        rotate_after: from when the key came into use; None leaves its date as it is.

    Returns:
        The record as it is now; nothing is written where it says so already.

    Raises:
        StoreConflict: other users change the record all the time.
        StoreError: the record could not be read or written.
    """
    for is_last in (False, False, True):
        record = work.read(client_id)
        current, wanted = record.current, replace(record, declaration=declaration)
        if rotate_after is not None and current is not None and record.rotate_after != rotate_after:
            wanted = replace(wanted, rotate_by=(current.promoted_at or current.made_at) + rotate_after)
        if wanted == record:
            return record
        try:
            return work.store.write(wanted, read_back=False)
        except StoreConflict:
            if is_last:
                raise
    raise AssertionError("the last round returns or raises")


def note_secret_shown(work: OperationContext, client_id: str) -> None:
    """Write to a client's record that its new client secret was handed over; nothing where it awaits none.

    Raises:
        StoreConflict: other users change the record all the time.
        StoreError: the record could not be read or written.
    """
    mark = work.read(client_id).declaration
    if mark is not None and mark.awaits_secret:
        declare(work, client_id, declaration=replace(mark, awaits_secret=False), rotate_after=None)


def _differences(client: OAuthClient, wanted: ClientFields) -> dict[str, Any]:
    """Return what a client lacks of what it should be, by the names of the fields."""
    texts = {"name": client.client_name, "description": client.description or ""}
    lists = {
        "scopes": client.allowed_scopes,
        "grant_types": client.allowed_grant_types,
        "auth_methods": client.allowed_auth_methods,
    }
    found: dict[str, Any] = {}
    for name, text in texts.items():
        value = getattr(wanted, name)
        if value is not None and value != text:
            found[name] = value
    for name, values in lists.items():
        value = getattr(wanted, name)
        if value is not None and set(value) != set(values):
            found[name] = [*value]
    return found


def _operation(client: OAuthClient, name: str, value: Any) -> PatchOperation:
    """Return what sets a field: only what is there can be replaced (RFC 6902, section 4.3)."""
    there = {
        "description": client.description,
        "scopes": client.allowed_scopes,
        "grant_types": client.allowed_grant_types,
    }
    return PatchOperation("replace" if there.get(name, True) else "add", _PATHS[name], value)


def _widens(client: OAuthClient, name: str, value: Any) -> bool:
    """Tell whether a change of a field lets those who log in as the client do more, or log in by more means."""
    there = {"scopes": client.allowed_scopes, "grant_types": client.allowed_grant_types}.get(name)
    return there is not None and not set(value) <= set(there)


def _refuse_wider_rights(work: OperationContext, client: OAuthClient) -> None:
    """Refuse a wider right of a client with which another key than the store's is registered.

    Raises:
        ManualActionRequired: there is such a key.
    """
    if not (client.public_keys or client.jwks_uri):
        return  # it logs in by secret alone
    risk: ManualActionRequired | None = risk_of_wider_rights(work.store, work.tenant.host, client)
    if risk is not None:
        raise risk


def _consent(work: OperationContext, client_id: str) -> str:
    try:
        return work.tenant.oauth_clients.connection_config(client_id).consent_method
    except TenantNotFound:
        return ""  # without a connection configuration nothing is trusted


def finish_pending(work: OperationContext, name: str) -> Provisioned | None:
    """Finish a client that is being made, as it was asked for; return None where nothing of that name is pending.

    Args:
        work: the tenant and the store.
        name: the client's name.

    Raises:
        QlikKeysError: as `provision`.
    """
    pending = work.store.read_pending(work.tenant.host, name)
    if pending is None:
        return None
    return work.provisioning(ClientSpecification.from_document(pending.specification), None).resume()
