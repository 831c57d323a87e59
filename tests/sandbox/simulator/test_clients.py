"""/api/v1/oauth-clients of the sandbox: each rule of the contract, broken once."""

from __future__ import annotations

import pytest

JWT, SECRET = "private_key_jwt", "client_secret"


def detail(answer):
    (error,) = answer.json()["errors"]
    return error.get("detail", "")


def total(sandbox_client):
    return sandbox_client.call("GET", "?totalResults=true").json()["totalResults"]


def replace(path, value):
    return [{"op": "replace", "path": path, "value": value}]


class TestCreate:
    def test_the_answer_is_the_client_with_its_secret_once(self, sandbox_client):
        answer = sandbox_client.create(description="d")
        made = answer.json()
        secret = made.pop("clientSecret")
        read = sandbox_client.call("GET", f"/{made['clientId']}")
        assert answer.status_code == 201
        assert read.json() == made
        assert secret not in read.text + sandbox_client.call("GET").text
        assert made["clientSecrets"][0]["hint"] == secret[-6:]
        assert (made["createdByType"], made["createdAt"]) == ("user", "2027-01-15T08:00:00.000Z")
        assert made["connectionConfig"] == {"consentMethod": "trusted"}

    def test_there_is_no_secret_without_its_method(self, sandbox_client, client_keys):
        assert "clientSecret" not in sandbox_client.create(client_keys["ES384"]).json()

    def test_both_methods_go_together(self, sandbox_client, client_keys):
        made = sandbox_client.create(client_keys["ES384"], allowedAuthMethods=[JWT, SECRET]).json()
        assert made["clientSecret"]
        assert made["publicKeys"] == [client_keys["ES384"].public.to_dict()]

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"appType": "service"}, "appType"),
            ({"appType": None}, "appType"),
            ({"clientName": ""}, "clientName"),
            ({"clientName": " \t"}, "clientName"),
            ({"clientName": "n" * 513}, "clientName"),
            ({"clientName": 5}, "clientName"),
            ({"description": "d" * 4097}, "description"),
            ({"clientUri": "javascript:alert(1)"}, "clientUri"),
            ({"logoUri": "http:///logo.png"}, "logoUri"),
            ({"redirectUris": [f"https://a.example/{n}" for n in range(6)]}, "redirectUris"),
            ({"redirectUris": ["https://a.example/#x"]}, "redirectUris"),
            ({"redirectUris": ["a.example"]}, "redirectUris"),
            ({"allowedScopes": ["user_default", "user_default"]}, "allowedScopes"),
            ({"allowedScopes": ["two words"]}, "allowedScopes"),
            ({"allowedScopes": "user_default"}, "allowedScopes"),
            ({"allowedGrantTypes": ["password"]}, "allowedGrantTypes"),
            ({"allowedAuthMethods": ["none"]}, "allowedAuthMethods"),
            ({"allowedAuthMethods": [JWT]}, "publicKeys"),
            ({"allowedAuthMethods": [SECRET, JWT], "publicKeys": []}, "publicKeys"),
            ({"publicKeys": {}}, "publicKeys"),
            ({"allowedOrigins": ["https://a.example"]}, "allowedOrigins"),
            ({"connectionConfig": {"consentMethod": "required"}}, "connectionConfig"),
            ({"connectionConfig": {"consentMethod": "trusted", "more": 1}}, "connectionConfig"),
            ({"clientId": "0" * 32}, "read-only"),
            ({"createdAt": "2026-01-01T00:00:00Z"}, "read-only"),
        ],
    )
    def test_what_makes_no_client_is_refused_with_the_reason(self, sandbox_client, fields, word):
        answer = sandbox_client.create(**fields)
        assert answer.status_code == 400
        assert word in detail(answer)
        assert total(sandbox_client) == 0

    @pytest.mark.parametrize(
        ("fields", "word"),
        [
            ({"allowedGrantTypes": ["client_credentials"]}, "allowedGrantTypes"),
            ({"allowedAuthMethods": [SECRET]}, "allowedAuthMethods"),
            ({"allowedOrigins": ["https://a.example/path"]}, "allowedOrigins"),
            ({"allowedOrigins": ["HTTPS://a.example"]}, "allowedOrigins"),
            ({"allowedOrigins": [f"https://a{n}.example" for n in range(6)]}, "allowedOrigins"),
        ],
    )
    def test_another_app_type_has_its_own_rules(self, sandbox_client, fields, word):
        plain = {"appType": "spa", "allowedGrantTypes": [], "allowedAuthMethods": []}
        answer = sandbox_client.create(**plain, allowedOrigins=["https://a.example"])
        assert (answer.status_code, answer.json().get("clientSecret")) == (201, None)
        refused = sandbox_client.create(**{**plain, **fields})
        assert refused.status_code == 400
        assert word in detail(refused)

    def test_the_longest_that_is_allowed_is_taken(self, sandbox_client):
        fields = {
            "clientName": "n" * 512,
            "description": "d" * 4096,
            "redirectUris": [f"https://a.example/{n}" for n in range(5)],
            "allowedOrigins": [f"https://a{n}.example" for n in range(5)],
            "allowedGrantTypes": ["client_credentials", "urn:qlik:oauth:user-impersonation"],
        }
        assert sandbox_client.create(**fields).status_code == 201

    @pytest.mark.parametrize("body", [b"[]", b'"x"', b"null", b"{", b'{"appType":"web","appType":"spa"}', b"\xff", b""])
    def test_a_body_that_is_no_object_is_refused(self, sandbox_client, body):
        answer = sandbox_client.call("POST", content=body, headers={"content-type": "application/json"})
        assert answer.status_code == 400
        assert total(sandbox_client) == 0

    def test_another_media_type_is_refused(self, sandbox_client):
        assert sandbox_client.call("POST", data={"appType": "web"}).status_code == 415

    def test_a_body_that_is_too_large_is_refused(self, sandbox_client):
        assert sandbox_client.create(description="d" * 300_000).status_code == 413


class TestPatch:
    @pytest.mark.parametrize(
        ("operations", "word"),
        [
            ([], "at least one"),
            ({"op": "replace", "path": "/clientName", "value": "x"}, "array"),
            (["x"], "Operation 0"),
            ([{"op": "move", "path": "/clientName", "from": "/description"}], "op must be"),
            ([{"op": "test", "path": "/clientName", "value": "x"}], "op must be"),
            (replace("/appType", "spa"), "path must be"),
            (replace("/clientId", "x"), "path must be"),
            (replace("/publicKeys/0", {}), "no path to an entry"),
            ([{"op": "add", "path": "/publicKeys/-", "value": {}}], "no path to an entry"),
            (replace("/connectionConfig/consentMethod", "trusted"), "path must be"),
            (replace("clientName", "x"), "path must be"),
            ([{"op": "replace", "path": "/clientName"}], "value is missing"),
            ([{"op": "remove", "path": "/description"}], "does not exist"),
            (replace("/description", "x"), "does not exist"),
            ([{"op": "remove", "path": "/clientName"}], "clientName"),
            (replace("/allowedAuthMethods", [JWT]), "publicKeys"),
            (replace("/clientName", "x") * 101, "at most 100"),
        ],
    )
    def test_what_is_no_allowed_change_is_refused_and_changes_nothing(self, sandbox_client, operations, word):
        client = sandbox_client.client()
        before = sandbox_client.call("GET", f"/{client.client_id}").json()
        sandbox_client.clock.advance(1)
        first = [{"op": "add", "path": "/logoUri", "value": "https://a.example"}]
        sent = first + operations if operations and isinstance(operations, list) else operations
        for document in (operations, sent):
            answer = sandbox_client.call("PATCH", f"/{client.client_id}", json=document)
            assert answer.status_code == 400
            assert word.replace("Operation 0", "Operation ") in detail(answer)
        assert sandbox_client.call("GET", f"/{client.client_id}").json() == before

    def test_operations_are_applied_in_their_order(self, sandbox_client):
        client = sandbox_client.client()
        sandbox_client.clock.advance(1)
        operations = [
            {"op": "add", "path": "/description", "value": "first"},
            *replace("/description", "second"),
            *replace("/allowedScopes", ["user_default", "admin_classic"]),
            {"op": "add", "path": "/clientUri", "value": "https://a.example"},
            {"op": "remove", "path": "/clientUri"},
        ]
        assert sandbox_client.call("PATCH", f"/{client.client_id}", json=operations).status_code == 204
        read = sandbox_client.call("GET", f"/{client.client_id}").json()
        assert (read["description"], read["allowedScopes"]) == ("second", ["user_default", "admin_classic"])
        assert "clientUri" not in read
        assert read["updatedAt"] > read["createdAt"]

    def test_the_method_client_secret_makes_a_secret_and_its_removal_removes_all(self, sandbox_client, client_keys):
        client = sandbox_client.client(client_keys["ES384"])
        path = f"/{client.client_id}"
        added = sandbox_client.call("PATCH", path, json=replace("/allowedAuthMethods", [JWT, SECRET]))
        assert added.status_code == 202
        secret = added.json()["clientSecret"]
        assert sandbox_client.get_token(client.client_id, client_secret=secret).status_code == 200
        assert sandbox_client.call("PATCH", path, json=replace("/allowedAuthMethods", [SECRET, JWT])).status_code == 204
        assert sandbox_client.call("PATCH", path, json=replace("/allowedAuthMethods", [JWT])).status_code == 204
        assert sandbox_client.get_token(client.client_id, client_secret=secret).status_code == 401
        assert sandbox_client.call("GET", path).json()["clientSecrets"] == []
        assert sandbox_client.log_in(client).status_code == 200

    def test_the_keys_are_replaced_as_a_whole(self, sandbox_client, more_keys):
        old, new = more_keys[:2]
        client = sandbox_client.client(old)
        path = f"/{client.client_id}"
        both = [old.public.to_dict(), new.public.to_dict()]
        for keys, works in ((both, (200, 200)), (both[1:], (401, 200)), (both, (200, 200))):
            assert sandbox_client.call("PATCH", path, json=replace("/publicKeys", keys)).status_code == 204
            assert sandbox_client.call("GET", path).json()["publicKeys"] == keys
            assert tuple(sandbox_client.log_in(client, key=key).status_code for key in (old, new)) == works

    def test_the_last_key_stays_while_the_method_does(self, sandbox_client, client_keys):
        client = sandbox_client.client(client_keys["ES384"])
        for operation in (replace("/publicKeys", []), [{"op": "remove", "path": "/publicKeys"}]):
            assert sandbox_client.call("PATCH", f"/{client.client_id}", json=operation).status_code == 400
        assert sandbox_client.log_in(client).status_code == 200


class TestDelete:
    def test_it_needs_the_id_a_second_time(self, sandbox_client):
        client, other = sandbox_client.client(), sandbox_client.client()
        for headers in ({}, {"qlik-confirm-delete": ""}, {"qlik-confirm-delete": other.client_id}):
            answer = sandbox_client.call("DELETE", f"/{client.client_id}", headers=headers)
            assert answer.status_code == 400
            assert "qlik-confirm-delete" in detail(answer)
        assert total(sandbox_client) == 2

    def test_it_takes_the_client_and_leaves_its_tokens(self, sandbox_client):
        client, other = sandbox_client.client(), sandbox_client.client()
        token = sandbox_client.get_token(client.client_id, client_secret=client.secret).json()["access_token"]
        bearer = {"authorization": f"Bearer {token}"}
        me = {"headers": bearer, "follow_redirects": True}
        assert sandbox_client.http.get("/api/v1/users/me", **me).status_code == 200
        confirm = {"qlik-confirm-delete": client.client_id}
        assert sandbox_client.call("DELETE", f"/{client.client_id}", headers=confirm).status_code == 204
        assert sandbox_client.http.get("/api/v1/users/me", **me).status_code == 200
        assert sandbox_client.get_token(client.client_id, client_secret=client.secret).status_code == 401
        for again in (
            sandbox_client.call("GET", f"/{client.client_id}"),
            sandbox_client.call("DELETE", f"/{client.client_id}"),
        ):
            assert again.status_code == 404
        assert [one["clientId"] for one in sandbox_client.call("GET").json()["data"]] == [other.client_id]


class TestSecrets:
    def test_there_are_five_and_a_sixth_is_a_conflict(self, sandbox_client):
        client = sandbox_client.client()
        path = f"/{client.client_id}/client-secrets"
        secrets = [client.secret]
        for _ in range(4):
            made = sandbox_client.call("POST", path)
            assert made.status_code == 201
            assert made.json()["clientId"] == client.client_id
            secrets.append(made.json()["clientSecret"])
        sixth = sandbox_client.call("POST", path)
        assert (sixth.status_code, sixth.json().get("clientSecret")) == (409, None)
        for secret in secrets:
            assert sandbox_client.get_token(client.client_id, client_secret=secret).status_code == 200
        assert sandbox_client.call("DELETE", f"{path}/{secrets[1][-6:]}").status_code == 204
        assert sandbox_client.call("DELETE", f"{path}/{secrets[1][-6:]}").status_code == 404
        states = [sandbox_client.get_token(client.client_id, client_secret=secret).status_code for secret in secrets]
        assert states == [200, 401, 200, 200, 200]
        assert sandbox_client.call("POST", path).status_code == 201

    def test_a_method_that_would_be_the_sixth_secret_changes_nothing(self, sandbox_client):
        client = sandbox_client.client()
        path = f"/{client.client_id}"
        assert sandbox_client.call("PATCH", path, json=replace("/allowedAuthMethods", [])).status_code == 204
        assert sandbox_client.call("POST", f"{path}/client-secrets").status_code == 400
        assert sandbox_client.call("GET", path).json()["clientSecrets"] == []


class TestConsentAndPublishing:
    def test_consent_is_read_changed_and_deleted(self, sandbox_client):
        client = sandbox_client.client()
        path = f"/{client.client_id}/connection-configs/me"
        assert sandbox_client.call("GET", path).json()["consentMethod"] == "trusted"
        assert sandbox_client.call("PATCH", path, json=replace("/consentMethod", "required")).status_code == 204
        assert sandbox_client.call("GET", path).json() == {
            "consentMethod": "required",
            "status": "active",
            "deletedByOwner": False,
        }
        assert sandbox_client.call("GET", f"/{client.client_id}").json()["connectionConfig"] == {
            "consentMethod": "required"
        }
        assert sandbox_client.call("DELETE", path).status_code == 204
        assert [sandbox_client.call(method, path).status_code for method in ("GET", "DELETE")] == [404, 404]
        assert "connectionConfig" not in sandbox_client.call("GET", f"/{client.client_id}").json()
        assert sandbox_client.call("PATCH", path, json=replace("/consentMethod", "trusted")).status_code == 204

    def test_a_client_without_trusted_consent_does_not_log_in(self, sandbox_client, client_keys):
        client = sandbox_client.client(client_keys["ES384"], connectionConfig={"consentMethod": "trusted"})
        path = f"/{client.client_id}/connection-configs/me"
        assert sandbox_client.log_in(client).status_code == 200
        assert sandbox_client.call("PATCH", path, json=replace("/consentMethod", "required")).status_code == 204
        refused = sandbox_client.log_in(client)
        assert refused.status_code == 400
        assert "consent" in detail(refused)
        sandbox_client.call("DELETE", path)
        assert sandbox_client.log_in(client).status_code == 400

    def test_consent_is_required_when_nothing_is_said(self, sandbox_client):
        document = {"appType": "web", "clientName": "n", "allowedScopes": ["user_default"]}
        made = sandbox_client.call("POST", json={**document, "allowedGrantTypes": ["client_credentials"]}).json()
        assert made["connectionConfig"] == {"consentMethod": "required"}
        assert sandbox_client.get_token(made["clientId"], client_secret=made["clientSecret"]).status_code == 400

    @pytest.mark.parametrize(
        "body",
        [
            [],
            {},
            replace("/consentMethod", "trusted") * 2,
            replace("/consentMethod", "never"),
            replace("/consentMethod", ["trusted"]),
            replace("/status", "trusted"),
            [{"op": "add", "path": "/consentMethod", "value": "trusted"}],
        ],
    )
    def test_another_change_of_consent_is_refused(self, sandbox_client, body):
        client = sandbox_client.client()
        path = f"/{client.client_id}/connection-configs/me"
        assert sandbox_client.call("PATCH", path, json=body).status_code == 400
        assert sandbox_client.call("GET", path).json()["consentMethod"] == "trusted"

    def test_publishing_says_when_and_happens_once(self, sandbox_client):
        client = sandbox_client.client()
        path = f"/{client.client_id}"
        assert "publishedAt" not in sandbox_client.call("GET", path).json()
        sandbox_client.clock.advance(1)
        first = sandbox_client.call("POST", f"{path}/actions/publish")
        sandbox_client.clock.advance(1)
        second = sandbox_client.call("POST", f"{path}/actions/publish")
        assert (first.status_code, first.json()) == (201, {"publishedAt": "2027-01-15T08:00:01.000Z"})
        assert second.json() == first.json()
        assert sandbox_client.call("GET", path).json()["publishedAt"] == first.json()["publishedAt"]


class TestWhoMay:
    @pytest.mark.parametrize("credential", ["", "Bearer x", "Bearer ", "Basic eDp5", "Bearer"])
    def test_no_other_client_can_log_in(self, sandbox_client, credential):
        for method, path in (("GET", ""), ("POST", ""), ("DELETE", f"/{sandbox_client.client().client_id}")):
            answer = sandbox_client.call(method, path, headers={"authorization": credential})
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"] == "Bearer"

    def test_a_person_without_the_role_sees_fewer_fields_and_changes_nothing(self, sandbox_client):
        client = sandbox_client.client()
        _, api_key = sandbox_client.tenant.add_user(name="Somebody", subject="idp\\somebody")
        another_user = {"headers": {"authorization": f"Bearer {api_key}"}}
        path = f"/{client.client_id}"
        for seen in (
            sandbox_client.call("GET", path, **another_user).json(),
            sandbox_client.call("GET", **another_user).json()["data"][0],
        ):
            assert (seen["clientId"], seen["clientName"]) == (client.client_id, "test client")
            assert not {"publicKeys", "clientSecrets", "allowedAuthMethods", "redirectUris"} & seen.keys()
        writes = [("POST", ""), ("PATCH", path), ("DELETE", path), ("POST", f"{path}/client-secrets")]
        reads = [("GET", f"{path}/connection-configs/me")]
        for method, where in writes + reads:
            assert sandbox_client.call(method, where, **another_user).status_code == 403

    def test_a_machine_needs_the_scope_admin_classic(self, sandbox_client):
        machine = sandbox_client.client(allowedScopes=["user_default", "admin_classic"])
        for scope, status in (("user_default", 403), ("admin_classic", 200)):
            token = sandbox_client.get_token(machine.client_id, client_secret=machine.secret, scope=scope).json()[
                "access_token"
            ]
            headers = {"authorization": f"Bearer {token}"}
            assert sandbox_client.call("GET", headers=headers).status_code == status
        document = {"appType": "spa", "clientName": "n"}
        assert sandbox_client.call("POST", json=document, headers=headers).json()["createdByType"] == "service"

    def test_a_disabled_user_is_refused(self, sandbox_client):
        user, api_key = sandbox_client.tenant.add_user(name="Somebody", subject="s", roles=("TenantAdmin",))
        another_user = {"headers": {"authorization": f"Bearer {api_key}"}}
        statuses = []
        for disabled in (False, True, False):
            sandbox_client.tenant.set_user_disabled(user.user_id, disabled=disabled)
            statuses.append(sandbox_client.call("GET", **another_user).status_code)
        assert statuses == [200, 403, 200]


class TestAddresses:
    @pytest.mark.parametrize("path", ["/", "/x", f"/{'A' * 32}", f"/{'0' * 31}", "/%2e%2e", f"/{'0' * 32}/"])
    def test_what_is_no_address_as_written_is_not_found(self, sandbox_client, path):
        assert sandbox_client.call("GET", path).status_code == 404

    def test_an_unknown_id_is_not_found(self, sandbox_client):
        path = f"/{'0' * 32}"
        below = [
            ("GET", ""),
            ("DELETE", ""),
            ("POST", "/actions/publish"),
            ("POST", "/client-secrets"),
            ("DELETE", "/client-secrets/abcdef"),
            ("GET", "/connection-configs/me"),
            ("DELETE", "/connection-configs/me"),
        ]
        for method, rest in below:
            assert sandbox_client.call(method, path + rest).status_code == 404
        for rest in ("", "/connection-configs/me"):
            patch = replace("/consentMethod", "trusted")
            assert sandbox_client.call("PATCH", path + rest, json=patch).status_code == 404

    def test_another_method_is_refused_with_those_that_are_allowed(self, sandbox_client):
        answer = sandbox_client.call("PUT", f"/{'0' * 32}", json={})
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, PATCH, DELETE"
        detail = "The sandbox takes GET, PATCH, DELETE here; a real tenant may take more."
        assert answer.json()["errors"][0]["detail"] == detail
