"""The hooks of one run: which are for its client, what came of them, and how the record learns of a success.

The record names them from the promotion on, by the same compare-and-set. One that has succeeded leaves it; between the
two there is no way to do it exactly once, so it may run again, with the same id (docs/decisions/0050).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.errors import QlikKeysError, StoreConflict
from qlik_keys.lifecycle.hooks.running import HookCall, run_hook

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from qlik_keys.keystore.base import ClientRecord
    from qlik_keys.lifecycle.hooks.definition import Hook
    from qlik_keys.tenant import OAuthClient, QlikTenant

_ROUNDS = 4


class ClientHooks:
    """The hooks that are defined here and are for one client.

    Args:
        hooks: all that are defined.
        client: the client as the tenant tells it: a record may have been edited.
    """

    def __init__(self, hooks: Iterable[Hook], client: OAuthClient) -> None:
        self._all = tuple(hooks)
        self._client = client
        self._own = {each.name: each for each in self._all if each.is_for(client.client_id, client.client_name)}

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in the order in which they were given."""
        return tuple(self._own)

    def to_text(self, name: str) -> str:
        """Return for people what one of them is."""
        return self._own[name].to_text()

    def run(self, name: str, kid: str, tenant: QlikTenant, cancel: threading.Event | None) -> None:
        """Run one of them for a key.

        Raises:
            HookFailed: it did not succeed.
            Interrupted: cancelled.
        """
        call = HookCall(
            hook=name,
            client_id=self._client.client_id,
            client_name=self._client.client_name,
            kid=kid,
            tenant=tenant.url,
        )
        run_hook(self._own[name], call, self._all, redactor=tenant.http.redactor, cancel=cancel)


def noted_success(
    name: str, record: ClientRecord, *, write: Callable[[ClientRecord], ClientRecord], read: Callable[[], ClientRecord]
) -> tuple[ClientRecord | None, str]:
    """Let the record no longer name a hook that has succeeded; return the record, and a warning or "".

    Nothing is raised: the key is replaced and the hook has run, which must be reported.

    Args:
        name: the hook.
        record: as this run knows it.
        write: writes what the success makes of a record.
        read: reads the record again.

    Returns:
        The record as it is then; None where it could not be written, or another operation has taken over: what this
        run knows of it must not be written any more.
    """
    kid = record.current.kid if record.current is not None else ""
    known = record
    try:
        for _ in range(_ROUNDS):
            try:
                return write(known), ""
            except StoreConflict:
                there = read()
            if there.operation != record.operation or there.current is None or there.current.kid != kid:
                return None, f"{_RAN.format(name)} another operation on the client has started."
            if name not in there.pending_hooks:
                return there, ""  # another process has run it too
            known = there
        what = "another user keeps changing it."
    except QlikKeysError as problem:
        what = problem.message
    return None, f"{_RAN.format(name)} {what} Unless that removes it, resume runs it again, with the same id."


_RAN = "The hook {!r} has succeeded, but the record may still name it as pending:"
