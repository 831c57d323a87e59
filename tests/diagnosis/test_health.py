"""A healthy client has no finding, no matter who asks, wherever its key is; what the caller cannot see is said."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest
from fixtures.fault_cases import FAULT_CASES, MORE, clock_ahead_by
from fixtures.unhealthy_client import ALL, check_of, found, other_key_as

import qlik_keys as qk
from qlik_keys.errors import AmbiguousName, ConfigurationError, StoreUsesReserved
from qlik_keys.keystore.vault.store import UserPass
from qlik_keys.rules.checks import CHECKS

pytestmark = pytest.mark.openbao
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])


def unchecked(diagnosis):
    return {check.name for check in diagnosis.checks if check.verdict == "not_checked"}


def consumer(client, custody="kv"):
    names = {"tenant_host": client.tenant.host, "client_id": client.client_id, "client_name": client.name}
    return qk.vault_policy("consumer", custody=custody, **names)


def as_itself(client):
    source = qk.TokenSource.from_store(client.store, tenant_url=client.tenant.url, client_id=client.client_id)
    client.stack.enter_context(source)
    return qk.PrivateKeyJwtAuth(source)


@BOTH
def test_everything_is_seen_by_an_administrator(client, custody):
    client.make()
    for asked_for in ("", client.name):
        client.asked_for = asked_for
        diagnosis = client.diagnose()
        assert (found(diagnosis), unchecked(diagnosis), diagnosis.is_healthy) == ([], set(), True)
        assert (diagnosis.client_id, diagnosis.client_name) == (client.client_id, client.name)
        assert [check.name for check in diagnosis.checks] == list(CHECKS)
        assert not any(check.advice or check.fix for check in diagnosis.checks)
    qk.rotate(*client.everywhere, overlap=timedelta(hours=1))
    assert client.diagnose().is_healthy  # in the overlap too


@BOTH
def test_a_consumer_in_the_vault(client, custody):
    client.make()
    client.rules = consumer(client, custody)
    # Without the policy `default` Vault does not tell a token how long it lives.
    for without_default, unseen in ((False, set()), (True, {"vault-token"})):
        client.token_options = {"no_default_policy": without_default}
        diagnosis = client.diagnose()
        assert (found(diagnosis), unchecked(diagnosis)) == ([], unseen)
        assert "read" in check_of(diagnosis, "vault-rights").why


@BOTH
def test_the_client_itself_without_any_right_on_the_tenant(client, custody):
    client.make()
    client.rules = consumer(client, custody)
    client.credential = as_itself(client)
    client.asked_for = client.name
    diagnosis = client.diagnose()
    assert (diagnosis.client_id, found(diagnosis)) == (client.client_id, [])
    assert check_of(diagnosis, "login").verdict == "passed"
    assert "Tenant Admin" in check_of(diagnosis, "client-exists").why
    assert {"consent", "method", "kid-registered", "scopes", "alg"} <= unchecked(diagnosis)
    # A caller that may not look the name up in the store either is told to give the id.
    client.rules = client.rules.replace('"list"', '"deny"')
    diagnosis = client.diagnose()
    assert (diagnosis.client_id, found(diagnosis)) == ("", [])
    assert "give its id" in check_of(diagnosis, "client-exists").why


def test_a_person_who_is_no_administrator(client):
    client.make()
    client.credential = qk.ApiKey(client.control("users", {"name": "Ada", "subject": "ada"})["apiKey"])
    diagnosis = client.diagnose()
    assert found(diagnosis) == []
    assert unchecked(diagnosis) >= {"consent", "method", "kid-registered"}
    for name in ("client-exists", "client-enabled", "machine-to-machine", "scopes", "login"):
        assert check_of(diagnosis, name).verdict == "passed", name
    client.disable_bot()
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["login"]
    assert "Tenant Admin" in check_of(diagnosis, "user").why
    assert "bot user is disabled" in check_of(diagnosis, "login").why


@pytest.mark.parametrize("life", [{"token_ttl": "2m", "token_max_ttl": "2m"}, {"token_ttl": "1h", "token_num_uses": 4}])
def test_the_token_of_a_login_of_the_stores_own_may_end_and_its_uses_are_not_spared(client, life):
    client.make()
    auth, mount, user = client.operator.auth, "unhealthy-clients", f"user-of-{client.name}"
    if f"{mount}/" not in client.operator.sys.list_auth_methods()["data"]:
        client.operator.sys.enable_auth_method("userpass", path=mount)
    client.operator.sys.create_or_update_policy(mount, ALL)
    auth.userpass.create_or_update_user(user, "correct horse", mount_point=mount, token_policies=[mount], **life)
    client.store_options = {"login": UserPass(user, "correct horse", mount=mount)}
    diagnosis = client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], set())
    assert "logs in again" in check_of(diagnosis, "vault-token").why


def test_a_token_that_lives_long_enough(client):
    client.make()
    for life in (
        {"ttl": "5m", "renewable": True},
        {"ttl": "1h", "renewable": False},
        {"period": "30m"},
        {"ttl": "20m"},
        {"ttl": "20m", "explicit_max_ttl": "1h"},
        {"ttl": "1h", "num_uses": 100},
    ):
        client.token_options = life
        assert client.diagnose().is_healthy, life
    client.token_options, client.rules = {}, ""
    assert "does not expire" in check_of(client.diagnose(), "vault-token").why  # a root token


def test_a_clock_that_a_strict_tenant_takes(client):
    client.make()
    for seconds in (8, 68, -11, -59):
        clock_ahead_by(seconds)(client)
        diagnosis = client.diagnose()
        assert diagnosis.is_healthy
        assert ("ahead of" if seconds > 0 else "behind") in check_of(diagnosis, "clock").why
    # Where the login is refused all the same, the clock is named next to what else it may be.
    client.box.configure(key_propagation_seconds=3600)
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["login"]
    assert "clock" in check_of(diagnosis, "login").advice


def seen_with(**changes):
    """The client as its tenant might show it, were it another one than the sandbox."""

    def change(client):
        def changed(request, response):
            if request.method != "GET" or request.url.path != f"/api/v1/oauth-clients/{client.client_id}":
                return response
            document = json.loads(response.read())
            more = {name: change(document) for name, change in changes.items()}
            return httpx.Response(200, headers={"date": response.headers["date"]}, json={**document, **more})

        client.on_its_way = changed

    return change


def test_a_mark_of_any_kind_disables_and_none_does_not(client):
    client.make()
    for tag in (True, 1, {"reason": "abuse"}, ["abuse"], "abuse", None, False, "", 0):
        seen_with(disableTag=lambda _, tag=tag: tag)(client)
        assert found(client.diagnose()) == (["client-enabled"] if tag else []), tag


def answers(reply, path="/"):
    """All requests to such a path are answered so."""
    return lambda client: setattr(
        client, "on_its_way", lambda request, real: reply if path in request.url.path else real
    )


def fails(**fault):
    return lambda client: client.box.configure(fail_next=[fault])


def by_itself(fault):
    """A fault, and the doctor asks as the client itself."""

    def change(client):
        fault(client)
        client.credential = as_itself(client)

    return change


def two_keys_of_one_name(client):
    other = other_key_as(client.record.current.kid)
    seen_with(publicKeys=lambda document: [other, *document["publicKeys"]])(client)


def from_a_cache(client):
    def aged(request, response):
        if request.url.path.startswith("/.well-known/"):
            date = parsedate_to_datetime(response.headers["date"]) - timedelta(seconds=600)
            headers = {"date": format_datetime(date, usegmt=True), "age": "600"}
            return httpx.Response(200, headers=headers, content=response.read())
        return response

    client.on_its_way = aged


def scopes(*names, then=lambda _: None):
    def change(client):
        client.seen["scopes"] = names
        then(client)

    return change


def style(name):
    return lambda client: client.box.configure(oauth_error_style=name)


NO_SCOPE = {"errors": [{"code": "OAUTH-15", "title": "Forbidden", "detail": "Missing scope: admin.oauth-clients"}]}
TO_LOGIN = {"location": "https://login.example.com/sso?token=canary"}
NOT_TRUSTED, BY_SECRET = (FAULT_CASES[name].inflict for name in ("not trusted", "by secret only"))
AS_ITSELF = {"client-exists": "see login", "login": r"\|.*Tenant Admin's credential"}
LOGIN_HOST = "^(?!.*canary).*login.example.com"
NO_ME = fails(fault=403, path="/api/v1/users/me")
NO_WORDS = {"login": "^passed", "audience": "^(?!.*evil.example.com)"}
# The client's scopes, what is done to it, the findings, and what is told: a check's verdict | its why | its advice.
TOLD = {
    "wrong API key": (
        *((), lambda client: setattr(client, "credential", qk.ApiKey("wrong-api-key"))),
        *(["client-exists"], {"client-exists": r"401.*\|.+", "login": "^passed"}),
    ),
    "no scope to look": (
        *((), answers(httpx.Response(403, json=NO_SCOPE), "/oauth-clients/")),
        *(["client-exists"], {"client-exists": "admin.oauth-clients", "login": "^passed"}),
    ),
    "not trusted, by itself": (["admin_classic"], by_itself(NOT_TRUSTED), ["login"], AS_ITSELF),
    "by secret only, by itself": (["admin_classic"], by_itself(BY_SECRET), ["login"], AS_ITSELF),
    "an administrator, by itself": (["admin_classic", "user_default"], by_itself(lambda _: None), [], {}),
    "another issuer": ((), MORE["another issuer"].inflict, ["discovery"], NO_WORDS),
    "discovery refused": ((), MORE["discovery refused"].inflict, ["discovery"], NO_WORDS),
    "not a tenant": ((), answers(httpx.Response(403, text="<html>")), ["discovery"], {"login": "See discovery"}),
    "a redirect": ((), answers(httpx.Response(302, headers=TO_LOGIN)), ["discovery"], {"discovery": LOGIN_HOST}),
    "another path": ((), MORE["another path"].inflict, ["discovery"], {"discovery": "^(?!.*another name)"}),
    # A question that was interrupted changes nothing.
    "a lost answer": (
        *((), fails(fault="lost_answer", path="/.well-known/*")),
        *(["tenant-url"], {"tenant-url": "^(?!.*took effect)"}),
    ),
    "the tenant for a Vault": (
        *((), MORE["the tenant for a Vault"].inflict),
        *(["store-record"], {"store-record": "an answer that is not Vault's"}),
    ),
    "a pause": (  # for which a login would wait
        *((), fails(fault=429, path="/.well-known/*", retry_after=120)),
        *(["rate-budget"], {"rate-budget": "tier 1 for 120 seconds", "login": "^not_checked"}),
    ),
    "two keys of one name": ((), two_keys_of_one_name, [], {"same-key": "^passed"}),
    "a date from a cache": ((), from_a_cache, [], {"clock": "^passed"}),
    "no list of users": ((), fails(fault=403, path="/api/v1/users", times=5), [], {"user": "^not_checked"}),
    "no consent told": ((), fails(fault=400, path="*/connection-configs/me"), [], {"consent": "^not_checked.*400"}),
    "no client told": ((), fails(fault=500, path="/api/v1/oauth-clients/*"), [], {"client-exists": "500"}),
    # This tenant goes by the name of a scope, another one may take it as included.
    "an included scope": (["apps"], scopes("apps:read", then=style("qlik")), ["login"], {"scopes": "includes it"}),
    "the same by RFC": (["apps"], scopes("apps:read", then=style("rfc6749")), ["login"], {"scopes": "includes it"}),
    "a wrong scope": ((), scopes("apps:read"), ["scopes"], {"login": "^passed.*Without the scopes"}),
    "no name told": ((), scopes(then=NO_ME), ["login"], {"login": "users/me"}),
    "no name told to few scopes": ((), scopes("user_default", then=NO_ME), [], {"login": "users/me"}),
}


@pytest.mark.parametrize(("names", "change", "findings", "told"), TOLD.values(), ids=TOLD)
def test_what_is_told_of_answers_that_are_no_success(client, names, change, findings, told):
    client.make(scopes=names or ["user_default"])
    change(client)
    diagnosis = client.diagnose()
    assert found(diagnosis) == findings
    for name, words in told.items():
        check = check_of(diagnosis, name)
        assert re.search(words, f"{check.verdict} | {check.why} | {check.advice}", re.DOTALL), check


def test_a_client_by_secret_alone_has_no_key_to_be_looked_at(client):
    client.make(key=None, client_secret=True)
    diagnosis = client.diagnose()
    assert found(diagnosis) == []
    assert unchecked(diagnosis) == {"method", "kid-registered", "same-key", "alg", "login"}
    assert "secret" in check_of(diagnosis, "login").why
    assert not diagnosis.is_healthy  # its login was not seen
    assert "no finding; the login was not tried: The client authenticates by a client secret" in diagnosis.to_text()
    assert repr(diagnosis).endswith("no finding, but the login was not tried>")


def test_for_a_user_and_with_scopes(client):
    client.make(impersonation=True, scopes=["user_default", "apps:read"])
    subject = f"ada-{client.name}"
    made = client.control("users", {"name": "Ada", "subject": subject})
    client.seen = {"user": qk.UserLookup("subject", subject), "scopes": ["apps:read"]}
    diagnosis = client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], set())
    assert subject in check_of(diagnosis, "login").why
    client.seen["user"] = qk.UserLookup("subject", "no-user-of-that-name")
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["login"]
    assert "no-user-of-that-name" in check_of(diagnosis, "login").advice
    client.control(f"users/{made['id']}/disable")
    client.disable_bot()  # of no account here
    for user in (qk.UserLookup("subject", subject), qk.UserLookup("userId", made["id"])):
        client.seen["user"] = user
        diagnosis = client.diagnose()
        assert found(diagnosis) == ["user"]
        assert user.value in check_of(diagnosis, "user").why


@pytest.mark.parametrize(
    ("custody", "uses"), [("kv", 1), ("kv", 2), ("kv", 5), ("kv", 12), ("transit", 3), ("transit", 8)]
)
def test_the_last_uses_of_a_vault_token_are_left_and_what_was_not_looked_at_is_said(client, uses):
    client.make()
    client.store_options["token"] = client.limited_token(uses)
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["vault-token"]
    unseen = unchecked(diagnosis)
    assert ("store-record" in unseen) == (uses <= 6)
    if uses == 1:  # which its own look-up takes
        assert "login" in unseen
        return
    left = client.uses_left(client.store_options["token"])
    assert left >= min(uses - 1, 5)  # what a login needs, or all but the look that told of it
    token = check_of(diagnosis, "vault-token")
    assert f"used for {left} more request" in token.why
    assert "without a limit on its number of uses" in token.advice
    if unseen:
        first = next(name for name in ("store-record", "same-key", "vault-rights") if name in unseen)
        assert "vault-token" in check_of(diagnosis, first).why
        assert "some checks were skipped" in token.why
    else:
        assert check_of(diagnosis, "login").verdict == "passed"


def test_other_threads_may_use_the_reserved_uses(client):
    client.make()
    client.store_options["token"] = client.limited_token(12)
    _, store = client.doctors()
    place = client.tenant.host, client.client_id
    with store.reserving_uses(100), ThreadPoolExecutor(1) as pool:
        with pytest.raises(StoreUsesReserved):
            store.read(*place)
        assert store.uses_left == 11
        assert pool.submit(store.read, *place).result().client_id == client.client_id
    # The mount, the record: nothing else was asked, and nothing is held back any more.
    assert store.read(*place).client_id == client.client_id


def test_a_client_that_was_never_ours_is_not_logged_in_and_has_no_bot_user_yet(client):
    client.register()
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["store-record"]
    assert "adopt" in check_of(diagnosis, "store-record").advice
    assert "bot user" in check_of(diagnosis, "login").why
    assert "no bot user yet" in check_of(diagnosis, "user").why
    assert "no bot user yet" in check_of(client.diagnose(), "user").why  # the diagnosis before has not logged in


class OnlyAKeyStore:
    """A store that offers what the Protocol asks for, and no more."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        if name in ("health", "renew_token", "reserving_uses", "uses_left"):
            raise AttributeError(name)
        return getattr(self._store, name)


def test_a_store_that_tells_nothing_of_its_login(client):
    client.make()
    tenant, store = client.doctors()
    diagnosis = qk.doctor(tenant, OnlyAKeyStore(store), client.client_id)
    assert (found(diagnosis), unchecked(diagnosis)) == ([], {"vault-token"})
    with pytest.raises(ConfigurationError):
        qk.fix(tenant, OnlyAKeyStore(store), client.client_id, "renew-vault-token")


def test_it_leaves_no_token_and_changes_nothing(client):
    client.make()
    client.box.configure(maximum_tokens=2)  # one is the verification's
    before = client.registered, client.record.version
    for _ in range(3):
        assert client.diagnose().is_healthy
    assert (client.registered, client.record.version) == before


def test_a_name_that_no_client_has_that_several_have_or_that_is_empty(client):
    first = client.make().client_id
    client.asked_for = f"{client.name}-misspelt"
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["client-exists"]
    assert (diagnosis.client_id, diagnosis.client_name) == ("", client.asked_for)
    # As each operation, it asks the tenant: a record in the store does not say which one is meant.
    second = client.register(client_name=client.registered.client_name).client
    tenant, store = client.doctors()
    with pytest.raises(AmbiguousName) as caught:
        qk.doctor(tenant, store, second.client_name)
    assert first in caught.value.hint
    assert second.client_id in caught.value.hint
    for empty in ("", "  "):
        with pytest.raises(ConfigurationError):
            qk.doctor(tenant, store, empty)
    with pytest.raises(TypeError):
        qk.doctor(tenant, store, first, scopes="user_default")
    tenant.oauth_clients.delete(first)


def test_it_can_be_shown(client):
    client.make()
    client.patch("/clientName", "<b>evil\u202e\x1b[31m name</b>")
    client.set_consent("required")
    diagnosis = client.diagnose()
    words = diagnosis.to_text()
    assert words.count("\n") == len(CHECKS) + 1 + 1  # the advice, and the fix
    assert "✗ failed       The client is trusted (consent, QK308 consent-not-trusted): " in words
    assert "What to do: Set the consent method to trusted." in words
    assert "One click: trust." in words
    assert not {"\x1b", "\u202e"} & set(words)
    html = diagnosis._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    document = json.loads(json.dumps(diagnosis.to_dict()))
    assert (document["findings"], document["is_healthy"]) == (["consent-not-trusted"], False)
    assert {check["verdict"] for check in document["checks"]} == {"passed", "failed", "not_checked"}
    assert repr(diagnosis) == f"<Diagnosis {client.client_id}: consent-not-trusted>"
    client.tenant.oauth_clients.delete(client.client_id)
