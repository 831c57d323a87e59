"""The commands that change keys, on the sandbox: result, plan, errors, and nothing secret."""

import json
import shlex
import uuid

import pytest
from fixtures.canaries import find_canaries
from fixtures.support import machine_client, write_contexts

import qlik_keys as qk
from qlik_keys.errors import StoreNotFound, TenantNotFound


@pytest.fixture
def name():
    return f"cli-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def made(tenant, store, name):
    return qk.provision(tenant, store, name=name, scopes=["user_default"])


def test_a_client_s_whole_life_shows_no_secret(qlik_keys, box, tenant, store, name):
    said, keys = [], {}

    def run(*words):
        ended = qlik_keys(*words)
        said.append(ended.out + ended.err)
        for client_id in store.client_ids(tenant.host):
            record = store.read(tenant.host, client_id)
            if record.client_name == name:
                keys.update((kid, json.loads(key.private.reveal("jwk"))["d"]) for kid, key in record.keys.items())
        return ended

    ended = run("provision", name, "--json")
    assert (ended.code, ended.err) == (0, "")
    [result] = json.loads(ended.out)
    client_id = result["client_id"]
    assert (result["operation"], result["name"], result["created"]) == ("provision", name, True)
    first = store.read(tenant.host, client_id).current.kid
    assert result["kid"] == first

    assert run("rotate", name, "--dry-run").code == 0
    ended = run("rotate", name, "--overlap-hours", "2", "-q")
    assert (ended.code, ended.err) == (0, "")
    assert store.read(tenant.host, client_id).current.kid in ended.out
    assert "logs in until" in ended.out
    planned = run("rotate", client_id, "--dry-run")
    assert (planned.code, "would be refused" in planned.out) == (1, True)

    ended = run("retire", client_id, "--json")
    assert (ended.code, ended.out) == (1, "")
    told = json.loads(ended.err)
    assert (told["error"], told["outcome"]) == ("ManualActionRequired", "not_applied")
    assert "can be removed in" in told["message"]
    assert run("retire").out == "No old key is due for removal.\n"
    ended = run("retire", client_id, "--force", "--json", "-q")
    assert json.loads(ended.out)[0]["retired"] == [first]

    ended = run("revoke", name, "--alg", "RS256", "--bits", "2048")
    assert ended.code == 0
    assert "remain valid until they expire" in ended.err
    assert store.read(tenant.host, client_id).current.alg == "RS256"
    for words in (("clients", "-q"), ("audit", "-q")):
        shown = run(*words).out.splitlines()
        assert (len(shown), client_id in shown or words[0] == "audit") == (len({*shown}), True)

    assert "--confirm" in run("delete", name).err
    assert run("delete", name, "--confirm", name).code == 1
    assert tenant.oauth_clients.get(client_id)
    [result] = json.loads(run("delete", client_id, "--confirm", client_id, "--remove-bot", "--json").out)
    assert (result["operation"], result["client_id"], result["keys_kept"]) == ("delete", client_id, False)
    assert (result["bot"]["name"], result["bot_removed"]) == (name, True)
    with pytest.raises(TenantNotFound):
        tenant.oauth_clients.get(client_id)
    with pytest.raises(StoreNotFound):
        store.read(tenant.host, client_id)
    assert run("resume").out == "There was no interrupted operation.\n"
    policy = run("vault-policy", "--role", "admin", "--tenant", tenant.url)
    assert (policy.code, policy.out) == (0, qk.vault_policy("admin", tenant_host=tenant.host))

    assert len(keys) >= 3
    for text in said:
        assert find_canaries(text, {**keys, "API key": box.api_key, "Vault token": box.vault_token}) == []


def test_the_id_of_a_client_to_delete_is_asked_for_on_standard_error(terminal, tenant, made):
    for typed, code in (("something else", 1), (made.client_id, 0)):
        assert tenant.oauth_clients.get(made.client_id)
        asked = terminal("delete", made.client_id, typed=f"{typed}\n")
        assert (asked.code, "Repeat" in asked.out, "Repeat the client's id" in asked.err) == (code, False, True)
    with pytest.raises(TenantNotFound):
        tenant.oauth_clients.get(made.client_id)


def test_adopt_and_then_without_the_secret(qlik_keys, tenant, store, name):
    client_id = tenant.oauth_clients.create(machine_client(name)).client.client_id
    assert "still log in" in qlik_keys("adopt", client_id).err
    assert qlik_keys("adopt", client_id, "--remove-secrets").code == 0
    assert tenant.oauth_clients.get(client_id).allowed_auth_methods == ("private_key_jwt",)


def test_a_move_to_transit_by_option_alone(qlik_keys, tenant, store, made):
    def custody():
        return store.read(tenant.host, made.client_id).custody

    assert qlik_keys("rotate", made.client_id, "--at-once", QLIK_KEYS_CUSTODY="transit").code == 0
    assert custody() == "kv"  # the environment is for first keys
    planned = qlik_keys("revoke", made.client_id, "--dry-run", "--custody", "transit")
    assert "custody changes from kv (" in planned.out
    for words in (("rotate", "--at-once", "--custody", "transit"), ("rotate", "--at-once"), ("revoke",)):
        assert qlik_keys(*words, made.client_id).code == 0
        assert custody() == "transit"


PLANS = {"provision": "a-new-one", "rotate": "ID", "revoke": "ID", "delete": "ID", "resume": ""}


@pytest.mark.parametrize("operation", PLANS)
def test_a_plan_changes_nothing(operation, qlik_keys, box, store, made):
    words = PLANS[operation].replace("ID", made.client_id).split()
    host = box.tenant_url.removeprefix("http://")
    before, seen = store.read(host, made.client_id), len(box.requests())
    spoken = qlik_keys(operation, *words, "--dry-run")
    assert spoken.code == 0, spoken.err
    plan = json.loads(qlik_keys(operation, *words, "--dry-run", "--json").out)
    assert (plan["operation"], plan["blocked"]) == (operation, "")
    assert plan["steps"] or operation == "resume"
    assert all(step["title"] in spoken.out for step in plan["steps"])
    assert store.read(host, made.client_id) == before
    assert {request["method"] for request in box.requests()[seen:]} <= {"GET"}


WRONG = [
    ("rotate x --alg HS256", 2, "HS256"),
    ("rotate x --bits 2048", 2, "add --alg"),
    ("provision x --alg ES384 --bits 2048", 2, "P-384"),
    ("rotate no-client-of-this-name", 1, "Neither the tenant nor the store has a client named"),
    (f"revoke {'0' * 32}", 1, "no key of client"),
    ("rotate x --overlap-hours inf", 2, "overlap-hours"),
    ("rotate x --overlap-hours -1", 2, "overlap-hours"),
    ("rotate x --custody safe", 2, "choose kv or transit"),
    ("vault-policy --role king", 2, "king"),
    ("vault-policy --role admin --tenant http://a", 2, "http"),
]


@pytest.mark.parametrize(("words", "code", "told"), WRONG, ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_told_without_a_traceback(words, code, told, qlik_keys, box):
    before = len(box.requests())
    ended = qlik_keys(*shlex.split(words))
    assert (ended.code, ended.out) == (code, "")
    assert told in ended.err
    assert "Traceback" not in ended.err
    assert code == 1 or len(box.requests()) == before


IN_A_PLACE = """provision NAME|rotate NAME --dry-run|retire NAME|revoke NAME --dry-run|adopt NAME --dry-run
    |delete NAME --dry-run|resume --dry-run|clients|audit --fail-on never|doctor --client NAME"""


@pytest.mark.parametrize("words", IN_A_PLACE.split("|"), ids=str.strip)
def test_the_place_may_be_a_context_or_an_address(words, made, qlik_keys, box, tmp_path):
    write_contexts(tmp_path, box)
    words = words.replace("NAME", made.name).split()
    for place, missing in (
        (["--context", "practice"], ["QLIK_TENANT_URL", "QLIK_API_KEY"]),
        (["-s", box.tenant_url], ["QLIK_TENANT_URL"]),
    ):
        ended = qlik_keys(*words, *place, "--json", **dict.fromkeys(missing))
        assert ended.code == 0, ended.err
        assert json.loads(ended.out) is not None
    assert qlik_keys(*words, "--context", "", "--json").code == 2
