"""Which clients are selected: every criterion holds alone, all together, and after the operation no longer."""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.selection import ClientFacts

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAYS = st.integers(0, 120).map(timedelta)
NAMES = st.sampled_from(["etl-1", "etl-2", "ETL-1", "reports", "a*b", "[x]", ""])
SCOPES = st.lists(st.sampled_from(["user_default", "admin_classic", "apps:read"]), unique=True).map(tuple)
FINDINGS = st.lists(st.sampled_from(["rotation-overdue", "secret-only", "key-old"]), unique=True).map(tuple)
IDS = st.sampled_from([f"{number:032x}" for number in range(4)])
CLIENTS = st.builds(
    ClientFacts,
    client_id=IDS,
    name=NAMES,
    scopes=SCOPES,
    findings=FINDINGS,
    key_made=st.none() | DAYS.map(lambda age: NOW - age),
    rotate_by=st.none() | st.integers(-60, 60).map(lambda days: NOW + timedelta(days)),
    by_secret_alone=st.booleans(),
)
# Each criterion with what it means, said in another way than the product says it.
CRITERIA = {
    "clients": (
        st.lists(IDS | NAMES.filter(bool), min_size=1),
        lambda c, v: any(w in {c.client_id, c.name} for w in v),
    ),
    "name_pattern": (st.sampled_from(["etl-*", "*", "?tl-1", "[[]x]"]), lambda c, v: fnmatch.fnmatchcase(c.name, v)),
    "scopes": (SCOPES.filter(bool), lambda c, v: bool({*v} & {*c.scopes})),
    "findings": (FINDINGS.filter(bool), lambda c, v: bool({*v} & {*c.findings})),
    "within": (DAYS, lambda c, v: c.rotate_by is not None and c.rotate_by - NOW <= v),
    "older_than": (DAYS, lambda c, v: c.key_made is not None and NOW - c.key_made > v),
    "secret_only": (st.just(value=True), lambda c, _: c.by_secret_alone),
}


@st.composite
def criteria(draw):
    chosen = draw(st.sets(st.sampled_from([*CRITERIA])))
    if "within" in chosen:  # it goes with `due`, which excludes `older_than`
        chosen.discard("older_than")
    return {name: draw(CRITERIA[name][0]) for name in sorted(chosen)}


@given(client=CLIENTS, wanted=criteria())
def test_a_client_is_selected_if_every_criterion_holds_and_told_apart_by_those_that_last(client, wanted):
    selection = qk.Selection(**wanted, due="within" in wanted)
    holds = {name: CRITERIA[name][1](client, value) for name, value in wanted.items()}
    assert selection.fits(client, NOW) is all(holds.values())
    lasting = [holds[name] for name in ("clients", "name_pattern", "scopes") if name in holds]
    assert selection.is_about(client) is all(lasting)
    assert selection.is_empty is (not wanted)
    assert selection.has_state is bool({*wanted} - {"clients", "name_pattern", "scopes"})
    # Once its key is new, a client is selected by no age: it is not done twice.
    renewed = replace(client, key_made=NOW, rotate_by=NOW + timedelta(days=121))
    assert not (selection.has_age and selection.fits(renewed, NOW))
    assert selection.to_text()


WRONG = [
    ({"within": timedelta(days=1)}, ConfigurationError),
    ({"due": True, "older_than": timedelta(days=1)}, ConfigurationError),
    ({"older_than": timedelta(days=-1)}, ConfigurationError),
    ({"findings": ["QK999"]}, ConfigurationError),
    ({"clients": [" "]}, ConfigurationError),
    ({"clients": "one"}, TypeError),
    ({"due": 1}, TypeError),
    ({"older_than": 60}, TypeError),
    ({"name_pattern": None}, TypeError),
]


@pytest.mark.parametrize(("wrong", "kind"), WRONG)
def test_what_contradicts_itself_is_refused(wrong, kind):
    with pytest.raises(kind) as caught:
        qk.Selection(**wrong)
    assert kind is TypeError or caught.value.hint


def test_a_finding_may_be_named_by_its_code():
    selection = qk.Selection(findings=["qk104", "rotation-overdue", "Secret-Only"])
    assert selection.findings == ("rotation-overdue", "secret-only")
    text = qk.Selection(due=True, within=timedelta(days=14), name_pattern="etl-*", scopes=["a", "b"]).to_text()
    assert text == "due within 14d, named etl-*, with the scope a or b"
