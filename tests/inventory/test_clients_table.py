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
from qlik_keys.errors import (
    StoreDenied,
    StoreProtocolError,
    StoreUnreachable,
    TenantAuthError,
    TenantNotFound,
    TenantUnavailable,
)
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
TODAY = datetime.fromtimestamp(NOW, tz=UTC)
KEY = generate(KeySpec("ES384"), made_on=TODAY.date() - timedelta(days=30))
DTYPES = {
    "client_id": "string",
    "name": "string",
    "key_made": "datetime64[us, UTC]",
    "rotate_by": "datetime64[us, UTC]",
    "created": "datetime64[us, UTC]",
    "updated": "datetime64[us, UTC]",
    "key_age_days": "Int64",
    "secrets": "Int64",
    "disabled": "bool",
    "scopes": "object",
}


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
        "made_at": TODAY - timedelta(days=30), "rotate_by": TODAY + timedelta(days=60),
    }  # fmt: skip
    return KeySummary(**{**fields, **changes})


class Tenant:
    """A tenant with these clients, at the seam that the inventory uses."""

    url, host = "https://acme.eu.qlikcloud.com", "acme.eu.qlikcloud.com"

    def __init__(self, clients, consent="trusted"):
        self._asked = []

        def connection_config(client_id):
            self._asked.append(client_id)  # from several threads
            found = consent.get(client_id, "trusted") if isinstance(consent, dict) else consent
            if isinstance(found, Exception):
                raise found
            return ConnectionConfig(consent_method=found)

        self.http = SimpleNamespace(host=self.host, folders={})
        self.oauth_clients = SimpleNamespace(overviews=lambda: [clients], connection_config=connection_config)

    def host_names(self):
        return (self.host,)

    @property
    def consents_asked(self):
        return len(self._asked)


class Store:
    def __init__(self, *summaries):
        self.summaries = {one.client_id: one for one in summaries}
        self.asked = []

    def client_ids(self, _):
        return sorted(self.summaries)

    def summary(self, _, client_id):
        self.asked.append(client_id)
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
    [row] = table([client()], summary(), clock=clock).itertuples()
    assert row.findings == ()
    assert (row.current_kid, row.custody, row.key_age_days) == (KEY.kid, "kv", 30)
    assert row.rotate_by == pd.Timestamp(TODAY + timedelta(days=60))
    assert (row.kids, row.algs, row.scopes) == ((KEY.kid,), ("ES384",), ("user_default",))


def test_without_a_store_the_age_comes_from_the_kid(clock):
    frame = qk.clients(Tenant([client()]), clock=clock)
    [row] = frame.itertuples()
    assert row.key_age_days == 30
    assert row.findings == ()
    assert frame["current_kid"].isna().all()


def aged(client_id, days):
    """Return a client whose key was made that many days ago, by its kid."""
    made_on = f"{TODAY - timedelta(days=days):%Y-%m-%d}"
    return client(client_id * 32, publicKeys=[{**KEY.public.to_dict(), "kid": f"{made_on}_{client_id * 43}"}])


def test_every_key_that_the_chart_draws_as_old_has_a_finding_that_says_so(clock):
    def ours(client_id, **dates):
        return client(client_id * 32), summary(client_id=client_id * 32, **dates)

    overdue, overdue_summary = ours("a", made_at=TODAY - timedelta(days=40), rotate_by=TODAY - timedelta(days=10))
    unhealthy_client, patient_summary = ours(
        "b", made_at=TODAY - timedelta(days=200), rotate_by=TODAY + timedelta(days=165)
    )
    undated, undated_summary = ours("c", made_at=TODAY - timedelta(days=100), rotate_by=None)
    frame = table(
        [overdue, unhealthy_client, undated, aged("d", 500), aged("e", 90), aged("f", 91)],
        *(overdue_summary, patient_summary, undated_summary),
        clock=clock,
    )
    explained = {
        client_id[0] for client_id, found in zip(frame["client_id"], frame["findings"], strict=True)
        if {"rotation-overdue", "key-old"} & {*found}
    }  # fmt: skip
    assert explained == {"a", "c", "d", "f"}
    drawn = {name: counts for name, counts in ages_of(frame).items() if counts[0]}
    assert drawn == {"31-60": (1, 1), "61-90": (1, 0), "91-180": (2, 2), "181-365": (1, 0), "over 365": (1, 1)}


OTHERS = [generate(KeySpec("ES384")).public.to_dict() for _ in range(2)]
ODD_KEY = {**KEY.public.to_dict(), "kid": "by-hand"}
FOUND = {
    "locked-out": ([client(publicKeys=[])], [summary()], "trusted"),
    "rotation-overdue": ([client()], [summary(rotate_by=TODAY - timedelta(seconds=1))], "trusted"),
    "rotation-due": ([client()], [summary(rotate_by=TODAY + timedelta(days=14))], "trusted"),
    "shared-key": ([client(), client("b" * 32)], [summary(), summary(client_id="b" * 32)], "trusted"),
    "many-keys": ([client(publicKeys=[KEY.public.to_dict(), *OTHERS])], [summary()], "trusted"),
    "key-old": ([client()], [summary(made_at=TODAY - timedelta(days=91), rotate_by=None)], "trusted"),
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


def test_two_findings_at_once(clock):
    [row] = table([client(publicKeys=[ODD_KEY], allowedScopes=["admin_classic"])], clock=clock).itertuples()
    assert row.findings == ("admin-scope", "no-key-in-store", "key-age-unknown")


def test_a_key_due_in_fifteen_days_is_not_due(clock):
    [row] = table([client()], summary(rotate_by=TODAY + timedelta(days=14, seconds=1)), clock=clock).itertuples()
    assert row.findings == ()


@pytest.mark.parametrize(
    "written",
    [
        "2026-01-02T03:04:05Z",
        "2026-01-02T03:04:05.678901Z",
        "2026-01-02T05:04:05.678+02:00",
        "2026-01-02T03:04:05",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-12:00",
        "0001-01-01T00:00:00+12:00",
        "2026-02-30T00:00:00Z",
        "no date",
        "",
        None,
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


def test_a_big_tenant_is_not_asked_a_call_a_client(clock):
    many = [client(f"{number:032x}") for number in range(CONSENT_LOOKUPS + 1)]
    tenant = Tenant(many)
    assert qk.clients(tenant, clock=clock)["consent"].isna().all()
    assert tenant.consents_asked == 0
    assert (qk.clients(tenant, consent=True, clock=clock)["consent"] == "trusted").all()
    assert tenant.consents_asked == CONSENT_LOOKUPS + 1


def test_what_a_minute_allows_is_looked_up_unasked_and_only_machines_count(clock):
    people = [client(f"{number:032x}", allowedGrantTypes=[]) for number in range(5000, 5500)]
    tenant = Tenant([client(f"{number:032x}") for number in range(CONSENT_LOOKUPS)] + people)
    qk.clients(tenant, clock=clock)
    assert tenant.consents_asked == CONSENT_LOOKUPS == 1000


def test_only_machines_have_a_consent_to_look_up(clock):
    tenant = Tenant([client(allowedGrantTypes=[])])
    assert qk.clients(tenant, clock=clock)["consent"].isna().all()
    assert tenant.consents_asked == 0


def test_summaries_of_clients_that_the_tenant_lacks_are_not_read(clock):
    store = Store(summary(), summary(client_id="b" * 32))
    qk.clients(Tenant([client()]), store, clock=clock)
    assert store.asked == ["a" * 32]


@pytest.mark.openbao
def test_on_the_sandbox(box):
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        made = qk.provision(tenant, store, name="in-the-table", scopes=["user_default"])
        # Other tests may have made more clients on this sandbox than are looked up unasked.
        frame = qk.clients(tenant, store, consent=True).set_index("client_id")
    row = frame.loc[made.client_id]
    assert (row["current_kid"], row["custody"], row["consent"], row["findings"]) == (made.kid, "kv", "trusted", ())
    assert row["key_age_days"] == 0
    assert row["created"] <= pd.Timestamp.now(tz="UTC")


def test_a_history_of_calls_has_real_dtypes(clock):
    calls = [
        Called(
            time=TODAY, client_id="c1", client="etl", method="GET", path="/api/v1/x?a=b", status=200, milliseconds=4.5
        ),
        Called(
            time=TODAY,
            client_id="c1",
            client="etl",
            method="POST",
            path="/oauth/token",
            status=429,
            milliseconds=9.0,
            trace_id="t",
            retry_after=3.0,
            error="TenantThrottled",
        ),
        Called(time=TODAY, client_id="c1", client="etl", method="GET", path="/x", status=None, milliseconds=1.0),
    ]
    for rows in (calls, []):
        frame = calls_frame(rows, tenant_url="https://acme.eu.qlikcloud.com", clock=clock)
        assert tuple(frame.columns) == CALL_COLUMNS
        assert {name: str(frame[name].dtype) for name in CALL_COLUMNS} == {
            **dict.fromkeys(CALL_COLUMNS, "string"),
            "time": "datetime64[us, UTC]",
            "status": "Int64",
            "milliseconds": "float64",
            "retry_after": "Float64",
        }
        assert frame.attrs["tenant"] == "https://acme.eu.qlikcloud.com"
        assert frame.attrs["time"]
    frame = calls_frame(calls, tenant_url="https://acme.eu.qlikcloud.com")
    assert list(frame["status"].isna()) == [False, False, True]
    assert list(frame["retry_after"].isna()) == [True, False, True]
    assert list(frame["error"].dropna()) == ["TenantThrottled"]
    assert frame["time"].iloc[0] == TODAY


IDS = [f"{number:032x}" for number in range(5)]


class PartlyReadable(Store):
    """A store that fails to tell about some of its clients."""

    def __init__(self, *summaries, failures):
        super().__init__(*summaries)
        self._failures = failures

    def summary(self, host, client_id):
        if client_id in self._failures:
            raise self._failures[client_id]
        return super().summary(host, client_id)


def by_id(frame, column):
    return dict(zip(frame["client_id"], frame[column], strict=True))


def test_a_record_that_cannot_be_read_is_not_checked_and_stops_no_other_row(clock):
    clients = [client(each, publicKeys=[]) for each in IDS]
    clients[1] = client(IDS[1], publicKeys=[ODD_KEY])
    tells = [summary(client_id=each, current_kid="") for each in IDS]
    for failure in (StoreDenied("not this one"), StoreUnreachable("cut", retryable=True), StoreProtocolError("odd")):
        frame = qk.clients(Tenant(clients), PartlyReadable(*tells, failures={IDS[1]: failure}), clock=clock)
        assert by_id(frame, "findings") == {each: ("not-checked",) if each == IDS[1] else () for each in IDS}
        assert [custody is pd.NA for custody in frame["custody"]] == [False, True, False, False, False]


@pytest.mark.parametrize(
    ("failure", "consent", "findings"),
    [
        (TenantUnavailable("later", status=503, retryable=True), None, ("not-checked",)),
        (TenantAuthError("not this one", status=403), None, ("not-checked",)),
        # The doctor says so too: without a connection configuration nothing is trusted.
        (TenantNotFound("none", status=404), "", ("consent-not-trusted",)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_consent_that_cannot_be_had_is_not_checked_and_stops_no_other_row(failure, consent, findings, clock):
    clients = [client(each, publicKeys=[]) for each in IDS]
    tenant = Tenant(clients, consent={IDS[3]: failure})
    frame = qk.clients(tenant, clock=clock)
    assert by_id(frame, "findings") == {each: findings if each == IDS[3] else () for each in IDS}
    told = by_id(frame, "consent")
    assert told.pop(IDS[3]) is pd.NA if consent is None else told.pop(IDS[3]) == consent
    assert set(told.values()) == {"trusted"}


def test_a_tenant_or_a_store_that_tells_nothing_is_an_error(clock):
    clients = [client(each) for each in IDS]
    failures = {each: StoreDenied("no") for each in IDS}
    with pytest.raises(StoreDenied):
        qk.clients(
            Tenant(clients), PartlyReadable(*[summary(client_id=each) for each in IDS], failures=failures), clock=clock
        )
    with pytest.raises(TenantUnavailable):
        qk.clients(Tenant(clients, TenantUnavailable("later", retryable=True)), clock=clock)


def test_progress_says_what_is_looked_up(clock):
    told = []
    store = Store(*[summary(client_id=each) for each in IDS])
    qk.clients(
        Tenant([client(each) for each in IDS]), store, clock=clock, on_progress=lambda *words: told.append(words)
    )
    assert told[-1] == ("consent", 5, 5)
    assert ("keys", 5, 5) in told


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
