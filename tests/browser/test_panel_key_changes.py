"""The tab "Clients" as a user works with it: choose a client, see the plan, apply it; both sides are checked."""

from __future__ import annotations

import re

import pytest
from fixtures.panel_actions import button, connect, go_to, run_cell, told
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


def plan(panel, operation, heading):
    button(panel, operation).click()
    title = panel.locator(".qk-plan-title")
    expect(title).to_have_text(heading)
    expect(title).to_be_focused()
    expect(title).to_be_in_viewport()


def apply(panel, heading, words):
    button(panel, heading).click()
    result = told(panel).filter(has_text=words)
    expect(result).to_be_focused()
    expect(result).to_be_in_viewport(ratio=1)


def delete_by_keyboard(panel, made):
    plan(panel, "Delete", "Delete nightly-etl")
    delete, confirm = button(panel, "Delete nightly-etl"), panel.get_by_label("Client id, to confirm", exact=True)
    expect(delete).to_have_class("qk-danger")
    confirm.fill(made.client_id[:-1])
    expect(panel).to_contain_text("That is not the client's id, which is")
    expect(delete).to_be_disabled()
    confirm.fill(made.client_id)
    expect(delete).to_be_enabled()
    confirm.press("Enter")
    expect(told(panel).last).to_contain_text(f"✓ Deleted nightly-etl ({made.client_id}). Its bot user")


def test_rotate_retire_revoke_and_delete_by_clicking(lab, page, open_panel, own):
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

    plan(panel, "Rotate", "Rotate the key of nightly-etl")
    steps = panel.locator(".qk-step:visible")
    expect(steps).to_have_count(4)
    panel.get_by_label("Overlap in hours").fill("0")
    expect(steps).to_have_count(7)
    expect(button(panel, "Rotate the key of nightly-etl")).to_have_class("qk-danger")
    panel.get_by_label("Overlap in hours").fill("24")
    expect(steps).to_have_count(4)
    assert list(kids()) == [made.kid]
    apply(panel, "Rotate the key of nightly-etl", "The old key can log in until")
    assert kids().pop(made.kid) == "previous"
    done = panel.locator(".qk-step.qk-done:visible").filter(has_text="Register the next public key")
    expect(done).to_contain_text("PATCH /api/v1/oauth-clients/")

    plan(panel, "Retire", "Retire the old key of nightly-etl")
    expect(panel.locator(".qk-plan")).to_contain_text("It would be refused")
    expect(button(panel, "Retire the old key of nightly-etl")).to_be_disabled()
    panel.get_by_label(re.compile("Retire now")).check()
    expect(panel.locator(".qk-plan")).to_contain_text("Cannot be undone")
    apply(panel, "Retire the old key of nightly-etl", "Retired")
    assert made.kid not in kids()

    plan(panel, "Revoke", "Revoke the key of nightly-etl")
    expect(panel.locator(".qk-plan")).to_contain_text("remain valid until they expire")
    expect(button(panel, "Revoke the key of nightly-etl")).to_have_class("qk-danger")
    button(panel, "Discard plan").click()
    expect(panel.locator(".qk-plan-title")).to_be_hidden()
    # A second view of the panel: who acts there stays there.
    run_cell(page, 1, "panel")
    expect(panel).to_have_count(2)
    delete_by_keyboard(panel.nth(1), made)
    assert tenant.oauth_clients.list() == []
    assert list(store.client_ids(tenant.host)) == []
