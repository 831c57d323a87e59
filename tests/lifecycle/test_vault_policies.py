"""The printed policies on a real OpenBao: with just that, each role can do its work, and nothing more."""

from __future__ import annotations

import contextlib
import re
import uuid
from datetime import timedelta

import httpx
import pytest
from fixtures.harness.steps import interrupt, log_in, provision

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, QlikKeysError
from qlik_keys.keystore.base import KeyOwner

BOTH = pytest.mark.parametrize("custody", ["kv", "transit"])
AT_ONCE = timedelta(0)


@pytest.fixture
def token_for(vault):
    """Make a token that has one policy and nothing else, not even `default`."""
    made = []

    def make(rules):
        made.append(f"role-{uuid.uuid4().hex[:12]}")
        vault.sys.create_or_update_policy(made[-1], rules)
        answer = vault.auth.token.create(policies=[made[-1]], no_default_policy=True, no_parent=True)
        return answer["auth"]["client_token"]

    yield make
    for name in made:
        vault.sys.delete_policy(name)


def store_with(world, token, custody="kv"):
    return qk.VaultKeyStore(world.box.vault_url, token=token, custody=custody)


def do_all_of_an_admin(world, rules, token_for, name):
    """Every operation once, with a run that is interrupted, a key that is brought along and an orphan."""
    tenant, custody = world.tenant, world.custody
    with store_with(world, token_for(rules), custody) as store:
        interrupt(provision, tenant, store, name, at="register")
        store.make_key(qk.KeySpec("ES384"), KeyOwner(tenant.host, f"{name} orphan"))
        qk.resume(tenant, store)
        made = provision(tenant, store, name)
        qk.rotate(tenant, store, made.client_id, key=qk.generate(qk.KeySpec("ES384")), overlap=AT_ONCE)
        qk.rotate(tenant, store, made.client_id)
        qk.retire_due(tenant, store, made.client_id, force=True)
        qk.revoke(tenant, store, made.client_id)
        other = world.create_with_secret(f"{name} adopted").client.client_id
        qk.adopt(tenant, store, other, remove_secrets=True)
        assert store.summary(tenant.host, other).custody == custody
        qk.delete(tenant, store, other, confirm=other)
        qk.delete(tenant, store, made.client_id, confirm=made.client_id)
        assert made.client_id not in store.client_ids(tenant.host)


def weaker(rules):
    """Yield the policy without each of its capabilities in turn."""
    for rule in re.finditer(r'path "([^"]+)" \{ capabilities = \[([^]]+)\] \}', rules):
        names = re.findall(r'"(\w+)"', rule[2])
        for gone in names:
            rest = ", ".join(f'"{each}"' for each in names if each != gone) or '"deny"'
            yield f"{gone} on {rule[1]}", rules.replace(rule[0], f'path "{rule[1]}" {{ capabilities = [{rest}] }}')


@pytest.mark.openbao
@BOTH
def test_an_admin_can_do_everything_and_needs_every_right(world, token_for, custody, name):
    rules = qk.vault_policy("admin", tenant_host=world.tenant.host, custody=custody)
    do_all_of_an_admin(world, rules, token_for, name)
    if custody == "transit":  # without a tenant it is for all of them
        do_all_of_an_admin(world, qk.vault_policy("admin"), token_for, name)
    needless = []
    for number, (right, weak) in enumerate(weaker(rules)):
        if custody == "transit" and "transit/" not in right:
            continue  # a right that keys in the documents need as well
        with contextlib.suppress(QlikKeysError):
            do_all_of_an_admin(world, weak, token_for, f"{name}-{number}")
            needless.append(right)
        qk.resume(world.tenant, world.store)
        for left in (f"{name}-{number}", f"{name}-{number} adopted"):
            world.forget(left)
    assert needless == []


def assert_all_refused(world, token, folder, client_id, reference, *more):
    """Only an admin, or no role, may send any of these."""
    calls = [
        ("POST", f"secret/data/{folder}/{client_id}"),
        ("DELETE", f"secret/data/{folder}/{client_id}"),
        ("POST", f"secret/destroy/{folder}/{client_id}"),
        ("DELETE", f"secret/metadata/{folder}/{client_id}"),
        ("POST", f"secret/metadata/{folder}/{client_id}"),
        ("GET", f"secret/data/{folder}/.staged/{'0' * 32}"),
        ("POST", f"transit/keys/{reference}"),
        ("DELETE", f"transit/keys/{reference}"),
        ("POST", f"transit/keys/{reference}/config"),
        ("GET", f"transit/export/signing-key/{reference}"),
        ("GET", f"transit/backup/{reference}"),
        ("GET", "transit/keys?list=true"),
        ("GET", "sys/policies/acl?list=true"),
        ("POST", "auth/token/create"),
        *more,
    ]
    with httpx.Client(base_url=f"{world.box.vault_url}/v1/", headers={"X-Vault-Token": token}) as vault:
        answers = {call: vault.request(*call, json={}).status_code for call in calls}
    assert answers == dict.fromkeys(calls, 403)


@pytest.mark.openbao
@BOTH
def test_a_consumer_logs_in_before_and_after_a_rotation_and_can_do_nothing_else(world, token_for, custody, name):
    tenant, admin = world.tenant, world.store
    mine, other = provision(tenant, admin, name), provision(tenant, admin, f"{name} other")
    names = {"tenant_host": tenant.host, "client_id": mine.client_id, "client_name": name}
    rules = qk.vault_policy("consumer", **names, custody=custody)
    token = token_for(rules)
    with store_with(world, token) as store:
        log_in(tenant, store, mine.client_id)
        qk.rotate(tenant, admin, mine.client_id, overlap=AT_ONCE)
        log_in(tenant, store, mine.client_id)
        log_in(tenant, store, name)
        with pytest.raises(QlikKeysError):
            log_in(tenant, store, other.client_id)
    folder = f"qlik-keys/{tenant.host}"
    own, another = (admin.read(tenant.host, each.client_id).current.reference for each in (mine, other))
    theirs = [("GET", f"secret/data/{folder}/{other.client_id}")]
    theirs += [("POST", f"transit/sign/{another}")] if another else []
    assert_all_refused(world, token, folder, mine.client_id, own or "qlik-keys.x", *theirs)
    for _, weak in weaker(rules):
        with store_with(world, token_for(weak)) as store, pytest.raises(QlikKeysError):
            log_in(tenant, store, name)


@pytest.mark.openbao
@BOTH
def test_an_auditor_sees_the_table_and_the_findings_and_no_key(world, token_for, custody, name, vault):
    tenant = world.tenant
    made = provision(tenant, world.store, name)
    rules = qk.vault_policy("auditor", tenant_host=tenant.host)
    token = token_for(rules)
    with store_with(world, token) as store:
        frame = qk.clients(tenant, store, consent=False)
        [row] = frame[frame["client_id"] == made.client_id].itertuples()
        assert (row.current_kid, row.custody) == (made.kid, custody)
        with pytest.raises(QlikKeysError):
            log_in(tenant, store, made.client_id)
    folder, reference = f"qlik-keys/{tenant.host}", world.store.read(tenant.host, made.client_id).current.reference
    reading = [
        ("GET", f"secret/data/{folder}/{made.client_id}"),
        ("POST", f"transit/sign/{reference or 'qlik-keys.x'}"),
    ]
    assert_all_refused(world, token, folder, made.client_id, reference or "qlik-keys.x", *reading)

    interrupt(provision, tenant, world.store, f"{name} waits", at="register")
    wanted = {"unfinished": 1}
    if custody == "transit":
        vault.secrets.transit.update_key_configuration(reference, exportable=True)
        wanted["key-can-leave"] = 1

    def told(rules):
        with store_with(world, token_for(rules)) as store:
            frame = qk.audit(tenant, store, consent=False)
        ours = frame[(frame["client_id"] == made.client_id) | (frame["finding"] == "unfinished")]
        return ours["finding"].value_counts().to_dict()

    assert told(rules) == wanted
    for right, weak in weaker(rules):
        found = None  # refused
        with contextlib.suppress(QlikKeysError):
            found = told(weak)
        assert found != wanted or right.startswith("read on transit/"), f"{right} is needless"
        if right.startswith("read on transit/"):
            assert found == {"unfinished": 1, **({"not-checked": 1} if custody == "transit" else {})}


@pytest.mark.parametrize("bad", ["a*", "+", "..", 'x" { capabilities = ["sudo"] }', "a\nb", "a/b", "*", " "])
def test_a_name_that_would_open_more_than_itself_is_refused(bad):
    good = {"tenant_host": "acme.eu.qlikcloud.com", "client_id": "0" * 32, "client_name": "etl"}
    wrong = [("consumer", {**good, name: bad}) for name in ("tenant_host", "client_id")]
    if bad != "a/b":
        wrong += [("admin", {name: bad}) for name in ("mount", "prefix", "transit_mount")]
    for role, options in wrong:
        with pytest.raises(ConfigurationError):
            qk.vault_policy(role, **options)


def test_a_policy_without_its_role_or_its_client_is_refused():
    by_id = {"client_id": "0" * 32}
    for role, options in (("admin", by_id), ("king", {}), ("consumer", {"custody": "safe"}), ("consumer", by_id)):
        with pytest.raises(ConfigurationError, match="by its name" if (role, options) == ("consumer", by_id) else None):
            qk.vault_policy(role, tenant_host="acme.eu.qlikcloud.com", **options)
