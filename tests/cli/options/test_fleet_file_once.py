"""A command reads a fleet file once: for its hooks, and for its tenants."""

from __future__ import annotations

from qlik_keys.cli.options.tenants import TenantsOptions

FILE = (
    "version: 1\ntenants: {prod: {url: https://acme.eu.qlikcloud.com}}\n"
    "hooks: {tell: {url-variable: HOOK_URL, clients: ['*']}}\n"
)


def test_the_tenants_are_those_of_the_file_that_was_read_for_its_hooks(tmp_path):
    file = tmp_path / "fleet.yaml"
    file.write_text(FILE)
    options = TenantsOptions(fleet=file)
    assert options.has_hooks(is_of_one=False)
    file.unlink()
    fleet = options.selected()
    assert fleet is not None
    assert (fleet.names, [each.name for each in fleet.hooks["prod"]]) == (("prod",), ["tell"])
