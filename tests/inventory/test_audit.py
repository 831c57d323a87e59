"""The audit of all clients: each kind of finding is produced for real, on a sandbox of the test."""

from __future__ import annotations

import getpass
import socket
from datetime import timedelta

import hvac
import pytest

import qlik_keys as qk
from qlik_keys.errors import StoreDenied
from qlik_keys.inventory.audit import AUDIT_COLUMNS
from qlik_keys.tenant import NewOAuthClient, PatchOperation

pytestmark = pytest.mark.openbao
STARTED_BY = f"started by {getpass.getuser()} on {socket.gethostname()} at 20"


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
        "app_type": "web", "client_name": name, "consent_method": "trusted", "allowed_scopes": ("user_default",),
        "allowed_grant_types": ("client_credentials",), "allowed_auth_methods": ("private_key_jwt",),
    }  # fmt: skip
    return tenant.oauth_clients.create(NewOAuthClient(**{**values, **changes})).client.client_id


class Stop(Exception):
    pass


def interrupted(operation, *where, step, **options):
    def stop(event):
        if (event.step, event.phase) == (step, "before"):
            raise Stop

    with pytest.raises(Stop):
        operation(*where, on_step=stop, **options)


def test_many_clients_with_everything_wrong_until_each_fix_is_applied(world):
    _, tenant, store = world
    found = qk.audit(tenant, store)
    assert (found.empty, tuple(found.columns)) == (True, AUDIT_COLUMNS)

    def made(name, scope="user_default"):
        return qk.provision(tenant, store, name=name, scopes=[scope]).client_id

    def replace(client_id, path, value):
        tenant.oauth_clients.patch(client_id, [PatchOperation("replace", path, value)])

    healthy, locked, barred = made("healthy"), made("locked"), made("barred")
    key = qk.generate(qk.KeySpec("ES384")).public
    replace(locked, "/publicKeys", [key.to_dict()])
    replace(barred, "/allowedAuthMethods", ["client_secret"])
    shared = registered(tenant, "shared", public_keys=(key,))
    secret = registered(tenant, "secret", allowed_auth_methods=("client_secret",), consent_method=None)
    orphan = made("orphan")
    tenant.oauth_clients.delete(orphan)
    interrupted(qk.provision, tenant, store, name="halfway", scopes=["user_default"], step="register")
    admin = made("admin", "admin_classic")

    found = qk.audit(tenant, store)
    assert list(zip(found["severity"], found["finding"], found["name"], found["client_id"], strict=True)) == [
        ("high", "locked-out", "locked", locked),
        ("high", "shared-key", "locked", locked),
        ("high", "shared-key", "shared", shared),
        ("high", "method-not-allowed", "barred", barred),
        ("high", "token-outlives-client", "orphan", orphan),
        ("medium", "unfinished", "halfway", ""),
        ("medium", "secret-only", "secret", secret),
        ("medium", "admin-scope", "admin", admin),
        ("medium", "consent-not-trusted", "secret", secret),
        ("low", "no-key-in-store", "shared", shared),
        ("low", "orphaned-record", "orphan", orphan),
        ("low", "secret-and-key", "barred", barred),
        ("low", "orphaned-bot", "orphan", orphan),
    ]
    assert healthy not in set(found["client_id"])
    assert (found["severity"].dtype, found.attrs["tenant"]) == ("category", tenant.url)
    revocations = [f"qlik-keys revoke {client_id}" for client_id in (locked, locked, shared)]
    fixes = [f"qlik-keys doctor --client {barred} --fix", f"qlik-keys delete {orphan}", "qlik-keys resume"]
    assert list(found["command"])[:6] == [*revocations, *fixes]
    [told] = qk.doctor(tenant, store, barred).findings
    assert (told.code, told.finding) == (found["code"].iloc[3], found["finding"].iloc[3])

    # What each advises does fix it.
    qk.fix(tenant, store, barred, told.fix)
    qk.revoke(tenant, store, locked)
    replace(locked, "/publicKeys", [store.read(tenant.host, locked).current.public.to_dict()])
    tenant.oauth_clients.set_consent(secret, "trusted")
    qk.adopt(tenant, store, secret)
    qk.adopt(tenant, store, shared)
    qk.delete(tenant, store, orphan, confirm=orphan, remove_bot=True)
    qk.resume(tenant, store)
    # An adoption that was not told to remove the secret leaves it, and so does the fix.
    left = {(row.finding, row.client_id) for row in qk.audit(tenant, store).itertuples()}
    assert left == {("admin-scope", admin), ("secret-and-key", barred), ("secret-and-key", secret)}
    for client_id in (barred, secret):
        qk.adopt(tenant, store, client_id, remove_secrets=True)
    assert list(qk.audit(tenant, store)["finding"]) == ["admin-scope"]


def test_an_interrupted_operation_says_which_who_and_when(world):
    """A revocation is critical; a deletion and an adoption that removes a secret are high; a rotation is medium."""
    _, tenant, store = world
    names = ("revoke", "rotate", "at once", "delete")
    ids = {name: qk.provision(tenant, store, name=name, scopes=["user_default"]).client_id for name in names}
    ids["adopt"] = registered(tenant, "secret", allowed_auth_methods=("client_secret",))
    for name, operation, step, options in (
        ("revoke", qk.revoke, "promote", {}),
        ("rotate", qk.rotate, "publish", {}),
        ("at once", qk.rotate, "unpublish", {"overlap": timedelta(0)}),
        ("delete", qk.delete, "delete_record", {"confirm": ids["delete"]}),
        ("adopt", qk.adopt, "remove_secrets", {"remove_secrets": True}),
    ):
        interrupted(operation, tenant, store, ids[name], step=step, **options)

    found = qk.audit(tenant, store)
    rows = found[found["finding"] == "operation-interrupted"].set_index("client_id")
    severities = {"revoke": "critical", "adopt": "high", "delete": "high", "rotate": "medium", "at once": "medium"}
    assert dict(rows["severity"]) == {ids[name]: severity for name, severity in severities.items()}
    assert set(rows["command"]) == {"qlik-keys resume"}
    assert all(
        f"{name}, {STARTED_BY}" in rows["meaning"][ids[name]] for name in ("revoke", "adopt", "delete", "rotate")
    )
    table = qk.clients(tenant, store).set_index("client_id")["findings"]
    assert all("operation-interrupted" in table[ids[name]] for name in ids if name != "delete")
    operations = {ids[name]: "rotate" if name == "at once" else name for name in ids}
    assert {item.client_id: item.operation for item in qk.resume(tenant, store)} == operations
    assert qk.resume(tenant, store) == []


def test_a_record_that_was_edited_by_hand_is_no_interrupted_operation(world):
    """Vault's metadata show both alike, by the version; only a reader of the record learns which of them it is."""
    box, tenant, store = world
    edits = {"noted": {"note": "ours"}, "broken": {"kid": "another"}, "no keys": {"keys": ""}}
    names, scopes = (*edits, "shown wrong", "started"), ["user_default"]
    made = {name: qk.provision(tenant, store, name=name, scopes=scopes) for name in names}
    ids = {name: each.client_id for name, each in made.items()}
    paths = {name: f"qlik-keys/{tenant.host}/{client_id}" for name, client_id in ids.items()}
    interrupted(qk.rotate, tenant, store, ids["started"], step="publish")
    kv = (vault := hvac.Client(url=box.vault_url, token=box.vault_token)).secrets.kv.v2
    for name, change in edits.items():
        document = kv.read_secret_version(paths[name], raise_on_deleted_version=True)["data"]["data"]
        kv.create_or_update_secret(paths[name], secret={**document, **change})
    shown = kv.read_secret_metadata(paths["shown wrong"])["data"]["custom_metadata"]
    kv.update_metadata(paths["shown wrong"], custom_metadata={**shown, "kid": "another"})
    vault.adapter.close()

    def found(name, by=store):
        rows = qk.audit(tenant, by)
        return [*rows[rows["client_id"] == ids[name]].itertuples()]

    expected = {"noted": "metadata-differ", "broken": "record-damaged", "no keys": "record-damaged"}
    expected |= {"shown wrong": "metadata-differ", "started": "operation-interrupted"}
    assert {name: " ".join(row.finding for row in found(name)) for name in ids} == expected
    table = qk.clients(tenant, store).set_index("client_id")
    assert table["current_kid"][ids["shown wrong"]] == made["shown wrong"].kid  # as the record says
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

    for name in ("broken", "no keys", "started"):
        [row] = found(name, by=Auditor())
        assert (row.finding, row.severity) == ("operation-interrupted", "medium"), name
        assert "or a manual change of the record" in row.meaning
    with pytest.raises(qk.errors.ResumeError) as caught:
        qk.resume(tenant, store)
    assert {item.client_id for item in caught.value.failures} == {ids["broken"], ids["no keys"]}
    assert found("noted") == found("shown wrong") == []
