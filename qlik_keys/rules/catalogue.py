"""The catalogue: every rule by its name, highest severity first, then by code.

Not done here: finding any (`inventory`, `diagnosis`), or showing them (`jupyter`, `cli`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from qlik_keys.rules import access, clients, keys, records
from qlik_keys.rules.model import SEVERITIES, Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def catalogue_of(rules: Iterable[Rule]) -> Mapping[str, Rule]:
    """Return rules by their names, in the order in which findings are told.

    Raises:
        ValueError: two rules have one code or one name.
    """
    ordered = sorted(rules, key=lambda rule: (SEVERITIES.index(rule.severity), rule.code))
    if len({rule.code for rule in ordered}) != len(ordered) or len({rule.name for rule in ordered}) != len(ordered):
        raise ValueError("Two rules have the same code or the same name.")
    return MappingProxyType({rule.name: rule for rule in ordered})


FINDINGS = catalogue_of(
    rule for module in (keys, records, clients, access) for rule in vars(module).values() if isinstance(rule, Rule)
)
