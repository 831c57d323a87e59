"""`clients --usage` and `audit --usage`: the last use, and "unknown" where the caller may not read events."""

from __future__ import annotations

import json

import pytest
from fixtures.support import made_client

pytestmark = pytest.mark.openbao


@pytest.fixture
def made(box):
    with made_client(box, "usage-of-a-client") as client:
        yield client
    box.configure(events_refused=False)


def test_the_last_use_is_listed_if_asked_for_and_unknown_is_not_never(qlik_keys, box, made):
    def row(*words):
        ended = qlik_keys("clients", "--json", *words)
        return next(each for each in json.loads(ended.out) if each["client_id"] == made.client_id)

    assert "last_login" not in row()
    assert (row("--usage")["logins_30d"], row("--usage")["last_grant"]) == (1, "client_credentials")
    ended = qlik_keys("clients", "--usage")
    assert (ended.code, ended.err, "unknown" in ended.out) == (0, "", False)
    assert qlik_keys("audit", "--usage", "--fail-on", "never").code == 0
    box.configure(events_refused=True)
    assert (row("--usage")["logins_30d"], row("--usage")["last_login"]) == (None, None)
    for command in (["clients"], ["audit", "--fail-on", "never"]):
        ended = qlik_keys(*command, "--usage")
        assert ended.code == 0
        assert "last use is unknown" in ended.err
    shown = next(line for line in qlik_keys("clients", "--usage").out.splitlines() if made.client_id in line)
    assert shown.count("unknown") == 2


def test_a_client_without_a_login_is_told_apart(qlik_keys, box, tenant):
    from fixtures.support import machine_client

    client = tenant.oauth_clients.create(machine_client("never-logged-in")).client
    shown = next(line for line in qlik_keys("clients", "--usage").out.splitlines() if client.client_id in line)
    tenant.oauth_clients.delete(client.client_id)
    assert "none since 20" in shown
