"""What the doctor says of a client on several tenants, as one value and as text for people."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

from qlik_keys.core.reasons import reason_of
from qlik_keys.rules.access import TENANT_NOT_ASKED
from qlik_keys.rules.clients import CLIENT_ABSENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qlik_keys.diagnosis import Diagnosis
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.fleet.runners.base import TenantOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetDiagnosis:
    """What the doctor found of one client on several tenants.

    Attributes:
        client: the id or name that was looked for.
        diagnoses: by the tenant's name, of those that have the client; of all that were asked, if none has it.
        without_client: the tenants that do not have it, where others have.
        not_asked: by the tenant's name, why it could not be asked.

    Example:
        >>> fleet.doctor("nightly-etl").diagnoses["prod"].is_healthy  # doctest: +SKIP
        True
    """

    client: str
    diagnoses: Mapping[str, Diagnosis]
    without_client: tuple[str, ...] = ()
    not_asked: Mapping[str, QlikKeysError]

    @classmethod
    def of(cls, client: str, outcomes: Sequence[TenantOutcome[Diagnosis]]) -> FleetDiagnosis:
        """Return what came of each tenant as one value."""
        found = {each.tenant: each.value for each in outcomes if each.value is not None}
        has_client = {name: each for name, each in found.items() if not _is_absent(each)}
        return cls(
            client=client,
            diagnoses=has_client or found,
            without_client=tuple(name for name in found if name not in has_client) if has_client else (),
            not_asked={each.tenant: each.error for each in outcomes if each.error is not None},
        )

    @property
    def findings(self) -> tuple[str, ...]:
        """The names of all findings, each once."""
        found = [check.finding for each in self.diagnoses.values() for check in each.findings]
        return tuple(dict.fromkeys([*found, *(TENANT_NOT_ASKED.name for _ in self.not_asked)]))

    @property
    def is_healthy(self) -> bool:
        """Whether every tenant was asked, and the client did log in on each that has it, without a finding."""
        return not self.not_asked and all(each.is_healthy for each in self.diagnoses.values())

    def to_text(self) -> str:
        """Return it for people: of each tenant, behind its name, the checks that failed and what to do."""
        parts = [f"{name}: {each.to_text(only_failed=True)}" for name, each in self.diagnoses.items()]
        parts += [f"{name}: {_why(error)}" for name, error in self.not_asked.items()]
        if self.without_client:
            parts.append(f"Without a client {self.client!r}: {', '.join(self.without_client)}.")
        if self.diagnoses:
            parts.append("The doctor for one tenant alone shows the checks that passed.")
        return "\n\n".join(parts)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return it as JSON-ready values: an object for each tenant that has the client or could not be asked."""
        found = [{"tenant": name, **each.to_dict()} for name, each in self.diagnoses.items()]
        return found + [
            {
                "tenant": name,
                "client_id": "",
                "is_healthy": False,
                "findings": [TENANT_NOT_ASKED.name],
                "checks": [],
                "reason": reason_of(error),
            }
            for name, error in self.not_asked.items()
        ]

    def __repr__(self) -> str:
        told = [f"{name} {each!r}" for name, each in self.diagnoses.items()]
        told += [f"{name} not asked" for name in self.not_asked]
        return f"<FleetDiagnosis {self.client!r}: {', '.join(told)}>"

    def _repr_html_(self) -> str:
        parts = [
            f"<h4>{escape(name)}</h4>{each._repr_html_()}" for name, each in self.diagnoses.items()
        ]  # IPython's own protocol
        parts += [f"<p><b>{escape(name)}</b>: {escape(_why(error))}</p>" for name, error in self.not_asked.items()]
        if self.without_client:
            parts.append(f"<p>Without this client: {escape(', '.join(self.without_client))}.</p>")
        return "".join(parts)


def _is_absent(found: Diagnosis) -> bool:
    """Tell whether there is nothing of the client: the tenant does not have it, and the store no record."""
    names = {check.finding for check in found.findings}
    return CLIENT_ABSENT.name in names and not any(check.code.startswith("QK2") for check in found.findings)


def _why(error: QlikKeysError) -> str:
    told = f"the tenant could not be asked. {error.message}"
    return f"{told} What to do: {error.hint}" if error.hint else told
