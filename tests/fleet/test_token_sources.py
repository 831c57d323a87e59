"""Token sources in other processes: each makes one of its own by what it finds there, and no secret is sent."""

from __future__ import annotations

import multiprocessing
import pickle

import pytest
from fixtures.leaks import Leaks
from fixtures.support import made_client

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError

pytestmark = pytest.mark.openbao


def subjects(factory):
    """Ask who a token is for, twice by one source; runs in the other process."""
    import httpx

    source = factory()
    again = pickle.loads(pickle.dumps(factory))()
    with httpx.Client(base_url=source.tenant_url, auth=qk.PrivateKeyJwtAuth(source), follow_redirects=True) as api:
        return source is again, api.get("/api/v1/users/me").json()["subject"]


@pytest.fixture
def factory(box, name, monkeypatch):
    with made_client(box, name) as made:
        monkeypatch.setenv("TOKEN_OF_VAULT", box.vault_token)
        vault = qk.VaultReference(address=box.vault_url, token_variable="TOKEN_OF_VAULT")
        yield qk.TokenSourceFactory(qk.TenantReference(url=box.tenant_url, vault=vault), client_id=made.client_id)


@pytest.mark.parametrize("way", [way for way in ("fork", "spawn") if way in multiprocessing.get_all_start_methods()])
def test_each_process_has_one_source_of_its_own(box, factory, way):
    mine = factory()
    token = mine.token()
    with multiprocessing.get_context(way).Pool(1) as pool:
        is_same, subject = pool.apply(subjects, [factory])
    assert is_same
    assert subject == f"qlikbot\\{mine.client_id}"
    assert factory().token() is token  # this process's own goes on
    leaks = Leaks(token=token.reveal(), api_key=box.api_key, vault_token=box.vault_token)
    leaks.shown["pickle"] = pickle.dumps(factory).decode("latin-1") + repr(factory)
    leaks.check()
    factory.close()
    assert factory() is not mine
    factory.close()


def test_what_is_asked_for_is_checked_where_the_factory_is_made_and_the_login_where_it_is_called(factory, monkeypatch):
    reference = factory._asked[0]
    for wrong, kind in (({"client_id": " "}, ValueError), ({"client_id": "x", "scopes": "one"}, TypeError)):
        with pytest.raises(kind):
            qk.TokenSourceFactory(reference, **wrong)
    with pytest.raises(TypeError, match="TenantReference"):
        qk.TokenSourceFactory("https://acme.eu.qlikcloud.com", client_id="x")
    monkeypatch.delenv("TOKEN_OF_VAULT")
    with pytest.raises(ConfigurationError, match="TOKEN_OF_VAULT is not set"):
        factory()
    user = qk.UserLookup("subject", "acme\\ann")
    other = qk.TokenSourceFactory(reference, client_id="x", scopes=["user_default"], user=user)
    assert pickle.loads(pickle.dumps(other)) == other != factory
