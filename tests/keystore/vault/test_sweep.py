"""The sweep of unused Transit keys, where a document gets one of them while it runs."""

from __future__ import annotations

from types import SimpleNamespace

from qlik_keys.keystore.vault.sweep import sweep
from qlik_keys.keystore.vault.transit import TransitName


def test_a_key_that_a_document_got_meanwhile_is_kept():
    looks = iter([[], [], ["c1"]])  # before, for those who may still write, and right before it would be destroyed
    record = SimpleNamespace(keys={"kid": SimpleNamespace(reference="key")})
    documents = SimpleNamespace(pending=lambda *_, **__: [], client_ids=lambda _: next(looks), read=lambda *_: record)
    destroyed = []
    transit = SimpleNamespace(
        names=lambda _: ["key"],
        parse=lambda *_: TransitName("document", "c1"),
        is_of=lambda *_: False,
        destroy=destroyed.append,
    )
    assert sweep(documents, transit, "acme.eu.qlikcloud.com") == destroyed == []
