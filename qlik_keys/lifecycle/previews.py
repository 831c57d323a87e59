"""What an operation would do, step by step, before anyone does it: it looks at both sides and changes nothing.

Not done here: foreseeing. A tenant may refuse a second key, or another user may be quicker; the notes say so.
"""

from __future__ import annotations

import contextlib
import functools
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from qlik_keys.core.arguments import TEXT, require
from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.errors import ConfigurationError, LifecycleError, TenantNotFound
from qlik_keys.keys import wrong_key
from qlik_keys.keystore.profiles import measured_on
from qlik_keys.lifecycle import deletion
from qlik_keys.lifecycle.actions import ACTIONS, Action, System
from qlik_keys.lifecycle.context import OperationContext
from qlik_keys.lifecycle.dry_run import KeyDryRun, Memory, ProvisioningDryRun
from qlik_keys.lifecycle.last_use import last_use
from qlik_keys.lifecycle.options import OPTIONS, ResumeOptions
from qlik_keys.lifecycle.provisioning.operations import resume_in
from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
from qlik_keys.lifecycle.remains import remains_of, tokens_for_users
from qlik_keys.lifecycle.rotation import changes, retirement
from qlik_keys.lifecycle.rotation.finishing import Rotated
from qlik_keys.lifecycle.shared_keys import shared_key_warnings
from qlik_keys.tenant.resources.scopes import scope_warnings

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle.events import StepEvent
    from qlik_keys.lifecycle.options import (
        AdoptOptions,
        DeleteOptions,
        Options,
        ProvisionOptions,
        RetireOptions,
        RevokeOptions,
        RotateOptions,
    )
    from qlik_keys.tenant import QlikTenant

Operation = Literal["provision", "rotate", "retire", "revoke", "adopt", "delete", "resume"]

_ONE_KEY = (
    "If the tenant refuses a second key, nothing is changed; you can then allow a swap, during which "
    "logins fail for a moment."
)
_SWAP = (
    "If the tenant refuses a second key, the new key replaces the old one: logins may fail until the new key is "
    "verified."
)
_BOT_USER = "The first token creates the client's bot user on the tenant. In some subscriptions this uses a licence."


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """One step that an operation would take.

    Attributes:
        action: the step's name, as `StepEvent.step` will have it.
        title: the step in words.
        client_name: which client it is about.
        side: what it changes or, in verifications, asks: "tenant", "vault" or "both".
        irreversible: no one can take it back.
    """

    action: str
    title: str
    client_name: str
    side: System
    irreversible: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What an operation would do now.

    Attributes:
        operation: which.
        client_id: of which client, "" for all or for one that is yet to be made.
        client_name: its name, "" where it is about none or several.
        steps: in their order; none when there is nothing to do.
        notes: what a person should know.
        blocked: why it would be refused now, "" if it would not.
        hint: what to do about that.
    """

    operation: str
    client_id: str
    client_name: str
    steps: tuple[PlannedStep, ...]
    notes: tuple[str, ...] = ()
    blocked: str = ""
    hint: str = ""

    def to_text(self) -> str:
        """Return the plan for people, a line a step."""
        of_whom = f" {self.client_name}" if self.client_name else ""
        several = len({step.client_name for step in self.steps}) > 1
        lines = [f"{self.operation}{of_whom}: nothing is changed yet. These steps would run:"]
        if not self.steps:
            lines = [f"{self.operation}{of_whom}: there is nothing to do."]
        if self.blocked:
            lines = [f"{self.operation}{of_whom} would be refused: {self.blocked}", f"What to do: {self.hint}"]
        for number, step in enumerate(self.steps, start=1):
            which = f"{step.client_name}: " if several else ""
            last = "  [cannot be undone]" if step.irreversible else ""
            lines.append(f"{number:3}. {which}{step.title}{last}")
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Return the plan as JSON-ready values."""
        return asdict(self)


def preview(
    tenant: QlikTenant,
    store: KeyStore,
    operation: Operation,
    client_id: str = "",
    *,
    clock: Clock = SYSTEM_CLOCK,
    **options: Any,
) -> Preview:
    """Return what an operation would do now, by looking at the tenant and the store; nothing is changed or made.

    Args:
        tenant: the tenant.
        store: where the keys are.
        operation: "provision", "rotate", "retire", "revoke", "adopt", "delete" or "resume".
        client_id: the client, by id or name; none for "provision" and "resume", and for "retire" of all that is due.
        clock: time.
        **options: the operation's own arguments, e.g. `overlap` for "rotate" or `name` and `scopes` for "provision".

    Raises:
        ConfigurationError: there is no such operation, or it wants a client id.
        TenantError, StoreError: tenant or store cannot be asked, or have no such client.
        TypeError: the operation has no such argument, or the key is none; it is not quoted.

    Example:
        >>> print(preview(tenant, store, "rotate", client_id).to_text())  # doctest: +SKIP
    """
    wrong = wrong_key(options.get("key"))
    if wrong is not None:
        options.clear()
        raise wrong
    require(TEXT, operation=operation, client_id=client_id)
    perform = _OPERATIONS.get(operation)
    if perform is None:
        raise ConfigurationError(f"There is no operation {operation!r}.", hint=f"One of: {', '.join(_OPERATIONS)}.")
    if not client_id and operation in ("rotate", "revoke", "adopt", "delete"):
        raise ConfigurationError(f"{operation} needs one client.", hint="Give its id or its name.")
    chosen = OPTIONS[operation](**options)
    memory: Memory = {}
    defined = chosen.context if isinstance(chosen, ResumeOptions) else {"hooks": tuple(getattr(chosen, "hooks", ()))}
    steps: list[PlannedStep] = []

    def listen(event: StepEvent) -> None:
        if event.phase == "after" and event.step != Action.CHECK:
            steps.append(_planned(event))

    work = OperationContext(
        tenant=tenant,
        store=store,
        on_step=listen,
        clock=clock,
        make_key_run=functools.partial(KeyDryRun, memory=memory),
        make_provisioning=ProvisioningDryRun,
        is_dry_run=True,
        **defined,
    )

    def plan_for(client_id: str) -> Preview:
        steps.clear()
        notes: tuple[str, ...] = ()
        blocked = hint = ""
        try:
            notes = perform(work, client_id, chosen)
        except LifecycleError as problem:
            blocked, hint = problem.message, problem.hint
        names = {step.client_name for step in steps}
        notes += shared_key_warnings(tenant, options.get("key"), client_id or str(options.get("name", "")))
        return Preview(
            operation=operation,
            client_id=client_id,
            client_name=names.pop() if len(names) == 1 else str(options.get("name", "")),
            steps=tuple(steps),
            notes=notes,
            blocked=blocked,
            hint=hint,
        )

    return work.resolved(client_id, plan_for) if client_id else plan_for("")


def _planned(event: StepEvent) -> PlannedStep:
    facts = ACTIONS[Action(event.step)]
    return PlannedStep(
        action=event.step,
        title=facts.title,
        client_name=event.client_name,
        side=facts.system,
        irreversible=not facts.is_reversible,
    )


def _provision(work: OperationContext, _: str, options: ProvisionOptions) -> tuple[str, ...]:
    specification = ClientSpecification.of(**options.arguments)
    made = work.provisioning(specification, options.key).run()
    return (*scope_warnings(specification.scopes), *((_BOT_USER,) if made.created and options.trusted else ()))


def _rotate(work: OperationContext, client_id: str, options: RotateOptions) -> tuple[str, ...]:
    record = work.read(client_id)
    result = changes.rotate(work, record, options)
    risk = _risk(work, allow_swap=options.allow_swap)
    if not options.overlap_for(record) or result.retire_at is None:
        return (*result.warnings, risk)
    both = f"Both keys log in until {result.retire_at:%Y-%m-%d %H:%M} UTC; then retire the old one."
    return (*result.warnings, both, risk)


def _revoke(work: OperationContext, client_id: str, options: RevokeOptions) -> tuple[str, ...]:
    warnings = changes.revoke(work, client_id, options).warnings
    left = remains_of(work.tenant, client_id).plan_notes()
    return (*warnings, *left, _risk(work, allow_swap=options.allow_swap))


def _risk(work: OperationContext, *, allow_swap: bool) -> str:
    """Return what happens where the tenant takes one key only, and whether it was measured that it does."""
    profile = measured_on(work.store, work.tenant.host)
    if profile is None or profile.maximum_keys != 1:
        return _SWAP if allow_swap else _ONE_KEY
    measured = f"The tenant takes one key per client (measured on {profile.probed_at:%Y-%m-%d})"
    if allow_swap:
        return f"{measured}: the new key replaces the old one, and logins may fail until it is verified."
    return (
        f"{measured}: this will be refused, and nothing is changed. Allow a swap (`--allow-swap`), during which logins "
        "fail for a moment."
    )


def _retire(work: OperationContext, client_id: str, options: RetireOptions) -> tuple[str, ...]:
    results: list[Rotated]
    kept: dict[str, list[str]] = {}
    if client_id:
        results = changes.retire(work, client_id, options)
    else:
        every = retirement.retire_all(work, options)
        results = [each.result for each in every if each.result is not None and each.outcome == "retired"]
        for each in every:
            for warning in each.result.warnings if each.result is not None and each.outcome == "skipped" else ():
                kept.setdefault(warning, []).append(each.name)
    used = (last_use(work.tenant, client_id, work.clock).to_text(),) if client_id and results else ()
    losses = (f"{result.name} loses {', '.join(result.retired)}." for result in results if result.retired)
    return (*used, *losses, *(f"{', '.join(names)}: {warning}" for warning, names in kept.items()))


def _adopt(work: OperationContext, client_id: str, options: AdoptOptions) -> tuple[str, ...]:
    used = (last_use(work.tenant, client_id, work.clock).to_text(),) if options.remove_secrets else ()
    return (*changes.adopt(work, client_id, options).warnings, *used)


def _delete(work: OperationContext, client_id: str, options: DeleteOptions) -> tuple[str, ...]:
    client = None
    with contextlib.suppress(TenantNotFound):
        client = work.tenant.oauth_clients.get(client_id)
    deletion.delete_client(work, client_id, keep_secret=options.keep_secret, remove_bot=options.remove_bot)
    left = remains_of(work.tenant, client_id)
    stays = "" if options.remove_bot else "The bot user stays on the tenant unless you ask for its deletion."
    where = work.store.location(work.tenant.host, client_id)
    return (
        "To run it, the client's id must be repeated.",
        f"Its keys stay in the key store, at {where}."
        if options.keep_secret
        else f"Its keys at {where} are destroyed last.",
        *left.plan_notes(),
        *tokens_for_users(client),
        last_use(work.tenant, client_id, work.clock).to_text(),
        *((stays,) if stays and left.bot is not None else ()),
        *(() if client is not None else ("The tenant has no such client any more.",)),
    )


def _resume(work: OperationContext, _: str, __: Options) -> tuple[str, ...]:
    finished = resume_in(work)
    return tuple(note for item in finished if isinstance(item.result, Rotated) for note in item.result.warnings)


_OPERATIONS: dict[str, Callable[[OperationContext, str, Any], tuple[str, ...]]] = {
    "provision": _provision,
    "rotate": _rotate,
    "retire": _retire,
    "revoke": _revoke,
    "adopt": _adopt,
    "delete": _delete,
    "resume": _resume,
}
