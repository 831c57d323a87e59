"""A real IPython shell in `%xmode Verbose`: what a failing cell prints, what `%tb` prints after it, what is shown."""

from __future__ import annotations

import contextlib
import io
import json

import pytest
from fixtures.canaries import find_canaries
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import qlik_keys as qk
from qlik_keys.core.secret import Secret

pytestmark = pytest.mark.openbao


@pytest.fixture
def shell():
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.xmode = "Verbose"
    yield InteractiveShell.instance(config=config)
    InteractiveShell.clear_instance()


def said_by(shell, cell):
    """Run a cell and return whether it worked, and all that it printed."""
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.redirect_stderr(io.StringIO()) as errors:
        result = shell.run_cell(cell, store_history=False)
    return result.success, out.getvalue() + errors.getvalue()


SHOWN = """
tenant
store
box
key
made
qk.clients(tenant, store)
store.read(tenant.host, made.client_id)
store.read(tenant.host, made.client_id).current.private
source
source.token()
made.client_secret
made.verification
tenant.oauth_clients.get(made.client_id)
qk.PrivateKeyJwtAuth(source)
store.signer(store.read(tenant.host, made.client_id).current)
"""
# Each fails, in a frame that has a secret in reach.
FAILING = """
tenant.with_credential(qk.ClientSecret("0" * 32, made.client_secret)).users.me()
qk.VaultKeyStore("http://127.0.0.1:9", token=store_token).read(tenant.host, made.client_id)
qk.provision(tenant, dead_store, name="other", scopes=["user_default"], key=key, client_secret=True)
qk.provision(tenant, denied_store, name="other", scopes=["user_default"], key=key, client_secret=True)
qk.provision(dead_tenant, store, name="other", scopes=["user_default"], key=key, client_secret=True)
qk.provision(denied_tenant, store, name="other", scopes=["user_default"], key=key, client_secret=True)
qk.TokenSource(tenant.token_url, client_id="0" * 32, signer=key.signer()).token()
qk.provision(tenant, store, name=name, scopes=["apps"], key=key)
"""


def test_a_notebook_shows_no_secret(box, shell):
    name = "shown-in-a-notebook"
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
        qk.QlikTenant("http://127.0.0.1:9", credential=qk.ApiKey(box.api_key)) as dead_tenant,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(f"canary-api-key-{'x' * 40}")) as denied_tenant,
        qk.VaultKeyStore("http://127.0.0.1:9", token=box.vault_token) as dead_store,
        qk.VaultKeyStore(box.vault_url, token=f"canary-vault-token-{'y' * 30}") as denied_store,
    ):
        made = qk.provision(tenant, store, name=name, scopes=["user_default"], client_secret=True)
        with qk.TokenSource.from_store(store, tenant_url=tenant.url, client_id=made.client_id) as source:
            key = qk.generate(qk.KeySpec("ES384"))
            held = store.read(tenant.host, made.client_id).current.private
            secrets = {
                "API key": box.api_key,
                "wrong API key": f"canary-api-key-{'x' * 40}",
                "Vault token": box.vault_token,
                "wrong Vault token": f"canary-vault-token-{'y' * 30}",
                "client secret": made.client_secret.reveal(),
                "access token": source.token().reveal(),
                "key": json.loads(key.reveal("jwk"))["d"],
                "held key": json.loads(held.reveal("jwk"))["d"],
                "PEM": "".join(key.reveal().splitlines()[1:-1]),
                "held PEM": "".join(held.reveal().splitlines()[1:-1]),
            }
            store_token = Secret(box.vault_token, what="Vault token")
            names = ("tenant", "store", "box", "key", "made", "source", "name", "store_token")
            names += ("dead_tenant", "denied_tenant", "dead_store", "denied_store")
            shell.push({"qk": qk, **{each: value for each, value in locals().items() if each in names}})
            shell.push({"leak": box.api_key})
            assert find_canaries(said_by(shell, "int(leak)")[1], secrets)  # the shell does print what it can reach
            shell.drop_by_id({"leak": box.api_key})
            for cell in SHOWN.split("\n")[1:-1]:
                worked, text = said_by(shell, cell)
                assert worked, (cell, text)
                assert text, cell
                assert not find_canaries(text, secrets), cell
                assert not find_canaries(said_by(shell, f"print(str({cell}))")[1], secrets), cell
            for cell in FAILING.split("\n")[1:-1]:
                worked, text = said_by(shell, cell)
                assert not worked, cell
                assert "Traceback" in text, cell
                assert not find_canaries(text, secrets), cell
                for look in ("%tb Verbose", "%tb Context"):
                    assert not find_canaries(said_by(shell, look)[1], secrets), (cell, look)
