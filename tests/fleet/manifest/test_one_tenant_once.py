"""A tenant with two names in one fleet file is refused: `--prune` would delete under one what the other declares."""

from __future__ import annotations

import pytest

import qlik_keys as qk
from qlik_keys.errors import ConfigurationError, ManifestError
from qlik_keys.fleet.manifest.reading import manifest_of

CLIENTS = (
    "clients: [{name: a, scopes: [user_default], tenants: [one]}, {name: b, scopes: [user_default], tenants: [two]}]"
)


def text_of(one, two):
    return f"version: 1\nfleet: acme\ntenants:\n  one: {one}\n  two: {two}\n{CLIENTS}\n"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("{context: prod}", "{context: prod}"),
        ("{url: https://acme.eu.qlikcloud.com}", "{url: https://ACME.eu.qlikcloud.com/console, login-client: keys}"),
    ],
)
def test_the_same_tenant_is_told_with_its_lines(one, two):
    with pytest.raises(ManifestError) as caught:
        manifest_of(text_of(one, two))
    [problem] = caught.value.problems
    assert (problem.line, problem.column) == (5, 3)
    assert "line 4 again" in problem.message
    kept_apart = text_of(one, two.replace("}", ", vault: {prefix: other-team}}"))
    assert [*manifest_of(kept_apart).tenants] == ["one", "two"]


@pytest.mark.openbao
def test_what_the_file_cannot_tell_is_refused_before_anything_is_changed(world):
    manifest = manifest_of(text_of("{context: prod}", "{url: https://acme.eu.qlikcloud.com}"))
    sides = (world.tenant, world.store)
    fleet = qk.Fleet({"one": sides, "two": sides})
    for ask in (manifest.plan, lambda there: manifest.apply(there, prune=True)):
        with pytest.raises(ConfigurationError, match=r"'one' and 'two' .* are the same one"):
            ask(fleet)
    assert world.clients_named("a") == world.clients_named("b") == []
