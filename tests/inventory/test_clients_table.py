"""The clients' table: its columns, their dtypes, what it finds, and what it costs."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

import qlik_keys as qk
from qlik_keys.auth.inspection import Called
from qlik_keys.errors import StoreDenied, StoreProtocolError, TenantAuthError, TenantNotFound, TenantUnavailable
from qlik_keys.inventory.frames import CALL_COLUMNS, calls_frame
from qlik_keys.inventory.tables import COLUMNS, CONSENT_LOOKUPS
from qlik_keys.jupyter.panel.views.audit import ages_of
from qlik_keys.keys import KeySpec, generate
from qlik_keys.keystore.base import KeySummary
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.sandbox.simulator.settings import SandboxSettings
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import ConnectionConfig, OAuthClient, RateBudget
from qlik_keys.tenant.resources.models import OverviewPage

NOW = 1_800_000_000.0
TODAY, DAY = datetime.fromtimestamp(NOW, tz=UTC), timedelta(days=1)
KEY = generate(KeySpec("ES384"), made_on=TODAY.date() - 30 * DAY)
DTYPES = {
    **dict.fromkeys(("client_id", "name"), "string"),
    **dict.fromkeys(("key_made", "rotate_by", "created", "updated"), "datetime64[us, UTC]"),
    **dict.fromkeys(("key_age_days", "secrets"), "Int64"),
    **{"disabled": "bool", "scopes": "object"},
}
IDS = [f"{number:032x}" for number in range(5)]


def client(client_id="a" * 32, **changes):
    fields = {
        "clientId": client_id,
        "clientName": "etl",
        "appType": "web",
        "allowedScopes": ["user_default"],
        "allowedGrantTypes": ["client_credentials"],
        "allowedAuthMethods": ["private_key_jwt"],
        "publicKeys": [KEY.public.to_dict()],
        "createdAt": "2026-01-02T03:04:05Z",
    }
    return OverviewPage.model_validate({"data": [{**fields, **changes}]}).data[0]


def summary(**changes):
    fields = {
        "client_id": "a" * 32, "client_name": "etl", "custody": "kv", "current_kid": KEY.kid,
        "made_at": TODAY - 30 * DAY, "rotate_by": TODAY + 60 * DAY,
    }  # fmt: skip
    return KeySummary(**{**fields, **changes})


class Tenant:
    """A tenant with these clients, at the seam that the inventory uses."""

    url, host = "https://acme.eu.qlikcloud.com", "acme.eu.qlikcloud.com"

    def __init__(self, clients, consent="trusted"):
        self.consents_asked = []

        def connection_config(client_id):
            self.consents_asked.append(client_id)  # from several threads
            found = consent.get(client_id, "trusted") if isinstance(consent, dict) else consent
            if isinstance(found, Exception):
                raise found
            return ConnectionConfig(consent_method=found)

        self.oauth_clients = SimpleNamespace(overviews=lambda: [clients], connection_config=connection_config)


class Store:
    def __init__(self, *summaries, failures=None):
        self.summaries = {one.client_id: one for one in summaries}
        self.failures = failures or {}
        self.asked = []

    def client_ids(self, _):
        return sorted(self.summaries)

    def summary(self, _, client_id):
        self.asked.append(client_id)
        if client_id in self.failures:
            raise self.failures[client_id]
        return self.summaries[client_id]

    def read(self, _, client_id):
        raise StoreDenied(f"{client_id} may not be read")


def table(clients, *summaries, consent="trusted", clock=None, **options):
    return qk.clients(Tenant(clients, consent), Store(*summaries), clock=clock, **options)


@pytest.mark.parametrize("clients", [[], [client()]], ids=["no client", "one client"])
def test_columns_and_dtypes_do_not_depend_on_what_is_there(clients, clock):
    frame = table(clients, summary(), clock=clock)
    assert tuple(frame.columns) == COLUMNS
    assert {name: str(frame[name].dtype) for name in DTYPES} == DTYPES
    assert frame.attrs == {"tenant": "https://acme.eu.qlikcloud.com", "time": TODAY.isoformat()}


def test_a_healthy_client_has_no_finding_and_its_key_an_age(clock):
    tenant, store = Tenant([client()]), Store(summary(), summary(client_id="b" * 32))
    [row] = qk.clients(tenant, store, clock=clock).itertuples()
    assert (row.findings, row.current_kid, row.custody, row.key_age_days) == ((), KEY.kid, "kv", 30)
    assert row.rotate_by == pd.Timestamp(TODAY + 60 * DAY)
    assert (row.kids, row.algs, row.scopes) == ((KEY.kid,), ("ES384",), ("user_default",))
    assert store.asked == ["a" * 32]  # not of the client that the tenant lacks
    [row] = qk.clients(tenant, clock=clock).itertuples()  # without a store the age comes from the kid
    assert (row.findings, row.key_age_days, row.current_kid) == ((), 30, pd.NA)


def test_every_key_that_the_chart_draws_as_old_has_a_finding_that_says_so(clock):
    def aged(client_id, days):
        made_on = f"{TODAY - days * DAY:%Y-%m-%d}"
        return client(client_id * 32, publicKeys=[{**KEY.public.to_dict(), "kid": f"{made_on}_{client_id * 43}"}])

    def held(client_id, age, rotate_by):
        return summary(client_id=client_id * 32, made_at=TODAY - age * DAY, rotate_by=rotate_by)

    frame = table(
        [*(client(client_id * 32) for client_id in "abc"), aged("d", 500), aged("e", 90), aged("f", 91)],
        *(held("a", 40, TODAY - 10 * DAY), held("b", 200, TODAY + 165 * DAY), held("c", 100, None)),
        clock=clock,
    )
    old = [not {"rotation-overdue", "key-old"}.isdisjoint(findings) for findings in frame["findings"]]
    assert dict(zip("abcdef", old, strict=True)) == dict(a=True, b=False, c=True, d=True, e=False, f=True)
    drawn = {name: counts for name, counts in ages_of(frame).items() if counts[0]}
    assert drawn == {"31-60": (1, 1), "61-90": (1, 0), "91-180": (2, 2), "181-365": (1, 0), "over 365": (1, 1)}


OTHERS = [generate(KeySpec("ES384")).public.to_dict() for _ in range(2)]
ODD_KEY = {**KEY.public.to_dict(), "kid": "by-hand"}
FOUND = {
    "locked-out": ([client(publicKeys=[])], [summary()], "trusted"),
    "rotation-overdue": ([client()], [summary(rotate_by=TODAY - timedelta(seconds=1))], "trusted"),
    "rotation-due": ([client()], [summary(rotate_by=TODAY + 14 * DAY)], "trusted"),
    "shared-key": ([client(), client("b" * 32)], [summary(), summary(client_id="b" * 32)], "trusted"),
    "many-keys": ([client(publicKeys=[KEY.public.to_dict(), *OTHERS])], [summary()], "trusted"),
    "key-old": ([client()], [summary(made_at=TODAY - 91 * DAY, rotate_by=None)], "trusted"),
    "secret-only": ([client(publicKeys=[], allowedAuthMethods=["client_secret"])], [], "trusted"),
    "admin-scope": ([client(allowedScopes=["admin_classic"])], [summary()], "trusted"),
    "consent-not-trusted": ([client()], [summary()], "required"),
    "no-key-in-store": ([client()], [], "trusted"),
    "dynamic-registration": ([client(createdByType="dcr")], [summary()], "trusted"),
    "disabled": ([client(disableTag="fraud")], [summary()], "trusted"),
}


@pytest.mark.parametrize("finding", FOUND)
def test_each_finding_alone(finding, clock):
    clients, summaries, consent = FOUND[finding]
    rows = [*table(clients, *summaries, consent=consent, clock=clock).itertuples()]
    assert {row.findings for row in rows} == {(finding,)}
    assert FINDINGS[finding].meaning


def test_two_findings_at_once_and_none_at_the_boundary(clock):
    [row] = table([client(publicKeys=[ODD_KEY], allowedScopes=["admin_classic"])], clock=clock).itertuples()
    assert row.findings == ("admin-scope", "no-key-in-store", "key-age-unknown")
    [row] = table([client()], summary(rotate_by=TODAY + timedelta(days=14, seconds=1)), clock=clock).itertuples()
    assert row.findings == ()


@pytest.mark.parametrize(
    "written",
    [
        *(
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.678901Z",
            "2026-01-02T05:04:05.678+02:00",
            "2026-01-02T03:04:05",
        ),
        *("9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"),
        *("2026-02-30T00:00:00Z", "no date", "", None),
    ],
)
def test_dates_are_read_as_in_the_whole_client_whatever_stands_next_to_them(written, clock):
    frame = table([client(createdAt=written), client("b" * 32)], clock=clock)
    whole = OAuthClient.model_validate({"clientId": "a", "createdAt": written}).created_at
    first, second = frame["created"]
    assert first == whole or (first is pd.NaT and whole is None)
    assert second == pd.Timestamp("2026-01-02T03:04:05Z")
    assert str(frame["created"].dtype) == "datetime64[us, UTC]"


def test_empty_texts_are_texts_and_only_what_is_not_known_is_missing(clock):
    tenant = Tenant([client(clientName="", createdByType="")])
    [row] = qk.clients(tenant, consent=False, clock=clock).itertuples()
    assert (row.name, row.created_by) == ("", "")
    assert all(value is pd.NA for value in (row.consent, row.custody, row.current_kid))


def test_as_many_consents_of_machines_are_looked_up_unasked_as_a_minute_allows(clock):
    machines = [client(f"{number:032x}") for number in range(CONSENT_LOOKUPS + 1)]
    people = [client(f"{number:032x}", allowedGrantTypes=[]) for number in range(5000, 5500)]
    for clients, asked, options in (
        (people, 0, {}),
        (machines[1:] + people, 1000, {}),
        (machines, 0, {}),
        (machines, 1001, {"consent": True}),
    ):
        tenant = Tenant(clients)
        frame = qk.clients(tenant, clock=clock, **options)
        assert len(tenant.consents_asked) == (frame["consent"] == "trusted").sum() == asked
        assert frame["consent"].isna().sum() == len(clients) - asked


def test_a_history_of_calls_has_real_dtypes(clock):
    fields, url = {"time": TODAY, "client_id": "c1", "client": "etl"}, "https://acme.eu.qlikcloud.com"
    failed = {"status": 429, "trace_id": "t", "retry_after": 3.0, "error": "TenantThrottled"}
    calls = [
        Called(**fields, method="GET", path="/api/v1/x?a=b", status=200, milliseconds=4.5),
        Called(**fields, method="POST", path="/oauth/token", milliseconds=9.0, **failed),
        Called(**fields, method="GET", path="/x", status=None, milliseconds=1.0),
    ]
    dtypes = {"time": "datetime64[us, UTC]", "status": "Int64", "milliseconds": "float64", "retry_after": "Float64"}
    for rows in ([], calls):
        frame = calls_frame(rows, tenant_url=url, clock=clock)
        assert tuple(frame.columns) == CALL_COLUMNS
        assert {name: str(frame[name].dtype) for name in CALL_COLUMNS} == {
            **dict.fromkeys(CALL_COLUMNS, "string"),
            **dtypes,
        }
        assert frame.attrs == {"tenant": url, "time": TODAY.isoformat()}
    assert list(frame["status"].isna()) == [False, False, True]
    assert list(frame["retry_after"].isna()) == [True, False, True]
    assert list(frame["error"].dropna()) == ["TenantThrottled"]
    assert frame["time"].iloc[0] == TODAY


@pytest.mark.parametrize("failure", [StoreDenied("not this one"), StoreProtocolError("odd")], ids=repr)
def test_a_record_that_cannot_be_read_is_not_checked_and_stops_no_other_row(failure, clock):
    clients = [client(each, publicKeys=[ODD_KEY] if each == IDS[1] else []) for each in IDS]
    store = Store(*[summary(client_id=each, current_kid="") for each in IDS], failures={IDS[1]: failure})
    frame = qk.clients(Tenant(clients), store, clock=clock)
    assert list(frame["client_id"]) == IDS
    assert list(frame["findings"]) == [("not-checked",) if each == IDS[1] else () for each in IDS]
    assert list(frame["custody"].isna()) == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("failure", "consent", "findings"),
    [
        (TenantUnavailable("later", status=503, retryable=True), "not known", ("not-checked",)),
        (TenantAuthError("not this one", status=403), "not known", ("not-checked",)),
        # The doctor says so too: without a connection configuration nothing is trusted.
        (TenantNotFound("none", status=404), "", ("consent-not-trusted",)),
    ],
    ids=["unavailable", "refused", "no connection configuration"],
)
def test_a_consent_that_cannot_be_read_is_not_checked_and_stops_no_other_row(failure, consent, findings, clock):
    frame = table([client(each, publicKeys=[]) for each in IDS], consent={IDS[3]: failure}, clock=clock)
    assert list(frame["client_id"]) == IDS
    assert list(frame["findings"]) == [findings if each == IDS[3] else () for each in IDS]
    assert list(frame["consent"].fillna("not known")) == [consent if each == IDS[3] else "trusted" for each in IDS]


def test_progress_is_told_and_a_tenant_or_a_store_without_any_answer_is_an_error(clock):
    told, clients, summaries = [], [client(each) for each in IDS], [summary(client_id=each) for each in IDS]
    table(clients, *summaries, clock=clock, on_progress=lambda *words: told.append(words))
    assert told[-1] == ("consent", 5, 5)
    assert ("keys", 5, 5) in told
    silent = Store(*summaries, failures={each: StoreDenied("no") for each in IDS})
    with pytest.raises(StoreDenied):
        qk.clients(Tenant(clients), silent, clock=clock)
    with pytest.raises(TenantUnavailable):
        table(clients, consent=TenantUnavailable("later", retryable=True), clock=clock)


def test_look_ups_side_by_side_keep_to_the_rate_limit_and_tell_subscribers_one_at_a_time(clock):
    settings = SandboxSettings(enforce_rate_limits=True, tier1_per_minute=6)  # 30 in five minutes
    simulator = SandboxTenant("https://acme.eu.qlikcloud.com", clock=clock, settings=settings)
    simulator.seed_clients(100)
    at_work, told = threading.Lock(), []

    def watch(exchange):
        assert at_work.acquire(blocking=False)  # a failure is a warning in the log, and this one is missing below
        time.sleep(0.0005)  # another thread may come
        told.append((exchange.status, exchange.started_at))
        at_work.release()

    with qk.QlikTenant(
        simulator.base_url,
        credential=qk.ApiKey(simulator.api_key),
        transport=SandboxTransport(simulator),
        budget=RateBudget(limits_per_minute={1: 6, 2: 100}, clock=clock),
        clock=clock,
    ) as tenant:
        tenant.subscribe(watch)
        frame = qk.clients(tenant, clock=clock)
    assert frame["consent"].notna().all()
    assert [status for status, _ in told] == [200] * 101
    moments = sorted(moment for _, moment in told)
    for first, thirty_first in zip(moments, moments[30:], strict=False):
        assert thirty_first - first >= timedelta(seconds=300)
