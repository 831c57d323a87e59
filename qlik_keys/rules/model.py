"""What a rule is: one kind of finding, with its code, severity, meaning, and what to do about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from qlik_keys.rules.fixes import OPERATIONS

Severity = Literal["critical", "high", "medium", "low"]
SEVERITIES: tuple[Severity, ...] = ("critical", "high", "medium", "low")
_CODE, _NAME = re.compile(r"QK[1-6][0-9]{2}"), re.compile(r"[a-z]+(?:-[a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Rule:
    """A kind of finding.

    Attributes:
        code: its stable code: `QK1xx` keys, `QK2xx` the store's records, `QK3xx` clients, `QK4xx` the tenant's answers,
            `QK5xx` access to the store, `QK6xx` logins.
        name: its stable name.
        severity: "critical": a key that is known to be compromised may still log in; "high": someone is locked out, or
            a key may be in other hands; "medium": a weaker login or an unfinished piece of work; "low": good to know.
        meaning: what it means, in words.
        advice: what to do.
        operation: what fixes it, one of `fixes.OPERATIONS`; "" where a person has to look first.
    """

    code: str
    name: str
    severity: Severity
    meaning: str
    advice: str
    operation: str = ""

    def __post_init__(self) -> None:
        is_named = _CODE.fullmatch(self.code) and _NAME.fullmatch(self.name)
        if not is_named or self.severity not in SEVERITIES or self.operation not in OPERATIONS:
            raise ValueError(f"The rule {self.code} {self.name} has an invalid code, name, severity or operation.")
        if not self.meaning or not self.advice:
            raise ValueError(f"The rule {self.code} {self.name} does not say what it means or what to do.")
