"""Both doors of the sandbox tenant: what they let through, what they log, and that nothing makes them fail."""

from __future__ import annotations

import json
import logging
import socket

import httpx
import pytest
from fixtures.canaries import find_canaries
from fixtures.sandbox_client import CLIENTS
from fixtures.support import ManualClock
from hypothesis import given, settings
from hypothesis import strategies as st

from qlik_keys.sandbox.simulator.messages import Request, strict_json
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

BASE = "https://acme.eu.qlikcloud.com"


TOKEN = {"authorization": "Bearer the-control-token"}


def test_the_synchronous_door_answers_for_its_own_origin_alone(sandbox):
    for origin in ("https://other.eu.qlikcloud.com", "http://acme.eu.qlikcloud.com", f"{BASE}:444"):
        with pytest.raises(httpx.ConnectError):
            sandbox.http.get(f"{origin}/api/v1/users/me")
    assert sandbox.tenant.requests() == []


@pytest.mark.parametrize("door", ["sandbox", "http_door"])
def test_every_answer_says_that_it_is_a_sandbox_and_neither_log_holds_a_secret(request, door, client_keys, caplog):
    sandbox = request.getfixturevalue(door)
    answers = [sandbox.call("GET"), sandbox.http.get("/nowhere"), sandbox.create(description="d" * 300_000)]
    assert [answer.status_code for answer in answers] == [200, 404, 413]
    assert {answer.headers["x-qlik-keys-sandbox"] for answer in answers} == {"true"}
    caplog.set_level(logging.DEBUG)
    client = sandbox.client(client_keys["ES384"], allowedAuthMethods=["private_key_jwt", "client_secret"])
    assertion, token = sandbox.assertion(client), sandbox.log_in(client).json()["access_token"]
    sandbox.get_token(client.client_id, client_secret=client.secret)
    sandbox.http.get(f"/api/v1/{token}")
    sandbox.http.request("REVEAL", f"/oauth/token?client_secret={client.secret}&assertion={assertion}")
    sandbox.call("GET", f"?filter=x&{client.secret}=1&api_key={sandbox.tenant.api_key}")
    log = json.dumps([str(entry) for entry in sandbox.tenant.requests()])
    own = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("qlik_keys"))
    assert ("filter" in log, "GET ••• 404" in own, "••• /oauth/token 405" in own) == (True, True, True)
    assert find_canaries(log + own, [client.secret, token, assertion, sandbox.tenant.api_key]) == []


def test_the_http_door_drops_half_a_request(http_door):
    before = len(http_door.tenant.requests())
    address = http_door.http.base_url
    with socket.create_connection((address.host, address.port), timeout=30) as half:
        half.sendall(b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\ngrant_type=")
        half.shutdown(socket.SHUT_WR)
        half.recv(1)
    assert http_door.call("GET", "?limit=1").status_code == 200
    assert len(http_door.tenant.requests()) == before + 1


class TestControls:
    def test_they_need_their_token_and_without_one_there_are_none(self, http_door, real_http):
        settings = "/__sandbox__/settings"
        assert http_door.http.get(settings, headers=http_door.admin).status_code == 404
        credentials = ("", "Bearer x", "the-control-token", "Basic the-control-token")
        for headers in [*({"authorization": credential} for credential in credentials), real_http.admin]:
            answer = real_http.http.put(settings, json={"latency_seconds": 60}, headers=headers)
            assert answer.status_code == 401
        assert real_http.tenant.settings.latency_seconds == 0

    def test_the_request_log_is_read_and_emptied(self, real_http):
        real_http.call("GET", "?limit=1")
        (entry,) = real_http.http.get("/__sandbox__/requests", headers=TOKEN).json()
        assert (entry["method"], entry["path"], entry["query"], entry["tier"]) == ("GET", CLIENTS, {"limit": "1"}, 1)
        assert real_http.http.delete("/__sandbox__/requests", headers=TOKEN).status_code == 204
        assert real_http.http.get("/__sandbox__/requests", headers=TOKEN).json() == []

    def test_what_is_no_control_or_setting_is_refused(self, real_http):
        headers = {**TOKEN, "content-type": "application/json"}
        for body in (b"[]", b"{", b'{"latency": 1}', b'{"fail_next": 5}', b'{"latency_seconds": "1"}'):
            assert real_http.http.put("/__sandbox__/settings", content=body, headers=headers).status_code == 400
        unknown = [
            ("POST", f"{kind}/x/{verb}", None, 404) for kind in ("users", "clients") for verb in ("disable", "y")
        ]
        for method, path, body, status in (
            *unknown,
            ("GET", "nothing", None, 404),
            ("POST", "settings", {}, 404),
            ("POST", "users", {"name": "n"}, 400),
            ("POST", "users", {"name": "n", "subject": "s", "roles": "TenantAdmin"}, 400),
            *(("POST", "seed", {"clients": count}, 400) for count in (-1, True, "1", 100_001, None)),
        ):
            answer = real_http.http.request(method, f"/__sandbox__/{path}", json=body, headers=TOKEN)
            assert answer.status_code == status


ADMIN_KEY = "k" * 40
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("appType", "clientName", "allowedScopes", "publicKeys", "connectionConfig", "grant_type", "client_id", "op")
BODIES = (
    st.binary(max_size=60)
    | JSON.map(lambda document: json.dumps(document).encode())
    | st.dictionaries(st.sampled_from(FIELDS), JSON).map(lambda document: json.dumps(document).encode())
)
PATHS = ["/oauth/token", "/oauth/revoke", "/api/v1/users/me", "/.well-known/oauth-authorization-server"]
PATHS += [CLIENTS, f"{CLIENTS}/{'0' * 32}", f"{CLIENTS}/{'0' * 32}/connection-configs/me"]


@settings(max_examples=100, deadline=None)
@given(
    method=st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"]),
    path=st.sampled_from(PATHS) | st.text(max_size=20),
    query=st.just("") | st.text(max_size=30),
    content_type=st.sampled_from(["application/json", "application/x-www-form-urlencoded", "text/plain", ""]),
    credential=st.sampled_from([f"Bearer {ADMIN_KEY}", "Basic eDp5", "Bearer x", ""]) | st.text(max_size=20),
    body=BODIES,
)
def test_whatever_comes_in_gets_an_answer_in_order(*, method, path, query, content_type, credential, body):
    tenant = SandboxTenant(BASE, api_key=ADMIN_KEY, clock=ManualClock())
    headers = (("content-type", content_type), ("authorization", credential))
    answer = tenant.handle(Request(method=method, path=path, query=query, headers=headers, body=body))
    assert 200 <= answer.status < 500
    if answer.status >= 400:
        assert strict_json(answer.body).keys() == {"errors", "traceId"}
    assert tenant.requests()[-1].status == answer.status
