"""The plan as data: for each state of tenant and store, the one next step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from qlik_keys.errors import ConfigurationError, ManualActionRequired
from qlik_keys.keys import KeySpec, generate
from qlik_keys.keystore.base import ClientRecord, PendingClient, StoredKey
from qlik_keys.lifecycle import Action, ClientSpecification, Conflict, Done, Provision, Step, StoreState, TenantState
from qlik_keys.lifecycle.provisioning.plan import DISCARD, plan
from qlik_keys.tenant import OAuthClient

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOST = "acme.eu.qlikcloud.com"
A, B = "a" * 32, "b" * 32
KEY = generate(KeySpec("ES384"))
OTHER_KEY = generate(KeySpec("ES384"))
STORED = StoredKey(public=KEY.public, state="next", made_at=NOW, private=KEY)


def specification(**changes):
    asked = {
        "name": "nightly-etl",
        "scopes": ["user_default"],
        "key": KeySpec("ES384"),
        "client_secret": False,
        "description": "",
        "impersonation": False,
        "trusted": True,
        "rotate_after": timedelta(days=90),
    }
    return ClientSpecification.of(**{**asked, **changes})


SPECIFICATION = specification()


def client(client_id=A, *, keys=(KEY,), age=0, spec=SPECIFICATION, **changes):
    fields = {
        "clientId": client_id,
        "clientName": spec.name,
        "appType": "web",
        "allowedScopes": spec.scopes,
        "allowedGrantTypes": spec.grant_types,
        "allowedAuthMethods": spec.auth_methods,
        "publicKeys": [key.public.to_dict() for key in keys],
        "createdAt": NOW - timedelta(minutes=age),
    }
    return OAuthClient.model_validate({**fields, **changes})


def record(client_id=A, key=STORED):
    keys = {} if key is None else {key.kid: replace(key, state="current")}
    return ClientRecord(
        tenant_host=HOST,
        client_id=client_id,
        client_name="nightly-etl",
        token_url=f"https://{HOST}/oauth/token",
        custody="kv",
        keys=keys,
        version=1,
    )


def pending(client_id="", key=STORED, spec=SPECIFICATION):
    return PendingClient(
        tenant_host=HOST,
        name=spec.name,
        specification=spec.to_document(),
        pending_at=NOW,
        key=key,
        client_id=client_id,
        version=1,
    )


SECRET_TOO = specification(client_secret=True)
SECRET_ONLY = specification(client_secret=True, key=None)
REQUESTED = Provision(specification=SPECIFICATION)
CONSENTED = replace(REQUESTED, consent_known=True)
VERIFYD = replace(CONSENTED, verified=True)

# By name: the tenant's clients, what is pending, the records, what is requested, and the step that must come.
CASES = {
    "nothing anywhere": ([], None, [], REQUESTED, Step(Action.WRITE_PENDING)),
    "pending": ([], pending(), [], REQUESTED, Step(Action.REGISTER)),
    "registered": ([client()], pending(), [], REQUESTED, Step(Action.BIND, A)),
    "registered twice": ([client(A), client(B)], pending(), [], REQUESTED, Step(Action.BIND, A)),
    "bound": ([client()], pending(A), [], REQUESTED, Step(Action.RECORD, A)),
    "bound, and a second one": ([client(A), client(B)], pending(A), [], REQUESTED, Step(Action.REMOVE_DUPLICATE, B)),
    "the other one is bound": ([client(A), client(B)], pending(B), [], REQUESTED, Step(Action.REMOVE_DUPLICATE, A)),
    "the bound one is gone": ([], pending(A), [], REQUESTED, Step(Action.REGISTER)),
    "the bound one is gone, another is there": ([client(B)], pending(A), [], REQUESTED, Step(Action.BIND, B)),
    "recorded": ([client()], pending(A), [record()], REQUESTED, Step(Action.TRUST, A)),
    "recorded and trusted": ([client()], pending(A), [record()], CONSENTED, Step(Action.VERIFY, A)),
    "verified": ([client()], pending(A), [record()], VERIFYD, Step(Action.REMOVE_PENDING, A)),
    "without_pending": ([client()], None, [record()], REQUESTED, Done(A)),
    "renamed meanwhile": ([client(clientName="else")], pending(A), [], REQUESTED, Step(Action.RECORD, A)),
    "secret lost": (
        [client(spec=SECRET_TOO)], pending(A, spec=SECRET_TOO), [record()], replace(CONSENTED,
        specification=SECRET_TOO), Step(Action.REPLACE_SECRET, A),
    ),
    "secret known": (
        [client(spec=SECRET_TOO)], pending(A, spec=SECRET_TOO), [record()],
        replace(CONSENTED, specification=SECRET_TOO, secret_known=True), Step(Action.VERIFY, A),
    ),
    "secret only, registered": (
        [client(keys=(), spec=SECRET_ONLY)], pending(key=None, spec=SECRET_ONLY), [],
        Provision(specification=SECRET_ONLY), Step(Action.BIND, A),
    ),
    "secret only, this run's second one": (
        [client(A, keys=(), spec=SECRET_ONLY), client(B, keys=(), spec=SECRET_ONLY)],
        pending(A, key=None, spec=SECRET_ONLY), [], Provision(specification=SECRET_ONLY, registered=frozenset({B})),
        Step(Action.REMOVE_DUPLICATE, B),
    ),
    "pending from a stale look": ([client(keys=(OTHER_KEY,))], pending(), [record()], REQUESTED, DISCARD),
    "secret only, pending from a stale look": (
        [client(keys=(), spec=SECRET_ONLY)], pending(key=None, spec=SECRET_ONLY), [record(key=None)],
        Provision(specification=SECRET_ONLY), DISCARD,
    ),
    "registered from a document that is gone": (
        [client(keys=(OTHER_KEY,))], pending(), [], replace(REQUESTED, registered=frozenset({A})),
        Step(Action.REMOVE_DUPLICATE, A),
    ),
    "a duplicate left by another run": (
        [client(A), client(B)], None, [record(A)], REQUESTED, Step(Action.REMOVE_DUPLICATE, B),
    ),
    "a duplicate that this run registered": (
        [client(A), client(B, keys=(OTHER_KEY,))], None, [record(A)], replace(REQUESTED, registered=frozenset({B})),
        Step(Action.REMOVE_DUPLICATE, B),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_next_step(name):
    clients, waiting, records, intent, expected = CASES[name]
    store = StoreState(pending=waiting, records={one.client_id: one for one in records})
    assert plan(TenantState(clients=clients), store, intent) == expected


# By name: clients, what is pending, the records, words of the message, and the fields that differ.
CONFLICTS = {
    "not managed by qlik_keys": ([client(keys=(OTHER_KEY,))], None, [], "not managed by qlik_keys", set()),
    "ours and a stranger's": ([client(A), client(B, keys=(OTHER_KEY,))], None, [record()], "2 clients", set()),
    "other scopes": ([client(allowedScopes=["apps"])], None, [record()], "scopes", {"scopes"}),
    "other grants": ([client(allowedGrantTypes=[])], None, [record()], "grant_types", {"grant_types"}),
    "other type": ([client(appType="spa")], None, [record()], "app_type", {"app_type"}),
    "no key": ([client()], None, [record(key=None)], "key", {"key"}),
    "two things": (
        [client(allowedScopes=["apps"], allowedAuthMethods=["client_secret"])], None, [record()], "auth_methods",
        {"scopes", "auth_methods"},
    ),
    "pending, another request": ([], pending(spec=specification(scopes=["apps"])), [], "already being created", set()),
    "a stranger took the name": ([client(keys=(OTHER_KEY,))], pending(), [], "another user", set()),
    "an older one of that name, by secret": (
        [client(keys=(), spec=SECRET_ONLY, age=10)], pending(key=None, spec=SECRET_ONLY), [],
        "already being created", set(),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFLICTS)
def test_what_a_person_must_decide(name):
    clients, waiting, records, words, fields = CONFLICTS[name]
    store = StoreState(pending=waiting, records={one.client_id: one for one in records})
    answer = plan(TenantState(clients=clients), store, REQUESTED)
    assert isinstance(answer, Conflict)
    assert words in answer.message
    assert answer.hint
    assert set(answer.differences) == fields


def test_an_older_client_of_the_name_is_not_taken_for_the_one_by_secret():
    answer = plan(
        TenantState(clients=[client(keys=(), spec=SECRET_ONLY, age=10)]),
        StoreState(pending=pending(key=None, spec=SECRET_ONLY)),
        Provision(specification=SECRET_ONLY),
    )
    assert isinstance(answer, Conflict)


@pytest.mark.parametrize(
    "asked",
    [
        SPECIFICATION, SECRET_TOO, SECRET_ONLY, specification(key=KeySpec("RS512", bits=2048)), specification(key=KEY),
        specification(impersonation=True, trusted=False, description="x", rotate_after=timedelta(days=7)),
    ],
)  # fmt: skip
def test_a_specification_survives_the_pending_document(asked):
    assert ClientSpecification.from_document(asked.to_document()) == asked


@pytest.mark.parametrize(
    "document", [{}, {"name": "x"}, {**SPECIFICATION.to_document(), "key": {"alg": "HS256", "bits": 1}}]
)
def test_a_pending_document_of_another_version_is_left_to_a_person(document):
    with pytest.raises(ManualActionRequired) as caught:
        ClientSpecification.from_document(document)
    assert caught.value.hint


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "  "}, {"name": "x" * 513}, {"name": "a\nb"}, {"scopes": []}, {"scopes": ["a b"]}, {"scopes": ["é"]},
        {"key": None}, {"rotate_after": timedelta(hours=1)}, {"description": "x" * 4097},
    ],
)  # fmt: skip
def test_options_out_of_bounds_are_refused_before_any_change(wrong):
    with pytest.raises(ConfigurationError) as caught:
        specification(**wrong)
    assert caught.value.hint


def test_scopes_must_be_a_list():
    with pytest.raises(TypeError):
        specification(scopes="user_default")
