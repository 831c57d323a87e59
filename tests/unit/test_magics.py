"""The magics in a real IPython shell, on the sandbox."""

from __future__ import annotations

import pandas as pd
import pytest
from canaries import find_canaries
from IPython.core.error import UsageError
from support import environment_of

import qlik_keys as qk

pytestmark = pytest.mark.openbao


@pytest.fixture
def shell(box, monkeypatch):
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    InteractiveShell.clear_instance()
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    shell.run_line_magic("load_ext", "qlik_keys")
    for name, value in environment_of(box).items():
        monkeypatch.setenv(name, value)
    yield shell
    InteractiveShell.clear_instance()


def test_a_command_is_a_value(shell, capsys):
    me = shell.run_line_magic("qlik", "user me")
    assert me["name"].startswith("Sandbox administrator")
    assert capsys.readouterr().out == ""
    assert shell.run_line_magic("qlik", "raw get v1/users/me --query limit=1") == me
    assert shell.run_line_magic("qlik", "user me -q") == [me["id"]]


def test_a_list_is_a_dataframe(shell, box):
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        made = qk.provision(tenant, store, name="by-magic", scopes=["user_default"])
        frame = shell.run_line_magic("qlik", "oauth-client ls --filter 'clientName eq \"by-magic\"'")
        assert isinstance(frame, pd.DataFrame)
        assert list(frame["clientId"]) == [made.client_id]
        mine = shell.run_line_magic("qlik", "user me --client by-magic")
        assert mine["subject"] == f"qlikbot\\{made.client_id}"
        patch = '[{"op": "add", "path": "/description", "value": "by cell"}]'
        shell.run_cell_magic("qlik", f"raw patch v1/oauth-clients/{made.client_id}", patch)
        assert tenant.oauth_clients.get(made.client_id).description == "by cell"
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("raw get v1/nothing", "404"),
        ("user who", "No such command"),
        ("raw get 'v1", "not closed"),
        ("token --client x --stdout", "is for a shell"),
        ("raw get //elsewhere.example/v1/users/me", "the credential stays here"),
    ],
)
def test_what_is_wrong_is_one_line_and_no_traceback(shell, box, line, told):
    with pytest.raises(UsageError) as caught:
        shell.run_line_magic("qlik", line)
    assert told in str(caught.value)
    assert find_canaries(str(caught.value), [box.api_key, box.vault_token]) == []


def test_help_is_printed(shell, capsys):
    assert shell.run_line_magic("qlik", "raw --help") is None
    assert "Any call to the tenant's REST API" in capsys.readouterr().out


def test_the_panel_by_magic(shell):
    panel = shell.run_line_magic("qlik_keys", "")
    assert isinstance(panel, qk.Panel)
