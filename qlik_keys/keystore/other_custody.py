"""A key store that makes the keys of new clients in another custody than it was opened with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keystore.base import Custody, KeyOwner, KeyStore, StoredKey


def in_custody(store: KeyStore, custody: Custody | None) -> KeyStore:
    """Return the store where it makes keys in that custody anyway, else one that asks it to.

    Args:
        store: the store.
        custody: who should hold the keys of new clients; None for the store's own.
    """
    if custody in (None, store.custody):
        return store
    return cast("KeyStore", _OtherCustody(store, custody))


class _OtherCustody:
    def __init__(self, inner: KeyStore, custody: Custody) -> None:
        self._inner, self._custody = inner, custody

    @property
    def custody(self) -> Custody:
        return self._custody

    def make_key(self, spec: KeySpec, owner: KeyOwner, *, custody: Custody | None = None) -> StoredKey:
        return self._inner.make_key(spec, owner, custody=custody or self._custody)

    def import_key(self, key: PrivateKey, owner: KeyOwner, *, custody: Custody | None = None) -> StoredKey:
        return self._inner.import_key(key, owner, custody=custody or self._custody)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __repr__(self) -> str:
        return f"<{self._inner!r} with custody {self._custody}>"
