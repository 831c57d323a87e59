"""Changes of a client: the plan of a change, its options, and the change itself.

A change is opened with its defaults, and its plan follows every option: it is computed next to any work, since it
changes nothing. A change is made only by the plan that is shown.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError, QlikKeysError, ResumeError
from qlik_keys.jupyter.panel.model.forms import ChangeForm
from qlik_keys.jupyter.panel.model.state import ChangeState
from qlik_keys.jupyter.panel.model.words import OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlik_keys.core.secret import Secret
    from qlik_keys.jupyter.panel.controllers.clients import Parts
    from qlik_keys.jupyter.panel.controllers.waiting_secrets import SecretsController
    from qlik_keys.jupyter.panel.model.shown import ShownPlan, ShownStep
    from qlik_keys.jupyter.panel.model.state import PanelState

AT = "change"  # the place of its results
_FOLLOWS = "The plan is being updated for your last choice."


class ChangesController:
    """The plan of a change, and the change.

    Args:
        parts: what every controller works with.
        secrets: where a client secret waits that a change makes.
    """

    def __init__(self, parts: Parts, secrets: SecretsController) -> None:
        self._store, self._work, self._connection, self._clients = parts
        self._secrets = secrets
        self._opened = 0
        self._follows = False
        parts.store.listen(self._discard_other, "clients", "work", "change")

    # --- the plan ---

    def plan(self, form: ChangeForm) -> None:
        """Open a change and show what it would do; nothing is changed."""
        doing = f"Planning: {OPERATIONS[form.operation].heading.format(name=self._clients.name_of(form.client_id))}"
        self._work.run(doing.rstrip(), functools.partial(self._plan, form), at=AT, is_planning=True)

    def _plan(self, form: ChangeForm) -> None:
        from qlik_keys.jupyter.panel.operations.key_changes import plan_of  # noqa: PLC0415  # brings httpx

        tenant, key_store = self._connection.connected()
        self._store.set(change=ChangeState())
        if form.client_id:
            self._clients.select((form.client_id,))
        plan, steps = plan_of(tenant, key_store, form, clock=self._work.clock)
        if form.operation == "add_secret" and self._secrets.note():
            plan = replace(plan, notes=(*plan.notes, self._secrets.note()))
        with self._store.lock:
            self._opened += 1
            self._store.set(change=ChangeState(plan=replace(plan, opened=self._opened), chosen=form, steps=steps))

    def choose(self, form: ChangeForm) -> None:
        """Note the options for the change that is open; its plan follows them at once."""
        with self._store.lock:
            change = self._store.state.change
            plan = change.plan
            if plan is None or (plan.form.operation, plan.form.client_id) != (form.operation, form.client_id):
                return
            if form == change.chosen or self._is_running():  # its options are fixed once it was started
                return
            self._store.update("change", chosen=form)
            if self._follows or self._store.state.change.plan_is_current:
                return
            self._follows = True
        self._work.run_next_to(self._follow)

    def _follow(self) -> None:
        """Plan the newest options until the plan is theirs; what was chosen meanwhile is planned next."""
        while True:
            with self._store.lock:
                before = self._store.state.change
                if before.plan is None or before.chosen is None or before.plan_is_current:
                    self._follows = False
                    return
            plan, steps = self._planned(before.chosen, before.plan)
            with self._store.lock:
                now = self._store.state.change
                is_open = now.plan is not None and now.plan.opened == before.plan.opened and not self._is_running()
                if is_open and now.chosen is not None and plan.is_for(now.chosen):
                    self._store.update("change", plan=plan, steps=steps)
                elif not is_open:
                    self._follows = False
                    return

    def _planned(self, form: ChangeForm, before: ShownPlan) -> tuple[ShownPlan, tuple[ShownStep, ...]]:
        """Return the plan for other options, and its steps; if it cannot be computed, one that says why."""
        from qlik_keys.jupyter.panel.operations.key_changes import plan_of  # noqa: PLC0415  # brings httpx

        why, hint = "", ""
        try:
            plan, steps = plan_of(*self._connection.connected(), form, clock=self._work.clock)
            return replace(plan, opened=before.opened), steps
        except QlikKeysError as problem:
            self._store.last_error = problem
            why, hint = problem.message, problem.hint
        except Exception as error:  # noqa: BLE001  # a foreign text may hold anything: only its class is shown
            self._store.last_error = error
            why, hint = f"An unexpected error occurred: {type(error).__name__}.", "panel.last_error has it."
        return replace(before, form=form, notes=(), irreversible=(), blocked=why, hint=hint, is_empty=False), ()

    def problem_of(self, form: ChangeForm) -> str:
        """Return why the planned change cannot be made now with these options, in words, or "" if it can."""
        plan = self._store.state.change.plan
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
            return "Choose which client secret to delete."
        return ""

    def discard(self) -> None:
        """Discard the plan that is open."""
        with self._store.lock:
            if self._store.state.change.plan is not None:
                self._store.set(change=ChangeState())

    def _discard_other(self, state: PanelState) -> None:
        """Discard a plan if another client is selected: no button may change a client that is not in view."""
        plan = state.change.plan
        if plan is None or not plan.form.client_id or state.work.doing:
            return
        if state.clients.selected != (plan.form.client_id,):
            self.discard()

    def _is_running(self) -> bool:
        work = self._store.state.work
        return work.at == AT and not work.is_planning

    # --- the change ---

    def apply(self, form: ChangeForm) -> None:
        """Make the planned change; options that the plan shown is not for are refused, and nothing is done."""
        plan = self._store.state.change.plan
        name = (plan.client_name if plan else "") or self._clients.name_of(form.client_id)
        doing = OPERATIONS[form.operation].doing.format(name=name).rstrip()
        problem = self.problem_of(form)
        if problem:
            hint = "Look at the plan, and then press the button again." if problem == _FOLLOWS else ""
            self._work.fail(ConfigurationError(problem, hint=hint), doing, at=AT)
            return
        # After a failure the plan is discarded, since tenant and store may no longer be what it was made for.
        retry = ChangeForm(operation=form.operation, client_id=form.client_id)
        self._work.run(doing, functools.partial(self._apply, form, name), at=AT, retry=retry)

    def _apply(self, form: ChangeForm, name: str) -> None:
        from qlik_keys.jupyter.panel.operations.key_changes import carry_out, new_secrets  # noqa: PLC0415  # brings httpx

        tenant, key_store = self._connection.connected()
        steps = self._work.steps
        steps.begin("change")
        try:
            done = carry_out(
                tenant,
                key_store,
                form,
                name=name,
                on_step=steps.saw,
                cancel=steps.cancelled,
                clock=self._work.clock,
            )
        except BaseException as problem:
            if isinstance(problem, ResumeError):
                self._keep(new_secrets(problem.results))
            self._clients.note_change()  # how far it came is on the card; to list all again could fail, and takes time
            raise
        finally:
            self._store.update("change", plan=None, chosen=None)
        self._keep(done.secrets)
        if form.operation == "delete":
            self._clients.forget(form.client_id)
        self._work.result(done.words, kind="warning" if done.is_open else "good")
        note = self._clients.list_after_change()
        if note:
            self._work.result(f"{done.words} {note}", kind="warning")

    def _keep(self, made: Iterable[tuple[str, Secret]]) -> None:
        for owner, secret in made:
            self._secrets.keep(secret, owner)
