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
    asked = {"name": "nightly-etl", "scopes": ["user_default"], "key": KeySpec("ES384"), "client_secret": False}
    rest = {"description": "", "impersonation": False, "trusted": True, "rotate_after": timedelta(days=90)}
    return ClientSpecification.of(**{**asked, **rest, **changes})


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
    names = {"tenant_host": HOST, "client_id": client_id, "client_name": "nightly-etl", "custody": "kv"}
    keys = {} if key is None else {key.kid: replace(key, state="current")}
    return ClientRecord(**names, token_url=f"https://{HOST}/oauth/token", keys=keys, version=1)


def pending(client_id="", key=STORED, spec=SPECIFICATION):
    names = {"tenant_host": HOST, "name": spec.name, "specification": spec.to_document()}
    return PendingClient(**names, pending_at=NOW, key=key, client_id=client_id, version=1)


SECRET_TOO = specification(client_secret=True)
SECRET_ONLY = specification(client_secret=True, key=None)
OF_SECRET = {"keys": (), "spec": SECRET_ONLY}
PENDING_SECRET = pending(key=None, spec=SECRET_ONLY)
REQUESTED = Provision(specification=SPECIFICATION)
CONSENTED = replace(REQUESTED, consent_known=True)
VERIFIED = replace(CONSENTED, verified=True)
WITH_SECRET = replace(CONSENTED, specification=SECRET_TOO)
BY_SECRET = Provision(specification=SECRET_ONLY)
RAN_B = frozenset({B})
TWO = [client(A), client(B)]

# By name: the tenant's clients, what is pending, the records, what is requested, and the step that must come.
CASES = {
    "nothing": ([], None, [], REQUESTED, Step(Action.WRITE_PENDING)),
    "pending": ([], pending(), [], REQUESTED, Step(Action.REGISTER)),
    "registered": ([client()], pending(), [], REQUESTED, Step(Action.BIND, A)),
    "registered twice": (TWO, pending(), [], REQUESTED, Step(Action.BIND, A)),
    "bound": ([client()], pending(A), [], REQUESTED, Step(Action.RECORD, A)),
    "bound, and a second one": (TWO, pending(A), [], REQUESTED, Step(Action.REMOVE_DUPLICATE, B)),
    "the other one is bound": (TWO, pending(B), [], REQUESTED, Step(Action.REMOVE_DUPLICATE, A)),
    "the bound one is gone": ([], pending(A), [], REQUESTED, Step(Action.REGISTER)),
    "the bound one is gone, another is there": ([client(B)], pending(A), [], REQUESTED, Step(Action.BIND, B)),
    "recorded": ([client()], pending(A), [record()], REQUESTED, Step(Action.TRUST, A)),
    "recorded and trusted": ([client()], pending(A), [record()], CONSENTED, Step(Action.VERIFY, A)),
    "verified": ([client()], pending(A), [record()], VERIFIED, Step(Action.REMOVE_PENDING, A)),
    "nothing pending": ([client()], None, [record()], REQUESTED, Done(A)),
    "renamed meanwhile": ([client(clientName="else")], pending(A), [], REQUESTED, Step(Action.RECORD, A)),
    "secret lost": (
        [client(spec=SECRET_TOO)], pending(A, spec=SECRET_TOO), [record()], WITH_SECRET, Step(Action.REPLACE_SECRET, A),
    ),
    "secret known": (
        [client(spec=SECRET_TOO)], pending(A, spec=SECRET_TOO), [record()], replace(WITH_SECRET, secret_known=True),
        Step(Action.VERIFY, A),
    ),
    "secret only, registered": ([client(**OF_SECRET)], PENDING_SECRET, [], BY_SECRET, Step(Action.BIND, A)),
    "secret only, this run's second one": (
        [client(A, **OF_SECRET), client(B, **OF_SECRET)], pending(A, key=None, spec=SECRET_ONLY), [],
        replace(BY_SECRET, registered=RAN_B), Step(Action.REMOVE_DUPLICATE, B),
    ),
    "pending from a stale look": ([client(keys=(OTHER_KEY,))], pending(), [record()], REQUESTED, DISCARD),
    "secret only, pending from a stale look": (
        [client(**OF_SECRET)], PENDING_SECRET, [record(key=None)], BY_SECRET, DISCARD,
    ),
    "registered from a document that is gone": (
        [client(keys=(OTHER_KEY,))], pending(), [], replace(REQUESTED, registered=frozenset({A})),
        Step(Action.REMOVE_DUPLICATE, A),
    ),
    "a duplicate left by another run": (TWO, None, [record(A)], REQUESTED, Step(Action.REMOVE_DUPLICATE, B)),
    "a duplicate that this run registered": (
        [client(A), client(B, keys=(OTHER_KEY,))], None, [record(A)], replace(REQUESTED, registered=RAN_B),
        Step(Action.REMOVE_DUPLICATE, B),
    ),
}  # fmt: skip


def planned(clients, waiting, records, intent):
    store = StoreState(pending=waiting, records={one.client_id: one for one in records})
    return plan(TenantState(clients=clients), store, intent)


@pytest.mark.parametrize("name", CASES)
def test_the_next_step(name):
    assert planned(*CASES[name][:-1]) == CASES[name][-1]


NO_METHOD = client(allowedScopes=["apps"], allowedAuthMethods=["client_secret"])
OLDER = client(**OF_SECRET, age=10)
# Clients, what is pending, the records, what is requested, words of the message, and the fields that differ.
CONFLICTS = [
    ([client(keys=(OTHER_KEY,))], None, [], REQUESTED, "not managed by qlik_keys", set()),
    ([client(A), client(B, keys=(OTHER_KEY,))], None, [record()], REQUESTED, "2 clients", set()),
    ([client(allowedScopes=["apps"])], None, [record()], REQUESTED, "scopes", {"scopes"}),
    ([client(allowedGrantTypes=[])], None, [record()], REQUESTED, "grant_types", {"grant_types"}),
    ([client(appType="spa")], None, [record()], REQUESTED, "app_type", {"app_type"}),
    ([client()], None, [record(key=None)], REQUESTED, "key", {"key"}),
    ([NO_METHOD], None, [record()], REQUESTED, "auth_methods", {"scopes", "auth_methods"}),
    ([], pending(spec=specification(scopes=["apps"])), [], REQUESTED, "already being created", set()),
    ([client(keys=(OTHER_KEY,))], pending(), [], REQUESTED, "another user", set()),
    ([OLDER], PENDING_SECRET, [], REQUESTED, "already being created", set()),
    ([OLDER], PENDING_SECRET, [], BY_SECRET, "", set()),  # an older one of that name is not taken for ours
]


@pytest.mark.parametrize("case", range(len(CONFLICTS)))
def test_a_state_that_a_person_must_decide_is_a_conflict(case):
    *state, words, fields = CONFLICTS[case]
    answer = planned(*state)
    assert isinstance(answer, Conflict)
    assert words in answer.message
    assert answer.hint
    assert set(answer.differences) == fields


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
    ("wrong", "told"),
    [
        ({"name": ""}, "The client's name is empty."),
        ({"name": " \t"}, "The client's name is empty."),
        ({"name": "x" * 513}, "The client's name has 513 characters; the maximum is 512."),
        ({"name": "  night\tly"}, "name has a tab (U+0009) as its character 8, which cannot be displayed."),
        ({"name": "a\nb"}, "has a line break (U+000A) as its character 2,"),
        ({"name": "zero\u200bwidth"}, "has the character U+200B (ZERO WIDTH SPACE) as its character 5,"),
        ({"name": "hard\xa0space"}, "has the character U+00A0 (NO-BREAK SPACE) as its character 5,"),
        ({"name": "half\ud83d"}, "has the character U+D83D as its character 5,"),
        ({"description": "x" * 4097}, "The description has 4097 characters; the maximum is 4096."),
        ({"scopes": ["apps users"]}, "'apps users' is not one scope: it has a blank as its character 5."),
        ({"scopes": ["äpps"]}, r"is not one scope: it has the character '\xe4' as its character 1."),
        *(({"scopes": []}, ""), ({"key": None}, ""), ({"rotate_after": timedelta(hours=1)}, "")),
    ],
)
def test_options_out_of_bounds_are_refused_with_the_character_and_its_place(wrong, told):
    with pytest.raises(ConfigurationError) as caught:
        specification(**wrong)
    assert told in caught.value.message
    assert caught.value.hint


def test_scopes_must_be_a_list():
    with pytest.raises(TypeError):
        specification(scopes="user_default")
