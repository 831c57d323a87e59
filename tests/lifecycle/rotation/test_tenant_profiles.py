"""What `probe` has measured on a tenant is used: the form in which it takes keys, and how long a new key takes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import qlik_keys as qk
from qlik_keys.errors import AssertionRejected, ManualActionRequired
from qlik_keys.keystore.profiles import TenantProfile, profile_of
from qlik_keys.tenant import QlikTenant

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)
AT_ONCE = timedelta(0)
FORMS = ("objects", "texts", "text")


@pytest.fixture
def configure(world):
    """Turn the sandbox tenant's settings; afterwards they are as they were, and no profile is left."""
    changed = {}

    def turn(**settings):
        changed.update(settings)
        world.box.configure(**settings)

    yield turn
    usual = {"keys_form": "objects", "maximum_public_keys": None, "key_propagation_seconds": 0.0}
    world.box.configure(**{name: usual[name] for name in changed})
    world.store.write_profile(world.tenant.host, TenantProfile(probed_at=AT))


def fresh(world):
    """The same tenant in a process that has not called it yet."""
    return QlikTenant(world.box.tenant_url, credential=qk.ApiKey(world.box.api_key))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("operation", ["rotate", "revoke", "adopt"])
def test_an_operation_works_with_the_form_that_was_measured(world, configure, operation, form):
    configure(keys_form=form)
    world.store.write_profile(world.tenant.host, TenantProfile(probed_at=AT, keys_form=form))
    with fresh(world) as tenant:
        if operation == "adopt":
            made = world.create_with_secret(f"form-{form}").client
            done = qk.adopt(tenant, world.store, made.client_id, remove_secrets=True)
        else:
            made = qk.provision(tenant, world.store, name=f"form-{operation}-{form}", scopes=["user_default"])
            options = {"overlap": AT_ONCE} if operation == "rotate" else {}
            done = getattr(qk, operation)(tenant, world.store, made.client_id, **options)
        registered = [key.kid for key in tenant.oauth_clients.get(made.client_id).public_keys]
        assert registered == [done.kid] == [*world.store.read(tenant.host, made.client_id).keys]
        assert tenant.http.keys_form == form


@pytest.mark.parametrize("measured", [None, "objects", "texts"])
def test_a_form_that_was_not_measured_is_not_tried_on_a_client_in_use(world, configure, measured):
    with fresh(world) as tenant:
        made = qk.provision(tenant, world.store, name=f"form-unknown-{measured}", scopes=["user_default"])
        configure(keys_form="text")
        world.store.write_profile(tenant.host, TenantProfile(probed_at=AT, keys_form=measured))
        with pytest.raises(ManualActionRequired) as caught:
            qk.rotate(tenant, world.store, made.client_id, overlap=AT_ONCE)
        assert "The value of /publicKeys must be one JSON text of the array of JWKs." in caught.value.message
        assert "`qlik-keys probe` tells how many keys this tenant takes, and in which form." in caught.value.hint
        assert [key.kid for key in tenant.oauth_clients.get(made.client_id).public_keys] == [made.kid]
        assert [*world.store.read(tenant.host, made.client_id).keys] == [made.kid]


def test_the_usual_form_costs_no_look_at_the_profile(world, configure):
    configure()
    calls = []
    with fresh(world) as tenant:
        made = qk.provision(tenant, world.store, name="form-usual", scopes=["user_default"])
        unsubscribe = world.store.subscribe(calls.append)
        qk.rotate(tenant, world.store, made.client_id, overlap=AT_ONCE)
        unsubscribe()
    assert calls
    assert not [call.path for call in calls if ".profile" in call.path]


@pytest.mark.parametrize(("measured", "waits"), [(None, False), (10.0, False), (50.0, True)])
def test_a_slow_tenant_is_waited_for_as_long_as_was_measured(world, configure, clock, measured, waits):
    """The clock is ours alone: the sandbox sees the key after 90 seconds of its own, so it never does here."""
    configure(key_propagation_seconds=90.0)
    world.store.write_profile(world.tenant.host, TenantProfile(probed_at=AT, key_accepted_seconds=measured))
    with fresh(world) as tenant, pytest.raises(AssertionRejected):
        qk.provision(tenant, world.store, name=f"slow-{measured}", scopes=["user_default"], clock=clock)
    assert sum(clock.slept) > 85 if waits else 50 < sum(clock.slept) <= 60


def test_a_profile_is_kept_next_to_the_records_and_is_none_of_them(world, configure):
    configure()
    profile = TenantProfile(
        probed_at=AT,
        keys_form="texts",
        maximum_keys=2,
        key_accepted_seconds=1.5,
        key_refused_seconds=0.0,
        audiences=("https://acme.eu.qlikcloud.com/oauth/token",),
    )
    before = [*world.store.client_ids(world.tenant.host)]
    for each in (TenantProfile(probed_at=AT), profile):
        world.store.write_profile(world.tenant.host, each)
        assert world.store.read_profile(world.tenant.host) == each
    assert [*world.store.client_ids(world.tenant.host)] == before
    assert world.store.read_profile("elsewhere.eu.qlikcloud.com") is None
    assert profile_of({**profile.to_json(), "of_a_later_version": 1}) == profile


@pytest.mark.parametrize(
    "change",
    [{"probed_at": "soon"}, {"probed_at": None}, {"keys_form": "yaml"}, {"maximum_keys": 0}, {"maximum_keys": "2"},
     {"key_accepted_seconds": -1}, {"key_refused_seconds": "1"}, {"audiences": [1]}, {"audiences": 1}],
)  # fmt: skip
def test_a_profile_that_is_damaged_counts_as_none(change):
    assert profile_of({**TenantProfile(probed_at=AT).to_json(), **change}) is None
    assert profile_of([]) is None
