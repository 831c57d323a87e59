"""The sandbox's /oauth/*, users/me and metadata: what a client assertion has nothing to do with."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from qlik_keys.sandbox.simulator.messages import Request
from qlik_keys.sandbox.simulator.tenant import SandboxTenant

IMPERSONATION = "urn:qlik:oauth:user-impersonation"
LIFETIME_SECONDS = 21600
GRANT = {"grant_type": "client_credentials"}
INVALID_CLIENT = (401, "invalid_client")


def fields_of(client):
    return {**GRANT, "client_id": client.client_id, "client_secret": client.secret}


def me(sandbox, token, **options):
    headers = {"authorization": f"Bearer {token}"}
    return sandbox.http.get("/api/v1/users/me", headers=headers, follow_redirects=True, **options)


def by_secret(sandbox, client, **parameters):
    return sandbox.get_token(client.client_id, client_secret=client.secret, **parameters)


def token_of(sandbox, client=None):
    return by_secret(sandbox, client or sandbox.client()).json()["access_token"]


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
            assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
            assert me(sandbox, answer.json()["access_token"]).json()["clientId"] == client.client_id

    def test_a_wrong_one_is_refused_and_not_repeated(self, sandbox):
        client, other = sandbox.client(), sandbox.client()
        for wrong in (client.secret[:-1], client.secret.upper(), f"{client.secret} ", other.secret, "é" * 64):
            answer = sandbox.get_token(client.client_id, client_secret=wrong)
            assert code(answer) == INVALID_CLIENT
            assert wrong not in answer.text

    def test_wrong_http_basic_is_refused(self, sandbox):
        for client_id in (sandbox.client().client_id, "0" * 32):
            answer = sandbox.http.post("/oauth/token", data=GRANT, auth=(client_id, "x"))
            assert code(answer) == INVALID_CLIENT
            assert answer.headers["www-authenticate"].startswith("Basic")
        for plain in (b"no-colon", b":secret", b"id:", b"\xff:x", b""):
            headers = {"authorization": f"Basic {b64encode(plain).decode()}"}
            assert sandbox.http.post("/oauth/token", data=GRANT, headers=headers).status_code in (400, 401)

    def test_two_logins_at_once_or_two_ids_are_refused(self, sandbox):
        client, other = sandbox.client(), sandbox.client()
        basic = {"auth": (client.client_id, client.secret)}
        twice = sandbox.http.post("/oauth/token", data=fields_of(client), **basic)
        of_another = sandbox.http.post("/oauth/token", data={**GRANT, "client_id": other.client_id}, **basic)
        assert (code(twice), code(of_another)) == ((400, "invalid_request"), INVALID_CLIENT)

    def test_another_method_than_the_clients_is_refused(self, sandbox, client_keys):
        key = client_keys["ES384"]
        assert code(sandbox.get_token(sandbox.client(key).client_id, client_secret="x")) == INVALID_CLIENT
        assert code(sandbox.log_in(sandbox.client(), key=key)) == INVALID_CLIENT
        client = sandbox.client(key, allowedAuthMethods=["client_secret"])
        assert code(sandbox.log_in(client)) == INVALID_CLIENT
        assert by_secret(sandbox, client).status_code == 200


class TestRequest:
    def test_what_is_missing_is_refused(self, sandbox):
        fields = fields_of(sandbox.client())
        for missing, status in (("grant_type", 400), ("client_id", 400), ("client_secret", 401)):
            left = {name: value for name, value in fields.items() if name != missing}
            for sent in (left, {**left, missing: ""}):
                for kind in ("data", "json"):
                    assert sandbox.http.post("/oauth/token", **{kind: sent}).status_code == status

    def test_a_body_that_is_malformed_or_of_another_media_type_is_refused(self, sandbox):
        number = b'{"grant_type": "client_credentials", "client_id": 5, "client_secret": "x"}'
        json_bodies = (b"[]", b"{", b'"x"', b'{"grant_type": NaN}', b"[" * 100_000, number)
        forms = (b"grant_type=%zz", b"grant_type=%ff", "grant_type=é".encode())
        for kind, bodies in (("application/json", json_bodies), ("application/x-www-form-urlencoded", forms)):
            for body in bodies:
                answer = sandbox.http.post("/oauth/token", content=body, headers={"content-type": kind})
                assert code(answer) == (400, "invalid_request"), body[:40]
        for kind in ("text/plain", "multipart/form-data", ""):
            headers = {"content-type": kind}
            assert sandbox.http.post("/oauth/token", content=b"grant_type=x", headers=headers).status_code == 415

    def test_parameters_in_the_address_are_refused(self, sandbox):
        client = sandbox.client()
        assert code(sandbox.http.post("/oauth/token", params=fields_of(client))) == (400, "invalid_request")
        assert client.secret not in json.dumps([str(entry) for entry in sandbox.tenant.requests()])

    def test_another_grant_than_the_clients_is_refused(self, sandbox):
        client, without = sandbox.client(), sandbox.client(allowedGrantTypes=[])
        for grant in ("password", "authorization_code", "refresh_token", "x"):
            assert code(by_secret(sandbox, client, grant_type=grant)) == (400, "unsupported_grant_type")
        assert code(by_secret(sandbox, without)) == (400, "unauthorized_client")

    def test_a_disabled_client_or_bot_is_refused(self, sandbox):
        client = sandbox.client()
        for disabled, status in ((True, 401), (False, 200)):
            sandbox.tenant.set_client_disabled(client.client_id, disabled=disabled)
            assert ("disableTag" in sandbox.call("GET", f"/{client.client_id}").json()) is disabled
            assert by_secret(sandbox, client).status_code == status
        bot = me(sandbox, token_of(sandbox, client)).json()
        sandbox.tenant.set_user_disabled(bot["id"], disabled=True)
        assert code(by_secret(sandbox, client)) == (403, "access_denied")


class TestScopes:
    ALLOWED = ("user_default", "apps:read", "offline_access")

    def test_what_is_granted(self, sandbox):
        client = sandbox.client(allowedScopes=list(self.ALLOWED))
        for wanted, granted in (
            ({}, "user_default apps:read"),
            ({"scope": ""}, "user_default apps:read"),
            ({"scope": "apps:read user_default apps:read"}, "apps:read user_default"),
            ({"scope": "offline_access apps:read"}, "offline_access apps:read"),
        ):
            answer = by_secret(sandbox, client, **wanted)
            assert (answer.status_code, answer.json()["scope"]) == (200, granted)
            assert "refresh_token" not in answer.json()

    def test_what_is_not(self, sandbox):
        client = sandbox.client(allowedScopes=list(self.ALLOWED))
        for wanted in ("admin_classic", "user_default apps", "APPS:READ", "user_default  apps:read"):
            assert code(by_secret(sandbox, client, scope=wanted)) == (400, "invalid_scope")
        for scopes in ([], ["offline_access"]):
            assert code(by_secret(sandbox, sandbox.client(allowedScopes=scopes))) == (400, "invalid_scope")


class TestImpersonation:
    @pytest.fixture
    def ada(self, sandbox):
        return sandbox.tenant.add_user(name="Ada", subject="idp\\ada")[0]

    @pytest.fixture
    def client(self, sandbox):
        scopes = ["user_default", "admin_classic"]
        return sandbox.client(allowedGrantTypes=["client_credentials", IMPERSONATION], allowedScopes=scopes)

    def impersonate(self, sandbox, client, **lookup):
        return by_secret(sandbox, client, grant_type=IMPERSONATION, user_lookup=json.dumps(lookup))

    @pytest.mark.parametrize("field", ["userId", "subject"])
    def test_the_token_is_the_person_s_whose_rights_count(self, sandbox, client, ada, field):
        lookup = {"field": field, "value": ada.user_id if field == "userId" else ada.subject}
        fields = {**fields_of(client), "grant_type": IMPERSONATION, "user_lookup": lookup}
        for answer in (self.impersonate(sandbox, client, **lookup), sandbox.http.post("/oauth/token", json=fields)):
            assert answer.status_code == 200
            token = answer.json()["access_token"]
            assert me(sandbox, token).json()["id"] == ada.user_id
            headers = {"authorization": f"Bearer {token}"}
            assert sandbox.call("POST", f"/{client.client_id}/client-secrets", headers=headers).status_code == 403

    def test_an_unknown_user_is_not_found(self, sandbox, client, ada):
        malformed = ["x", "{", '{"field": "userId"}', '{"field": "email", "value": "x"}']
        malformed += ['{"field": "userId", "value": 5}', '{"field": "userId", "value": "x", "more": 1}']
        for parameters in ({}, *({"user_lookup": lookup} for lookup in malformed)):
            answer = by_secret(sandbox, client, grant_type=IMPERSONATION, **parameters)
            assert code(answer) == (400, "invalid_request")
        for lookup in ({"field": "userId", "value": "x"}, {"field": "subject", "value": ada.user_id}):
            assert code(self.impersonate(sandbox, client, **lookup)) == (400, "invalid_grant")

    def test_who_may_not_be_impersonated_and_by_whom(self, sandbox, client, ada):
        bot = me(sandbox, token_of(sandbox, client)).json()
        assert code(self.impersonate(sandbox, client, field="userId", value=bot["id"])) == (400, "invalid_grant")
        as_ada = {"field": "userId", "value": ada.user_id}
        assert code(self.impersonate(sandbox, sandbox.client(), **as_ada)) == (400, "unauthorized_client")
        people_only = sandbox.client(allowedGrantTypes=[IMPERSONATION])
        assert code(by_secret(sandbox, people_only)) == (400, "unauthorized_client")
        sandbox.tenant.set_user_disabled(ada.user_id, disabled=True)
        assert code(self.impersonate(sandbox, client, **as_ada)) == (403, "access_denied")


class TestForm:
    """Tokens have the form that Qlik's have been seen in, and say nothing of whom they are for."""

    def test_its_parts(self, sandbox):
        client = sandbox.client()
        first, second = (jwt.decode(token_of(sandbox, client), options={"verify_signature": False}) for _ in range(2))
        now = sandbox.now()
        assert list(first.items()) == [
            *(("subType", "user"), ("purpose", "accessToken"), ("jti", first["jti"])),
            *(("iat", now), ("exp", now + LIFETIME_SECONDS), ("aud", sandbox.tenant.base_url), ("iss", "qlik.api")),
        ]
        assert len(first["jti"]) == 32
        assert second["jti"] != first["jti"]

    def test_it_is_really_signed_and_the_key_is_where_the_metadata_say(self, sandbox):
        token = token_of(sandbox)
        address = sandbox.http.get("/.well-known/oauth-authorization-server").json()["jwks_uri"]
        (jwk,) = sandbox.http.get(address).json()["keys"]
        assert jwk.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}
        assert jwt.get_unverified_header(token) == {"alg": "ES384", "kid": jwk["kid"], "typ": "JWT"}
        options = {"verify_exp": False, "verify_iat": False}
        options = {"algorithms": ["ES384"], "audience": sandbox.tenant.base_url, "options": options}
        jwt.decode(token, jwt.PyJWK(jwk), **options)
        signing_input, _, signature = token.rpartition(".")
        changed = f"{signing_input}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"
        with pytest.raises(jwt.InvalidSignatureError):
            jwt.decode(changed, jwt.PyJWK(jwk), **options)
        # A token that was not issued is worth nothing, whatever it says.
        own = ec.generate_private_key(ec.SECP384R1())
        forged = jwt.encode(jwt.decode(token, options={"verify_signature": False}), own, algorithm="ES384")
        assert [me(sandbox, one).status_code for one in (changed, forged, token)] == [401, 401, 200]


class TestTokens:
    @pytest.mark.parametrize("style", ["expires_in", "expires_at", "both"])
    def test_one_lives_to_its_last_second_in_the_form_that_was_chosen(self, sandbox, style):
        sandbox.tenant.configure(expiry_style=style, token_lifetime_seconds=3600, token_type="Bearer")
        answer = by_secret(sandbox, sandbox.client()).json()
        fields = {"expires_in", "expires_at"} if style == "both" else {style}
        assert answer.keys() - {"access_token", "token_type", "scope"} == fields
        assert (answer.get("expires_in", 3600), answer["token_type"]) == (3600, "Bearer")
        expires_at = datetime.fromtimestamp(sandbox.now() + 3600, tz=UTC)
        assert style == "expires_in" or datetime.fromisoformat(answer["expires_at"]) == expires_at
        for seconds, status in ((3600 - 0.001, 200), (0.001, 401)):
            sandbox.clock.advance(seconds)
            assert me(sandbox, answer["access_token"]).status_code == status

    def test_a_client_may_have_too_many(self, sandbox):
        sandbox.tenant.configure(maximum_tokens=2)
        client, other = sandbox.client(), sandbox.client()
        tokens = [token_of(sandbox, client) for _ in range(2)]
        assert code(by_secret(sandbox, client)) == (403, "too_many_tokens")
        assert by_secret(sandbox, other).status_code == 200
        sandbox.http.post("/oauth/revoke", data={"token": tokens[0]})
        assert by_secret(sandbox, client).status_code == 200

    def test_one_that_was_revoked_is_dead_and_the_others_live(self, sandbox):
        client = sandbox.client()
        first, second, kept = (token_of(sandbox, client) for _ in range(3))
        for token, kind in ((first, "data"), (second, "json"), (first, "json")):  # an unknown one counts as revoked
            fields = {"token": token, "token_type_hint": "access_token"}
            assert sandbox.http.post("/oauth/revoke", **{kind: fields}).status_code == 200
        assert [me(sandbox, token).status_code for token in (first, second, kept)] == [401, 401, 200]
        for nothing in ({"data": {"token": ""}}, {"json": {"token": ["x"]}}):
            assert code(sandbox.http.post("/oauth/revoke", **nothing)) == (400, "invalid_request")


class TestUsers:
    def test_me_is_a_redirect_to_ones_own_address(self, sandbox):
        answer = sandbox.http.get("/api/v1/users/me", headers=sandbox.admin)
        user = sandbox.http.get(answer.headers["location"], headers=sandbox.admin).json()
        location = f"{sandbox.tenant.base_url}/api/v1/users/{user['id']}"
        assert (answer.status_code, answer.headers["location"]) == (307, location)
        assert user["links"]["self"]["href"] == location
        for credential in ("", "x", "Bearer"):
            headers = {"authorization": credential}
            assert sandbox.http.get("/api/v1/users/me", headers=headers).status_code == 401

    def test_a_bot_is_its_client(self, sandbox):
        client = sandbox.client(clientName="nightly-etl")
        bot, again = (me(sandbox, token_of(sandbox, client)).json() for _ in range(2))
        assert bot == again
        assert (bot["clientId"], bot["name"]) == (client.client_id, "nightly-etl")
        assert bot["subject"] == f"qlikbot\\{client.client_id}"
        assert (bot["status"], bot["roles"], bot["tenantId"]) == ("active", ["TenantAdmin"], sandbox.tenant.tenant_id)
        assert bot["assignedRoles"][0].keys() == {"id", "name", "type", "level"}


def test_the_metadata_needs_no_credential_and_names_the_endpoints(clock):
    tenant = SandboxTenant("https://acme.eu.qlikcloud.com/", clock=clock)
    base = tenant.base_url
    assert base == "https://acme.eu.qlikcloud.com"  # a slash at its end is not in the audience
    answer = tenant.handle(Request(method="GET", path="/.well-known/oauth-authorization-server"))
    document = json.loads(answer.body)
    endpoints = {"issuer": base, "token_endpoint": f"{base}/oauth/token", "revocation_endpoint": f"{base}/oauth/revoke"}
    assert {name: document[name] for name in endpoints} == endpoints
    assert document["grant_types_supported"] == ["client_credentials", IMPERSONATION]
    assert {"authorization_endpoint", "jwks_uri", "response_types_supported"} <= document.keys()
