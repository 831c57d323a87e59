"""What the doctor says: a check, and all of them together, as values and as text for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal

from qlik_keys.rules.checks import CHECKS
from qlik_keys.rules.fixes import FIXES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from qlik_keys.rules.model import Rule, Severity

Verdict = Literal["passed", "failed", "not_checked"]

_SEE = "See "  # of a check that could not be made because of another one
_SIGNS: Mapping[Verdict, str] = {"passed": "✓", "failed": "✗", "not_checked": "\u2013"}
_WORDS: Mapping[Verdict, str] = {"passed": "passed", "failed": "failed", "not_checked": "not checked"}
_MOST_CHARACTERS = 1000
# No style of the page: it is shown in JupyterLab, Voila and exported notebooks, light or dark.
_LEFT = "text-align: left; vertical-align: top"


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: a stable name, one of `rules.checks.CHECKS`.
        title: what should be so, in words.
        verdict: "passed", "failed" or "not_checked".
        why: what was seen; why it failed; why it was not checked.
        advice: what to do, "" unless it failed.
        fix: the name of the fix that puts it right in one click, one of `rules.fixes.FIXES`; "" for none.
        code: the code of the finding, as the audit has it; "" unless it failed.
        finding: its name, one of `rules.catalogue.FINDINGS`; "" unless it failed.
        severity: how severe it is; "" unless it failed.
    """

    name: str
    title: str
    verdict: Verdict
    why: str
    advice: str = ""
    fix: str = ""
    code: str = ""
    finding: str = ""
    severity: Severity | Literal[""] = ""

    def __post_init__(self) -> None:
        # Names of clients and words of a tenant come in here: no control character may reach someone's terminal.
        for name in ("why", "advice"):
            object.__setattr__(self, name, _printable(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """What the doctor found of one client.

    Attributes:
        client_id: the client, "" where neither store nor tenant knows one of that name.
        client_name: its name, "" where no one told it.
        tenant_url: the tenant.
        at: when, UTC.
        checks: all of them, in the order of `CHECKS`.

    Example:
        >>> doctor(tenant, store, "nightly-etl").is_healthy  # doctest: +SKIP
        True
    """

    client_id: str
    client_name: str
    tenant_url: str
    at: datetime
    checks: tuple[Check, ...]

    def __post_init__(self) -> None:
        for name in ("client_id", "client_name"):
            object.__setattr__(self, name, _printable(getattr(self, name)))

    @property
    def findings(self) -> tuple[Check, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.verdict == "failed")

    @property
    def is_healthy(self) -> bool:
        """Whether no check failed and the client did log in; others may not have been checked."""
        return not self.findings and self.login.verdict == "passed"

    @property
    def login(self) -> Check:
        """The login, which is the last check."""
        return next(check for check in self.checks if check.name == "login")

    def to_text(self, *, only_failed: bool = False) -> str:
        """Return it for people: a line a check, and beneath those that failed what to do.

        Args:
            only_failed: leave out the other checks; where none failed, those stay that could not be made.
        """
        lines = [self._heading()]
        for check in (self.findings or self._not_checked) if only_failed else self.checks:
            lines.append(
                f"{_SIGNS[check.verdict]} {_WORDS[check.verdict]:<11}  {check.title} ({_named(check)}): {check.why}"
            )
            if check.advice:
                lines.append(f"{'':15}What to do: {check.advice}")
            if check.fix:
                lines.append(f"{'':15}One click: {_fix_text(check.fix)}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "client_id": self.client_id,
            "client_name": self.client_name,
            "tenant_url": self.tenant_url,
            "at": self.at.isoformat().replace("+00:00", "Z"),
            "is_healthy": self.is_healthy,
            "login": self.login.verdict,
            "findings": [check.finding for check in self.findings],
            "checks": [asdict(check) for check in self.checks],
        }

    @property
    def _not_checked(self) -> tuple[Check, ...]:
        """The checks that could not be made for a reason of their own; none where all is well."""
        if self.is_healthy:
            return ()
        return tuple(each for each in self.checks if each.verdict == "not_checked" and not each.why.startswith(_SEE))

    def _heading(self) -> str:
        count = len(self.findings)
        found = "1 finding" if count == 1 else f"{count} findings" if count else "no finding"
        if not count and not self.is_healthy:
            found += f"; the login was not tried: {self.login.why}"
        who = f"{self.client_name} ({self.client_id})" if self.client_name and self.client_id else ""
        who = who or self.client_name or self.client_id
        return f"{who} on {self.tenant_url}, {self.at:%Y-%m-%d %H:%M} UTC: {found}"

    def __repr__(self) -> str:
        failed = ", ".join(check.finding for check in self.findings) or "no finding"
        failed += "" if self.findings or self.is_healthy else ", but the login was not tried"
        return f"<Diagnosis {self.client_id or self.client_name}: {failed}>"

    def _repr_html_(self) -> str:
        rows = []
        for check in self.checks:
            told = [check.why, check.advice, check.fix and f"One click: {_fix_text(check.fix)}"]
            verdict = f"{_SIGNS[check.verdict]} {_WORDS[check.verdict]}"
            title = f"{escape(check.title)}<br><code>{escape(check.name)}</code>"
            cells = [escape(verdict), title, "<br>".join(escape(text) for text in told if text)]
            rows.append("<tr>" + "".join(f'<td style="{_LEFT}">{cell}</td>' for cell in cells) + "</tr>")
        caption = f'<caption style="text-align: left">{escape(self._heading())}</caption>'
        return f"<table>{caption}<tbody>{''.join(rows)}</tbody></table>"


def passed(name: str, why: str) -> Check:
    """Return a check that passed."""
    return Check(name=name, title=CHECKS[name], verdict="passed", why=why)


def failed(
    name: str, rule: Rule, why: str, advice: str = "", *, has_fix: bool = False, severity: Severity | None = None
) -> Check:
    """Return a check that failed.

    Args:
        name: the check.
        rule: what was found.
        why: what was seen.
        advice: what to do about it here; "" for what the rule says.
        has_fix: the rule's operation is a safe fix for this client.
        severity: how severe it is here, None for what the rule says.
    """
    return Check(
        name=name,
        title=CHECKS[name],
        verdict="failed",
        why=why,
        advice=advice or rule.advice,
        fix=rule.operation if has_fix else "",
        code=rule.code,
        finding=rule.name,
        severity=severity or rule.severity,
    )


def not_checked(name: str, why: str) -> Check:
    """Return a check that could not be made."""
    return Check(name=name, title=CHECKS[name], verdict="not_checked", why=why)


def see(name: str, *others: str) -> Check:
    """Return a check that could not be made because of what others say."""
    return not_checked(name, f"{_SEE}{', '.join(others)}.")


def _named(check: Check) -> str:
    return f"{check.name}, {check.code} {check.finding}" if check.code else check.name


def _fix_text(fix: str) -> str:
    return f"{fix}. {FIXES[fix]}"


def _printable(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown if len(shown) <= _MOST_CHARACTERS else shown[: _MOST_CHARACTERS - 1] + "…"
