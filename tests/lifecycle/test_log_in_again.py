"""`PrivateKeyJwtAuth` on the real sandbox and the real OpenBao: tokens that end, and keys that change, elsewhere."""

from __future__ import annotations

from dataclasses import replace

import httpx
import pytest
from fixtures.harness.steps import register

import qlik_keys as qk
from qlik_keys.errors import AssertionRejected
from qlik_keys.keystore.testing import make_key

pytestmark = pytest.mark.openbao


@pytest.mark.parametrize(
    ("changed", "statuses"),
    [((), [200]), (("tenant", "store"), [401, 200]), (("tenant",), [401])],
    ids=["the same key", "a key that the store has", "a key that the store does not have"],
)
def test_after_a_revocation_of_its_token_a_call_logs_in_again_with_the_stores_key(
    tenant, store, made, changed, statuses
):
    token_requests = []
    with (
        qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=made.client_id, http=tenant.http) as source,
        httpx.Client(base_url=tenant.url, auth=qk.PrivateKeyJwtAuth(source), follow_redirects=True) as api,
    ):
        assert api.get("/api/v1/users/me").json()["clientId"] == made.client_id
        old, new, record = source.token(), make_key(store), store.read(tenant.host, made.client_id)
        if "store" in changed:
            store.write(replace(record, keys={new.kid: replace(new, state="current", promoted_at=new.made_at)}))
        if "tenant" in changed:
            register(tenant, made.client_id, new.public)
        httpx.post(f"{tenant.url}/oauth/revoke", data={"token": old.reveal()}).raise_for_status()
        tenant.subscribe(lambda seen: token_requests.append(seen.status) if seen.path == "/oauth/token" else None)
        if statuses == [401]:
            with pytest.raises(AssertionRejected) as caught:
                api.get("/api/v1/users/me")
            assert caught.value.hint
        else:
            assert api.get("/api/v1/users/me").json()["clientId"] == made.client_id
            assert source.token() is not old
    assert token_requests == statuses
