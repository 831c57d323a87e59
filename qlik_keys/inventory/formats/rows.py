"""What an audit found, as plain rows: what every format and every notification is made of.

Not done here: any format. Names of clients are other users' texts: each format escapes them in its own way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from qlik_keys.core.arguments import Kind, require
from qlik_keys.rules.catalogue import FINDINGS
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import pandas as pd

    from qlik_keys.rules.model import Severity

    AuditTable: TypeAlias = pd.DataFrame

TENANT_COLUMN = "tenant"
_COLUMNS = ("severity", "code", "finding", "client_id", "name", "meaning", "advice", "command")
# No text of XML may have these, and no terminal or mail should; a lone surrogate is in no encoding.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRow:
    """One finding.

    Attributes:
        tenant: the tenant's name in a table of several tenants, else its host.
        severity: "critical", "high", "medium" or "low".
        code: the finding's stable code.
        finding: its stable name.
        client_id: the client, "" for none.
        name: the client's name.
        meaning: what it means.
        advice: what to do.
        command: what fixes it in a shell, "" where a person has to look first.
    """

    tenant: str
    severity: Severity
    code: str
    finding: str
    client_id: str
    name: str
    meaning: str
    advice: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatedKey:
    """When a client's key was made and when it should be replaced.

    Attributes:
        tenant: as in `FoundRow`.
        client_id: the client.
        name: its name.
        made_at: when its current key was made, UTC; None for unknown.
        rotate_by: when it should have been replaced, UTC; None for unknown.
    """

    tenant: str
    client_id: str
    name: str
    made_at: datetime | None
    rotate_by: datetime | None


def require_audit(found: AuditTable) -> None:
    """Refuse what is no table of an audit.

    Raises:
        TypeError: it is no DataFrame.
        ValueError: it lacks a column of an audit.
    """
    import pandas as pd  # noqa: PLC0415  # a type of an argument: what reads rows alone need not load it

    require(Kind((pd.DataFrame,), "a DataFrame of qk.audit"), found=found)
    missing = [name for name in _COLUMNS if name not in found.columns]
    if missing:
        raise ValueError(f"the table is none of qk.audit: it has no column {missing[0]!r}")


def found_rows(found: AuditTable) -> list[FoundRow]:
    """Return the findings of a table that `audit` returned, in its order; with its column "tenant" where it has one."""
    tenants = found[TENANT_COLUMN] if is_of_several(found) else [host_of(found.attrs)] * len(found)
    columns = [[fit(each) for each in found[name]] for name in _COLUMNS]
    return [
        FoundRow(tenant=fit(tenant), **dict(zip(_COLUMNS, values, strict=True)))
        for tenant, *values in zip(tenants, *columns, strict=True)
    ]


def is_of_several(found: AuditTable) -> bool:
    """Return whether a table is about several tenants."""
    return TENANT_COLUMN in found.columns


def dated_keys(found: AuditTable) -> list[DatedKey]:
    """Return the dates of the keys that `audit` has noted in a table's `attrs`, by tenant, name and id."""
    keys = [
        DatedKey(
            tenant=fit(tenant),
            client_id=fit(each["client_id"]),
            name=fit(each["name"]),
            made_at=_moment(each["key_made"]),
            rotate_by=_moment(each["rotate_by"]),
        )
        for tenant, attrs in attrs_by_tenant(found)
        for each in attrs.get("key_dates", ())
    ]
    return sorted(keys, key=lambda key: (key.tenant, key.name, key.client_id))


def audited_at(found: AuditTable) -> datetime:
    """Return when the audit was made, of several tenants the earliest; now where the table does not tell."""
    times = [_moment(attrs.get("time", "")) for _, attrs in attrs_by_tenant(found)]
    if not times:  # no tenant could be asked
        times = [_moment(found.attrs.get("time", ""))]
    return min((each for each in times if each is not None), default=datetime.now(UTC))


def tenants_of(found: AuditTable) -> list[str]:
    """Return the names of the tenants that a table is about, also of those without a finding."""
    named = [tenant for tenant, _ in attrs_by_tenant(found)]
    if is_of_several(found):
        named += [fit(each) for each in found[TENANT_COLUMN]]
    return [*dict.fromkeys(each for each in named if each)]


def asked_of(found: AuditTable) -> list[str]:
    """Return the names of the tenants that could be asked."""
    return [each for each in tenants_of(found) if each not in found.attrs.get("not_asked", ())]


def counts(rows: Iterable[FoundRow]) -> dict[Severity, int]:
    """Return how many findings of each severity there are, highest first, also zero."""
    found = [row.severity for row in rows]
    return {severity: found.count(severity) for severity in SEVERITIES}


def kinds(rows: Sequence[FoundRow]) -> list[FoundRow]:
    """Return the first row of each kind of finding."""
    return [*{row.finding: row for row in reversed(rows)}.values()][::-1]


def parted(finding: str, meaning: str) -> tuple[str, str]:
    """Return what a finding means in general, and in its own words what it is of this client, "" for nothing."""
    rule = FINDINGS.get(finding)
    if rule is None or not meaning.startswith(rule.meaning):
        return meaning, ""
    return rule.meaning, meaning.removeprefix(rule.meaning).strip()


def host_of(attrs: Any) -> str:
    """Return the host of the tenant in a table's `attrs`, "" where they do not tell."""
    address = attrs.get("tenant", "")
    return (urlsplit(address).netloc or address) if isinstance(address, str) else ""


def fit(value: Any) -> str:
    """Return a text without the control characters that no format may have; "" for a missing value."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", value) if isinstance(value, str) else ""


def attrs_by_tenant(found: AuditTable) -> list[tuple[str, Any]]:
    """Return the attributes of a table by tenant: a table of several tenants has them in `attrs["tenants"]`."""
    several = found.attrs.get("tenants")
    if isinstance(several, dict):
        return [*several.items()]
    return [("" if is_of_several(found) else host_of(found.attrs), found.attrs)]


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text).astimezone(UTC) if text else None
    except (TypeError, ValueError, OverflowError):
        return None
