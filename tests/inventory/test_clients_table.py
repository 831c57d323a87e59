"""The clients' table: its columns, their dtypes, what it finds, and what it costs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest

import qlik_keys as qk
from qlik_keys.findings import FINDINGS
from qlik_keys.inventory import CALL_COLUMNS, COLUMNS, calls_frame
from qlik_keys.keys import KeySpec, generate
from qlik_keys.keystore.base import KeySummary
from qlik_keys.tenant import ConnectionConfig, OAuthClient
from qlik_keys.tenant.models import OverviewPage
from qlik_keys.trial import Called

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
        self.consents_asked = 0

        def connection_config(_):
            self.consents_asked += 1
            return ConnectionConfig(consent_method=consent)

        self.oauth_clients = SimpleNamespace(overviews=lambda: [clients], connection_config=connection_config)


class Store:
    def __init__(self, *summaries):
        self.summaries = {one.client_id: one for one in summaries}
        self.asked = []

    def client_ids(self, _):
        return sorted(self.summaries)

    def summary(self, _, client_id):
        self.asked.append(client_id)
        return self.summaries[client_id]


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


OTHERS = [generate(KeySpec("ES384")).public.to_dict() for _ in range(2)]
ODD_KEY = {**KEY.public.to_dict(), "kid": "by-hand"}
FOUND = {
    "locked-out": ([client(publicKeys=[])], [summary()], "trusted"),
    "rotation-overdue": ([client()], [summary(rotate_by=TODAY - timedelta(seconds=1))], "trusted"),
    "rotation-due": ([client()], [summary(rotate_by=TODAY + timedelta(days=14))], "trusted"),
    "shared-key": ([client(), client("b" * 32)], [summary(), summary(client_id="b" * 32)], "trusted"),
    "many-keys": ([client(publicKeys=[KEY.public.to_dict(), *OTHERS])], [summary()], "trusted"),
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
def test_dates_are_read_as_in_the_whole_client_whatever_stands_beside_them(written, clock):
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
    many = [client(f"{number:032x}") for number in range(101)]
    tenant = Tenant(many)
    assert qk.clients(tenant, clock=clock)["consent"].isna().all()
    assert tenant.consents_asked == 0
    qk.clients(tenant, consent=True, clock=clock)
    assert tenant.consents_asked == 101


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
