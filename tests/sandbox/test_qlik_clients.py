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


def test_qlik_api_finds_the_caller_and_creates_reads_and_lists_clients(by_qlik_api, client_keys):
    created, read, keyed = (by_qlik_api[name] for name in ("created", "read", "keyed"))
    assert by_qlik_api["admin"]["roles"] == ["TenantAdmin"]
    assert (created["status"], len(created["clientId"])) == (201, 32)
    assert (read["clientId"], read["clientName"]) == (created["clientId"], "by @qlik/api")
    assert [one["hint"] for one in read["clientSecrets"]] == [created["clientSecret"][-6:]]
    assert keyed["publicKeys"] == [client_keys["ES384"].public.to_dict()]
    assert ("clientSecret" in read, "clientSecret" in keyed) == (False, False)
    assert (by_qlik_api["pages"], by_qlik_api["total"]) == ([[keyed["clientId"]], [created["clientId"]]], 2)


def test_qlik_api_gets_lists_and_ends_tokens(by_qlik_api):
    client_id, bot = by_qlik_api["created"]["clientId"], by_qlik_api["bot"]
    assert by_qlik_api["token"]
    assert (bot["subject"], bot["clientId"]) == (f"qlikbot\\{client_id}", client_id)
    assert by_qlik_api["impersonated"]["id"] == by_qlik_api["admin"]["id"] != bot["id"]
    rows = [row for (row,) in by_qlik_api["tokenPages"]]
    assert len(rows) == len({row["id"] for row in rows}) >= 2
    assert {row["userId"] for row in rows} == {bot["id"]}
    assert by_qlik_api["tokensDeleted"] == [204] * len(rows)
    assert by_qlik_api["afterDelete"]["status"] == 401
    (error,) = by_qlik_api["wrongSecret"]["errors"]
    assert (error["code"], bool(error["title"])) == ("invalid_client", True)


def test_qlik_api_changes_clients_and_deletes_them_when_that_is_confirmed(by_qlik_api):
    added, changed = by_qlik_api["secretAdded"], by_qlik_api["changed"]
    assert (by_qlik_api["patched"], added["status"], bool(added["clientSecret"])) == (204, 202, True)
    assert (by_qlik_api["second"]["status"], by_qlik_api["secondDeleted"]) == (201, 204)
    assert (by_qlik_api["consentPatched"], by_qlik_api["consentDeleted"]) == (204, 204)
    assert by_qlik_api["consent"]["consentMethod"] == "required"
    assert changed["clientName"] == "renamed by @qlik/api"
    assert changed["publishedAt"] == by_qlik_api["published"]["publishedAt"]
    assert len(changed["clientSecrets"]) == 1
    assert (by_qlik_api["unconfirmed"]["status"], by_qlik_api["gone"]["status"]) == (400, 404)
    assert by_qlik_api["deleted"] == [204, 204]


def test_qlik_sdk_creates_lists_and_deletes_clients_and_logs_in_by_http_basic(by_qlik_sdk):
    created, read = by_qlik_sdk["created"], by_qlik_sdk["read"]
    assert by_qlik_sdk["admin"]["roles"] == ["TenantAdmin"]
    assert by_qlik_sdk["admin_by_class"] == by_qlik_sdk["admin"]["subject"]
    assert (read["clientId"], read["clientName"]) == (created["clientId"], "by qlik-sdk 2")
    assert [one["hint"] for one in read["clientSecrets"]] == [created["clientSecret"][-6:]]
    assert (by_qlik_sdk["first_page"], by_qlik_sdk["listed"]) == (1, by_qlik_sdk["ids"])
    token = by_qlik_sdk["token"]
    assert (token["scope"], token["expires_in"] > 0) == ("user_default", True)
    assert by_qlik_sdk["bot"]["subject"] == f"qlikbot\\{created['clientId']}"
    assert (by_qlik_sdk["after_deauthorize"], by_qlik_sdk["wrong_secret"]) == ("Unauthorized", "Invalid client")
    assert (created["status"], by_qlik_sdk["patched"], by_qlik_sdk["unconfirmed"]) == (201, 204, 400)
    assert by_qlik_sdk["changed"]["clientName"] == "renamed by qlik-sdk"
    assert (by_qlik_sdk["deleted"], by_qlik_sdk["gone"]) == ([204, 204, 204], 404)


def test_they_leave_nothing_on_the_tenant_and_nothing_secret_in_its_log(by_qlik_api, by_qlik_sdk, box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        left = {client.client_id for client in tenant.oauth_clients.list()}
    assert not left & {by_qlik_api["created"]["clientId"], by_qlik_api["keyed"]["clientId"], *by_qlik_sdk["ids"]}
    log = json.dumps(box.requests())
    for secret in (by_qlik_api["created"]["clientSecret"], by_qlik_api["token"], by_qlik_sdk["token"]["access_token"]):
        assert secret not in log
