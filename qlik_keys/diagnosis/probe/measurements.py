"""What the probe measures with its throw-away client: logins, keys, filters, and what outlives the client."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from qlik_keys.auth.token_endpoint import clock_skew_text, is_clock_off
from qlik_keys.core.clock import utc_now
from qlik_keys.diagnosis.probe.asking import (
    FORBIDDEN,
    LONGEST_ASSERTION_SECONDS,
    OK,
    ask,
    assertion_for,
    log_in,
    rows_of,
    seconds_until,
)
from qlik_keys.diagnosis.probe.looks import CLIENTS
from qlik_keys.diagnosis.probe.results import Observation
from qlik_keys.diagnosis.probe.throwaway import NAME, SCOPES, new_key
from qlik_keys.errors import ClockSkewError
from qlik_keys.tenant import ApiKey, PatchOperation, eq
from qlik_keys.tenant.resources.key_forms import KEYS_FORMS
from qlik_keys.tenant.url import TOKEN_PATH, token_url_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.core.secret import Secret
    from qlik_keys.diagnosis.probe.asking import Login
    from qlik_keys.diagnosis.probe.run import ProbeRun
    from qlik_keys.keys import PrivateKey
    from qlik_keys.tenant.resources.key_forms import KeysForm

_ACCEPTED_LIMIT_SECONDS, _REFUSED_LIMIT_SECONDS = 120.0, 60.0
_MOST_KEYS = 6
_SCOPE = " ".join(SCOPES)
_AT_ONCE, _NOT_AT_ALL = "at once", "not at all"
_TAKEN = "taken"


def measure_client_id(run: ProbeRun) -> Observation:
    """See what a client id looks like."""
    client_id = run.client.client_id
    is_hex = re.fullmatch("[0-9a-f]{32}", client_id) is not None
    other = f"{len(client_id)} characters, not all of them hexadecimal digits"
    return Observation(name="client-id", seen="32 hexadecimal digits" if is_hex else other)


def measure_first_login(run: ProbeRun) -> Observation:
    """Time the first login with the key that the client was made with.

    Raises:
        ClockSkewError: no assertion of this machine's is accepted, so that nothing of logins can be measured.
    """
    first = _log_in(run, run.client.key)
    skew = first.skew_seconds
    if not first.is_accepted and skew is not None and is_clock_off(skew):
        raise ClockSkewError(
            f"The tenant refuses the assertions of the probe, and {clock_skew_text(skew)}. The probe was stopped, and "
            "its client was deleted.",
            skew_seconds=skew,
            hint="Synchronize the clock (NTP), then start the probe again.",
        )
    seconds = seconds_until(
        lambda: first.is_accepted or _can_log_in(run, run.client.key),
        clock=run.clock,
        limit_seconds=_ACCEPTED_LIMIT_SECONDS,
        stop=run.stop,
    )
    run.measured["key_accepted_seconds"] = seconds
    run.logs_in = seconds is not None
    return Observation(name="first-login", seen=_taken(seconds, _ACCEPTED_LIMIT_SECONDS))


def measure_token(run: ProbeRun) -> Observation:
    """See what the token endpoint answers, with a key and with a client secret."""
    by_key = _log_in(run, run.client.key)
    secret = run.client.secret
    by_secret = (
        None
        if secret is None
        else _kept(run, lambda: log_in(run.tenant, run.client.client_id, secret=secret, scope=_SCOPE))
    )
    answers = {"with a key": by_key} | ({"with a client secret": by_secret} if by_secret is not None else {})
    told = [f"{how} {_lifetime(login)}" for how, login in answers.items()]
    details = {
        f"members {how}": ", ".join(sorted({*login.document, *(("access_token",) if login.token else ())}))
        for how, login in answers.items()
    }
    return Observation(name="token", seen="; ".join(told), details=details)


def measure_machine_tokens(run: ProbeRun) -> Observation:
    """See whether the list of tokens has those of the client's bot."""
    bot = run.tenant.users.bot_of(run.client.client_id)
    if bot is None:
        return Observation(name="machine-tokens", seen="this caller sees no bot user of the client", is_measured=False)
    answer = ask(run.tenant, "get", "v1/oauth-tokens", query={"userId": bot.id, "limit": "20"})
    if answer.status != OK:
        return Observation(name="machine-tokens", seen=f"refused with {answer.status}")
    rows = [row for row in rows_of(answer) if row.get("userId") == bot.id]
    details = {"members of a row": sorted(map(run.anonymizer.text, rows[0]))} if rows else None
    return Observation(name="machine-tokens", seen="those of its bot user" if rows else "none of it", details=details)


def measure_login_events(run: ProbeRun) -> Observation:
    """See which of the known events tell of the client's logins."""
    now, hour = utc_now(run.clock), timedelta(hours=1)  # the tenant's clock may be another one
    told = []
    for name, pages in run.tenant.events.issued_tokens(now - hour, now + hour):
        page = next(pages, ())
        if any(event.data.issued_to_client_id == run.client.client_id for event in page):
            told.append(name)
    return Observation(name="login-events", seen=", ".join(told) or "none that is known, within the time of a probe")


def measure_empty_scope(run: ProbeRun) -> Observation:
    """See what a request without a scope gets."""
    if not run.logs_in:
        return _not_measured("empty-scope")
    login = _kept(run, lambda: log_in(run.tenant, run.client.client_id, assertion=_assertion(run, run.client.key)))
    if not login.is_accepted:
        return Observation(name="empty-scope", seen=f"refused with {login.status}")
    scopes = str(login.document.get("scope", "")).split()
    if sorted(scopes) == sorted(SCOPES):
        return Observation(name="empty-scope", seen="all scopes of the client")
    return Observation(name="empty-scope", seen=f"other scopes: {run.anonymizer.text(' '.join(scopes)) or 'none'}")


def measure_filters(run: ProbeRun) -> Observation:
    """See whether a filter finds the client by its name, and whether case matters."""

    def finds(name: str) -> bool | None:
        answer = ask(run.tenant, "get", CLIENTS, query={"filter": eq("clientName", name), "limit": "20"})
        if answer.status != OK:
            return None
        return any(row.get("clientId") == run.client.client_id for row in rows_of(answer))

    exact, upper = finds(NAME), finds(NAME.upper())
    if exact is None:
        return Observation(name="filters", seen="a filter is refused")
    if not exact:
        return Observation(name="filters", seen="does not find it")
    return Observation(name="filters", seen="finds it, in any case" if upper else "finds it, in the same case alone")


def measure_absent_member(run: ProbeRun) -> Observation:
    """See whether a change may replace a member that is absent."""
    change = PatchOperation("replace", "/clientUri", "https://example.com")
    seen = (
        "applied" if run.is_taken(lambda: run.tenant.oauth_clients.patch(run.client.client_id, [change])) else "refused"
    )
    return Observation(name="absent-member", seen=seen)


def measure_keys_form(run: ProbeRun) -> Observation:
    """See in which forms the list of public keys is taken, and whether it reads back as it was written."""
    seen: dict[str, str] = {}
    for form in KEYS_FORMS:
        seen[form] = _form_result(run, form)
        if seen[form].startswith(_TAKEN) and run.keys_form is None:
            run.keys_form = form
    if run.keys_form is not None and run.client.registered_kids() != [run.client.key.kid]:
        run.client.set_keys([run.client.key], run.keys_form)
    run.measured["keys_form"] = run.keys_form
    return Observation(name="keys-form", seen=run.keys_form or "in none that is known", details=seen)


def measure_new_key(run: ProbeRun) -> Observation:
    """Time the first login with a key that was added."""
    if run.keys_form is None or not run.logs_in:
        return _not_measured("new-key")
    both, form = [run.client.key, run.second_key], run.keys_form
    if not run.is_taken(lambda: run.client.set_keys(both, form)):
        return _not_measured("new-key")  # a client may hold one key
    seconds = seconds_until(
        lambda: _can_log_in(run, run.second_key), clock=run.clock, limit_seconds=_ACCEPTED_LIMIT_SECONDS, stop=run.stop
    )
    longest = max(seconds or 0.0, run.measured.get("key_accepted_seconds") or 0.0)
    run.measured["key_accepted_seconds"] = longest if seconds is not None else None
    return Observation(name="new-key", seen=_taken(seconds, _ACCEPTED_LIMIT_SECONDS))


def measure_removed_key(run: ProbeRun) -> Observation:
    """Time how long a removed key may still log in."""
    if run.keys_form is None or not run.logs_in or run.second_key.kid not in run.client.registered_kids():
        return _not_measured("removed-key")
    run.client.set_keys([run.client.key], run.keys_form)
    seconds = seconds_until(
        lambda: not _can_log_in(run, run.second_key),
        clock=run.clock,
        limit_seconds=_REFUSED_LIMIT_SECONDS,
        stop=run.stop,
    )
    run.measured["key_refused_seconds"] = seconds
    seen = _NOT_AT_ALL if seconds == 0 else _taken(seconds, _REFUSED_LIMIT_SECONDS)
    return Observation(name="removed-key", seen=seen)


def measure_most_keys(run: ProbeRun) -> Observation:
    """See how many public keys the client may hold, up to six."""
    if run.keys_form is None:
        return _not_measured("most-keys")
    keys = [run.client.key]
    while len(keys) < _MOST_KEYS:
        wanted, form = [*keys, new_key()], run.keys_form
        if not run.is_taken(lambda wanted=wanted, form=form: run.client.set_keys(wanted, form)):  # type: ignore[misc]
            run.measured["maximum_keys"] = len(keys)
            return Observation(name="most-keys", seen=str(len(keys)))
        keys = wanted
    run.measured["maximum_keys"] = None
    return Observation(name="most-keys", seen=f"{_MOST_KEYS} or more")


def measure_audiences(run: ProbeRun) -> Observation:
    """See which audiences the token endpoint accepts: each host name's, and forms of the one in use."""
    if not run.logs_in:
        return _not_measured("audiences")
    ours = run.tenant.token_url
    tries = {
        "the one in use": ours,
        "the same with a slash at the end": f"{ours}/",
        "the tenant's address": run.tenant.url,
    }
    scheme = run.tenant.url.partition("://")[0]
    for number, host in enumerate(run.host_names, 1):
        if host != run.tenant.host:
            tries[f"host name {number}"] = token_url_of(f"{scheme}://{host}")
    accepted = {what: _accepts(run, audience) for what, audience in tries.items()}
    run.measured["audiences"] = tuple(
        tries[what] for what, is_accepted in accepted.items() if is_accepted and tries[what].endswith(TOKEN_PATH)
    )
    seen = ", ".join(what for what, is_accepted in accepted.items() if is_accepted) or "none that was tried"
    return Observation(
        name="audiences", seen=seen, details={what: _word(is_accepted) for what, is_accepted in accepted.items()}
    )


def measure_replayed_jti(run: ProbeRun) -> Observation:
    """See whether an assertion that was used is refused, at once and at the end of the probe."""
    if run.replayed is None:
        return _not_measured("replayed-jti")
    assertion, used_at, was_accepted = run.replayed
    age = run.clock.monotonic() - used_at
    if age >= LONGEST_ASSERTION_SECONDS:
        return Observation(name="replayed-jti", seen="accepted" if was_accepted else "refused")
    again = _kept(run, lambda: log_in(run.tenant, run.client.client_id, assertion=assertion, scope=_SCOPE))
    if was_accepted == again.is_accepted:
        seen = _word(again.is_accepted)
    else:
        seen = f"{_word(was_accepted)} at once, {_word(again.is_accepted)} after {age:.0f} seconds"
    return Observation(
        name="replayed-jti",
        seen=seen,
        details={"at once": _word(was_accepted), f"after {age:.0f} seconds": _word(again.is_accepted)},
    )


def begin_replay(run: ProbeRun) -> None:
    """Use an assertion, and use it again at once; `measure_replayed_jti` looks once more."""
    assertion = _assertion(run, run.client.key)
    run.end_tokens()  # so that no limit of tokens makes the first use another one
    first = log_in(run.tenant, run.client.client_id, assertion=assertion, scope=_SCOPE)
    run.keep(first)
    if not first.is_accepted:
        return
    used_at = run.clock.monotonic()
    second = _kept(run, lambda: log_in(run.tenant, run.client.client_id, assertion=assertion, scope=_SCOPE))
    run.replayed = (assertion, used_at, second.is_accepted)


def refusals_with_client(run: ProbeRun) -> dict[str, Any]:
    """Return the literal bodies of refusals that need a client."""
    tenant, client = run.tenant, run.client
    wrong_audience = assertion_for(client.client_id, client.key, "https://example.com/oauth/token", clock=run.clock)
    calls: dict[str, Callable[[], Any]] = {
        "an assertion by a key that is not registered": lambda: _log_in(run, new_key()),
        "an assertion for another audience": lambda: log_in(
            tenant, client.client_id, assertion=wrong_audience, scope=_SCOPE
        ),
        "a scope that the client may not have": lambda: log_in(
            tenant, client.client_id, assertion=_assertion(run, client.key), scope="admin_classic"
        ),
        "a change of an unknown member": lambda: ask(
            tenant, "patch", f"{CLIENTS}/{client.client_id}", body=[{"op": "replace", "path": "/unknown", "value": "x"}]
        ),
        "a deletion that is not confirmed": lambda: ask(tenant, "delete", f"{CLIENTS}/{client.client_id}"),
    }
    return {what: run.refusal(call) for what, call in calls.items()}


def measure_after_deletion(run: ProbeRun) -> Observation:
    """Delete the client, and see what of it still lives; then end its tokens."""
    last = _log_in(run, run.client.key)
    if not run.client.remove():
        run.is_disturbed = True
        return Observation(
            name="after-deletion",
            seen="the client was deleted by another probe or user, so what was measured of it may be wrong",
            is_measured=False,
        )
    token_lives = False
    if last.token is not None:
        token_lives = ask(run.tenant.with_credential(ApiKey(last.token)), "get", "v1/users/me").status == OK
    bot = run.tenant.users.find("subject", rf"qlikbot\{run.client.client_id}")
    run.has_bot = bot is not None
    parts = [*(["its token"] if token_lives else []), *(["its bot user"] if bot is not None else [])]
    return Observation(name="after-deletion", seen=" and ".join(parts) or "nothing")


def _form_result(run: ProbeRun, form: KeysForm) -> str:
    keys, how = [run.client.key, run.second_key], _TAKEN
    if not run.is_taken(lambda: run.client.set_keys(keys, form)):
        keys, how = [run.second_key], f"{_TAKEN}, with one key alone"
        if run.keys_form is not None or not run.is_taken(lambda: run.client.set_keys(keys, form)):
            return "refused"
    if run.client.registered_kids() != [key.kid for key in keys]:
        return "accepted, and reads back as something else"
    run.client.set_keys([run.client.key], form)
    if len(keys) == 1 and run.logs_in:  # its first key was away, and may take as long as a new one
        limit_seconds = _ACCEPTED_LIMIT_SECONDS
        seconds_until(
            lambda: _can_log_in(run, run.client.key), clock=run.clock, limit_seconds=limit_seconds, stop=run.stop
        )
    return how


def _assertion(run: ProbeRun, key: PrivateKey, audience: str = "") -> Secret:
    return assertion_for(run.client.client_id, key, audience or run.tenant.token_url, clock=run.clock)


def _log_in(run: ProbeRun, key: PrivateKey, audience: str = "") -> Login:
    return _kept(
        run,
        lambda: log_in(run.tenant, run.client.client_id, assertion=_assertion(run, key, audience), scope=_SCOPE),
    )


def _kept(run: ProbeRun, request: Callable[[], Login]) -> Login:
    """Ask for a token that is ended afterwards; if too many tokens may be why it is refused, end them and ask again."""
    login = request()
    if login.status == FORBIDDEN and run.end_tokens():
        login = request()
    run.keep(login)
    return login


def _can_log_in(run: ProbeRun, key: PrivateKey) -> bool:
    return _log_in(run, key).is_accepted


def _accepts(run: ProbeRun, audience: str) -> bool:
    return _log_in(run, run.client.key, audience).is_accepted


def _lifetime(login: Login) -> str:
    if not login.is_accepted:
        return f"refused with {login.status}"
    seconds, ends = login.document.get("expires_in"), login.document.get("expires_at")
    told = [*([f"{seconds} seconds (expires_in)"] if seconds is not None else []), *(["expires_at"] if ends else [])]
    return " and ".join(told) or "no word on when it ends"


def _taken(seconds: float | None, limit_seconds: float) -> str:
    if seconds is None:
        return f"more than {limit_seconds:.0f} seconds"
    return _AT_ONCE if seconds == 0 else f"{seconds:.1f} seconds"


def _word(is_accepted: bool) -> str:  # noqa: FBT001  # a word for it
    return "accepted" if is_accepted else "refused"


def _not_measured(name: str) -> Observation:
    return Observation(name=name, seen="what it needs was refused before", is_measured=False)
