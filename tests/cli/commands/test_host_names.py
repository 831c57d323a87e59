"""Every command by two host names of one tenant, each a process of its own as far as the names are known."""

import json
from itertools import cycle

import pytest
from fixtures.host_names import TWO_ALTERNATIVES, aliased, alternative, folders
from fixtures.support import machine_client

__all__ = ["aliased", "alternative"]

pytestmark = pytest.mark.openbao


@pytest.fixture(scope="module")
def box(aliased):
    """The sandbox of the shared fixtures, for this file one with two names."""
    return aliased.box


@TWO_ALTERNATIVES
def test_each_command_finds_the_records_of_the_other_name(aliased, alternative, qlik_keys, tenant):
    turns = cycle([aliased.alias, aliased.display])
    bot = aliased.display.api_key

    def by_next(*words, code=0):
        ended = qlik_keys(*words, "--json", QLIK_TENANT_URL=next(turns).tenant_url, QLIK_API_KEY=bot)
        assert ended.code == code, ended.err
        return json.loads(ended.out) if ended.out.strip() else None

    [made] = by_next("provision", "by-command", "--scope", "user_default")
    client_id = made["client_id"]
    [again] = by_next("provision", "by-command", "--scope", "user_default")
    assert (again["client_id"], again["created"]) == (client_id, False)
    assert folders(aliased, client_id) == [aliased.display.host]
    for _ in range(2):
        by_next("rotate", "by-command", "--overlap-hours", "1")
        by_next("retire", client_id, "--force")
        by_next("revoke", client_id)
        by_next("resume")
        [row] = [row for row in by_next("clients") if row["client_id"] == client_id]
        assert (row["findings"], bool(row["current_kid"])) == ([], True)
        found = by_next("audit", "--fail-on", "medium")
        assert {row["finding"] for row in found} <= {"orphaned-bot"}  # of clients that other cases have deleted
        by_next("doctor", "--client", client_id)
        if alternative[1] == "display":  # the metadata lead a consumer, who has no credential, to the other name
            url = next(turns).tenant_url
            ended = qlik_keys("token", "--client", "by-command", "--stdout", QLIK_TENANT_URL=url, QLIK_API_KEY=None)
            assert (ended.code, ended.out.count(".")) == (0, 2), ended.err
        else:
            next(turns)
        by_next("oauth-client", "ls")
        by_next("user", "me")
        by_next("tenant", "me")
        by_next("raw", "get", "v1/oauth-clients", "--query", "limit=1")
        next(turns)
    by_next("delete", client_id, "--confirm", client_id)
    assert folders(aliased, client_id) == []
    other = tenant.oauth_clients.create(machine_client("by-hand")).client.client_id
    by_next("adopt", other, "--remove-secrets")
    by_next("delete", other, "--confirm", other)
