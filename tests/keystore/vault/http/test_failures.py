"""What a Vault refuses, and why: the token, its policy, or the mount. Each told by class, words and hint, all real."""

from __future__ import annotations

import json
import re

import pytest
from fixtures.support import ManualClock

from qlik_keys.errors import Outcome, StoreDenied, StoreMisconfigured
from qlik_keys.keystore.testing import make_key, make_pending, make_record

pytestmark = pytest.mark.openbao
CLIENT_ID = "0" * 32
RIGHTS = {"data": "create read update", "metadata": "create read update delete list", "destroy": "update"}


def write(store, record):
    store.write(record)


def summary(store, record):
    store.summary(record.tenant_host, record.client_id)


def delete(store, record):
    store.delete(record.tenant_host, record.client_id)


# A branch and the rights that are left there, the call that needs another, which one that is, and what may not be done.
LACKING = {
    "read": ("data", "create update", lambda s, r: s.read(r.tenant_host, r.client_id), "read", "read"),
    "create": ("data", "read", write, "create and update", "write"),
    "list": ("metadata", "read", lambda s, r: s.client_ids(r.tenant_host), "list", "list"),
    "summary": ("metadata", "list", summary, "read", "read the metadata of"),
    "metadata": ("metadata", "list read", write, "create and update", "write the metadata of"),
    "delete": ("metadata", "create read update list", delete, "delete", "delete"),
    "destroy": ("destroy", "read", lambda s, r: s.purge(r), "update", "destroy old versions of"),
}


@pytest.mark.parametrize("default_policy", [True, False])
@pytest.mark.parametrize("case", LACKING.values(), ids=LACKING)
def test_a_right_that_is_missing_is_named(operator, open_vault, backdoor, host, *, case, default_policy):
    missing, left, call, needed, verb = case
    rules = "\n".join(
        f'path "secret/{branch}/qlik-keys/*" {{ capabilities = {json.dumps(rights.split())} }}'
        for branch, rights in (RIGHTS | {missing: left}).items()
    )
    token = operator.make_token(rules, no_default_policy=not default_policy)
    root = open_vault()
    record = make_record(root, host)
    if call is not write:
        record = root.write(record)
        record = root.write(record.with_key(make_key(root, record.current.public.spec)))
    before = backdoor.snapshot(host)

    with pytest.raises(StoreDenied) as caught:
        call(open_vault(token=token), record)
    denied = caught.value
    assert f"may not {verb} secret/qlik-keys/{host}" in denied.message
    assert f"secret/{missing}/qlik-keys/{host}" in str(denied)
    assert needed in denied.hint
    assert denied.path.startswith(f"secret/qlik-keys/{host}")
    assert (denied.outcome, denied.retryable) == (Outcome.NOT_APPLIED, False)
    # Only Vault itself can say what the policy does give, and only a token with the policy `default` may ask.
    assert ("its policy grants" in denied.message) is default_policy
    after = backdoor.snapshot(host)
    assert after == before or '"private_key"' not in after  # at most a place without any version was made


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


def test_a_wrong_token_is_told(open_vault, host, clock):
    with pytest.raises(StoreDenied) as caught:
        open_vault(token="hvs.wrong-from-the-start", clock=clock).read(host, CLIENT_ID)
    assert "does not accept the token" in caught.value.message
    assert "expired, revoked" in caught.value.message
    assert "from another Vault" in caught.value.message
    assert "pass the new token" in caught.value.hint
    assert caught.value.outcome is Outcome.NOT_APPLIED


def test_a_token_that_has_run_out_is_told_with_its_end(operator, open_vault, rules, host):
    clock = ManualClock()
    token = operator.make_token(rules, ttl="1h", explicit_max_ttl="1h", renewable=False)
    store = open_vault(token=token, clock=clock)
    store.client_ids(host)
    clock.advance(3600)
    operator.client.auth.token.revoke(token)
    with pytest.raises(StoreDenied) as caught:
        store.client_ids(host)
    # Vault tells the life that is left in whole seconds.
    assert re.fullmatch(r"The Vault token expired at 2027-01-15 0(9:00:00|8:59:5\d) UTC\.", caught.value.message)


@pytest.mark.parametrize(
    ("mount", "narrow", "kind", "words", "hint"),
    [
        ("secrets", False, StoreMisconfigured, "has no mount 'secrets'", ": .*secret"),
        ("secrets", True, StoreDenied, "no mount 'secrets', or the token has no permission", "secrets/data/qlik-keys/"),
        ("transit", False, StoreMisconfigured, "engine of type 'transit'", ""),
        ("secret/team", False, StoreMisconfigured, "it is a folder in the mount 'secret'", "mount='secret'"),
    ],
)
def test_a_mount_that_cannot_be_used(operator, open_vault, rules, host, *, mount, narrow, kind, words, hint):
    store = open_vault(mount=mount, **({"token": operator.make_token(rules)} if narrow else {}))
    with pytest.raises(kind, match=words) as caught:
        store.write(make_record(store, host))
    assert re.search(hint, caught.value.hint)


def test_a_mount_of_version_1_gets_nothing_and_is_used_as_soon_as_it_is_upgraded(operator, open_vault, host):
    mount = operator.make_mount(version="1")
    store = open_vault(mount=mount)
    for call in (
        lambda: store.write(make_record(store, host)),
        lambda: store.write_pending(make_pending(store, host)),
        lambda: store.read(host, CLIENT_ID),
    ):
        with pytest.raises(StoreMisconfigured) as caught:
            call()
        assert "KV version 1" in caught.value.message
        assert f"vault kv enable-versioning {mount}" in caught.value.hint
    assert operator.client.adapter.request("list", f"/v1/{mount}/", raise_exception=False).status_code == 404
    operator.client.sys.tune_mount_configuration(path=mount, options={"version": "2"})
    operator.wait_for_mount(mount)
    record = store.write(make_record(store, host))
    assert store.read(host, record.client_id) == record


def test_a_namespace_that_is_not_there(open_vault, host):
    with pytest.raises((StoreMisconfigured, StoreDenied), match="namespace"):
        open_vault(namespace="unknown").client_ids(host)
