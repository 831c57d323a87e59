"""Operations on many clients of many tenants: a bad client, a dead tenant, a sealed Vault, kill -9 at any step."""

from __future__ import annotations

import contextlib
import pickle
import socket
import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.harness.sides import SkewedClock
from fixtures.harness.steps import interrupt, provision, register, registered
from fixtures.many_runs import ManyRuns
from fixtures.support import NoWaiting, machine_client, wait_for
from fixtures.vault_server import VaultServer

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, FleetError, Interrupted, StoreSealed
from qlik_keys.fleet.many.operations import FACTS, requests_of
from qlik_keys.fleet.many.work import PlanTenant, RunTenant
from qlik_keys.lifecycle.options import OPTIONS
from qlik_keys.sandbox.simulator.tenant import SandboxTenant
from qlik_keys.sandbox.transport import SandboxTransport
from qlik_keys.tenant.http.budget import RateBudget

pytestmark = pytest.mark.openbao
DAY = timedelta(days=1)
DUE = qk.Selection(due=True, within=2 * DAY)
AT_ONCE = {"overlap": timedelta(0)}


class Member:
    """A tenant without a server, and its clients, whose keys are due tomorrow; its own folder in a Vault."""

    def __init__(self, stack, vault_url, vault_token, clients):
        self.vault = {"url": vault_url, "token": vault_token}
        url = f"https://t{uuid.uuid4().hex}.eu.qlikcloud.com"
        simulator = SandboxTenant(url)
        key = qk.ApiKey(simulator.api_key)
        self.tenant = stack.enter_context(qk.QlikTenant(url, credential=key, transport=SandboxTransport(simulator)))
        self.store = stack.enter_context(qk.VaultKeyStore(**self.vault))
        self.sides = (self.tenant, self.store)
        made = [provision(*self.sides, f"etl-{number:02}", rotate_after=DAY) for number in range(clients)]
        self.kids = {each.client_id: each.kid for each in made}

    def record(self, client_id):
        return self.store.read(self.tenant.host, client_id)

    def used(self):
        return {tier: each.used for tier, each in self.tenant.http.budget.snapshot().items()}


@pytest.fixture
def stack():
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def member(stack, openbao):
    return Member(stack, openbao.url, openbao.token, 3)


def test_one_bad_client_a_dead_tenant_and_a_vault_sealed_in_the_middle_stop_no_other(stack, openbao, tmp_path):
    vault = stack.enter_context(VaultServer(tmp_path))
    vault.initialize()
    vault.unseal()
    vault.make_mount()
    bound = stack.enter_context(socket.socket())  # it does not listen
    bound.bind(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{bound.getsockname()[1]}"
    large = Member(stack, openbao.url, openbao.token, 30)
    small = Member(stack, vault.url, vault.client.token, 6)
    dead = stack.enter_context(qk.QlikTenant(address, credential=qk.ApiKey("k"), clock=NoWaiting()))
    fleet = qk.Fleet({"large": large.sides, "dead": (dead, large.store), "small": small.sides})

    with pytest.raises(FleetError):
        fleet.run("resume")  # what the dead tenant needs is told; nothing was interrupted on the others
    plan = fleet.plan("adopt", qk.Selection(secret_only=True))
    assert [each.error is None for each in plan.tenants] == [True, False, True]
    assert "dead   could not be asked" in plan.to_text()

    plan = fleet.plan("rotate", DUE)  # a question of the Vault alone
    assert [len(each.clients) for each in plan.tenants] == [30, 0, 6]
    bad, told = sorted(large.kids)[7], []
    large.tenant.oauth_clients.delete(bad)

    def seal(result):
        told.append(result)
        if result.tenant == "small" and sum(each.tenant == "small" for each in told) == 1:
            vault.seal()

    with pytest.raises(FleetError) as caught:
        fleet.run(plan, workers=2, on_client=seal)
    results = {name: [each for each in caught.value.results if each.tenant == name] for name in fleet.names}
    assert {each.client_id for each in results["large"] if each.outcome == "rotated"} == set(large.kids) - {bad}
    assert [each.client_id for each in results["large"] if each.error] == [bad]
    sealed = [each for each in results["small"] if each.error]
    assert sealed
    assert all(isinstance(each.error, StoreSealed) for each in sealed)
    assert caught.value.left == 6 - len(results["small"]) > 0
    assert len(told) == len(caught.value.results)
    assert f"large: {large.tenant.host}" not in caught.value.message
    assert f"({bad})" in caught.value.message

    vault.unseal()
    outcomes = [each.outcome for each in qk.Fleet({"small": small.sides}).run("rotate", DUE)]
    assert len(outcomes) >= len(sealed)
    qk.Fleet({"small": small.sides}).resume()
    for member, gone in ((large, {bad}), (small, set())):
        for client_id, kid in member.kids.items():
            if client_id not in gone:  # exactly one new key each
                keys = {key.kid: key.state for key in member.record(client_id).keys.values()}
                assert keys.pop(kid) == "previous"
                assert list(keys.values()) == ["current"]
    assert fleet.only(["large", "small"]).plan("rotate", DUE).count <= 1  # the one that the tenant lacks


def test_after_kill_9_at_any_step_none_is_done_twice_and_none_forgotten(world, name):
    tenant, store = world.tenant, world.store

    def make(what, **options):
        made = [provision(tenant, store, f"{name}-{what}-{number}", **options) for number in range(2)]
        return {each.client_id: each.kid for each in made}

    due, retiring, untrusted, compromised = make("due", rotate_after=DAY), make("old"), make("trust"), make("lost")
    secret = [world.create_with_secret(f"{name}-secret-{number}").client.client_id for number in range(2)]
    for client_id in retiring:
        qk.rotate(tenant, store, client_id, overlap=timedelta(seconds=1))
    for client_id in untrusted:
        tenant.oauth_clients.set_consent(client_id, "required")
    # A client of another administrator is in no pattern, and stays as it is.
    other = provision(tenant, store, f"other-{name}", rotate_after=DAY)
    # The store's moments are in whole seconds: in the next one the overlaps are over, and new keys are made after it.
    order = datetime.now(UTC).replace(microsecond=0) + 2 * timedelta(seconds=1)
    wait_for(lambda: datetime.now(UTC) >= order, "the second passes")
    operations = [
        ("rotate", "due", {"criteria": {"due": True, "within_days": 2}}),
        ("retire", "old", {}),
        ("adopt", "secret", {"criteria": {"secret_only": True}, "options": {"remove_secrets": True}}),
        ("trust", "trust", {}),
        ("revoke", "lost", {"made_before": order.isoformat()}),
    ]
    kills = 0
    with ManyRuns(world.box) as runs:
        for operation, what, more in operations:
            for kill_at in (7, 24, 15, 0):
                if runs.run(operation, f"{name}-{what}-*", kill_at=kill_at, **more):
                    break
                kills += 1
            assert runs.run(operation, f"{name}-{what}-*", **more)  # nothing is left to do
    assert kills >= len(operations) * 2
    assert qk.resume(tenant, store) == []

    def states(client_id):
        return {key.kid: key.state for key in store.read(tenant.host, client_id).keys.values()}

    for client_id, kid in due.items():
        keys = states(client_id)
        assert keys.pop(kid) == "previous"
        assert list(keys.values()) == ["current"]
        assert set(registered(tenant, client_id)) == {kid, *keys}
    for client_id, kid in {**retiring, **compromised}.items():
        [current] = states(client_id)
        assert registered(tenant, client_id) == [current]
        assert store.read(tenant.host, client_id).removed_kids == (kid,)  # one key was made, not two
    for client_id in secret:
        [current] = states(client_id)
        client = tenant.oauth_clients.get(client_id)
        assert [key.kid for key in client.public_keys] == [current]
        assert (client.client_secrets, client.allowed_auth_methods) == ((), ("private_key_jwt",))
        assert store.read(tenant.host, client_id).removed_kids == ()
    for client_id in untrusted:
        assert tenant.oauth_clients.connection_config(client_id).consent_method == "trusted"
    assert states(other.client_id) == {other.kid: "current"}


def test_a_plan_reads_no_record_with_keys_and_tells_what_the_run_then_sends(member):
    fleet = qk.Fleet({"one": member.sides})
    asked, sent = [], []
    stop = [member.store.subscribe(asked.append), member.tenant.http.subscribe(sent.append)]
    plan = fleet.plan("rotate", DUE)
    assert plan.count == len(member.kids)
    assert [call.path for call in asked if "/data/" in call.path] == []
    assert len(asked) == len(member.kids) + 1  # the list of records
    assert sent == []
    assert fleet.plan("rotate", qk.Selection(due=True, within=2 * DAY, scopes=["user_default"])).count == plan.count
    assert len(sent) == 1  # the tenant's list
    for each in stop:
        each()
    assert pickle.loads(pickle.dumps(plan)) == plan  # our own
    rotated = fleet.run(plan)
    assert [each.outcome for each in rotated] == ["rotated"] * plan.count
    assert fleet.plan("rotate", DUE).count == 0
    # The figures of the table are those of a run: the last client, operation by operation.
    client_id = next(iter(member.kids))
    secret = member.tenant.oauth_clients.create(machine_client("by-secret")).client.client_id
    one = qk.Selection(clients=[client_id])
    for operation, selection, options in (
        ("retire", one, {"force": True}),
        (
            "rotate",
            qk.Selection(clients=[client_id], due=True, within=99 * DAY),
            {**AT_ONCE, "rotate_after": 200 * DAY},
        ),
        ("trust", one, {}),
        ("adopt", qk.Selection(clients=[secret], secret_only=True), {"remove_secrets": True}),
        ("revoke", one, {}),
    ):
        if operation == "trust":
            member.tenant.oauth_clients.set_consent(client_id, "required")
        plan = fleet.plan(operation, selection, **options)
        before = member.used()
        [result] = fleet.run(plan)
        spent = {tier: count - before[tier] for tier, count in member.used().items()}
        chosen = FACTS[operation].options(**options)
        assert (operation, plan.tenants[0].requests) == (operation, requests_of(operation, chosen))
        assert all(spent[tier] >= count for tier, count in requests_of(operation, chosen).items()), (operation, spent)
        assert operation == "revoke" or spent == requests_of(operation, chosen), operation  # it ends each living token
        assert result.error is None


def test_how_long_the_limits_make_it_last():
    budget = RateBudget(limits_per_minute={1: 1000, 2: 100}, clock=NoWaiting())
    for requests, seconds in (({}, 0), ({2: 500}, 0), ({2: 501}, 300), ({1: 5000, 2: 1500}, 600), ({1: 5001}, 300)):
        assert budget.seconds_for(requests) == seconds
    for _ in range(400):
        budget.count(2)
    assert [budget.seconds_for({2: count}) for count in (100, 101)] == [0, 300]
    budget.block(1, 40)
    assert 39 < budget.seconds_for({1: 1}) <= 40


def test_a_client_is_done_by_its_state_when_its_turn_comes_and_what_is_not_safe_is_refused(member):
    tenant, store = member.sides
    fleet, ids = qk.Fleet({"one": member.sides}), [*member.kids]
    plan = fleet.plan("rotate", DUE)
    qk.rotate(tenant, store, ids[0], rotate_after=90 * DAY)  # another user is quicker
    interrupt(qk.rotate, tenant, store, ids[1], at="publish")
    assert [each.state for each in fleet.plan("rotate", DUE).tenants[0].clients] == ["started", "ready"]
    assert {each.client_id: each.outcome for each in fleet.run(plan)} == {
        ids[0]: "skipped", ids[1]: "finished", ids[2]: "rotated",
    }  # fmt: skip
    # Someone else's key would log in as a client that is trusted.
    stranger = qk.generate(qk.KeySpec("ES384"))
    for client_id in ids[:2]:
        tenant.oauth_clients.set_consent(client_id, "required")
    register(
        tenant, ids[0], *(each.to_dict() for each in tenant.oauth_clients.get(ids[0]).public_keys), stranger.public
    )
    with pytest.raises(FleetError) as caught:
        fleet.run("trust")
    assert {each.client_id: each.outcome for each in caught.value.results} == {ids[0]: "failed", ids[1]: "trusted"}
    assert tenant.oauth_clients.connection_config(ids[0]).consent_method == "required"
    # A revocation of before the order is finished, and its key replaced; one of after it is finished alone.
    interrupt(qk.revoke, tenant, store, ids[1], at="promote")
    kid = member.record(ids[1]).current.kid
    order = datetime.now(UTC) + timedelta(seconds=5)
    one = qk.Selection(clients=["etl-01", ids[1]])
    with qk.VaultKeyStore(**member.vault, clock=SkewedClock(off_seconds=10)) as later:
        fleet = qk.Fleet({"one": (tenant, later)})
        [again] = fleet.run("revoke", one, made_before=order)
        assert (again.outcome, kid in registered(tenant, ids[1])) == ("revoked", False)
        assert fleet.plan("revoke", one, made_before=order).count == 0
        interrupt(qk.revoke, tenant, later, ids[1], at="promote")
        kid = member.record(ids[1]).current.kid
        [finished] = fleet.run("revoke", one, made_before=order)
        assert (finished.outcome, registered(tenant, ids[1])) == ("finished", [kid])


def test_the_methods_of_a_fleet_do_what_the_functions_of_one_tenant_do(member, openbao, stack):
    second = Member(stack, openbao.url, openbao.token, 1)
    fleet = qk.Fleet({"first": member.sides, "second": second.sides})
    later = SkewedClock(off_seconds=2 * 86_400)
    heard = []
    results = fleet.rotate_due(clock=later, overlap=timedelta(seconds=1), on_client=heard.append)
    assert [each.tenant for each in results] == ["first"] * 3 + ["second"]
    assert {each.outcome for each in results} == {"rotated"}
    assert len(heard) == len(results)
    ended = SkewedClock(off_seconds=2 * 86_400 + 5)
    assert {each.outcome for each in fleet.retire_due(clock=ended)} == {"retired"}
    interrupt(qk.rotate, *second.sides, next(iter(second.kids)), at="publish")
    [resumed] = fleet.resume()
    assert (resumed.tenant, resumed.outcome, resumed.resumed.operation) == ("second", "finished", "rotate")
    found = qk.Selection(findings=["QK109", "admin-scope"])
    assert fleet.plan("rotate", found).count == 0

    cancel = threading.Event()
    cancel.set()
    with pytest.raises(Interrupted):
        fleet.run("rotate", DUE, cancel=cancel, clock=later)


WRONG = [
    ("rotate", {}, {}, "which clients"),
    ("rotate", {"name_pattern": "etl-*"}, {}, "which clients"),
    ("rotate", {"due": True, "within": 90 * DAY}, {}, "again"),
    ("rotate", {"older_than": timedelta(0)}, {}, "again"),
    ("rotate", {"secret_only": True}, {}, "secret_only"),
    ("rotate", {"due": True}, {"key": "a key"}, "many clients"),
    ("adopt", {"name_pattern": "*"}, {}, "which clients"),
    ("revoke", {}, {}, "which clients"),
    ("trust", {"due": True}, {}, "age"),
    ("resume", {"name_pattern": "*"}, {}, "no selection"),
    ("retire", {}, {"made_before": datetime.now(UTC)}, "made_before"),
    ("delete", {}, {}, "no operation"),
]


@pytest.mark.parametrize(("operation", "criteria", "options", "told"), WRONG)
def test_what_could_not_be_asked_for_again_without_harm_is_refused(operation, criteria, options, told, client_keys):
    fleet = qk.Fleet({"one": qk.TenantReference(url="https://acme.eu.qlikcloud.com")})
    options = {"key": client_keys["ES384"]} if "key" in options else options
    with pytest.raises(ConfigurationError, match=told) as caught:
        fleet.plan(operation, qk.Selection(**criteria), **options)
    assert caught.value.hint
    assert {*FACTS} - {"trust"} < {*OPTIONS}
    assert pickle.loads(pickle.dumps((PlanTenant, RunTenant)))  # by their names
