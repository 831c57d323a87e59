"""The two clients that Qlik publishes for its API, unmodified, against a sandbox: @qlik/api and qlik-sdk.

Each is installed by itself, in the versions that stand next to it, into a folder of this run; and each is driven by a
script as one of its users would write it. Plain http on loopback is all right with both.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from fixtures.other_programs import installed_by_npm, installed_by_pip, node, run

import qlik_keys as qk

pytestmark = [pytest.mark.openbao, pytest.mark.registry]

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def by_qlik_api(tmp_path_factory, box, client_keys):
    """What @qlik/api saw."""
    folder = installed_by_npm(HERE / "qlik_api", tmp_path_factory.mktemp("npm"))
    settings = {"host": box.tenant_url, "apiKey": box.api_key, "publicKey": client_keys["ES384"].public.to_dict()}
    return json.loads(node("drive_qlik_api.mjs", cwd=folder, input=json.dumps(settings)))


@pytest.fixture(scope="module")
def by_qlik_sdk(tmp_path_factory, box):
    """What qlik-sdk saw."""
    python = installed_by_pip(HERE / "qlik_sdk" / "requirements.txt", tmp_path_factory.mktemp("pip"))
    settings = {"host": box.tenant_url, "api_key": box.api_key}
    # -I: nothing of this environment's, and nothing of the working folder's, stands in for the SDK's own.
    script = str(HERE / "qlik_sdk" / "drive_qlik_sdk.py")
    return json.loads(run(subprocess.run, [python, "-I", script], input=json.dumps(settings)))


class TestQlikApi:
    def test_the_caller_is_found_through_the_redirect(self, by_qlik_api):
        assert by_qlik_api["admin"]["roles"] == ["TenantAdmin"]

    def test_a_client_is_created_and_read(self, by_qlik_api, client_keys):
        created, read = by_qlik_api["created"], by_qlik_api["read"]
        assert (created["status"], len(created["clientId"])) == (201, 32)
        assert (read["clientId"], read["clientName"]) == (created["clientId"], "by @qlik/api")
        assert "clientSecret" not in read
        assert [one["hint"] for one in read["clientSecrets"]] == [created["clientSecret"][-6:]]
        assert by_qlik_api["keyed"]["publicKeys"] == [client_keys["ES384"].public.to_dict()]
        assert "clientSecret" not in by_qlik_api["keyed"]

    def test_a_listing_is_filtered_sorted_and_paged(self, by_qlik_api):
        keyed, plain = by_qlik_api["keyed"]["clientId"], by_qlik_api["created"]["clientId"]
        assert by_qlik_api["pages"] == [[keyed], [plain]]
        assert by_qlik_api["total"] == 2

    def test_a_client_secret_gets_a_token(self, by_qlik_api):
        client_id = by_qlik_api["created"]["clientId"]
        assert by_qlik_api["token"]
        assert by_qlik_api["bot"]["subject"] == f"qlikbot\\{client_id}"
        assert by_qlik_api["bot"]["clientId"] == client_id
        assert by_qlik_api["impersonated"]["id"] == by_qlik_api["admin"]["id"] != by_qlik_api["bot"]["id"]

    def test_tokens_are_listed_and_ended_by_their_ids(self, by_qlik_api):
        rows = [row for (row,) in by_qlik_api["tokenPages"]]
        assert len(rows) == len({row["id"] for row in rows}) >= 2
        assert {row["userId"] for row in rows} == {by_qlik_api["bot"]["id"]}
        assert by_qlik_api["tokensDeleted"] == [204] * len(rows)
        assert by_qlik_api["afterDelete"]["status"] == 401

    def test_a_wrong_secret_is_refused_in_words_that_it_understands(self, by_qlik_api):
        (error,) = by_qlik_api["wrongSecret"]["errors"]
        assert error["code"] == "invalid_client"
        assert error["title"]

    def test_a_client_is_changed(self, by_qlik_api):
        assert by_qlik_api["patched"] == 204
        assert by_qlik_api["secretAdded"]["status"] == 202
        assert by_qlik_api["secretAdded"]["clientSecret"]
        assert (by_qlik_api["second"]["status"], by_qlik_api["secondDeleted"]) == (201, 204)
        assert (by_qlik_api["consentPatched"], by_qlik_api["consentDeleted"]) == (204, 204)
        assert by_qlik_api["consent"]["consentMethod"] == "required"
        assert by_qlik_api["changed"]["clientName"] == "renamed by @qlik/api"
        assert by_qlik_api["changed"]["publishedAt"] == by_qlik_api["published"]["publishedAt"]
        assert len(by_qlik_api["changed"]["clientSecrets"]) == 1

    def test_clients_are_deleted_when_that_is_confirmed(self, by_qlik_api):
        assert by_qlik_api["unconfirmed"]["status"] == 400
        assert by_qlik_api["deleted"] == [204, 204]
        assert by_qlik_api["gone"]["status"] == 404


class TestQlikSdk:
    def test_the_caller_is_found_through_the_redirect(self, by_qlik_sdk):
        assert by_qlik_sdk["admin"]["roles"] == ["TenantAdmin"]
        assert by_qlik_sdk["admin_by_class"] == by_qlik_sdk["admin"]["subject"]

    def test_a_client_is_created_and_read(self, by_qlik_sdk):
        created, read = by_qlik_sdk["created"], by_qlik_sdk["read"]
        assert created["status"] == 201
        assert (read["clientId"], read["clientName"]) == (created["clientId"], "by qlik-sdk 2")
        assert [one["hint"] for one in read["clientSecrets"]] == [created["clientSecret"][-6:]]

    def test_a_listing_is_filtered_and_paged(self, by_qlik_sdk):
        assert by_qlik_sdk["first_page"] == 1
        assert by_qlik_sdk["listed"] == by_qlik_sdk["ids"]

    def test_a_client_secret_by_http_basic_gets_a_token_and_gives_it_back(self, by_qlik_sdk):
        token = by_qlik_sdk["token"]
        assert token["scope"] == "user_default"
        assert token["expires_in"] > 0
        assert by_qlik_sdk["bot"]["subject"] == f"qlikbot\\{by_qlik_sdk['created']['clientId']}"
        assert by_qlik_sdk["after_deauthorize"] == "Unauthorized"

    def test_a_wrong_secret_is_refused_in_words_that_it_understands(self, by_qlik_sdk):
        assert by_qlik_sdk["wrong_secret"] == "Invalid client"

    def test_a_client_is_changed_and_deleted_when_that_is_confirmed(self, by_qlik_sdk):
        assert by_qlik_sdk["patched"] == 204
        assert by_qlik_sdk["changed"]["clientName"] == "renamed by qlik-sdk"
        assert by_qlik_sdk["unconfirmed"] == 400
        assert by_qlik_sdk["deleted"] == [204, 204, 204]
        assert by_qlik_sdk["gone"] == 404


def test_they_leave_nothing_on_the_tenant_and_nothing_secret_in_its_log(by_qlik_api, by_qlik_sdk, box):
    tenant = qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key))
    with tenant:
        mine = {client.client_id for client in tenant.oauth_clients.list()}
    made = {by_qlik_api["created"]["clientId"], by_qlik_api["keyed"]["clientId"], *by_qlik_sdk["ids"]}
    assert not made & mine
    log = json.dumps(box.requests())
    for secret in (by_qlik_api["created"]["clientSecret"], by_qlik_api["token"], by_qlik_sdk["token"]["access_token"]):
        assert secret not in log
