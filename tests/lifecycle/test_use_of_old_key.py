"""When a client last logged in, apart from its new key's verification: by the dates of its record, in manual time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from fixtures.support import ManualClock, machine_client

import qlik_keys as qk
from qlik_keys.keystore.base import ClientRecord, StoredKey
from qlik_keys.lifecycle.last_use import use_of_old_key
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport

URL = "https://usage.eu.qlikcloud.com"
HOUR, DAY = 3600, 86400


def at(clock):
    return datetime.fromtimestamp(clock.time(), UTC)


def rotated_record(tenant, client_id, clock):
    """The record of a client that was rotated just now, with an overlap of a day."""
    old, new = (qk.generate(qk.KeySpec("ES384")) for _ in range(2))
    now = at(clock)
    dates = {"made_at": now - timedelta(days=90), "retire_at": now + timedelta(days=1)}
    keys = (
        StoredKey(public=old.public, state="previous", private=old, **dates),
        StoredKey(public=new.public, state="current", private=new, made_at=now, promoted_at=now),
    )
    return ClientRecord(
        tenant_host=tenant.host,
        client_id=client_id,
        client_name="etl",
        token_url=tenant.token_url,
        custody="kv",
        keys={key.kid: key for key in keys},
    )


@pytest.mark.parametrize("namespace", ["old", "core"])
def test_a_login_before_and_one_after_count_and_the_verification_does_not(namespace):
    clock = ManualClock()
    sandbox = SandboxTenant(URL, clock=clock)
    sandbox.configure(event_namespace=namespace)
    tenant = qk.QlikTenant(URL, credential=qk.ApiKey(sandbox.api_key), transport=SandboxTransport(sandbox), clock=clock)
    made = tenant.oauth_clients.create(machine_client("etl"))

    def log_in():
        tenant.with_credential(qk.ClientSecret(made.client.client_id, made.client_secret)).users.me()
        return at(clock)

    clock.advance(40 * DAY)
    record = rotated_record(tenant, made.client.client_id, clock)
    log_in()  # as the verification does
    clock.advance(HOUR)
    assert use_of_old_key(tenant, record, clock).at is None
    after = log_in()
    assert use_of_old_key(tenant, record, clock).at == after

    clock.advance(10 * DAY)
    assert use_of_old_key(tenant, record, clock) is None  # the overlap is over: nothing is cut short
    record = rotated_record(tenant, made.client.client_id, clock)
    log_in()
    assert use_of_old_key(tenant, record, clock).at == after
    sandbox.configure(events_refused=True)
    assert use_of_old_key(tenant, record, clock).unknown
