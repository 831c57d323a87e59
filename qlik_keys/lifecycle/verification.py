"""The verification of a client: a login with what the store holds, not with what is in memory.

Nothing counts as done before it (reliability-facts 1.8, R3): the key is read back from the store, signs an assertion,
and the token that comes of it is asked whose it is.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from qlik_keys.auth.http_auth import BearerAuth, TokenSource
from qlik_keys.errors import AssertionRejected, ClientUntrusted, Interrupted, LifecycleError, TenantError
from qlik_keys.keystore.profiles import measured_on
from qlik_keys.lifecycle.ownership import is_trusted

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable
    from datetime import datetime

    from qlik_keys.core.clock import Clock
    from qlik_keys.core.secret import Secret
    from qlik_keys.keystore.base import ClientRecord, KeyStore, StoredKey
    from qlik_keys.tenant import QlikTenant, User

VERIFICATION_SECONDS = 60.0  # a tenant may need time to see a new key; Qlik publishes no figure
BRIEFLY_SECONDS = 0.5  # two attempts: the second one names the scopes


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginVerification:
    """That the client logged in with what the store holds.

    Attributes:
        user: who the tenant says we are: the client's bot user.
        scope: the scopes of the token, as the token endpoint says.
        expires_at: when that token ends, UTC.
    """

    user: User
    scope: str
    expires_at: datetime


def verify(
    tenant: QlikTenant,
    store: KeyStore,
    client_id: str,
    *,
    key: StoredKey | None = None,
    client_secret: Secret | None = None,
    clock: Clock,
    cancel: threading.Event | None = None,
    is_hopeless: Callable[[], bool] = lambda: False,
    knows_consent: bool = False,
    seconds: float | None = None,
) -> LoginVerification:
    """Log in as the client with what the store holds: sign with the key that it returned, get a token, ask `users/me`.

    A client that has no key authenticates itself by its secret, which no store holds. The tenant may need time to see a
    new key, so a refused credential is tried again for up to a minute, or for twice as long as
    `probe` has measured on this tenant, unless that is hopeless or the user is refused (403) and not the key.

    Args:
        tenant: the tenant.
        store: signs with the key.
        client_id: the client.
        key: as the store returned it in this run (`KeyStore.read`, or what `KeyStore.write` has read back), never a
            key that is only in memory; or
        client_secret: the secret of a client that has no key.
        clock: time.
        cancel: when set, waiting ends.
        is_hopeless: tells whether asking again makes no sense.
        knows_consent: the caller has set the consent method, or has seen to it; else a refusal is a reason to look.
        seconds: how long a refused credential is tried again; None for as long as is said above.

    Raises:
        AssertionRejected: still refused after that, or hopeless.
        ClientUntrusted: refused, and the client's consent method is not trusted: no time changes that.
        LifecycleError: the token belongs to another user.
        Interrupted: cancelled while waiting.
        TenantError, TokenError, StoreError: as they say.
    """
    by: dict[str, Any] = {"secret": client_secret} if key is None else {"signer": store.signer(key)}
    scopes: tuple[str, ...] = ()
    give_up_at = clock.monotonic() + (VERIFICATION_SECONDS if seconds is None else seconds)
    pause_seconds, is_extended = 0.25, seconds is not None
    while True:
        source = TokenSource(tenant.token_url, client_id=client_id, scopes=scopes, http=tenant.http, **by)
        try:
            token = source.token()
            user = tenant.with_credential(BearerAuth(source)).users.me()
            break
        except AssertionRejected as problem:
            if problem.refuses_user:
                raise
            if not knows_consent:
                untrusted = _untrusted(problem, tenant, client_id)
                if untrusted is not None:
                    raise untrusted from None
                knows_consent = True
            with contextlib.suppress(TenantError):  # its other names, by which it may want to be called as audience
                tenant.host_names()
            if is_hopeless():
                raise
            scopes = scopes or _all_scopes(tenant, client_id)  # a tenant may refuse a request that names none
            if clock.monotonic() + pause_seconds > give_up_at:
                longer = 0.0 if is_extended else _measured_seconds(store, tenant.host) - VERIFICATION_SECONDS
                if longer <= 0:
                    raise
                give_up_at, is_extended = give_up_at + longer, True
        if cancel is not None and cancel.is_set():
            raise Interrupted("Cancelled while a token was being requested.", hint="Run it again to continue.")
        clock.sleep(pause_seconds)
        pause_seconds = min(pause_seconds * 2, 8.0)
    if user.client_id not in (None, "", client_id):
        raise LifecycleError(
            f"The token that {client_id} got belongs to another client ({user.client_id}).",
            hint="Do not use this client; report it to Qlik's support.",
        )
    return LoginVerification(user=user, scope=token.scope, expires_at=token.expires_at)


def _untrusted(problem: AssertionRejected, tenant: QlikTenant, client_id: str) -> ClientUntrusted | None:
    """Return what to raise where a refusal has the reason that the client is not trusted, else None."""
    try:
        if is_trusted(tenant, client_id):
            return None
    except TenantError:
        return None  # what the caller may not see is no reason
    return ClientUntrusted(
        "The client's consent method is not trusted, so it cannot log in.",
        hint="Set it with `qlik-keys trust`, then run `qlik-keys resume`.",
        client_id=problem.client_id,
        status=problem.status,
        code=problem.code,
        detail=problem.detail,
        trace_id=problem.trace_id,
    )


def _all_scopes(tenant: QlikTenant, client_id: str) -> tuple[str, ...]:
    """Return all scopes that an empty request should get, none where the tenant does not tell them."""
    try:
        return tenant.oauth_clients.get(client_id).scopes_unasked
    except TenantError:
        return ()


def _measured_seconds(store: KeyStore, tenant_host: str) -> float:
    """Return how long to wait for a new key on a tenant that was measured, 0 for one that was not."""
    profile = measured_on(store, tenant_host)
    return 2 * (profile.key_accepted_seconds or 0.0) if profile is not None else 0.0


def with_accepted_audience(record: ClientRecord, tenant: QlikTenant) -> ClientRecord:
    """Return a record with the audience that was accepted in a verification, where the one that it names was not."""
    accepted = tenant.http.audience
    if tenant.token_url in (accepted, "") or record.token_url != tenant.token_url:
        return record
    return replace(record, token_url=accepted)
