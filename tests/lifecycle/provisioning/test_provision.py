"""Provisioning on the sandbox: what is made, found again, refused, and finished after a fault."""

from __future__ import annotations

from datetime import timedelta

import pytest
from fixtures.harness.steps import interrupt, log_in, provision

import qlik_keys as qk
from qlik_keys.errors import AssertionRejected, ManualActionRequired, QlikKeysError
from qlik_keys.tenant.resources.scopes import scope_warnings

pytestmark = pytest.mark.openbao


@pytest.mark.parametrize("spec", [qk.KeySpec("ES384"), qk.KeySpec("RS256", bits=2048)], ids=str)
def test_all_nine_steps_in_one_call(spec, world, tenant, store, name):
    events, scopes = [], ["user_default", "apps:read"]
    asked = {"name": name, "scopes": scopes, "key": spec, "description": "nightly", "impersonation": True}
    made = qk.provision(tenant, store, **asked, on_step=events.append)
    client = world.assert_settled(name)
    assert (made.client_id, made.created, made.client_secret) == (client.client_id, True, None)
    assert (client.app_type, client.description) == ("web", "nightly")
    assert set(client.allowed_scopes) == set(scopes)
    assert set(client.allowed_grant_types) == {"client_credentials", "urn:qlik:oauth:user-impersonation"}
    assert client.allowed_auth_methods == ("private_key_jwt",)
    assert tenant.oauth_clients.connection_config(client.client_id).consent_method == "trusted"
    assert made.verification.user.client_id == client.client_id
    assert set(made.verification.scope.split()) == set(scopes)
    record = store.read(tenant.host, client.client_id)
    assert (record.current.public.spec, record.current.kid) == (spec, made.kid)
    assert record.rotate_by - record.current.made_at >= timedelta(days=90)
    steps = ["check", "write_pending", "register", "bind", "record", "verify", "remove_pending"]
    assert [(event.step, event.phase) for event in events] == [(s, p) for s in steps for p in ("before", "after")]
    assert {event.client_name for event in events} == {name}


def test_secret_and_key_both_log_in(world, tenant, store, name):
    made = provision(tenant, store, name, client_secret=True)
    client = world.assert_settled(name, secret=made.client_secret)
    assert set(client.allowed_auth_methods) == {"client_secret", "private_key_jwt"}
    assert client.allowed_grant_types == ("client_credentials",)
    second = provision(tenant, store, name, client_secret=True)
    assert second.client_secret is None
    assert any("cannot be shown again" in warning for warning in second.warnings)


def test_a_client_by_secret_alone(world, tenant, store, name):
    made = provision(tenant, store, name, key=None, client_secret=True)
    [client] = world.clients_named(name)
    assert (client.allowed_auth_methods, client.public_keys, made.kid) == (("client_secret",), (), "")
    assert made.verification.user.client_id == client.client_id
    assert world.pending() == []
    assert provision(tenant, store, name, key=None, client_secret=True).client_id == client.client_id


def test_an_own_key_is_taken_and_a_second_client_of_it_is_warned_of(world, tenant, store, name):
    key = qk.PrivateKey.from_pem(qk.generate(qk.KeySpec("ES384")).reveal())
    first = provision(tenant, store, name, key=key)
    world.assert_settled(name)
    assert (first.kid, first.warnings) == (key.kid, ())
    same = provision(tenant, store, name, key=key)
    assert (same.created, same.warnings) == (False, ())
    second = f"{name}-2"
    plan = qk.preview(tenant, store, "provision", name=second, scopes=["user_default"], key=key)
    # The file's own name for the key is another one: the key counts, not what it is called.
    made = provision(tenant, store, second, key=qk.PrivateKey.from_pem(key.reveal(), kid="another-name"))
    told = f"The client {name!r} ({first.client_id}) has the same key: anyone who has it can log in as both."
    assert [warning.startswith(told) for warning in made.warnings] == [True]
    assert made.warnings[0] in plan.notes
    other = qk.generate(qk.KeySpec("ES384"))
    assert qk.rotate(tenant, store, second, key=other).warnings == ()
    third = provision(tenant, store, f"{name}-3")
    assert [repr(second) in told for told in qk.rotate(tenant, store, third.client_id, key=other).warnings] == [True]


def test_an_untrusted_client_is_made_and_reported_as_unverified(world, tenant, store, name):
    made = provision(tenant, store, name, trusted=False)
    assert made.verification is None
    assert any("not trusted" in warning for warning in made.warnings)
    assert world.pending() == []
    with pytest.raises(QlikKeysError):
        log_in(tenant, store, made.client_id)


def test_a_doubtful_scope_is_accepted_with_a_warning():
    told = [scope_warnings([scope]) for scope in ("user_default", "user_defualt", "admin_classic")]
    assert [len(warnings) for warnings in told] == [0, 1, 1]
    assert "user_defualt" in told[1][0]
    assert "administer" in told[2][0]


def test_every_difference_is_named_and_nothing_is_changed(world, tenant, store, name):
    there = {"name": name, "scopes": ["user_default"], "description": "one"}
    made = qk.provision(tenant, store, **there)
    rsa = ("RS256 (2048 bits)", "ES384")
    for options, differences in (
        ({"rotate_after": timedelta(days=30)}, {"rotate_after": ("30 days", "90 days")}),
        ({"description": "another"}, {"description": ("another", "one")}),
        ({"trusted": False}, {"consent": ("not trusted", "trusted")}),
        ({"impersonation": True}, {"grant_types": None}),
        ({"client_secret": True}, {"auth_methods": None}),
        ({"key": qk.KeySpec("RS256", bits=2048)}, {"key": rsa}),
        ({"key": qk.generate()}, {"key": None}),
        (
            {"key": qk.KeySpec("RS256", bits=2048), "scopes": ["apps"]},
            {"key": rsa, "scopes": (["apps"], there["scopes"])},
        ),
    ):
        with pytest.raises(ManualActionRequired, match=next(iter(differences))) as caught:
            qk.provision(tenant, store, **{**there, **options})
        found = caught.value.differences
        assert {field: differences[field] and found[field] for field in found} == differences
        same = qk.provision(tenant, store, **there)
        assert (same.client_id, same.kid, same.created) == (made.client_id, made.kid, False)
    world.assert_settled(name)
    with (
        qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, custody="transit") as in_transit,
        pytest.raises(ManualActionRequired) as caught,
    ):
        qk.provision(tenant, in_transit, **there)
    assert caught.value.differences == {"custody": ("transit", "kv")}
    # A period that a rotation has set is no difference where none is given.
    qk.rotate(tenant, store, name, overlap=timedelta(0), rotate_after=timedelta(days=7))
    assert not qk.provision(tenant, store, **there).created
    tenant.oauth_clients.set_consent(made.client_id, "required")
    with pytest.raises(ManualActionRequired) as caught:
        qk.provision(tenant, store, **there)
    assert caught.value.differences == {"consent": ("trusted", "not trusted")}


@pytest.mark.parametrize(
    "fault",
    [
        {"method": "POST", "path": "/api/v1/oauth-clients", "fault": "lost_answer"},
        {"method": "POST", "path": "/api/v1/oauth-clients", "fault": 500},
        {"method": "POST", "path": "/api/v1/oauth-clients", "fault": 429, "retry_after": 0},
        {"method": "POST", "path": "/oauth/token", "fault": "lost_answer"},
        {"method": "GET", "path": "/api/v1/oauth-clients", "fault": 503},
    ],
    ids=str,
)
def test_one_fault_is_overcome_in_the_same_call(fault, world, tenant, store, name):
    world.box.configure(fail_next=[fault])
    assert provision(tenant, store, name).created
    world.assert_settled(name)


def test_a_cancelled_run_stops_after_its_step_and_nothing_is_cancelled_after_the_last(world, tenant, store, name):
    interrupt(provision, tenant, store, name, at="record")
    assert len(world.pending()) == 1
    qk.resume(tenant, store)
    world.assert_settled(name)
    with pytest.raises(pytest.fail.Exception):  # nothing was raised
        interrupt(provision, tenant, store, f"{name}-2", at="remove_pending")
    world.assert_settled(f"{name}-2")


def test_a_key_that_the_tenant_sees_late_is_waited_for_up_to_a_minute(world, tenant, store, name, clock):
    try:
        world.box.configure(key_propagation_seconds=1)
        assert provision(tenant, store, name).verification is not None
        world.assert_settled(name)
        world.box.configure(key_propagation_seconds=10_000)
        with pytest.raises(AssertionRejected):
            provision(tenant, store, f"{name}-2", clock=clock)
    finally:
        world.box.configure(key_propagation_seconds=0)
    assert sum(clock.slept) <= 60
    assert len(world.pending()) == 1


def test_a_client_that_was_deleted_in_the_console_while_it_was_made_is_made_again(world, tenant, store, name):
    interrupt(provision, tenant, store, name, at="record")
    [client] = world.clients_named(name)
    tenant.oauth_clients.delete(client.client_id)
    [item] = qk.resume(tenant, store)
    assert item.client_id != client.client_id
    world.assert_settled(name)
    assert client.client_id not in store.client_ids(tenant.host)
