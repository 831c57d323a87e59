"""Every call of the contract's tables: what is sent, and what is made of the answer."""

import json
from datetime import UTC, datetime

import httpx
import pytest
from fixtures.canaries import find_canaries

from qlik_keys import errors
from qlik_keys.tenant import NewOAuthClient, PatchOperation, RegisteredKey, both, eq

URL = "https://acme.eu.qlikcloud.com"
CLIENTS = "/api/v1/oauth-clients"
SECRET = "the-client-secret"
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def page(*ids, next_href=None, **more):
    links = {"self": {"href": URL + CLIENTS}, **({"next": {"href": next_href}} if next_href else {})}
    return httpx.Response(200, json={"data": [{"clientId": id_} for id_ in ids], "links": links, **more})


def test_all_pages_of_a_listing_are_yielded_lazily_and_each_client_once(tenant_on):
    tenant, transport = tenant_on(
        page("a", "b", next_href=f"{URL}{CLIENTS}?limit=100&next=p%2B2%3D", totalResults=4),
        page("b", "c", next_href=f"{CLIENTS}?next=p3"),
        page(next_href="?next=p4"),
        page("d"),
    )
    listing = tenant.oauth_clients.iterate(eq("clientName", "x"), sort="-createdAt")
    assert transport.sent == []
    assert [client.client_id for client in listing] == ["a", "b", "c", "d"]
    assert [dict(httpx.URL(sent.url).params) for sent in transport.sent] == [
        {"filter": 'clientName eq "x"', "sort": "-createdAt", "limit": "100"},
        {"limit": "100", "next": "p+2="},
        {"next": "p3"},
        {"next": "p4"},
    ]
    assert set(transport.bearers()) == {"Bearer the-api-key"}
    tenant, transport = tenant_on(page("a", "b", next_href="?next=p2"), page("b", "c", "c"))
    pages = tenant.oauth_clients.overviews()
    assert [client["client_id"] for client in next(pages)] == ["a", "b"]
    assert len(transport.sent) == 1
    assert [[client["client_id"] for client in rest] for rest in pages] == [["c"]]


ELSEWHERE = (f"https://evil.example{CLIENTS}?next=1", f"//evil.example{CLIENTS}?next=1", f"{URL}/api/v1/users?next=1")
ELSEWHERE += (f"http://acme.eu.qlikcloud.com{CLIENTS}?next=1", "javascript:alert(1)", "https://[::1")


@pytest.mark.parametrize(
    ("call", "words"),
    [
        *((lambda clients, size=size: clients.iterate(page_size=size), "page_size") for size in (0, 101)),
        (lambda clients: clients.delete(""), "client_id"),
        (lambda _: PatchOperation("move", "/clientName", "x"), "must be"),
        (lambda _: PatchOperation("replace", "/publicKeys/0", "x"), "cannot be changed"),
        (lambda _: eq("description", "x"), "description"),
    ],
)
def test_an_argument_that_no_call_takes_is_the_callers_mistake(tenant_on, call, words):
    tenant, transport = tenant_on(page())
    with pytest.raises(ValueError, match=words):
        call(tenant.oauth_clients)
    assert transport.sent == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_users_me_follows_its_redirect_on_the_same_origin(tenant_on, status):
    user = {"id": "u1", "tenantId": "t1", "subject": "qlikbot\\c1", "clientId": "c1", "created": "2026-01-02T03:04:05Z"}
    for location in ("u1", f"{URL}/api/v1/users/u1"):
        redirect = httpx.Response(status, headers={"location": location})
        tenant, transport = tenant_on(redirect, httpx.Response(200, json=user))
        me = tenant.users.me()
        assert (me.id, me.tenant_id, me.subject, me.client_id) == ("u1", "t1", "qlikbot\\c1", "c1")
        assert me.created_at == MOMENT
        assert transport.paths() == ["GET /api/v1/users/me", "GET /api/v1/users/u1"]
        assert transport.bearers()[1] == "Bearer the-api-key"


ORIGINS = ("https://evil.example/api/v1/users/u1", "//evil.example/u1", "http://acme.eu.qlikcloud.com/u1")
ORIGINS += ("https://acme.eu.qlikcloud.com:444/u1", "https://[::1")  # the last is no address at all


def redirect(**headers):
    return httpx.Response(302, headers=headers)


@pytest.mark.parametrize(
    ("reply", "words", "requests"),
    [
        (page("a", next_href=f"{CLIENTS}?next=same"), "repeats itself", 2),
        *((page("a", next_href=href), "another address", 1) for href in ELSEWHERE),
        *((redirect(location=location), "another origin", 1) for location in ORIGINS),
        (redirect(location="/api/v1/users/me"), "in a loop", 4),
        (redirect(), "in a loop", 4),
    ],
)
def test_a_page_or_redirect_elsewhere_or_again_is_not_followed(tenant_on, reply, words, requests):
    tenant, transport = tenant_on(reply)
    with pytest.raises(errors.TenantProtocolError, match=words):
        (tenant.users.me if reply.status_code == 302 else tenant.oauth_clients.list)()
    assert len(transport.sent) == requests


def test_create_sends_exactly_what_to_json_says_and_returns_the_secret_once(tenant_on, client_keys):
    methods = ("client_secret", "private_key_jwt")
    key = client_keys["ES384"].public
    options = {"allowed_scopes": ("apps",), "allowed_grant_types": ("client_credentials",), "public_keys": (key,)}
    options |= {"allowed_auth_methods": methods, "consent_method": "trusted"}
    new = NewOAuthClient(app_type="web", client_name="etl", **options)
    made = {"clientId": "c1"}
    tenant, transport = tenant_on(*(httpx.Response(201, json=one) for one in ({**made, "clientSecret": SECRET}, made)))
    created = tenant.oauth_clients.create(new)
    assert (created.client.client_id, created.client_secret.reveal()) == ("c1", SECRET)
    assert SECRET not in repr(created)
    assert tenant.oauth_clients.create(new).client_secret is None
    expected = {
        "appType": "web",
        "clientName": "etl",
        "allowedScopes": ["apps"],
        "allowedGrantTypes": ["client_credentials"],
        "allowedAuthMethods": [*methods],
        "publicKeys": [key.to_dict()],
        "connectionConfig": {"consentMethod": "trusted"},
    }
    assert transport.sent[0].json == new.to_json() == expected


def test_patch_sends_rfc_6902_and_returns_a_new_secret(tenant_on, client_keys):
    tenant, transport = tenant_on(httpx.Response(202, json={"clientSecret": SECRET}), httpx.Response(204))
    keys = [client_keys["RS256"].public, RegisteredKey({"kid": "theirs", "x-odd": [1]})]
    operations = [
        PatchOperation("add", "/allowedAuthMethods", ["client_secret"]),
        PatchOperation("replace", "/publicKeys", keys),
        PatchOperation("remove", "/jwksUri"),
    ]
    assert tenant.oauth_clients.patch("c1", operations).reveal() == SECRET
    assert transport.sent[0].json == [
        {"op": "add", "path": "/allowedAuthMethods", "value": ["client_secret"]},
        {"op": "replace", "path": "/publicKeys", "value": [keys[0].to_dict(), {"kid": "theirs", "x-odd": [1]}]},
        {"op": "remove", "path": "/jwksUri"},
    ]
    assert tenant.oauth_clients.patch("c1", operations) is None


def test_secrets_are_made_and_deleted_by_their_hint(tenant_on):
    made = {"clientId": "c1", "clientSecret": SECRET, "hint": "th/e", "createdAt": "2026-01-02T03:04:05Z"}
    sixth = httpx.Response(409, json={"errors": [{"code": "x", "title": "too many"}]})
    tenant, transport = tenant_on(httpx.Response(201, json=made), httpx.Response(204), sixth)
    secret = tenant.oauth_clients.create_secret("c1")
    assert (secret.client_secret.reveal(), secret.hint) == (SECRET, "th/e")
    assert secret.created_at == MOMENT
    assert SECRET not in repr(secret)
    tenant.oauth_clients.delete_secret("c1", secret.hint)
    assert transport.sent[1].url == f"{URL}{CLIENTS}/c1/client-secrets/th%2Fe"
    with pytest.raises(errors.TenantConflict) as caught:
        tenant.oauth_clients.create_secret("c1")
    assert "five" in caught.value.hint


def test_consent_is_read_set_and_deleted_and_a_client_published_and_deleted(tenant_on):
    document = {"consentMethod": "required", "status": "active", "deletedByOwner": True}
    published = {"publishedAt": "2026-01-02T04:04:05+01:00"}
    gone = httpx.Response(204)
    tenant, transport = tenant_on(
        httpx.Response(200, json=document), gone, gone, httpx.Response(201, json=published), gone
    )
    config = tenant.oauth_clients.connection_config("c1")
    assert (config.consent_method, config.status, config.deleted_by_owner) == ("required", "active", True)
    tenant.oauth_clients.set_consent("c1", "trusted")
    tenant.oauth_clients.delete_connection_config("c1")
    assert tenant.oauth_clients.publish("c1") == MOMENT
    tenant.oauth_clients.delete("c1")
    path = f"{CLIENTS}/c1/connection-configs/me"
    calls = [f"GET {path}", f"PATCH {path}", f"DELETE {path}", f"POST {CLIENTS}/c1/actions/publish"]
    assert transport.paths() == [*calls, f"DELETE {CLIENTS}/c1"]
    assert transport.sent[1].json == [{"op": "replace", "path": "/consentMethod", "value": "trusted"}]
    assert transport.sent[4].headers["qlik-confirm-delete"] == "c1"


def test_an_id_cannot_leave_its_place_in_the_path(tenant_on):
    tenant, transport = tenant_on(httpx.Response(200, json={"clientId": "x"}))
    for client_id in ("../users", "a/b", "a?b=c", "a#b"):
        tenant.oauth_clients.get(client_id)
        start, _, rest = transport.sent[-1].url.rpartition("/")
        assert (start, "?" in rest) == (f"{URL}{CLIENTS}", False)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (httpx.Response(404, text="no such page"), errors.TenantNotFound),
        (httpx.Response(403, json={"errors": [{"code": "X", "title": "No"}]}), errors.TenantAuthError),
        (httpx.Response(200, text="<html>log in</html>"), errors.TenantProtocolError),
    ],
)
def test_discovery_finds_the_clock_skew_with_any_answer(tenant_on, clock, reply, kind):
    clock.now = 1_800_000_090.0
    reply.headers["date"] = "Fri, 15 Jan 2027 08:00:00 GMT"  # 1_800_000_000
    tenant, transport = tenant_on(reply)
    seen = tenant.discover()
    assert (seen.metadata, seen.skew_seconds, type(seen.problem)) == (None, 90.0, kind)
    assert transport.bearers() == [None]


def test_discovery_and_metadata_without_a_date_and_without_an_answer(tenant_on):
    document = {"issuer": URL, "token_endpoint": f"{URL}/oauth/token", "grant_types_supported": ["client_credentials"]}
    found = httpx.Response(200, json=document)
    tenant, transport = tenant_on(found, found, httpx.Response(503))
    seen = tenant.discover()
    assert (seen.metadata.token_endpoint, seen.problem, seen.skew_seconds) == (f"{URL}/oauth/token", None, None)
    assert tenant.metadata().grant_types_supported == ("client_credentials",)
    assert transport.paths() == ["GET /.well-known/oauth-authorization-server"] * 2
    assert transport.bearers() == [None, None]
    with pytest.raises(errors.TenantUnavailable):
        tenant.discover()


def test_filters_are_escaped_and_combined():
    assert eq("clientName", 'say "hi"') == r'clientName eq "say \"hi\""'
    assert eq("clientName", "zwei\nZeilen \\ ü") == r'clientName eq "zwei\nZeilen \\ ü"'
    assert both(eq("appType", "web")) == 'appType eq "web"'
    assert both(eq("appType", "web"), eq("clientId", "a")) == '(appType eq "web") and (clientId eq "a")'


def test_a_private_key_is_never_registered(client_keys):
    private = json.loads(client_keys["ES384"].reveal("jwk"))
    for form in (RegisteredKey, dict):
        with pytest.raises(errors.KeyMaterialError) as caught:
            PatchOperation("replace", "/publicKeys", [form(private)])
        assert find_canaries(str(caught.value), [private["d"]]) == []


def test_nothing_is_requested_by_the_constructor(tenant_on):
    tenant, transport = tenant_on(httpx.Response(200))
    assert (tenant.url, tenant.host, tenant.token_url) == (URL, "acme.eu.qlikcloud.com", URL + "/oauth/token")
    assert (tenant.notices, repr(tenant)) == ((), "<QlikTenant https://acme.eu.qlikcloud.com as API key>")
    assert transport.sent == []
