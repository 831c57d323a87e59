"""What a Vault refuses, and why: the token, its policy, or the mount. Each told by class, words and hint, all real."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from fixtures.support import ManualClock

from qlik_keys.errors import (
    Outcome,
    StoreDenied,
    StoreError,
    StoreMisconfigured,
)
from qlik_keys.keystore.testing import make_key, make_pending, make_record

pytestmark = pytest.mark.openbao


# --- the token and its policy ---


@dataclass
class Lacking:
    """A policy without one right, the call that needs it, and how that is told."""

    branch: str
    capabilities: list[str]
    call: object
    needed: str
    verb: str


LACKING = {
    "read": Lacking("data", ["create", "update"], lambda s, r: s.read(r.tenant_host, r.client_id), "read", "read"),
    "create": Lacking("data", ["read"], lambda s, r: s.write(r), "create and update", "write"),
    "list": Lacking("metadata", ["read"], lambda s, r: s.client_ids(r.tenant_host), "list", "list"),
    "summary": Lacking(
        "metadata", ["list"], lambda s, r: s.summary(r.tenant_host, r.client_id), "read", "read the metadata of"
    ),
    "metadata": Lacking(
        "metadata", ["list", "read"], lambda s, r: s.write(r), "create and update", "write the metadata of"
    ),
    "delete": Lacking(
        "metadata",
        ["create", "read", "update", "list"],
        lambda s, r: s.delete(r.tenant_host, r.client_id),
        "delete",
        "delete",
    ),
    "destroy": Lacking("destroy", ["read"], lambda s, r: s.purge(r), "update", "destroy old versions of"),
}


@pytest.mark.parametrize("default_policy", [True, False])
@pytest.mark.parametrize("case", LACKING.values(), ids=LACKING)
def test_a_right_that_lacks_is_named(operator, open_vault, make_backdoor, host, *, case, default_policy):
    rights = {
        "data": ["create", "read", "update"],
        "metadata": ["create", "read", "update", "delete", "list"],
        "destroy": ["update"],
    } | {case.branch: case.capabilities}
    rules = "\n".join(
        f'path "secret/{branch}/qlik-keys/*" {{ capabilities = [{", ".join(map(repr, names))}] }}'.replace("'", '"')
        for branch, names in rights.items()
    )
    token = operator.make_token(rules, no_default_policy=not default_policy)
    root = open_vault()
    first = make_record(root, host)
    if case.verb not in ("write", "write the metadata of"):
        first = root.write(first)
        first = root.write(first.with_key(make_key(root, first.current.public.spec)))
    backdoor = make_backdoor(operator)
    before = backdoor.snapshot(host)

    store = open_vault(token=token)
    with pytest.raises(StoreDenied) as caught:
        case.call(store, first)
    denied = caught.value
    assert f"may not {case.verb} secret/qlik-keys/{host}" in denied.message
    assert f"secret/{case.branch}/qlik-keys/{host}" in str(denied)
    assert case.needed in denied.hint
    assert denied.path.startswith(f"secret/qlik-keys/{host}")
    assert denied.outcome is Outcome.NOT_APPLIED
    assert not denied.retryable
    # Only Vault itself can say what the policy does give, and only a token with the policy `default` may ask.
    assert ("its policy grants" in denied.message) is default_policy
    after = backdoor.snapshot(host)
    assert after == before or '"private_key"' not in after  # at most a place without any version was made
    root.delete(host, first.client_id)


def test_a_parameter_rule_is_not_told_as_a_lack_of_rights(operator, open_vault, host):
    rules = """
path "secret/data/*" { capabilities = ["create", "read", "update"] denied_parameters = { "data" = [] } }
path "secret/metadata/*" { capabilities = ["create", "read", "update", "delete", "list"] }
"""
    store = open_vault(token=operator.make_token(rules))
    with pytest.raises(StoreDenied) as caught:
        store.write(make_record(store, host))
    assert "but Vault still refuses" in caught.value.message
    assert "parameter rule" in caught.value.hint


def test_a_wrong_token_is_told(openbao, open_vault, host, clock):
    store = open_vault(token="hvs.wrong-from-the-start", clock=clock)
    with pytest.raises(StoreDenied) as caught:
        store.read(host, "0" * 32)
    assert "does not accept the token" in caught.value.message
    assert "expired, revoked" in caught.value.message
    assert "pass the new token" in caught.value.hint
    assert caught.value.outcome is Outcome.NOT_APPLIED


def test_a_token_that_was_revoked_in_progress_is_told(operator, open_vault, make_backdoor, narrow_policy, host):
    token = operator.make_token(narrow_policy.format(mount="secret", prefix="qlik-keys"))
    store = open_vault(token=token)
    record = store.write(make_record(store, host))
    before = make_backdoor(operator).snapshot(host)
    operator.client.auth.token.revoke(token)
    for call in (
        lambda: store.read(host, record.client_id),
        lambda: store.write(record.without_key(record.current.kid)),
        lambda: store.client_ids(host),
    ):
        with pytest.raises(StoreDenied, match="does not accept the token"):
            call()
    assert make_backdoor(operator).snapshot(host) == before


def test_a_token_that_has_run_out_is_told_with_its_end(operator, open_vault, narrow_policy, host):
    clock = ManualClock()
    token = operator.make_token(
        narrow_policy.format(mount="secret", prefix="qlik-keys"), ttl="1h", explicit_max_ttl="1h", renewable=False
    )
    store = open_vault(token=token, clock=clock)
    store.client_ids(host)
    clock.advance(3600)
    operator.client.auth.token.revoke(token)
    with pytest.raises(StoreDenied) as caught:
        store.client_ids(host)
    # Vault tells the life that is left in whole seconds.
    assert re.fullmatch(r"The Vault token expired at 2027-01-15 0(9:00:00|8:59:5\d) UTC\.", caught.value.message)


# --- the mount ---


def test_a_mount_that_is_not_there(openbao, open_vault, host):
    store = open_vault(mount="secrets")
    with pytest.raises(StoreMisconfigured) as caught:
        store.write(make_record(store, host))
    assert "has no mount 'secrets'" in caught.value.message
    assert "secret" in caught.value.hint.split(": ")[1]


def test_a_mount_that_the_token_does_not_see(operator, open_vault, narrow_policy, host):
    token = operator.make_token(narrow_policy.format(mount="secret", prefix="qlik-keys"))
    store = open_vault(token=token, mount="secrets")
    with pytest.raises(StoreDenied) as caught:
        store.write(make_record(store, host))
    assert "no mount 'secrets', or the token has no permission in it" in caught.value.message
    assert "secrets/data/qlik-keys/*" in caught.value.hint


def test_a_mount_of_version_1_is_refused_and_gets_nothing(operator, open_vault, host):
    mount = operator.make_mount(version="1")
    store = open_vault(mount=mount)
    for call in (
        lambda: store.write(make_record(store, host)),
        lambda: store.write_pending(make_pending(store, host)),
        lambda: store.read(host, "0" * 32),
    ):
        with pytest.raises(StoreMisconfigured) as caught:
            call()
        assert "KV version 1" in caught.value.message
        assert f"vault kv enable-versioning {mount}" in caught.value.hint
    assert operator.client.adapter.request("list", f"/v1/{mount}/", raise_exception=False).status_code == 404


def test_a_mount_of_version_1_that_was_upgraded_is_used_at_once(operator, open_vault, host):
    mount = operator.make_mount(version="1")
    store = open_vault(mount=mount)
    with pytest.raises(StoreMisconfigured):
        store.client_ids(host)
    operator.client.sys.tune_mount_configuration(path=mount, options={"version": "2"})
    operator.wait_for(lambda: operator.kv.read_configuration(mount_point=mount))
    record = store.write(make_record(store, host))
    assert store.read(host, record.client_id) == record


def test_a_mount_of_another_kind(openbao, open_vault, host):
    store = open_vault(mount="transit")
    with pytest.raises(StoreMisconfigured, match="engine of type 'transit'"):
        store.write(make_record(store, host))


def test_a_folder_in_a_mount_is_not_a_mount(openbao, open_vault, host):
    store = open_vault(mount="secret/team")
    with pytest.raises(StoreMisconfigured) as caught:
        store.write(make_record(store, host))
    assert "it is a folder in the mount 'secret'" in caught.value.message
    assert "mount='secret'" in caught.value.hint


def test_a_namespace_that_is_not_there(openbao, open_vault, host):
    store = open_vault(namespace="nobody")
    with pytest.raises(StoreError) as caught:
        store.client_ids(host)
    assert isinstance(caught.value, StoreMisconfigured | StoreDenied)
    assert "namespace" in str(caught.value)
