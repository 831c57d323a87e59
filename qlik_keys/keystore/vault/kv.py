"""The key store's documents in Vault's KV version 2, and the keys that it keeps itself.

Every write carries the version that was read (compare-and-set). One that brings a key, or makes another key current,
is read back and compared before it is believed; of the others the answer is enough (docs/requests.md). A write whose
answer was lost, or that met a conflict, is looked at: what is there may be what was to be written.

Not done here: what the documents look like (`records`), what failures mean (`failures`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from qlik_keys.core.clock import utc_now
from qlik_keys.core.outcomes import after_effect
from qlik_keys.errors import (
    Outcome,
    StoreConflict,
    StoreDamaged,
    StoreDenied,
    StoreDestroyed,
    StoreError,
    StoreNotFound,
    StoreProtocolError,
)
from qlik_keys.keys import generate
from qlik_keys.keystore.base import ClientRecord, KeySummary, PendingClient, StoredKey, pending_document_name
from qlik_keys.keystore.vault.documents import records as documents
from qlik_keys.keystore.vault.documents.damage import DamageReports
from qlik_keys.keystore.vault.documents.fields import keep_permanently, moment_made, unmanaged_document
from qlik_keys.keystore.vault.documents.folder import Found, Put
from qlik_keys.keystore.vault.documents.names import NameEntries
from qlik_keys.keystore.vault.writes import CarefulWrites

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from qlik_keys.core.clock import Clock
    from qlik_keys.keys import KeySpec, PrivateKey
    from qlik_keys.keys.signer import Signer
    from qlik_keys.keystore.optional import RecordVersion
    from qlik_keys.keystore.vault.documents.folder import VaultFolder
    from qlik_keys.keystore.vault.profiles import TenantDocuments

_METADATA_ROUNDS = 3


class KvKeys:
    """What `VaultKeyStore` does with documents, and with the keys of custody "kv"; the methods are those of `KeyStore`.

    Args:
        folder: the documents.
        prefix: the folder in the mount under which ours lie.
        clock: time.
    """

    def __init__(self, folder: VaultFolder, *, prefix: str, clock: Clock) -> None:
        self._folder = folder
        self._prefix = prefix
        self._clock = clock
        self._writes = CarefulWrites(folder)
        self._names = NameEntries(folder, prefix=prefix)
        self._damage_reports = DamageReports(folder, clock=clock)

    # --- keys ---

    def make_key(self, spec: KeySpec) -> StoredKey:
        """Make a key in memory; `write_pending` or `write` stores it."""
        made_at = utc_now(self._clock)
        private = generate(spec, made_on=made_at.date())
        return StoredKey(public=private.public, state="next", made_at=made_at, private=private)

    def import_key(self, key: PrivateKey) -> StoredKey:
        """Take a key; where its kid says when it was made, that counts."""
        made_at = moment_made(key.kid, now=utc_now(self._clock))
        return StoredKey(public=key.public, state="next", made_at=made_at, private=key)

    def signer(self, key: StoredKey) -> Signer:
        """Return a signer over the key that was read; the load that reading it cost is not paid again."""
        if key.private is None:
            raise ValueError(f"the key {key.kid} has no private key: it was not read from this store")
        return key.private.signer()

    # --- pending clients ---

    def write_pending(self, pending: PendingClient) -> PendingClient:
        """Write a pending client, and read it back when it comes with its key; later writes only note its id."""
        documents.check_pending(pending)
        path = self._pending_path(pending.tenant_host, pending_document_name(pending.name))

        def read(version: int | None) -> Found[PendingClient] | None:
            return self._find_pending(pending.tenant_host, pending_document_name(pending.name), version)

        def is_wanted(there: PendingClient) -> bool:
            return documents.same_pending(there, pending)

        put = self._writes.write(
            path, cas=pending.version, make=lambda: documents.encode_pending(pending), read=read, is_wanted=is_wanted
        )
        if pending.version == 0 and isinstance(put, Put):
            self._writes.read_back(path, lambda: read(put.version), is_wanted)
        return replace(pending, version=put.version)

    def pending(
        self, tenant_host: str, *, on_damaged: Callable[[StoreError], None] | None = None
    ) -> Sequence[PendingClient]:
        """Return what is pending, oldest first; foreign or damaged documents are skipped."""
        found = []
        for name in self._folder.names(f"{self._host_path(tenant_host)}/{documents.PENDING_FOLDER}"):
            try:
                there = self._find_pending(tenant_host, name)
            except StoreConflict:
                continue  # another user's
            except (StoreNotFound, StoreProtocolError, StoreDenied) as problem:
                if on_damaged is not None:
                    on_damaged(problem)
                continue
            if there is not None:
                found.append(there.content)
        return sorted(found, key=lambda pending: pending.pending_at)

    def read_pending(self, tenant_host: str, name: str) -> PendingClient | None:
        """Return what is pending under that client name, None for nothing."""
        found = self._find_pending(tenant_host, pending_document_name(name))
        return None if found is None else found.content

    def remove_pending(self, pending: PendingClient, *, look_after: bool = True) -> None:
        """Destroy a pending record with all its versions, unless it is another attempt's by now."""
        document_name = pending_document_name(pending.name)
        found = self._find_pending(pending.tenant_host, document_name)
        if found is None:
            return
        path = self._pending_path(pending.tenant_host, document_name)
        if not documents.same_attempt(found.content, pending):
            raise StoreConflict(
                f"Another attempt to create the client {pending.name!r} is pending now, so it is not changed.",
                path=self._folder.full_path(path),
                hint="Wait until that attempt is finished.",
            )
        if look_after:
            self._delete(path)
        else:
            self._folder.delete(path)

    def pending_as(self, tenant_host: str, document_name: str) -> PendingClient | None:
        """Return what is pending in the document of that name (`pending_document_name`), None for nothing."""
        found = self._find_pending(tenant_host, document_name)
        return None if found is None else found.content

    # --- records ---

    def read(self, tenant_host: str, client_id: str) -> ClientRecord:
        """Return a client's record; what is gone or damaged is told with what brings it back."""
        path = self._record_path(tenant_host, client_id)
        problem: StoreDestroyed | StoreDamaged | StoreConflict
        try:
            found = self._find_record(tenant_host, client_id)
        except (StoreDestroyed, StoreDamaged, StoreConflict) as error:
            problem = error
        else:
            if found is None:
                full_path = self._folder.full_path(path)
                raise StoreNotFound(
                    f"There is no key of client {client_id} at {full_path}.",
                    path=full_path,
                    hint="Check tenant, `mount` and `prefix`.",
                )
            return found.content
        raise self._damage_reports.told(
            problem, path, client_id, lambda version: self._find_record(tenant_host, client_id, version)
        )

    def write(self, record: ClientRecord, *, read_back: bool = True, is_first: bool = False) -> ClientRecord:
        """Write a record and its metadata; return it as it was read back."""
        documents.check_record(record)
        path = self._record_path(record.tenant_host, record.client_id)

        def read(version: int | None) -> Found[ClientRecord] | None:
            return self._find_record(record.tenant_host, record.client_id, version)

        def is_wanted(there: ClientRecord) -> bool:
            return documents.same_record(there, record)

        announced = record.version == 0 and self._announce(path, record, is_first=is_first)
        conflict: StoreConflict | None = None
        try:
            put = self._writes.write(
                path, cas=record.version, make=lambda: documents.encode_record(record), read=read, is_wanted=is_wanted
            )
        except StoreConflict as error:
            conflict = error
        if conflict is not None:
            if announced:
                self._take_back(path, record)
            raise conflict
        if isinstance(put, Found):
            self._fit_metadata(path, put)
            return replace(put.content, is_shown_wrong=False)
        wanted = documents.metadata_of(record, put.version)
        is_fit = put.metadata is not None and documents.shows(put.metadata, record, put.version)
        if is_fit and not read_back:
            return self._with_end(replace(record, version=put.version), path, put)
        if put.metadata is not None and not is_fit:
            # The answer tells others' metadata, which are kept, so that one look afterwards serves both.
            self._set_metadata(path, {**documents.others_metadata(put.metadata), **wanted})
        newest = self._writes.read_back(path, lambda: read(None), is_wanted, superseded=lambda: read(put.version))
        self._fit_metadata(path, newest)
        written = newest.content if newest.version == put.version else replace(record, version=put.version)
        return replace(written, is_shown_wrong=False)

    # --- the tenant ---

    def about(self, tenant_host: str) -> TenantDocuments:
        """Return the documents about a tenant, which are none of a client's."""
        from qlik_keys.keystore.vault.profiles import TenantDocuments  # noqa: PLC0415  # a login needs none

        return TenantDocuments(self._folder, self._host_path(tenant_host))

    def versions(self, tenant_host: str, client_id: str) -> Sequence[RecordVersion]:
        """Return when a client's record was written, by the versions that Vault still lists."""
        path = self._record_path(tenant_host, client_id)
        history = self._folder.history(path, now=utc_now(self._clock))
        return () if history is None else history.written

    def client_ids(self, tenant_host: str) -> Sequence[str]:
        """Return the names of the documents of that tenant."""
        return self._folder.names(self._host_path(tenant_host))

    def tenant_hosts(self) -> Sequence[str]:
        """Return the names of the tenants' folders."""
        return self._folder.folders(self._prefix)

    def summary(self, tenant_host: str, client_id: str) -> KeySummary | None:
        """Return what the custom metadata tells; the data is not touched."""
        path = self._record_path(tenant_host, client_id)
        history = self._folder.history(path, now=utc_now(self._clock))
        if history is None or history.current_version == 0:
            return None
        summary = documents.summary_of(history.metadata, client_id=client_id, version=history.current_version)
        if summary is None or not (history.current_is_gone or history.gone_at):
            return summary
        return self._damage_reports.shown(summary, history, path)

    def show(self, record: ClientRecord) -> None:
        """Let the metadata say what the newest version of a record says."""
        found = self._find_record(record.tenant_host, record.client_id)
        if found is not None:
            self._fit_metadata(self._record_path(record.tenant_host, record.client_id), found)

    def purge(self, record: ClientRecord) -> None:
        """Destroy every version older than the record's, soft-deleted ones too."""
        path = self._record_path(record.tenant_host, record.client_id)
        full_path = self._folder.full_path(path)
        history = self._folder.history(path, now=utc_now(self._clock))
        if history is None or history.current_version < record.version:
            # What is written is not read back where it brings no key; nothing older goes before it is seen.
            raise self._writes.not_there(path)
        old = tuple(number for number in history.kept if number < record.version)
        if not old:
            return
        self._folder.destroy(path, old)
        with after_effect():
            history = self._folder.history(path, now=utc_now(self._clock))
        if history is not None and any(number < record.version for number in history.kept):
            raise StoreProtocolError(
                f"Old versions of {full_path} still exist after they were destroyed.",
                path=full_path,
                hint="Try again; if the problem persists, ask the Vault's operator.",
                outcome=Outcome.UNKNOWN,
            )

    def references(self, tenant_host: str, client_id: str) -> Sequence[str]:
        """Return the names of the keys of a record that another engine keeps; none for what cannot be read."""
        try:
            found = self._find_record(tenant_host, client_id)
        except (StoreNotFound, StoreConflict, StoreProtocolError):
            return []
        return [] if found is None else [key.reference for key in found.content.keys.values() if key.reference]

    def delete(self, tenant_host: str, client_id: str) -> None:
        """Destroy a client's record with all its versions and its name entry, if it is ours."""
        path = self._record_path(tenant_host, client_id)
        try:
            found = self._folder.read(path, lambda document, _: documents.owner_of(document, client_id))
        except StoreNotFound:
            found = None
        if found is not None:
            name = found.content
        else:
            # Nothing to read: never written, or its newest version is gone. Its metadata tell whose it was.
            history = self._folder.history(path, now=utc_now(self._clock))
            if history is None:
                return
            is_ours = history.metadata.get("custody") in documents.CUSTODIES
            name = history.metadata.get("client_name", "") if is_ours else None
        if name is None:
            raise unmanaged_document(self._folder.full_path(path))
        self._delete(path)
        if name:
            with after_effect():
                self._names.remove(tenant_host, name, client_id)

    # --- names ---

    def ids_named(self, tenant_host: str, name: str) -> Sequence[str]:
        """Return the ids under the name entry, without those whose records are gone or say another name."""
        return [each for each in self._names.ids(tenant_host, name) if self._may_be_named(tenant_host, each, name)]

    def set_names_right(self, tenant_host: str, names: Mapping[str, str]) -> None:
        """Write the name entries that are missing; one that no record bears is harmless and stays."""
        self._names.complete(tenant_host, names)

    def _may_be_named(self, tenant_host: str, client_id: str, name: str) -> bool:
        try:
            found = self._find_record(tenant_host, client_id)
        except (StoreNotFound, StoreProtocolError, StoreDenied):
            return True  # it is there: who reads it is told what it suffers from
        except StoreConflict:
            return False  # another user's document
        return found is not None and found.content.client_name == name

    # --- how ---

    def _fit_metadata(self, path: str, found: Found[ClientRecord]) -> None:
        """Make the custom metadata say what the newest version says, and keep what others have put there."""
        for _ in range(_METADATA_ROUNDS):
            if documents.shows(found.metadata or {}, found.content, found.version):
                return
            wanted = documents.metadata_of(found.content, found.version)
            self._set_metadata(path, {**documents.others_metadata(found.metadata), **wanted})
            try:
                newest = self._find_record(found.content.tenant_host, found.content.client_id)
            except StoreError as error:
                error.outcome = Outcome.APPLIED  # of the record; its metadata are for display
                raise
            if newest is None:
                return
            found = newest
        full_path = self._folder.full_path(path)
        raise StoreProtocolError(
            f"The record at {full_path} is written, but its metadata differ from what was set.",
            path=full_path,
            hint="Read it again, then retry.",
            outcome=Outcome.APPLIED,
        )

    def _announce(self, path: str, record: ClientRecord, *, is_first: bool) -> bool:
        """Set the metadata of a record that is about to be made; return whether that was done.

        Before the data, so that no crash leaves a record that `summary` does not see; where a policy forbids it, that
        comes out before a key is stored. Where a document is already, its metadata are not touched: it may be foreign.
        """
        others: Mapping[str, str] = {}
        if not is_first:
            history = self._folder.history(path, now=utc_now(self._clock))
            if history is not None and history.current_version > 0:
                return False
            others = {} if history is None else documents.others_metadata(history.metadata)
        self._folder.set_metadata(path, {**others, **documents.metadata_of(record, 1)})
        # No crash leaves a record that no one finds by its name; an entry without a record is harmless.
        self._names.add(record.tenant_host, record.client_name, record.client_id)
        return True

    def withdraw(self, record: ClientRecord) -> None:
        """Delete a record that was written just now, unless someone has changed it since: then it is theirs."""
        path = self._record_path(record.tenant_host, record.client_id)
        history = self._folder.history(path, now=utc_now(self._clock))
        if history is not None and history.current_version == record.version:
            self.delete(record.tenant_host, record.client_id)

    def _take_back(self, path: str, record: ClientRecord) -> None:
        """Let the metadata show the record that was written while this one, which lost, was announced."""
        try:
            found = self._find_record(record.tenant_host, record.client_id)
            if found is not None:
                self._fit_metadata(path, found)
        except StoreError:
            return  # the conflict is what is to be told; the winner's next write fits its metadata

    def _set_metadata(self, path: str, metadata: Mapping[str, str]) -> None:
        try:
            self._folder.set_metadata(path, metadata)
        except StoreError as error:
            error.outcome = Outcome.APPLIED  # of the record; its metadata are for display
            raise

    def _delete(self, path: str) -> None:
        self._folder.delete(path)
        with after_effect():
            is_there = self._folder.history(path, now=utc_now(self._clock)) is not None
        if is_there:
            full_path = self._folder.full_path(path)
            raise StoreProtocolError(
                f"The document at {full_path} still exists after it was deleted.",
                path=full_path,
                hint="Try again.",
                outcome=Outcome.UNKNOWN,
            )

    def _find_record(self, tenant_host: str, client_id: str, version: int | None = None) -> Found[ClientRecord] | None:
        path = self._record_path(tenant_host, client_id)
        full_path = self._folder.full_path(path)
        found = self._folder.read(
            path,
            lambda document, number: documents.decode_record(
                document, host=tenant_host, client_id=client_id, version=number, path=full_path
            ),
            version=version,
        )
        if found is None:
            return None
        record = self._with_end(found.content, path, found)
        is_wrong = version is None and not documents.shows(found.metadata, record, found.version)
        return replace(found, content=replace(record, is_shown_wrong=is_wrong) if is_wrong else record)

    def _with_end(self, record: ClientRecord, path: str, told: Put | Found[Any]) -> ClientRecord:
        """Return the record with the moment at which Vault deletes it automatically, which every answer tells."""
        remedy = keep_permanently(self._folder.mount, path, told.version) if told.gone_at is not None else ""
        if (record.gone_at, record.remedy) == (told.gone_at, remedy):
            return record
        return replace(record, gone_at=told.gone_at, remedy=remedy)

    def _find_pending(
        self, tenant_host: str, document_name: str, version: int | None = None
    ) -> Found[PendingClient] | None:
        path = self._pending_path(tenant_host, document_name)
        full_path = self._folder.full_path(path)
        return self._folder.read(
            path,
            lambda document, number: documents.decode_pending(
                document, host=tenant_host, document_name=document_name, version=number, path=full_path
            ),
            version=version,
        )

    def _host_path(self, tenant_host: str) -> str:
        return f"{self._prefix}/{documents.check_segment(tenant_host, what='tenant host')}"

    def _record_path(self, tenant_host: str, client_id: str) -> str:
        return f"{self._host_path(tenant_host)}/{documents.check_segment(client_id, what='client id')}"

    def _pending_path(self, tenant_host: str, document_name: str) -> str:
        return f"{self._host_path(tenant_host)}/{documents.PENDING_FOLDER}/{document_name}"
