"""Every operation says which argument is wrong where tenant and store are swapped, missing, or something else."""

from __future__ import annotations

import pytest

import qlik_keys as qk

URL = "https://acme.eu.qlikcloud.com"
OPERATIONS = {
    "provision": lambda tenant, store: qk.provision(tenant, store, name="a", scopes=["b"]),
    "resume": qk.resume,
    "rotate": lambda tenant, store: qk.rotate(tenant, store, "a"),
    "rotate_due": qk.rotate_due,
    "retire_due": qk.retire_due,
    "revoke": lambda tenant, store: qk.revoke(tenant, store, "a"),
    "adopt": lambda tenant, store: qk.adopt(tenant, store, "a"),
    "delete": lambda tenant, store: qk.delete(tenant, store, "a", confirm="a"),
    "preview": lambda tenant, store: qk.preview(tenant, store, "rotate", "a"),
    "doctor": lambda tenant, store: qk.doctor(tenant, store, "a"),
    "clients": qk.clients,
    "audit": qk.audit,
}


@pytest.fixture(scope="module")
def sides():
    with (
        qk.QlikTenant(URL, credential=qk.ApiKey("a")) as tenant,
        qk.VaultKeyStore("http://127.0.0.1:1", token="a") as store,
    ):
        yield tenant, store


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_no_tenant_and_no_store_is_named(operation, sides):
    tenant, store = sides
    perform = OPERATIONS[operation]
    for wrong in (store, None, URL, qk.ApiKey("a")):
        with pytest.raises(TypeError, match=f"^tenant must be a QlikTenant, not {type(wrong).__name__}"):
            perform(wrong, store)
    for wrong in (tenant, URL, {}, *(() if operation == "clients" else (None,))):
        with pytest.raises(TypeError, match=f"^store must be a KeyStore.*, not {type(wrong).__name__}"):
            perform(tenant, wrong)


def test_a_plan_names_no_client():
    with pytest.raises(qk.errors.ConfigurationError, match="one client") as caught:
        qk.preview(None, None, "rotate", "")
    assert "id or its name" in caught.value.hint
