"""A Vault, or a gateway before it, that puts what it was sent into its answers: nothing that is logged shows it."""

from __future__ import annotations

import logging
import traceback

import pytest
from fixtures.canaries import find_canaries
from fixtures.raw_server import RawServer

import qlik_keys as qk

TOKEN = "canary-vault-token-ZZx81kd93jfkQpLmNbVc72Yq"
ANSWERS = {
    "a line that is no header": "HTTP/1.1 403 Forbidden\r\n{}\r\ncontent-length: 2\r\n\r\n{{}}",
    "behind such a line": "HTTP/1.1 200 OK\r\nbroken\r\nx: {}\r\ncontent-length: 2\r\n\r\n{{}}",
    "the status line": "HTTP/1.1 {}\r\n\r\n",
    "the reason": "HTTP/1.1 400 {}\r\ncontent-length: 2\r\n\r\n{{}}",
    "the length": "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{{}}",
    "a redirect": "HTTP/1.1 307 Elsewhere\r\nlocation: https://evil.example/{}\r\ncontent-length: 0\r\n\r\n",
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_a_vault_puts_into_its_headers_is_not_logged(answer, caplog):
    caplog.set_level(logging.DEBUG)
    with (
        RawServer(lambda _: [answer.format(TOKEN).encode()]) as server,
        qk.VaultKeyStore(server.url, token=TOKEN, timeout_seconds=1) as store,
        pytest.raises(qk.errors.StoreError) as caught,
    ):
        store.client_ids("acme.eu.qlikcloud.com")
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert find_canaries(caplog.text + shown, {"token": TOKEN}) == []
    assert "urllib3" in caplog.text  # somebody listens
