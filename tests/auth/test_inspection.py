"""A login inspected: what is shown is what is sent, and each way to break it is refused for its own reason."""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
from datetime import UTC, datetime

import httpx
import pytest
from fixtures.canaries import find_canaries
from fixtures.loopback import Loopback, Reply
from fixtures.scripted_transport import ScriptedTransport

import qlik_keys as qk
from qlik_keys.auth import inspection
from qlik_keys.auth.http_auth import Token
from qlik_keys.auth.invalid_variants import INVALID_VARIANTS
from qlik_keys.auth.token_endpoint import UserLookup
from qlik_keys.core.secret import Secret
from qlik_keys.errors import AssertionRejected, ConfigurationError, StoreNotFound, TenantAuthError, TenantUnavailable

SPECS = [qk.KeySpec("ES384"), qk.KeySpec("RS256", bits=2048), qk.KeySpec("RS512", bits=2048)]
# What the sandbox says, which verifies by another library than the one that signs here.
REASONS = {
    "wrong-kid": "kid is missing, or no registered key",
    "wrong-audience": "aud",
    "expired": "exp",
    "another-key": "ignature validation failed",
    "replayed": "ti was used before",
}


@pytest.fixture(scope="module")
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as opened:
        yield opened


@pytest.fixture(scope="module")
def logins(box, tenant):
    """(custody, alg) -> a store, and a client whose key it has."""
    made = {}
    with contextlib.ExitStack() as stores:
        for custody, spec in (*(("kv", spec) for spec in SPECS), ("transit", SPECS[0])):
            store = qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody)
            name, scopes = f"inspected {custody} {spec.alg}", ["user_default", "apps"]
            client = qk.provision(tenant, stores.enter_context(store), name=name, scopes=scopes, key=spec)
            made[custody, spec.alg] = (store, client.client_id)
        yield made


@pytest.fixture
def login(logins):
    return logins["kv", "ES384"]


LOGINS = pytest.mark.parametrize("kind", [*(("kv", spec.alg) for spec in SPECS), ("transit", "ES384")], ids="-".join)


@LOGINS
def test_a_genuine_assertion_is_shown_as_it_is_sent(tenant, logins, kind):
    store, client_id = logins[kind]
    prepared = inspection.prepare(tenant, store, client_id)
    kid = store.read(tenant.host, client_id).current.kid
    assert prepared.header == {"alg": kind[1], "kid": kid, "typ": "JWT"}
    assert [prepared.claims[name] for name in ("iss", "sub", "aud")] == [client_id, client_id, tenant.token_url]
    assert prepared.claims["exp"] - prepared.claims["iat"] == 180
    assert find_canaries(repr(prepared), [prepared.assertion.reveal()]) == []
    sent = [json.loads(base64.urlsafe_b64decode(part + "==")) for part in prepared.assertion.reveal().split(".")[:2]]
    assert sent == [prepared.header, prepared.claims]
    token = inspection.send(tenant, prepared, scopes=["apps"])
    assert token.scope == "apps"
    caller = tenant.with_credential(inspection.HeldToken(token, client_id=client_id))
    assert caller.users.me().subject == f"qlikbot\\{client_id}"


@pytest.mark.parametrize("fault", INVALID_VARIANTS)
@LOGINS
def test_each_fault_is_refused_for_its_own_reason(tenant, logins, kind, fault):
    good, bad = (inspection.prepare(tenant, *logins[kind], fault=each) for each in ("", fault))
    if fault == "replayed":
        assert inspection.send(tenant, bad).scope == "apps user_default"
    with pytest.raises(AssertionRejected) as caught:
        inspection.send(tenant, bad)
    assert (caught.value.status, caught.value.outcome) == (401, "not_applied")
    assert [name for name, reason in REASONS.items() if reason in caught.value.detail] == [fault]
    # The member that the fault names is the one that is wrong.
    member, sent = INVALID_VARIANTS[fault].member, {**bad.header, **bad.claims}
    changed = {name for name, value in {**good.header, **good.claims}.items() if sent[name] != value}
    assert not member or {member} <= changed <= {member, "jti", "iat", "exp"}


def test_nothing_invalid_is_sent_to_what_is_not_the_sandbox(login):
    transport, asked, key = ScriptedTransport(), [], qk.ApiKey("x" * 20)

    def answer(call):
        asked.append(call.path)
        return Reply(200, {}, {"x-qlik-keys-sandbox": "false"})

    with (
        qk.QlikTenant("https://acme.eu.qlikcloud.com", credential=key, transport=transport) as real,
        Loopback(answer) as server,  # a tenant that is not the sandbox, behind an address of this machine
        qk.QlikTenant(server.url, credential=key) as proxied,
    ):
        for fault, wrong in itertools.product(INVALID_VARIANTS, (real, proxied)):
            with pytest.raises(ConfigurationError, match="not the sandbox"):
                inspection.prepare(wrong, *login, fault=fault)
    assert (transport.sent, {*asked}) == ([], {"/.well-known/oauth-authorization-server"})


def test_what_fits_no_tenant_variant_or_client_is_refused(tenant, login):
    other = qk.QlikTenant("https://acme.eu.qlikcloud.com", credential=qk.ApiKey("x" * 20))
    with other, pytest.raises(ConfigurationError, match="was made for"):
        inspection.send(other, inspection.prepare(tenant, *login))
    with pytest.raises(ConfigurationError, match="no invalid variant 'rude'"):
        inspection.prepare(tenant, *login, fault="rude")
    with pytest.raises(StoreNotFound):
        inspection.prepare(tenant, login[0], "0" * 32)


def test_scopes_and_users_are_asked_for(tenant, login):
    with pytest.raises(AssertionRejected, match="scope that is asked for") as caught:
        inspection.send(tenant, inspection.prepare(tenant, *login), scopes=["admin_classic"])
    assert caught.value.status == 400
    store, _ = login
    made = qk.provision(tenant, store, name="inspected for users", scopes=["user_default"], impersonation=True)
    me = tenant.users.me()
    for user in (UserLookup("userId", me.id), UserLookup("subject", me.subject)):
        token = inspection.send(tenant, inspection.prepare(tenant, store, made.client_id), user=user)
        assert tenant.with_credential(inspection.HeldToken(token, client_id=made.client_id)).users.me().id == me.id
    with pytest.raises(AssertionRejected) as caught:
        inspection.send(tenant, inspection.prepare(tenant, store, made.client_id), user=UserLookup("userId", "unknown"))
    assert caught.value.status == 400


def test_a_held_token_is_never_renewed(tenant, login):
    token, sent = inspection.send(tenant, inspection.prepare(tenant, *login)), []
    held = inspection.HeldToken(token, client_id=login[1])
    caller = tenant.with_credential(held)
    assert caller.raw("get", "v1/users/me").status == 200
    inspection.revoke(tenant, token)
    unsubscribe = tenant.subscribe(lambda exchange: sent.append(exchange.status))
    with pytest.raises(TenantAuthError):
        caller.raw("get", "v1/users/me")
    unsubscribe()
    assert (sent, login[1] in repr(held)) == ([401], True)
    assert find_canaries(repr(held) + repr(caller) + held.describe(), [token.reveal()]) == []


def test_an_assertion_is_not_sent_again_when_the_tenant_may_have_seen_it(clock):
    """A second time its `jti` would be refused, and the refusal would hide what happened to the first."""
    url, key, transport = "https://acme.eu.qlikcloud.com", qk.ApiKey("x" * 20), ScriptedTransport(httpx.Response(503))
    with qk.QlikTenant(url, credential=key, transport=transport, clock=clock) as tenant:
        assertion = {"header": {"kid": "k"}, "claims": {}, "assertion": Secret("a.b.c")}
        prepared = inspection.Prepared(client_id="c1", token_url=tenant.token_url, fault="", **assertion)
        with pytest.raises(TenantUnavailable):
            inspection.send(tenant, prepared)
        assert len(transport.sent) == 1
        transport.replies = [
            httpx.Response(429, headers={"retry-after": "3"}),
            httpx.Response(200, json={"access_token": "t" * 20, "token_type": "Bearer", "expires_in": 60}),
        ]
        assert inspection.send(tenant, prepared).lifetime == 60
        assert [sent.form["client_assertion"] for sent in transport.sent[1:]] == ["a.b.c", "a.b.c"]


def test_each_member_is_explained():
    header = {"alg": "ES384", "kid": "2026-11-25_x", "typ": "JWT"}
    claims = {"iss": "c", "sub": "c", "aud": "https://a/oauth/token", "jti": "j", "iat": 1800000000, "exp": 1800000120}
    explained = {each.name: each for each in inspection.explain(header, claims)}
    assert [*explained] == [*header, *claims]
    assert all(each.meaning and each.rule for each in explained.values())
    for name, words in {"aud": "no slash at the end", "exp": "Here: 120 s.", "iat": "60 s in the past"}.items():
        assert words in explained[name].rule
    assert explained["iat"].value == "1800000000 (2027-01-15 08:00:00 UTC)"
    [odd] = inspection.explain({}, {"odd": ["x"]})
    assert (odd.value, odd.rule, "Not a member" in odd.meaning) == ('["x"]', "", True)
    for value in (True, None, "1800000000", -1, 1e300, float("nan"), float("inf"), []):  # no moments
        assert inspection.format_timestamp(value) == ""


def parts_of(text):
    life = {"expires_at": datetime.now(UTC), "lifetime": 1.0, "lifetime_known": True}
    return inspection.token_parts(Token(secret=Secret(text), scope="", token_type="Bearer", **life))


def part(document):
    return base64.urlsafe_b64encode(json.dumps(document).encode()).rstrip(b"=").decode()


def test_the_parts_of_a_token_that_is_a_jwt_and_of_one_that_is_none():
    claims = {"subType": "user", "purpose": "access", "jti": "j", "iat": 1, "exp": 2, "iss": "qlik.api"}
    parts = parts_of(f"{part({'alg': 'ES384'})}.{part(claims)}.c2lnbmF0dXJlLWNhbmFyeS1zaWduYXR1cmU")
    assert parts == {"header": {"alg": "ES384"}, "claims": claims}  # without the signature
    none, deep, binary = part({}), *(base64.urlsafe_b64encode(raw).decode() for raw in (b"[" * 5000, b"\xc8" * 9))
    wrong = (
        f"{none}.{part([])}.x",
        f"{part('x')}.{none}.x",
        f"{none}.{none}.x.y",
        f"{deep}.{none}.x",
        f"{binary}.{none}.x",
    )
    for text in ("opaque-token-0123456789", "a.b.c", "a.b", "..", *wrong):
        assert parts_of(text) is None, text
