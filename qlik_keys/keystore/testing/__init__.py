"""The contract that every key store keeps, as a pytest class: subclass it to test a store of your own.

It asks through the Protocol alone, so it holds for a store that keeps keys and for one that signs. What it cannot ask
through the Protocol (another's document in the store's place, every version that is still readable) it asks of a
`Backdoor`, which the subclass provides too. Not done here: how a store logs in, and how it fails.

Example:
    >>> class TestMyStore(KeyStoreContract):
    ...     @pytest.fixture
    ...     def open_store(self):
    ...         return lambda: MyStore("somewhere")
    ...
    ...     @pytest.fixture
    ...     def backdoor(self):
    ...         return MyBackdoor("somewhere")

For readable failures, call `pytest.register_assert_rewrite("qlik_keys.keystore.testing")`, and the same for
`pending`, in your `conftest.py` before anything imports them.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from qlik_keys.errors import Outcome, StoreConflict, StoreNotFound
from qlik_keys.keys import KeySpec, generate
from qlik_keys.keystore.base import ClientRecord, StartedOperation
from qlik_keys.keystore.declarations import Declaration
from qlik_keys.keystore.testing.pending import PendingContract
from qlik_keys.keystore.testing.values import (
    MADE_AT,
    ODD_NAMES,
    OWNER,
    ROTATE_BY,
    Backdoor,
    check_signature,
    make_key,
    make_pending,
    make_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.keystore.base import KeyStore, StoreCall

__all__ = [
    "MADE_AT",
    "OWNER",
    "ROTATE_BY",
    "Backdoor",
    "KeyStoreContract",
    "check_signature",
    "make_key",
    "make_pending",
    "make_record",
]

_SHORT_NAME = 100


class KeyStoreContract(PendingContract):
    """The contract; a subclass gives the fixtures `open_store` and `backdoor`."""

    # --- keys ---

    @pytest.mark.parametrize(
        "spec", [KeySpec("ES384"), KeySpec("RS256", bits=2048), KeySpec("RS512", bits=2048)], ids=str
    )
    def test_a_key_signs_after_it_was_stored_and_read(self, store: KeyStore, host: str, spec: KeySpec) -> None:
        """What was made, written and read back signs, and the signature fits the public half."""
        key = make_key(store, spec)
        assert (key.state, key.alg) == ("next", spec.alg)
        written = store.write(make_record(store, host, keys=[replace(key, state="current")]))
        read = store.read(host, written.client_id).current
        assert read is not None
        assert read.public == key.public
        signer = store.signer(read)
        assert (signer.kid, signer.alg) == (key.kid, key.alg)
        check_signature(read.public, signer.sign(b"header.claims"), b"header.claims")

    def test_an_imported_key_keeps_its_name_and_its_date(self, store: KeyStore) -> None:
        """A key that was made elsewhere is taken as it is, with the date that its name carries."""
        key = generate(KeySpec("ES384"), made_on=MADE_AT.date())
        taken = store.import_key(key, OWNER)
        assert (taken.kid, taken.public, taken.state) == (key.kid, key.public, "next")
        assert taken.made_at.date() == MADE_AT.date()
        assert taken.made_at.tzinfo is not None
        store.discard_key(taken)

    def test_a_key_that_no_document_names_can_be_discarded_twice(self, store: KeyStore) -> None:
        """Discarding is quiet when there is nothing left."""
        key = make_key(store)
        store.discard_key(key)
        store.discard_key(key)

    # --- records ---

    def test_there_is_no_record_at_first(self, store: KeyStore, host: str) -> None:
        """What was never written is told as such, by its own class and with its place."""
        with pytest.raises(StoreNotFound) as caught:
            store.read(host, "0" * 32)
        assert "0" * 32 in caught.value.path
        assert caught.value.hint
        assert list(store.client_ids(host)) == []
        assert store.summary(host, "0" * 32) is None

    def test_a_record_is_read_as_it_was_written(self, store: KeyStore, other_store: KeyStore, host: str) -> None:
        """Every field, every key's state and every moment comes back, for another person too."""
        made = [make_key(store) for _ in range(3)]
        keys = [
            replace(made[0], state="previous", made_at=MADE_AT - timedelta(days=180), retire_at=ROTATE_BY),
            replace(made[1], state="current", promoted_at=MADE_AT + timedelta(microseconds=250_000)),
            replace(made[2], state="next"),
        ]
        record = make_record(store, host, keys=keys)
        written = store.write(record)
        assert written == replace(record, version=written.version)
        assert written.version > 0
        assert other_store.read(host, record.client_id) == written
        assert list(store.client_ids(host)) == [record.client_id]

    @pytest.mark.parametrize("overlap_seconds", [None, 0, 86_400])
    @pytest.mark.parametrize("unpurged", [False, True])
    def test_what_is_in_progress_is_kept(
        self, store: KeyStore, record: ClientRecord, overlap_seconds: int | None, *, unpurged: bool
    ) -> None:
        """Anyone who goes on after a crash reads how far the other one was."""
        removed = ('2026-01-01_é "x"', "2026-02-02") if unpurged else ()
        wanted = replace(record, overlap_seconds=overlap_seconds, unpurged=unpurged, removed_kids=removed)
        written = store.write(wanted)
        there = store.read(written.tenant_host, written.client_id)
        assert (there.overlap_seconds, there.unpurged, there.removed_kids) == (overlap_seconds, unpurged, removed)

    def test_pending_hooks_are_kept_and_shown(self, store: KeyStore, other_store: KeyStore, host: str) -> None:
        """Anyone reads which hooks have not succeeded; who may read no key is shown them, and since when."""
        key = replace(make_key(store), state="current", promoted_at=MADE_AT)
        started = StartedOperation(name="rotate", started_at=MADE_AT, hooks=("restart-etl",))
        record = make_record(store, host, keys=[key])
        written = store.write(replace(record, pending_hooks=("restart-etl", "refresh"), operation=started))
        there = other_store.read(host, written.client_id)
        assert (there.pending_hooks, there.operation) == (("restart-etl", "refresh"), started)
        shown = other_store.summary(host, written.client_id)
        assert shown is not None
        assert (shown.pending_hooks, shown.hooks_since) == (("restart-etl", "refresh"), MADE_AT)
        store.write(replace(there, pending_hooks=()))
        shown = other_store.summary(host, written.client_id)
        assert shown is not None
        assert (shown.pending_hooks, shown.hooks_since) == ((), None)

    def test_a_client_without_a_key_has_a_record_too(self, store: KeyStore, host: str) -> None:
        """A client that logs in by secret alone is kept as well."""
        written = store.write(make_record(store, host, keys=[]))
        assert store.read(host, written.client_id) == written
        assert written.current is None

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
    def test_a_client_may_have_any_name(self, store: KeyStore, host: str, name: str) -> None:
        """The name is kept whole in the record; what is shown of it may be shortened."""
        written = store.write(replace(make_record(store, host), client_name=name))
        assert store.read(host, written.client_id).client_name == name
        summary = store.summary(host, written.client_id)
        assert summary is not None
        plain = name.isprintable() and name == name.strip() and len(name) <= _SHORT_NAME
        assert summary.client_name == name or not plain

    def test_tenants_are_kept_apart(self, store: KeyStore, host: str) -> None:
        """The same client id at two tenants is two clients, also where a tenant has a port."""
        first = store.write(make_record(store, host))
        elsewhere = f"127.0.0.1:{int(host[1:5], 16)}"
        second = store.write(make_record(store, elsewhere, client_id=first.client_id))
        assert store.read(host, first.client_id) == first
        assert store.read(elsewhere, first.client_id) == second
        store.delete(elsewhere, first.client_id)
        assert store.read(host, first.client_id) == first

    def test_the_last_of_two_writers_is_told(
        self, store: KeyStore, other_store: KeyStore, record: ClientRecord
    ) -> None:
        """A change to a version that is no longer the newest does nothing."""
        first = store.write(record)
        second = store.write(first.with_key(make_key(store)))
        assert second.version > first.version
        with pytest.raises(StoreConflict) as caught:
            other_store.write(first.with_key(make_key(other_store)))
        assert caught.value.outcome is Outcome.NOT_APPLIED
        assert caught.value.hint
        assert store.read(record.tenant_host, record.client_id) == second

    def test_a_record_is_made_once(self, store: KeyStore, other_store: KeyStore, record: ClientRecord) -> None:
        """Who makes a record that is there already is told, and what people see of it stays."""
        first = store.write(record)
        shown = store.summary(record.tenant_host, record.client_id)
        with pytest.raises(StoreConflict):
            other_store.write(make_record(other_store, record.tenant_host, client_id=record.client_id))
        assert store.read(record.tenant_host, record.client_id) == first
        assert store.summary(record.tenant_host, record.client_id) == shown

    def test_a_version_that_never_was_is_not_written(self, store: KeyStore, record: ClientRecord) -> None:
        """A version is what was read, not a request."""
        with pytest.raises(StoreConflict):
            store.write(replace(record, version=3))
        with pytest.raises(StoreNotFound):
            store.read(record.tenant_host, record.client_id)

    def test_writing_the_same_again_is_no_conflict(
        self, store: KeyStore, other_store: KeyStore, record: ClientRecord
    ) -> None:
        """After a lost answer the conflict is with oneself."""
        assert store.write(record) == other_store.write(record)

    def test_a_record_that_was_deleted_meanwhile_is_not_brought_back(
        self, store: KeyStore, record: ClientRecord
    ) -> None:
        """A change to what someone has deleted is a conflict."""
        first = store.write(record)
        store.delete(record.tenant_host, record.client_id)
        with pytest.raises(StoreConflict):
            store.write(first.with_key(make_key(store)))
        with pytest.raises(StoreNotFound):
            store.read(record.tenant_host, record.client_id)

    @pytest.mark.parametrize("made_before", [False, True])
    def test_of_two_writers_at_once_one_wins(
        self, open_store: Callable[[], KeyStore], record: ClientRecord, *, made_before: bool
    ) -> None:
        """Exactly one is believed, the other is told; record and summary are the winner's."""
        stores = [open_store(), open_store()]
        base = stores[0].write(record) if made_before else record
        records = [
            replace(base, keys={key.kid: key})
            for store in stores
            for key in [replace(make_key(store), state="current", made_at=MADE_AT)]
        ]
        together = threading.Barrier(len(stores))

        def attempt(number: int) -> ClientRecord | StoreConflict:
            together.wait()
            try:
                return stores[number].write(records[number])
            except StoreConflict as conflict:
                return conflict

        with ThreadPoolExecutor(len(stores)) as threads:
            ends = list(threads.map(attempt, range(len(stores))))
        winners = [end for end in ends if isinstance(end, ClientRecord)]
        assert len(winners) == 1, ends
        assert stores[0].read(record.tenant_host, record.client_id) == winners[0]
        summary = stores[1].summary(record.tenant_host, record.client_id)
        assert summary is not None
        assert [summary.current_kid] == list(winners[0].keys)

    @pytest.mark.parametrize("owner", ["", "data-platform@example.com", "Ünïcode ☃"])
    def test_the_mark_of_a_fleet_file_is_kept_and_shown(
        self, store: KeyStore, record: ClientRecord, owner: str
    ) -> None:
        """The record and the summary, which reads no key, tell in which file a client is declared, and what it says."""
        mark = Declaration(fleet="acme", owner=owner, tags=("nightly", "etl") if owner else (), overlap_seconds=86_400)
        written = store.write(record)
        plain = store.summary(record.tenant_host, record.client_id)
        assert plain is not None
        assert (plain.declaration, plain.rotate_after) == (None, None)
        written = store.write(replace(written, declaration=mark), read_back=False)
        assert store.read(record.tenant_host, record.client_id).declaration == mark
        shown = store.summary(record.tenant_host, record.client_id)
        assert shown is not None
        assert (shown.declaration, shown.rotate_after) == (mark, ROTATE_BY - MADE_AT)
        store.write(replace(written, declaration=None), read_back=False)
        last = store.summary(record.tenant_host, record.client_id)
        assert last is not None
        assert last.declaration is None

    def test_the_summary_shows_what_the_record_says(self, store: KeyStore, record: ClientRecord) -> None:
        """It follows the record, key after key."""
        first = store.write(record)
        assert first.current is not None
        summary = store.summary(record.tenant_host, record.client_id)
        assert summary is not None
        assert (summary.client_id, summary.client_name) == (record.client_id, record.client_name)
        assert (summary.custody, summary.current_kid) == (store.custody, first.current.kid)
        assert (summary.made_at, summary.rotate_by) == (MADE_AT, ROTATE_BY)
        new = replace(make_key(store), state="current", made_at=ROTATE_BY)
        store.write(replace(first.without_key(first.current.kid).with_key(new), rotate_by=None))
        summary = store.summary(record.tenant_host, record.client_id)
        assert summary is not None
        assert (summary.current_kid, summary.made_at, summary.rotate_by) == (new.kid, ROTATE_BY, None)

    def test_purging_leaves_no_version_with_a_retired_key(
        self, store: KeyStore, backdoor: Backdoor, record: ClientRecord
    ) -> None:
        """What the record no longer has, nothing shows; what it has, stays; again is quiet."""
        first = store.write(record)
        old = first.current
        assert old is not None
        new = replace(make_key(store), state="current", made_at=ROTATE_BY)
        both = store.write(first.with_key(replace(old, state="previous")).with_key(new))
        last = store.write(replace(both.without_key(old.kid), removed_kids=()))
        assert old.kid in backdoor.snapshot(record.tenant_host)
        store.purge(last)
        assert old.kid not in backdoor.snapshot(record.tenant_host)
        assert store.read(record.tenant_host, record.client_id) == last
        store.purge(last)
        assert store.read(record.tenant_host, record.client_id) == last

    def test_deleting_leaves_nothing(self, store: KeyStore, backdoor: Backdoor, record: ClientRecord) -> None:
        """No version outlives it; again is quiet; the place is free again."""
        first = store.write(record)
        store.write(first.with_key(make_key(store)))
        store.delete(record.tenant_host, record.client_id)
        assert not any(kid in backdoor.snapshot(record.tenant_host) for kid in record.keys)
        assert list(store.client_ids(record.tenant_host)) == []
        assert store.summary(record.tenant_host, record.client_id) is None
        with pytest.raises(StoreNotFound):
            store.read(record.tenant_host, record.client_id)
        store.delete(record.tenant_host, record.client_id)
        again = store.write(make_record(store, record.tenant_host, client_id=record.client_id))
        assert store.read(record.tenant_host, record.client_id) == again

    def test_a_foreign_document_is_left_alone(self, store: KeyStore, backdoor: Backdoor, record: ClientRecord) -> None:
        """It is refused by every call, and neither it nor what is shown of it is ever changed."""
        backdoor.put_foreign_record(record.tenant_host, record.client_id)
        before = backdoor.snapshot(record.tenant_host)
        calls: list[Callable[[], object]] = [
            lambda: store.write(record),
            lambda: store.read(record.tenant_host, record.client_id),
            lambda: store.delete(record.tenant_host, record.client_id),
        ]
        for call in calls:
            with pytest.raises(StoreConflict) as caught:
                call()
            assert caught.value.hint
        assert store.summary(record.tenant_host, record.client_id) is None
        assert backdoor.snapshot(record.tenant_host) == before

    # --- for people ---

    def test_nothing_of_it_shows_a_key(self, store: KeyStore, record: ClientRecord) -> None:
        """Neither the store nor what comes out of it has a private key in its repr."""
        written = store.write(record)
        read = store.read(record.tenant_host, record.client_id)
        shown = f"{store!r}{written!r}{read!r}{store.summary(record.tenant_host, record.client_id)!r}"
        for key in (written.current, read.current):
            if key is not None and key.private is not None:
                assert not any(line in shown for line in key.private.reveal().splitlines())

    def test_a_record_has_a_place_that_people_can_look_up(self, store: KeyStore, host: str) -> None:
        """It names tenant and client; to name it, nothing is asked."""
        calls: list[StoreCall] = []
        store.subscribe(calls.append)
        place = store.location(host, "0" * 32)
        assert host in place
        assert place.endswith("0" * 32)
        assert calls == []

    def test_who_subscribes_sees_the_requests_until_the_end(self, store: KeyStore, host: str) -> None:
        """A subscriber that fails disturbs no one."""
        calls: list[StoreCall] = []

        def failing(_: StoreCall) -> None:
            raise RuntimeError

        end, _ = store.subscribe(calls.append), store.subscribe(failing)
        store.client_ids(host)
        seen = len(calls)
        assert seen > 0
        end()
        store.client_ids(host)
        assert len(calls) == seen
