"""Provisioning on the sandbox: what is made, asked again, refused, and fixed after every fault."""

from __future__ import annotations

import gc
import threading
import warnings
from datetime import timedelta

import pytest

import qlik_keys as qk
from qlik_keys.errors import (
    AssertionRejected,
    Interrupted,
    ManualActionRequired,
    QlikKeysError,
    ResumeError,
    TenantUnavailable,
)
from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
from qlik_keys.tenant import NewOAuthClient, PatchOperation, eq
from qlik_keys.tenant.resources.scopes import scope_warnings

pytestmark = pytest.mark.openbao

SPECS = [qk.KeySpec("ES384"), qk.KeySpec("RS256", bits=2048), qk.KeySpec("RS512", bits=2048)]


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_all_nine_steps_in_one_call(spec, world, name):
    events = []
    made = qk.provision(
        world.tenant, world.store, name=name, scopes=["user_default", "apps:read"], key=spec, description="nightly",
        on_step=events.append,
    )  # fmt: skip
    client = world.assert_settled(name)
    assert (made.client_id, made.created, made.client_secret) == (client.client_id, True, None)
    assert (client.app_type, client.description) == ("web", "nightly")
    assert set(client.allowed_scopes) == {"user_default", "apps:read"}
    assert client.allowed_grant_types == ("client_credentials",)
    assert client.allowed_auth_methods == ("private_key_jwt",)
    assert world.tenant.oauth_clients.connection_config(client.client_id).consent_method == "trusted"
    assert made.verification.user.client_id == client.client_id
    assert set(made.verification.scope.split()) == {"user_default", "apps:read"}
    record = world.store.read(world.tenant.host, client.client_id)
    assert record.current.public.spec == spec
    assert record.current.kid == made.kid
    assert record.rotate_by - record.current.made_at >= timedelta(days=90)
    steps = ["check", "write_pending", "register", "bind", "record", "verify", "remove_pending"]
    assert [(event.step, event.phase) for event in events] == [(s, p) for s in steps for p in ("before", "after")]
    assert {event.client_name for event in events} == {name}


def test_asked_again_it_is_the_same_client(world, name):
    first = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    again = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    assert (again.client_id, again.kid, again.created) == (first.client_id, first.kid, False)
    world.assert_settled(name)


def test_secret_and_key_both_log_in(world, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], client_secret=True)
    client = world.assert_settled(name)
    assert set(client.allowed_auth_methods) == {"client_secret", "private_key_jwt"}
    with world.tenant.with_credential(qk.ClientSecret(client.client_id, made.client_secret)) as as_client:
        assert as_client.users.me().client_id == client.client_id
    again = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], client_secret=True)
    assert again.client_secret is None
    assert any("cannot be shown again" in warning for warning in again.warnings)


def test_a_client_by_secret_alone(world, name):
    options = {"name": name, "scopes": ["user_default"], "key": None, "client_secret": True}
    made = qk.provision(world.tenant, world.store, **options)
    [client] = world.clients_named(name)
    assert (client.allowed_auth_methods, client.public_keys, made.kid) == (("client_secret",), (), "")
    assert made.verification.user.client_id == client.client_id
    assert world.pending() == []
    assert qk.provision(world.tenant, world.store, **options).client_id == client.client_id


def test_bring_your_own_key(world, name):
    key = qk.generate(qk.KeySpec("RS256", bits=2048))
    own = qk.PrivateKey.from_pem(key.reveal())
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=own)
    world.assert_settled(name)
    assert made.kid == own.kid
    assert qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=own).created is False
    with pytest.raises(ManualActionRequired) as caught:
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], key=qk.generate())
    assert set(caught.value.differences) == {"key"}


def test_one_key_for_two_clients_is_warned_of(world, name):
    key = qk.PrivateKey.from_pem(qk.generate(qk.KeySpec("ES384")).reveal())
    options = {"scopes": ["user_default"], "key": key}
    first = qk.provision(world.tenant, world.store, name=name, **options)
    assert first.warnings == ()
    assert qk.provision(world.tenant, world.store, name=name, **options).warnings == ()  # it is the same client
    second = f"{name}-2"
    plan = qk.preview(world.tenant, world.store, "provision", name=second, **options)
    # The file's own name for the key is another one: the key counts, not what it is called.
    renamed = qk.PrivateKey.from_pem(key.reveal(), kid="another-name")
    made = qk.provision(world.tenant, world.store, name=second, scopes=["user_default"], key=renamed)
    told = f"The client {name!r} ({first.client_id}) has the same key: anyone who has it can log in as both."
    assert [warning.startswith(told) for warning in made.warnings] == [True]
    assert made.warnings[0] in plan.notes
    other = qk.generate(qk.KeySpec("ES384"))
    assert qk.rotate(world.tenant, world.store, second, key=other).warnings == ()
    third = qk.provision(world.tenant, world.store, name=f"{name}-3", scopes=["user_default"])
    rotated = qk.rotate(world.tenant, world.store, third.client_id, key=other)
    assert [repr(second) in warning for warning in rotated.warnings] == [True]


def test_impersonation_is_a_grant_of_its_own(world, name):
    qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], impersonation=True)
    client = world.assert_settled(name)
    assert set(client.allowed_grant_types) == {"client_credentials", "urn:qlik:oauth:user-impersonation"}


def test_an_untrusted_client_is_made_and_said_to_be_unproved(world, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], trusted=False)
    assert made.verification is None
    assert any("not trusted" in warning for warning in made.warnings)
    assert world.pending() == []
    source = qk.TokenSource.from_store(world.store, tenant_url=world.tenant.url, client_id=made.client_id)
    with pytest.raises(QlikKeysError):
        source.token()


@pytest.mark.parametrize(
    ("scopes", "words"),
    [(["user_defualt"], "user_defualt"), (["admin_classic"], "administer"), (["user_default"], None)],
)
def test_scopes_pass_with_a_word_of_warning(scopes, words):
    warnings = scope_warnings(scopes)
    assert bool(warnings) is bool(words)
    assert words is None or words in warnings[0]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "The client's name is empty."),
        ({"name": " \t"}, "The client's name is empty."),
        ({"name": "x" * 513}, "The client's name has 513 characters; the maximum is 512."),
        (
            {"name": "  night\tly"},
            "The client's name has a tab (U+0009) as its character 8, which cannot be displayed.",
        ),
        ({"name": "a\nb"}, "has a line break (U+000A) as its character 2,"),
        ({"name": "zero\u200bwidth"}, "has the character U+200B (ZERO WIDTH SPACE) as its character 5,"),
        ({"name": "hard\xa0space"}, "has the character U+00A0 (NO-BREAK SPACE) as its character 5,"),
        ({"name": "half\ud83d"}, "has the character U+D83D as its character 5,"),
        ({"description": "x" * 5000}, "The description has 5000 characters; the maximum is 4096."),
        ({"scopes": ["apps users"]}, "'apps users' is not one scope: it has a blank as its character 5."),
        ({"scopes": ["äpps"]}, r"is not one scope: it has the character '\xe4' as its character 1."),
    ],
)
def test_what_is_wrong_with_a_name_is_said_with_the_character_and_its_place(wrong, told):
    choices = {"name": "etl", "scopes": ["user_default"], "key": None, "client_secret": True, "description": ""}
    rest = {"impersonation": False, "trusted": True, "rotate_after": None}
    with pytest.raises(qk.errors.ConfigurationError) as refused:
        ClientSpecification.of(**choices | rest | wrong)
    assert told in refused.value.message


def test_a_client_of_that_name_that_is_not_ours_is_left_alone(world, name):
    key = qk.generate()
    theirs = world.tenant.oauth_clients.create(
        NewOAuthClient(
            app_type="web",
            client_name=name,
            allowed_scopes=("user_default",),
            allowed_grant_types=("client_credentials",),
            allowed_auth_methods=("private_key_jwt",),
            public_keys=(key.public,),
            consent_method="trusted",
        )
    ).client
    with pytest.raises(ManualActionRequired, match="not managed by qlik_keys"):
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    assert [client.client_id for client in world.clients_named(name)] == [theirs.client_id]
    assert world.pending() == []


def test_ours_with_another_specification_says_what_differs(world, name):
    qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    with pytest.raises(ManualActionRequired) as caught:
        qk.provision(world.tenant, world.store, name=name, scopes=["apps"], key=qk.KeySpec("RS256", bits=2048))
    assert caught.value.differences["scopes"] == (["apps"], ["user_default"])
    assert caught.value.differences["key"] == ("RS256 (2048 bits)", "ES384")
    world.assert_settled(name)


@pytest.mark.parametrize(
    ("options", "field", "expected"),
    [
        ({"rotate_after": timedelta(days=30)}, "rotate_after", ("30 days", "90 days")),
        ({"description": "another"}, "description", ("another", "one")),
        ({"trusted": False}, "consent", ("not trusted", "trusted")),
        ({"impersonation": True}, "grant_types", None),
        ({"client_secret": True}, "auth_methods", None),
        ({"key": qk.KeySpec("RS256", bits=2048)}, "key", ("RS256 (2048 bits)", "ES384")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_difference_that_is_asked_for_is_named_and_nothing_is_changed(world, name, options, field, expected):
    there = {"name": name, "scopes": ["user_default"], "description": "one"}
    made = qk.provision(world.tenant, world.store, **there)
    with pytest.raises(ManualActionRequired, match=field) as caught:
        qk.provision(world.tenant, world.store, **{**there, **options})
    assert list(caught.value.differences) == [field]
    assert expected in (None, caught.value.differences[field])
    again = qk.provision(world.tenant, world.store, **there)
    assert (again.client_id, again.kid, again.created) == (made.client_id, made.kid, False)


def test_a_different_custody_and_a_removed_consent_are_named(world, name):
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    with (
        qk.VaultKeyStore(world.box.vault_url, token=world.box.vault_token, custody="transit") as store,
        pytest.raises(ManualActionRequired) as caught,
    ):
        qk.provision(world.tenant, store, name=name, scopes=["user_default"])
    assert caught.value.differences == {"custody": ("transit", "kv")}
    world.tenant.oauth_clients.set_consent(made.client_id, "required")
    with pytest.raises(ManualActionRequired) as caught:
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    assert caught.value.differences == {"consent": ("trusted", "not trusted")}


def test_a_client_whose_key_serves_longer_by_a_rotation_is_found_by_who_asks_for_no_time(world, name):
    qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    qk.rotate(world.tenant, world.store, name, overlap=timedelta(0), rotate_after=timedelta(days=7))
    assert not qk.provision(world.tenant, world.store, name=name, scopes=["user_default"]).created


FAULTS = [
    {"method": "POST", "path": "/api/v1/oauth-clients", "fault": "lost_answer"},
    {"method": "POST", "path": "/api/v1/oauth-clients", "fault": 500},
    {"method": "POST", "path": "/api/v1/oauth-clients", "fault": 503},
    {"method": "POST", "path": "/api/v1/oauth-clients", "fault": 429, "retry_after": 0},
    {"method": "POST", "path": "/oauth/token", "fault": "lost_answer"},
    {"method": "POST", "path": "/oauth/token", "fault": 500},
    {"method": "GET", "path": "/api/v1/users/me", "fault": "lost_answer"},
    {"method": "GET", "path": "/api/v1/oauth-clients", "fault": 503},
]


@pytest.mark.parametrize(
    "fault", FAULTS, ids=lambda fault: f"{fault['method']} {fault['path']} {list(fault.values())[2]}"
)
def test_one_fault_is_lived_through_in_the_same_call(fault, world, name):
    world.box.configure(fail_next=[fault])
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    assert made.created
    world.assert_settled(name)


def test_an_outage_is_said_and_resumed(world, name):
    outage = [{"method": "POST", "path": "/api/v1/oauth-clients", "fault": 503, "times": 50}]
    world.box.configure(fail_next=outage)
    with pytest.raises(TenantUnavailable):
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    assert len(world.pending()) == 1
    world.box.configure(fail_next=[])
    [item] = qk.resume(world.tenant, world.store)
    assert item.client_id == world.assert_settled(name).client_id


@pytest.mark.parametrize("cut", ["write_pending", "register", "bind", "record", "verify", "remove_pending"])
def test_cancel_stops_between_two_steps(cut, world, name):
    cancel = threading.Event()

    def stop(event):
        if (event.step, event.phase) == (cut, "after"):
            cancel.set()

    if cut == "remove_pending":  # nothing is left to be cancelled
        assert qk.provision(
            world.tenant, world.store, name=name, scopes=["user_default"], on_step=stop, cancel=cancel
        ).created
    else:
        with pytest.raises(Interrupted):
            qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], on_step=stop, cancel=cancel)
        qk.resume(world.tenant, world.store)
    world.assert_settled(name)


def test_a_key_that_the_tenant_sees_late_is_waited_for(world, name, clock):
    world.box.configure(key_propagation_seconds=1)
    try:
        made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    finally:
        world.box.configure(key_propagation_seconds=0)
    assert made.verification is not None
    world.assert_settled(name)


def test_a_key_that_the_tenant_never_sees_is_said(world, name, clock):
    world.box.configure(key_propagation_seconds=10_000)
    try:
        with pytest.raises(AssertionRejected):
            qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], clock=clock)
    finally:
        world.box.configure(key_propagation_seconds=0)
    assert sum(clock.slept) <= 60
    assert len(world.pending()) == 1


def test_a_client_deleted_by_hand_half_way_is_made_again(world, name):
    class Cut(Exception):
        pass

    def cut(event):
        if (event.step, event.phase) == ("record", "after"):
            raise Cut

    with pytest.raises(Cut):
        qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], on_step=cut)
    [client] = world.clients_named(name)
    world.tenant.oauth_clients.delete(client.client_id)
    [item] = qk.resume(world.tenant, world.store)
    assert item.client_id != client.client_id
    world.assert_settled(name)
    assert client.client_id not in world.store.client_ids(world.tenant.host)


def test_a_duplicate_that_a_dead_run_left_is_removed_and_no_other_client(world, name):
    other, without_key = (
        NewOAuthClient(
            app_type="web",
            client_name=f"{name}-{what}",
            allowed_scopes=("user_default",),
            allowed_grant_types=("client_credentials",),
            allowed_auth_methods=(method,),
            public_keys=keys,
            consent_method="trusted",
        )
        for what, method, keys in (
            ("other", "private_key_jwt", (qk.generate(qk.KeySpec("ES384")).public,)),
            ("secret", "client_secret", ()),
        )
    )
    bystanders = [world.tenant.oauth_clients.create(each).client.client_id for each in (other, without_key)]
    made = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"])
    key = world.store.read(world.tenant.host, made.client_id).current
    twin = world.tenant.oauth_clients.create(
        NewOAuthClient(
            app_type="web",
            client_name=name,
            allowed_scopes=("user_default",),
            allowed_grant_types=("client_credentials",),
            allowed_auth_methods=("private_key_jwt",),
            public_keys=(key.public,),
            consent_method="trusted",
        )
    ).client
    [item] = qk.resume(world.tenant, world.store)
    assert (item.operation, item.client_id) == ("remove_duplicate", twin.client_id)
    assert world.assert_settled(name).client_id == made.client_id
    assert [world.tenant.oauth_clients.get(each).client_id for each in bystanders] == bystanders


def test_one_that_cannot_be_finished_does_not_keep_the_others_waiting(world, name):
    stuck, fine = f"{name}-stuck", f"{name}-fine"
    for each in (stuck, fine):
        cancel = threading.Event()
        with pytest.raises(Interrupted):
            qk.provision(
                world.tenant, world.store, name=each, scopes=["user_default"], cancel=cancel,
                on_step=lambda event, cancel=cancel: cancel.set() if event.step == "write_pending" else None,
            )  # fmt: skip
    stranger = world.tenant.oauth_clients.create(
        NewOAuthClient(
            app_type="web", client_name=stuck, allowed_scopes=("user_default",), allowed_auth_methods=("client_secret",)
        )
    ).client
    with pytest.raises(ResumeError, match=stuck) as caught:
        qk.resume(world.tenant, world.store)
    assert {item.name: item.error is None for item in caught.value.results} == {stuck: False, fine: True}
    world.tenant.oauth_clients.patch(
        stranger.client_id, [PatchOperation(op="replace", path="/clientName", value=f"{name}-stranger")]
    )
    qk.resume(world.tenant, world.store)
    for each in (stuck, fine):
        world.assert_settled(each)


def test_a_forgotten_tenant_leaves_no_socket_to_a_warning(box):
    def forget():
        tenant = qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key))
        tenant.oauth_clients.list(eq("clientName", "nobody"))

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        gc.collect()  # what others left is none of its own
        caught.clear()
        forget()
        gc.collect()
    assert [str(one.message) for one in caught] == []
