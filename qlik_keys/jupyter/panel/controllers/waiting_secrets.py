"""The secrets that are shown once: each waits until the user has stored it."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, NamedTuple

from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.model.state import SecretsState

if TYPE_CHECKING:
    from qlik_keys.core.secret import Secret
    from qlik_keys.jupyter.panel.model.store import PanelStore

_MANY = 2  # from this number on, a warning comes before a further secret is made
_of_kernel: weakref.WeakSet[SecretsController] = weakref.WeakSet()  # those of the kernel's panels


class _Waiting(NamedTuple):
    secret: Secret
    owner: str
    kind: str


class SecretsController:
    """The secrets that wait to be stored; a new one takes no other's place.

    Args:
        store: the panel's state, which has the owner and the kind of the first one, never a secret.
    """

    def __init__(self, store: PanelStore) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._has_warned = False

    def first(self) -> Secret | None:
        """Return the first secret that waits to be stored, None for none."""
        return self._waiting[0].secret if self._waiting else None

    def note(self) -> str:
        """Return what to know before a further secret is made that is shown once, "" while few wait."""
        waiting = len(self._waiting)
        if waiting < _MANY:
            return ""
        return f"{waiting} client secrets are not stored yet. Store them first: they are lost when the session ends."

    def keep(self, secret: Secret | None, owner: str, *, kind: str = "Client secret") -> None:
        """Let a secret wait until the user says that it is stored; None is no secret."""
        if secret is not None:
            self._waiting = [*self._waiting, _Waiting(secret, owner, kind)]
            self._has_warned = False
            self._show()

    def first_is_stored(self) -> None:
        """Forget the first secret that waits, in every panel of this kernel: the user has it."""
        secret = self.first()
        if secret is not None:
            for each in {self, *_of_kernel}:
                each.forget(secret)

    def forget(self, secret: Secret) -> None:
        """Let a secret wait no longer, whichever panel it was made in."""
        left = [each for each in self._waiting if each.secret is not secret]
        if len(left) < len(self._waiting):
            self._waiting, self._has_warned = left, False
            self._show()

    def share(self) -> None:
        """Take over what waits in the kernel's other panels: a cell that is run again shows a new panel."""
        for other in _of_kernel - {self}:
            for waiting in other._waiting:  # noqa: SLF001  # of the same class
                if all(waiting.secret is not each.secret for each in self._waiting):
                    self._waiting = [*self._waiting, waiting]
        _of_kernel.add(self)
        if self._waiting:
            self._show()

    def warn_again(self) -> None:
        """Warn once more before the session ends: the user has dismissed the warning."""
        self._has_warned = False

    def drop_all(self) -> None:
        """Forget all of them, since the session ends.

        Raises:
            ConfigurationError: some wait, and the user has not been warned yet.
        """
        if self._waiting and not self._has_warned:
            self._has_warned = True
            names = ", ".join(f"{each.kind[:1].lower()}{each.kind[1:]} of {each.owner}" for each in self._waiting)
            raise ConfigurationError(
                f"The session did not end, because a secret that is shown once would be lost ({names}).",
                hint='Show it, store it and press "I have stored it"; or press "End session" once more.',
            )
        self._has_warned, self._waiting = False, []
        self._show()

    def _show(self) -> None:
        if not self._waiting:
            self._store.set(secrets=SecretsState())
            return
        first = self._waiting[0]
        self._store.set(secrets=SecretsState(owner=first.owner, kind=first.kind, waiting=len(self._waiting)))
