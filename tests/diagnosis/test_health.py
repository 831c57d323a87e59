"""A healthy client has no finding, whoever asks, wherever its key is; what the caller cannot see is said."""

from __future__ import annotations

import json
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
@pytest.mark.parametrize("asked", ["id", "name"])
def test_everything_is_seen_by_an_administrator(client, custody, asked):
    client.make()
    client.asked_for = client.name if asked == "name" else ""
    diagnosis = client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], set())
    assert diagnosis.is_healthy
    assert (diagnosis.client_id, diagnosis.client_name) == (client.client_id, client.name)
    assert [check.name for check in diagnosis.checks] == list(CHECKS)
    assert not any(check.advice or check.fix for check in diagnosis.checks)


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


def test_the_client_itself_as_an_administrator(client):
    client.make(scopes=["admin_classic", "user_default"])
    client.credential = as_itself(client)
    diagnosis = client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], set())


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


def test_a_credential_that_is_not_accepted_is_told_where_it_matters(client):
    client.make()
    client.credential = qk.ApiKey("wrong-api-key")
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["client-exists"]
    assert "401" in check_of(diagnosis, "client-exists").why
    assert check_of(diagnosis, "client-exists").advice
    assert check_of(diagnosis, "login").verdict == "passed"


def test_a_refused_look_whose_text_names_the_missing_scope_is_a_finding(client):
    client.make()
    words = {"errors": [{"code": "OAUTH-15", "title": "Forbidden", "detail": "Missing scope: admin.oauth-clients"}]}
    refused = httpx.Response(403, json=words)
    client.on_its_way = lambda request, real: refused if "/oauth-clients/" in request.url.path else real
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["client-exists"]
    assert "admin.oauth-clients" in check_of(diagnosis, "client-exists").why
    assert check_of(diagnosis, "login").verdict == "passed"


@pytest.mark.parametrize("fault", ["not trusted", "by secret only"])
def test_as_a_client_that_cannot_log_in_the_login_is_the_finding(client, fault):
    client.make(scopes=["admin_classic"])
    FAULT_CASES[fault].inflict(client)
    client.credential = as_itself(client)
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["login"]
    assert "see login" in check_of(diagnosis, "client-exists").why
    assert "Tenant Admin's credential" in check_of(diagnosis, "login").advice


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


@pytest.mark.parametrize("fault", ["another issuer", "discovery refused"])
def test_a_login_does_not_need_what_the_tenant_says_of_itself(client, fault):
    client.make()
    MORE[fault].inflict(client)
    diagnosis = client.diagnose()
    assert check_of(diagnosis, "login").verdict == "passed"
    assert "evil.example.com" not in check_of(diagnosis, "audience").why


def test_something_else_that_refuses_is_not_taken_for_a_tenant(client):
    client.make()
    client.on_its_way = lambda *_: httpx.Response(403, text="<html>Forbidden</html>")
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["discovery"]
    assert "See discovery" in check_of(diagnosis, "login").why


def seen_with(client, **changes):
    """The client as its tenant might show it, were it another one than the sandbox."""

    def changed(request, response):
        if request.method != "GET" or request.url.path != f"/api/v1/oauth-clients/{client.client_id}":
            return response
        document = json.loads(response.read())
        more = {name: change(document) for name, change in changes.items()}
        return httpx.Response(200, headers={"date": response.headers["date"]}, json={**document, **more})

    client.on_its_way = changed


def test_a_mark_of_any_kind_disables_and_none_does_not(client):
    client.make()
    for tag in (True, 1, {"reason": "abuse"}, ["abuse"], "abuse", None, False, "", 0):
        seen_with(client, disableTag=lambda _, tag=tag: tag)
        assert found(client.diagnose()) == (["client-enabled"] if tag else []), tag


def test_of_two_keys_under_one_name_ours_is_compared(client):
    client.make()
    other = other_key_as(client.record.current.kid)
    seen_with(client, publicKeys=lambda document: [other, *document["publicKeys"]])
    assert check_of(client.diagnose(), "same-key").verdict == "passed"


def test_a_date_from_a_cache_counts_with_its_age(client):
    client.make()

    def aged(request, response):
        if request.url.path.startswith("/.well-known/"):
            date = parsedate_to_datetime(response.headers["date"]) - timedelta(seconds=600)
            headers = {"date": format_datetime(date, usegmt=True), "age": "600"}
            return httpx.Response(200, headers=headers, content=response.read())
        return response

    client.on_its_way = aged
    diagnosis = client.diagnose()
    assert (diagnosis.is_healthy, check_of(diagnosis, "clock").verdict) == (True, "passed")


@BOTH
def test_in_the_overlap_of_a_rotation(client, custody):
    client.make()
    qk.rotate(*client.everywhere, overlap=timedelta(hours=1))
    assert client.diagnose().is_healthy


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


@pytest.mark.parametrize("style", ["qlik", "rfc6749"])
def test_a_scope_that_another_covers_is_left_to_the_login(client, style):
    client.make(scopes=["apps"])
    client.box.configure(oauth_error_style=style)
    client.seen["scopes"] = ["apps:read"]
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["login"]  # this tenant goes by the name
    assert "includes it" in check_of(diagnosis, "scopes").why


@pytest.mark.parametrize(("custody", "uses"), [("kv", 2), ("kv", 5), ("kv", 12), ("transit", 3), ("transit", 8)])
def test_the_last_uses_of_a_vault_token_are_left_and_what_was_not_looked_at_is_said(client, uses):
    client.make()
    client.store_options["token"] = client.limited_token(uses)
    diagnosis = client.diagnose()
    left = client.uses_left(client.store_options["token"])
    assert left >= min(uses - 1, 5)  # what a login needs, or all but the look that told of it
    assert found(diagnosis) == ["vault-token"]
    token = check_of(diagnosis, "vault-token")
    assert f"used for {left} more request" in token.why
    assert "without a limit on its number of uses" in token.advice
    unseen = unchecked(diagnosis)
    assert ("store-record" in unseen) == (uses <= 6)
    if unseen:
        first = next(name for name in ("store-record", "same-key", "vault-rights") if name in unseen)
        assert "vault-token" in check_of(diagnosis, first).why
        assert "some checks were skipped" in token.why
    else:
        assert check_of(diagnosis, "login").verdict == "passed"


def test_a_token_good_for_its_own_look_up_alone_is_named(client):
    client.make()
    client.store_options["token"] = client.limited_token(1)
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["vault-token"]
    assert "login" in unchecked(diagnosis)


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


def test_a_tenant_that_refuses_to_list_its_users_hides_nothing_else(client):
    client.make()
    client.box.configure(fail_next=[{"fault": 403, "path": "/api/v1/users", "times": 5}])
    diagnosis = client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis), diagnosis.is_healthy) == ([], {"user"}, True)


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


@pytest.mark.parametrize(("scopes", "findings"), [((), ["login"]), (("user_default",), [])])
def test_a_token_that_may_not_ask_who_it_is(client, scopes, findings):
    client.make()
    client.seen["scopes"] = scopes
    client.box.configure(fail_next=[{"fault": 403, "path": "/api/v1/users/me"}])
    diagnosis = client.diagnose()
    assert found(diagnosis) == findings  # of few scopes that is no wonder
    assert "users/me" in check_of(diagnosis, "login").why


def test_what_the_tenant_fails_to_tell_is_not_guessed(client):
    client.make()
    client.box.configure(fail_next=[{"fault": 400, "path": "*/connection-configs/me"}])
    diagnosis = client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], {"consent"})
    assert "400" in check_of(diagnosis, "consent").why
    client.box.configure(fail_next=[{"fault": 500, "path": "/api/v1/oauth-clients/*"}])
    diagnosis = client.diagnose()
    assert found(diagnosis) == []
    assert "500" in check_of(diagnosis, "client-exists").why


def test_a_login_goes_on_to_what_a_wrong_scope_does_not_explain(client):
    client.make()
    client.seen["scopes"] = ["apps:read"]
    diagnosis = client.diagnose()
    assert found(diagnosis) == ["scopes"]
    login = check_of(diagnosis, "login")
    assert (login.verdict, "Without the scopes" in login.why) == ("passed", True)
