"""The panel's part that changes clients that are there: what is selected, the plan of a change, and the change.

A change is opened with its defaults, and its plan follows every choice: it is computed next to whatever else is done,
since it only looks. A change is made only by the plan that is shown.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import utc_now
from qlik_keys.errors import ConfigurationError, QlikKeysError
from qlik_keys.jupyter.panel.controllers.calling import Calling
from qlik_keys.jupyter.panel.model.change_state import ChangeForm, ShownPlan
from qlik_keys.jupyter.panel.model.words import OPERATIONS
from qlik_keys.rules.findings import FINDINGS
from qlik_keys.rules.model import SEVERITIES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from qlik_keys.jupyter.panel.model.state import ShownStep

AT = "change"  # where the results of a change are told
_FOLLOWS = "The plan is being updated for your last choice."
_NOT_REFRESHED = "The list of clients could not be refreshed: refresh it in the tab Clients."


class Planning(Calling):
    """What can be done with clients that are there; `settings`, `run` and `clock` are as for `Session`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._opened = 0
        self._follows = False

    # --- the choice of a client ---

    def select(self, client_ids: Sequence[str]) -> None:
        """Note what is selected in the table."""
        chosen = tuple(client_ids)
        if chosen != self._state.selected:
            self._set(selected=chosen, selected_here=self._state.selected_here)

    def selected(self) -> pd.DataFrame | None:
        """Return the selected rows of the table, None before it was asked for."""
        frame = self._state.clients
        return None if frame is None else frame[frame["client_id"].isin(self._state.selected)]

    def _set(self, **changes: Any) -> None:
        with self._lock:
            super()._set(**changes)
            state = self._state
            plan = state.plan
            # A plan is about the selected client: no button may act on one that the eye has left.
            is_open = plan is not None and bool(plan.form.client_id) and not state.work
            if is_open and plan is not None and state.selected != (plan.form.client_id,):
                self.drop_plan()

    # --- the plan ---

    def plan_change(self, form: ChangeForm) -> None:
        """Open a change and show what it would do; nothing is changed."""
        doing = f"Planning: {OPERATIONS[form.operation].heading.format(name=self._called(form.client_id))}".rstrip()
        self._work(doing, functools.partial(self._plan_change, form), at=AT)

    def _plan_change(self, form: ChangeForm) -> None:
        from qlik_keys.jupyter.panel.controllers.changing import plan_of  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        chosen = (form.client_id,) if form.client_id else self._state.selected
        self._set(plan=None, wished=None, steps=(), steps_in="clients")
        if chosen != self._state.selected:
            self._set(selected=chosen)
        plan, steps = plan_of(tenant, store, form, clock=self._clock)
        if form.operation == "add_secret" and self.secrets_note():
            plan = replace(plan, notes=(*plan.notes, self.secrets_note()))
        with self._lock:
            self._opened += 1
            self._set(plan=replace(plan, opened=self._opened), wished=form, steps=steps, steps_in="clients")

    def choose(self, form: ChangeForm) -> None:
        """Note the choices for the change that is open; its plan follows them at once."""
        with self._lock:
            plan = self._state.plan
            if plan is None or (plan.form.operation, plan.form.client_id) != (form.operation, form.client_id):
                return
            if form == self._state.wished or self._state.work_at == AT:  # what was started is chosen
                return
            self._set(wished=form)
            if self._follows or self._state.plan_is_current:
                return
            self._follows = True
        self._run(self._follow)

    def _follow(self) -> None:
        """Plan the newest choices until the plan is theirs; what was chosen meanwhile is planned next."""
        while True:
            with self._lock:
                state = self._state
                if state.plan is None or state.wished is None or state.plan_is_current:
                    self._follows = False
                    return
            plan, steps = self._planned(state.wished, state.plan)
            with self._lock:
                now = self._state
                is_open = now.plan is not None and now.plan.opened == state.plan.opened and now.work_at != AT
                if is_open and now.wished is not None and plan.is_for(now.wished):
                    self._set(plan=plan, steps=steps, steps_in="clients")
                elif not is_open:
                    self._follows = False
                    return

    def _planned(self, form: ChangeForm, before: ShownPlan) -> tuple[ShownPlan, tuple[ShownStep, ...]]:
        """Return the plan for other choices, and its steps; where there is none, one that says why."""
        from qlik_keys.jupyter.panel.controllers.changing import plan_of  # noqa: PLC0415  # brings httpx

        why, hint = "", ""
        try:
            plan, steps = plan_of(*self._connected(), form, clock=self._clock)
            return replace(plan, opened=before.opened), steps
        except QlikKeysError as problem:
            self.last_error = problem
            why, hint = problem.message, problem.hint
        except Exception as error:  # noqa: BLE001  # of a text that is not ours its class is told alone
            self.last_error = error
            why, hint = f"An unexpected {type(error).__name__} came up.", "panel.last_error has it."
        blocked = ShownPlan(
            form=form, client_name=before.client_name, hints=before.hints, blocked=why, hint=hint, opened=before.opened
        )
        return blocked, ()

    def problem_of_change(self, form: ChangeForm) -> str:
        """Return why the planned change cannot be made now with these choices, in words, or "" if it can."""
        plan = self._state.plan
        if plan is None:
            return "Nothing is planned."
        if not plan.is_for(form):
            return _FOLLOWS
        if plan.blocked:
            return plan.blocked
        if plan.is_empty:
            return "There is nothing to do."
        if form.operation == "delete" and not form.confirm.strip():
            return "Type the client's id to confirm."
        if form.operation == "delete" and form.confirm.strip() != form.client_id:
            return f"That is not the client's id, which is {form.client_id}."
        if form.operation == "remove_secret" and form.hint not in plan.hints:
            return "Choose which client secret."
        return ""

    def drop_plan(self) -> None:
        """Put a plan away."""
        with self._lock:
            if self._state.plan is not None:
                self._set(plan=None, wished=None, steps=(), steps_in="clients")

    # --- the change ---

    def change(self, form: ChangeForm) -> None:
        """Do what is planned; choices that the plan shown is not for are refused, and nothing is done."""
        plan = self._state.plan
        operation = OPERATIONS[form.operation]
        name = (plan.client_name if plan else "") or self._called(form.client_id)
        doing = operation.doing.format(name=name).rstrip()
        problem = self.problem_of_change(form)
        if problem:
            hint = "Look at the plan, and then press the button again." if problem == _FOLLOWS else ""
            self.fail(ConfigurationError(problem, hint=hint), doing, at=AT)
            return
        # A failed change has its plan gone, since tenant and store are no longer what it was made for.
        again = ChangeForm(operation=form.operation, client_id=form.client_id)
        self._work(doing, functools.partial(self._change, form, name), at=AT, retry=again)

    def _change(self, form: ChangeForm, name: str) -> None:
        from qlik_keys.jupyter.panel.controllers.changing import carry_out  # noqa: PLC0415  # brings httpx

        tenant, store = self._connected()
        try:
            words, secret = carry_out(
                tenant, store, form, name=name, on_step=self._saw_step, cancel=self._cancel, clock=self._clock
            )
        except BaseException:
            self._clients_may_differ()  # how far it came is on the card; to list all again could fail, and takes time
            raise
        finally:
            self._set(plan=None, wished=None)
        self._keep_secret(secret, name)
        if form.operation == "delete":
            self._forget_client(form.client_id)
        self._tell(words)
        note = self._refresh_after()
        if note:
            self._tell(f"{words} {note}", kind="warning")

    def _called(self, client_id: str) -> str:
        """Return a client's name as the table has it, its id where it is not there, "" for none."""
        frame = self._state.clients
        if frame is None or not client_id:
            return client_id
        names = frame.loc[frame["client_id"] == client_id, "name"].tolist()
        return str(names[0]) if names and names[0] else client_id

    # --- the table and the audit ---

    def refresh(self, *, wait: bool = False) -> None:
        """Ask for the tenant's clients."""
        self._work("Listing the tenant's clients", self._refresh_told, at="clients", wait=wait)

    def _refresh_told(self) -> None:
        self._refresh()
        count = 0 if self._state.clients is None else len(self._state.clients)
        self._tell(f"{_counted(count, 'client')} listed.")

    def _refresh(self) -> None:
        from qlik_keys.inventory.tables import audit_of, clients  # noqa: PLC0415  # brings pandas

        doing = self._state.work

        def tell(what: str, done: int, total: int) -> None:
            if done < total:
                self._set(work=f"{doing}: {what}, {done:,} of {total:,} clients")

        tenant, store = self._connected()
        frame: pd.DataFrame = clients(tenant, store, on_progress=tell, clock=self._clock)
        there = set(frame["client_id"])
        selected = tuple(each for each in self._state.selected if each in there)
        # Marked and not left out: a tenant's list may be a moment behind what was just made.
        made = tuple(replace(each, is_gone=each.client_id not in there) for each in self._state.made_here)
        # Who works through the findings finds those that are left, after each change.
        found = None if self._state.audit is None else audit_of(frame, store, tenant.host)
        with self._lock:  # what an earlier listing came to is no longer so
            left = {place: told for place, told in self._state.results.items() if place != "clients"}
            known = {"clients": frame, "clients_at": utc_now(self._clock), "clients_differ": False, "audit": found}
            self._set(**known, made_here=made, selected=selected, results=left)

    def _refresh_after(self) -> str:
        """List the clients again after a change; return what to say where that fails: the change itself succeeded."""
        try:
            self._refresh()
        except Exception as error:  # noqa: BLE001  # no error may come between an effect and its report
            self.last_error = error
            self._clients_may_differ()
            return _NOT_REFRESHED
        return ""

    def audit(self, *, wait: bool = False) -> None:
        """Run audit and keys for what there is to say of them."""
        doing = "Looking through the tenant's clients and their keys"
        self._work(doing, self._audit, at="audit", wait=wait)

    def _audit(self) -> None:
        from qlik_keys.inventory.tables import audit_of  # noqa: PLC0415  # brings pandas

        tenant, store = self._connected()
        self._set(audit=None)
        self._refresh()
        assert self._state.clients is not None  # just asked for
        found = audit_of(self._state.clients, store, tenant.host)
        self._set(audit=found)
        counts = found["severity"].value_counts()
        listed = ", ".join(f"{counts[name]:,} {name}" for name in SEVERITIES if counts[name])
        where = _counted(len(self._state.clients), "client")
        words = f"{_counted(len(found), 'finding')} in {where}: {listed}." if listed else f"No findings in {where}."
        self._tell(words, kind="warning" if listed else "good")

    def narrow(self, finding: str) -> None:
        """Narrow the table to one finding, "" for all."""
        if finding != self._state.finding:
            self._set(finding=finding)

    def show_finding(self, finding: str) -> None:
        """Show the clients of one finding in the table."""
        self._set(finding=finding, tab="Clients")

    def fix(self, finding: str, client_id: str) -> None:
        """Go to the client of a finding, with the plan of what fixes it."""
        operation = FINDINGS[finding].operation
        of_all = operation == "resume"
        self._set(tab="Clients", finding="", selected=() if of_all or not client_id else (client_id,))
        if operation:
            self.plan_change(ChangeForm(operation=operation, client_id="" if of_all else client_id))


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
