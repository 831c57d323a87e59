"""Tokens that a client got for other users outlive it: plan and result of its deletion say so."""

from __future__ import annotations

import pytest

import qlik_keys as qk
from qlik_keys.auth.token_endpoint import UserLookup

pytestmark = pytest.mark.openbao
TOLD = "Access tokens that it requested for other users (impersonation)"


def test_a_token_for_a_user_outlives_its_client_and_that_is_said(world, name):
    tenant, store = world.tenant, world.store

    def told(notes):
        return any(note.startswith(TOLD) and "are not ended" in note for note in notes)

    for may_impersonate in (True, False):
        made = qk.provision(
            tenant, store, name=f"{name} {may_impersonate}", scopes=["user_default"], impersonation=may_impersonate
        )
        if may_impersonate:
            person = tenant.users.me()
            asked = {"tenant_url": tenant.url, "client_id": made.client_id, "user": UserLookup("userId", person.id)}
            with qk.TokenSource.from_store(store, **asked) as source:
                token = source.token().reveal()
        assert told(qk.preview(tenant, store, "delete", made.client_id).notes) is may_impersonate
        done = qk.delete(tenant, store, made.client_id, confirm=made.client_id, remove_bot=True)
        assert told(done.warnings) is may_impersonate
    with tenant.with_credential(qk.ApiKey(token)) as as_user:
        assert as_user.users.me().id == person.id
