"""The findings of an audit in another format, and some of them: what `qlik-keys audit` offers, for notebooks too."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal, get_args

from qlik_keys.core.arguments import TEXT, optional, require, texts
from qlik_keys.inventory.formats.calendar import audit_as_calendar
from qlik_keys.inventory.formats.csv_text import as_csv
from qlik_keys.inventory.formats.html_page import audit_as_html
from qlik_keys.inventory.formats.junit import NEVER, audit_as_junit
from qlik_keys.inventory.formats.prometheus import audit_as_prometheus
from qlik_keys.inventory.formats.rows import require_audit
from qlik_keys.inventory.frames import records_of
from qlik_keys.rules.access import TENANT_NOT_ASKED
from qlik_keys.rules.catalogue import finding_named
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

AuditFormat = Literal["json", "csv", "html", "junit", "prometheus", "ics"]
AUDIT_FORMATS: tuple[AuditFormat, ...] = get_args(AuditFormat)


def audit_report(found: pd.DataFrame, form: AuditFormat, *, fail_on: str = "low") -> str:
    """Return the findings of an audit as a text in another format.

    Args:
        found: of `audit`, or a part of it; with a column "tenant", each format has it too.
        form: "json", "csv" (for spreadsheets), "html" (a page without scripts), "junit" (a test case per finding),
            "prometheus" (gauges, also of each key's age and due date) or "ics" (a calendar of all due dates).
        fail_on: for "junit": the least severity that is a failure, or "never".

    Raises:
        TypeError: an argument is of another type.
        ValueError: there is no such format or severity, or the table is none of `audit`.

    Example:
        >>> Path("audit.html").write_text(audit_report(audit(tenant, store), "html"))  # doctest: +SKIP
    """
    require(TEXT, form=form, fail_on=fail_on)
    require_audit(found)
    if form not in AUDIT_FORMATS:
        raise ValueError(f"form must be one of {', '.join(AUDIT_FORMATS)}, not {form!r}")
    if fail_on not in (*SEVERITIES, NEVER):
        raise ValueError(f"fail_on must be one of {', '.join((*SEVERITIES, NEVER))}, not {fail_on!r}")
    if form == "json":
        return json.dumps(records_of(found), indent=2, ensure_ascii=True) + "\n"
    if form == "junit":
        return audit_as_junit(found, fail_on=fail_on)
    return {
        "csv": as_csv,
        "html": audit_as_html,
        "prometheus": audit_as_prometheus,
        "ics": audit_as_calendar,
    }[form](found)


def some_findings(found: pd.DataFrame, *, only: Iterable[str] = (), severity: str | None = None) -> pd.DataFrame:
    """Return some of the findings of an audit; a tenant that could not be asked stays, since its findings are unknown.

    Args:
        found: of `audit`.
        only: codes or names of findings ("QK104", "rotation-overdue"); none for all.
        severity: the least severity that is kept.

    Raises:
        ConfigurationError: there is no such finding.
        TypeError: an argument is of another type.
        ValueError: there is no such severity, or the table is none of `audit`.

    Example:
        >>> some_findings(audit(tenant, store), severity="high")  # doctest: +SKIP
    """
    require_audit(found)
    optional(TEXT, severity=severity)
    names = [finding_named(each).name for each in texts("only", only)]
    if severity is not None and severity not in SEVERITIES:
        raise ValueError(f"severity must be one of {', '.join(SEVERITIES)}, not {severity!r}")
    if names:
        found = found[found["finding"].isin([*names, TENANT_NOT_ASKED.name])]
    if severity is not None:
        kept = SEVERITIES[: SEVERITIES.index(severity) + 1]
        found = found[found["severity"].isin(kept) | (found["finding"] == TENANT_NOT_ASKED.name)]
    return found.reset_index(drop=True)
