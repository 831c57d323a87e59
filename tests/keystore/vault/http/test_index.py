"""Reads of a cluster ask for what was written before: by the newest write, whichever thread notes its index last."""

from __future__ import annotations

import base64
import json

import pytest
from fixtures.loopback import Loopback, Reply

from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.keystore.vault.http.adapter import VaultNetwork
from qlik_keys.keystore.vault.http.api import VaultSession


def encoded(document):
    return base64.b64encode(json.dumps(document).encode()).decode()


def index(value, cluster="one"):
    return encoded({"cluster": cluster, "value": value})


def asked_after(*indexes):
    """Return which index a read asks for after writes whose answers came with these."""
    left, asked = list(indexes), []

    def answer(call):
        if call.method == "POST":
            return Reply(200, {}, {"x-vault-index": left.pop(0)})
        asked.append({name.lower(): value for name, value in call.headers.items()}.get("x-vault-index", ""))
        return Reply(200, {})

    with Loopback(answer) as server:
        address = f"{server.url}/v1/secret/data/x"
        session = VaultSession(address, VaultNetwork(), clock=SYSTEM_CLOCK)
        for _ in indexes:
            session.request("post", address, json={}, timeout=10)
        session.request("get", address, timeout=10)
        session.close()
    return asked[0]


@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ([], ""),
        ([index("43")], index("43")),
        ([index("9"), index("10"), index("9")], index("10")),
        # Of another cluster, or of another form, nothing is known but that it came last.
        ([index("44"), index("1", "two")], index("1", "two")),
        ([index("44"), "of-another-form"], "of-another-form"),
        (["of-another-form", index("44")], index("44")),
        ([index("44"), encoded(["44"])], encoded(["44"])),
        ([index("44"), index("many")], index("many")),
    ],
)
def test_a_read_asks_for_the_newest_write(answers, wanted):
    assert asked_after(*answers) == wanted
