"""The fixes: what a finding names and one click does. Each can be undone, and none removes anything.

A fix looks for itself whether it is safe: it may be called without a finding, or long after it. What widens a client's
rights is done only where our key alone is registered: anyone else who has a key or a secret of it would log in too.

A client's lists are replaced whole and unguarded (no ETag), so what was written is read back and compared. Not done
here: what destroys or replaces a key (`rotate`, `revoke`, `adopt`), which a person should decide with a plan in sight.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.core.arguments import CLOCK, TEXT, require
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.diagnosis.in_progress import removes_no_key, started
from qlik_keys.errors import (
    ConfigurationError,
    ManualActionRequired,
    StoreDenied,
    TenantConflict,
)
from qlik_keys.keystore.lookup import ClientLookup
from qlik_keys.keystore.optional import ReportsHealth
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.lifecycle import resume_client
from qlik_keys.lifecycle.ownership import record_of, risk_of_wider_rights, set_trusted
from qlik_keys.lifecycle.provisioning.specification import PRIVATE_KEY_JWT
from qlik_keys.rules.fixes import FIXES
from qlik_keys.tenant import PatchOperation
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS
from qlik_keys.tenant.url import token_url_by

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import OAuthClient, QlikTenant


def fix(tenant: QlikTenant, store: KeyStore, client_id: str, name: str, *, clock: Clock = SYSTEM_CLOCK) -> str:
    """Do the one safe thing that a finding names; return in words what was done.

    Asked for again it finds that nothing is to be done, and says so.

    Args:
        tenant: the tenant, with a Tenant Admin's credential.
        store: where the client's key is.
        client_id: the client, by id or name.
        name: the finding's `fix`, one of `rules.fixes.FIXES`.
        clock: time.

    Raises:
        ConfigurationError: there is no such fix, or the store cannot do it.
        ManualActionRequired: it would not be safe for this client.
        TenantError, StoreError, LifecycleError: it was not done, or by `outcome` may have been.

    Example:
        >>> for finding in doctor(tenant, store, client_id).findings:  # doctest: +SKIP
        ...     if finding.fix:
        ...         print(fix(tenant, store, client_id, finding.fix))
    """
    require(TEXT, name=name)
    require(CLOCK, clock=clock)
    if name not in _FIXERS:
        raise ConfigurationError(f"There is no fix {name!r}.", hint=f"One of: {', '.join(FIXES)}.")
    fixer, store = _FIXERS[name], folder_of(tenant, store)
    return ClientLookup.of(tenant, store).perform(client_id, lambda each: fixer(tenant, store, each, clock))


def _trust(tenant: QlikTenant, store: KeyStore, client_id: str, clock: Clock) -> str:
    del clock
    client = _machine(tenant, client_id)
    set_trusted(tenant, client_id, risk=risk_of_wider_rights(store, tenant.host, client))
    return "The consent method is trusted now."


def _machine_to_machine(tenant: QlikTenant, store: KeyStore, client_id: str, clock: Clock) -> str:
    del clock
    client = _ours(tenant, store, client_id)
    return _add(tenant, client, "/allowedGrantTypes", client.allowed_grant_types, CLIENT_CREDENTIALS)


def _method(tenant: QlikTenant, store: KeyStore, client_id: str, clock: Clock) -> str:
    del clock
    client = _ours(tenant, store, client_id)
    return _add(tenant, client, "/allowedAuthMethods", client.allowed_auth_methods, PRIVATE_KEY_JWT)


def _ours(tenant: QlikTenant, store: KeyStore, client_id: str) -> OAuthClient:
    """Return the client, if it may be given a wider right.

    Raises:
        ManualActionRequired: the store has no key of it, or not the registered one, or another user's is registered
            too; or it is of a type that no machine has.
        TenantError, StoreError: tenant or store could not be asked.
    """
    client = _machine(tenant, client_id)
    risk = risk_of_wider_rights(store, tenant.host, client)
    if risk is not None:
        raise risk
    return client


def _machine(tenant: QlikTenant, client_id: str) -> OAuthClient:
    """Return the client, if it is of a type that a machine can have.

    Raises:
        ManualActionRequired: it is of another one.
        TenantError: the tenant could not be asked.
    """
    client = tenant.oauth_clients.get(client_id)
    if client.app_type != "web":
        raise ManualActionRequired(
            f"{client.client_name!r} is of type {client.app_type or 'unknown'}, and only a client of type web can be "
            "machine-to-machine.",
            hint="The type cannot be changed: create another client.",
        )
    return client


def _token_url(tenant: QlikTenant, store: KeyStore, client_id: str, clock: Clock) -> str:
    del clock
    record = store.read(tenant.host, client_id)
    if record.token_url == tenant.token_url:
        return "The record has the correct token endpoint already."
    named = tenant.discover().metadata
    names = tenant.host_names() if named is not None and named.token_endpoint != tenant.token_url else ()
    own = [tenant.token_url, *(token_url_by(tenant.url, name) for name in names)]
    if record.token_url in own:
        return "The record has the token endpoint of another of the tenant's host names, which is correct."
    if named is None or named.token_endpoint not in own:
        raise ManualActionRequired(
            f"The tenant does not itself name {tenant.token_url} as its token endpoint, so the record is not changed.",
            hint="Check the tenant's URL: it may be another name of the tenant, or another server.",
        )
    store.write(replace(record, token_url=tenant.token_url))
    return f"The record's token endpoint is {tenant.token_url} now; it was {record.token_url or 'empty'}."


def _resume(tenant: QlikTenant, store: KeyStore, client_id: str, clock: Clock) -> str:
    record = record_of(store, tenant.host, client_id)
    what = started(record) if record is not None and record.is_in_progress else ""
    if record is not None and what and not removes_no_key(record):
        raise ManualActionRequired(
            f"The interrupted operation removes keys of {record.client_name!r} at once: {what}.",
            hint="`qlik-keys resume` finishes it; `qlik-keys resume --dry-run` shows its plan.",
        )
    results = resume_client(tenant, store, client_id, clock=clock)
    if not results and record is not None and record.is_shown_wrong:
        return "The custom metadata in Vault now agree with the record."
    if not results:
        return "There was no interrupted operation on this client."
    return f"Finished: {what or 'making the client'}."


def _renew_vault_token(tenant: QlikTenant, store: KeyStore, client_id: str, clock: Clock) -> str:
    del tenant, client_id, clock
    if not isinstance(store, ReportsHealth):
        raise ConfigurationError("This store has no token that could be renewed.", hint="Log in to it again.")
    if not store.renew_token():
        raise StoreDenied(
            "Vault did not extend the token: it cannot be renewed, or has reached its maximum lifetime.",
            hint="Log in again (`vault login`) and pass the new token.",
        )
    return "The Vault token was renewed."


def _add(tenant: QlikTenant, client: OAuthClient, path: str, values: tuple[str, ...], added: str) -> str:
    """Add an entry to one of the client's lists, which can only be written whole, and look that nothing else changed.

    Raises:
        TenantConflict: another user has written the list at the same moment.
        TenantError: it was not written, or by `outcome` may have been.
    """
    if added in values:
        return f"The client has {added} already."
    wanted = (*values, added)
    tenant.oauth_clients.patch(client.client_id, [PatchOperation("replace", path, list(wanted))])
    read_back = tenant.oauth_clients.get(client.client_id)
    found = read_back.allowed_grant_types if path == "/allowedGrantTypes" else read_back.allowed_auth_methods
    if set(found) != set(wanted):
        raise TenantConflict(
            f"The client has {', '.join(found) or 'nothing'} now, and not {', '.join(wanted)}.",
            hint="Another user is changing it now: run the doctor again.",
        )
    return f"The client has {added} now, next to {', '.join(values) or 'nothing'}."


_FIXERS: Mapping[str, Callable[[QlikTenant, KeyStore, str, Clock], str]] = {
    "trust": _trust,
    "machine-to-machine": _machine_to_machine,
    "method": _method,
    "token-url": _token_url,
    "resume": _resume,
    "renew-vault-token": _renew_vault_token,
}
