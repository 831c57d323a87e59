"""The published scopes, and which one covers which."""

from __future__ import annotations

import re

import pytest

from qlik_keys.tenant.resources import scope_proposal, scopes
from qlik_keys.tenant.resources.scope_proposal import least_scopes
from qlik_keys.tenant.resources.scopes import (
    KNOWN_SCOPES,
    children,
    covers,
    explanation,
    families,
    lacks_scope,
    named_in,
    parents,
    unknown,
    without_covered,
)


@pytest.mark.parametrize(
    ("parent", "child", "expected"),
    [
        ("apps", "apps:read", True),
        ("apps", "apps", True),
        ("admin.apps", "admin.apps:export", True),
        ("spaces.shared", "spaces.shared:read", True),
        ("admin_classic", "admin.users:read", True),
        ("admin_classic", "apps", False),
        ("apps:read", "apps", False),
        ("apps:read", "apps:read:more", False),
        ("apps", "apps.data:export", False),
        ("app", "apps:read", False),
        ("user_default", "apps", False),
    ],
)
def test_covers(parent, child, expected):
    assert covers(parent, child) is expected


def test_unknown_scopes_are_listed_in_their_order():
    assert unknown(["zeta", "user_default", "alpha"]) == ["zeta", "alpha"]


def test_what_another_scope_covers_can_be_left_out():
    assert without_covered(["apps:read", "apps", "admin.users", "admin_classic", "apps"]) == ["apps", "admin_classic"]


def test_families_hold_every_scope_once():
    listed = [scope.name for group in families().values() for family in group.values() for scope in family]
    assert sorted(listed) == sorted(KNOWN_SCOPES)
    assert [scope.name for scope in families()["user"]["users"]] == ["users", "users:read"]


def test_the_module_has_no_other_lazy_names():
    with pytest.raises(AttributeError, match="NO_SUCH"):
        _ = scopes.NO_SUCH


def test_no_two_scopes_share_a_sentence_and_each_says_what_it_gives_and_what_not():
    meanings = [scope.meaning for scope in KNOWN_SCOPES.values()]
    assert len(set(meanings)) == len(meanings) == 101
    assert {scope.group for scope in KNOWN_SCOPES.values()} == {"admin", "user"}
    assert KNOWN_SCOPES["user_default"].group == "user"
    assert all(scope.name == name for name, scope in KNOWN_SCOPES.items())
    for scope in KNOWN_SCOPES.values():
        allows, semicolon, limit = scope.meaning.partition("; ")
        assert semicolon or scope.name in ("admin_classic", "write-table:external_read"), scope
        assert scope.meaning.endswith(".")
        assert scope.meaning.count(". ") == 0, "one sentence"
        assert allows != limit


@pytest.mark.parametrize("name", [name for name in KNOWN_SCOPES if name.endswith((":read", ":consume"))])
def test_a_scope_that_reads_claims_no_management(name):
    allows, _, limit = KNOWN_SCOPES[name].meaning.partition("; ")
    claims = {"manage", "manages", "changes", "creates", "deletes", "exports", "edits", "administers", "reloads"}
    assert claims & set(allows.casefold().split()) == set()
    assert limit.startswith(("it cannot", "it tells nothing")), limit


def test_each_scope_that_a_sentence_names_is_published():
    for scope in KNOWN_SCOPES.values():
        named = re.findall(r"[a-z-]+[.:][a-z][a-z.:_-]*[a-z]", scope.meaning)
        assert [one for one in named if one not in KNOWN_SCOPES and one != "admin."] == [], scope


def test_a_scope_tells_which_are_in_it_and_in_which_it_is():
    assert explanation("apps").endswith("Includes apps:read, apps:export, apps:manage.")
    assert explanation("admin.apps:read").endswith("Included in admin_classic, admin.apps.")
    assert explanation("glossary:manage").endswith("Includes glossary:update. Included in glossary:all.")
    assert "Included" not in explanation("user_default")
    assert explanation("no-such-scope") == ""
    for name in KNOWN_SCOPES:
        assert [one for one in children(name) if name not in parents(one)] == []
        assert [one for one in parents(name) if one in KNOWN_SCOPES and name not in children(one)] == []
    assert set(children("admin_classic")) == {name for name in KNOWN_SCOPES if name.startswith("admin.")}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Forbidden: the token lacks the scope apps:read", ("apps:read",)),
        ("insufficient_scope: [spaces.shared:read], users", ("spaces.shared:read", "users")),
        ("Missing required permission(s): automations:read.", ("automations:read",)),
        ('OAuth client is not granted "geo-operations.limited"', ("geo-operations.limited",)),
        ("Requires SCOPE user_default or admin_classic", ("user_default", "admin_classic")),
        ("The token has not enough scopes", ()),
    ],
)
def test_a_refusal_for_want_of_a_scope_is_understood_in_any_wording(text, named):
    assert (named_in(text), lacks_scope(text)) == (named, True)


@pytest.mark.parametrize(
    "text", ["", "The users may not read these apps.", "This needs the role TenantAdmin, and a token's admin_classic."]
)
def test_a_refusal_for_another_reason_is_none_for_want_of_a_scope(text):
    assert not lacks_scope(text)


@pytest.mark.parametrize(
    ("call", "scopes"),
    [
        ("GET /v1/apps", ["apps:read"]),
        ("v1/apps?limit=3", ["apps:read"]),
        ("get https://acme.eu.qlikcloud.com/api/v1/apps/0-1", ["apps:read"]),
        ("POST /api/v1/reloads", ["apps"]),
        ("app reload", ["apps"]),
        ("curl -X POST https://acme.eu.qlikcloud.com/api/v1/reloads", ["apps"]),
        ('curl "${QLIK_TENANT_URL:?the address of the tenant}"/api/v1/apps --location', ["apps:read"]),
        ("qlik app ls --limit 5", ["apps:read"]),
        ("%qlik raw get v1/users --client etl", ["users:read"]),
        ("app export ID", ["apps:export"]),
        ("DELETE v1/users/abc", ["admin.users"]),
        ("space ls", ["spaces.shared:read", "spaces.managed:read", "spaces.data:read"]),
        ("POST /v1/spaces", ["spaces.shared:create", "spaces.managed", "spaces.data"]),
        ("qlik-keys oauth-client ls", ["admin_classic"]),
        ("GET v1/audits", ["admin_classic"]),
        ("automation run ID", ["automations"]),
        ("ml/deployments", None),
        ("POST v1/ml/deployments/ID/realtime-predictions/actions/run", ["automl-deployments:predict"]),
        ("user me", []),
        ("GET /v1/tenants/me", []),
        ("GET /v1/csp-origins", None),
        ("POST /v1/items", None),
        ("apps", None),
        ("coffee make", None),
        ("'", None),
        ("GET", None),
    ],
)
def test_the_least_scopes_of_a_call(call, scopes):
    (found,) = least_scopes(call).calls
    assert (found.is_known, list(found.scopes)) == (scopes is not None, scopes or [])


def test_the_least_scopes_of_several_calls_leave_out_what_another_covers():
    proposal = least_scopes("# nightly\nGET /v1/apps\n\n  app reload  \nuser ls\nbrew tea")
    assert proposal.scopes == ("apps", "users:read")
    assert [(call.text, call.is_known) for call in proposal.calls] == [
        ("GET /v1/apps", True),
        ("app reload", True),
        ("user ls", True),
        ("brew tea", False),
    ]
    assert [call.is_call for call in least_scopes("GET\nblah\n'\nGET /v1/csp-origins\nuser ls").calls] == [
        *[False] * 3,
        *[True] * 2,
    ]
    assert least_scopes("").calls == least_scopes([]).calls == ()


def test_each_scope_that_is_proposed_is_published():
    rules = [scope for _, reading, changing in scope_proposal._RULES for scope in (*(reading or ()), *(changing or ()))]
    assert [scope for scope in rules if scope not in KNOWN_SCOPES] == []
