"""The settings of a client other than its keys: consent, publication, client secrets; each is one call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlik_keys.errors import ConfigurationError, QlikKeysError, StoreError
from qlik_keys.jupyter.panel.model.shown import ShownPlan, ShownStep
from qlik_keys.jupyter.panel.model.words import BY_HAND
from qlik_keys.lifecycle import StepEvent
from qlik_keys.lifecycle.ownership import risk_of_wider_rights, set_trusted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from qlik_keys.core.secret import Secret
    from qlik_keys.jupyter.panel.model.forms import ChangeForm
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.tenant import OAuthClient, QlikTenant

_MOST_SECRETS = 5  # qlik-cloud-contract, "/api/v1/oauth-clients"


@dataclass(frozen=True, slots=True)
class Setting:
    """A change of a setting.

    Attributes:
        step: the name of its one step.
        title: the step in words.
        note: what the user should know before.
        irreversible: whether it cannot be undone.
    """

    step: str
    title: str
    note: str
    irreversible: bool = False


SETTINGS: Mapping[str, Setting] = {
    "trust": Setting("consent", "Set the consent method to trusted", "The machine can log in after that."),
    "distrust": Setting(
        "consent",
        "Set the consent method to required",
        "The machine cannot log in until it is trusted again. Tokens that it has stay valid until they expire.",
    ),
    "publish": Setting(
        "publish_client",
        "Publish the client",
        "Other tenants may use the client after that.",
        irreversible=True,
    ),
    "add_secret": Setting(
        "add_secret",
        "Make a further client secret",
        "It is shown once. A client may have five at a time. A private key is the safer login.",
    ),
    "remove_secret": Setting(
        "remove_secret",
        "Delete the client secret",
        "Any program that logs in with it is locked out at once.",
        irreversible=True,
    ),
}


def plan_setting(tenant: QlikTenant, store: KeyStore, form: ChangeForm) -> tuple[ShownPlan, tuple[ShownStep, ...]]:
    """Return what a setting would change, and its one step.

    Raises:
        TenantError: the tenant cannot be reached, or has no such client.
    """
    setting, client = SETTINGS[form.operation], tenant.oauth_clients.get(form.client_id)
    hints = tuple(secret.hint for secret in client.client_secrets)
    blocked, what_to_do = _refusal(form, client, hints)
    plan = ShownPlan(
        form=form,
        client_name=client.client_name,
        notes=(setting.note, *(_risk(tenant, store, client) if form.operation == "trust" else ())),
        irreversible=(setting.title,) if setting.irreversible else (),
        blocked=blocked,
        hint=what_to_do,
        hints=hints if form.operation == "remove_secret" else (),
    )
    return plan, (ShownStep(step=setting.step, title=setting.title, by_hand=BY_HAND[setting.step]),)


def apply_setting(
    tenant: QlikTenant, form: ChangeForm, *, name: str, on_step: Callable[[StepEvent], None]
) -> tuple[str, Secret | None]:
    """Change the setting; return the result in words, and the client secret that it made, None for none.

    Args:
        tenant: the tenant.
        form: the change.
        name: the client's name, for the result, which stays when another client is selected.
        on_step: called before and after the step.

    Raises:
        ConfigurationError: no client secret is chosen.
        TenantError: the tenant refused it, or cannot be reached.
    """
    setting, clients, client_id = SETTINGS[form.operation], tenant.oauth_clients, form.client_id
    if form.operation == "remove_secret" and not form.hint:
        raise ConfigurationError("No client secret is chosen.", hint="Choose which one by its hint.")
    secret: Secret | None = None
    _tell(on_step, setting, form, "before")
    try:
        if form.operation in ("trust", "distrust"):
            if form.operation == "trust":
                set_trusted(tenant, client_id, risk=None)  # the plan has shown it
            else:
                clients.set_consent(client_id, "required")
            done = f"{name}: the consent method is now {'trusted' if form.operation == 'trust' else 'required'}."
        elif form.operation == "publish":
            done = f"{name}: published at {clients.publish(client_id):%Y-%m-%d %H:%M} UTC."
        elif form.operation == "add_secret":
            made = clients.create_secret(client_id)
            secret = made.client_secret
            done = f"{name}: made the client secret with the hint {made.hint}. It is shown once."
        else:
            clients.delete_secret(client_id, form.hint)
            done = f"{name}: deleted the client secret with the hint {form.hint}."
    except QlikKeysError as problem:
        _tell(on_step, setting, form, "failed", problem)
        raise
    _tell(on_step, setting, form, "after")
    return done, secret


def _risk(tenant: QlikTenant, store: KeyStore, client: OAuthClient) -> tuple[str, ...]:
    """Return what a person should know before the client is set trusted, nothing where our key alone is registered."""
    try:
        risk: QlikKeysError | None = risk_of_wider_rights(store, tenant.host, client)
    except StoreError as problem:
        risk = problem
    return () if risk is None else (str(risk),)


def _refusal(form: ChangeForm, client: OAuthClient, hints: tuple[str, ...]) -> tuple[str, str]:
    """Return why it would be refused and what to do, "" and "" if it would not."""
    if form.operation == "add_secret" and "client_secret" not in client.allowed_auth_methods:
        return "This client does not log in by client secret.", "Use its key, or allow the method in Qlik's console."
    if form.operation == "add_secret" and len(hints) >= _MOST_SECRETS:
        return f"The client has {len(hints)} client secrets, and no more are allowed.", "Delete one of them first."
    if form.operation == "remove_secret" and not hints:
        return "The client has no client secret.", "There is nothing to delete."
    return "", ""


def _tell(
    on_step: Callable[[StepEvent], None],
    setting: Setting,
    form: ChangeForm,
    phase: str,
    error: QlikKeysError | None = None,
) -> None:
    event = StepEvent(
        operation=form.operation,
        step=setting.step,
        title=setting.title,
        phase=phase,  # type: ignore[arg-type]  # one of the three
        client_name=form.client_id,
        error=error,
    )
    on_step(event)
