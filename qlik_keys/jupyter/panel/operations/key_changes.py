"""A change of a client: from the panel's form to its plan, and to the change itself."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from qlik_keys import lifecycle
from qlik_keys.errors import ConfigurationError, StoreNotFound, TenantError
from qlik_keys.jupyter.panel.model.shown import ShownPlan, ShownStep
from qlik_keys.jupyter.panel.model.words import BY_HAND, KEY_CHOICES
from qlik_keys.jupyter.panel.operations.client_settings import SETTINGS, apply_setting, plan_setting
from qlik_keys.lifecycle import Resumed, Rotated
from qlik_keys.lifecycle.options import (
    AdoptOptions,
    DeleteOptions,
    Options,
    ResumeOptions,
    RetireOptions,
    RevokeOptions,
    RotateOptions,
)

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from qlik_keys.core.clock import Clock
    from qlik_keys.core.secret import Secret
    from qlik_keys.jupyter.panel.model.forms import ChangeForm
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle import StepEvent
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import QlikTenant

_NO_KEY = (
    "Adopt gives the client a key that qlik_keys manages. A public key whose private half another program has is "
    "removed in Qlik's console. If the Vault has its key, check the KV mount and the folder in the tab Connect."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedOut:
    """What became of a change.

    Attributes:
        words: the result.
        secrets: the client secrets that were made, each with the client's name.
        is_open: something is left to be done by a person.
    """

    words: str
    secrets: tuple[tuple[str, Secret], ...] = ()
    is_open: bool = False


def plan_of(
    tenant: QlikTenant, store: KeyStore, form: ChangeForm, *, clock: Clock
) -> tuple[ShownPlan, tuple[ShownStep, ...]]:
    """Return what a change would do, and its steps, none of them started.

    Raises:
        ConfigurationError: an option is not a number, or no client is chosen.
        TenantError, StoreError: tenant or store cannot be reached, or refuses.
    """
    if form.operation in SETTINGS:
        return plan_setting(tenant, store, form)
    try:
        plan = lifecycle.preview(tenant, store, form.operation, form.client_id, clock=clock, **_options(form))  # type: ignore[arg-type]
    except StoreNotFound as problem:
        if type(problem) is not StoreNotFound:  # its record is deleted or destroyed, and the error says what to do
            raise
        name = tenant.oauth_clients.get(form.client_id).client_name
        return ShownPlan(form=form, client_name=name, blocked=problem.message, hint=_NO_KEY), ()
    names = sorted({step.client_name for step in plan.steps})
    shown = ShownPlan(
        form=form,
        client_name=_name_of(tenant, form.client_id, plan.client_name),
        notes=(*plan.notes, *([f"What was interrupted: {', '.join(names)}."] if names and not form.client_id else [])),
        irreversible=tuple(dict.fromkeys(step.title for step in plan.steps if step.irreversible)),
        blocked=plan.blocked,
        hint=plan.hint,
        is_empty=not plan.steps,
    )
    by_name = {
        step.action: ShownStep(step=step.action, title=step.title, by_hand=BY_HAND.get(step.action, ""))
        for step in plan.steps
    }
    return shown, tuple(by_name.values())


def _name_of(tenant: QlikTenant, client_id: str, known: str) -> str:
    """Return a client's name, which a plan without steps lacks, as does one that deletes; its id if that fails."""
    if not client_id or known not in ("", client_id):
        return known
    try:
        return tenant.oauth_clients.get(client_id).client_name or client_id
    except TenantError:  # the plan itself says what is wrong
        return client_id


def carry_out(
    tenant: QlikTenant,
    store: KeyStore,
    form: ChangeForm,
    *,
    name: str,
    on_step: Callable[[StepEvent], None],
    cancel: threading.Event,
    clock: Clock,
) -> CarriedOut:
    """Make the change; return what became of it.

    Args:
        tenant: the tenant.
        store: where the keys are.
        form: the change.
        name: the client's name, for the result.
        on_step: called before and after each step.
        cancel: stops the change between two steps when it is set.
        clock: time.

    Raises:
        QlikKeysError: as the operation does.
    """
    if form.operation in SETTINGS:
        words, secret = apply_setting(tenant, form, name=name, on_step=on_step)
        return CarriedOut(words=words, secrets=() if secret is None else ((name, secret),))
    run: dict[str, Any] = {"on_step": on_step}
    if form.operation == "delete":
        deleted = lifecycle.delete(tenant, store, form.client_id, **_options(form), **run)
        return CarriedOut(words=" ".join([f"Deleted {name} ({form.client_id}).", *deleted.warnings]))
    run |= {"cancel": cancel, "clock": clock}
    if form.operation == "resume":
        return _resumed(lifecycle.resume(tenant, store, **_options(form), **run))
    perform: dict[str, Callable[..., Rotated | list[Rotated]]] = {
        "rotate": lifecycle.rotate,
        "retire": lifecycle.retire_due,
        "revoke": lifecycle.revoke,
        "adopt": lifecycle.adopt,
    }
    result = perform[form.operation](tenant, store, form.client_id, **_options(form), **run)
    results = [result] if isinstance(result, Rotated) else result
    words = " ".join(f"{item.name}: {item.to_text()}" for item in results) or "No old key was due."
    return CarriedOut(words=words, is_open=any(item.pending_hooks for item in results))


def new_secrets(resumed: Iterable[Resumed]) -> tuple[tuple[str, Secret], ...]:
    """Return the client secrets that were made on the way, with the clients' names: the tenant shows each once."""
    return tuple((item.name, item.client_secret) for item in resumed if item.client_secret is not None)


def _resumed(items: list[Resumed]) -> CarriedOut:
    """Return what `resume` did: a client of which a hook is still pending is not finished."""
    is_open = {id(item): bool(getattr(item.result, "pending_hooks", ())) for item in items}
    finished = [item.name for item in items if not is_open[id(item)]]
    texts = [f"Finished: {', '.join(finished)}."] if finished else []
    texts += [each for item in items if item.result is not None for each in item.result.warnings]
    return CarriedOut(
        words=" ".join(dict.fromkeys(texts)) or "Nothing was interrupted.",
        secrets=new_secrets(items),
        is_open=any(is_open.values()),
    )


def _options(form: ChangeForm) -> dict[str, Any]:
    """Return an operation's options; the hooks are those of the environment, as for a command without `--hooks`.

    Raises:
        ConfigurationError: an option is not a number, or the file of hooks is wrong.
    """

    def hooks() -> tuple[Hook, ...]:
        if not os.environ.get("QLIK_KEYS_HOOKS", "").strip():
            return ()
        from qlik_keys.fleet.hook_files import hooks_of_environment  # noqa: PLC0415  # for those who have hooks

        return hooks_of_environment()

    key = KEY_CHOICES[form.key_choice].spec if form.key_choice else None
    options: dict[str, Callable[[], Options]] = {
        "rotate": lambda: RotateOptions(
            overlap=_overlap(form.overlap_hours), key=key, allow_swap=form.allow_swap, hooks=hooks()
        ),
        "retire": lambda: RetireOptions(force=form.force),
        "revoke": lambda: RevokeOptions(key=key, allow_swap=form.allow_swap, hooks=hooks()),
        "adopt": lambda: AdoptOptions(key=key, remove_secrets=form.remove_secrets, hooks=hooks()),
        "delete": lambda: DeleteOptions(
            confirm=form.confirm.strip(), keep_secret=form.keep_secret, remove_bot=form.remove_bot
        ),
        "resume": lambda: ResumeOptions(hooks=hooks()),
    }
    return options[form.operation]().arguments


def _overlap(text: str) -> timedelta:
    try:
        return timedelta(hours=float(text.replace(",", ".")))
    except (ValueError, OverflowError):
        pass
    raise ConfigurationError("The overlap is not a number of hours.", hint="Type a number, for instance 24, or 0.")
