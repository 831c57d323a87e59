"""The catalogue of findings: stable codes, one entry each, used by whoever finds something."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import qlik_keys
from qlik_keys.rules import access, clients, keys, records
from qlik_keys.rules.catalogue import FINDINGS, catalogue_of
from qlik_keys.rules.fixes import BY_VAULT, FIXES, OPERATIONS, shell_command
from qlik_keys.rules.model import SEVERITIES, Rule

PACKAGE = Path(qlik_keys.__file__).parent
# Users filter and silence findings by these: a code never changes its meaning.
FAMILIES = {keys: "1", records: "2", clients: "3", access: "456"}


def constants(module):
    return {name: each for name, each in vars(module).items() if isinstance(each, Rule)}


def test_each_rule_is_in_the_catalogue_under_its_own_name_and_family():
    found = [(module, constant, rule) for module in FAMILIES for constant, rule in constants(module).items()]
    assert len(found) == len(FINDINGS)
    for module, constant, rule in found:
        assert FINDINGS[rule.name] is rule
        assert rule.code[2] in FAMILIES[module], rule.code
        if rule.name != "token-of-another-client":
            assert constant.lower().replace("_", "-") == rule.name


def test_findings_stand_in_the_order_of_severity_and_code():
    order = [(SEVERITIES.index(rule.severity), rule.code) for rule in FINDINGS.values()]
    assert order == sorted(order)


def test_each_rule_is_found_by_audit_or_doctor():
    sources = [
        path.read_text("utf-8") for folder in ("inventory", "diagnosis") for path in (PACKAGE / folder).rglob("*.py")
    ]
    for module in FAMILIES:
        for constant in constants(module):
            assert any(len(re.findall(rf"\b{constant}\b", text)) > 1 for text in sources), constant


@pytest.mark.parametrize(
    "change",
    [
        {"code": "QK999"},
        {"code": "101"},
        {"name": "Locked out"},
        {"severity": "grave"},
        {"operation": "mend"},
        {"meaning": ""},
        {"advice": ""},
    ],
    ids=str,
)
def test_a_rule_that_is_not_whole_cannot_be_defined(change):
    with pytest.raises(ValueError, match="The rule"):
        replace(keys.LOCKED_OUT, **change)


@pytest.mark.parametrize("same", ["code", "name"])
def test_two_rules_with_one_code_or_name_cannot_be_defined(same):
    other = replace(keys.SHARED_KEY, **{same: getattr(keys.LOCKED_OUT, same)})
    with pytest.raises(ValueError, match="the same code or the same name"):
        catalogue_of([keys.LOCKED_OUT, other])


def test_the_command_of_each_operation_is_whole():
    for operation in OPERATIONS - {*BY_VAULT, "", "resume"}:
        assert "some-id" in shell_command(operation, "some-id")
        assert "{" not in shell_command(operation, "some-id").replace('[{"op"', "")
    assert {*FIXES} < OPERATIONS
    assert [shell_command(each, "some-id") for each in ("", *BY_VAULT)] == [""] * 3
