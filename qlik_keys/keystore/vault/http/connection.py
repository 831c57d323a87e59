"""One Vault, one mount: calls with a token that lasts, on a mount that is known to be of the right kind.

A KV version 1 mount takes a write to `data/…` and says nothing, so the kind of the mount is asked before the first
call, by the same endpoint as `vault kv` uses; it needs no right on `sys/mounts`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from qlik_keys.core.outcomes import after_effect
from qlik_keys.errors import Outcome, StoreConnectionCut, StoreDenied, StoreError
from qlik_keys.keystore.vault.http.refusals import check_mount, denied, granted

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.core.clock import Clock
    from qlik_keys.keystore.vault.http.api import VaultApi
    from qlik_keys.keystore.vault.http.refusals import Right
    from qlik_keys.keystore.vault.http.token import Lease, TokenKeeper

Result = TypeVar("Result")


class VaultConnection:
    """Calls on one mount.

    Args:
        api: the calls.
        keeper: the token.
        mount: the mount's path.
        folder: the folder in it that we work in; None for an engine other than KV, which refuses automatically what it
            does not know.
        clock: time.
    """

    def __init__(self, api: VaultApi, keeper: TokenKeeper, *, mount: str, folder: str | None, clock: Clock) -> None:
        self.mount = mount
        self.host = api.host
        self._api = api
        self._keeper = keeper
        self._folder = folder
        self._clock = clock
        self._mount_is_good = folder is None
        self._lock = threading.Lock()

    def call(
        self, operation: Callable[[VaultApi], Result], right: Right, path: str, *, repeatable: bool = True
    ) -> Result:
        """Run an operation on the mount, shielded.

        Args:
            operation: the calls and the reading of their answers; what it raises is translated.
            right: what it needs.
            path: the document's or folder's path in the mount.
            repeatable: whether it may be sent again after the connection was cut under it.

        Raises:
            StoreError: what the failure means.
        """
        lease = self._ready()
        try:
            return self._send(operation, path, repeatable=repeatable)
        except StoreDenied:
            pass
        grant = granted(self._api, f"{self.mount}/{right.branch}/{path}".rstrip("/"))
        if not grant.valid and self._keeper.replace(lease):
            return self._send(operation, path, repeatable=repeatable)
        raise denied(self._api, grant, right, mount=self.mount, path=path, lease=lease, now=self._clock.time())

    def _send(self, operation: Callable[[VaultApi], Result], path: str, *, repeatable: bool) -> Result:
        full_path = f"{self.mount}/{path}"
        try:
            return self._api.shielded(operation, path=full_path)
        except StoreConnectionCut:
            if not repeatable:
                raise
        # A pooled connection that a load balancer closed while the notebook slept: the next one is fresh.
        with after_effect():  # of the first, perhaps
            return self._api.shielded(operation, path=full_path)

    def _ready(self) -> Lease:
        """Return the token's lease, on a mount that is known to be good.

        Whatever fails here, nothing was done to a document yet.
        """
        try:
            lease = self._keeper.ensure()
            if self._mount_is_good:
                return lease
            with self._lock:
                if not self._mount_is_good and self._folder is not None:
                    now = self._clock.time()
                    check_mount(self._api, mount=self.mount, folder=self._folder, lease=lease, now=now)
                    self._mount_is_good = True
        except StoreError as error:
            error.outcome = Outcome.NOT_APPLIED
            raise
        return lease
