"""Runs one hook: a program without a shell and without our logins, or a POST to an address; waited for with a limit.

No secret is handed to it: the client, the key's id and an id by which it recognizes a repetition.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlik_keys.core.redaction import MAXIMUM_TEXT
from qlik_keys.core.secret import guarded
from qlik_keys.errors import HookFailed
from qlik_keys.lifecycle.hooks.definition import url_problem

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterable, Mapping

    from qlik_keys.core.redaction import Redactor
    from qlik_keys.core.secret import Secret
    from qlik_keys.lifecycle.hooks.definition import Hook


@dataclass(frozen=True, slots=True, kw_only=True)
class HookCall:
    """What a hook is told; nothing of it is secret.

    Attributes:
        hook: its name.
        client_id: the client.
        client_name: its name on the tenant.
        kid: the key that consumers use from now on.
        tenant: the tenant's URL.
    """

    hook: str
    client_id: str
    client_name: str
    kid: str
    tenant: str

    @property
    def hook_id(self) -> str:
        """The same for each repetition: of this client, this key and this hook."""
        return f"{self.client_id}/{self.kid}/{self.hook}"

    def to_dict(self) -> dict[str, str]:
        """Return the JSON document of an address; a program has the same names in its environment."""
        return {
            "hook_id": self.hook_id,
            "hook": self.hook,
            "client_id": self.client_id,
            "client_name": self.client_name,
            "kid": self.kid,
            "tenant": self.tenant,
        }

    def environment(self) -> dict[str, str]:
        """Return the same as variables: QLIK_KEYS_HOOK_ID, QLIK_KEYS_CLIENT_ID and so on."""
        return {f"QLIK_KEYS_{name.upper()}": value.replace("\0", " ") for name, value in self.to_dict().items()}


def run_hook(
    hook: Hook, call: HookCall, others: Iterable[Hook], *, redactor: Redactor, cancel: threading.Event | None
) -> None:
    """Run a hook and wait until it has succeeded.

    Args:
        hook: what to run.
        call: what it is told.
        others: all hooks that are defined; no program is given what stands in their `url_variable`.
        redactor: knows the secrets of this process.
        cancel: when set, a program is ended.

    Raises:
        HookFailed: it failed, or did not end in time.
        Interrupted: cancelled.
    """
    seconds = hook.timeout.total_seconds()
    if hook.command:
        from qlik_keys.lifecycle.hooks.programs import run_program  # noqa: PLC0415  # for those who have hooks

        hidden = {each.url_variable for each in others if each.url_variable}
        environment = {**_inherited(hidden, redactor), **call.environment()}
        ended = run_program(hook.command, environment, timeout_seconds=seconds, cancel=cancel)
        if not ended.problem:
            return
        said = redactor.server_line(ended.output, public=call.hook_id).strip()[-MAXIMUM_TEXT:]
        problem = ended.problem if ended.problem != "timeout" else f"did not end within {hook.limit} and was stopped"
        raise _failed(hook, call, f"The program {problem}.{f' It wrote: {said!r}.' if said else ''}")
    from qlik_keys.tenant.webhooks import post_document  # noqa: PLC0415  # brings httpx

    address = _address(hook)
    if isinstance(address, str):
        raise _failed(hook, call, address)
    redactor.know(address)
    problem = post_document(address, call.to_dict(), key=call.hook_id, timeout_seconds=seconds)
    if problem == "timeout":
        problem = f"did not answer within {hook.limit}"
    if problem:
        raise _failed(hook, call, f"The receiver {problem}.")


def _failed(hook: Hook, call: HookCall, what: str) -> HookFailed:
    return HookFailed(
        f"The hook {hook.name!r} failed. {what}",
        hint="Fix the cause; `qlik-keys resume` with the same hooks runs it again.",
        hook=hook.name,
        hook_id=call.hook_id,
    )


def _address(hook: Hook) -> Secret | str:
    """Return the address of a hook, or a sentence that says what is wrong with its variable."""
    if hook.url is not None:
        return hook.url
    if not os.environ.get(hook.url_variable, "").strip():
        return f"The variable {hook.url_variable} is not set."
    address = guarded(os.environ[hook.url_variable], what=hook.url_variable)
    problem = address if isinstance(address, Exception) else url_problem(address)
    if problem is not None:
        return f"{hook.url_variable}: {problem.message if hasattr(problem, 'message') else problem}"
    return address  # type: ignore[return-value]  # a problem was returned


def _inherited(hidden: set[str], redactor: Redactor) -> Mapping[str, str]:
    """Return the environment of this process without the logins that qlik_keys reads or uses."""
    from qlik_keys.config.settings import LOGIN_VARIABLES  # noqa: PLC0415  # for those who have hooks
    from qlik_keys.config.vault_environment import NAMED_VARIABLES  # noqa: PLC0415  # as above

    left_out = {*LOGIN_VARIABLES, *NAMED_VARIABLES, *hidden}
    return {name: value for name, value in os.environ.items() if name not in left_out and not redactor.finds(value)}
