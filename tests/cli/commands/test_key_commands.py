"""The commands that change keys, in processes of their own on the sandbox: result, plan, errors, and nothing secret."""

from __future__ import annotations

import json
import uuid

import pytest
from fixtures.canaries import find_canaries
from fixtures.support import machine_client, write_contexts

import qlik_keys as qk
from qlik_keys.errors import StoreNotFound, TenantNotFound

pytestmark = pytest.mark.openbao


@pytest.fixture
def name():
    return f"cli-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def made(tenant, store, name):
    return qk.provision(tenant, store, name=name, scopes=["user_default"])


def with_secret(tenant, name):
    return tenant.oauth_clients.create(machine_client(name)).client.client_id


def test_a_client_s_whole_life(qlik_keys, tenant, store, name):
    ended = qlik_keys("provision", name, "--json")
    assert ended.code == 0, ended.err
    [result] = json.loads(ended.out)
    client_id = result["client_id"]
    assert (result["operation"], result["name"], result["created"]) == ("provision", name, True)
    assert ended.err == ""
    first = store.read(tenant.host, client_id).current.kid
    assert result["kid"] == first

    ended = qlik_keys("rotate", name, "--overlap-hours", "2", "-q")
    assert (ended.code, ended.err) == (0, "")
    second = store.read(tenant.host, client_id).current.kid
    assert second in ended.out
    assert "logs in until" in ended.out

    ended = qlik_keys("retire", client_id, "--json")
    assert (ended.code, ended.out) == (1, "")
    told = json.loads(ended.err)
    assert (told["error"], told["outcome"]) == ("ManualActionRequired", "not_applied")
    assert "can be removed in" in told["message"]
    assert qlik_keys("retire").out == "No old key is due for removal.\n"
    ended = qlik_keys("retire", client_id, "--force", "--json", "-q")
    assert json.loads(ended.out)[0]["retired"] == [first]

    ended = qlik_keys("revoke", name, "--alg", "RS256", "--bits", "2048")
    assert ended.code == 0
    assert "remain valid until they expire" in ended.err
    assert store.read(tenant.host, client_id).current.alg == "RS256"

    ended = qlik_keys("delete", name)
    assert ended.code == 2
    assert "--confirm" in ended.err
    assert qlik_keys("delete", name, "--confirm", name).code == 1
    assert tenant.oauth_clients.get(client_id)
    ended = qlik_keys("delete", client_id, "--confirm", client_id, "--remove-bot", "--json")
    [result] = json.loads(ended.out)
    assert (result["operation"], result["client_id"], result["keys_kept"]) == ("delete", client_id, False)
    assert (result["bot"]["name"], result["bot_removed"]) == (name, True)
    with pytest.raises(TenantNotFound):
        tenant.oauth_clients.get(client_id)
    with pytest.raises(StoreNotFound):
        store.read(tenant.host, client_id)
    assert qlik_keys("resume").out == "There was no interrupted operation.\n"


def test_the_id_of_a_client_to_delete_is_asked_for_on_standard_error(terminal, tenant, made):
    asked = terminal("delete", made.client_id, typed="something else\n")
    assert (asked.code, "Repeat" in asked.out) == (1, False)
    assert "Repeat the client's id" in asked.err
    assert tenant.oauth_clients.get(made.client_id)
    asked = terminal("delete", made.client_id, typed=f"{made.client_id}\n")
    assert (asked.code, "Repeat" in asked.out) == (0, False)
    with pytest.raises(TenantNotFound):
        tenant.oauth_clients.get(made.client_id)


def test_adopt_and_then_without_the_secret(qlik_keys, tenant, store, name):
    client_id = with_secret(tenant, name)
    assert "still log in" in qlik_keys("adopt", client_id).err
    assert qlik_keys("adopt", client_id, "--remove-secrets").code == 0
    assert tenant.oauth_clients.get(client_id).allowed_auth_methods == ("private_key_jwt",)


def test_a_move_to_transit_by_option_alone(qlik_keys, tenant, store, made):
    assert qlik_keys("rotate", made.client_id, "--at-once", QLIK_KEYS_CUSTODY="transit").code == 0
    assert store.read(tenant.host, made.client_id).custody == "kv"  # the environment is for first keys
    planned = qlik_keys("revoke", made.client_id, "--dry-run", "--custody", "transit")
    assert "custody changes from kv (" in planned.out
    assert qlik_keys("rotate", made.client_id, "--at-once", "--custody", "transit").code == 0
    assert store.read(tenant.host, made.client_id).custody == "transit"
    for words in (("rotate", made.client_id, "--at-once"), ("revoke", made.client_id)):
        assert qlik_keys(*words).code == 0
        assert store.read(tenant.host, made.client_id).custody == "transit"
    ended = qlik_keys("rotate", made.client_id, "--custody", "safe")
    assert (ended.code, "choose kv or transit" in ended.err) == (2, True)


PLANS = {
    "provision": (["a-new-one"], "write_pending"),
    "rotate": (["{id}"], "make_next"),
    "revoke": (["{id}"], "end_overlap"),
    "delete": (["{id}"], "delete_client"),
    "resume": ([], None),
}


@pytest.mark.parametrize("operation", PLANS)
def test_a_plan_changes_nothing(operation, qlik_keys, box, store, made):
    words, first = PLANS[operation]
    words = [word.format(id=made.client_id) for word in words]
    host = box.tenant_url.removeprefix("http://")
    before, seen = store.read(host, made.client_id), len(box.requests())
    spoken = qlik_keys(operation, *words, "--dry-run")
    assert spoken.code == 0, spoken.err
    plan = json.loads(qlik_keys(operation, *words, "--dry-run", "--json").out)
    assert plan["operation"] == operation
    assert plan["blocked"] == ""
    for step in plan["steps"]:
        assert step["title"] in spoken.out
    if first is not None:
        assert plan["steps"]
    assert store.read(host, made.client_id) == before
    assert {request["method"] for request in box.requests()[seen:]} <= {"GET"}


def test_a_plan_that_would_be_refused_fails(qlik_keys, tenant, store, made):
    qk.rotate(tenant, store, made.client_id)
    ended = qlik_keys("rotate", made.client_id, "--dry-run")
    assert ended.code == 1
    assert "would be refused" in ended.out


WRONG = {
    "no such algorithm": (["rotate", "x", "--alg", "HS256"], 2, "HS256"),
    "no such size": (["provision", "x", "--alg", "RS256", "--bits", "1024"], 2, "1024"),
    "a size of no algorithm": (["rotate", "x", "--bits", "2048"], 2, "add --alg"),
    "a size for P-384": (["provision", "x", "--alg", "ES384", "--bits", "2048"], 2, "P-384"),
    "no client": (["rotate"], 2, "CLIENT"),
    "no such client": (["rotate", "nobody-has-this-name"], 1, "Neither the tenant nor the store has a client named"),
    "no such id": (["revoke", "0" * 32], 1, "no key of client"),
    "no such option": (["rotate", "x", "--gently"], 2, "--gently"),
    "an endless overlap": (["rotate", "x", "--overlap-hours", "inf"], 2, "overlap-hours"),
    "an overlap that is no number": (["rotate", "x", "--overlap-hours", "nan"], 2, "overlap-hours"),
    "a negative overlap": (["rotate", "x", "--overlap-hours", "-1"], 2, "overlap-hours"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_told_without_a_traceback(case, qlik_keys):
    words, code, told = WRONG[case]
    ended = qlik_keys(*words)
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err
    assert "Traceback" not in ended.err


def test_one_name_for_two_clients_is_told_with_their_ids(qlik_keys, tenant, name):
    ids = [with_secret(tenant, name) for _ in range(2)]
    ended = qlik_keys("adopt", name)
    assert ended.code == 1
    assert all(client_id in ended.err for client_id in ids)
    for client_id in ids:
        tenant.oauth_clients.delete(client_id)


def test_the_policy_is_printed(qlik_keys, tenant):
    ended = qlik_keys("vault-policy", "--role", "admin", "--tenant", tenant.url)
    assert (ended.code, ended.out) == (0, qk.vault_policy("admin", tenant_host=tenant.host))
    for wrong in (
        ("--role", "king"),
        ("--role", "admin", "--custody", "zz"),
        ("--role", "admin", "--tenant", "http://a"),
    ):
        refused = qlik_keys("vault-policy", *wrong)
        assert (refused.code, refused.out) == (2, "")


def test_nothing_secret_is_printed(qlik_keys, box, tenant, store, name):
    said, keys = [], {}

    def run(*words):
        ended = qlik_keys(*words)
        said.append(ended.out + ended.err)
        for client_id in store.client_ids(tenant.host):
            record = store.read(tenant.host, client_id)
            if record.client_name == name:
                for kid, key in record.keys.items():
                    keys[kid] = json.loads(key.private.reveal("jwk"))["d"]
        return ended

    run("provision", name)
    for words in (["rotate", name], ["revoke", name, "--json"], ["rotate", name, "--at-once", "--json"]):
        run(*words, "--dry-run")
        run(*words)
    run("provision", name, "--scope", "admin_classic", "--json")
    run("resume", "--json")
    assert len(keys) >= 3
    for text in said:
        assert find_canaries(text, {**keys, "API key": box.api_key, "Vault token": box.vault_token}) == []


IN_A_PLACE = [
    ["provision", "NAME"],
    ["rotate", "NAME", "--dry-run"],
    ["retire", "NAME"],
    ["revoke", "NAME", "--dry-run"],
    ["adopt", "NAME", "--dry-run"],
    ["delete", "NAME", "--dry-run"],
    ["resume", "--dry-run"],
    ["clients"],
    ["audit", "--fail-on", "never"],
    ["doctor", "--client", "NAME"],
]


@pytest.mark.parametrize("words", IN_A_PLACE, ids=" ".join)
def test_the_place_may_be_a_context_or_an_address(words, made, qlik_keys, box, tmp_path):
    write_contexts(tmp_path, box)
    words = [made.name if word == "NAME" else word for word in words]
    for place, missing in (
        (["--context", "practice"], ["QLIK_TENANT_URL", "QLIK_API_KEY"]),
        (["-s", box.tenant_url], ["QLIK_TENANT_URL"]),
    ):
        ended = qlik_keys(*words, *place, "--json", **dict.fromkeys(missing))
        assert ended.code == 0, ended.err
        assert json.loads(ended.out) is not None
    assert qlik_keys(*words, "--context", "", "--json").code == 2


def test_quiet_tables_show_only_ids(made, qlik_keys):
    assert made.client_id in qlik_keys("clients", "-q").out.splitlines()
    found = qlik_keys("audit", "-q").out.splitlines()
    assert len(found) == len({*found})


@pytest.mark.parametrize("words", [["retire", ""], ["adopt", " "], ["rotate", ""]], ids=repr)
def test_an_empty_client_name_is_refused(words, qlik_keys, box):
    before = len(box.requests())
    ended = qlik_keys(*words)
    assert (ended.code, "is empty" in ended.err, len(box.requests()) - before) == (2, True, 0)
