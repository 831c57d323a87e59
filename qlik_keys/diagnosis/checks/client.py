"""Pure checks of the client on the tenant, and of its registered key against the store's.

Where the caller is not shown a field, the check says so: only an administrator sees all of a client.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.diagnosis.commands import command, make_again
from qlik_keys.diagnosis.results import failed, not_checked, passed, see
from qlik_keys.errors import (
    QlikKeysError,
    StoreDenied,
    StoreNotFound,
    StoreUsesReserved,
    TenantAuthError,
    TenantThrottled,
    TokenError,
)
from qlik_keys.lifecycle.ownership import is_same_key
from qlik_keys.lifecycle.provisioning.specification import PRIVATE_KEY_JWT
from qlik_keys.rules.access import CREDENTIAL_REFUSED
from qlik_keys.rules.clients import (
    CLIENT_ABSENT,
    CLIENT_DELETED,
    CONSENT_NOT_TRUSTED,
    DISABLED,
    GRANT_MISSING,
    METHOD_NOT_ALLOWED,
    SCOPE_MISSING,
    USER_DISABLED,
)
from qlik_keys.rules.keys import (
    ALGORITHM_DIFFERS,
    LOCKED_OUT,
    REGISTERED_KEY_DIFFERS,
    REMOVED_KEY_REGISTERED,
    SIGNATURE_DIFFERS,
    SIGNING_FAILED,
)
from qlik_keys.rules.records import ORPHANED_RECORD
from qlik_keys.tenant.resources.grants import CLIENT_CREDENTIALS, IMPERSONATION
from qlik_keys.tenant.resources.scopes import covers, lacks_scope

if TYPE_CHECKING:
    from qlik_keys.diagnosis.facts import Facts
    from qlik_keys.diagnosis.results import Check
    from qlik_keys.tenant import OAuthClient

_UNAUTHORIZED = 401
_NOT_SHOWN = "The tenant does not show this to the caller: use the credential of a Tenant Admin."


def check_exists(facts: Facts) -> Check:
    """Say whether the tenant has the client."""
    name, client = "client-exists", facts.client.value
    if client is not None:
        return passed(name, f"It is {client.client_name or 'there'} ({client.client_id}), of type {client.app_type}.")
    if facts.client.skipped:
        return see(name, *facts.client.skipped)
    if facts.is_absent and not facts.client_id and facts.pending is not None:
        return not_checked(name, "It is not created yet: see store-record.")
    if facts.is_absent:
        why = f"{facts.tenant_url} has no client {facts.asked_for!r}."
        advice = f"Check the id or name and the tenant; {command('clients')} lists the clients."
        if facts.record.value is None:
            return failed(name, CLIENT_ABSENT, why, advice)
        why += " The store has a key of it: it was deleted here, or belongs to another tenant."
        return failed(name, ORPHANED_RECORD, why, f"{advice} If it was deleted here: {make_again(facts)}")
    return _unseen(facts)


def _unseen(facts: Facts) -> Check:
    """Say why no one was seen: a credential that does not reach is a finding, one that may not see is none."""
    name, problem = "client-exists", facts.client.problem
    if facts.is_discovery_refused:
        return see(name, "discovery")
    if not facts.client_id and problem is not None and not _is_refused(problem):
        why = f"Neither the store nor the tenant shows which client has the name {facts.asked_for!r}: give its id."
        return not_checked(name, f"{why} {problem.message} {problem.hint}".rstrip())
    if isinstance(problem, TokenError) and facts.client_id and problem.client_id == facts.client_id:
        return not_checked(
            name, "The credential for the tenant is that of this client, which gets no token: see login."
        )
    if isinstance(problem, TenantAuthError) and (
        problem.status == _UNAUTHORIZED or (_names_a_scope(problem) and not facts.is_asked_as_itself)
    ):
        why = f"The administrator's credential cannot read the client. {problem.message}"
        return failed(name, CREDENTIAL_REFUSED, why, problem.hint)
    if isinstance(problem, TokenError):
        why = (
            "The administrator's credential gets no token, so the client cannot be checked on the tenant. "
            f"{problem.message}"
        )
        return failed(name, CREDENTIAL_REFUSED, why, problem.hint)
    if isinstance(problem, TenantAuthError):
        return not_checked(name, f"The tenant shows clients only to a Tenant Admin. {problem.message} {problem.hint}")
    if isinstance(problem, TenantThrottled):
        return see(name, "rate-budget")
    return not_checked(name, f"{problem.message} {problem.hint}".rstrip() if problem is not None else "Not checked.")


def _is_refused(problem: QlikKeysError) -> bool:
    """Tell whether the credential itself is refused, whatever it asks for."""
    return isinstance(problem, TokenError) or (isinstance(problem, TenantAuthError) and problem.status == _UNAUTHORIZED)


def _names_a_scope(problem: TenantAuthError) -> bool:
    """Tell whether a refusal's own text says that a scope is missing, which another role would not change."""
    return lacks_scope(f"{problem.code} {problem.title} {problem.detail}")


def check_enabled(facts: Facts) -> Check:
    """Say whether the tenant has disabled or deleted the client."""
    client = facts.client.value
    if client is None:
        return see("client-enabled", "client-exists")
    if client.deleted_at is not None:
        why = f"The tenant marks it as deleted since {client.deleted_at:%Y-%m-%d %H:%M} UTC."
        return failed("client-enabled", CLIENT_DELETED, why, f"If it should log in again: {make_again(facts)}")
    if client.disable_tag:
        return failed(
            "client-enabled",
            DISABLED,
            f"The tenant has disabled it ({client.disable_tag}).",
            "Find out who disabled it and why: a Tenant Admin (in Qlik's console) or Qlik's support.",
        )
    return passed("client-enabled", "It is neither disabled nor deleted.")


def check_machine(facts: Facts) -> Check:
    """Say whether the client has the grants that a machine needs."""
    name, client = "machine-to-machine", facts.client.value
    if client is None:
        return see(name, "client-exists")
    if not facts.shows("allowed_grant_types"):
        return not_checked(name, _NOT_SHOWN)
    lacks = [
        grant
        for grant, is_needed in ((CLIENT_CREDENTIALS, True), (IMPERSONATION, facts.user is not None))
        if is_needed and grant not in client.allowed_grant_types
    ]
    if not lacks:
        return passed(name, f"It has the grants {', '.join(client.allowed_grant_types)}.")
    why = f"It lacks the grant {' and '.join(lacks)}."
    if client.app_type not in ("web", ""):
        return failed(
            name,
            GRANT_MISSING,
            f"{why} It is of type {client.app_type}.",
            "Only a client of type web can be machine-to-machine: create one.",
        )
    if CLIENT_CREDENTIALS not in lacks:
        advice = "Allow user impersonation on it in Qlik's console, if it should act for users."
        return failed(name, GRANT_MISSING, why, advice)
    if facts.has_only_managed_keys:
        return failed(name, GRANT_MISSING, why, has_fix=True)
    advice = f"If it should be machine-to-machine, select Machine-to-machine for it in Qlik's console. {_OTHERS_TOO}"
    return failed(name, GRANT_MISSING, why, advice)


def check_consent(facts: Facts) -> Check:
    """Say whether the client is trusted, without which no machine logs in."""
    name, client = "consent", facts.client.value
    consent, problem = facts.consent.value, facts.consent.problem
    if client is None:
        return see(name, "client-exists")
    if client.app_type not in ("web", ""):
        return not_checked(
            name, f"A client of type {client.app_type} is not machine-to-machine: it may ask users for consent."
        )
    has_grant = not facts.shows("allowed_grant_types") or CLIENT_CREDENTIALS in client.allowed_grant_types
    if facts.record.value is None and not has_grant:
        return not_checked(
            name, "It is not machine-to-machine and has no key that qlik_keys manages: it may ask users for consent."
        )
    if consent is not None and consent.consent_method == "trusted":
        return passed(name, "Its consent method is trusted.")
    if consent is not None:
        why = (
            f"Its consent method is {consent.consent_method!r}: a machine-to-machine client cannot ask a user "
            "for consent."
        )
    elif isinstance(problem, TenantAuthError):
        return not_checked(name, _NOT_SHOWN)
    elif facts.consent_is_gone:
        why = "It has no connection configuration on this tenant, so it is not trusted."
    else:
        return not_checked(name, problem.message if problem is not None else "Not checked.")
    if facts.has_only_managed_keys:
        return failed(name, CONSENT_NOT_TRUSTED, why, has_fix=True)
    advice = f"Set its consent method to trusted in Qlik's console, if it may log in. {_OTHERS_TOO}"
    return failed(name, CONSENT_NOT_TRUSTED, why, advice)


def check_user(facts: Facts) -> Check:
    """Say whether the user is enabled for whom the client gets its tokens."""
    name, holder, problem = "user", facts.holder.value, facts.holder.problem
    if facts.client.value is None:
        return see(name, "client-exists")
    who = "The client's bot user" if facts.user is None else f"The user with the {facts.user.field} {facts.user.value}"
    if isinstance(problem, TenantThrottled):
        return see(name, "rate-budget")
    if problem is not None and not isinstance(problem, TenantAuthError):
        return not_checked(name, f"{who} cannot be read. {problem.message}")
    if holder is None and not facts.is_shown_all:
        return not_checked(name, _NOT_SHOWN)
    if problem is not None:
        return not_checked(name, f"The tenant does not show its users to the caller. {problem.message}")
    if holder is None and facts.user is None:
        return passed(name, "It has no bot user yet: its first login creates it.")
    if holder is None:
        return not_checked(name, f"{who} is not among the tenant's users: see login.")
    if holder.status not in _NO_USERS:
        return passed(name, f"{who} is {holder.status or 'there, and its status is not told'}.")
    return failed(name, USER_DISABLED, f"{who} ({holder.name or holder.id}) is {holder.status}.")


def check_method(facts: Facts) -> Check:
    """Say whether the client may log in by private-key JWT."""
    name, client = "method", facts.client.value
    if client is None:
        return see(name, "client-exists")
    if facts.current is None and not facts.has_unusable_record:
        return _without_key(name, facts)
    if not facts.shows("allowed_auth_methods"):
        return not_checked(name, _NOT_SHOWN)
    if PRIVATE_KEY_JWT in client.allowed_auth_methods:
        return passed(name, f"It may log in by {', '.join(client.allowed_auth_methods)}.")
    allowed = ", ".join(client.allowed_auth_methods) or "nothing"
    why = f"It may log in by {allowed}, and not by {PRIVATE_KEY_JWT}."
    if facts.has_only_managed_keys:
        return failed(
            name, METHOD_NOT_ALLOWED, why, "Allow the method: its public key is registered already.", has_fix=True
        )
    if facts.current is None:
        return failed(name, METHOD_NOT_ALLOWED, why, _RECORD_FIRST)
    if facts.registered is not None and is_same_key(facts.registered, facts.current):
        return failed(name, METHOD_NOT_ALLOWED, why, f"Allow the method in Qlik's console. {_OTHERS_TOO}")
    advice = "First fix the key (kid-registered, same-key), then run the doctor again: then it can be allowed."
    return failed(name, METHOD_NOT_ALLOWED, why, advice)


def check_kid(facts: Facts) -> Check:
    """Say whether the store's current key is registered, by its name."""
    name, client, current = "kid-registered", facts.client.value, facts.current
    if client is None:
        return see(name, "client-exists")
    if current is None:
        return _check_named_kid(client, facts)
    if not facts.shows("public_keys"):
        return not_checked(name, _NOT_SHOWN)
    record = facts.record.value
    returned = [] if record is None else record.returned(key.kid for key in client.public_keys)
    if returned:
        why = f"A removed key is registered again, and anyone who has it can log in: {', '.join(returned)}."
        return failed(name, REMOVED_KEY_REGISTERED, why, f"{command('resume')} removes it.")
    if facts.registered is not None:
        return passed(name, f"The key {current.kid} is registered.")
    others = ", ".join(key.kid for key in client.public_keys) or "no key at all"
    return failed(
        name,
        LOCKED_OUT,
        f"The store's key {current.kid} is not registered with the client, which has {others}.",
        _replace(facts),
    )


def _check_named_kid(client: OAuthClient, facts: Facts) -> Check:
    """Say whether the kid that a damaged record names is registered: the key itself cannot be compared."""
    name, kid = "kid-registered", facts.named_kid
    if not kid or not facts.shows("public_keys") or any(key.kid == kid for key in client.public_keys):
        return _without_key(name, facts)
    others = ", ".join(key.kid for key in client.public_keys) or "no key at all"
    why = f"The store's damaged record names the key {kid}, which is not registered with the client; it has {others}."
    return failed(name, LOCKED_OUT, why, _RECORD_FIRST)


def check_same_key(facts: Facts) -> Check:
    """Say whether the store signs with the key that is registered under the kid that it names."""
    name, current, registered = "same-key", facts.current, facts.registered
    if current is None:
        return see(name, "client-exists") if facts.client.value is None else _without_key(name, facts)
    problem = facts.signing.problem
    if isinstance(problem, StoreDenied | StoreUsesReserved):
        return see(name, "vault-rights" if isinstance(problem, StoreDenied) else "vault-token")
    if isinstance(problem, StoreNotFound):
        why = f"{problem.message} Its name there is {current.reference}, and {current.kid} on the tenant."
        return failed(name, SIGNING_FAILED, f"The store did not sign: {why}", _replace(facts))
    if problem is not None:
        return failed(name, SIGNING_FAILED, f"The store did not sign: {problem.message}", problem.hint or _ASK_OPERATOR)
    if facts.signing.value is False:
        why = f"The store's signature for {current.kid} is not made with the key in its record."
        why += " Perhaps that key was rotated or replaced in the Vault's engine."
        return failed(name, SIGNATURE_DIFFERS, why, _replace(facts))
    if registered is None:
        return see(name, "kid-registered" if facts.client.value is not None else "client-exists")
    if not is_same_key(registered, current):
        why = f"The key that is registered as {current.kid} differs from the one in the store."
        return failed(name, REGISTERED_KEY_DIFFERS, why, _replace(facts))
    return passed(name, f"The thumbprint of both is {current.public.thumbprint}, and the store signs with this key.")


def check_alg(facts: Facts) -> Check:
    """Say whether the registered key is pinned to the algorithm that the store signs by."""
    name, current, registered = "alg", facts.current, facts.registered
    if current is None:
        return see(name, "client-exists") if facts.client.value is None else _without_key(name, facts)
    if registered is None:
        return see(name, "kid-registered" if facts.client.value is not None else "client-exists")
    if registered.alg == current.alg:
        return passed(name, f"It is {current.alg}.")
    if not is_same_key(registered, current):
        return see(name, "same-key")
    return failed(
        name,
        ALGORITHM_DIFFERS,
        f"The key {current.kid} is registered for {registered.alg or 'no algorithm'}, but the store signs by "
        f"{current.alg}.",
        f"{command('rotate', facts.client_id)} makes a new key and registers it with the algorithm that the store "
        "uses.",
    )


def check_scopes(facts: Facts) -> Check:
    """Say whether the client may have the scopes that are asked for, or any where none is."""
    name, client = "scopes", facts.client.value
    if client is None:
        return see(name, "client-exists")
    if not facts.shows("allowed_scopes"):
        return not_checked(name, _NOT_SHOWN)
    allowed = client.allowed_scopes
    shown = " ".join(allowed) or "none"
    lacks = [scope for scope in facts.scopes if scope not in allowed]
    if facts.scopes and not lacks:
        return passed(name, f"It may have {' '.join(facts.scopes)}.")
    if not facts.scopes:
        if facts.has_no_scope:
            why = f"It may have no scope (it has {shown})."
            return failed(name, SCOPE_MISSING, why, f"Give it the scopes that it needs. {_WHERE}")
        return passed(name, f"It may have {shown}.")
    if all(any(covers(parent, scope) for parent in allowed) for scope in lacks):
        # Qlik publishes no rule whether a wider scope lets the narrower be asked for: the login tells.
        return not_checked(
            name, f"It lacks {' '.join(lacks)} by name, but has a scope that includes it ({shown}): see login."
        )
    return failed(name, SCOPE_MISSING, f"It may not have {' '.join(lacks)}; it may have {shown}.")


def _replace(facts: Facts) -> str:
    return (
        f"{command('revoke', facts.client_id)} makes a new key, registers it instead of this one and verifies it, "
        "so consumers can log in again."
    )


def _without_key(name: str, facts: Facts) -> Check:
    if facts.by_secret_alone:
        return not_checked(name, "The client authenticates only by client secret.")
    return see(name, "store-record")


_NO_USERS = ("disabled", "deleted")
_ASK_OPERATOR = "Ask the Vault's operator to check its engine."
_RECORD_FIRST = "First fix the record (store-record), then run the doctor again."
_OTHERS_TOO = (
    "First make sure that no other person has a key or a secret of it, who could then log in too: it may have "
    "keys or secrets that qlik_keys does not manage."
)
_WHERE = "A Tenant Admin changes them in Qlik's console."
