"""The printed policies on a real OpenBao: with just that, each role can do its work, and nothing more."""

from __future__ import annotations

import re
import threading
import uuid
from contextlib import contextmanager
from datetime import timedelta

import hvac
import pytest

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, Interrupted, QlikKeysError
from qlik_keys.keystore.base import KeyOwner

pytestmark = pytest.mark.openbao
AT_ONCE = timedelta(0)


@pytest.fixture
def root(box):
    client = hvac.Client(url=box.vault_url, token=box.vault_token)
    yield client
    client.adapter.close()


@pytest.fixture
def token_for(root):
    """Make a token that has one policy and nothing else, not even `default`."""
    made = []

    def make(rules):
        name = f"role-{uuid.uuid4().hex[:12]}"
        root.sys.create_or_update_policy(name, rules)
        made.append(name)
        answer = root.auth.token.create(policies=[name], no_default_policy=True, no_parent=True)
        return answer["auth"]["client_token"]

    yield make
    for name in made:
        root.sys.delete_policy(name)


@contextmanager
def store_with(world, token, custody):
    with qk.VaultKeyStore(world.box.vault_url, token=token, custody=custody) as store:
        yield store


def all_an_admin_does(world, store, name):
    """Every operation once, with a run that is interrupted, a key that is brought along and an orphan."""
    tenant, scopes, cancel = world.tenant, ["user_default"], threading.Event()
    with pytest.raises(Interrupted):
        qk.provision(
            tenant,
            store,
            name=name,
            scopes=scopes,
            cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == "register" else None,
        )
    store.make_key(qk.KeySpec("ES384"), KeyOwner(tenant.host, f"{name} orphan"))
    qk.resume(tenant, store)
    made = qk.provision(tenant, store, name=name, scopes=scopes)
    qk.rotate(tenant, store, made.client_id, key=qk.generate(qk.KeySpec("ES384")), overlap=AT_ONCE)
    qk.rotate(tenant, store, made.client_id)
    qk.retire_due(tenant, store, made.client_id, force=True)
    qk.revoke(tenant, store, made.client_id)
    other = world.create_with_secret(f"{name} adopted").client.client_id
    qk.adopt(tenant, store, other, remove_secrets=True)
    assert store.summary(tenant.host, other).custody == store.custody
    qk.delete(tenant, store, other, confirm=other)
    qk.delete(tenant, store, made.client_id, confirm=made.client_id)
    assert made.client_id not in store.client_ids(tenant.host)


def log_in(world, store, client_id):
    with qk.TokenSource.from_store(store, tenant_url=world.tenant.url, client_id=client_id) as source:
        source.token()


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_an_admin_can_do_everything(world, token_for, custody, name):
    rules = qk.vault_policy("admin", tenant_host=world.tenant.host, custody=custody)
    with store_with(world, token_for(rules), custody) as store:
        all_an_admin_does(world, store, name)


def fails(work):
    try:
        work()
    except QlikKeysError:
        return True
    return False


def weaker(rules):
    """Yield the policy without each of its capabilities in turn."""
    for rule in re.finditer(r'path "([^"]+)" \{ capabilities = \[([^]]+)\] \}', rules):
        names = re.findall(r'"(\w+)"', rule[2])
        for gone in names:
            rest = ", ".join(f'"{each}"' for each in names if each != gone) or '"deny"'
            yield f"{gone} on {rule[1]}", rules.replace(rule[0], f'path "{rule[1]}" {{ capabilities = [{rest}] }}')


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_an_admin_needs_every_right(world, token_for, custody, name):
    rules = qk.vault_policy("admin", tenant_host=world.tenant.host, custody=custody)
    needless = []
    for number, (what, weak) in enumerate(weaker(rules)):
        try:
            with store_with(world, token_for(weak), custody) as store:
                all_an_admin_does(world, store, f"{name}-{number}")
            needless.append(what)
        except QlikKeysError:
            pass
        with qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, custody=custody) as store:
            qk.resume(world.tenant, store)
        for left in (f"{name}-{number}", f"{name}-{number} adopted"):
            world.forget(left)
    assert needless == []


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_a_consumer_logs_in_before_and_after_a_rotation_and_can_do_nothing_else(world, token_for, root, custody, name):
    mine = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    other = qk.provision(world.tenant, world.store, name=f"{name} other", scopes=["user_default"])
    rules = qk.vault_policy(
        "consumer", tenant_host=world.tenant.host, client_id=mine.client_id, client_name=name, custody=custody
    )
    token = token_for(rules)
    with store_with(world, token, "kv") as store:
        log_in(world, store, mine.client_id)
        qk.rotate(world.tenant, world.store, mine.client_id, overlap=AT_ONCE)
        log_in(world, store, mine.client_id)
        log_in(world, store, name)
        with pytest.raises(QlikKeysError):
            log_in(world, store, other.client_id)
    folder = f"qlik-keys/{world.tenant.host}"
    record, another = (world.store.read(world.tenant.host, each.client_id).current for each in (mine, other))
    assert_all_refused(world, token, forbidden(folder, mine.client_id, record.reference or "qlik-keys.x"))
    assert_all_refused(world, token, [("GET", f"secret/data/{folder}/{other.client_id}")])
    if custody == "transit":
        assert_all_refused(world, token, [("POST", f"transit/sign/{another.reference}")])
    for what, weak in weaker(rules):
        with store_with(world, token_for(weak), "kv") as store:
            assert fails(lambda store=store: log_in(world, store, name)), f"{what} is needless"


def forbidden(folder, client_id, reference):
    """What only an admin, or nobody, may ask for."""
    return [
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
    ]


def assert_all_refused(world, token, calls):
    client = hvac.Client(url=world.box.vault_url, token=token)
    allowed = []
    for method, path in calls:
        status = client.adapter.session.request(
            method, f"{world.box.vault_url}/v1/{path}", headers={"X-Vault-Token": token}, json={}
        ).status_code
        if status != 403:
            allowed.append((method, path, status))
    client.adapter.close()
    assert allowed == []


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_an_auditor_sees_the_table_and_no_key(world, token_for, custody, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    rules = qk.vault_policy("auditor", tenant_host=world.tenant.host)
    token = token_for(rules)
    with store_with(world, token, "kv") as store:
        frame = qk.clients(world.tenant, store, consent=False)
        [row] = frame[frame["client_id"] == made.client_id].itertuples()
        assert (row.current_kid, row.custody) == (made.kid, custody)
        with pytest.raises(QlikKeysError):
            log_in(world, store, made.client_id)
    folder = f"qlik-keys/{world.tenant.host}"
    reference = world.store.read(world.tenant.host, made.client_id).current.reference or "qlik-keys.x"
    calls = [*forbidden(folder, made.client_id, reference), ("GET", f"secret/data/{folder}/{made.client_id}")]
    assert_all_refused(world, token, [*calls, ("POST", f"transit/sign/{reference}")])


@pytest.mark.parametrize("custody", ["kv", "transit"])
def test_an_auditor_audits(world, token_for, root, custody, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    cancel = threading.Event()
    with pytest.raises(Interrupted):
        qk.provision(
            world.tenant,
            world.store,
            name=f"{name} waits",
            scopes=["user_default"],
            cancel=cancel,
            on_step=lambda event: cancel.set() if event.step == "register" else None,
        )
    wanted = {"unfinished": 1}
    if custody == "transit":
        reference = world.store.read(world.tenant.host, made.client_id).current.reference
        root.secrets.transit.update_key_configuration(reference, exportable=True)
        wanted["key-can-leave"] = 1

    def told(rules):
        with store_with(world, token_for(rules), "kv") as store:
            frame = qk.audit(world.tenant, store, consent=False)
        ours = frame[(frame["client_id"] == made.client_id) | (frame["finding"] == "unfinished")]
        return ours["finding"].value_counts().to_dict()

    rules = qk.vault_policy("auditor", tenant_host=world.tenant.host)
    assert told(rules) == wanted
    for what, weak in weaker(rules):
        if what.startswith("read on transit/"):
            assert told(weak) == {"unfinished": 1, **({"not-checked": 1} if custody == "transit" else {})}
        else:
            assert fails(lambda weak=weak: told(weak)) or told(weak) != wanted, f"{what} is needless"


BAD = ["a*", "+", "..", 'x" { capabilities = ["sudo"] }', "a\nb", "a/b", "*", " "]


@pytest.mark.parametrize("bad", BAD)
def test_what_would_open_more_than_it_names_is_refused(bad):
    good = {"tenant_host": "acme.eu.qlikcloud.com", "client_id": "0" * 32, "client_name": "etl"}
    for name in ("tenant_host", "client_id"):
        with pytest.raises(ConfigurationError):
            qk.vault_policy("consumer", **{**good, name: bad})
    for name in ("mount", "prefix", "transit_mount"):
        if bad != "a/b":
            with pytest.raises(ConfigurationError):
                qk.vault_policy("admin", **{name: bad})
    for role, more in (("admin", {"client_id": "0" * 32}), ("king", {}), ("consumer", {"custody": "safe"})):
        with pytest.raises(ConfigurationError):
            qk.vault_policy(role, tenant_host="acme.eu.qlikcloud.com", **more)
    with pytest.raises(ConfigurationError, match="by its name"):
        qk.vault_policy("consumer", tenant_host="acme.eu.qlikcloud.com", client_id="0" * 32)


def test_without_a_tenant_it_is_for_all_of_them(world, token_for, name):
    with store_with(world, token_for(qk.vault_policy("admin")), "transit") as store:
        all_an_admin_does(world, store, name)
