"""Secrets typed by keyboard and shown in the page are in nothing that stays: no saved notebook, no log, no page."""

from __future__ import annotations

import json
import re

import nbformat
import pytest
from fixtures.canaries import find_canaries, find_canaries_in_files
from fixtures.panel_actions import PATIENCE_MILLISECONDS, button, connect, end_session, go_to, save
from nbconvert import HTMLExporter
from playwright.sync_api import expect

import qlik_keys as qk
from qlik_keys.sandbox.openbao import OpenBao

pytestmark = [pytest.mark.browser, pytest.mark.openbao, pytest.mark.slow]


@pytest.fixture(scope="module")
def traffic(one_page):
    """Everything that the page sends to the kernel and hears from it, from its first connection on."""
    sent, heard = [], []

    def listen(socket):
        for event, frames in (("framesent", sent), ("framereceived", heard)):
            socket.on(event, lambda frame, to=frames: to.append(frame if isinstance(frame, bytes) else frame.encode()))

    one_page.on("websocket", listen)
    yield sent, heard
    one_page.remove_listener("websocket", listen)


def save_with_widgets(page, path):
    """Save the notebook with the keyboard, and wait until the file has its widgets."""
    before = path.stat().st_mtime_ns
    save(page)
    for _ in range(PATIENCE_MILLISECONDS // 100):
        if path.stat().st_mtime_ns != before and "widgets" in json.loads(path.read_text())["metadata"]:
            return
        page.wait_for_timeout(100)
    pytest.fail("the notebook was not saved with its widgets")


def count(texts, frames):
    """Return in how many frames each text stands as it is."""
    return {text: sum(text.encode() in frame for frame in frames) for text in texts}


def test_no_secret_outlives_the_session(traffic, tidy_box, lab, empty_panel, tmp_path):
    box = tidy_box
    sent, heard = traffic
    panel, path = empty_panel
    page = panel.page
    connect(panel, box, api_key=box.api_key, by_keyboard=True)
    expect(panel).to_contain_text("Connected to")
    go_to(panel, "New client")
    panel.get_by_label("Name", exact=True).fill("leak-test")
    panel.get_by_label("Client secret (shown once)").check()
    button(panel, "Create client").click()
    expect(panel).to_contain_text("leak-test is made.")
    button(panel, "Show it").click()
    output = panel.locator(".qk-once output")
    expect(output).to_have_text(re.compile(r".{20,}"))
    client_secret = output.inner_text()

    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        client_id = next(c.client_id for c in tenant.oauth_clients.iterate() if c.client_name == "leak-test")
        private_key = store.read(tenant.host, client_id).current.private.reveal()
    typed = {"API key": box.api_key, "Vault token": box.vault_token}
    canaries = {**typed, "client secret": client_secret, "private key": private_key}

    # Saved while the secret is in sight, after a client with a key of one's own was made too; and when all is over.
    key = make_with_own_key(panel, tmp_path / "key.pem")
    body = key.reveal().splitlines()[1:-1]  # a line has what any copy of it has; all of it would take long to look for
    canaries |= {"own key, start": body[1], "own key, end": body[-2]}
    save_with_widgets(page, path)
    saved_in_between = path.read_text()
    button(panel, "I have stored it").click()
    expect(panel.locator(".qk-once")).to_be_hidden()
    end_session(panel)
    save_with_widgets(page, path)

    saved = json.loads(path.read_text())
    state = next(iter(saved["metadata"]["widgets"].values()))["state"]
    assert len(state) > 50, "widget state was not saved, so this test shows nothing"
    assert find_canaries(saved_in_between, canaries) == []
    exported, _ = HTMLExporter().from_notebook_node(nbformat.reads(saved_in_between, as_version=4))
    for name in ("leak-test", "own-key"):
        assert name in exported, "the summary was not exported, so this shows nothing"
    assert find_canaries(exported, canaries) == []
    for folder in (lab.notebooks, lab.home):
        assert find_canaries_in_files(folder, canaries) == {}
    values = page.evaluate("() => [...document.querySelectorAll('input, textarea')].map(each => each.value)")
    for text in (lab.log.read_bytes(), page.content(), "\n".join(values)):
        assert find_canaries(text, canaries) == []

    # A typed secret crosses once, in the message that brings it; a shown one once, in the message that shows it.
    assert count([box.api_key, box.vault_token], sent) == {box.api_key: 1, box.vault_token: 1}
    assert count([client_secret], heard) == {client_secret: 1}
    assert find_canaries(b"\n".join(heard), {**typed, "private key": private_key}) == []
    body = "".join(private_key.splitlines()[1:-1])  # the key of one's own crosses, and begins like every key
    assert find_canaries(b"\n".join(sent), {"client secret": client_secret, "private key": body}) == []


def make_with_own_key(panel, file):
    """Make a client whose key comes from a file, and return the key."""
    key = qk.generate(qk.KeySpec("RS256", bits=2048))
    file.write_text(key.reveal())
    panel.get_by_label("Name", exact=True).fill("own-key")
    panel.get_by_label("Client secret (shown once)").uncheck()
    panel.get_by_label("Key", exact=True).select_option(label="My own key · a PEM or JWK file")
    expect(panel).to_contain_text("Choose the file with your key.")
    expect(button(panel, "Create client")).to_be_disabled()
    panel.locator("input[type=file]").set_input_files(file)
    expect(panel.get_by_role("tabpanel", name="New client")).to_contain_text("✓ The kernel holds it")
    button(panel, "Create client").click()
    expect(panel).to_contain_text("own-key is made.")
    expect(panel.locator(".qk-result:visible")).to_contain_text(key.public.thumbprint)
    return key


def test_a_vault_token_of_the_panels_own_login_is_revoked_with_the_session(box, empty_panel):
    with OpenBao.start() as openbao:
        import hvac

        vault = hvac.Client(openbao.url, token=openbao.token)
        vault.sys.enable_auth_method("userpass")
        rules = 'path "secret/*" { capabilities = ["create", "read", "update", "list"] }'
        vault.sys.create_or_update_policy("keys", rules)
        vault.auth.userpass.create_or_update_user("ada", "two words, with blanks", policies=["keys"])

        def accessors():
            return set(vault.list("auth/token/accessors")["data"]["keys"])

        before = accessors()
        panel, _ = empty_panel
        go_to(panel, "Connect")
        panel.get_by_label("Tenant address").fill(box.tenant_url)
        panel.locator("input[type=password]").and_(panel.get_by_label("API key", exact=True)).fill(box.api_key)
        panel.get_by_label("Vault address").fill(openbao.url)
        panel.get_by_label("User and password").check()
        panel.get_by_label("User", exact=True).fill("ada")
        panel.get_by_label("Password", exact=True).fill("two words, with blanks")
        button(panel, "Connect tenant and Vault").click()
        expect(panel).to_contain_text("Connected to")
        assert len(accessors() - before) == 1
        button(panel, "End session").click()
        expect(panel.locator(".qk-badge")).to_have_text("Not connected")
        assert accessors() == before
        vault.adapter.close()
