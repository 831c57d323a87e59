"""The doctor: looks, judges, logs in, and puts the checks in their order."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.auth.token_endpoint import UserLookup
from qlik_keys.core.arguments import CLOCK, Kind, optional, require, texts
from qlik_keys.core.clock import SYSTEM_CLOCK, utc_now
from qlik_keys.diagnosis.checks import client as client_checks
from qlik_keys.diagnosis.checks import store as store_checks
from qlik_keys.diagnosis.checks import tenant as tenant_checks
from qlik_keys.diagnosis.collect import look
from qlik_keys.diagnosis.login import check_login
from qlik_keys.diagnosis.results import Diagnosis, see
from qlik_keys.keystore.lookup import check_sides, checked
from qlik_keys.keystore.optional import ReservesUses
from qlik_keys.keystore.tenant_folder import folder_of
from qlik_keys.rules.checks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from qlik_keys.core.clock import Clock
    from qlik_keys.diagnosis.facts import Facts
    from qlik_keys.diagnosis.results import Check
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import Exchange, QlikTenant

_CHECKS: tuple[Callable[[Facts], Check], ...] = (
    tenant_checks.check_tenant_url,
    tenant_checks.check_discovery,
    tenant_checks.check_clock,
    tenant_checks.check_audience,
    client_checks.check_exists,
    client_checks.check_enabled,
    client_checks.check_machine,
    client_checks.check_consent,
    client_checks.check_user,
    client_checks.check_method,
    client_checks.check_kid,
    client_checks.check_same_key,
    client_checks.check_alg,
    client_checks.check_scopes,
    store_checks.check_record,
    store_checks.check_token,
    store_checks.check_rights,
)
# A login takes up to five requests: a look at the token, at the mount, the record, and the signature.
LOGIN_USES = 5
_TOO_MANY_REQUESTS = 429


def doctor(
    tenant: QlikTenant,
    store: KeyStore,
    client: str,
    *,
    scopes: Iterable[str] = (),
    user: UserLookup | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> Diagnosis:
    """Find out why a client cannot log in, or that it can.

    It changes nothing. It makes about a dozen requests, and gets one token, which it revokes; it does that for clients
    alone that have a current key in the store, since a client's first login makes its bot user. Of a Vault token that
    is good for few requests alone (num_uses) it leaves those that a login needs, and says what it did not look at.

    Args:
        tenant: the tenant. Only a Tenant Admin's credential is shown all; with another one less is checked.
        store: where the client's key is.
        client: its id or name.
        scopes: what a call that failed asked for, one or several to a text; none for all that the client may have.
        user: the user for whom it asked (impersonation).
        clock: says when it was.

    Returns:
        Every check. What fails on the way is told there, not raised.

    Raises:
        ConfigurationError: no client is named, or several have that name.
        TypeError: `scopes` is one text, or an argument is of another type.

    Example:
        >>> print(doctor(tenant, store, "nightly-etl").to_text())  # doctest: +SKIP
    """
    check_sides(tenant, store)
    store = folder_of(tenant, store)
    given = texts("scopes", scopes)
    optional(Kind((UserLookup,), "a UserLookup"), user=user)
    require(CLOCK, clock=clock)
    client = checked(client)
    asked = tuple(dict.fromkeys(scope for text in given for scope in text.split()))
    refused: set[int] = set()

    def watch(exchange: Exchange) -> None:
        if exchange.status == _TOO_MANY_REQUESTS:
            refused.add(exchange.tier)

    with contextlib.ExitStack() as stack:
        stack.callback(tenant.subscribe(watch))
        if isinstance(store, ReservesUses):
            stack.enter_context(store.reserving_uses(LOGIN_USES))
        facts = look(tenant, store, client, scopes=asked, user=user)
        checks = [check(facts) for check in _CHECKS]
        login = check_login(tenant, store, facts, checks)
        if isinstance(store, ReservesUses):
            facts = replace(facts, uses_left=store.uses_left, is_login_spared=login == see("login", "vault-token"))
            checks = [check(facts) for check in _CHECKS]  # the login takes uses too
    checks += [
        tenant_checks.check_rate_budget(tenant.budget.snapshot(), refused),
        tenant_checks.check_api_version(tenant.deprecations),
        login,
    ]
    return Diagnosis(
        client_id=facts.client_id,
        client_name=facts.client_name,
        tenant_url=tenant.url,
        at=utc_now(clock),
        checks=tuple(sorted(checks, key=lambda check: [*CHECKS].index(check.name))),
    )
