"""The sandbox's /oauth/*, users/me and metadata: what a client assertion has nothing to do with."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from qlik_keys.sandbox.simulator.tenant import SandboxTenant

IMPERSONATION = "urn:qlik:oauth:user-impersonation"
LIFETIME_SECONDS = 21600
GRANT = {"grant_type": "client_credentials"}
JSON = "application/json"


def fields_of(client):
    return {**GRANT, "client_id": client.client_id, "client_secret": client.secret}


def me(sandbox, token, **options):
    headers = {"authorization": f"Bearer {token}"}
    return sandbox.http.get("/api/v1/users/me", headers=headers, follow_redirects=True, **options)


def by_secret(sandbox, client, **parameters):
    return sandbox.get_token(client.client_id, client_secret=client.secret, **parameters)


def code(answer):
    (error,) = answer.json()["errors"]
    return answer.status_code, error["code"]


class TestClientSecret:
    def test_by_form_by_json_and_by_http_basic(self, sandbox):
        client = sandbox.client()
        basic = {"auth": (client.client_id, client.secret)}
        for sent in (
            {"data": fields_of(client)},
            {"json": fields_of(client)},
            {"data": GRANT, **basic},
            {"json": {**GRANT, "client_id": client.client_id}, **basic},
        ):
            answer = sandbox.http.post("/oauth/token", **sent)
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
            assert me(sandbox, answer.json()["access_token"]).json()["clientId"] == client.client_id

    def test_a_wrong_one_is_refused_and_not_repeated(self, sandbox):
        client, other = sandbox.client(), sandbox.client()
        for wrong in (client.secret[:-1], client.secret.upper(), f"{client.secret} ", other.secret, "é" * 64):
            answer = sandbox.get_token(client.client_id, client_secret=wrong)
            assert code(answer) == (401, "invalid_client")
            assert wrong not in answer.text

    def test_http_basic_asks_for_it_again(self, sandbox):
        for client_id in (sandbox.client().client_id, "0" * 32):
            answer = sandbox.http.post("/oauth/token", data=GRANT, auth=(client_id, "x"))
            assert code(answer) == (401, "invalid_client")
            assert answer.headers["www-authenticate"].startswith("Basic")

    @pytest.mark.parametrize("plain", [b"no-colon", b":secret", b"id:", b"\xff:x", b""])
    def test_http_basic_that_is_malformed_is_refused(self, sandbox, plain):
        headers = {"authorization": f"Basic {b64encode(plain).decode()}"}
        assert sandbox.http.post("/oauth/token", data=GRANT, headers=headers).status_code in (400, 401)

    def test_two_logins_at_once_or_two_ids_are_refused(self, sandbox):
        client, other = sandbox.client(), sandbox.client()
        basic = (client.client_id, client.secret)
        answer = sandbox.http.post("/oauth/token", data=fields_of(client), auth=basic)
        assert code(answer) == (400, "invalid_request")
        answer = sandbox.http.post("/oauth/token", data={**GRANT, "client_id": other.client_id}, auth=basic)
        assert code(answer) == (401, "invalid_client")

    def test_a_client_of_the_other_method_is_refused(self, sandbox, client_keys):
        keyed = sandbox.client(client_keys["ES384"])
        assert code(sandbox.get_token(keyed.client_id, client_secret="x")) == (401, "invalid_client")
        assert code(sandbox.log_in(sandbox.client(), key=client_keys["ES384"])) == (401, "invalid_client")

    def test_a_key_without_its_method_is_refused(self, sandbox, client_keys):
        key = client_keys["ES384"]
        client = sandbox.client(key, allowedAuthMethods=["client_secret"])
        assert code(sandbox.log_in(client)) == (401, "invalid_client")
        assert by_secret(sandbox, client).status_code == 200


class TestRequest:
    @pytest.mark.parametrize(("missing", "status"), [("grant_type", 400), ("client_id", 400), ("client_secret", 401)])
    def test_what_is_missing_is_refused(self, sandbox, missing, status):
        fields = fields_of(sandbox.client())
        for absent in ({}, {missing: ""}):
            left = {name: value for name, value in fields.items() if name != missing} | absent
            for kind in ("data", "json"):
                assert sandbox.http.post("/oauth/token", **{kind: left}).status_code == status

    @pytest.mark.parametrize("content_type", ["text/plain", "multipart/form-data", ""])
    def test_another_media_type_is_refused(self, sandbox, content_type):
        answer = sandbox.http.post("/oauth/token", content=b"grant_type=x", headers={"content-type": content_type})
        assert answer.status_code == 415

    @pytest.mark.parametrize(
        ("content_type", "bodies"),
        [
            (JSON, (b"[]", b"{", b'"x"', b'{"grant_type": NaN}', b"[" * 100_000)),
            (JSON, (b'{"grant_type": "client_credentials", "client_id": 5, "client_secret": "x"}',)),
            ("application/x-www-form-urlencoded", (b"grant_type=%zz", b"grant_type=%ff", "grant_type=é".encode())),
        ],
    )
    def test_a_body_that_is_malformed_is_refused(self, sandbox, content_type, bodies):
        for body in bodies:
            answer = sandbox.http.post("/oauth/token", content=body, headers={"content-type": content_type})
            assert code(answer) == (400, "invalid_request"), body[:40]

    def test_parameters_in_the_address_are_refused(self, sandbox):
        client = sandbox.client()
        assert code(sandbox.http.post("/oauth/token", params=fields_of(client))) == (400, "invalid_request")
        assert client.secret not in json.dumps([str(entry) for entry in sandbox.tenant.requests()])

    def test_another_grant_is_not_supported(self, sandbox):
        for grant in ("password", "authorization_code", "refresh_token", "x"):
            assert code(by_secret(sandbox, sandbox.client(), grant_type=grant)) == (400, "unsupported_grant_type")

    def test_a_grant_that_the_client_does_not_have_is_refused(self, sandbox):
        assert code(by_secret(sandbox, sandbox.client(allowedGrantTypes=[]))) == (400, "unauthorized_client")

    def test_a_disabled_client_is_refused_and_its_document_says_so(self, sandbox):
        client = sandbox.client()
        statuses = []
        for disabled in (True, False):
            sandbox.tenant.set_client_disabled(client.client_id, disabled=disabled)
            assert ("disableTag" in sandbox.call("GET", f"/{client.client_id}").json()) is disabled
            statuses.append(by_secret(sandbox, client).status_code)
        assert statuses == [401, 200]

    def test_a_disabled_bot_is_refused(self, sandbox):
        client = sandbox.client()
        bot = me(sandbox, by_secret(sandbox, client).json()["access_token"]).json()
        sandbox.tenant.set_user_disabled(bot["id"], disabled=True)
        assert code(by_secret(sandbox, client)) == (403, "access_denied")


class TestScopes:
    ALLOWED = ("user_default", "apps:read", "offline_access")

    @pytest.mark.parametrize(
        ("wanted", "granted"),
        [
            (None, "user_default apps:read"),
            ("", "user_default apps:read"),
            ("apps:read", "apps:read"),
            ("apps:read user_default apps:read", "apps:read user_default"),
            ("offline_access apps:read", "offline_access apps:read"),
        ],
    )
    def test_what_is_granted(self, sandbox, wanted, granted):
        client = sandbox.client(allowedScopes=list(self.ALLOWED))
        parameters = {} if wanted is None else {"scope": wanted}
        answer = by_secret(sandbox, client, **parameters)
        assert (answer.status_code, answer.json()["scope"]) == (200, granted)
        assert "refresh_token" not in answer.json()

    @pytest.mark.parametrize("wanted", ["admin_classic", "user_default apps", "APPS:READ", "user_default  apps:read"])
    def test_what_is_not(self, sandbox, wanted):
        client = sandbox.client(allowedScopes=list(self.ALLOWED))
        assert code(by_secret(sandbox, client, scope=wanted)) == (400, "invalid_scope")

    def test_a_client_without_a_scope_gets_no_token(self, sandbox):
        for scopes in ([], ["offline_access"]):
            assert code(by_secret(sandbox, sandbox.client(allowedScopes=scopes))) == (400, "invalid_scope")


class TestImpersonation:
    @pytest.fixture
    def another_user(self, sandbox):
        user, _ = sandbox.tenant.add_user(name="Somebody", subject="idp\\somebody")
        return user

    @pytest.fixture
    def client(self, sandbox):
        return sandbox.client(allowedGrantTypes=["client_credentials", IMPERSONATION])

    def impersonate(self, sandbox, client, **lookup):
        return by_secret(sandbox, client, grant_type=IMPERSONATION, user_lookup=json.dumps(lookup))

    @pytest.mark.parametrize("field", ["userId", "subject"])
    def test_the_token_is_the_person_s(self, sandbox, client, another_user, field):
        lookup = {"field": field, "value": another_user.user_id if field == "userId" else another_user.subject}
        fields = {**fields_of(client), "grant_type": IMPERSONATION, "user_lookup": lookup}
        for answer in (self.impersonate(sandbox, client, **lookup), sandbox.http.post("/oauth/token", json=fields)):
            assert answer.status_code == 200
            assert me(sandbox, answer.json()["access_token"]).json()["id"] == another_user.user_id

    @pytest.mark.parametrize(
        ("lookup", "refusal"),
        [
            (None, "invalid_request"),
            ("x", "invalid_request"),
            ("{", "invalid_request"),
            ('{"field": "userId"}', "invalid_request"),
            ('{"field": "email", "value": "x"}', "invalid_request"),
            ('{"field": "userId", "value": 5}', "invalid_request"),
            ('{"field": "userId", "value": "x", "more": 1}', "invalid_request"),
            ('{"field": "userId", "value": "x"}', "invalid_grant"),
        ],
    )
    def test_an_unknown_user_is_not_found(self, sandbox, client, another_user, lookup, refusal):
        parameters = {} if lookup is None else {"user_lookup": lookup}
        assert code(by_secret(sandbox, client, grant_type=IMPERSONATION, **parameters)) == (400, refusal)

    def test_who_may_not_be_impersonated(self, sandbox, client, another_user):
        bot = me(sandbox, by_secret(sandbox, client).json()["access_token"]).json()
        answer = self.impersonate(sandbox, client, field="userId", value=bot["id"])
        assert code(answer) == (400, "invalid_grant")
        answer = self.impersonate(sandbox, sandbox.client(), field="userId", value=another_user.user_id)
        assert code(answer) == (400, "unauthorized_client")  # the grant must be allowed
        sandbox.tenant.set_user_disabled(another_user.user_id, disabled=True)
        answer = self.impersonate(sandbox, client, field="userId", value=another_user.user_id)
        assert code(answer) == (403, "access_denied")


class TestForm:
    """Tokens have the form that Qlik's have been seen in, and say nothing of whom they are for."""

    def test_its_parts(self, sandbox):
        client = sandbox.client()
        first, second = (by_secret(sandbox, client).json()["access_token"] for _ in range(2))
        claims = jwt.decode(first, options={"verify_signature": False})
        assert list(claims) == ["subType", "purpose", "jti", "iat", "exp", "aud", "iss"]
        assert (claims["subType"], claims["purpose"], claims["iss"]) == ("user", "accessToken", "qlik.api")
        assert claims["aud"] == sandbox.tenant.base_url
        assert (claims["iat"], claims["exp"]) == (sandbox.now(), sandbox.now() + LIFETIME_SECONDS)
        assert len(claims["jti"]) == 32
        assert jwt.decode(second, options={"verify_signature": False})["jti"] != claims["jti"]
        assert client.client_id not in json.dumps(claims)

    def test_it_is_really_signed_and_the_key_is_where_the_metadata_say(self, sandbox):
        token = by_secret(sandbox, sandbox.client()).json()["access_token"]
        address = sandbox.http.get("/.well-known/oauth-authorization-server").json()["jwks_uri"]
        (jwk,) = sandbox.http.get(address).json()["keys"]
        assert jwk.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        key = jwt.PyJWK(jwk)
        header = jwt.get_unverified_header(token)
        assert header == {"alg": "ES384", "kid": jwk["kid"], "typ": "JWT"}
        options = {"verify_exp": False, "verify_iat": False}
        jwt.decode(token, key, algorithms=["ES384"], audience=sandbox.tenant.base_url, options=options)
        signing_input, _, signature = token.rpartition(".")
        changed = f"{signing_input}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(changed, key, algorithms=["ES384"], audience=sandbox.tenant.base_url, options=options)
        assert me(sandbox, changed).status_code == 401

    def test_one_that_was_not_given_out_is_worth_nothing_whatever_it_says(self, sandbox):
        token = by_secret(sandbox, sandbox.client()).json()["access_token"]
        own = ec.generate_private_key(ec.SECP384R1())
        forged = jwt.encode(jwt.decode(token, options={"verify_signature": False}), own, algorithm="ES384")
        assert me(sandbox, forged).status_code == 401
        assert me(sandbox, token).status_code == 200


class TestTokens:
    def test_one_lives_to_its_last_second(self, sandbox):
        answer = by_secret(sandbox, sandbox.client()).json()
        expires_at = datetime.fromisoformat(answer["expires_at"])
        assert answer["expires_in"] == LIFETIME_SECONDS
        assert expires_at == datetime.fromtimestamp(sandbox.now() + LIFETIME_SECONDS, tz=UTC)
        sandbox.clock.advance(LIFETIME_SECONDS - 0.001)
        assert me(sandbox, answer["access_token"]).status_code == 200
        sandbox.clock.advance(0.001)
        assert me(sandbox, answer["access_token"]).status_code == 401

    @pytest.mark.parametrize(
        ("style", "fields"),
        [("expires_in", {"expires_in"}), ("expires_at", {"expires_at"}), ("both", {"expires_in", "expires_at"})],
    )
    def test_its_expiry_is_told_in_the_form_that_was_chosen(self, sandbox, style, fields):
        sandbox.tenant.configure(expiry_style=style, token_lifetime_seconds=3600, token_type="Bearer")
        answer = by_secret(sandbox, sandbox.client()).json()
        assert answer.keys() - {"access_token", "token_type", "scope"} == fields
        assert answer.get("expires_in", 3600) == 3600
        assert answer["token_type"] == "Bearer"

    def test_a_client_may_have_too_many(self, sandbox):
        sandbox.tenant.configure(maximum_tokens=2)
        client, other = sandbox.client(), sandbox.client()
        tokens = [by_secret(sandbox, client).json()["access_token"] for _ in range(2)]
        assert code(by_secret(sandbox, client)) == (403, "too_many_tokens")
        assert by_secret(sandbox, other).status_code == 200
        sandbox.http.post("/oauth/revoke", data={"token": tokens[0]})
        assert by_secret(sandbox, client).status_code == 200

    def test_one_that_was_revoked_is_dead_and_the_others_live(self, sandbox):
        client = sandbox.client()
        first, second, kept = (by_secret(sandbox, client).json()["access_token"] for _ in range(3))
        for token, kind in (
            (first, "data"),
            (second, "json"),
            (first, "json"),
        ):  # one that is unknown counts as revoked
            fields = {"token": token, "token_type_hint": "access_token"}
            assert sandbox.http.post("/oauth/revoke", **{kind: fields}).status_code == 200
        assert [me(sandbox, token).status_code for token in (first, second, kept)] == [401, 401, 200]
        for nothing in ({"data": {"token": ""}}, {"json": {"token": ["x"]}}):
            assert code(sandbox.http.post("/oauth/revoke", **nothing)) == (400, "invalid_request")


class TestUsers:
    def test_me_is_a_redirect_to_ones_own_address(self, sandbox):
        answer = sandbox.http.get("/api/v1/users/me", headers=sandbox.admin)
        location = answer.headers["location"]
        assert answer.status_code == 307
        assert location.startswith(f"{sandbox.tenant.base_url}/api/v1/users/")
        user = sandbox.http.get(location, headers=sandbox.admin).json()
        assert location.endswith(user["id"])
        assert user["links"]["self"]["href"] == location

    def test_a_bot_is_its_client(self, sandbox):
        client = sandbox.client(clientName="nightly-etl")
        tokens = [by_secret(sandbox, client).json()["access_token"] for _ in range(2)]
        first, second = (me(sandbox, token).json() for token in tokens)
        assert first == second
        assert (first["clientId"], first["name"]) == (client.client_id, "nightly-etl")
        assert first["subject"] == f"qlikbot\\{client.client_id}"
        assert (first["status"], first["roles"]) == ("active", ["TenantAdmin"])
        assert first["assignedRoles"][0].keys() == {"id", "name", "type", "level"}
        assert first["tenantId"] == sandbox.tenant.tenant_id

    def test_only_an_administrator_sees_others(self, sandbox):
        (one, one_key), (other, _) = (sandbox.tenant.add_user(name=name, subject=name) for name in "ab")
        path = f"/api/v1/users/{other.user_id}"
        assert sandbox.http.get(path, headers={"authorization": f"Bearer {one_key}"}).status_code == 404
        assert sandbox.http.get(path, headers=sandbox.admin).json()["id"] == other.user_id
        assert sandbox.http.get(f"/api/v1/users/{'0' * 24}", headers=sandbox.admin).status_code == 404
        assert me(sandbox, one_key).json()["id"] == one.user_id

    @pytest.mark.parametrize("credential", ["", "x", "Bearer"])
    def test_an_unknown_user_stays_unknown(self, sandbox, credential):
        assert sandbox.http.get("/api/v1/users/me", headers={"authorization": credential}).status_code == 401


def test_the_metadata_needs_no_credential_and_names_the_endpoints(sandbox):
    document = sandbox.http.get("/.well-known/oauth-authorization-server").json()
    base = sandbox.tenant.base_url
    assert (document["issuer"], document["token_endpoint"]) == (base, f"{base}/oauth/token")
    assert document["revocation_endpoint"] == f"{base}/oauth/revoke"
    assert document["grant_types_supported"] == ["client_credentials", IMPERSONATION]
    assert {"authorization_endpoint", "jwks_uri", "response_types_supported"} <= document.keys()


def test_a_trailing_slash_of_the_base_is_not_in_the_audience(clock):
    assert SandboxTenant("https://acme.eu.qlikcloud.com/", clock=clock).base_url == "https://acme.eu.qlikcloud.com"
