"""A client that may gets tokens of people at the sandbox, by the product."""

from __future__ import annotations

import uuid

import pytest
from fixtures.support import machine_client

import qlik_keys as qk
from qlik_keys.auth.token_endpoint import CLIENT_CREDENTIALS, IMPERSONATION, UserLookup
from qlik_keys.errors import TenantAuthError

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
            client_keys["ES384"],
            allowed_scopes=("user_default", "admin_classic"),
            allowed_grant_types=grants,
            allowed_auth_methods=("client_secret", "private_key_jwt"),
        )
        made = tenant.oauth_clients.create(new)
        client_id = made.client.client_id
        request.addfinalizer(lambda: tenant.oauth_clients.delete(client_id))
        return client_id, made.client_secret.reveal()

    return make


@pytest.fixture(params=["ES384", "form", "basic"])
def source(request, tenant, client_keys):
    """Make a source of tokens, by each way in which a client authenticates itself."""

    def make(client, user=None):
        options = {"secret": client[1], "secret_style": request.param}
        if request.param in client_keys:
            options = {"signer": client_keys[request.param].signer()}
        return qk.TokenSource(tenant.token_url, client_id=client[0], user=user, **options)

    return make


def as_user(tenant, tokens):
    return qk.QlikTenant(tenant.url, credential=qk.PrivateKeyJwtAuth(tokens))


@pytest.mark.parametrize("field", ["userId", "subject"])
def test_the_caller_is_the_person(tenant, client, source, ada, field):
    made = client(CLIENT_CREDENTIALS, IMPERSONATION)
    user = UserLookup(field, ada.user_id if field == "userId" else ada.subject)
    with source(made, user) as tokens, as_user(tenant, tokens) as as_ada:
        who = as_ada.users.me()
    with source(made) as tokens, as_user(tenant, tokens) as as_itself:
        bot = as_itself.users.me()
    assert (who.id, who.name, who.subject, who.client_id) == (ada.user_id, "Ada", ada.subject, "")
    assert (bot.client_id, bot.id == who.id) == (made[0], False)


def test_the_person_s_rights_are_what_counts_and_not_the_client_s(tenant, box, client, source, ada):
    made = client(IMPERSONATION)
    root = box.add_user("Root", f"idp\\{uuid.uuid4()}", roles=["TenantAdmin"])
    with source(made, UserLookup("userId", root.user_id)) as tokens, as_user(tenant, tokens) as as_root:
        assert as_root.oauth_clients.get(made[0]).client_id == made[0]
    with source(made, UserLookup("userId", ada.user_id)) as tokens, as_user(tenant, tokens) as as_ada:
        with pytest.raises(TenantAuthError) as caught:
            as_ada.oauth_clients.get(made[0])
        assert caught.value.status == 403
