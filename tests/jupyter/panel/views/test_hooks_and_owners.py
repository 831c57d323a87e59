"""What the panel shows of pending hooks and of a fleet file's marks, and what a resume in it leaves."""

from __future__ import annotations

import json
import threading
import uuid
import zlib

import pytest

import qlik_keys as qk
from qlik_keys.errors import Interrupted
from qlik_keys.jupyter.panel.model.forms import ChangeForm
from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.views.clients import selected_client
from qlik_keys.jupyter.panel.widgets.audit_list import groups_of
from qlik_keys.jupyter.panel.widgets.client_table import packed

pytestmark = pytest.mark.openbao
OWNER = "Ada <img onerror=1>"
RESUME = ChangeForm(operation="resume")
FAILS = qk.Hook("restart", command=["sh", "-c", "exit 1"])


@pytest.fixture
def declared(tenant, key_store, box, tmp_path):
    """A client that a fleet file declares, with an owner and tags."""
    name = f"panel-{uuid.uuid4().hex[:10]}"
    file = tmp_path / "fleet.yaml"
    file.write_text(
        f"version: 1\nfleet: {name}\ndefaults: {{scopes: [user_default]}}\n"
        f"tenants: {{here: {{url: '{box.tenant_url}', api-key-variable: K, vault: {{address: '{box.vault_url}'}}}}}}\n"
        f"clients:\n  - {{name: {name}, owner: '{OWNER}', tags: [nightly, etl]}}\n"
    )
    [done] = qk.Manifest.from_file(file).apply(qk.Fleet({"here": (tenant, key_store)})).changes
    yield done
    qk.delete(tenant, key_store, done.client_id, confirm=done.client_id)


def shown(controllers, client_id):
    controllers.clients.refresh(wait=True)
    controllers.clients.select([client_id])
    return selected_client(controllers.clients.selected(), (client_id,), "")


def resumed(controllers):
    controllers.changes.plan(RESUME)
    controllers.changes.apply(RESUME)
    return controllers.state.results["change"]


def test_a_pending_hook_and_the_owner_are_shown_until_resume_has_run_the_hook(
    controllers, declared, monkeypatch, tmp_path
):
    tenant, key_store = controllers.connection.connected()
    client_id, name = declared.client_id, declared.change.client
    before = shown(controllers, client_id)
    assert "<b>Ada &lt;img onerror=1&gt;</b>" in before
    assert "etl, nightly" in before
    assert f"fleet file <b>{name}</b>" in before
    assert "Pending" not in before
    assert client_id in controllers.state.clients.frame.attrs["declared"]

    assert qk.rotate(tenant, key_store, client_id, hooks=[FAILS]).pending_hooks == ("restart",)
    after = shown(controllers, client_id)
    assert "Pending hooks: restart, since 20" in after
    assert "QLIK_KEYS_HOOKS" in after
    frame = controllers.state.clients.frame
    rows = json.loads(zlib.decompress(packed(frame)))
    row = rows["client_id"].index(client_id)
    assert (rows["owner"][row], rows["tags"][row]) == (OWNER, ["etl", "nightly"])
    assert rows["hooks"][client_id].startswith("Pending: restart")
    assert set(frame[frame.client_id == client_id].findings.iloc[0]) >= {"hook-pending"}
    controllers.audit.run()
    [group] = [each for each in groups_of(controllers.state.audit.findings) if each["finding"] == "hook-pending"]
    assert any(each["detail"].startswith("Pending: restart") for each in group["clients"])

    # Nothing is defined on this machine: the plan says so, and there is nothing to apply.
    controllers.changes.plan(RESUME)
    plan = controllers.state.change.plan
    assert (plan.is_empty, any("not defined here" in note for note in plan.notes)) == (True, True)
    assert "not defined here" in markup.plan(plan)
    hooks = tmp_path / "hooks.yaml"
    hooks.write_text("hooks: {restart: {command: [sh, -c, exit 0], clients: ['panel-*']}}\n")
    monkeypatch.setenv("QLIK_KEYS_HOOKS", str(hooks))
    done = resumed(controllers)
    assert (done.kind, done.words) == ("good", f"Finished: {name}.")
    assert "Pending" not in shown(controllers, client_id)


def test_a_rotation_whose_hook_failed_is_a_warning(controllers, provisioned, monkeypatch, tmp_path):
    made = provisioned()
    hooks = tmp_path / "hooks.yaml"
    hooks.write_text(f"hooks: {{restart: {{command: [sh, -c, exit 3], clients: ['{made.name}']}}}}\n")
    monkeypatch.setenv("QLIK_KEYS_HOOKS", str(hooks))
    form = ChangeForm(operation="rotate", client_id=made.client_id)
    controllers.changes.plan(form)
    assert any("A hook runs after the promotion" in note for note in controllers.state.change.plan.notes)
    controllers.changes.apply(form)
    result = controllers.state.results["change"]
    assert (result.kind, "exit code 3" in result.words) == ("warning", True)
    qk.resume(*controllers.connection.connected(), drop_hooks=["restart"])


def test_a_resume_keeps_the_client_secret_that_it_makes_and_tells_what_is_still_open(
    controllers, tenant, key_store, provisioned
):
    qk.rotate(tenant, key_store, provisioned().client_id, hooks=[FAILS])
    name, stop = f"panel-{uuid.uuid4().hex[:10]}", threading.Event()
    with pytest.raises(Interrupted):
        qk.provision(
            tenant,
            key_store,
            name=name,
            scopes=["user_default"],
            client_secret=True,
            cancel=stop,
            on_step=lambda event: stop.set() if event.step == "register" else None,
        )
    done = resumed(controllers)
    assert (done.kind, f"Finished: {name}." in done.words, "not defined here" in done.words) == ("warning", True, True)
    assert (controllers.state.secrets.owner, controllers.state.secrets.waiting) == (name, 1)
    secret = controllers.secrets.first()
    [client] = [each for each in tenant.oauth_clients.iterate() if each.client_name == name]
    login = qk.ClientSecret(client.client_id, secret)
    with qk.QlikTenant(tenant.url, credential=login) as as_client:
        assert as_client.users.me().subject
    assert secret.reveal() not in repr(controllers.state)
    qk.resume(tenant, key_store, drop_hooks=["restart"])
