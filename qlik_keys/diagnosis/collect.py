"""Collecting: what tenant and store say of a client, asked one by one, each failure kept as what it is.

What an earlier failure makes needless is not asked: a tenant that cannot be reached is not asked again and again, and
a tier that must wait is left alone. Nothing is judged here (`checks.tenant`, `checks.client`, `checks.store`).
"""

from __future__ import annotations

import functools
import uuid
from typing import TYPE_CHECKING, TypeVar

from qlik_keys.core.network.proxies import proxy_for
from qlik_keys.diagnosis.facts import NOT_ASKED, Fact, Facts, tenant_skip
from qlik_keys.errors import (
    AmbiguousName,
    ConfigurationError,
    QlikKeysError,
    StoreDeleted,
    StoreError,
    StoreNotFound,
    StoreUnreachable,
    TenantNotFound,
    TenantThrottled,
)
from qlik_keys.keystore.lookup import CLIENT_ID, ClientLookup
from qlik_keys.keystore.optional import ReportsExportPaths, ReportsHealth, ReservesUses
from qlik_keys.keystore.tenant_folder import folder_at
from qlik_keys.lifecycle.deletion import is_pending_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qlik_keys.auth.http_auth import UserLookup
    from qlik_keys.keystore.base import ClientRecord, KeyStore, PendingClient
    from qlik_keys.keystore.optional import StoreHealth
    from qlik_keys.tenant import ConnectionConfig, OAuthClient, QlikTenant, User

Value = TypeVar("Value")


def look(tenant: QlikTenant, store: KeyStore, client: str, *, scopes: Sequence[str], user: UserLookup | None) -> Facts:
    """Ask tenant and store about a client.

    Raises:
        AmbiguousName: the name does not say which client is meant.
    """
    waiting = ("rate-budget",) if tenant.budget.snapshot()[1].blocked_seconds > 0 else ()
    discovery = _tried(tenant.discover, waiting)
    if isinstance(discovery.problem, TenantThrottled) and not tenant.budget.snapshot()[1].blocked_seconds:
        discovery = _tried(tenant.discover, ())  # the pause that it asked for is over
    skipped = tenant_skip(discovery)
    if isinstance(discovery.problem, NOT_ASKED):
        store = folder_at(tenant.http, store, names=functools.partial(_raise, discovery.problem))
    client_id, absence = _client_id(tenant, store, client, skipped)
    seen: Fact[OAuthClient] = absence
    if client_id:
        seen = _tried(lambda: _with_credential(tenant).oauth_clients.get(client_id), skipped)
    consent: Fact[ConnectionConfig] = Fact(skipped=skipped)
    if seen.value is not None:
        consent = _tried(lambda: tenant.oauth_clients.connection_config(client_id), ())
    holder: Fact[User] = Fact(skipped=skipped)
    if seen.value is not None:
        holder = _tried(lambda: _holder(tenant, client_id, user), ())
    record: Fact[ClientRecord] = Fact()
    if client_id:
        record = _tried(lambda: store.read(tenant.host, client_id), ())
    if client_id == client and isinstance(seen.problem, TenantNotFound) and type(record.problem) is StoreNotFound:
        # There is no such id: a client may have it as its name.
        named = _tried(lambda: ClientLookup.of(tenant, store).named(client), ()).value
        if named is not None:
            return look(tenant, store, named, scopes=scopes, user=user)
    pending = _pending(tenant, store, record, seen, "" if client_id else client)
    signing, export_paths = _signing(store, record), _export_paths(store, record)
    health = _health(tenant, store, client_id, record)
    seen_urls = [record.value.token_url] if record.value is not None else []
    if discovery.value is not None and discovery.value.metadata is not None:
        seen_urls.append(discovery.value.metadata.token_endpoint)
    host_names: tuple[str, ...] = ()
    if any(url != tenant.token_url for url in seen_urls):
        host_names = _tried(tenant.host_names, ()).value or ()
    return Facts(
        tenant_url=tenant.url,
        token_url=tenant.token_url,
        notices=tenant.notices,
        caller=tenant.caller,
        asked_for=client,
        client_id=client_id,
        scopes=tuple(scopes),
        user=user,
        discovery=discovery,
        client=seen,
        consent=consent,
        holder=holder,
        record=record,
        pending=pending,
        signing=signing,
        export_paths=export_paths,
        health=health,
        uses_left=store.uses_left if isinstance(store, ReservesUses) else None,
        location=store.location(tenant.host, client_id) if client_id else "",
        proxy=_proxy_of(tenant.url),
        host_names=host_names,
    )


def _raise(problem: QlikKeysError) -> Sequence[str]:
    """Say again why the tenant does not tell its host names, without waiting for it again.

    Raises:
        QlikKeysError: `problem`.
    """
    raise problem


def _tried(ask: Callable[[], Value | None], skipped: tuple[str, ...]) -> Fact[Value]:
    if skipped:
        return Fact(skipped=skipped)
    try:
        return Fact(value=ask())
    except QlikKeysError as problem:
        return Fact(problem=problem)


def _client_id(
    tenant: QlikTenant, store: KeyStore, client: str, skipped: tuple[str, ...]
) -> tuple[str, Fact[OAuthClient]]:
    """Return the id of the client with that id or name; for no one "", and why.

    Where the tenant does not tell, the store may: a caller who only logs in may not read the tenant's clients.

    Raises:
        AmbiguousName: the name does not say which client is meant.
    """
    if CLIENT_ID.fullmatch(client):
        return client, Fact()
    answer = _tried(lambda: ClientLookup.of(_with_credential(tenant), store).named(client), skipped)
    in_store: Fact[str] = Fact()
    if answer.value is None and not isinstance(answer.problem, AmbiguousName | TenantNotFound | StoreError):
        in_store = _tried(lambda: ClientLookup(store, tenant.host).named(client), ())
    for each in (answer, in_store):
        if isinstance(each.problem, AmbiguousName):
            raise each.problem
        if each.value:
            return each.value, Fact()
    if isinstance(answer.problem, StoreError):  # the tenant was asked before
        return "", Fact(problem=TenantNotFound(f"The tenant has no client with the name {client!r}."))
    return "", Fact(problem=answer.problem, skipped=answer.skipped)


def _with_credential(tenant: QlikTenant) -> QlikTenant:
    """Return the tenant, unless it has no credential.

    Raises:
        ConfigurationError: there is no credential.
    """
    if not tenant.has_credential:
        raise ConfigurationError(
            "No administrator's credential is set, so the tenant's clients are not checked.",
            hint="Set QLIK_API_KEY, or QLIK_CLIENT_ID and QLIK_CLIENT_SECRET, or QLIK_KEYS_LOGIN_CLIENT.",
        )
    return tenant


def _holder(tenant: QlikTenant, client_id: str, user: UserLookup | None) -> User | None:
    """Return whose the client's tokens are, None where the tenant shows no one.

    Raises:
        TenantError: it cannot be asked.
    """
    if user is None:
        return tenant.users.bot_of(client_id)
    return tenant.users.find("id" if user.field == "userId" else "subject", user.value)


def _proxy_of(url: str) -> str:
    """Return host and port of the proxy through which the tenant is called, "" for none or one that is not usable."""
    try:
        proxy = proxy_for(url, library="httpx")
    except ConfigurationError:
        return ""
    return "" if proxy is None else proxy.shown


def _pending(
    tenant: QlikTenant, store: KeyStore, record: Fact[ClientRecord], seen: Fact[OAuthClient], unknown: str
) -> PendingClient | None:
    """Return what is pending of a client that has no record: its making was interrupted.

    Args:
        tenant: the tenant.
        store: the store.
        record: what came of looking for the record.
        seen: the client on the tenant.
        unknown: the name of a client that no one knows, "" for one that has an id.
    """
    has_none = isinstance(record.problem, StoreNotFound) and not isinstance(record.problem, StoreDeleted)
    name = seen.value.client_name if seen.value is not None and has_none else unknown
    if not name:
        return None
    found = _tried(lambda: store.read_pending(tenant.host, name), ()).value
    return found if found is not None and (seen.value is None or is_pending_of(found, seen.value)) else None


def _signing(store: KeyStore, record: Fact[ClientRecord]) -> Fact[bool]:
    """Have the store sign something, and see whether it did so with the key that the record names.

    What is signed is of chance and is no token. Where Vault signs, this is the only way to see its key with a
    consumer's rights: its engine may have been told to rotate the key, or may have lost it.
    """
    key = record.value.current if record.value is not None else None
    if key is None:
        return Fact()
    data = f"qlik_keys doctor {uuid.uuid4()}".encode()
    return _tried(lambda: key.public.verifies(data, store.signer(key).sign(data)), ())


def _export_paths(store: KeyStore, record: Fact[ClientRecord]) -> Fact[Sequence[str]]:
    key = record.value.current if record.value is not None else None
    if key is None or not key.reference or not isinstance(store, ReportsExportPaths):
        return Fact()
    teller, name = store, key.reference
    return _tried(lambda: teller.export_paths(name), ())


def _health(tenant: QlikTenant, store: KeyStore, client_id: str, record: Fact[ClientRecord]) -> Fact[StoreHealth]:
    if not isinstance(store, ReportsHealth):
        return Fact()
    if isinstance(record.problem, StoreUnreachable):
        return Fact(problem=record.problem)  # each further question would wait for its time-out too
    # Of a client that no one knows, the rights on any path of its kind are as good.
    return _tried(lambda: store.health(tenant.host, client_id or "unknown"), ())
