"""Pure checks of what is asked, where and when: address, discovery, clock, audience, rate limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.auth.token_endpoint import clock_skew_text, is_clock_off
from qlik_keys.core.clock import describe_duration
from qlik_keys.diagnosis.facts import NOT_ASKED
from qlik_keys.diagnosis.results import failed, not_checked, passed, see
from qlik_keys.errors import TenantThrottled, TenantUnavailable
from qlik_keys.rules.access import (
    CLOCK_OFF,
    DEPRECATED_ENDPOINT,
    NOT_A_TENANT,
    RATE_LIMITED,
    TENANT_ALIAS,
    TENANT_UNAVAILABLE,
    TENANT_UNREACHABLE,
    TOKEN_ENDPOINT_DIFFERS,
)
from qlik_keys.rules.records import TOKEN_URL_DIFFERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from qlik_keys.diagnosis.facts import Facts
    from qlik_keys.diagnosis.results import Check
    from qlik_keys.tenant import AuthorizationServerMetadata, TierSnapshot
    from qlik_keys.tenant.http.versions import DeprecatedEndpoint

_NEARLY_USED_UP = 0.9


def check_tenant_url(facts: Facts) -> Check:
    """Say whether something answers at the tenant's URL."""
    problem, skipped = facts.discovery.problem, facts.discovery.skipped
    if skipped:
        return see("tenant-url", *skipped)
    if isinstance(problem, NOT_ASKED):
        advice = problem.hint or f"Check the tenant's URL, {facts.tenant_url}, and the network."
        if facts.proxy:
            by_proxy = f"The environment sends calls through the proxy {facts.proxy}: check that, or set NO_PROXY."
            advice = f"{by_proxy} {advice}"
        return failed("tenant-url", TENANT_UNREACHABLE, problem.message, advice)
    normalized = f" In the URL that was given: {'; '.join(facts.notices)}." if facts.notices else ""
    return passed("tenant-url", f"{facts.tenant_url} answers.{normalized}")


def check_discovery(facts: Facts) -> Check:
    """Say whether a Qlik tenant answers there, under this very name."""
    name, problem, skipped = "discovery", facts.discovery.problem, facts.discovery.skipped
    if skipped:
        return see(name, *skipped)
    if isinstance(problem, NOT_ASKED):
        return see(name, "tenant-url")
    if isinstance(problem, TenantThrottled):
        return see(name, "rate-budget")
    if isinstance(problem, TenantUnavailable):
        return failed(name, TENANT_UNAVAILABLE, problem.message, problem.hint)
    seen = facts.discovery.value
    if problem is not None or seen is None:
        return failed(name, NOT_A_TENANT, problem.message if problem else "Not checked.")
    if seen.metadata is None:
        return failed(name, NOT_A_TENANT, seen.problem.message if seen.problem else "Not checked.")
    return _check_metadata(seen.metadata, facts)


def check_clock(facts: Facts) -> Check:
    """Say how far our clock is from the server's `Date`."""
    if facts.discovery.skipped or facts.discovery.problem is not None:
        return _as_discovery_says("clock", facts)
    skew = facts.skew_seconds
    if skew is None:
        return not_checked("clock", "The tenant's answer has no Date header.")
    words = clock_skew_text(skew)
    if is_clock_off(skew):
        why = f"{words[0].upper()}{words[1:]}; assertions contain the time and are refused."
        return failed("clock", CLOCK_OFF, why)
    return passed("clock", f"{words[0].upper()}{words[1:]}." if abs(skew) >= 1 else "The clocks agree to the second.")


def check_audience(facts: Facts) -> Check:
    """Say whether ours, the record's and the tenant's own token endpoint are one and the same text."""
    record, in_record = facts.record.value, facts.named_token_url
    if facts.metadata is None:
        return _as_discovery_says("audience", facts)
    named = facts.metadata.token_endpoint
    # A record that was written under another name of the tenant has that name's: discovery tells it.
    if in_record is not None and in_record != named and not facts.is_own_endpoint(in_record):
        why = (
            f"The store's record names {in_record or 'nothing'} as the token endpoint, but this tenant's is "
            f"{named}: a consumer that uses the record's value as the audience is refused."
        )
        if not facts.is_own_endpoint(named):
            return failed(
                "audience", TOKEN_URL_DIFFERS, why, "First fix what discovery reports; then the record can be fixed."
            )
        if record is None:
            return failed(
                "audience", TOKEN_URL_DIFFERS, why, "First fix what store-record reports; then run the doctor again."
            )
        return failed("audience", TOKEN_URL_DIFFERS, why, has_fix=True)
    if not facts.is_own_endpoint(named):
        return see("audience", "discovery")
    if in_record is not None and in_record != facts.token_url:
        why = f"The store's record names {in_record}, by another of the tenant's host names."
        return passed("audience", why)
    if record is None and in_record is None and facts.record.problem is not None:
        why = f"The tenant names {facts.token_url}, as expected; what the store's record names is unknown: see"
        return not_checked("audience", f"{why} store-record.")
    where = "the tenant names the same, and so does the store's record" if record else "the tenant names the same"
    return passed("audience", f"It is {facts.token_url}; {where}.")


def check_rate_budget(budget: Mapping[int, TierSnapshot], refused: Iterable[int]) -> Check:
    """Say whether requests of either tier are left.

    Args:
        budget: as it stands when all is done.
        refused: the tiers of which a request was answered with 429 in the meantime.
    """
    blocked = [
        f"tier {tier} for {describe_duration(one.blocked_seconds)}"
        for tier, one in budget.items()
        if one.blocked_seconds
    ]
    met = [f"tier {tier}" for tier in sorted(set(refused))]
    used = ", ".join(f"tier {tier}: {one.used} of {one.limit}" for tier, one in budget.items())
    window = f"in {budget[1].window_seconds / 60:.0f} minutes, as far as this session counts"
    if blocked:
        return failed("rate-budget", RATE_LIMITED, f"The tenant asked to wait: {', '.join(blocked)}.")
    if met:
        why = f"The tenant has just answered 429 (too many requests): {', '.join(met)}; the requested pause is over."
        return failed("rate-budget", RATE_LIMITED, why)
    if any(one.used >= _NEARLY_USED_UP * one.limit for one in budget.values()):
        return failed("rate-budget", RATE_LIMITED, f"The rate limit is nearly used up ({used}, {window}).")
    return passed("rate-budget", f"{used}, {window}.")


def check_api_version(deprecated: Sequence[DeprecatedEndpoint]) -> Check:
    """Say which of the endpoints that were called the tenant has deprecated.

    Args:
        deprecated: as they stand when all is done.
    """
    if deprecated:
        return failed("api-version", DEPRECATED_ENDPOINT, " ".join(each.words for each in deprecated))
    return passed("api-version", "No answer named a deprecated endpoint.")


def _check_metadata(metadata: AuthorizationServerMetadata, facts: Facts) -> Check:
    name, named, issuer = "discovery", metadata.token_endpoint, metadata.issuer
    if named == facts.token_url and issuer.rstrip("/") == facts.tenant_url:
        return passed(name, f"Its token endpoint is {facts.token_url}.")
    if named != facts.token_url and facts.is_own_endpoint(named):
        return passed(name, f"Its token endpoint is {named}, by another of the tenant's host names.")
    if facts.is_alias:
        return failed(
            name,
            TENANT_ALIAS,
            f"The tenant names {named} as its token endpoint, and the URL in use leads to {facts.token_url}: it is "
            "another name of the tenant, and none of the host names that the tenant tells.",
        )
    if named != facts.token_url:
        return failed(
            name,
            TOKEN_ENDPOINT_DIFFERS,
            f"The tenant names {named} as its token endpoint, and assertions are made for {facts.token_url}, which "
            "must be the same letter by letter.",
        )
    # RFC 8414 3.3: an issuer must be the one that was asked.
    return failed(name, NOT_A_TENANT, f"The server at {facts.tenant_url} identifies itself as {issuer}.")


def _as_discovery_says(name: str, facts: Facts) -> Check:
    if facts.discovery.skipped:
        return see(name, *facts.discovery.skipped)
    if isinstance(facts.discovery.problem, NOT_ASKED):
        return see(name, "tenant-url")
    return see(name, "rate-budget" if isinstance(facts.discovery.problem, TenantThrottled) else "discovery")
