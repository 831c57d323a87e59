"""What no server may do to the process: hold it for longer than four time-outs, or fill its memory."""

from __future__ import annotations

import gzip
import json
import time
import tracemalloc
import zlib

import pytest
from fixtures.loopback import Loopback, Reply
from fixtures.raw_server import DRIP_SECONDS, RawServer, chunk, endless, head

import qlik_keys as qk
from qlik_keys.errors import Outcome, StoreError, TenantError
from qlik_keys.keystore.vault.store import VaultKeyStore
from qlik_keys.tenant import RetryPolicy

TIMEOUT_SECONDS = 0.1
PROMISED_SECONDS = 4 * TIMEOUT_SECONDS
EMPTY_BLOCK = b"\0\0\0\xff\xff"  # of deflate: no byte comes of it
MEGABYTE = 1024 * 1024
CHUNKED = head(transfer_encoding="chunked")


def empty_blocks():
    packer = zlib.compressobj(wbits=31)
    yield head(content_encoding="gzip", transfer_encoding="chunked")
    yield chunk(packer.compress(b"") + packer.flush(zlib.Z_SYNC_FLUSH))
    while True:
        yield chunk(EMPTY_BLOCK)


SLOW = {
    "headers that drip": lambda _: endless(b"x-more: of it\r\n", b"HTTP/1.1 200 OK\r\n"),
    "endless 100 Continue": lambda _: endless(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "a body that drips": lambda _: endless(b" ", head(content_length=10_000_000)),
    "chunks that drip": lambda _: endless(chunk(b" "), CHUNKED),
    "trailers that drip": lambda _: endless(b"x-more: of it\r\n", CHUNKED + chunk(b"{}") + b"0\r\n"),
    "empty blocks of gzip": lambda _: empty_blocks(),
}
BODY = json.dumps({"data": {"keys": []}}).encode()


def packed(encoding, make):
    return lambda _: [head(content_encoding=encoding, content_length=len(body := make())) + body]


ZEROS = bytes(150 * MEGABYTE)
LARGE = {
    "a gzip bomb": packed("gzip", lambda: gzip.compress(ZEROS, 1)),
    "a bomb of members": packed("gzip", lambda: gzip.compress(bytes(MEGABYTE), 1) * 150),
    "packed and cut": packed("gzip", lambda: gzip.compress(BODY)[:-9]),
    "600 MB as they are": lambda _: [head(content_length=600 * MEGABYTE), *[b" " * MEGABYTE] * 600],
    "endless chunks": lambda _: endless(chunk(b" " * MEGABYTE), CHUNKED),
}


def change_tenant(url):
    options = {"timeout_seconds": TIMEOUT_SECONDS, "retry": RetryPolicy(attempts=1)}
    with qk.QlikTenant(url, credential=qk.ApiKey("a" * 20), **options) as tenant:
        tenant.oauth_clients.delete_secret("0" * 32, "hint")


def ask_vault(url):
    with VaultKeyStore(url, token="a" * 20, timeout_seconds=TIMEOUT_SECONDS) as store:
        store.client_ids("acme.eu.qlikcloud.com")


ASKED = {"tenant": change_tenant, "Vault": ask_vault}


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("script", SLOW.values(), ids=SLOW)
def test_no_answer_holds_the_process_beyond_four_time_outs(script, ask):
    with RawServer(script, drip_seconds=DRIP_SECONDS) as server:
        started = time.monotonic()
        with pytest.raises((TenantError, StoreError)) as caught:
            ask(server.url)
        took = time.monotonic() - started
    # Not a measure of speed: without a bound these never end. Half of it more is for a busy machine.
    assert took < PROMISED_SECONDS * 1.5 + 1
    assert ask is ask_vault or caught.value.outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("ask", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("script", LARGE.values(), ids=LARGE)
def test_no_answer_fills_the_memory(script, ask):
    with RawServer(script) as server:
        tracemalloc.start()
        try:
            with pytest.raises((TenantError, StoreError)) as caught:
                ask(server.url)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert peak < 100 * MEGABYTE
    assert not isinstance(caught.value, MemoryError)


def test_an_answer_that_is_packed_once_is_read():
    for encoding, encode in {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}.items():
        with RawServer(packed(encoding, lambda encode=encode: encode(BODY))) as server:
            with VaultKeyStore(server.url, token="a" * 20, timeout_seconds=5) as store:
                assert store._api.adapter.get("/v1/anything") == json.loads(BODY)
            with qk.QlikTenant(server.url, credential=qk.ApiKey("a" * 20), timeout_seconds=5) as tenant:
                assert tenant.raw("get", "v1/anything").content == BODY


def test_a_listing_that_brings_nothing_new_permanently_ends():
    """Each page has another cursor, so that it goes in no circle."""
    asked, page = [], []

    def answer(call):
        asked.append(call.target)
        address = f"http://{call.headers['Host']}{call.path}?limit=100&next=cursor-{len(asked)}"
        return Reply(200, {"data": page, "links": {"next": {"href": address}}})

    for entries in ([], [{"clientId": "a" * 32, "id": "1"}]):
        page[:] = entries
        with Loopback(answer) as server, qk.QlikTenant(server.url, credential=qk.ApiKey("a" * 20)) as tenant:
            clients = tenant.oauth_clients
            for pages in (clients.list, clients.overviews, lambda tenant=tenant: tenant.raw_pages("v1/oauth-clients")):
                asked.clear()
                with pytest.raises(TenantError, match="had no new entries for 10 pages"):
                    list(pages())
                assert len(asked) <= 12
