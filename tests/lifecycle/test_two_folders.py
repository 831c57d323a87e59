"""Records of one tenant under two of its host names, as an earlier version left them: audit, completion, consumers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fixtures.host_names import aliased, turn

import qlik_keys as qk
from qlik_keys.cli.completion.offers import complete_line
from qlik_keys.errors import StoreNotFound

__all__ = ["aliased"]

pytestmark = pytest.mark.openbao


@pytest.fixture(autouse=True)
def _environment(aliased, monkeypatch, tmp_path):
    for name, value in {
        "HOME": str(tmp_path),
        "QLIK_API_KEY": aliased.display.api_key,
        "VAULT_ADDR": aliased.display.vault_url,
        "VAULT_TOKEN": aliased.display.vault_token,
    }.items():
        monkeypatch.setenv(name, value)


def offered(named, monkeypatch):
    monkeypatch.setenv("QLIK_TENANT_URL", named.tenant_url)
    return [offer.value for offer in complete_line(["rotate"], "two-")]


def test_what_lies_under_the_other_name_is_reported_offered_and_named(aliased, monkeypatch):
    with aliased.display.sides() as (tenant, store):
        kept, moved = (
            qk.provision(tenant, store, name=f"two-{of}", scopes=["user_default"]) for of in ("own", "other")
        )
        assert "two-folders" not in list(qk.audit(tenant, store)["finding"])
        assert store.tenant_hosts() == [aliased.display.host]
        assert offered(aliased.alias, monkeypatch) == ["two-other", "two-own"]  # the alias has no folder
        record = store.read(tenant.host, moved.client_id)
        store.delete(tenant.host, moved.client_id)
        store.write(replace(record, version=0, tenant_host=aliased.alias.host))

    for named, other, client in (
        (aliased.display, aliased.alias, "two-own"),
        (aliased.alias, aliased.display, "two-other"),
    ):
        with named.sides() as (tenant, store):
            found = qk.audit(tenant, store).set_index("finding").loc["two-folders"]
            assert (found["code"], found["severity"], found["name"]) == ("QK317", "medium", other.host)
            assert f"1 record under {other.host}." in found["meaning"]
        assert offered(named, monkeypatch) == [client]

    # No credential leads to the other name: the hint says where the record is, and no assertion is sent.
    turn(aliased, ("all", "addressed"))
    with (
        aliased.display.sides() as (tenant, store),
        qk.TokenSource.from_store(store, tenant_url=aliased.alias.tenant_url, client_id=kept.client_id) as source,
        pytest.raises(StoreNotFound) as caught,
    ):
        source.token()
    assert f"There is a record of this client under {aliased.display.host}: if that is" in caught.value.hint
