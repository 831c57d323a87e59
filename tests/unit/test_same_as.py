"""What a request is the same as: the code is run, on the sandbox, and the words are qlik-cli's."""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

import httpx
import pytest

import qlik_keys as qk
from qlik_keys.panel.same_as import same_as
from qlik_keys.panel.showing import tenant_request, vault_request
from qlik_keys.panel.state import ShownRequest

ID = "0123456789abcdef0123456789abcdef"


def request(method, address, *, body="", system="tenant"):
    return ShownRequest(
        system=system, method=method, path=address, address=address, body=body, status=200, milliseconds=1.0
    )


@pytest.mark.parametrize(
    ("method", "address", "body", "words"),
    [
        ("GET", "/api/v1/users/me", "", "qlik user me"),
        ("GET", "/api/v1/oauth-clients?limit=100", "", "qlik oauth-client ls --limit=100"),
        (
            "GET",
            "/api/v1/oauth-clients?filter=clientName+eq+%22a%27b%22",
            "",
            "qlik oauth-client ls '--filter=clientName eq \"a'\"'\"'b\"'",
        ),
        ("GET", f"/api/v1/oauth-clients/{ID}", "", f"qlik oauth-client get {ID}"),
        ("DELETE", f"/api/v1/oauth-clients/{ID}", "", f"qlik oauth-client rm {ID} --headers=QLIK-CONFIRM-DELETE={ID}"),
        ("POST", f"/api/v1/oauth-clients/{ID}/actions/publish", "", f"qlik oauth-client publish {ID}"),
        ("POST", f"/api/v1/oauth-clients/{ID}/client-secrets", "", f"qlik oauth-client client-secret create {ID}"),
        ("DELETE", f"/api/v1/oauth-clients/{ID}/client-secrets/ab", "", f"qlik oauth-client client-secret rm {ID} ab"),
        ("POST", "/api/v1/oauth-clients", "{}", "qlik raw post v1/oauth-clients --body-file body.json"),
        ("PATCH", f"/api/v1/oauth-clients/{ID}", "[]", f"qlik raw patch v1/oauth-clients/{ID} --body-file body.json"),
        ("GET", "/api/v1/items?sort=-x&limit=1", "", "qlik raw get v1/items --query sort=-x --query limit=1"),
    ],
)
def test_qlik_clis_words(method, address, body, words):
    assert dict(same_as(request(method, address, body=body), by_client=False))["qlik-cli"] == words


@pytest.mark.openbao
def test_the_code_sends_the_same_requests(box, monkeypatch, tmp_path):
    """Every request of making and deleting a client, sent again as curl's words and as Python say."""
    seen = []
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        tenant.subscribe(lambda exchange: seen.append(tenant_request(exchange)))
        store.subscribe(lambda call: seen.append(vault_request(call)))
        made = qk.provision(tenant, store, name="the same", scopes=["user_default"])
        list(tenant.oauth_clients.iterate('clientName eq "the same"'))
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "QLIK_TENANT_URL": box.tenant_url,
        "QLIK_API_KEY": box.api_key,
        "VAULT_ADDR": box.vault_url,
    }.items():
        monkeypatch.setenv(name, value)
    sent = []
    monkeypatch.setattr(httpx, "request", lambda method, url, **options: sent.append((method, url, options)))
    for each in seen:
        ways = dict(same_as(each, by_client=False))
        if each.address == "/oauth/token":
            assert "cannot" in ways["qlik-cli"]
            continue
        words = shlex.split(os.path.expandvars(ways["curl"].replace("\\\n", " ")))
        base = box.tenant_url if each.system == "tenant" else box.vault_url
        assert words[:4] == ["curl", "-X", each.method, base + each.address]
        if each.system == "vault":
            assert shlex.split(ways["vault or bao"])[0] == "vault"
            continue
        assert f"Authorization: Bearer {box.api_key}" in words
        (tmp_path / "body.json").write_text(each.body or "{}")
        exec(ways["Python"], {"httpx": httpx, "os": os, "json": json, "Path": Path})  # what is shown is what it says
        method, url, options = sent.pop()
        assert (method, url) == (each.method, base + each.address)
        assert options["headers"]["Authorization"] == f"Bearer {box.api_key}"
        assert options.get("json") == (json.loads(each.body) if each.body else None)
        confirmed = f"qlik-confirm-delete: {made.client_id}" in words
        assert confirmed == (each.method == "DELETE") == ("qlik-confirm-delete" in options["headers"])
    assert {each.system for each in seen} == {"tenant", "vault"}
    assert "DELETE" in {each.method for each in seen if each.system == "tenant"}
