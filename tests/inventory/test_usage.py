"""When clients last logged in, by the tenant's events: in both namespaces, over many pages, within a window."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest
from fixtures.support import ManualClock, machine_client

import qlik_keys as qk
from qlik_keys.inventory.tables import COLUMNS
from qlik_keys.inventory.usage import USAGE_COLUMNS, usage_of
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

URL = "https://usage.eu.qlikcloud.com"
DAY = 86400


class Tenant:
    """A sandbox in this process, whose time is moved by hand."""

    def __init__(self):
        self.clock = ManualClock()
        self.sandbox = SandboxTenant(URL, clock=self.clock)
        self.tenant = qk.QlikTenant(
            URL, credential=qk.ApiKey(self.sandbox.api_key), transport=SandboxTransport(self.sandbox), clock=self.clock
        )

    def client(self, name, **changes):
        return self.tenant.oauth_clients.create(machine_client(name, **changes))

    def log_in(self, made, times=1):
        for _ in range(times):
            self.tenant.with_credential(qk.ClientSecret(made.client.client_id, made.client_secret)).users.me()

    def table(self, **options):
        self.sandbox.forget_requests()
        frame = qk.clients(self.tenant, consent=False, usage=True, clock=self.clock, **options)
        return frame, {row.name: row for row in frame.set_index("name", drop=False).itertuples(index=False)}

    def events_asked(self):
        return [each.query for each in self.sandbox.requests() if each.path == "/api/v1/audits"]


@pytest.fixture
def there():
    return Tenant()


@pytest.mark.parametrize("namespace", ["old", "core", "both"])
def test_the_last_login_and_the_number_of_logins(there, namespace):
    there.sandbox.configure(event_namespace=namespace)
    busy, quiet, unused, key = (there.client(name) for name in ("busy", "quiet", "unused", "other"))
    there.log_in(unused)
    there.clock.advance(60 * DAY)
    there.log_in(quiet)
    there.clock.advance(40 * DAY)
    there.log_in(busy, times=230)  # three pages
    now = datetime.fromtimestamp(there.clock.time(), UTC)
    fresh = there.client("fresh")
    frame, rows = there.table()
    assert tuple(frame.columns) == (*COLUMNS[:-1], *USAGE_COLUMNS, "findings")
    assert frame.attrs["usage"] == {"since": (now - timedelta(days=90)).isoformat(), "reason": ""}
    assert rows["busy"].last_login == pd.Timestamp(now)
    assert (rows["busy"].logins_30d, rows["busy"].last_grant) == (230, "client_credentials")
    assert rows["quiet"].last_login == pd.Timestamp(now - timedelta(days=40))
    assert [rows[name].logins_30d for name in ("quiet", "unused", "other", "fresh")] == [0] * 4
    assert [pd.isna(rows[name].last_login) for name in ("unused", "other", "fresh")] == [True] * 3
    found = {name: {*row.findings} & {"unused-90-days", "secret-still-used"} for name, row in rows.items()}
    assert found == {
        "busy": {"secret-still-used"},
        "quiet": set(),
        "unused": {"unused-90-days"},
        "other": {"unused-90-days"},
        "fresh": set(),  # it is younger than the window
    }
    assert len(there.events_asked()) == {"old": 4, "core": 4, "both": 6}[namespace]
    assert {fresh.client.client_id, key.client.client_id} <= set(frame["client_id"])


def test_a_listing_without_it_asks_for_no_event_and_has_no_column(there):
    there.log_in(there.client("etl"))
    there.sandbox.forget_requests()
    assert tuple(qk.clients(there.tenant, clock=there.clock).columns) == COLUMNS
    assert there.events_asked() == []


def test_a_caller_who_may_not_read_events_is_told_unknown_and_not_never(there):
    made = there.client("etl")
    there.clock.advance(100 * DAY)
    there.log_in(made)
    there.sandbox.configure(events_refused=True)
    frame, rows = there.table()
    assert frame.attrs["usage"]["since"] is None
    assert frame.attrs["usage"]["reason"]
    assert (pd.isna(rows["etl"].logins_30d), pd.isna(rows["etl"].last_login)) == (True, True)
    assert not {"unused-90-days", "secret-still-used"} & {*rows["etl"].findings}


def test_more_events_than_the_budget_shorten_the_window(there):
    made = there.client("etl")
    for _ in range(3):
        there.log_in(made, times=100)
        there.clock.advance(10 * DAY)
    now = datetime.fromtimestamp(there.clock.time(), UTC)
    usage = usage_of(there.tenant, now, most_pages=2)
    assert usage.since == now - timedelta(days=20)
    assert "2 requests" in usage.reason
    assert usage.last[made.client.client_id][0] == now - timedelta(days=10)


def test_a_key_that_logs_in_is_no_secret_that_is_used(there):
    key = qk.generate(qk.KeySpec("ES384"))
    made = there.client("both", public_keys=(key.public,), allowed_auth_methods=("client_secret", "private_key_jwt"))
    there.log_in(made)  # the events do not tell which of the two was used
    _, rows = there.table()
    assert rows["both"].logins_30d == 1
    assert "secret-still-used" not in rows["both"].findings
