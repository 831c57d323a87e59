"""`qlik-keys doctor` as a program calls it: what is on which stream, and the exit code."""

import json

import pytest

import qlik_keys as qk
from qlik_keys.tenant import PatchOperation


@pytest.fixture
def client(tenant, store, request):
    name = f"seen-by-the-doctor-{request.node.name[:60]}"
    made = qk.provision(tenant, store, name=name, scopes=["user_default", "apps:read"])
    yield made
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)


def test_a_fix_that_fails_does_not_stop_the_others(qlik_keys, tenant, client, box):
    def weaken():
        """Remove the grant, the trust and the method, and let the first change be refused."""
        for path, value in (("/allowedGrantTypes", []), ("/allowedAuthMethods", ["client_secret"])):
            tenant.oauth_clients.patch(client.client_id, [PatchOperation("replace", path, value)])
        tenant.oauth_clients.set_consent(client.client_id, "required")
        box.configure(fail_next=[{"fault": 409, "method": "PATCH", "path": "/api/v1/oauth-clients/*"}])

    weaken()
    ran = qlik_keys("doctor", "--client", client.name, "--fix", "--json")
    assert ran.code == 1  # a fix that failed outranks what is still found
    assert json.loads(ran.out)["findings"] == ["grant-missing"]
    told = [json.loads(line) for line in ran.err.splitlines()]
    assert [line["fix"] for line in told] == ["machine-to-machine", "trust", "method"]
    assert (told[0]["error"], told[0]["status"]) == ("TenantConflict", 409)
    assert all(line["done"] for line in told[1:])
    weaken()
    ran = qlik_keys("doctor", "--client", client.name, "--fix", "-q")
    assert (ran.code, ran.out) == (1, "grant-missing\n")
    assert ran.err.startswith("machine-to-machine: not done.\nError: ")
    assert "trust: The consent method is trusted now.\n" in ran.err
    ran = qlik_keys("doctor", "--client", client.name, "--fix", "-q")
    assert (ran.code, ran.out) == (0, "")


def test_without_a_credential_the_tenant_is_not_asked_and_the_login_alone_is_checked(qlik_keys, client, terminal, box):
    before = len(box.requests())
    ran = qlik_keys("doctor", "--client", client.client_id, "--json", QLIK_API_KEY=None)
    document = json.loads(ran.out)
    assert (ran.code, document["is_healthy"], document["login"]) == (0, True, "passed")
    [exists] = [check for check in document["checks"] if check["name"] == "client-exists"]
    assert "No administrator's credential is set" in exists["why"]
    assert "QLIK_API_KEY" in exists["why"]
    assert not [line for line in box.requests()[before:] if "/oauth-clients" in line["path"]]
    # A name cannot be looked up then, so no client can log in.
    ran = qlik_keys("doctor", "--client", f"{client.name}-misspelt", "--json", QLIK_API_KEY=None)
    document = json.loads(ran.out)
    assert (ran.code, document["findings"], document["is_healthy"], document["login"]) == (1, [], False, "not_checked")
    screen = terminal("doctor", "--client", f"{client.name}-misspelt", QLIK_API_KEY=None)
    assert "no finding; the login was not tried: " in " ".join(screen.out.split())
