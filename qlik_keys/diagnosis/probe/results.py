"""What the probe saw, as values and as a report that may be attached to an issue: no secret, and no name is in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from qlik_keys.core import tables
from qlik_keys.core.version import __version__
from qlik_keys.diagnosis.probe.assumptions import ASSUMPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qlik_keys.core.redaction import Redactor

_SIGNS = {True: "as expected", False: "DIFFERENT", None: "measured"}
_IDS = re.compile(r"\b(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f]{16,64})\b", re.IGNORECASE)
_MOST_LEVELS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What was seen of one assumption.

    Attributes:
        name: the assumption, one of `ASSUMPTIONS`.
        seen: what was seen, in words; why not, where it was not measured.
        is_measured: whether it was.
        details: JSON-ready values, without secrets and names.
    """

    name: str
    seen: str
    is_measured: bool = True
    details: Mapping[str, Any] | None = None

    @property
    def is_expected(self) -> bool | None:
        """Whether it is what the product expects; None where it was not measured, or where any answer will do."""
        expected = ASSUMPTIONS[self.name].expected
        return self.seen == expected if self.is_measured and expected else None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """What was seen of a tenant.

    Attributes:
        tenant: its host if names were asked for, else "the tenant".
        at: when, UTC.
        api_version: the version that calls asked for.
        is_read_only: whether no client was made.
        requests: how many requests it took.
        observations: in the order of `ASSUMPTIONS`.
        stays: what is left on the tenant, in words.
        unkept: why what was measured is not in the store though one was given, "" if it is.
    """

    tenant: str
    at: datetime
    api_version: str
    is_read_only: bool
    requests: int
    observations: tuple[Observation, ...]
    stays: tuple[str, ...] = ()
    unkept: str = ""

    @property
    def differences(self) -> tuple[Observation, ...]:
        """What is not as the product expects it."""
        return tuple(one for one in self.observations if one.is_expected is False)

    def seen(self, name: str) -> Observation:
        """Return what was seen of an assumption.

        Raises:
            KeyError: it was not looked at.
        """
        return {one.name: one for one in self.observations}[name]

    def to_text(self) -> str:
        """Return the report for people."""
        heading = (
            f"Probe of {self.tenant}, {self.at:%Y-%m-%d %H:%M} UTC, API version {self.api_version}, qlik_keys "
            f"{__version__}: {len(self.differences)} of {len(self.observations)} differ from what is expected; "
            f"{self.requests} requests."
        )
        lines = [heading]
        for one in self.observations:
            assumption = ASSUMPTIONS[one.name]
            verdict = _SIGNS[one.is_expected] if one.is_measured else "not measured"
            lines += ["", f"{assumption.question} ({one.name}: {verdict})"]
            lines.append(f"  Seen: {one.seen}")
            if one.is_expected is False:
                lines.append(f"  Expected: {assumption.expected}")
            lines += [f"  {name}: {value}" for name, value in (one.details or {}).items()]
            lines.append(f"  What qlik_keys does: {assumption.reaction}")
        if self.stays:
            lines += ["", "What stays on the tenant: " + "; ".join(self.stays) + "."]
        if self.unkept:
            lines += ["", f"What was measured is not kept for qlik_keys to use: {self.unkept}"]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            "tenant": self.tenant,
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "qlik_keys": __version__,
            "api_version": self.api_version,
            "is_read_only": self.is_read_only,
            "requests": self.requests,
            "differences": [one.name for one in self.differences],
            "observations": [
                {
                    "name": one.name,
                    "question": ASSUMPTIONS[one.name].question,
                    "expected": ASSUMPTIONS[one.name].expected,
                    "seen": one.seen,
                    "is_measured": one.is_measured,
                    "is_expected": one.is_expected,
                    "details": dict(one.details or {}),
                    "reaction": ASSUMPTIONS[one.name].reaction,
                }
                for one in self.observations
            ],
            "stays": [*self.stays],
            "unkept": self.unkept,
        }

    def _repr_html_(self) -> str:
        return tables.text(self.to_text())

    def __repr__(self) -> str:
        return f"<ProbeReport of {self.tenant}: {len(self.differences)} differences>"


class Anonymizer:
    """Replaces names of tenants, clients and people in what a tenant says, and redacts secrets.

    Args:
        redactor: knows the secrets that were sent.
        keeps_names: leave names as they are.
    """

    def __init__(self, redactor: Redactor, *, keeps_names: bool) -> None:
        self._redactor = redactor
        self._keeps_names = keeps_names
        self._names: dict[str, str] = {}

    def replace(self, name: str, by: str) -> None:
        """Show a name as something else from now on; nothing is done for an empty one."""
        if name:
            self._names[name] = f"<{by}>"

    def text(self, text: str) -> str:
        """Return a text of the tenant's, fit for the report."""
        shown = self._redactor.server_text(text, public="\n".join(self._names))
        if self._keeps_names:
            return shown
        if self._names:
            # In one pass, so that what stands for a name is not taken for another one; longer names first.
            longest_first = sorted(self._names, key=len, reverse=True)
            by = {name.lower(): self._names[name] for name in longest_first}
            pattern = r"(?<!\w)(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)"
            shown = re.sub(pattern, lambda found: by.get(found[0].lower(), "<name>"), shown, flags=re.IGNORECASE)
        return _IDS.sub("<id>", shown)

    def document(self, value: Any, level: int = 0) -> Any:
        """Return JSON-ready values, each text fit for the report."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict) and level < _MOST_LEVELS:
            return {self.text(str(name)): self.document(each, level + 1) for name, each in value.items()}
        if isinstance(value, list) and level < _MOST_LEVELS:
            return [self.document(each, level + 1) for each in value[:20]]
        return value if isinstance(value, int | float | bool | None) else "…"
