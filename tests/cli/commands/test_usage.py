"""`clients --usage` and `audit --usage`: the last use, and "unknown" where the caller may not read events."""

import json

import pytest
from fixtures.support import machine_client, made_client

import qlik_keys as qk
from qlik_keys.cli.output.table import as_text

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
    assert qlik_keys("clients", "--usage").err == ""
    assert qlik_keys("audit", "--usage", "--fail-on", "never").code == 0
    box.configure(events_refused=True)
    assert (row("--usage")["logins_30d"], row("--usage")["last_login"]) == (None, None)
    for command in (["clients"], ["audit", "--fail-on", "never"]):
        ended = qlik_keys(*command, "--usage")
        assert ended.code == 0
        assert "last use is unknown" in ended.err


@pytest.mark.parametrize(("refused", "told"), [(False, ["none since 20", "0"]), (True, ["unknown", "unknown"])])
def test_a_terminal_tells_none_and_unknown_apart(box, tenant, refused, told):
    client = tenant.oauth_clients.create(machine_client("never-logged-in")).client
    box.configure(events_refused=refused)
    heads, _, *rows = as_text(qk.clients(tenant, usage=True)).splitlines()
    box.configure(events_refused=False)
    tenant.oauth_clients.delete(client.client_id)
    shown = next(row for row in rows if client.client_id in row)
    cells = [shown[heads.index(name) :].split("  ")[0] for name in ("last_login", "logins_30d")]
    assert all(cell.startswith(begin) for cell, begin in zip(cells, told, strict=True)), cells
