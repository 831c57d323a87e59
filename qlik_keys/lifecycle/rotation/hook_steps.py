"""The steps of a run that run hooks: apart from those that change keys, whose order they do not touch.

A hook that fails is a warning of the run and no error: the key is replaced by then, and that is what must be reported.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.errors import HookFailed
from qlik_keys.lifecycle.actions import Action
from qlik_keys.lifecycle.engine import Run
from qlik_keys.lifecycle.rotation.plan import next_hook

if TYPE_CHECKING:
    from qlik_keys.errors import QlikKeysError
    from qlik_keys.keystore.base import ClientRecord, KeyStore
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.lifecycle.hooks.pending import ClientHooks
    from qlik_keys.lifecycle.provisioning.plan import Step
    from qlik_keys.lifecycle.rotation.effects import KeyState
    from qlik_keys.lifecycle.rotation.plan import KeyIntent
    from qlik_keys.tenant import QlikTenant


class HookSteps(Run):
    """A run that can run hooks.

    Args:
        tenant: the tenant, with an administrator's credential.
        store: where the keys are.
        hooks: those that are defined, for whichever clients.
        **told: as for `Run`.

    Attributes:
        record: the client's record, as this run knows it.
        intent: what is requested.
        warnings: what a person should know.
        failed_hooks: the hooks that failed, by name.
    """

    record: ClientRecord
    intent: KeyIntent

    def __init__(self, tenant: QlikTenant, store: KeyStore, *, hooks: tuple[Hook, ...], **told: Any) -> None:
        super().__init__(tenant, store, **told)
        self.warnings: list[str] = []
        self.failed_hooks: dict[str, HookFailed] = {}
        self._hooks = hooks
        self._own_hooks: ClientHooks | None = None

    @property
    @abstractmethod
    def _state(self) -> KeyState:
        """What the run knows."""

    @abstractmethod
    def _effect(self, action: Action) -> KeyState:
        """Return what an action makes of what this run knows."""

    @abstractmethod
    def _write(self, action: Action, *, read_back: bool = True) -> None:
        """Write what an action makes of the record."""

    def _choose_hooks(self) -> None:
        if not self._hooks or self._own_hooks is not None:
            return
        from qlik_keys.lifecycle.hooks.pending import ClientHooks  # noqa: PLC0415  # for those who have hooks

        self._own_hooks = ClientHooks(self._hooks, self._state.there)
        self.intent = replace(self.intent, hooks=frozenset(self._own_hooks.names))

    @property
    def hook_names(self) -> tuple[str, ...]:
        """Names of the hooks that are defined here for the client."""
        return () if self._own_hooks is None else self._own_hooks.names

    def _hooks_of_next(self) -> tuple[str, ...]:
        """Return the hooks that are to run for the next key: those that the operation was started with, and those here.

        One that is defined here, and is not for the client by its name on the tenant, is none of them.
        """
        started = self.intent.operation
        elsewhere = {each.name for each in self._hooks}
        noted = () if started is None else tuple(name for name in started.hooks if name not in elsewhere)
        return tuple(dict.fromkeys((*noted, *self.hook_names)))

    def _attempt(self, step: Step) -> QlikKeysError | None:
        problem = super()._attempt(step)
        if not isinstance(problem, HookFailed):
            return problem
        # The key is replaced: that is reported, and the hook stays pending.
        self.warnings.append(str(problem))
        self.failed_hooks[problem.hook] = problem
        self.intent = replace(self.intent, hooks=self.intent.hooks - {problem.hook})
        return None

    def _run_hook(self, _: str) -> None:
        from qlik_keys.lifecycle.hooks.pending import noted_success  # noqa: PLC0415  # for those who have hooks

        name, current = next_hook(self.record, self.intent), self.record.current
        assert self._own_hooks is not None
        self._own_hooks.run(name, "" if current is None else current.kid, self._tenant, self._cancel)
        self._note_effect()
        after = self._effect(Action.RUN_HOOK)

        def write(known: ClientRecord) -> ClientRecord:
            self.record = known
            return self._store.write(self._effect(Action.RUN_HOOK).record, read_back=False)

        def read() -> ClientRecord:
            return self._store.read(self.record.tenant_host, self.record.client_id)

        before = self.record
        there, warning = noted_success(name, before, write=write, read=read)
        self.record, self.intent = there or before, after.intent
        if warning:
            self.warnings.append(warning)
        if there is None:
            self.intent = replace(self.intent, hooks=frozenset())

    def _drop_hooks(self, _: str) -> None:
        self._write(Action.DROP_HOOKS, read_back=False)
