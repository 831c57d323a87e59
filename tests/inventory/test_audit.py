"""The audit of a whole fleet: each kind of finding is made for real, on a sandbox of the test, and told by weight."""

from __future__ import annotations

import getpass
import json
import os
import socket
import sys
from datetime import timedelta

import hvac
import pandas as pd
import pytest
from fixtures.cli_terminal import on_a_terminal
from fixtures.support import environment_of
from typer.testing import CliRunner

import qlik_keys as qk
from qlik_keys.cli.app import app
from qlik_keys.errors import StoreDenied
from qlik_keys.inventory.audit import AUDIT_COLUMNS
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.clients import METHOD_NOT_ALLOWED
from qlik_keys.tenant import NewOAuthClient, PatchOperation

pytestmark = pytest.mark.openbao


@pytest.fixture
def world():
    with (
        qk.sandbox.start() as box,
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
    ):
        yield box, tenant, store


def registered(tenant, name, **changes):
    values = {
        "app_type": "web",
        "client_name": name,
        "allowed_scopes": ("user_default",),
        "allowed_grant_types": ("client_credentials",),
        "allowed_auth_methods": ("private_key_jwt",),
        "consent_method": "trusted",
    }
    return tenant.oauth_clients.create(NewOAuthClient(**{**values, **changes})).client.client_id


class Stop(Exception):
    pass


def stop_at_register(event):
    if event.step == "register":
        raise Stop


def stopping_at(step):
    def stop(event):
        if (event.step, event.phase) == (step, "before"):
            raise Stop

    return stop


def test_a_fleet_with_everything_wrong(world, monkeypatch):
    box, tenant, store = world
    assert qk.audit(tenant, store).empty
    assert tuple(qk.audit(tenant, store).columns) == AUDIT_COLUMNS

    healthy = qk.provision(tenant, store, name="healthy", scopes=["user_default"])
    locked = qk.provision(tenant, store, name="locked", scopes=["user_default"])
    key = qk.generate(qk.KeySpec("ES384")).public
    keys = [PatchOperation("replace", "/publicKeys", [key.to_dict()])]
    tenant.oauth_clients.patch(locked.client_id, keys)
    shared = registered(tenant, "shared", public_keys=(key,))
    secret = registered(tenant, "secret", allowed_auth_methods=("client_secret",), consent_method=None)
    orphan = qk.provision(tenant, store, name="orphan", scopes=["user_default"])
    tenant.oauth_clients.delete(orphan.client_id)
    with pytest.raises(Stop):
        qk.provision(tenant, store, name="cut-off", scopes=["user_default"], on_step=stop_at_register)
    admin = qk.provision(tenant, store, name="admin", scopes=["admin_classic"])

    found = qk.audit(tenant, store)
    assert list(zip(found["finding"], found["name"], found["client_id"], strict=True)) == [
        ("locked-out", "locked", locked.client_id),
        ("shared-key", "locked", locked.client_id),
        ("shared-key", "shared", shared),
        ("token-outlives-client", "orphan", orphan.client_id),
        ("unfinished", "cut-off", ""),
        ("secret-only", "secret", secret),
        ("admin-scope", "admin", admin.client_id),
        ("consent-not-trusted", "secret", secret),
        ("no-key-in-store", "shared", shared),
        ("orphaned-record", "orphan", orphan.client_id),
        ("orphaned-bot", "orphan", orphan.client_id),
    ]
    assert healthy.client_id not in set(found["client_id"])
    assert isinstance(found["severity"].dtype, pd.CategoricalDtype)
    assert list(found["severity"]) == ["high"] * 4 + ["medium"] * 4 + ["low"] * 3
    assert found.attrs["tenant"] == tenant.url
    assert list(found["command"])[:5] == [
        f"qlik-keys revoke {locked.client_id}",
        f"qlik-keys revoke {locked.client_id}",
        f"qlik-keys revoke {shared}",
        f"qlik-keys delete {orphan.client_id}",
        "qlik-keys resume",
    ]

    # What each advises does fix it.
    qk.revoke(tenant, store, locked.client_id)
    own = store.read(tenant.host, locked.client_id).current.public.to_dict()
    tenant.oauth_clients.patch(locked.client_id, [PatchOperation("replace", "/publicKeys", [own])])
    tenant.oauth_clients.set_consent(secret, "trusted")
    qk.adopt(tenant, store, secret)
    qk.adopt(tenant, store, shared)
    qk.delete(tenant, store, orphan.client_id, confirm=orphan.client_id, remove_bot=True)
    qk.resume(tenant, store)
    found = qk.audit(tenant, store)
    # An adoption that was not told to remove the secret leaves it.
    assert list(zip(found["finding"], found["client_id"], strict=True)) == [
        ("admin-scope", admin.client_id),
        ("secret-and-key", secret),
    ]
    qk.adopt(tenant, store, secret, remove_secrets=True)
    assert list(qk.audit(tenant, store)["finding"]) == ["admin-scope"]

    for name, value in environment_of(box).items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke
    told = on_a_terminal(["audit"], {**os.environ, "PYTHONPATH": ":".join(sys.path)})
    assert told.code == 3
    assert "medium    QK307  admin-scope  admin" in told.out
    assert FINDINGS["admin-scope"].advice in told.out
    records = json.loads(run(app, ["audit", "--json"]).stdout)
    assert [(each["severity"], each["name"]) for each in records] == [("medium", "admin")]
    assert run(app, ["audit", "--fail-on", "high"]).exit_code == 0
    assert run(app, ["audit", "--fail-on", "medium"]).exit_code == 3
    assert run(app, ["audit", "--fail-on", "low"]).exit_code == 3
    assert run(app, ["audit", "--fail-on", "worst"]).exit_code == 2


def test_audit_and_doctor_report_the_same_finding(world):
    """A client with a key in the store that may log in by a secret alone: its consumers are locked out."""
    _, tenant, store = world
    made = qk.provision(tenant, store, name="locked", scopes=["user_default"])
    method = PatchOperation("replace", "/allowedAuthMethods", ["client_secret"])
    tenant.oauth_clients.patch(made.client_id, [method])
    found = qk.audit(tenant, store).iloc[0]
    [told] = qk.doctor(tenant, store, made.client_id).findings
    assert (found["code"], found["finding"]) == (told.code, told.finding)
    assert (told.code, told.finding) == (METHOD_NOT_ALLOWED.code, METHOD_NOT_ALLOWED.name)
    assert found["command"] == f"qlik-keys doctor --client {made.client_id} --fix"
    qk.fix(tenant, store, made.client_id, told.fix)
    assert METHOD_NOT_ALLOWED.code not in set(qk.audit(tenant, store)["code"])


def test_an_interrupted_operation_says_which_who_and_when(world):
    """A revocation is critical; a deletion and an adoption that takes a secret away are high; a rotation is medium."""
    _, tenant, store = world

    def made(name, operation, step, **options):
        client_id = qk.provision(tenant, store, name=name, scopes=["user_default"]).client_id
        with pytest.raises(Stop):
            operation(tenant, store, client_id, on_step=stopping_at(step), **options)
        return client_id

    revoked = made("revoked", qk.revoke, "promote")
    rotated = made("rotated", qk.rotate, "publish")
    at_once = made("at-once", qk.rotate, "unpublish", overlap=timedelta(0))
    secret = registered(tenant, "secret", allowed_auth_methods=("client_secret",))
    with pytest.raises(Stop):
        qk.adopt(tenant, store, secret, remove_secrets=True, on_step=stopping_at("remove_secrets"))
    deleted = qk.provision(tenant, store, name="deleted", scopes=["user_default"]).client_id
    with pytest.raises(Stop):
        qk.delete(tenant, store, deleted, confirm=deleted, on_step=stopping_at("delete_record"))

    found = qk.audit(tenant, store)
    interrupted = found[found["finding"] == "operation-interrupted"].set_index("client_id")
    assert dict(interrupted["severity"]) == {
        revoked: "critical", secret: "high", deleted: "high", rotated: "medium", at_once: "medium",
    }  # fmt: skip
    assert set(interrupted["command"]) == {"qlik-keys resume"}
    who = f"{getpass.getuser()} on {socket.gethostname()}"
    for client_id, operation in {revoked: "revoke", secret: "adopt", deleted: "delete"}.items():
        assert f"{operation}, started by {who} at 20" in interrupted["meaning"][client_id]
    table = qk.clients(tenant, store).set_index("client_id")["findings"]
    for client_id in (revoked, rotated, at_once, secret):
        assert "operation-interrupted" in table[client_id]

    done = {item.client_id: item.operation for item in qk.resume(tenant, store)}
    assert done == {revoked: "revoke", rotated: "rotate", at_once: "rotate", secret: "adopt", deleted: "delete"}
    assert "operation-interrupted" not in set(qk.audit(tenant, store)["finding"])
    assert qk.resume(tenant, store) == []


def test_a_record_that_was_edited_by_hand_is_no_interrupted_operation(world):
    """Vault's metadata show both alike, by the version; whoever may read the record is told which of them it is."""
    box, tenant, store = world
    made = {
        name: qk.provision(tenant, store, name=name, scopes=["user_default"])
        for name in ("noted", "broken", "no keys", "shown wrong", "started")
    }
    ids = {name: each.client_id for name, each in made.items()}
    folder = f"qlik-keys/{tenant.host}"
    with pytest.raises(Stop):
        qk.rotate(tenant, store, ids["started"], on_step=stopping_at("publish"))
    vault = hvac.Client(url=box.vault_url, token=box.vault_token)
    kv = vault.secrets.kv.v2
    try:
        for name, change in {"noted": {"note": "ours"}, "broken": {"kid": "another"}, "no keys": {"keys": ""}}.items():
            path = f"{folder}/{ids[name]}"
            document = kv.read_secret_version(path, raise_on_deleted_version=True)["data"]["data"]
            kv.create_or_update_secret(path, secret={**document, **change})
        shown = kv.read_secret_metadata(f"{folder}/{ids['shown wrong']}")["data"]["custom_metadata"]
        kv.update_metadata(f"{folder}/{ids['shown wrong']}", custom_metadata={**shown, "kid": "another"})

        expected = {
            "noted": {"metadata-differ"}, "broken": {"record-damaged"}, "no keys": {"record-damaged"},
            "shown wrong": {"metadata-differ"}, "started": {"operation-interrupted"},
        }  # fmt: skip
        found = qk.audit(tenant, store)
        for name, findings in expected.items():
            assert set(found[found["client_id"] == ids[name]]["finding"]) == findings, name
        table = qk.clients(tenant, store).set_index("client_id")
        assert table["current_kid"][ids["shown wrong"]] == made["shown wrong"].kid  # the record's word
        [started] = found[found["client_id"] == ids["started"]].itertuples()
        assert f"rotate, started by {getpass.getuser()} on {socket.gethostname()} at 20" in started.meaning
        for name in ("noted", "shown wrong"):
            [finding] = qk.doctor(tenant, store, ids[name]).findings
            assert (finding.name, finding.fix) == ("store-record", "resume"), name
            assert "custom metadata" in finding.why
        assert "now agree with the record" in qk.fix(tenant, store, ids["noted"], "resume")
        assert qk.doctor(tenant, store, ids["noted"]).findings == ()

        class Auditor:
            def __getattr__(self, name):
                return getattr(store, name)

            def read(self, host, client_id):
                raise StoreDenied("No read.", path="", hint="Ask.")

        found = qk.audit(tenant, Auditor())
        for name in ("broken", "no keys", "started"):
            [row] = found[found["client_id"] == ids[name]].itertuples()
            assert (row.finding, row.severity) == ("operation-interrupted", "medium"), name
            assert "or a manual change of the record" in row.meaning

        with pytest.raises(qk.errors.ResumeError) as caught:
            qk.resume(tenant, store)
        assert {item.client_id for item in caught.value.failures} == {ids["broken"], ids["no keys"]}
        found = qk.audit(tenant, store)
        for name in ("noted", "shown wrong"):
            assert found[found["client_id"] == ids[name]].empty, name
    finally:
        for client_id in ids.values():
            tenant.oauth_clients.delete(client_id)
            kv.delete_metadata_and_all_versions(f"{folder}/{client_id}")
        vault.adapter.close()
