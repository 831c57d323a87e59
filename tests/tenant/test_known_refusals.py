"""Known refusals are told in plain words (qlik-cloud-contract, "Errors seen in public reports")."""

import httpx
import pytest

import qlik_keys as qk
from qlik_keys import errors

ID = "0123456789abcdef0123456789abcdef"
NOT_A_MEMBER = "The user of this credential is not a member of this tenant."
NO_HOST = "No tenant that can be logged in to has this host name."
NO_CLIENT = "The tenant has no OAuth client of this id that may request a token in this way."
PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>canary of a page</body></html>"


def refusal(status, code, title, **more):
    return httpx.Response(
        status, json={"errors": [{"code": code, "title": title, "status": str(status)}], "traceId": "trace-1", **more}
    )


@pytest.mark.parametrize(
    ("answer", "kind", "said", "hint"),
    [
        (
            refusal(401, "LOGIN-2", "No authentication configured for this hostname"),
            errors.TenantAuthError,
            f"401: No authentication configured for this hostname [LOGIN-2]. {NO_HOST}",
            "Check the tenant's name and the region in the URL",
        ),
        (
            refusal(403, "AUTH-5", "User is not a member of tenant"),
            errors.TenantAuthError,
            f"403: User is not a member of tenant [AUTH-5]. {NOT_A_MEMBER}",
            "Use an API key or a client that was created on this tenant",
        ),
        (
            refusal(401, "LOGIN-10", "Login failed"),
            errors.TenantAuthError,
            "401: Login failed [LOGIN-10]. Qlik Cloud could not complete the login.",
            "Try again; if the problem persists, give Qlik's support the trace id.",
        ),
        (
            refusal(401, "INTERNAL-TOKEN-1", "No"),
            errors.TenantAuthError,
            "401: No [INTERNAL-TOKEN-1]. Qlik Cloud could not create its internal token for this call.",
            "Try again; if the problem persists, give Qlik's support the trace id.",
        ),
        *(
            (
                httpx.Response(status, text=f"\n  {PAGE}", headers={"content-type": "text/plain"}),
                errors.TenantAuthError,
                f"{status}. The answer is a web page, not one of Qlik Cloud's API.",
                "A single sign-on page, a proxy or another server answers at this address",
            )
            for status in (401, 403)
        ),
        (
            httpx.Response(200, html=PAGE),
            errors.TenantProtocolError,
            "with a web page instead of JSON.",
            "A single sign-on page, a proxy or another server answers at this address",
        ),
        (
            httpx.Response(502, html=PAGE),
            errors.TenantUnavailable,
            "502. The answer is a web page, not one of Qlik Cloud's API.",
            "Qlik Cloud has an internal problem. Try again later",
        ),
    ],
)
def test_a_known_refusal_is_told_in_plain_words(tenant_on, answer, kind, said, hint):
    tenant, _ = tenant_on(answer, retry=qk.tenant.RetryPolicy(attempts=1))
    with pytest.raises(kind) as caught:
        tenant.oauth_clients.get(ID)
    assert caught.value.message.startswith(
        f"The tenant {'acme.eu.qlikcloud.com ' if kind is not errors.TenantProtocolError else ''}answered GET "
    )
    assert caught.value.message.endswith(said)
    assert caught.value.hint.startswith(hint)
    assert "canary" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        (
            refusal(400, "OAUTH-14", "Invalid client_id \u2013 OAuth client is not authorized"),
            f"with 400 (Invalid client_id \u2013 OAuth client is not authorized [OAUTH-14]). {NO_CLIENT}",
            "Check that the client exists and is enabled, that this key is registered for it",
        ),
        (
            refusal(401, "LOGIN-2", "No"),
            f"with 401 (No [LOGIN-2]). {NO_HOST}",
            "Check the tenant's name and the region",
        ),
        (
            refusal(403, "AUTH-5", "No"),
            f"with 403 (No [AUTH-5]). {NOT_A_MEMBER}",
            "Use an API key or a client that was",
        ),
        (
            httpx.Response(403, html=PAGE),
            "with 403. The answer is a web page, not one of Qlik Cloud's API.",
            "A single sign-on page, a proxy or another server",
        ),
    ],
)
def test_a_known_refusal_of_a_token_is_told_in_plain_words(tenant_on, client_keys, answer, said, hint):
    tenant, _ = tenant_on(answer)
    source = qk.TokenSource(tenant.token_url, client_id=ID, signer=client_keys["ES384"].signer(), http=tenant.http)
    with pytest.raises(errors.AssertionRejected) as caught:
        source.token()
    assert caught.value.message.endswith(said)
    assert caught.value.hint.startswith(hint)


def test_a_sign_in_page_in_place_of_a_token_is_told(tenant_on, client_keys):
    tenant, _ = tenant_on(httpx.Response(200, html=PAGE))
    source = qk.TokenSource(tenant.token_url, client_id=ID, signer=client_keys["ES384"].signer(), http=tenant.http)
    with pytest.raises(errors.TenantProtocolError) as caught:
        source.token()
    assert caught.value.message == "The tenant answered POST /oauth/token with a web page instead of JSON."
    with pytest.raises(errors.TenantProtocolError, match=r"^The answer is a web page, not JSON\. A single"):
        tenant.raw("get", "v1/items").json()
