"""The pure planner: random fleets that drifted in random ways, against a model of what each change does."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qlik_keys.fleet.manifest.comparing.changes import KINDS, ManifestPlan
from qlik_keys.fleet.manifest.comparing.facts import FoundClient, TenantFacts
from qlik_keys.fleet.manifest.declared import DeclaredClient
from qlik_keys.fleet.manifest.model import key_text
from qlik_keys.fleet.manifest.plan import plan_tenant
from qlik_keys.keys import KeySpec
from qlik_keys.keystore.base import KeySummary, StartedOperation
from qlik_keys.keystore.declarations import Declaration

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
FLEET, KID = "acme", "2026-11-01_kid"
NAMES = st.sampled_from([f"client-{number}" for number in range(6)])
SPECS = st.sampled_from([KeySpec("ES384"), KeySpec("RS256", bits=2048), KeySpec("RS512", bits=4096)])
MACHINE, USERS = "client_credentials", "urn:qlik:oauth:user-impersonation"


def maybe(strategy):
    return st.none() | strategy


DECLARED = st.builds(
    DeclaredClient,
    name=NAMES,
    tenants=st.just(("prod",)),
    scopes=st.sets(st.sampled_from(["user_default", "apps:read", "apps"]), min_size=1).map(lambda s: tuple(sorted(s))),
    key=maybe(SPECS),
    custody=maybe(st.sampled_from(["kv", "transit"])),
    methods=maybe(st.sampled_from([("private_key_jwt",), ("client_secret", "private_key_jwt")])),
    consent=maybe(st.sampled_from(["trusted", "required"])),
    impersonation=maybe(st.booleans()),
    description=maybe(st.sampled_from(["", "what it does"])),
    rotate_after=maybe(st.integers(20, 90).map(lambda days: timedelta(days=days))),
    overlap=maybe(st.sampled_from([timedelta(0), timedelta(hours=24)])),
    owner=maybe(st.sampled_from(["", "data@example.com"])),
    tags=maybe(st.sampled_from([(), ("a", "b")])),
)


def found(declared, number=1, **changes):
    """A client just as it is declared, with a key that came into use ten days ago."""
    serves = declared.rotate_after or timedelta(days=90)
    kind = declared.key or KeySpec()
    summary = KeySummary(
        client_id=f"{number:032x}",
        client_name=declared.name,
        custody=declared.custody or "kv",
        current_kid=KID,
        made_at=NOW - timedelta(days=10),
        rotate_by=NOW - timedelta(days=10) + serves,
        declaration=declared.mark(FLEET, None),
        rotate_after=serves,
    )
    there = FoundClient(
        client_id=summary.client_id,
        name=declared.name,
        scopes=declared.scopes,
        grant_types=declared.grant_types or (MACHINE,),
        auth_methods=declared.methods or ("private_key_jwt",),
        description=declared.description or "",
        consent=declared.consent or "trusted",
        kids=(KID,),
        key=key_text(kind),
        summary=summary,
    )
    return replace(there, **changes)


def summarized(**changes):
    return lambda there: replace(there, summary=replace(there.summary, **changes))


REVOKED = StartedOperation(name="revoke", started_at=NOW)
# What someone did by hand, and what is planned for it where the file declares what it says (else nothing is).
DRIFTS = {
    "scope": (lambda there: replace(there, scopes=("admin_classic",)), "change", lambda _: True),
    "renamed": (lambda there: replace(there, name="another name"), "change", lambda _: True),
    "description": (
        lambda there: replace(there, description="by hand"), "change", lambda each: each.description is not None
    ),
    "consent": (lambda there: replace(there, consent="required"), "change", lambda each: each.consent == "trusted"),
    "grants": (lambda there: replace(there, grant_types=(USERS,)), "change", lambda _: True),
    "methods": (lambda there: replace(there, auth_methods=("client_secret",)), "change", lambda each: each.methods),
    "key off": (lambda there: replace(there, kids=(), key=""), "rotate", lambda _: True),
    "other key": (lambda there: replace(there, key="RS512/3072"), "rotate", lambda each: each.key),
    "due": (
        summarized(rotate_by=NOW, rotate_after=None, made_at=NOW - timedelta(days=900)), "rotate", lambda _: True
    ),
    "custody": (
        lambda there: summarized(custody="transit" if there.summary.custody == "kv" else "kv")(there),
        "rotate",
        lambda each: each.custody,
    ),
    "service": (
        lambda there: summarized(rotate_after=there.summary.rotate_after + timedelta(days=1))(there),
        "change",
        lambda each: each.rotate_after,
    ),
    "owner": (
        lambda there: summarized(declaration=replace(there.summary.declaration, owner="by hand"))(there),
        "change",
        lambda each: each.owner is not None,
    ),
    "overlap over": (summarized(retire_at=NOW), "retire", lambda _: True),
    "overlap open": (summarized(retire_at=NOW + timedelta(seconds=1)), "retire", lambda _: False),
    "interrupted": (summarized(is_in_progress=True, operation=REVOKED), "finish", lambda _: True),
    "record deleted": (summarized(gone="deleted", remedy="`vault …`"), "blocked", lambda _: True),
    "record destroyed": (summarized(gone="destroyed"), "unmanaged", lambda _: True),
    "record lost": (lambda there: replace(there, summary=None), "unmanaged", lambda _: True),
    "record damaged": (lambda there: replace(there, problem="Damaged."), "blocked", lambda _: True),
    "mark of another file": (summarized(declaration=Declaration(fleet="other")), "blocked", lambda _: True),
    "deleted": (lambda _: None, "create", lambda _: True),
    "nothing": (lambda there: there, "change", lambda _: False),
}  # fmt: skip


def planned(declared, clients, **facts):
    return plan_tenant("prod", declared, TenantFacts(clients=tuple(clients), **facts), fleet=FLEET, now=NOW)


def settled(declared, there, kinds):
    """The client after these changes, by a model of them that knows nothing of the planner."""
    if kinds & {"create", "finish", "unmanaged"}:
        return found(declared)
    fit = found(declared, int(there.client_id, 16))
    summary = there.summary
    if kinds & {"change", "mark"}:
        grants = {*there.grant_types, MACHINE} - ({USERS} if declared.impersonation is False else set())
        there = replace(
            there,
            name=declared.name,
            scopes=declared.scopes,
            grant_types=tuple(grants | ({USERS} if declared.impersonation else set())),
            auth_methods=declared.methods or there.auth_methods,
            description=there.description if declared.description is None else declared.description,
            consent=declared.consent or there.consent,
        )
        serves = declared.rotate_after or summary.rotate_after
        mark = declared.mark(FLEET, summary.declaration)
        summary = replace(summary, declaration=mark, rotate_after=serves, rotate_by=fit.summary.rotate_by)
    if "retire" in kinds:
        summary = replace(summary, retire_at=None)
    if "rotate" in kinds:
        there = replace(there, kids=fit.kids, key=fit.key)
        summary = replace(fit.summary, declaration=summary.declaration)
    return replace(there, summary=summary)


@settings(max_examples=300)
@given(
    st.lists(DECLARED, unique_by=lambda each: each.name, max_size=5).flatmap(
        lambda fleet: st.tuples(
            st.just(fleet), st.lists(st.sampled_from([*DRIFTS]), min_size=len(fleet), max_size=len(fleet))
        )
    )
)
def test_each_drift_is_planned_and_after_the_changes_nothing_differs(both):
    fleet, drifts = both
    stranger = found(DeclaredClient(name="stranger", tenants=("prod",), scopes=("apps",)), 99)
    others = summarized(declaration=Declaration(fleet="other"))(replace(stranger, client_id="f" * 32))
    strangers = [replace(stranger, summary=None), others]
    there = {}
    for number, (declared, drift) in enumerate(zip(fleet, drifts, strict=True), 1):
        there[declared.name] = DRIFTS[drift][0](found(declared, number))
    changes, unchanged = planned(fleet, [*strangers, *filter(None, there.values())])
    kinds = {declared.name: {each.kind for each in changes if each.client == declared.name} for declared in fleet}
    for declared, drift in zip(fleet, drifts, strict=True):
        _, kind, is_declared = DRIFTS[drift]
        assert kinds[declared.name] == ({kind} if is_declared(declared) else set()), (drift, kinds)
    assert unchanged == sum(not each for each in kinds.values())
    assert {each.client for each in changes} <= {*kinds}  # a stranger has no part in it
    assert all(each.kind in KINDS for each in changes)
    blocked = {name for name, each in kinds.items() if "blocked" in each}
    after = [
        settled(declared, there[declared.name], kinds[declared.name])
        for declared in fleet
        if declared.name not in blocked
    ]
    after = [each if number is None else replace(each, client_id=f"{number:032x}") for number, each in enumerate(after)]
    rest = [declared for declared in fleet if declared.name not in blocked]
    assert planned(rest, [*strangers, *after]) == ([], len(rest))


def test_what_is_declared_no_longer_is_removed_and_only_if_it_has_the_mark_of_the_file():
    gone, left, other = (DeclaredClient(name=name, tenants=("prod",), scopes=("apps",)) for name in ("a", "b", "c"))
    record = found(left, 2).summary
    unmarked = summarized(declaration=None)(found(other, 3))
    changes, _ = planned([], [found(gone), unmarked], left=(record, replace(record, declaration=None)))
    assert [(each.kind, each.client, each.client_id) for each in changes] == [
        ("removed", "a", f"{1:032x}"),
        ("removed", "b", f"{2:032x}"),
    ]


def test_names_that_say_nothing_for_certain_are_blocked_and_a_renamed_client_is_found_by_its_mark():
    declared = DeclaredClient(name="a", tenants=("prod",), scopes=("apps",))
    bare = replace(found(declared, 2), summary=None)
    [blocked], _ = planned([declared], [bare, replace(bare, client_id="3" * 32)])
    assert (blocked.kind, "3" * 32 in blocked.reason) == ("blocked", True)
    assert planned([declared], [bare, found(declared)]) == ([], 1)  # a namesake that no one manages
    renamed, namesake = replace(found(declared), name="b"), replace(bare, name="a")
    [change], _ = planned([declared], [renamed, namesake])
    assert (change.kind, change.client_id, change.fields) == ("change", renamed.client_id, (("name", "b", "a"),))
    # The name that someone gave it is declared too: that one is still to be made.
    second = replace(declared, name="b")
    kinds = {each.client: each.kind for each in planned([declared, second], [renamed])[0]}
    assert kinds == {"a": "change", "b": "create"}
    assert planned([declared], [], pending=frozenset({"a"}))[0][0].kind == "finish"
    [blocked], _ = planned([declared], [replace(bare, app_type="spa")])
    assert (blocked.kind, "spa" in blocked.reason) == ("blocked", True)


@pytest.mark.parametrize(("kind", "has_drift"), [("mark", False), ("change", True), ("removed", True)])
def test_a_missing_mark_alone_is_no_drift(kind, has_drift):
    declared = DeclaredClient(name="a", tenants=("prod",), scopes=("apps",), owner=None if kind == "mark" else "x")
    wanted = [] if kind == "removed" else [declared]
    there = found(declared) if kind == "removed" else summarized(declaration=None)(found(declared))
    changes, unchanged = planned(wanted, [there])
    plan = ManifestPlan(changes=tuple(changes), unchanged=unchanged)
    assert [each.kind for each in changes] == [kind]
    assert plan.has_drift is has_drift
    assert ("No differences: 1 as declared." in plan.to_text()) is not has_drift
    assert plan.to_dict()["drift"] is has_drift
