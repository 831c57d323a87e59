"""The part of the key stores' contract that is about pending clients; `testing` puts the parts together."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from qlik_keys.errors import Outcome, StoreConflict
from qlik_keys.keystore.testing.values import MADE_AT, ODD_NAMES, ContractFixtures, make_pending

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.keystore.testing.values import Backdoor


class PendingContract(ContractFixtures):
    """What every store does with a client that is being made."""

    def test_nothing_is_pending_at_first(self, store: KeyStore, host: str) -> None:
        """A tenant that no one has used has nothing pending, and asking is no error."""
        assert list(store.pending(host)) == []
        assert store.read_pending(host, "nightly-etl") is None

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_a_pending_client_is_read_as_it_was_written(self, store: KeyStore, host: str, name: str) -> None:
        """Whatever a client is called, what is pending for it is found under that name and says the same."""
        pending = store.write_pending(make_pending(store, host, name=name))
        assert pending.version > 0
        assert store.read_pending(host, name) == pending
        assert list(store.pending(host)) == [pending]
        assert store.read_pending(host, f"{name} 2") is None

    def test_a_client_without_a_key_is_pending_too(self, store: KeyStore, host: str) -> None:
        """A client that logs in by secret alone has no key to wait with."""
        pending = store.write_pending(replace(make_pending(store, host), key=None))
        assert store.read_pending(host, pending.name) == pending

    def test_what_is_pending_comes_oldest_first(self, store: KeyStore, host: str) -> None:
        """The oldest attempt is finished first, whatever its name."""
        for name, hours in (("b", 2), ("c", 0), ("a", 1)):
            store.write_pending(make_pending(store, host, name=name, pending_at=MADE_AT + timedelta(hours=hours)))
        assert [pending.name for pending in store.pending(host)] == ["c", "a", "b"]

    def test_a_pending_client_takes_note_of_its_id(self, store: KeyStore, host: str) -> None:
        """The id that the tenant gave is added to what is pending, and the key stays."""
        first = store.write_pending(make_pending(store, host))
        second = store.write_pending(replace(first, client_id="0" * 32))
        assert second.version > first.version
        assert store.read_pending(host, first.name) == second

    def test_another_attempt_does_not_overwrite_what_is_pending(
        self, store: KeyStore, other_store: KeyStore, host: str
    ) -> None:
        """Who is second at writing a pending record is told, and the first one's key stays."""
        first = store.write_pending(make_pending(store, host))
        with pytest.raises(StoreConflict) as caught:
            other_store.write_pending(make_pending(other_store, host))
        assert caught.value.outcome is Outcome.NOT_APPLIED
        assert store.read_pending(host, first.name) == first

    def test_staging_the_same_again_is_no_conflict(self, store: KeyStore, other_store: KeyStore, host: str) -> None:
        """After a lost answer the conflict is with oneself."""
        pending = make_pending(store, host)
        first = store.write_pending(pending)
        assert other_store.write_pending(pending) == first

    def test_a_stale_pending_client_is_not_written(self, store: KeyStore, host: str) -> None:
        """Of two changes to one version the second is told."""
        first = store.write_pending(make_pending(store, host))
        second = store.write_pending(replace(first, client_id="0" * 32))
        with pytest.raises(StoreConflict):
            store.write_pending(replace(first, client_id="1" * 32))
        assert store.read_pending(host, first.name) == second

    def test_removing_leaves_nothing(self, store: KeyStore, backdoor: Backdoor, host: str) -> None:
        """No version of a pending record outlives it; again is quiet."""
        first = store.write_pending(make_pending(store, host))
        second = store.write_pending(replace(first, client_id="0" * 32))
        assert first.key is not None
        assert first.key.kid in backdoor.snapshot(host)
        store.remove_pending(second)
        assert first.key.kid not in backdoor.snapshot(host)
        assert list(store.pending(host)) == []
        store.remove_pending(second)

    def test_removing_leaves_another_attempt_alone(self, store: KeyStore, other_store: KeyStore, host: str) -> None:
        """What is pending by now may be someone's only copy of a key."""
        mine = store.write_pending(make_pending(store, host))
        store.remove_pending(mine)
        theirs = other_store.write_pending(make_pending(other_store, host))
        with pytest.raises(StoreConflict):
            store.remove_pending(mine)
        assert store.read_pending(host, theirs.name) == theirs

    def test_a_foreign_document_in_a_pending_place_is_left_alone(
        self, store: KeyStore, backdoor: Backdoor, host: str
    ) -> None:
        """It is refused by every call, passed over in the listing, and never changed."""
        pending = make_pending(store, host)
        backdoor.put_foreign_pending(host, pending.name)
        before = backdoor.snapshot(host)
        calls: list[Callable[[], object]] = [
            lambda: store.write_pending(pending),
            lambda: store.remove_pending(pending),
            lambda: store.read_pending(host, pending.name),
        ]
        for call in calls:
            with pytest.raises(StoreConflict):
                call()
        assert list(store.pending(host)) == []
        assert backdoor.snapshot(host) == before
