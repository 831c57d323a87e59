"""Step by step, an own key by file, a qlik-cli context and Transit: the ways through the panel that beginners miss."""

from __future__ import annotations

import shutil

import pytest
from fixtures.canaries import find_canaries, find_canaries_in_files
from fixtures.panel_actions import button, create_client, go_to
from playwright.sync_api import expect

import qlik_keys as qk

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]


def test_a_client_in_transit_is_made_step_by_step_and_a_taken_name_is_told_while_typing(lab, open_panel):
    panel, _ = open_panel(lab)
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


def test_an_own_key_comes_from_a_file_and_stays_in_the_kernel(page, lab, open_panel, tmp_path):
    key = qk.generate(qk.KeySpec("RS256", bits=2048))
    file = tmp_path / "key.pem"
    file.write_text(key.reveal())
    panel, path = open_panel(lab)
    button(panel, "Start the sandbox").click()
    expect(panel).to_contain_text("Connected to")
    go_to(panel, "New client")
    panel.get_by_label("Name", exact=True).fill("own-key")
    panel.get_by_label("Key", exact=True).select_option(label="My own key · a PEM or JWK file")
    expect(panel).to_contain_text("Choose the file with your key.")
    expect(button(panel, "Create client")).to_be_disabled()
    panel.locator("input[type=file]").set_input_files(file)
    expect(panel).to_contain_text("✓ The kernel holds it")
    button(panel, "Create client").click()
    expect(panel).to_contain_text("own-key is made.")
    expect(panel.locator(".qk-result:visible")).to_contain_text(key.public.thumbprint)
    canaries = {"own key": key.reveal(), "its body": "".join(key.reveal().splitlines()[1:-1])}
    expect(panel.locator(".qk-work")).to_have_count(0)
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')")
    assert "own-key" in path.read_text(), "the notebook was not saved, so this test shows nothing"
    assert find_canaries(page.content(), canaries) == []
    assert find_canaries_in_files(lab.notebooks, canaries) == {}


def test_a_qlik_cli_context_is_offered_by_its_name(box, lab, open_panel):
    folder = lab.home / ".qlik"
    folder.mkdir()
    (folder / "contexts.yml").write_text(
        "contexts:\n"
        f"  practice:\n    server: {box.tenant_url}\n    headers:\n      Authorization: Bearer {box.api_key}\n"
        "  elsewhere:\n    server: https://acme.eu.qlikcloud.com\n    headers:\n      Authorization: Bearer abc\n"
        "  broken:\n    comment: no server\n"
    )
    try:
        panel, _ = open_panel(lab)
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
    finally:
        shutil.rmtree(folder)
