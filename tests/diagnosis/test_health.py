"""A healthy client has no finding, whoever asks, wherever its key is; what the caller cannot see is said."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime

import httpx
import pytest
from fixtures.fault_cases import MORE, clock_ahead_by
from fixtures.unhealthy_client import ALL, check_of, found, other_key_as
from fixtures.vault_server import VaultServer

import qlik_keys as qk
from qlik_keys.errors import AmbiguousName, ConfigurationError, StoreUsesReserved
from qlik_keys.keystore.vault.store import UserPass
from qlik_keys.rules.checks import CHECKS

pytestmark = pytest.mark.openbao
SEEN_BY_ADMINISTRATORS = {"consent", "method", "kid-registered"}
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])


def unchecked(diagnosis):
    return {check.name for check in diagnosis.checks if check.verdict == "not_checked"}


def consumer(unhealthy_client, custody):
    return qk.vault_policy(
        "consumer",
        tenant_host=unhealthy_client.tenant.host,
        client_id=unhealthy_client.client_id,
        client_name=unhealthy_client.name,
        custody=custody,
    )


def as_itself(unhealthy_client):
    source = qk.TokenSource.from_store(
        unhealthy_client.store, tenant_url=unhealthy_client.tenant.url, client_id=unhealthy_client.client_id
    )
    unhealthy_client.stack.enter_context(source)
    return qk.PrivateKeyJwtAuth(source)


@BOTH
@pytest.mark.parametrize("asked", ["id", "name"])
def test_everything_is_seen_by_an_administrator(unhealthy_client, custody, asked):
    unhealthy_client.make()
    unhealthy_client.asked_for = unhealthy_client.name if asked == "name" else ""
    diagnosis = unhealthy_client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], set())
    assert diagnosis.is_healthy
    assert (diagnosis.client_id, diagnosis.client_name) == (unhealthy_client.client_id, unhealthy_client.name)
    assert [check.name for check in diagnosis.checks] == list(CHECKS)
    assert not any(check.advice or check.fix for check in diagnosis.checks)


@BOTH
@pytest.mark.parametrize("default", [True, False], ids=["with default", "without default"])
def test_a_consumer_in_the_vault(unhealthy_client, custody, default):
    unhealthy_client.make()
    unhealthy_client.rules = consumer(unhealthy_client, custody)
    unhealthy_client.token_options = {"no_default_policy": not default}
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == []
    # Without `default` Vault does not tell a token how long it lives.
    assert unchecked(diagnosis) == (set() if default else {"vault-token"})
    assert ("read" in check_of(diagnosis, "vault-rights").why) is True


@BOTH
def test_the_client_itself_without_any_right_on_the_tenant(unhealthy_client, custody):
    unhealthy_client.make()
    unhealthy_client.rules = consumer(unhealthy_client, custody)
    unhealthy_client.credential = as_itself(unhealthy_client)
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == []
    assert check_of(diagnosis, "login").verdict == "passed"
    assert "Tenant Admin" in check_of(diagnosis, "client-exists").why
    assert {"consent", "method", "kid-registered", "scopes", "alg"} <= unchecked(diagnosis)


def test_the_client_itself_as_an_administrator(unhealthy_client):
    unhealthy_client.make(scopes=["admin_classic", "user_default"])
    unhealthy_client.credential = as_itself(unhealthy_client)
    diagnosis = unhealthy_client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], set())


def test_a_person_who_is_no_administrator(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.credential = qk.ApiKey(
        unhealthy_client.control("users", {"name": "Ada", "subject": "ada"})["apiKey"]
    )
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == []
    assert unchecked(diagnosis) >= SEEN_BY_ADMINISTRATORS
    for name in ("client-exists", "client-enabled", "machine-to-machine", "scopes", "login"):
        assert check_of(diagnosis, name).verdict == "passed", name


def test_a_credential_that_is_not_accepted_is_told_where_it_matters(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.credential = qk.ApiKey("wrong-api-key")
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["client-exists"]
    assert "401" in check_of(diagnosis, "client-exists").why
    assert check_of(diagnosis, "client-exists").advice
    assert check_of(diagnosis, "login").verdict == "passed"


def test_a_refused_look_whose_text_names_the_missing_scope_is_a_finding(unhealthy_client):
    unhealthy_client.make()
    words = {"errors": [{"code": "OAUTH-15", "title": "Forbidden", "detail": "Missing scope: admin.oauth-clients"}]}

    def refused(request, response):
        if "/oauth-clients/" not in request.url.path:
            return response
        response.read()
        return httpx.Response(403, json=words)

    unhealthy_client.on_its_way = refused
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["client-exists"]
    assert "admin.oauth-clients" in check_of(diagnosis, "client-exists").why
    assert check_of(diagnosis, "login").verdict == "passed"


@pytest.mark.parametrize("fault_case", ["consent", "method"])
def test_as_a_client_that_cannot_log_in_the_login_is_the_finding(unhealthy_client, fault_case):
    unhealthy_client.make(scopes=["admin_classic"])
    if fault_case == "consent":
        unhealthy_client.tenant.oauth_clients.set_consent(unhealthy_client.client_id, "required")
    else:
        unhealthy_client.patch("/allowedAuthMethods", ["client_secret"])
    unhealthy_client.credential = as_itself(unhealthy_client)
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["login"]
    assert "see login" in check_of(diagnosis, "client-exists").why
    assert "Tenant Admin's credential" in check_of(diagnosis, "login").advice


def test_a_login_of_the_stores_own_is_replaced_and_so_may_end(unhealthy_client):
    unhealthy_client.make()
    operator = unhealthy_client.operator
    if "unhealthy-clients/" not in operator.sys.list_auth_methods()["data"]:
        operator.sys.enable_auth_method("userpass", path="unhealthy-clients")
    operator.sys.create_or_update_policy("unhealthy-clients", ALL)
    operator.auth.userpass.create_or_update_user(
        "ada", "correct horse battery", mount_point="unhealthy-clients",
        token_policies=["unhealthy-clients"], token_ttl="2m", token_max_ttl="2m",
    )  # fmt: skip
    unhealthy_client.store_options = {"login": UserPass("ada", "correct horse battery", mount="unhealthy-clients")}
    diagnosis = unhealthy_client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], set())
    assert "logs in again" in check_of(diagnosis, "vault-token").why


@pytest.mark.parametrize(
    "life",
    [
        {"ttl": "5m", "renewable": True},
        {"ttl": "1h", "renewable": False},
        {"period": "30m"},
        {"ttl": "20m"},
        {"ttl": "20m", "explicit_max_ttl": "1h"},
        {"ttl": "1h", "num_uses": 100},
    ],
    ids=str,
)
def test_a_token_that_lives_long_enough(unhealthy_client, life):
    unhealthy_client.make()
    unhealthy_client.token_options = life
    assert unhealthy_client.diagnose().is_healthy


@pytest.mark.parametrize("seconds", [8, 30, 68, -11, -30, -59])
def test_a_clock_that_a_strict_tenant_takes(unhealthy_client, seconds):
    unhealthy_client.make()
    clock_ahead_by(seconds)(unhealthy_client)
    diagnosis = unhealthy_client.diagnose()
    assert diagnosis.is_healthy
    assert ("ahead of" if seconds > 0 else "behind") in check_of(diagnosis, "clock").why
    # Where the login is refused all the same, the clock is named next to what else it may be.
    unhealthy_client.box.configure(key_propagation_seconds=3600)
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["login"]
    assert "clock" in check_of(diagnosis, "login").advice


@pytest.mark.parametrize("fault_case", ["another issuer", "discovery refused"])
def test_a_login_does_not_need_what_the_tenant_says_of_itself(unhealthy_client, fault_case):
    unhealthy_client.make()
    MORE[fault_case].inflict(unhealthy_client)
    diagnosis = unhealthy_client.diagnose()
    assert check_of(diagnosis, "login").verdict == "passed"
    assert "evil.example.com" not in check_of(diagnosis, "audience").why


def test_something_else_that_refuses_is_not_taken_for_a_tenant(unhealthy_client):
    unhealthy_client.make()

    def refused(request, response):
        del request, response
        return httpx.Response(403, text="<html>Forbidden</html>")

    unhealthy_client.on_its_way = refused
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["discovery"]
    assert "See discovery" in check_of(diagnosis, "login").why


def seen_with(unhealthy_client, **changes):
    """The client as its tenant might show it, were it another one than the sandbox."""

    def changed(request, response):
        if request.method != "GET" or request.url.path != f"/api/v1/oauth-clients/{unhealthy_client.client_id}":
            return response
        document = json.loads(response.read())
        more = {name: change(document) for name, change in changes.items()}
        return httpx.Response(200, headers={"date": response.headers["date"]}, json={**document, **more})

    unhealthy_client.on_its_way = changed


@pytest.mark.parametrize("tag", [True, 1, {"reason": "abuse"}, ["abuse"], "abuse"], ids=str)
def test_a_mark_of_any_kind_disables(unhealthy_client, tag):
    unhealthy_client.make()
    seen_with(unhealthy_client, disableTag=lambda _: tag)
    assert found(unhealthy_client.diagnose()) == ["client-enabled"]


@pytest.mark.parametrize("tag", [None, False, "", 0], ids=str)
def test_no_mark_does_not(unhealthy_client, tag):
    unhealthy_client.make()
    seen_with(unhealthy_client, disableTag=lambda _: tag)
    assert unhealthy_client.diagnose().is_healthy


def test_of_two_keys_under_one_name_ours_is_compared(unhealthy_client):
    unhealthy_client.make()
    other = other_key_as(unhealthy_client.record.current.kid)
    seen_with(unhealthy_client, publicKeys=lambda document: [other, *document["publicKeys"]])
    assert check_of(unhealthy_client.diagnose(), "same-key").verdict == "passed"


def test_a_date_from_a_cache_counts_with_its_age(unhealthy_client):
    unhealthy_client.make()

    def aged(request, response):
        if request.url.path.startswith("/.well-known/"):
            date = parsedate_to_datetime(response.headers["date"]) - timedelta(seconds=600)
            headers = {"date": format_datetime(date, usegmt=True), "age": "600"}
            return httpx.Response(200, headers=headers, content=response.read())
        return response

    unhealthy_client.on_its_way = aged
    diagnosis = unhealthy_client.diagnose()
    assert diagnosis.is_healthy
    assert check_of(diagnosis, "clock").verdict == "passed"


def test_a_root_token_does_not_end(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.rules = ""
    assert "does not expire" in check_of(unhealthy_client.diagnose(), "vault-token").why


@BOTH
def test_in_the_overlap_of_a_rotation(unhealthy_client, custody):
    unhealthy_client.make()
    qk.rotate(unhealthy_client.tenant, unhealthy_client.store, unhealthy_client.client_id, overlap=timedelta(hours=1))
    assert unhealthy_client.diagnose().is_healthy


def test_a_client_by_secret_alone_has_no_key_to_be_looked_at(unhealthy_client):
    unhealthy_client.make(key=None, client_secret=True)
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == []
    assert unchecked(diagnosis) == {"method", "kid-registered", "same-key", "alg", "login"}
    assert "secret" in check_of(diagnosis, "login").why
    assert not diagnosis.is_healthy  # nobody has seen it log in
    assert "no finding; the login was not tried: The client authenticates by a client secret" in diagnosis.to_text()
    assert repr(diagnosis).endswith("no finding, but the login was not tried>")


def test_for_a_user_and_with_scopes(unhealthy_client):
    unhealthy_client.make(impersonation=True, scopes=["user_default", "apps:read"])
    subject = f"ada-{unhealthy_client.name}"
    unhealthy_client.control("users", {"name": "Ada", "subject": subject})
    unhealthy_client.seen = {"user": qk.UserLookup("subject", subject), "scopes": ["apps:read"]}
    diagnosis = unhealthy_client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], set())
    assert subject in check_of(diagnosis, "login").why
    unhealthy_client.seen["user"] = qk.UserLookup("subject", "nobody-of-that-name")
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["login"]
    assert "nobody-of-that-name" in check_of(diagnosis, "login").advice


@pytest.mark.parametrize("style", ["qlik", "rfc6749"])
def test_a_scope_that_another_covers_is_left_to_the_login(unhealthy_client, style):
    unhealthy_client.make(scopes=["apps"])
    unhealthy_client.box.configure(oauth_error_style=style)
    unhealthy_client.seen["scopes"] = ["apps:read"]
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["login"]  # this tenant goes by the name
    assert "includes it" in check_of(diagnosis, "scopes").why


@pytest.mark.parametrize(("custody", "uses"), [(one, uses) for one in ("kv", "transit") for uses in (2, 3, 5, 8, 12)])
def test_the_last_uses_of_a_vault_token_are_left_and_what_was_not_looked_at_is_said(unhealthy_client, uses):
    unhealthy_client.make()
    unhealthy_client.store_options["token"] = unhealthy_client.limited_token(uses)
    diagnosis = unhealthy_client.diagnose()
    left = unhealthy_client.uses_left(unhealthy_client.store_options["token"])
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


def test_a_token_good_for_its_own_look_up_alone_is_named(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.store_options["token"] = unhealthy_client.limited_token(1)
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["vault-token"]
    assert "login" in unchecked(diagnosis)


def test_the_tokens_of_a_login_of_the_stores_own_are_not_spared(unhealthy_client):
    unhealthy_client.make()
    operator = unhealthy_client.operator
    if "unhealthy-clients/" not in operator.sys.list_auth_methods()["data"]:
        operator.sys.enable_auth_method("userpass", path="unhealthy-clients")
    operator.sys.create_or_update_policy("unhealthy-clients", ALL)
    operator.auth.userpass.create_or_update_user(
        "eve", "correct horse battery", mount_point="unhealthy-clients",
        token_policies=["unhealthy-clients"], token_ttl="1h", token_num_uses=4,
    )  # fmt: skip
    unhealthy_client.store_options = {"login": UserPass("eve", "correct horse battery", mount="unhealthy-clients")}
    assert unhealthy_client.diagnose().is_healthy


@pytest.mark.parametrize("uses", [3, 12])
def test_other_threads_may_use_the_reserved_uses(unhealthy_client, uses):
    unhealthy_client.make()
    unhealthy_client.store_options["token"] = unhealthy_client.limited_token(uses)
    _, store = unhealthy_client.doctors()
    with store.reserving_uses(100), ThreadPoolExecutor(1) as pool:
        with pytest.raises(StoreUsesReserved):
            store.read(unhealthy_client.tenant.host, unhealthy_client.client_id)
        assert store.uses_left == uses - 1
        other = pool.submit(store.read, unhealthy_client.tenant.host, unhealthy_client.client_id)
        if uses == 12:
            assert other.result().client_id == unhealthy_client.client_id
    # The mount, the record: nothing else was asked, and nothing is held back any more.
    if uses == 12:
        assert (
            store.read(unhealthy_client.tenant.host, unhealthy_client.client_id).client_id == unhealthy_client.client_id
        )


@BOTH
@pytest.mark.parametrize("fault", ["consent", "method", "scopes"])
def test_a_disabled_bot_is_named_next_to_what_keeps_its_client_out(unhealthy_client, fault):
    unhealthy_client.make()
    unhealthy_client.control(f"users/{unhealthy_client.bot_user}/disable")
    if fault == "consent":
        unhealthy_client.tenant.oauth_clients.set_consent(unhealthy_client.client_id, "required")
    elif fault == "method":
        unhealthy_client.patch("/allowedAuthMethods", ["client_secret"])
    else:
        unhealthy_client.patch("/allowedScopes", [])
    diagnosis = unhealthy_client.diagnose()
    assert set(found(diagnosis)) == {fault, "user"}
    assert "bot user" in check_of(diagnosis, "user").why
    assert "disabled" in check_of(diagnosis, "user").why
    assert "under Users" in check_of(diagnosis, "user").advice


def test_a_disabled_user_for_whom_a_token_is_asked_is_named(unhealthy_client):
    unhealthy_client.make(impersonation=True)
    subject = f"ada-{unhealthy_client.name}"
    made = unhealthy_client.control("users", {"name": "Ada", "subject": subject})
    unhealthy_client.control(f"users/{made['id']}/disable")
    unhealthy_client.control(f"users/{unhealthy_client.bot_user}/disable")  # of no account here
    for user in (qk.UserLookup("subject", subject), qk.UserLookup("userId", made["id"])):
        unhealthy_client.seen["user"] = user
        diagnosis = unhealthy_client.diagnose()
        assert found(diagnosis) == ["user"]
        assert user.value in check_of(diagnosis, "user").why


def test_who_is_not_shown_the_users_reads_of_a_disabled_bot_by_the_login(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.control(f"users/{unhealthy_client.bot_user}/disable")
    unhealthy_client.credential = qk.ApiKey(
        unhealthy_client.control("users", {"name": "Ada", "subject": "ada-2"})["apiKey"]
    )
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["login"]
    assert "Tenant Admin" in check_of(diagnosis, "user").why
    assert "bot user is disabled" in check_of(diagnosis, "login").why


def test_a_tenant_that_refuses_to_list_its_users_hides_nothing_else(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.box.configure(fail_next=[{"fault": 403, "path": "/api/v1/users", "times": 5}])
    diagnosis = unhealthy_client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], {"user"})
    assert diagnosis.is_healthy


def test_a_client_that_never_logged_in_has_no_bot_user_yet(unhealthy_client):
    unhealthy_client.register()
    assert "no bot user yet" in check_of(unhealthy_client.diagnose(), "user").why


@pytest.mark.parametrize(
    ("name", "custody"),
    [(name, one) for one in ("kv", "transit") for name in ("wrong key written", "soft-deleted", "destroyed")]
    + [("private key emptied", "kv")],
)
def test_who_could_read_a_damaged_record_has_the_right_to_read(unhealthy_client, name):
    unhealthy_client.make()
    MORE[name].inflict(unhealthy_client)
    diagnosis = unhealthy_client.diagnose()
    assert "store-record" in found(diagnosis)
    rights = check_of(diagnosis, "vault-rights")
    assert (rights.verdict, "may read" in rights.why) == ("passed", True)
    assert "sign in Vault" not in rights.why  # nobody asked it to


class OnlyAKeyStore:
    """Somebody's store that offers what the Protocol asks for, and no more."""

    def __init__(self, store):
        self._store = store

    def __getattr__(self, name):
        if name in ("health", "renew_token", "reserving_uses", "uses_left"):
            raise AttributeError(name)
        return getattr(self._store, name)


def test_a_store_that_tells_nothing_of_its_login(unhealthy_client):
    unhealthy_client.make()
    tenant, store = unhealthy_client.doctors()
    diagnosis = qk.doctor(tenant, OnlyAKeyStore(store), unhealthy_client.client_id)
    assert (found(diagnosis), unchecked(diagnosis)) == ([], {"vault-token"})
    with pytest.raises(ConfigurationError):
        qk.fix(tenant, OnlyAKeyStore(store), unhealthy_client.client_id, "renew-vault-token")


def test_it_leaves_no_token_and_changes_nothing(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.box.configure(maximum_tokens=2)  # one is the verification's
    before = unhealthy_client.tenant.oauth_clients.get(unhealthy_client.client_id), unhealthy_client.record.version
    for _ in range(3):
        assert unhealthy_client.diagnose().is_healthy
    assert (
        unhealthy_client.tenant.oauth_clients.get(unhealthy_client.client_id),
        unhealthy_client.record.version,
    ) == before


def test_a_client_that_was_never_ours_is_not_logged_in(unhealthy_client):
    unhealthy_client.register()
    before = len([line for line in unhealthy_client.box.requests() if line["path"] == "/oauth/token"])
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["store-record"]
    assert "adopt" in check_of(diagnosis, "store-record").advice
    assert "bot user" in check_of(diagnosis, "login").why
    assert len([line for line in unhealthy_client.box.requests() if line["path"] == "/oauth/token"]) == before


def test_no_one_of_that_name(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.asked_for = f"{unhealthy_client.name}-misspelt"
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["client-exists"]
    assert (diagnosis.client_id, diagnosis.client_name) == ("", unhealthy_client.asked_for)


def test_several_of_one_name_and_no_name_at_all(unhealthy_client):
    first = unhealthy_client.make().client_id
    second = unhealthy_client.tenant.oauth_clients.create  # a second one of that name, by somebody else
    created = unhealthy_client.register(client_name=unhealthy_client.name) if second else None
    assert created is not None
    tenant, store = unhealthy_client.doctors()
    # As each operation, it asks the tenant: that the store has one of them says not that it is meant.
    name = unhealthy_client.tenant.oauth_clients.get(first).client_name
    with pytest.raises(AmbiguousName) as caught:
        qk.doctor(tenant, store, name)
    assert first in caught.value.hint
    assert created.client.client_id in caught.value.hint
    for empty in ("", "  "):
        with pytest.raises(ConfigurationError):
            qk.doctor(tenant, store, empty)
    with pytest.raises(TypeError):
        qk.doctor(tenant, store, first, scopes="user_default")
    unhealthy_client.tenant.oauth_clients.delete(first)


def test_it_can_be_shown(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.patch("/clientName", "<b>evil\u202e\x1b[31m name</b>")
    unhealthy_client.tenant.oauth_clients.set_consent(unhealthy_client.client_id, "required")
    diagnosis = unhealthy_client.diagnose()
    words = diagnosis.to_text()
    assert words.count("\n") == len(CHECKS) + 1 + 1  # the advice, and the fix
    assert "✗ failed       The client is trusted (consent, QK308 consent-not-trusted): " in words
    assert "What to do: Set the consent method to trusted." in words
    assert "One click: trust." in words
    assert "\x1b" not in words
    assert "\u202e" not in words
    html = diagnosis._repr_html_()
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    document = json.loads(json.dumps(diagnosis.to_dict()))
    assert document["findings"] == ["consent-not-trusted"]
    assert document["is_healthy"] is False
    assert {check["verdict"] for check in document["checks"]} == {"passed", "failed", "not_checked"}
    assert repr(diagnosis) == f"<Diagnosis {unhealthy_client.client_id}: consent-not-trusted>"
    unhealthy_client.tenant.oauth_clients.delete(unhealthy_client.client_id)


def test_the_function_stays_a_function_when_its_package_is_loaded():
    import qlik_keys.diagnosis.examine as module

    assert qk.doctor is module.doctor
    assert callable(qk.fix)
    assert {"doctor", "fix", "Diagnosis", "Check", "UserLookup"} <= set(qk.__all__)


def test_every_title_is_a_check():
    assert len(set(CHECKS.values())) == len(CHECKS)
    assert not any(a == b for a, b in itertools.combinations(CHECKS, 2))


def test_a_consumer_is_found_by_its_name(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.rules = consumer(unhealthy_client, "kv")
    unhealthy_client.credential = as_itself(unhealthy_client)
    unhealthy_client.asked_for = unhealthy_client.name
    diagnosis = unhealthy_client.diagnose()
    assert (diagnosis.client_id, found(diagnosis)) == (unhealthy_client.client_id, [])


def test_who_may_not_look_a_name_up_is_told_to_give_the_id(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.rules = consumer(unhealthy_client, "kv").replace('"list"', '"deny"')
    unhealthy_client.credential = as_itself(unhealthy_client)
    unhealthy_client.asked_for = unhealthy_client.name
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == []
    assert diagnosis.client_id == ""
    assert "give its id" in check_of(diagnosis, "client-exists").why


@pytest.mark.parametrize("scopes", [(), ("user_default",)], ids=["all scopes", "some scopes"])
def test_a_token_that_may_not_ask_who_it_is(unhealthy_client, scopes):
    unhealthy_client.make()
    unhealthy_client.seen["scopes"] = scopes
    unhealthy_client.box.configure(fail_next=[{"fault": 403, "path": "/api/v1/users/me"}])
    # Of few scopes that is no wonder.
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ([] if scopes else ["login"])
    assert "users/me" in check_of(diagnosis, "login").why


def test_what_the_tenant_fails_to_tell_is_not_guessed(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.box.configure(fail_next=[{"fault": 400, "path": "*/connection-configs/me"}])
    diagnosis = unhealthy_client.diagnose()
    assert (found(diagnosis), unchecked(diagnosis)) == ([], {"consent"})
    assert "400" in check_of(diagnosis, "consent").why
    unhealthy_client.box.configure(fail_next=[{"fault": 500, "path": "/api/v1/oauth-clients/*"}])
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == []
    assert "500" in check_of(diagnosis, "client-exists").why


def test_a_vault_that_is_sealed(unhealthy_client, tmp_path):
    unhealthy_client.make()
    with VaultServer(tmp_path) as vault:
        vault.initialize()
        unhealthy_client.store_options = {"url": vault.url, "token": vault.client.token}
        diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["store-record"]
    assert "sealed" in check_of(diagnosis, "store-record").why
    assert {"vault-token", "vault-rights", "login"} <= unchecked(diagnosis)


def test_a_login_goes_on_to_what_a_wrong_scope_does_not_explain(unhealthy_client):
    unhealthy_client.make()
    unhealthy_client.seen["scopes"] = ["apps:read"]
    diagnosis = unhealthy_client.diagnose()
    assert found(diagnosis) == ["scopes"]
    login = check_of(diagnosis, "login")
    assert (login.verdict, "Without the scopes" in login.why) == ("passed", True)
