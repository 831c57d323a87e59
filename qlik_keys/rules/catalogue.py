"""The catalogue: every rule by its name, highest severity first, then by code.

Not done here: finding any (`inventory`, `diagnosis`), or showing them (`jupyter`, `cli`).
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError
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
_BY_CODE = MappingProxyType({rule.code: rule for rule in FINDINGS.values()})


def finding_named(text: str) -> Rule:
    """Return the finding of a code or a name, in any case.

    Raises:
        ConfigurationError: there is none.
    """
    asked = text.strip()
    found = _BY_CODE.get(asked.upper()) or FINDINGS.get(asked.lower())
    if found is None:
        from difflib import get_close_matches  # noqa: PLC0415  # for this error alone

        meant = get_close_matches(asked.lower(), FINDINGS, 1) or get_close_matches(asked.upper(), _BY_CODE, 1)
        hint = f"Did you mean {meant[0]}? " if meant else ""
        raise ConfigurationError(
            f"There is no finding {asked[:60]!r}.", hint=f"{hint}docs/reference/findings.md lists codes and names."
        )
    return found
