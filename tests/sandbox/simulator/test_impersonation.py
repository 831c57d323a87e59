"""A client that may gets tokens of people, by the product and by requests of its own making, at the sandbox."""

from __future__ import annotations

import uuid

import httpx
import pytest
from fixtures.sandbox_client import ASSERTION_TYPE
from fixtures.support import machine_client

import qlik_keys as qk
from qlik_keys.auth.assertion import client_assertion
from qlik_keys.auth.token_endpoint import CLIENT_CREDENTIALS, IMPERSONATION, UserLookup
from qlik_keys.errors import AssertionRejected, TenantAuthError

pytestmark = pytest.mark.openbao


@pytest.fixture(scope="module")
def tenant(box):
    with qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant:
        yield tenant


@pytest.fixture
def ada(box):
    return box.add_user("Ada", f"idp\\{uuid.uuid4()}")


@pytest.fixture
def client(tenant, client_keys, request):
    """Make a client with both ways to log in; return its id and its secret."""

    def make(*grants):
        new = machine_client(
            "for people",
            *client_keys.values(),
            allowed_scopes=("user_default", "admin_classic"),
            allowed_grant_types=grants,
            allowed_auth_methods=("client_secret", "private_key_jwt"),
        )
        made = tenant.oauth_clients.create(new)
        client_id = made.client.client_id
        request.addfinalizer(lambda: tenant.oauth_clients.delete(client_id))
        return client_id, made.client_secret.reveal()

    return make


@pytest.fixture(params=["RS256", "RS512", "ES384", "form", "basic"])
def authentication(request, client_keys):
    """Each way in which a client authenticates itself: from its secret to the options of a source."""
    if request.param in client_keys:
        return lambda _secret: {"signer": client_keys[request.param].signer()}
    return lambda secret: {"secret": secret, "secret_style": request.param}


def lookup(person, field):
    return UserLookup(field, person.user_id if field == "userId" else person.subject)


def me(tenant, credential):
    with qk.QlikTenant(tenant.url, credential=credential) as as_user:
        return as_user.users.me()


@pytest.mark.parametrize("field", ["userId", "subject"])
def test_the_caller_is_the_person(tenant, client, authentication, ada, field):
    client_id, secret = client(CLIENT_CREDENTIALS, IMPERSONATION)
    options = {"client_id": client_id, **authentication(secret)}
    with (
        qk.TokenSource(tenant.token_url, user=lookup(ada, field), **options) as as_ada,
        qk.TokenSource(tenant.token_url, **options) as as_itself,
    ):
        who, bot = (me(tenant, qk.PrivateKeyJwtAuth(source)) for source in (as_ada, as_itself))
    assert (who.id, who.name, who.subject, who.client_id) == (ada.user_id, "Ada", ada.subject, "")
    assert (bot.client_id, bot.id == who.id) == (client_id, False)


@pytest.mark.parametrize("form", [True, False])
def test_by_a_form_and_by_json(tenant, client, client_keys, ada, form):
    client_id, _ = client(IMPERSONATION)
    user = {"field": "userId", "value": ada.user_id}
    document = {
        "grant_type": IMPERSONATION,
        "client_id": client_id,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": client_assertion(
            client_keys["ES384"].signer(), client_id=client_id, audience=tenant.token_url
        ),
        "scope": "user_default",
    }
    text = f'{{"field": "userId", "value": "{ada.user_id}"}}'
    sent = {"data": {**document, "user_lookup": text}} if form else {"json": {**document, "user_lookup": user}}
    token = httpx.post(tenant.token_url, **sent).raise_for_status().json()["access_token"]
    assert me(tenant, qk.ApiKey(token)).id == ada.user_id


def test_the_person_s_rights_are_what_counts_and_not_the_client_s(tenant, box, client, authentication, ada):
    client_id, secret = client(IMPERSONATION)
    root = box.add_user("Root", f"idp\\{uuid.uuid4()}", roles=["TenantAdmin"])

    def administer(person):
        with (
            qk.TokenSource(
                tenant.token_url, client_id=client_id, user=lookup(person, "userId"), **authentication(secret)
            ) as source,
            qk.QlikTenant(tenant.url, credential=qk.PrivateKeyJwtAuth(source)) as as_person,
        ):
            return as_person.oauth_clients.get(client_id).client_id

    assert administer(root) == client_id
    with pytest.raises(TenantAuthError) as caught:
        administer(ada)
    assert caught.value.status == 403


class TestRefused:
    @pytest.fixture
    def refusal(self, tenant, client, authentication):
        """Ask for a token that is refused; return status and code."""

        def ask(user, *grants):
            client_id, secret = client(*grants)
            with (
                qk.TokenSource(tenant.token_url, client_id=client_id, user=user, **authentication(secret)) as source,
                pytest.raises(AssertionRejected) as caught,
            ):
                source.token()
            return caught.value.status, caught.value.code

        return ask

    def test_a_client_without_the_grant(self, refusal, ada):
        assert refusal(lookup(ada, "userId"), CLIENT_CREDENTIALS) == (400, "unauthorized_client")

    def test_a_client_with_this_grant_alone_has_no_token_of_its_own(self, refusal):
        assert refusal(None, IMPERSONATION) == (400, "unauthorized_client")

    @pytest.mark.parametrize("field", ["userId", "subject"])
    def test_an_unknown_user(self, refusal, field):
        assert refusal(UserLookup(field, "nobody"), IMPERSONATION) == (400, "invalid_grant")

    def test_an_id_is_no_subject(self, refusal, ada):
        assert refusal(UserLookup("subject", ada.user_id), IMPERSONATION) == (400, "invalid_grant")

    def test_a_disabled_user(self, refusal, box, ada):
        box.set_user_disabled(ada.user_id, disabled=True)
        assert refusal(lookup(ada, "subject"), IMPERSONATION) == (403, "access_denied")
