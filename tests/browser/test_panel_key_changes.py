"""The tab "Clients" as a person uses it: choose a client, see the plan, do it; the end is looked at on both sides."""

from __future__ import annotations

import re

import pytest
from panel_actions import button, connect, go_to
from playwright.sync_api import expect

import qlik_keys as qk

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]


@pytest.fixture
def own():
    """A sandbox of this test's own, so that its table is short."""
    with (
        qk.sandbox.start() as box,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        yield box, tenant, store


def plan(panel, operation):
    button(panel, operation).click()
    expect(panel.locator(".qk-plan-title")).to_contain_text(f"The plan: {operation.split()[0].lower()}")


def do_it(panel):
    button(panel, "Do it").click()
    expect(panel.locator(".qk-changed")).to_be_visible()


def test_rotate_retire_revoke_and_delete_by_clicking(lab, open_panel, own):
    box, tenant, store = own
    made = qk.provision(tenant, store, name="nightly-etl", scopes=["user_default"])

    def kids():
        return {key.kid: key.state for key in store.read(tenant.host, made.client_id).keys.values()}

    panel, _ = open_panel(lab)
    connect(panel, box, api_key=box.api_key)
    expect(panel).to_contain_text("Connected to")
    go_to(panel, "Clients")
    button(panel, "Refresh").click()
    expect(panel.locator(".qk-table tbody tr")).to_have_count(1)
    panel.get_by_label("Select nightly-etl").check()
    expect(button(panel, "Rotate")).to_be_enabled()

    plan(panel, "Rotate")
    expect(panel.locator(".qk-step")).to_have_count(4)
    assert list(kids()) == [made.kid]
    do_it(panel)
    expect(panel.locator(".qk-changed")).to_contain_text("The old key logs in until")
    assert kids().pop(made.kid) == "previous"
    done = panel.locator(".qk-step.qk-done").filter(has_text="Register the next public half")
    expect(done).to_contain_text("PATCH /api/v1/oauth-clients/")

    plan(panel, "Retire")
    expect(panel.locator(".qk-plan")).to_contain_text("It would be refused")
    panel.get_by_label(re.compile("By force")).check()
    button(panel, "Do it").click()
    expect(panel.locator(".qk-plan")).to_contain_text("Cannot be undone")
    do_it(panel)
    assert made.kid not in kids()

    plan(panel, "Revoke")
    expect(panel.locator(".qk-plan")).to_contain_text("live on until their own end")
    button(panel, "Never mind").click()
    expect(panel.locator(".qk-plan-title")).to_be_hidden()

    plan(panel, "Delete")
    button(panel, "Do it").click()
    expect(panel.locator(".qk-error")).to_contain_text("was not repeated")
    panel.get_by_label("The client's id once more", exact=True).fill(made.client_id)
    do_it(panel)
    expect(panel.locator(".qk-changed")).to_contain_text("Deleted")
    assert tenant.oauth_clients.list() == []
    assert list(store.client_ids(tenant.host)) == []
