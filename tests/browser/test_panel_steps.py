"""A qlik-cli context, step by step in Transit, and changes of a key: plan, apply, and both sides are checked."""

from __future__ import annotations

import re
import shutil

import pytest
from fixtures.panel_actions import button, connect, create_client, go_to, run_cell, told
from playwright.sync_api import expect

import qlik_keys as qk

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]


@pytest.fixture(scope="module")
def contexts(box, lab):
    """The contexts of qlik-cli, which a panel reads once."""
    folder = lab.home / ".qlik"
    folder.mkdir()
    (folder / "contexts.yml").write_text(
        "contexts:\n"
        f"  practice:\n    server: {box.tenant_url}\n    headers:\n      Authorization: Bearer {box.api_key}\n"
        "  elsewhere:\n    server: https://acme.eu.qlikcloud.com\n    headers:\n      Authorization: Bearer abc\n"
        "  broken:\n    comment: no server\n"
    )
    yield
    shutil.rmtree(folder)


def test_a_qlik_cli_context_is_offered_by_its_name(box, contexts, empty_panel):
    panel, _ = empty_panel
    panel.get_by_label("qlik-cli context").check()
    context = panel.get_by_label("Context", exact=True)
    offered = [words.replace("\N{NO-BREAK SPACE}", " ") for words in context.locator("option").all_inner_texts()]
    assert offered == [f"practice · {box.tenant_url}", "elsewhere · https://acme.eu.qlikcloud.com"]
    expect(panel.get_by_label("Tenant address")).to_have_value(box.tenant_url)
    context.select_option(index=1)
    expect(panel.get_by_label("Tenant address")).to_have_value("https://acme.eu.qlikcloud.com")
    context.select_option(index=0)
    panel.get_by_label("Vault address").fill(box.vault_url)
    panel.get_by_label("Vault token", exact=True).fill(box.vault_token)
    button(panel, "Connect tenant and Vault").click()
    expect(panel.locator(".qk-header")).to_contain_text("Sandbox administrator")


def test_a_client_in_transit_is_made_step_by_step_and_a_taken_name_is_told_while_typing(empty_panel):
    panel, _ = empty_panel
    go_to(panel, "Connect")
    panel.get_by_label("The Vault signs and never gives the key out (Transit)").check()
    button(panel, "Start the sandbox").click()
    expect(panel.locator(".qk-header")).to_contain_text("keys in Transit")
    panel.get_by_label("Step by step").check()
    create_client(panel, "step-by-step")
    for number in range(7):
        expect(panel.locator(".qk-work")).to_contain_text("Next:")
        expect(panel.locator(".qk-step.qk-done")).to_have_count(number)
        button(panel, "Next").click()
    expect(panel).to_contain_text("step-by-step is made.")
    expect(button(panel, "Next")).to_be_hidden()
    expect(panel.locator(".qk-steps")).to_contain_text("/v1/transit/keys/")
    name = panel.get_by_label("Name", exact=True)
    name.fill("given-up")
    expect(panel).to_contain_text("✓ The name given-up is free.")
    name.fill("step-by-step")
    expect(panel).to_contain_text("A client step-by-step exists")
    name.fill("given-up")
    button(panel, "Create client").click()
    expect(panel.locator(".qk-work")).to_contain_text("Next:")
    button(panel, "Cancel").click()
    expect(panel.get_by_role("alert")).to_contain_text("Cancelled before the step")
    panel.get_by_label("Step by step").uncheck()


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


def test_rotate_retire_revoke_and_delete_by_clicking(page, own, empty_panel):
    box, tenant, store = own
    made = qk.provision(tenant, store, name="nightly-etl", scopes=["user_default"])

    def kids():
        return {key.kid: key.state for key in store.read(tenant.host, made.client_id).keys.values()}

    panel, _ = empty_panel
    go_to(panel, "Connect")
    panel.get_by_role("radio", name="API key", exact=True).check()
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
