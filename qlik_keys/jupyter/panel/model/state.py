"""What the panel knows at one moment, as frozen values; views draw it, and nothing of it is a secret."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pandas as pd

    from qlik_keys.auth.inspection import Called
    from qlik_keys.diagnosis import Diagnosis
    from qlik_keys.jupyter.panel.model.change_state import ChangeForm, ShownPlan, ShownResult
    from qlik_keys.jupyter.panel.model.inspection_state import (
        FoundUser,
        ShownAnswer,
        ShownAssertion,
        ShownRejection,
        ShownToken,
    )
    from qlik_keys.keystore.base import Custody

Mode = Literal["sandbox", "real"]
StepsIn = Literal["new", "clients", "try"]
StepPhase = Literal["waiting", "running", "done", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What the panel is connected to.

    Attributes:
        mode: "sandbox" where the tenant is on this machine's loopback and says that it is one.
        tenant_url: the tenant's address.
        tenant_host: its host.
        identity: the caller's name on the tenant.
        roles: the caller's roles.
        vault_url: the Vault's address, "" where the store is none of ours.
        custody: who holds the keys that are made from now on.
        notices: what was fixed in what was typed.
    """

    mode: Mode
    tenant_url: str
    tenant_host: str
    identity: str
    roles: tuple[str, ...] = ()
    vault_url: str = ""
    custody: str = "kv"
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownRequest:
    """A request as it is shown; secrets were redacted where it was made.

    Attributes:
        system: who was asked.
        method: HTTP method.
        path: path with the query, to be read.
        address: the same as it was sent.
        body: JSON text, "" for none.
        status: HTTP status, None when no answer came.
        milliseconds: how long it took.
        attempt: 1 for the first time.
    """

    system: Literal["tenant", "vault"]
    method: str
    path: str
    address: str
    body: str = field(repr=False)
    status: int | None
    milliseconds: float
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownStep:
    """A step of the lifecycle as it is shown.

    Attributes:
        step: its name in the lifecycle.
        title: what is done, in words.
        by_hand: what it stands for in Qlik's tutorial, or with other tools.
        phase: how far it is.
        requests: what was asked in it.
    """

    step: str
    title: str
    by_hand: str
    phase: StepPhase = "waiting"
    requests: tuple[ShownRequest, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorCard:
    """What went wrong, for a person.

    Attributes:
        doing: what was being done, in words.
        what: what happened.
        hint: what to do, or "".
        outcome: what is known of the effect, in words, or "".
        kind: the name of the error's class.
        trace_id: what Qlik's support asks for, or "".
        client_id: the client whose login failed, for the doctor; "" for none.
        differences: field -> (asked for, there), for a conflict.
    """

    doing: str
    what: str
    hint: str
    outcome: str
    kind: str
    trace_id: str = ""
    client_id: str = ""
    differences: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeClient:
    """A client that was made, or found made, with its verification.

    Attributes:
        name: its name.
        client_id: its id on the tenant.
        kid: its current key's id, "" for none.
        created: False when it was there already.
        vault_path: where its secret lies in the Vault, "" when that is not known.
        subject: who the tenant says the client is, "" when it was not verified.
        scope: the scopes of the verification's token.
        expires_at: when that token ends, UTC.
        warnings: what a person should know.
        is_gone: whether the tenant's list, where it was asked for since, lacks it.
    """

    name: str
    client_id: str
    kid: str
    created: bool
    vault_path: str = ""
    subject: str = ""
    scope: str = ""
    expires_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    is_gone: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelState:
    """Everything that the panel shows.

    Attributes:
        tab: the tab in front.
        connection: what it is connected to, None for nothing.
        work: what is being done, "" for nothing.
        work_at: where the button stands that asked for it, as `results` names it.
        cancelling: whether the work was asked to stop after its step.
        stepwise: whether each step waits for "Next".
        waits_for: the step that waits, in words, "" for none.
        error: the newest error that was not dismissed.
        results: what the newest action came to at each place of a button.
        name_note: what the tenant says of the name that is typed for a new client.
        steps: the steps of the newest client, or of the newest change.
        steps_in: the tab that they belong to.
        kept_steps: the steps that the other tabs have shown last.
        plan: the change that is planned and not done.
        wished: the choices for that change as they are now; the plan follows them.
        made: the newest client.
        made_here: all clients that were made since it was connected, the oldest first.
        secret_of: whose secret waits to be shown, "" for none.
        secret_what: what kind of secret it is.
        secrets_waiting: how many wait, that one included.
        clients: the clients' table, None before it was asked for.
        clients_at: when it was asked for, UTC.
        clients_differ: whether something was done since that it may not show.
        selected: ids of the clients that are selected in it.
        selected_here: counts the selections that the panel made itself; the table makes the others.
        finding: the finding that it is narrowed to, "" for all.
        audit: the findings, None before they were asked for.
        assertion: the newest assertion that was tried.
        rejection: what the tenant said to one that was broken on purpose.
        token: the current token.
        answer: the newest answer to a call with it.
        calls: the newest calls and requests for tokens, oldest first.
        diagnosis: what the doctor found.
        fixed: what was put right on the doctor's word.
        found_users: the users that the newest search found, None before one.
        examined: what the doctor says of the current token, or of the call that failed; or "".
    """

    tab: str = "Connect"
    connection: Connection | None = None
    work: str = ""
    work_at: str = ""
    cancelling: bool = False
    stepwise: bool = False
    waits_for: str = ""
    error: ErrorCard | None = None
    results: Mapping[str, ShownResult] = field(default_factory=dict)
    name_note: str = ""
    steps: tuple[ShownStep, ...] = ()
    steps_in: StepsIn = "new"
    kept_steps: Mapping[str, tuple[ShownStep, ...]] = field(default_factory=dict)
    plan: ShownPlan | None = None
    wished: ChangeForm | None = None
    made: MadeClient | None = None
    made_here: tuple[MadeClient, ...] = ()
    secret_of: str = ""
    secret_what: str = ""
    secrets_waiting: int = 0
    clients: pd.DataFrame | None = field(default=None, compare=False)
    clients_at: datetime | None = None
    clients_differ: bool = False
    selected: tuple[str, ...] = ()
    selected_here: int = 0
    finding: str = ""
    audit: pd.DataFrame | None = field(default=None, compare=False)
    assertion: ShownAssertion | None = None
    rejection: ShownRejection | None = None
    token: ShownToken | None = None
    answer: ShownAnswer | None = None
    calls: tuple[Called, ...] = ()
    diagnosis: Diagnosis | None = None
    fixed: str = ""
    found_users: tuple[FoundUser, ...] | None = None
    examined: str = ""

    def steps_of(self, tab: StepsIn) -> tuple[ShownStep, ...]:
        """Return the steps that a tab shows: those of its own newest work."""
        return self.steps if self.steps_in == tab else self.kept_steps.get(tab, ())

    @property
    def plan_is_current(self) -> bool:
        """Whether the plan that is shown is the one for the choices as they are now."""
        return self.plan is not None and self.wished is not None and self.plan.is_for(self.wished)


# What was done or planned in a session; the next one begins with nothing.
NOTHING_DONE: dict[str, Any] = {
    "steps": (),
    "steps_in": "new",
    "kept_steps": {},
    "plan": None,
    "wished": None,
    "made": None,
}
# What was tried with a client's login; another connection begins again.
NOTHING_TRIED: dict[str, Any] = {
    "assertion": None,
    "rejection": None,
    "token": None,
    "answer": None,
    "calls": (),
    "diagnosis": None,
    "fixed": "",
    "found_users": None,
    "examined": "",
}
# What is known of a tenant; another tenant's takes its place.
NOTHING_KNOWN: dict[str, Any] = {
    "clients": None,
    "clients_at": None,
    "clients_differ": False,
    "selected": (),
    "finding": "",
    "audit": None,
    "made_here": (),
    "name_note": "",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectForm:
    """What a person gives to connect to a tenant and a Vault; secrets are `Secret`, or None for "from the environment".

    Attributes:
        tenant_url: the tenant's address.
        credential: how to log in there.
        context: the qlik-cli context, for "context".
        api_key: for "api_key".
        client_id: for "client_secret".
        client_secret: for "client_secret".
        vault_url: the Vault's address.
        vault_login: how to log in there.
        vault_token: for "token".
        role_id: for "approle"; the user for "userpass".
        secret_id: for "approle"; the password for "userpass".
        mount: the KV version 2 mount.
        prefix: the folder in it.
        namespace: the Vault's namespace, "" for none.
        custody: who shall hold the keys.
    """

    tenant_url: str
    credential: Literal["api_key", "client_secret", "context"]
    context: str = ""
    api_key: Any = None
    client_id: str = ""
    client_secret: Any = None
    vault_url: str = ""
    vault_login: Literal["token", "approle", "userpass"] = "token"
    vault_token: Any = None
    role_id: str = ""
    secret_id: Any = None
    mount: str = "secret"
    prefix: str = "qlik-keys"
    namespace: str = ""
    custody: Custody = "kv"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientForm:
    """The tutorial's choices.

    Attributes:
        name: the client's name.
        description: shown in Qlik's console.
        scopes: what it may do.
        private_key_jwt: log in by a key.
        key_choice: which kind of key, a name of `KEY_CHOICES`, or `OWN_KEY`.
        own_key: the text of one's own key file, a `Secret`.
        own_key_passphrase: its passphrase, a `Secret`.
        client_secret: log in by a client secret.
        impersonation: may ask for tokens of users as well.
        trusted: consent method "trusted".
    """

    name: str
    description: str = ""
    scopes: tuple[str, ...] = ()
    private_key_jwt: bool = True
    key_choice: str = "ES384"
    own_key: Any = None
    own_key_passphrase: Any = None
    client_secret: bool = False
    impersonation: bool = False
    trusted: bool = True
