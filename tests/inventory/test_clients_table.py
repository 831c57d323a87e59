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
from qlik_keys.keys import KeySpec, generate
from qlik_keys.keystore.base import KeySummary
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant import ConnectionConfig, OAuthClient
from qlik_keys.tenant.resources.models import OverviewPage

TODAY, DAY = datetime.fromtimestamp(1_800_000_000, tz=UTC), timedelta(days=1)
KEY = generate(KeySpec("ES384"), made_on=TODAY.date() - 30 * DAY)
DTYPES = {
    **dict.fromkeys(("client_id", "name"), "string"),
    **dict.fromkeys(("key_made", "rotate_by", "created", "updated"), "datetime64[us, UTC]"),
    **dict.fromkeys(("key_age_days", "secrets"), "Int64"),
    "disabled": "bool",
    "scopes": "object",
}
IDS = [f"{number:032x}" for number in range(5)]


def client(client_id="a" * 32, **changes):
    fields = {
        "clientId": client_id, "clientName": "etl", "appType": "web", "createdAt": "2026-01-02T03:04:05Z",
        "allowedScopes": ["user_default"], "allowedGrantTypes": ["client_credentials"],
        "allowedAuthMethods": ["private_key_jwt"], "publicKeys": [KEY.public.to_dict()],
    }  # fmt: skip
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
        self.oauth_clients, self.consents_asked = self, []
        self.overviews, self._consent = lambda: [clients], consent
        self.http, self.deprecations = SimpleNamespace(host=self.host, folders={}), ()

    def connection_config(self, client_id):
        self.consents_asked.append(client_id)  # from several threads
        found = self._consent.get(client_id, "trusted") if isinstance(self._consent, dict) else self._consent
        if isinstance(found, Exception):
            raise found
        return ConnectionConfig(consent_method=found)

    def host_names(self):
        return (self.host,)


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


def test_dtypes_do_not_depend_on_what_is_there_and_only_what_is_not_known_is_missing(clock):
    for clients in ([], [client(clientName="", createdByType="")]):
        frame = qk.clients(Tenant(clients), consent=False, clock=clock)
        assert tuple(frame.columns) == COLUMNS
        assert {name: str(frame[name].dtype) for name in DTYPES} == DTYPES
        assert frame.attrs == {"tenant": Tenant.url, "time": TODAY.isoformat()}
    [row] = frame.itertuples()
    assert (row.name, row.created_by) == ("", "")
    assert all(value is pd.NA for value in (row.consent, row.custody, row.current_kid))


def test_a_healthy_client_has_no_finding_and_its_key_an_age(clock):
    tenant, store = Tenant([client()]), Store(summary(), summary(client_id="b" * 32))
    frame = qk.clients(tenant, store, clock=clock)
    assert {name: str(frame[name].dtype) for name in DTYPES} == DTYPES
    [row] = frame.itertuples()
    assert (row.findings, row.current_kid, row.custody, row.key_age_days) == ((), KEY.kid, "kv", 30)
    assert row.rotate_by == pd.Timestamp(TODAY + 60 * DAY)
    assert (row.kids, row.algs, row.scopes) == ((KEY.kid,), ("ES384",), ("user_default",))
    assert store.asked == ["a" * 32]  # not of the client that the tenant lacks
    [row] = qk.clients(tenant, clock=clock).itertuples()  # without a store the age comes from the kid
    assert (row.findings, row.key_age_days, row.current_kid) == ((), 30, pd.NA)


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


def test_findings_together_and_at_the_boundaries(clock):
    def findings(*summaries, **changes):
        [row] = table([client(**changes)], *summaries, clock=clock).itertuples()
        return row.findings

    both = findings(publicKeys=[ODD_KEY], allowedScopes=["admin_classic"])
    assert both == ("admin-scope", "no-key-in-store", "key-age-unknown")
    assert findings(summary(rotate_by=TODAY + timedelta(days=14, seconds=1))) == ()
    assert findings(summary(made_at=TODAY - 200 * DAY)) == ()  # not due by its own date
    for days, is_old in ((90, False), (91, True)):  # without a record by the kid
        key = {**KEY.public.to_dict(), "kid": f"{TODAY - days * DAY:%Y-%m-%d}_{'a' * 43}"}
        assert ("key-old" in findings(publicKeys=[key])) is is_old


def test_dates_are_read_as_in_the_whole_client_whatever_stands_next_to_them(clock):
    for written in (
        *("2026-01-02T03:04:05Z", "2026-01-02T03:04:05.678901Z", "2026-01-02T05:04:05.678+02:00"),
        *("2026-01-02T03:04:05", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"),
        *("2026-02-30T00:00:00Z", "no date", "", None),
    ):
        frame = table([client(createdAt=written), client("b" * 32)], clock=clock)
        whole = OAuthClient.model_validate({"clientId": "a", "createdAt": written}).created_at
        first, second = frame["created"]
        assert first == whole or (first is pd.NaT and whole is None), written
        assert (second, frame["created"].dtype) == (pd.Timestamp("2026-01-02T03:04:05Z"), "datetime64[us, UTC]")


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
    fields = {"time": TODAY, "client_id": "c1", "client": "etl"}
    failed = {"status": 429, "trace_id": "t", "retry_after": 3.0, "error": "TenantThrottled"}
    calls = [
        Called(**fields, method="GET", path="/api/v1/x?a=b", status=200, milliseconds=4.5),
        Called(**fields, method="POST", path="/oauth/token", milliseconds=9.0, **failed),
        Called(**fields, method="GET", path="/x", status=None, milliseconds=1.0),
    ]
    dtypes = {"time": "datetime64[us, UTC]", "status": "Int64", "milliseconds": "float64", "retry_after": "Float64"}
    dtypes = {**dict.fromkeys(CALL_COLUMNS, "string"), **dtypes}
    for rows in ([], calls):
        frame = calls_frame(rows, tenant_url=Tenant.url, clock=clock)
        assert tuple(frame.columns) == CALL_COLUMNS
        assert {name: str(frame[name].dtype) for name in CALL_COLUMNS} == dtypes
        assert frame.attrs == {"tenant": Tenant.url, "time": TODAY.isoformat()}
    assert list(frame["status"].isna()) == [False, False, True]
    assert list(frame["retry_after"].isna()) == [True, False, True]
    assert list(frame["error"].dropna()) == ["TenantThrottled"]
    assert frame["time"].iloc[0] == TODAY


def test_a_record_that_cannot_be_read_is_not_checked_and_stops_no_other_row(clock):
    clients = [client(each, publicKeys=[ODD_KEY] if each == IDS[1] else []) for each in IDS]
    for failure in (StoreDenied("not this one"), StoreProtocolError("odd")):
        store = Store(*[summary(client_id=each, current_kid="") for each in IDS], failures={IDS[1]: failure})
        frame = qk.clients(Tenant(clients), store, clock=clock)
        assert list(frame["client_id"]) == IDS
        assert list(frame["findings"]) == [("not-checked",) if each == IDS[1] else () for each in IDS]
        assert list(frame["custody"].isna()) == [False, True, False, False, False]


def test_a_consent_that_cannot_be_read_is_not_checked_and_stops_no_other_row(clock):
    for failure, consent, findings in (
        (TenantUnavailable("later", status=503, retryable=True), "not known", ("not-checked",)),
        (TenantAuthError("not this one", status=403), "not known", ("not-checked",)),
        # The doctor says so too: without a connection configuration nothing is trusted.
        (TenantNotFound("none", status=404), "", ("consent-not-trusted",)),
    ):
        frame = table([client(each, publicKeys=[]) for each in IDS], consent={IDS[3]: failure}, clock=clock)
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


def test_look_ups_side_by_side_tell_subscribers_one_at_a_time(clock):
    simulator = SandboxTenant("https://acme.eu.qlikcloud.com", clock=clock)
    simulator.seed_clients(100)
    at_work, told, transport = threading.Lock(), [], SandboxTransport(simulator)

    def watch(exchange):
        assert at_work.acquire(blocking=False)  # a failure is a warning in the log, and this one is missing below
        time.sleep(0.0005)  # another thread may come
        told.append(exchange.status)
        at_work.release()

    key = qk.ApiKey(simulator.api_key)
    with qk.QlikTenant(simulator.base_url, credential=key, transport=transport, clock=clock) as tenant:
        tenant.subscribe(watch)
        assert qk.clients(tenant, clock=clock)["consent"].notna().all()
    assert told == [200] * 101
