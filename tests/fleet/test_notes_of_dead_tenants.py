"""Where what was told is kept while a tenant cannot tell its host names: read where it was written."""

from __future__ import annotations

import socket

import pytest
from fixtures.support import NoWaiting

import qlik_keys as qk
from qlik_keys.fleet.notifications.memory import StoreMemory, ToldFinding

pytestmark = pytest.mark.openbao


def test_what_was_told_of_a_dead_tenant_is_remembered_while_its_vault_lives(box):
    told = ToldFinding("QK410", "", "", "high")
    with socket.socket() as bound:  # it does not listen
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        for version in (0, 1):
            with (  # as a new process has them
                qk.QlikTenant(address, credential=qk.ApiKey(box.api_key), clock=NoWaiting()) as dead,
                qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store,
            ):
                memory = StoreMemory(dead, store)
                remembered = memory.read()
                assert remembered.version == version
                assert remembered.findings == ({"key": told} if version else {})
                remembered.findings["key"] = told
                remembered.told["chat"] = {"key": "change"}
                memory.write(remembered)
