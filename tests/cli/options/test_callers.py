"""Who calls, how often, and what is told when it does not work: the options that every call has."""

import json
import shlex
import stat

import pytest
from fixtures.canaries import find_canaries
from fixtures.support import machine_client, made_client

import qlik_keys as qk

pytestmark = pytest.mark.openbao


@pytest.fixture(scope="module")
def made(box):
    with made_client(box, "called") as made:
        yield made


@pytest.fixture
def name(qlik_keys):
    """Ask by these options who calls."""

    def ask(*words, **more):
        ended = qlik_keys("user", "me", *words, **more)
        assert ended.code == 0, ended.err
        return json.loads(ended.out)["name"]

    return ask


def test_a_client_calls_as_a_user_where_it_may(name, qlik_keys, box, made):
    ada = box.add_user("Ada Practice", "sandbox\\ada")
    with made_client(box, "embedded", impersonation=True):
        for words in (("--as-user", ada.user_id), ("--as-subject", "sandbox\\ada")):
            assert name("--client", "embedded", *words, QLIK_API_KEY=None) == "Ada Practice"
        ended = qlik_keys("user", "me", "--client", "embedded", "--as-subject", "unknown")
        assert (ended.code, ended.out, "no such user" in ended.err) == (1, "", True)
    ended = qlik_keys("user", "me", "--client", "called", "--as-subject", "sandbox\\administrator", "--json")
    told = json.loads(ended.err)
    assert (ended.code, told["error"], told["status"]) == (1, "AssertionRejected", 400)
    assert told["hint"].startswith("Check that the client may impersonate")


CLIENT = "0" * 32
WRONG = [
    ("raw get https://elsewhere.example/api/v1/users/me", 1, "The credential was not sent there"),
    ("raw get v1/../secrets", 1, "must not contain `..`"),
    ("raw post v1/oauth-clients --body-file /nowhere", 1, "cannot be read"),
    ("raw get 'v1/users/me#x'", 1, "must not contain `#`"),
    ("raw get v1/users/me --headers Host=elsewhere", 1, "the connection sets it itself"),
    ("user me --scope user_default", 2, "only a client"),
    ("user me --as-user x", 2, "client"),
    ("user me --client called --as-user x --as-subject y", 2, "one user"),
    ("raw get v1/users/me --headers 'Authorization=Bearer abc'", 1, "cannot be given as a header"),
    ("raw get v1/users/me --headers 'X-A=a\nb'", 1, "that is not allowed"),
    ("raw --method delete v1/users/me", 2, "No such option"),
    ("user me --client unknown", 1, "No client with the name 'unknown'"),
    ("user me --context nowhere", 1, "no contexts here"),
    ("user me --client ''", 2, "'--client': the value is empty"),
    ("user me --context ''", 2, "'--context': the value is empty"),
    (f"oauth-client patch {CLIENT}", 2, "nothing to change"),
    (f"oauth-client patch {CLIENT} --op add --path /a --value [1", 1, "begins like JSON"),
    (f"oauth-client patch {CLIENT} --op remove --path /a --body []", 2, "two changes"),
    ("oauth-client create --body []", 1, "not a JSON object"),
    ("oauth-token rm -Qx", 2, "No such option: -Q; put a value that begins with - last, after --"),
    ("oauth-clinet ls", 2, "Did you mean 'oauth-client'?"),
]


@pytest.mark.parametrize(("line", "code", "told"), WRONG, ids=[case[0] for case in WRONG])
def test_what_is_wrong_is_told_in_words_and_as_json(line, code, told, qlik_keys, box):
    words = shlex.split(line)
    ended = qlik_keys(*words)
    assert (ended.code, ended.out, told in ended.err, "Traceback" in ended.err) == (code, "", True, False), ended.err
    as_json = qlik_keys(*words, "--json")
    document = json.loads(as_json.err)
    assert told in document["message"] + document["hint"]
    assert document["title"]
    assert (as_json.code, document["outcome"]) == (code, "not_applied")
    assert find_canaries(ended.err + as_json.err, [box.api_key, box.vault_token]) == []


def test_a_private_key_is_never_registered(qlik_keys, tmp_path, tenant):
    key = qk.generate(qk.KeySpec("ES384"))
    private = {**json.loads(key.reveal("jwk")), "kid": key.kid, "alg": "ES384", "use": "sig"}
    body = {"appType": "web", "clientName": "private", "publicKeys": [private]}
    patch = [{"op": "replace", "path": "/publicKeys", "value": [private]}]
    before = len(tenant.oauth_clients.list())
    for words, document in ((["create"], body), (["patch", CLIENT], patch)):
        (tmp_path / "body.json").write_text(json.dumps(document))
        ended = qlik_keys("oauth-client", *words, "--file", str(tmp_path / "body.json"))
        assert (ended.code, "This is a private key" in ended.err) == (1, True)
        assert find_canaries(ended.err, [private["d"]]) == []
    assert len(tenant.oauth_clients.list()) == before


def test_a_client_is_deleted_only_where_its_id_is_repeated(qlik_keys, terminal, tenant, box):
    def new():
        return tenant.oauth_clients.create(machine_client("doomed")).client.client_id

    client_id = new()
    paths = [f"v1/oauth-clients/{client_id}", f"/api/v1/oauth-clients/{client_id}/?a=b"]
    paths += [f"{box.tenant_url}/api/v1//oauth-clients/{client_id}", f"v1/oauth%2Dclients/{client_id}"]
    for words in [("oauth-client", "rm", client_id), *(("raw", "delete", path) for path in paths)]:
        before = len(box.requests())
        ended = qlik_keys(*words)
        assert (ended.code, ended.out, len(box.requests()) - before) == (2, "", 0), words
        assert f"qlik-confirm-delete={client_id}" in ended.err
        asked = terminal(*words, typed="something else\n")
        assert (asked.code, "Nothing is deleted" in asked.err) == (1, True)
    wrong = qlik_keys("oauth-client", "rm", client_id, "--confirm", CLIENT)
    assert (wrong.code, "Nothing is deleted" in wrong.err) == (1, True)
    assert tenant.oauth_clients.get(client_id)
    for words in (("oauth-client", "rm", client_id), ("raw", "delete", f"v1/oauth-clients/{(other := new())}")):
        assert terminal(*words, typed=f"{words[-1].rpartition('/')[2]}\n").code == 0
    for gone in (client_id, other):
        with pytest.raises(qk.errors.TenantNotFound):
            tenant.oauth_clients.get(gone)


def test_requests_are_told_without_a_secret_and_tried_again_as_often_as_was_asked(qlik_keys, box, made):
    ended = qlik_keys("user", "me", "--client", "called", "-v")
    lines = ended.err.splitlines()
    assert [line for line in lines if line.startswith("> ")][:2] == ["> POST /oauth/token", "> GET /api/v1/users/me"]
    assert lines[1].startswith("< 200 in ")
    assert find_canaries(ended.err, [box.api_key, box.vault_token]) == []
    assert qlik_keys("user", "me", "-v", "--json").err == ""
    assert "> GET /api/v1/oauth-clients?limit=1\n" in qlik_keys("oauth-client", "ls", "--limit", "1", "-v").err
    for times, retry, code in ((9, "0", 1), (1, "1", 0)):
        box.configure(fail_next=[{"method": "GET", "path": "/api/v1/users/*", "fault": 503, "times": times}])
        ended = qlik_keys("user", "me", "--retry", retry, "--interval", "1", "-v")
        box.configure(fail_next=[])
        assert (ended.code, ended.err.count("< 503"), "attempt 2" in ended.err) == (code, 1, not code)


def test_an_answer_with_a_secret_goes_to_a_file_of_its_owner_s_alone(qlik_keys, tmp_path, tenant):
    files = [tmp_path / name for name in ("new.json", "old.json", "me.json")]
    for file in files[1:]:
        file.write_text("")
        file.chmod(0o644)
    client = {"appType": "web", "clientName": "filed", "allowedScopes": ["user_default"]}
    client |= {"allowedGrantTypes": ["client_credentials"], "allowedAuthMethods": ["client_secret"]}
    for file in files[:2]:
        body = ["--body", json.dumps(client), "--output-file", str(file)]
        assert qlik_keys("raw", "post", "v1/oauth-clients", *body).code == 0
        made = json.loads(file.read_text())
        assert made["clientSecret"]
        tenant.oauth_clients.delete(made["clientId"])
    ended = qlik_keys("raw", "get", "v1/users/me", "--output-file", str(files[2]))
    assert (ended.code, ended.out, json.loads(files[2].read_text())["roles"]) == (0, "", ["TenantAdmin"])
    assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600, 0o600, 0o644]


NO_BEARER = "current-context: a\ncontexts: {a: {server: acme.eu.qlikcloud.com, headers: {Authorization: Basic x}}}\n"


@pytest.mark.parametrize("document", ["{", "current-context: gone\n", NO_BEARER])
def test_a_client_with_a_key_needs_no_context(document, name, qlik_keys, made, tmp_path):
    (tmp_path / ".qlik").mkdir()
    (tmp_path / ".qlik" / "contexts.yml").write_text(document)
    assert name("--client", "called", QLIK_API_KEY=None) == "called"
    assert qlik_keys("token", "--client", "called", "--stdout", QLIK_API_KEY=None).code == 0
    ended = qlik_keys("doctor", "--client", "called", QLIK_API_KEY=None)
    assert (ended.code, "Note: " in ended.err) == (0, True)


def test_control_characters_of_a_tenant_reach_no_terminal(terminal, tenant):
    client_id = tenant.oauth_clients.create(machine_client("evil\x1b[31m\x9bname")).client.client_id
    for words in (("oauth-client", "ls"), ("oauth-client", "get", client_id), ("oauth-client", "ls", "--json")):
        out = terminal(*words).out
        assert "evil" in out
        assert not {"\x1b", "\x9b"} & {*out}
    tenant.oauth_clients.delete(client_id)
