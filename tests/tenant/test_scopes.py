"""The published scopes, and which one covers which."""

import re

import pytest

from qlik_keys.tenant.resources import scope_proposal, scopes
from qlik_keys.tenant.resources.scope_proposal import least_scopes
from qlik_keys.tenant.resources.scopes import (
    KNOWN_SCOPES,
    children,
    covers,
    explanation,
    lacks_scope,
    named_in,
    parents,
)

COVERED = [("apps", "apps"), ("admin.apps", "admin.apps:export"), ("admin_classic", "admin.users:read")]
OTHERS = [("admin_classic", "apps"), ("apps:read", "apps"), ("apps:read", "apps:read:more"), ("app", "apps:read")]


def test_a_scope_covers_those_below_it_alone():
    assert [covers(*pair) for pair in COVERED] == [True] * 3
    others = [*OTHERS, ("apps", "apps.data:export"), ("user_default", "apps")]
    assert [pair for pair in others if covers(*pair)] == []


def test_scopes_are_listed_by_what_covers_and_what_holds_them():
    assert scopes.unknown(["zeta", "user_default", "alpha"]) == ["zeta", "alpha"]
    chosen = ["apps:read", "apps", "admin.users", "admin_classic", "apps"]
    assert scopes.without_covered(chosen) == ["apps", "admin_classic"]
    families = scopes.families()
    listed = [scope.name for group in families.values() for family in group.values() for scope in family]
    assert sorted(listed) == sorted(KNOWN_SCOPES)
    assert [scope.name for scope in families["user"]["users"]] == ["users", "users:read"]
    with pytest.raises(AttributeError, match="NO_SUCH"):
        _ = scopes.NO_SUCH


def test_no_two_scopes_share_a_sentence_and_each_names_published_scopes_alone():
    meanings = [scope.meaning for scope in KNOWN_SCOPES.values()]
    assert len(set(meanings)) == len(meanings) == 101
    assert {scope.group for scope in KNOWN_SCOPES.values()} == {"admin", "user"}
    assert KNOWN_SCOPES["user_default"].group == "user"
    claims = {"manage", "manages", "changes", "creates", "deletes", "exports", "edits", "administers", "reloads"}
    for name, scope in KNOWN_SCOPES.items():
        allows, _, limit = scope.meaning.partition("; ")
        assert scope.name == name
        assert limit or name in ("admin_classic", "write-table:external_read"), scope
        if name.endswith((":read", ":consume")):
            assert claims & set(allows.casefold().split()) == set()
            assert limit.startswith(("it cannot", "it tells nothing")), limit
        named = re.findall(r"[a-z-]+[.:][a-z][a-z.:_-]*[a-z]", scope.meaning)
        assert [one for one in named if one not in KNOWN_SCOPES and one != "admin."] == [], scope


def test_an_explanation_names_the_scopes_that_include_it_and_that_it_includes():
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
        ("insufficient_scope: [spaces.shared:read], users", ("spaces.shared:read", "users")),
        ("Missing required permission(s): automations:read.", ("automations:read",)),
        ('OAuth client is not granted "geo-operations.limited"', ("geo-operations.limited",)),
        ("Requires SCOPE user_default or admin_classic", ("user_default", "admin_classic")),
        ("The token has not enough scopes", ()),
        ("", None),
        ("The users may not read these apps.", None),
        ("This needs the role TenantAdmin, and a token's admin_classic.", None),
    ],
)
def test_a_refusal_for_a_missing_scope_is_understood_in_any_wording(text, named):
    assert lacks_scope(text) is (named is not None)
    assert named is None or named_in(text) == named


@pytest.mark.parametrize(
    ("call", "scopes"),
    [
        ("v1/apps?limit=3", ["apps:read"]),
        ("get https://acme.eu.qlikcloud.com/api/v1/apps/0-1", ["apps:read"]),
        ("POST /api/v1/reloads", ["apps"]),
        ("curl -X POST https://acme.eu.qlikcloud.com/api/v1/reloads", ["apps"]),
        ('curl "${QLIK_TENANT_URL:?the address of the tenant}"/api/v1/apps --location', ["apps:read"]),
        ("qlik app ls --limit 5", ["apps:read"]),
        ("%qlik raw get v1/users --client etl", ["users:read"]),
        ("app export ID", ["apps:export"]),
        ("DELETE v1/users/abc", ["admin.users"]),
        ("space ls", ["spaces.shared:read", "spaces.managed:read", "spaces.data:read"]),
        ("POST /v1/spaces", ["spaces.shared:create", "spaces.managed", "spaces.data"]),
        ("qlik-keys oauth-client ls", ["admin_classic"]),
        ("automation run ID", ["automations"]),
        ("POST v1/ml/deployments/ID/realtime-predictions/actions/run", ["automl-deployments:predict"]),
        ("user me", []),
        ("GET /v1/tenants/me", []),
        *((unknown, None) for unknown in ("ml/deployments", "GET /v1/csp-origins", "POST /v1/items", "coffee make")),
        *((broken, None) for broken in ("apps", "'", "GET")),
    ],
)
def test_the_least_scopes_of_a_call(call, scopes):
    (found,) = least_scopes(call).calls
    assert (found.is_known, list(found.scopes)) == (scopes is not None, scopes or [])


def test_the_least_scopes_of_several_calls_leave_out_what_another_covers():
    proposal = least_scopes("# nightly\nGET /v1/apps\n\n  app reload  \nuser ls\nbrew tea")
    assert proposal.scopes == ("apps", "users:read")
    known = [("GET /v1/apps", True), ("app reload", True), ("user ls", True), ("brew tea", False)]
    assert [(call.text, call.is_known) for call in proposal.calls] == known
    calls = least_scopes("GET\nblah\n'\nGET /v1/csp-origins\nuser ls").calls
    assert [call.is_call for call in calls] == [False, False, False, True, True]
    assert least_scopes("").calls == least_scopes([]).calls == ()
    rules = [one for _, reads, changes in scope_proposal._RULES for one in (*(reads or ()), *(changes or ()))]
    assert [one for one in rules if one not in KNOWN_SCOPES] == []
