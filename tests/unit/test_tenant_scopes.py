"""The published scopes, and which one covers which."""

from __future__ import annotations

import pytest

from qlik_keys.tenant import scopes
from qlik_keys.tenant.scopes import KNOWN_SCOPES, covers, families, unknown, without_covered


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


def test_all_101_published_scopes_are_known_with_group_and_meaning():
    assert len(KNOWN_SCOPES) == 101
    assert {scope.group for scope in KNOWN_SCOPES.values()} == {"admin", "user"}
    assert all(scope.meaning and scope.name == name for name, scope in KNOWN_SCOPES.items())
    assert KNOWN_SCOPES["user_default"].group == "user"


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
