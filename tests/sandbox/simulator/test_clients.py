"""/api/v1/oauth-clients of the sandbox: each rule of the contract, broken once."""

from __future__ import annotations

import pytest

JWT, SECRET = "private_key_jwt", "client_secret"
SITE = "https://a.example"


def detail(answer):
    (error,) = answer.json()["errors"]
    return error.get("detail", "")


def total(sandbox):
    return sandbox.call("GET", "?totalResults=true").json()["totalResults"]


def replace(path, value):
    return [{"op": "replace", "path": path, "value": value}]


def patched(sandbox, client, operations, below=""):
    return sandbox.call("PATCH", f"/{client.client_id}{below}", json=operations).status_code


def by_secret(sandbox, client, secret=None, **parameters):
    return sandbox.get_token(client.client_id, client_secret=secret or client.secret, **parameters)


class TestCreate:
    def test_the_answer_is_the_client_with_its_secret_once_where_it_has_one(self, sandbox, client_keys):
        answer = sandbox.create(description="d")
        made = answer.json()
        secret = made.pop("clientSecret")
        read = sandbox.call("GET", f"/{made['clientId']}")
        assert (answer.status_code, read.json()) == (201, made)
        assert secret not in read.text + sandbox.call("GET").text
        assert made["clientSecrets"][0]["hint"] == secret[-6:]
        assert (made["createdByType"], made["createdAt"]) == ("user", "2027-01-15T08:00:00.000Z")
        assert made["connectionConfig"] == {"consentMethod": "trusted"}
        key = client_keys["ES384"]
        assert "clientSecret" not in sandbox.create(key).json()
        made = sandbox.create(key, allowedAuthMethods=[JWT, SECRET]).json()
        assert (bool(made["clientSecret"]), made["publicKeys"]) == (True, [key.public.to_dict()])

    @pytest.mark.parametrize(
        ("word", "fields"),
        [
            *(("appType", {"appType": kind}) for kind in ("service", None)),
            *(("clientName", {"clientName": name}) for name in ("", " \t", "n" * 513, 5)),
            ("description", {"description": "d" * 4097}),
            ("clientUri", {"clientUri": "javascript:alert(1)"}),
            ("logoUri", {"logoUri": "http:///logo.png"}),
            *(("redirectUris", {"redirectUris": uris}) for uris in ([f"{SITE}/{n}" for n in range(6)], [f"{SITE}/#x"])),
            *(("allowedScopes", {"allowedScopes": scopes}) for scopes in (["apps", "apps"], ["two words"], "apps")),
            ("allowedGrantTypes", {"allowedGrantTypes": ["password"]}),
            ("allowedAuthMethods", {"allowedAuthMethods": ["none"]}),
            ("publicKeys", {"allowedAuthMethods": [JWT]}),
            ("publicKeys", {"allowedAuthMethods": [SECRET, JWT], "publicKeys": []}),
            ("publicKeys", {"publicKeys": {}}),
            ("allowedOrigins", {"allowedOrigins": [SITE]}),
            ("connectionConfig", {"connectionConfig": {"consentMethod": "required"}}),
            ("connectionConfig", {"connectionConfig": {"consentMethod": "trusted", "more": 1}}),
            *(("read-only", {name: "0" * 32}) for name in ("clientId", "createdAt")),
        ],
    )
    def test_what_makes_no_client_is_refused_with_the_reason(self, sandbox, word, fields):
        answer = sandbox.create(**fields)
        assert answer.status_code == 400
        assert word in detail(answer)
        assert total(sandbox) == 0

    def test_another_app_type_has_its_own_rules(self, sandbox):
        plain = {"appType": "spa", "allowedGrantTypes": [], "allowedAuthMethods": [], "allowedOrigins": [SITE]}
        answer = sandbox.create(**plain)
        assert (answer.status_code, answer.json().get("clientSecret")) == (201, None)
        for field, value in (
            ("allowedGrantTypes", ["client_credentials"]),
            ("allowedAuthMethods", [SECRET]),
            ("allowedOrigins", [f"{SITE}/path"]),
            ("allowedOrigins", ["HTTPS://a.example"]),
            ("allowedOrigins", [f"https://a{n}.example" for n in range(6)]),
        ):
            refused = sandbox.create(**{**plain, field: value})
            assert (refused.status_code, field in detail(refused)) == (400, True)

    def test_the_longest_that_is_allowed_is_taken(self, sandbox):
        uris, origins = ([f"https://a{n}.example" for n in range(5)] for _ in range(2))
        grants = ["client_credentials", "urn:qlik:oauth:user-impersonation"]
        fields = {"clientName": "n" * 512, "description": "d" * 4096, "allowedGrantTypes": grants}
        assert sandbox.create(**fields, redirectUris=uris, allowedOrigins=origins).status_code == 201

    def test_a_body_that_is_no_object_of_json_is_refused(self, sandbox):
        headers = {"content-type": "application/json"}
        for body in (b"[]", b'"x"', b"null", b"{", b'{"appType":"web","appType":"spa"}', b"\xff", b""):
            assert sandbox.call("POST", content=body, headers=headers).status_code == 400
        assert sandbox.call("POST", data={"appType": "web"}).status_code == 415
        assert total(sandbox) == 0


class TestPatch:
    @pytest.mark.parametrize(
        ("operations", "word"),
        [
            ([], "at least one"),
            ({"op": "replace", "path": "/clientName", "value": "x"}, "array"),
            (["x"], "Operation "),
            ([{"op": "move", "path": "/clientName", "from": "/description"}], "op must be"),
            (replace("/appType", "spa"), "path must be"),
            (replace("/publicKeys/0", {}), "no path to an entry"),
            (replace("clientName", "x"), "path must be"),
            ([{"op": "replace", "path": "/clientName"}], "value is missing"),
            ([{"op": "remove", "path": "/description"}], "does not exist"),
            (replace("/description", "x"), "does not exist"),
            ([{"op": "remove", "path": "/clientName"}], "clientName"),
            (replace("/allowedAuthMethods", [JWT]), "publicKeys"),
            (replace("/clientName", "x") * 101, "at most 100"),
        ],
    )
    def test_what_is_no_allowed_change_is_refused_and_changes_nothing(self, sandbox, operations, word):
        client = sandbox.client()
        before = sandbox.call("GET", f"/{client.client_id}").json()
        sandbox.clock.advance(1)
        first = [{"op": "add", "path": "/logoUri", "value": "https://a.example"}]
        sent = first + operations if operations and isinstance(operations, list) else operations
        for document in (operations, sent):
            answer = sandbox.call("PATCH", f"/{client.client_id}", json=document)
            assert answer.status_code == 400
            assert word in detail(answer)
        assert sandbox.call("GET", f"/{client.client_id}").json() == before

    def test_operations_are_applied_in_their_order(self, sandbox):
        client = sandbox.client()
        sandbox.clock.advance(1)
        operations = [
            {"op": "add", "path": "/description", "value": "first"},
            *replace("/description", "second"),
            *replace("/allowedScopes", ["user_default", "admin_classic"]),
            {"op": "add", "path": "/clientUri", "value": "https://a.example"},
            {"op": "remove", "path": "/clientUri"},
        ]
        assert patched(sandbox, client, operations) == 204
        read = sandbox.call("GET", f"/{client.client_id}").json()
        assert (read["description"], read["allowedScopes"]) == ("second", ["user_default", "admin_classic"])
        assert ("clientUri" in read, read["updatedAt"] > read["createdAt"]) == (False, True)

    def test_the_method_client_secret_makes_a_secret_and_its_removal_removes_all(self, sandbox, client_keys):
        client = sandbox.client(client_keys["ES384"])
        path = f"/{client.client_id}"
        added = sandbox.call("PATCH", path, json=replace("/allowedAuthMethods", [JWT, SECRET]))
        secret = added.json()["clientSecret"]
        assert (added.status_code, by_secret(sandbox, client, secret).status_code) == (202, 200)
        assert patched(sandbox, client, replace("/allowedAuthMethods", [SECRET, JWT])) == 204
        assert patched(sandbox, client, replace("/allowedAuthMethods", [JWT])) == 204
        assert by_secret(sandbox, client, secret).status_code == 401
        assert sandbox.call("GET", path).json()["clientSecrets"] == []
        assert sandbox.log_in(client).status_code == 200

    def test_the_keys_are_replaced_as_a_whole_and_the_last_one_stays(self, sandbox, more_keys):
        old, new = more_keys[:2]
        client = sandbox.client(old)
        both = [old.public.to_dict(), new.public.to_dict()]
        for keys, works in ((both, (200, 200)), (both[1:], (401, 200)), (both, (200, 200))):
            assert patched(sandbox, client, replace("/publicKeys", keys)) == 204
            assert sandbox.call("GET", f"/{client.client_id}").json()["publicKeys"] == keys
            assert tuple(sandbox.log_in(client, key=key).status_code for key in (old, new)) == works
        for operation in (replace("/publicKeys", []), [{"op": "remove", "path": "/publicKeys"}]):
            assert patched(sandbox, client, operation) == 400
        assert sandbox.log_in(client).status_code == 200


def test_deletion_needs_the_id_twice_and_leaves_the_client_s_tokens(sandbox):
    client, other = sandbox.client(), sandbox.client()
    path = f"/{client.client_id}"
    for headers in ({}, {"qlik-confirm-delete": ""}, {"qlik-confirm-delete": other.client_id}):
        answer = sandbox.call("DELETE", path, headers=headers)
        assert (answer.status_code, "qlik-confirm-delete" in detail(answer)) == (400, True)
    assert total(sandbox) == 2
    bearer = {"authorization": f"Bearer {by_secret(sandbox, client).json()['access_token']}"}
    me = {"url": "/api/v1/users/me", "headers": bearer, "follow_redirects": True}
    assert sandbox.http.get(**me).status_code == 200
    assert sandbox.call("DELETE", path, headers={"qlik-confirm-delete": client.client_id}).status_code == 204
    assert (sandbox.http.get(**me).status_code, by_secret(sandbox, client).status_code) == (200, 401)
    assert [sandbox.call(method, path).status_code for method in ("GET", "DELETE")] == [404, 404]
    assert [one["clientId"] for one in sandbox.call("GET").json()["data"]] == [other.client_id]


def test_there_are_five_secrets_and_a_sixth_is_a_conflict(sandbox):
    client = sandbox.client()
    path = f"/{client.client_id}/client-secrets"
    secrets = [client.secret]
    for _ in range(4):
        made = sandbox.call("POST", path)
        assert (made.status_code, made.json()["clientId"]) == (201, client.client_id)
        secrets.append(made.json()["clientSecret"])
    sixth = sandbox.call("POST", path)
    assert (sixth.status_code, sixth.json().get("clientSecret")) == (409, None)
    assert {by_secret(sandbox, client, secret).status_code for secret in secrets} == {200}
    assert [sandbox.call("DELETE", f"{path}/{secrets[1][-6:]}").status_code for _ in range(2)] == [204, 404]
    assert [by_secret(sandbox, client, secret).status_code for secret in secrets] == [200, 401, 200, 200, 200]
    assert sandbox.call("POST", path).status_code == 201
    # Without the method there are none, and none is made.
    assert patched(sandbox, client, replace("/allowedAuthMethods", [])) == 204
    assert sandbox.call("POST", path).status_code == 400
    assert sandbox.call("GET", f"/{client.client_id}").json()["clientSecrets"] == []


class TestConsentAndPublishing:
    CONFIG = "/connection-configs/me"

    def test_consent_is_read_changed_and_deleted_and_only_trusted_logs_in(self, sandbox, client_keys):
        client = sandbox.client(client_keys["ES384"])
        path = f"/{client.client_id}{self.CONFIG}"
        assert sandbox.call("GET", path).json()["consentMethod"] == "trusted"
        assert sandbox.log_in(client).status_code == 200
        assert patched(sandbox, client, replace("/consentMethod", "required"), self.CONFIG) == 204
        refused = sandbox.log_in(client)
        assert (refused.status_code, "consent" in detail(refused)) == (400, True)
        document = {"consentMethod": "required", "status": "active", "deletedByOwner": False}
        assert sandbox.call("GET", path).json() == document
        whole = sandbox.call("GET", f"/{client.client_id}").json()
        assert whole["connectionConfig"] == {"consentMethod": "required"}
        assert sandbox.call("DELETE", path).status_code == 204
        assert [sandbox.call(method, path).status_code for method in ("GET", "DELETE")] == [404, 404]
        assert "connectionConfig" not in sandbox.call("GET", f"/{client.client_id}").json()
        assert sandbox.log_in(client).status_code == 400
        assert patched(sandbox, client, replace("/consentMethod", "trusted"), self.CONFIG) == 204

    def test_consent_is_required_by_default(self, sandbox):
        document = {"appType": "web", "clientName": "n", "allowedScopes": ["user_default"]}
        made = sandbox.call("POST", json={**document, "allowedGrantTypes": ["client_credentials"]}).json()
        assert made["connectionConfig"] == {"consentMethod": "required"}
        assert sandbox.get_token(made["clientId"], client_secret=made["clientSecret"]).status_code == 400

    def test_another_change_of_consent_is_refused(self, sandbox):
        client = sandbox.client()
        values = ("/consentMethod", "never"), ("/consentMethod", ["trusted"]), ("/status", "trusted")
        added = [{"op": "add", "path": "/consentMethod", "value": "trusted"}]
        twice = replace("/consentMethod", "trusted") * 2
        for body in ([], {}, twice, added, *(replace(*value) for value in values)):
            assert patched(sandbox, client, body, self.CONFIG) == 400
        assert sandbox.call("GET", f"/{client.client_id}{self.CONFIG}").json()["consentMethod"] == "trusted"

    def test_publishing_says_when_and_happens_once(self, sandbox):
        path = f"/{sandbox.client().client_id}"
        published = {"publishedAt": "2027-01-15T08:00:01.000Z"}
        for _ in range(2):
            sandbox.clock.advance(1)
            answer = sandbox.call("POST", f"{path}/actions/publish")
            assert (answer.status_code, answer.json()) == (201, published)
        assert sandbox.call("GET", path).json().items() > published.items()


class TestWhoMay:
    def test_without_a_credential_of_the_tenant_there_is_nothing(self, sandbox):
        calls = (("GET", ""), ("POST", ""), ("DELETE", f"/{sandbox.client().client_id}"))
        for credential in ("", "Bearer x", "Bearer ", "Basic eDp5", "Bearer"):
            for call in calls:
                answer = sandbox.call(*call, headers={"authorization": credential})
                assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")

    def test_a_person_without_the_role_sees_fewer_fields_and_changes_nothing(self, sandbox):
        client = sandbox.client()
        _, api_key = sandbox.tenant.add_user(name="Ada", subject="idp\\ada")
        as_ada = {"headers": {"authorization": f"Bearer {api_key}"}}
        path = f"/{client.client_id}"
        for seen in (sandbox.call("GET", path, **as_ada).json(), sandbox.call("GET", **as_ada).json()["data"][0]):
            assert (seen["clientId"], seen["clientName"]) == (client.client_id, "test client")
            assert not {"publicKeys", "clientSecrets", "allowedAuthMethods", "redirectUris"} & seen.keys()
        for call in (("POST", ""), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/client-secrets")):
            assert sandbox.call(*call, **as_ada).status_code == 403
        assert sandbox.call("GET", f"{path}/connection-configs/me", **as_ada).status_code == 403

    def test_a_machine_needs_the_scope_admin_classic(self, sandbox):
        machine = sandbox.client(allowedScopes=["user_default", "admin_classic"])
        for scope, status in (("user_default", 403), ("admin_classic", 200)):
            token = by_secret(sandbox, machine, scope=scope).json()["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            assert sandbox.call("GET", headers=headers).status_code == status
        document = {"appType": "spa", "clientName": "n"}
        assert sandbox.call("POST", json=document, headers=headers).json()["createdByType"] == "service"


class TestAddresses:
    def test_an_unknown_id_or_what_is_none_is_not_found(self, sandbox):
        for path in ("/", "/x", f"/{'A' * 32}", f"/{'0' * 31}", "/%2e%2e", f"/{'0' * 32}/"):
            assert sandbox.call("GET", path).status_code == 404
        path, config = f"/{'0' * 32}", "/connection-configs/me"
        below = {"GET": ("", config), "DELETE": ("", "/client-secrets/abcdef", config)}
        below["POST"] = ("/actions/publish", "/client-secrets")
        for method, rest in ((method, rest) for method, paths in below.items() for rest in paths):
            assert sandbox.call(method, path + rest).status_code == 404
        for rest in ("", config):
            patch = replace("/consentMethod", "trusted")
            assert sandbox.call("PATCH", path + rest, json=patch).status_code == 404

    def test_another_method_is_refused_with_those_that_are_allowed(self, sandbox):
        answer = sandbox.call("PUT", f"/{'0' * 32}", json={})
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, PATCH, DELETE")
        assert detail(answer) == "The sandbox takes GET, PATCH, DELETE here; a real tenant may take more."
