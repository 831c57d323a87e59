"""The requests of provision and rotation, one by one, against the tables in docs/requests.md; no time is measured."""

from __future__ import annotations

import logging
import re
from datetime import timedelta
from pathlib import Path

import pytest
from fixtures.harness.steps import provision

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


def in_the_pages_words(seen):
    for pattern, words in WORDS:
        if match := re.fullmatch(pattern, seen.path):
            return f"{seen.method} {match.expand(words)}"
    return f"{seen.method} {seen.path}"


@pytest.fixture
def sent(world):
    """Returns what was sent since the last look."""
    seen = []
    # What only the first use requests: the token, the mounts.
    provision(world.tenant, world.store, "requests-warm")
    world.forget("requests-warm")
    world.tenant.subscribe(lambda call: seen.append(("T", in_the_pages_words(call) + "?filter" * bool(call.query))))
    world.store.subscribe(lambda call: seen.append(("V", in_the_pages_words(call))))

    def taken():
        now = [*seen]
        seen.clear()
        return now

    return taken


def counts_of(requests):
    return sum(side == "T" for side, _ in requests), sum(side == "V" for side, _ in requests)


@BOTH
def test_provision_and_rotations_send_what_the_page_explains(tenant, store, sent, custody):
    expected, counts = told("provision", custody)
    made = provision(tenant, store, "requests")
    requests = sent()
    assert (requests, counts_of(requests)) == (expected, counts)
    overlap, counts = told("rotate with an overlap", custody)
    qk.rotate(tenant, store, made.client_id, overlap=timedelta(hours=1))
    requests = sent()
    assert (requests, counts_of(requests)) == (overlap, counts)
    qk.retire_due(tenant, store, made.client_id, force=True)
    sent()
    at_once, counts = told("rotate without overlap", custody)
    qk.rotate(tenant, store, made.client_id, overlap=timedelta(0))
    requests = sent()
    assert (requests, counts_of(requests)) == (overlap + at_once, counts)
    qk.revoke(tenant, store, made.client_id)
    # That it is a revocation is written, and shown to users that may not read keys, first of all and until the end.
    noted = [("V", "POST data record"), ("V", "POST metadata record"), ("V", "GET data record")]
    revoked = sent()
    looks = [("T", "GET /api/v1/users?filter"), ("T", "GET /api/v1/oauth-tokens?filter")]
    ends = [each for each in revoked if each[1].startswith("DELETE /api/v1/oauth-tokens")]
    assert len(ends) > 1  # of each verification so far
    assert revoked == [requests[0], *noted, *requests[1:], *noted[1:], *looks, *ends, *noted]


@pytest.mark.usefixtures("world")  # it clears away what is made
def test_one_connection_to_each_server_serves_all(box, caplog):
    caplog.set_level(logging.DEBUG, "httpcore.connection")
    caplog.set_level(logging.DEBUG, "urllib3.connectionpool")
    with (
        qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        qk.VaultKeyStore(box.vault_url, token=box.vault_token, custody="transit") as store,
    ):
        made = provision(tenant, store, "requests")
        qk.rotate(tenant, store, made.client_id, overlap=timedelta(0))
    started = [record.getMessage() for record in caplog.records]
    assert sum(each.startswith("connect_tcp.started") for each in started) == 1
    assert sum(each.startswith("Starting new HTTP") for each in started) == 1
