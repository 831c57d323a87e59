"""The catalogue of findings: stable codes, one entry each, used by audit or doctor."""

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

# Users filter and silence findings by these: a code never changes its meaning.
FAMILIES = {keys: "1", records: "2", clients: "3", access: "456"}


def test_each_rule_is_in_the_catalogue_under_its_own_name_and_family_and_is_found_by_audit_or_doctor():
    package = Path(qlik_keys.__file__).parent
    sources = [
        path.read_text("utf-8") for part in ("inventory", "diagnosis") for path in (package / part).rglob("*.py")
    ]
    rules = [(family, *each) for module, family in FAMILIES.items() for each in vars(module).items()]
    rules = [(family, name, rule) for family, name, rule in rules if isinstance(rule, Rule)]
    assert len(rules) == len(FINDINGS)
    for family, constant, rule in rules:
        assert FINDINGS[rule.name] is rule
        assert rule.code[2] in family, rule.code
        assert rule.name in {constant.lower().replace("_", "-"), "token-of-another-client"}
        assert any(len(re.findall(rf"\b{constant}\b", text)) > 1 for text in sources), constant
    order = [(SEVERITIES.index(rule.severity), rule.code) for rule in FINDINGS.values()]
    assert order == sorted(order)


WRONG = {"code": "QK999", "name": "Locked out", "severity": "grave", "operation": "repair", "meaning": "", "advice": ""}


def test_a_rule_that_is_not_whole_or_has_a_used_code_or_name_cannot_be_defined():
    for part, wrong in (*WRONG.items(), ("code", "101")):
        with pytest.raises(ValueError, match="The rule"):
            replace(keys.LOCKED_OUT, **{part: wrong})
    for same in ("code", "name"):
        other = replace(keys.SHARED_KEY, **{same: getattr(keys.LOCKED_OUT, same)})
        with pytest.raises(ValueError, match="the same code or the same name"):
            catalogue_of([keys.LOCKED_OUT, other])


def test_the_command_of_each_operation_is_whole():
    for operation in OPERATIONS - {*BY_VAULT, "", "resume"}:
        assert "some-id" in shell_command(operation, "some-id")
        assert "{" not in shell_command(operation, "some-id").replace('[{"op"', "")
    assert {*FIXES} < OPERATIONS
    assert [shell_command(each, "some-id") for each in ("", *BY_VAULT)] == [""] * 3
