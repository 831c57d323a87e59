"""The panel's state at one moment: a frozen value for each group of facts, none of which holds a secret.

A view listens to its own groups (`store.PanelStore`), so a change of one group draws nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pandas as pd

    from qlik_keys.auth.inspection import Called
    from qlik_keys.diagnosis import Diagnosis
    from qlik_keys.jupyter.panel.model.forms import ChangeForm
    from qlik_keys.jupyter.panel.model.shown import (
        Connection,
        FoundUser,
        MadeClient,
        ShownAnswer,
        ShownAssertion,
        ShownPlan,
        ShownRejection,
        ShownResult,
        ShownStep,
        ShownToken,
    )

StepsOf = Literal["", "new_client", "change", "token"]
# What every view with a button listens to.
COMMON = ("connection", "work", "results")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkState:
    """The work in progress.

    Attributes:
        doing: what is being done, "" for nothing.
        at: the place of the button that asked for it, as `PanelState.results` names it.
        is_planning: whether it only computes what a change would do, whose options can still be chosen.
        steps_of: the group whose steps it takes, "" for none.
        cancelling: whether it was asked to stop after its step.
        stepwise: whether each step waits for "Next"; also while nothing is being done.
        waits_for: the step that waits, in words, "" for none.
    """

    doing: str = ""
    at: str = ""
    is_planning: bool = False
    steps_of: StepsOf = ""
    cancelling: bool = False
    stepwise: bool = False
    waits_for: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsState:
    """The secrets that wait until the user has stored them, without the secrets.

    Attributes:
        owner: whose secret is shown next, "" for none.
        kind: what kind of secret it is.
        waiting: how many wait, that one included.
    """

    owner: str = ""
    kind: str = ""
    waiting: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class NewClientState:
    """The clients that were made in this session.

    Attributes:
        name_note: what the tenant says of the name that is typed.
        steps: the steps of the newest client.
        made: the newest client.
        made_here: all clients that were made, the oldest first.
    """

    name_note: str = ""
    steps: tuple[ShownStep, ...] = ()
    made: MadeClient | None = None
    made_here: tuple[MadeClient, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsState:
    """The table of clients.

    Attributes:
        frame: the table, None before it was requested.
        listed_at: when it was requested, UTC.
        may_differ: whether something was done since then that it may not show.
        selected: ids of the selected clients.
        selections: counts the selections that the panel made; the table itself makes the others.
        finding: the finding that the table is filtered by, "" for none.
        with_last_use: whether a listing also looks up when the clients last logged in.
    """

    frame: pd.DataFrame | None = field(default=None, compare=False)
    listed_at: datetime | None = None
    may_differ: bool = False
    selected: tuple[str, ...] = ()
    selections: int = 0
    finding: str = ""
    with_last_use: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeState:
    """The change of a client.

    Attributes:
        plan: the plan that is open, None for none.
        chosen: the options as they are now; the plan follows them.
        steps: the steps of the plan, or of the newest change.
    """

    plan: ShownPlan | None = None
    chosen: ChangeForm | None = None
    steps: tuple[ShownStep, ...] = ()

    @property
    def plan_is_current(self) -> bool:
        """Whether the plan is the one for the options as they are now."""
        return self.plan is not None and self.chosen is not None and self.plan.is_for(self.chosen)

    def without_plan(self) -> ChangeState:
        """Return the same without a plan that is open and its steps; the steps of a change that ran stay."""
        return self if self.plan is None else ChangeState()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """The result of the audit.

    Attributes:
        findings: a row per finding, None before the audit ran.
    """

    findings: pd.DataFrame | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenState:
    """The login of a client, step by step.

    Attributes:
        steps: the steps of the newest login.
        assertion: the newest assertion.
        rejection: what the tenant answered to one that was invalid on purpose.
        token: the current token.
        found_users: the users that the newest search found, None before a search.
    """

    steps: tuple[ShownStep, ...] = ()
    assertion: ShownAssertion | None = None
    rejection: ShownRejection | None = None
    token: ShownToken | None = None
    found_users: tuple[FoundUser, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsState:
    """The calls with the current token.

    Attributes:
        answer: the newest answer.
        newest: the newest calls and requests for tokens, the oldest first.
    """

    answer: ShownAnswer | None = None
    newest: tuple[Called, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorState:
    """The result of the doctor.

    Attributes:
        diagnosis: what it found.
        fixed: what was fixed with it before.
        remark: what it says about the current token, or about the call that failed; or "".
    """

    diagnosis: Diagnosis | None = None
    fixed: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeState:
    """The probe of the tenant.

    Attributes:
        plan: what a probe would do, "" while none is planned.
        report: the report of the newest one, "" before.
    """

    plan: str = ""
    report: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelState:
    """Everything that the panel shows, in groups.

    Attributes:
        tab: the tab in front.
        connection: what it is connected to, None for nothing.
        work: the work in progress.
        results: the result of the newest action, by the place of its button.
        secrets: the secrets that wait to be stored.
        new_client: the clients that were made.
        clients: the table of clients.
        change: the change of a client.
        audit: the result of the audit.
        token: the login of a client.
        calls: the calls with its token.
        doctor: the result of the doctor.
        probe: the probe of the tenant.
    """

    tab: str = "Connect"
    connection: Connection | None = None
    work: WorkState = field(default_factory=WorkState)
    results: Mapping[str, ShownResult] = field(default_factory=dict)
    secrets: SecretsState = field(default_factory=SecretsState)
    new_client: NewClientState = field(default_factory=NewClientState)
    clients: ClientsState = field(default_factory=ClientsState)
    change: ChangeState = field(default_factory=ChangeState)
    audit: AuditState = field(default_factory=AuditState)
    token: TokenState = field(default_factory=TokenState)
    calls: CallsState = field(default_factory=CallsState)
    doctor: DoctorState = field(default_factory=DoctorState)
    probe: ProbeState = field(default_factory=ProbeState)

    def of_no_tenant(self) -> dict[str, Any]:
        """Return the groups that belong to a tenant, emptied: another tenant's facts take their place."""
        before = self.clients
        clients = ClientsState(selections=before.selections + 1, with_last_use=before.with_last_use)
        return {
            "results": {},
            "new_client": NewClientState(),
            "clients": clients,
            "change": ChangeState(),
            "audit": AuditState(),
            "probe": ProbeState(),
        }


def no_login() -> dict[str, Any]:
    """Return the groups of a login, emptied: another connection starts without one."""
    return {"token": TokenState(), "calls": CallsState(), "doctor": DoctorState()}
