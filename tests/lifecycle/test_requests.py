"""The requests of provision and rotation, one by one, against the tables in docs/requests.md; no time is measured."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest

import qlik_keys as qk

PAGE = Path(__file__).parents[2] / "docs" / "requests.md"
ROW = re.compile(r"\| ([TV]) \| `([^`]+)` \| (Transit)? ?\| (.+) \|")
HEX = "[0-9a-f]{24,32}"
# From what is seen of a request to the page's words.
WORDS = (
    (rf"/api/v1/oauth-clients/{HEX}", "oauth-clients/id"),
    (r"/api/v1/oauth-clients", "oauth-clients"),
    (rf"/api/v1/users/{HEX}", "users/id"),
    (r"/api/v1/users/me", "users/me"),
    (r"/oauth/token", "oauth/token"),
    (rf"/v1/secret/(data|metadata|destroy)/qlik-keys/[^/]+/\.staged/{HEX}(\?version=\d+)?", r"\1 pending"),
    (rf"/v1/secret/(data|metadata|destroy)/qlik-keys/[^/]+/{HEX}(\?version=\d+)?", r"\1 record"),
    (rf"/v1/secret/(data|metadata|destroy)/qlik-keys/[^/]+/\.names/{HEX}/{HEX}", r"\1 name"),
    (r"/v1/transit/keys/[^/]+/config", "key config"),
    (r"/v1/transit/keys/[^/]+", "key"),
    (r"/v1/transit/sign/[^/]+", "sign"),
)
BOTH = pytest.mark.parametrize("custody", ["kv", "transit"], indirect=True)


def told(title, custody):
    """The requests that the page lists under a title, and what its sentence counts."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [match.groups() for match in ROW.finditer(section)]
    assert len(rows) == section.count("\n| T |") + section.count("\n| V |")  # none is passed over
    listed = [(side, words) for side, words, only, _ in rows if custody == "transit" or only is None]
    pattern = r"KV: (\d+) requests, (\d+) to the tenant and (\d+) to the Vault\. Transit: (\d+), of which (\d+) to"
    all_, tenant, vault, all_transit, vault_transit = map(int, re.search(pattern, section).groups())
    counts = (tenant, vault) if custody == "kv" else (all_transit - vault_transit, vault_transit)
    assert all_ == tenant + vault
    return listed, counts


class Watcher:
    """What is sent, in the page's words."""

    def __init__(self, world):
        self.sent = []
        # What only the first use asks: the token, the mounts.
        qk.provision(world.tenant, world.store, name="requests-warm", scopes=["user_default"])
        world.forget("requests-warm")
        self._ends = [
            world.tenant.subscribe(lambda seen: self._note("T", seen, bool(seen.query))),
            world.store.subscribe(lambda seen: self._note("V", seen, asks=False)),
        ]

    def _note(self, side, seen, asks):
        for pattern, words in WORDS:
            match = re.fullmatch(pattern, seen.path)
            if match:
                path = match.expand(words) + ("?filter" if asks else "")
                break
        else:
            path = seen.path
        self.sent.append((side, f"{seen.method} {path}"))

    def taken(self):
        sent, self.sent = self.sent, []
        return sent

    def close(self):
        for end in self._ends:
            end()


@pytest.fixture
def watcher(world):
    watcher = Watcher(world)
    yield watcher
    watcher.close()
    world.forget("requests")


def counted(sent):
    return sum(side == "T" for side, _ in sent), sum(side == "V" for side, _ in sent)


@BOTH
def test_provision_and_rotations_send_what_the_page_explains(world, watcher, custody):
    made = qk.provision(world.tenant, world.store, name="requests", scopes=["user_default"])
    provision, counts = told("provision", custody)
    sent = watcher.taken()
    assert sent == provision
    assert counted(sent) == counts

    qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(hours=1))
    overlap, counts = told("rotate with an overlap", custody)
    sent = watcher.taken()
    assert sent == overlap
    assert counted(sent) == counts

    qk.retire_due(world.tenant, world.store, made.client_id, force=True)
    watcher.taken()
    at_once, counts = told("rotate without overlap", custody)
    qk.rotate(world.tenant, world.store, made.client_id, overlap=timedelta(0))
    sent = watcher.taken()
    assert sent == overlap + at_once
    assert counted(sent) == counts
    qk.revoke(world.tenant, world.store, made.client_id)
    # That it is a revocation is written, and shown to those who may not read keys, first of all and until the end.
    noted = [("V", "POST data record"), ("V", "POST metadata record"), ("V", "GET data record")]
    assert watcher.taken() == [sent[0], *noted, *sent[1:], *noted[1:]]


def test_the_page_keeps_the_goals():
    provision, _ = told("provision", "kv")
    overlap, _ = told("rotate with an overlap", "kv")
    at_once, _ = told("rotate without overlap", "kv")
    assert len(provision) <= 16
    assert len(overlap + at_once) <= 22


@BOTH
@pytest.mark.usefixtures("world")  # it clears away what is made
def test_one_connection_to_each_server_serves_all(box, custody, caplog):
    caplog.set_level(logging.DEBUG, "httpcore.connection")
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody=custody) as store,
    ):
        made = qk.provision(tenant, store, name="requests", scopes=["user_default"])
        qk.rotate(tenant, store, made.client_id, overlap=timedelta(0))
    started = [record.getMessage().split(" ")[0] for record in caplog.records]
    assert started.count("connect_tcp.started") == 1
    assert sum(record.getMessage().startswith("Starting new HTTP") for record in caplog.records) == 1
