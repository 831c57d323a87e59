"""From requests, errors and results of the product to what the panel shows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus, urlencode

from qlik_keys.errors import (
    ConfigurationError,
    LifecycleError,
    ManualActionRequired,
    Outcome,
    QlikKeysError,
    StoreError,
    TenantError,
    TokenError,
)
from qlik_keys.jupyter.panel.model.shown import ErrorCard, MadeClient, ShownRequest, ShownStep
from qlik_keys.jupyter.panel.model.words import BY_HAND, NEW_CLIENT_STEPS, OUTCOMES
from qlik_keys.lifecycle.actions import ACTIONS

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.model.forms import ClientForm
    from qlik_keys.jupyter.panel.model.shown import StepPhase
    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keystore.base import StoreCall
    from qlik_keys.lifecycle import Provisioned, StepEvent
    from qlik_keys.lifecycle.provisioning.specification import ClientSpecification
    from qlik_keys.tenant import Exchange
    from qlik_keys.tenant.url import Query


_PHASES: dict[str, StepPhase] = {"before": "running", "after": "done", "failed": "failed"}


def waiting_steps() -> tuple[ShownStep, ...]:
    """Return the steps that every client takes, none of them started."""
    steps = [(str(step), ACTIONS[step]) for step in NEW_CLIENT_STEPS]
    return tuple(ShownStep(step=name, title=facts.title, by_hand=facts.by_hand) for name, facts in steps)


def specification_of(form: ClientForm, key: KeySpec | PrivateKey | str | None) -> ClientSpecification:
    """Return what a form asks for.

    Args:
        form: the choices.
        key: the kind of key, or the user's own, or a word for one that is not loaded yet.

    Raises:
        ConfigurationError: a value is out of bounds.
    """
    from qlik_keys.lifecycle.provisioning.specification import ClientSpecification  # noqa: PLC0415  # brings httpx

    return ClientSpecification.of(
        name=form.name,
        scopes=form.scopes,
        key=key,
        client_secret=form.client_secret,
        description=form.description,
        impersonation=form.impersonation,
        trusted=form.trusted,
        rotate_after=None,
    )


def with_event(steps: tuple[ShownStep, ...], event: StepEvent) -> tuple[ShownStep, ...]:
    """Return the steps after an event of one of them.

    A step that is not in the list is added where it happens, before those that still wait.
    """
    shown = list(steps)
    names = [step.step for step in shown]
    if event.step not in names:
        place = next((i for i, step in enumerate(shown) if step.phase == "waiting"), len(shown))
        shown.insert(place, ShownStep(step=event.step, title=event.title, by_hand=BY_HAND.get(event.step, "")))
        names.insert(place, event.step)
    index = names.index(event.step)
    shown[index] = replace(shown[index], phase=_PHASES[event.phase])
    return tuple(shown)


def with_request(steps: tuple[ShownStep, ...], request: ShownRequest) -> tuple[ShownStep, ...]:
    """Return the steps with a request added to the one that is running; without one it is not shown."""
    return tuple(
        replace(step, requests=(*step.requests, request)) if step.phase == "running" else step for step in steps
    )


def tenant_request(exchange: Exchange) -> ShownRequest:
    """Return an exchange with the tenant as it is shown."""
    body = "" if exchange.request_body is None else json.dumps(exchange.request_body, indent=2, ensure_ascii=False)
    return ShownRequest(
        system="tenant",
        method=exchange.method,
        path=_readable(_address(exchange.path, exchange.query)),
        address=_address(exchange.path, exchange.query),
        body=body,
        status=exchange.status,
        milliseconds=exchange.elapsed_seconds * 1000,
        attempt=exchange.attempt,
    )


def vault_request(call: StoreCall) -> ShownRequest:
    """Return a request to the Vault as it is shown."""
    return ShownRequest(
        system="vault",
        method=call.method,
        path=_readable(call.path),
        address=call.path,
        body="",
        status=call.status,
        milliseconds=call.elapsed_seconds * 1000,
    )


def made_client(made: Provisioned, vault_path: str) -> MadeClient:
    """Return a client that was made, as it is shown, without its secret."""
    return MadeClient(
        name=made.name,
        client_id=made.client_id,
        kid=made.kid,
        created=made.created,
        vault_path=vault_path,
        subject=made.verification.user.subject if made.verification else "",
        scope=made.verification.scope if made.verification else "",
        expires_at=made.verification.expires_at if made.verification else None,
        warnings=made.warnings,
    )


def error_card(error: BaseException, doing: str, *, client_id: str = "", lost: str = "") -> ErrorCard:
    """Return an error as it is shown.

    Args:
        error: what went wrong.
        doing: what was being done, in words.
        client_id: the client that logged in, for the doctor, if tenant or store failed.
        lost: what is known of the effect if an answer was lost; "" for the words of the lifecycle.
    """
    if not isinstance(error, QlikKeysError):
        # The text of a foreign exception may hold anything: only its class is shown, the rest is in `last_error`.
        return ErrorCard(
            doing=doing,
            what=f"An unexpected error occurred: {type(error).__name__}.",
            hint="Report it to the makers of qlik_keys, with the exception in panel.last_error.",
            outcome="",
            kind=type(error).__name__,
        )
    differences = error.differences if isinstance(error, ManualActionRequired) else {}
    changed = not isinstance(error, ConfigurationError | LifecycleError)
    outcome = lost if lost and error.outcome is Outcome.UNKNOWN else OUTCOMES[error.outcome]
    client_of_call = client_id if isinstance(error, TenantError | StoreError) else ""
    return ErrorCard(
        doing=doing,
        what=error.message,
        hint=error.hint,
        outcome=outcome if changed else "",
        kind=type(error).__name__,
        trace_id=str(getattr(error, "trace_id", "")),
        client_id=error.client_id if isinstance(error, TokenError) else client_of_call,
        differences=tuple((name, str(requested), str(existing)) for name, (requested, existing) in differences.items()),
    )


def _address(path: str, query: Query) -> str:
    return path + (f"?{urlencode(query, doseq=True)}" if query else "")


def _readable(address: str) -> str:
    return unquote_plus(address)
