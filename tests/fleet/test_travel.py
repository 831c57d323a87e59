"""What goes from one process to another: errors with all that they know, results, references; and no secret."""

from __future__ import annotations

import inspect
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from fixtures.leaks import Leaks

import qlik_keys as qk
from qlik_keys import errors
from qlik_keys.core.secret import Secret
from qlik_keys.lifecycle.many import FleetResult

pytestmark = pytest.mark.openbao
# A value of each type that an error's constructor takes, by its parameter.
VALUES = {
    "outcome": errors.Outcome.UNKNOWN,
    "retryable": True,
    "status": 418,
    "retry_after": 2.5,
    "skew_seconds": -7.0,
    "deletion_time": datetime(2026, 11, 29, tzinfo=UTC),
    "client_ids": ("a", "b"),
    "differences": {"scopes": (("x",), ("y",))},
    "results": [FleetResult(client_id="a", outcome="failed", error=errors.StoreSealed("sealed", path="secret/a"))],
    "left": 3,
    "problems": (errors.ManifestProblem(line=3, column=5, message="There is no key 'scope'.", hint="Write scopes."),),
}
INHERITED = {"hint", "retryable", "outcome", "path", "status", "code", "detail", "trace_id"}


def errors_of_the_package():
    return [each for each in vars(errors).values() if inspect.isclass(each) and issubclass(each, qk.QlikKeysError)]


def made(kind):
    """One with a value for each keyword that it takes itself."""
    parameters = inspect.signature(kind).parameters
    given = {name: VALUES.get(name, f"the {name}") for name in parameters if name not in {"fields", "message"}}
    if "fields" in parameters:  # what the class above it takes
        above = inspect.signature(kind.__mro__[1]).parameters
        given |= {name: VALUES.get(name, f"the {name}") for name in above if name in INHERITED}
    return kind(**given) if "message" not in parameters else kind("what is wrong", **given)


@pytest.mark.parametrize("kind", errors_of_the_package(), ids=lambda kind: kind.__name__)
def test_each_error_arrives_as_it_was_sent(kind):
    sent = made(kind)
    sent.add_note("seen on the way")
    arrived = pickle.loads(pickle.dumps(sent))
    assert type(arrived) is kind
    assert (str(arrived), repr(arrived), arrived.args) == (str(sent), repr(sent), sent.args)
    assert arrived.hint
    assert repr(vars(arrived)) == repr(vars(sent))
    assert vars(arrived).keys() == vars(sent).keys() >= {"hint", "retryable", "outcome"}


def test_results_references_and_fleets_travel_without_a_secret_and_what_holds_one_does_not(world, name):
    leaks = Leaks(api_key=world.box.api_key, vault_token=world.box.vault_token)
    made_client = qk.provision(world.tenant, world.store, name=name, scopes=["user_default"], client_secret=True)
    leaks.secrets["client secret"] = made_client.client_secret.reveal()
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(made_client)
    rotated = qk.rotate(world.tenant, world.store, made_client.client_id, overlap=timedelta(0))
    listed = qk.rotate_due(world.tenant, world.store, client_ids=[made_client.client_id])
    again = qk.provision(world.tenant, world.store, name=f"{name}-by-key", scopes=["user_default"])
    reference = qk.TenantReference(url=world.box.tenant_url, api_key_variable="KEY")
    fleet = qk.Fleet({"a": reference}, runner=qk.DaskRunner("tcp://127.0.0.1:9", retries=2, resources={"vault": 1}))
    sent = [rotated, listed, again, reference, world.tenant.oauth_clients.get(made_client.client_id)]
    assert pickle.loads(pickle.dumps(sent)) == sent
    arrived = pickle.loads(pickle.dumps(fleet))
    assert arrived.names == ("a",)
    assert vars(arrived._runner) == vars(fleet._runner)
    for number, key in enumerate(world.store.read(world.tenant.host, made_client.client_id).keys.values()):
        leaks.key(str(number), key.private)
    leaks.shown["sent"] = pickle.dumps([*sent, fleet]).decode("latin-1")
    leaks.check()
    for holds_one in (qk.Fleet({"a": (world.tenant, world.store)}), Secret("canary-of-a-secret")):
        with pytest.raises(TypeError):
            pickle.dumps(holds_one)
