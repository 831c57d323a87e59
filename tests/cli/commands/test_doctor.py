"""`qlik-keys doctor` as a program calls it: what is on which stream, and the exit code."""

from __future__ import annotations

import json

import pytest

import qlik_keys as qk
from qlik_keys.tenant import PatchOperation

pytestmark = pytest.mark.openbao


@pytest.fixture
def client(tenant, store, request):
    name = f"seen-by-the-doctor-{request.node.name[:60]}"
    made = qk.provision(tenant, store, name=name, scopes=["user_default", "apps:read"])
    yield made
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)


@pytest.fixture
def weak(tenant, client, box):
    """It lacks the grant, the trust and the method; and the first change to it will be refused."""
    for path, value in (("/allowedGrantTypes", []), ("/allowedAuthMethods", ["client_secret"])):
        tenant.oauth_clients.patch(client.client_id, [PatchOperation("replace", path, value)])
    tenant.oauth_clients.set_consent(client.client_id, "required")
    box.configure(fail_next=[{"fault": 409, "method": "PATCH", "path": "/api/v1/oauth-clients/*"}])
    yield client
    box.configure(fail_next=[])


def test_a_fix_that_fails_does_not_stop_the_others(qlik_keys, weak):
    ran = qlik_keys("doctor", "--client", weak.name, "--fix", "--json")
    assert ran.code == 1  # a fix that failed outranks what is still found
    assert json.loads(ran.out)["findings"] == ["grant-missing"]
    told = [json.loads(line) for line in ran.err.splitlines()]
    assert [line["fix"] for line in told] == ["machine-to-machine", "trust", "method"]
    assert (told[0]["error"], told[0]["status"]) == ("TenantConflict", 409)
    assert all(line["done"] for line in told[1:])


def test_what_was_and_was_not_done_is_told_next_to_the_diagnosis(qlik_keys, weak):
    ran = qlik_keys("doctor", "--client", weak.name, "--fix", "-q")
    assert (ran.code, ran.out) == (1, "grant-missing\n")
    assert ran.err.startswith("machine-to-machine: not done.\nError: ")
    assert "trust: The consent method is trusted now.\n" in ran.err
    ran = qlik_keys("doctor", "--client", weak.name, "--fix", "-q")
    assert (ran.code, ran.out) == (0, "")


@pytest.mark.parametrize("scopes", [["user_default apps:read"], [" user_default"], ["user_default", "apps:read"]])
def test_scopes_as_a_token_takes_them(qlik_keys, client, scopes):
    options = [word for scope in scopes for word in ("--scope", scope)]
    ran = qlik_keys("doctor", "--client", client.client_id, "-q", *options)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_completion_sends_no_request_to_the_tenant(qlik_keys, client, box):
    before = len(box.requests())
    ran = qlik_keys("doctor", "--client", client.client_id, "--json", QLIK_API_KEY=None)
    assert ran.code == 0
    document = json.loads(ran.out)
    assert (document["is_healthy"], document["login"]) == (True, "passed")
    [exists] = [check for check in document["checks"] if check["name"] == "client-exists"]
    assert "No administrator's credential is set" in exists["why"]
    assert "QLIK_API_KEY" in exists["why"]
    assert not [line for line in box.requests()[before:] if "/oauth-clients" in line["path"]]


def test_nothing_found_without_a_login_is_not_well(qlik_keys, client, terminal):
    # Nobody can look the name up, so there is nobody to log in as.
    ran = qlik_keys("doctor", "--client", f"{client.name}-misspelt", "--json", QLIK_API_KEY=None)
    assert ran.code == 1
    document = json.loads(ran.out)
    assert (document["findings"], document["is_healthy"], document["login"]) == ([], False, "not_checked")
    screen = terminal("doctor", "--client", f"{client.name}-misspelt", QLIK_API_KEY=None)
    assert "no finding; the login was not tried: " in " ".join(screen.out.split())
