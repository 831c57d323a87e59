"""Reads of a cluster ask for what was written before: by the newest write, whichever thread notes its index last."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.keystore.vault.http.adapter import VaultNetwork
from qlik_keys.keystore.vault.http.api import VaultSession


def index(value, cluster="one"):
    return base64.b64encode(json.dumps({"cluster": cluster, "value": value}).encode()).decode()


def opaque(document):
    return base64.b64encode(json.dumps(document).encode()).decode()


def asked_after(*indexes):
    """Return which index a read asks for after writes whose answers came with these."""
    left, asked = list(indexes), []

    class Server(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["content-length"]))
            self.answer({"x-vault-index": left.pop(0)})

        def do_GET(self):
            asked.append(self.headers.get("x-vault-index", ""))
            self.answer({})

        def answer(self, headers):
            self.send_response(200)
            for name, value in {"content-length": "2", **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/v1/secret/data/x"
        session = VaultSession(address, VaultNetwork(), clock=SYSTEM_CLOCK)
        for _ in indexes:
            session.request("post", address, json={}, timeout=10)
        session.request("get", address, timeout=10)
        session.close()
        server.shutdown()
    return asked[0]


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ([index("43")], index("43")),
        ([index("43"), index("44")], index("44")),
        ([index("44"), index("43")], index("44")),
        ([index("9"), index("10"), index("9")], index("10")),
        ([index("43"), index("43")], index("43")),
        # Of another cluster, or of another form, nothing is known but that it came last.
        ([index("44"), index("1", "two")], index("1", "two")),
        ([index("44"), "of-another-form"], "of-another-form"),
        (["of-another-form", index("44")], index("44")),
        ([index("44"), opaque(["44"])], opaque(["44"])),
        ([index("44"), opaque({"cluster": "one", "value": "many"})], opaque({"cluster": "one", "value": "many"})),
        ([], ""),
    ],
)
def test_a_read_asks_for_the_newest_write(answers, wanted):
    assert asked_after(*answers) == wanted
