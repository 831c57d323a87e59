"""The main job on a tenant with more clients than one page holds, with the same objects that made them."""

from __future__ import annotations

import sys
from datetime import timedelta

import pytest
from fixtures.support import newest_card

import qlik_keys as qk
from qlik_keys.config.settings import Settings
from qlik_keys.core import redaction
from qlik_keys.core.secret import Secret
from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
from qlik_keys.jupyter.panel.model.forms import ClientForm, ConnectForm

PAGE = 100


@pytest.fixture(scope="module")
def large_box():
    with qk.sandbox.start() as box:
        box.seed_clients(2 * PAGE + 50)
        yield box


@pytest.fixture
def tenant(large_box):
    with qk.QlikTenant(large_box.tenant_url, credential=qk.ApiKey(large_box.api_key)) as tenant:
        yield tenant


@pytest.fixture
def store(large_box):
    with qk.VaultKeyStore(large_box.vault_url, token=large_box.vault_token) as store:
        yield store


@pytest.mark.openbao
@pytest.mark.parametrize("watched", [False, True])
@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_the_readmes_lines_work_after_clients_were_made(large_box, tenant, store, custody, watched):
    """A paging cursor shares dates, ids and claim names with tokens, kids and assertions."""
    seen = []
    if watched:
        tenant.subscribe(seen.append)
    with qk.VaultKeyStore(large_box.vault_url, token=large_box.vault_token, custody=custody) as keys:
        made = [
            qk.provision(tenant, keys, name=f"etl-{custody}-{watched}-{number}", scopes=["user_default"])
            for number in range(5)
        ]
        qk.rotate(tenant, keys, made[0].client_id, overlap=timedelta(0))
    frame = qk.clients(tenant, store)
    assert {each.client_id for each in made} <= set(frame["client_id"])
    assert len(frame) >= 2 * PAGE + 55
    assert (qk.audit(tenant, store)["client_id"] != "").any()
    assert qk.resume(tenant, store) == []
    cursors = {exchange.query["next"] for exchange in seen if "next" in exchange.query}
    assert bool(cursors) is watched
    assert not any(redaction.REDACTED in cursor for cursor in cursors)  # and they are shown as they are


@pytest.mark.openbao
def test_a_successful_unobserved_call_is_not_redacted(tenant, store):
    made = qk.provision(tenant, store, name="not-watched", scopes=["user_default"])
    with qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=made.client_id) as source:
        source.token()
    tenant.oauth_clients.list()  # the encodings of the credential are made once
    seen = set()

    def profile(frame, event, _):
        if event == "call" and frame.f_code.co_filename == redaction.__file__:
            seen.add(frame.f_code.co_name)

    sys.setprofile(profile)
    try:
        tenant.oauth_clients.get(made.client_id)
        assert len(tenant.oauth_clients.list()) > PAGE
        tenant.raw("get", "v1/oauth-clients", query={"limit": "5"})
    finally:
        sys.setprofile(None)
    # The one thing that is looked at: whether the tenant's own next address holds a whole secret.
    assert seen <= {"finds", "_forms", "<genexpr>"}


@pytest.mark.openbao
def test_the_panel_shows_a_client_that_it_made_among_many(large_box):
    """It reads the tenant's list again after a client was made, with the same credential."""
    controllers = PanelControllers(settings=Settings(), run=lambda task: task())
    try:
        controllers.connection.connect(
            lambda: ConnectForm(
                tenant_url=large_box.tenant_url,
                credential="api_key",
                api_key=Secret(large_box.api_key, what="API key"),
                vault_url=large_box.vault_url,
                vault_token=Secret(large_box.vault_token, what="Vault token"),
            )
        )
        controllers.new_client.make(ClientForm(name="made-in-the-panel", scopes=("user_default",)))
        assert {step.phase for step in controllers.state.new_client.steps} == {"done"}
        assert newest_card(controllers) is None
        assert controllers.state.new_client.made.client_id in set(controllers.state.clients.frame["client_id"])
        controllers.clients.refresh(wait=True)
        assert newest_card(controllers) is None
        assert len(controllers.state.clients.frame) > 2 * PAGE
    finally:
        controllers.connection.end_session()
