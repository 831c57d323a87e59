"""The name entries in Vault: which client ids a name stands for, so that a name is looked up by one list.

`<prefix>/<tenant host>/.names/<hash of the name>/<client id>` is a document without data. Each client has an entry of
its own, so that writing one is one request, repeatable, and no race: two clients of one name are two entries. An entry
is a pointer and no more: what counts is the name in the record that it points to.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from qlik_keys.keystore.base import pending_document_name
from qlik_keys.keystore.vault.documents.records import NAMES_FOLDER, check_segment, presentable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.keystore.vault.documents.folder import VaultFolder


class NameEntries:
    """The name entries of one mount.

    Args:
        folder: the documents.
        prefix: the folder in the mount under which ours lie.
    """

    def __init__(self, folder: VaultFolder, *, prefix: str) -> None:
        self._folder = folder
        self._prefix = prefix

    def ids(self, tenant_host: str, name: str) -> list[str]:
        """Return the ids that are noted under a name, whatever their records say.

        Raises:
            StoreError: they cannot be listed.
        """
        return self._folder.names(f"{self._host_path(tenant_host)}/{pending_document_name(name)}")

    def add(self, tenant_host: str, name: str, client_id: str) -> None:
        """Note a client under its name; again changes nothing.

        Raises:
            StoreError: it was not noted.
        """
        shown = presentable(name)
        self._folder.set_metadata(self._path(tenant_host, name, client_id), {"client_name": shown} if shown else {})

    def remove(self, tenant_host: str, name: str, client_id: str) -> None:
        """Remove a client's entry; quiet when there is none.

        Raises:
            StoreError: it may still be there.
        """
        self._folder.delete(self._path(tenant_host, name, client_id))

    def complete(self, tenant_host: str, names: Mapping[str, str]) -> None:
        """Write what is missing; where nothing is, that takes one list, and one for each name that several have.

        Args:
            tenant_host: host of the tenant.
            names: the name of each client, by its id.

        Raises:
            StoreError: one could not be written.
        """
        there = set(self._folder.folders(self._host_path(tenant_host)))
        wanted: defaultdict[str, list[str]] = defaultdict(list)
        for client_id, name in names.items():
            wanted[name].append(client_id)
        for name, client_ids in wanted.items():
            is_noted = pending_document_name(name) in there
            if is_noted and len(client_ids) == 1:
                continue
            noted = self.ids(tenant_host, name) if is_noted else []
            for client_id in client_ids:
                if client_id not in noted:
                    self.add(tenant_host, name, client_id)

    def _host_path(self, tenant_host: str) -> str:
        return f"{self._prefix}/{check_segment(tenant_host, what='tenant host')}/{NAMES_FOLDER}"

    def _path(self, tenant_host: str, name: str, client_id: str) -> str:
        client = check_segment(client_id, what="client id")
        return f"{self._host_path(tenant_host)}/{pending_document_name(name)}/{client}"
