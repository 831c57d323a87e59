"""Clients into a DataFrame, against the same requests bare, over the same sandbox, which is a process of its own.

10,000 clients without a store: the floor does the least that ends in a table. It fetches the same 100 pages one after
the other (each names the next) over one connection, reads them with `json`, and hands the rows to pandas as they are.
It checks nothing, repeats nothing, keeps no budget; its dates are texts, its lists lists, and it finds nothing.

2,000 clients that all have keys in Vault, with consent: the floor asks the same again, by httpx and hvac, with as many
threads as we have, and puts the answers next to the rows.
"""

import json
from concurrent.futures import ThreadPoolExecutor

import hvac
import pandas as pd
from bench_provision import boundless, connected
from measure import compared, interleaved, main

import qlik_keys as qk
from qlik_keys.core.side_by_side import WORKERS
from qlik_keys.inventory.tables import COLUMNS

CLIENTS = 10_000, 2_000
WITH_KEYS = 2_000, 60
GOAL = 1.2
ROUNDS = 11, 1
ROUNDS_WITH_KEYS = 7, 1


def listed(bare):
    """Return the rows of all pages."""
    found, address = [], "/api/v1/oauth-clients?limit=100"
    while address:
        page = json.loads(bare.get(address).content)
        found += page["data"]
        address = page["links"].get("next", {}).get("href")
    return found


def without_a_store(box, bare, tenant, _store, quick):
    def floor():
        return pd.DataFrame(listed(bare))

    def ours():
        return qk.clients(tenant, consent=False)

    count = CLIENTS[quick]
    box.seed_clients(count)
    assert len(floor()) == len(ours()) >= count
    variants = {
        "httpx, json, pandas": floor,
        "qk.clients": ours,
        "overviews alone": lambda: [*tenant.oauth_clients.overviews()],
    }
    # Ten thousand rows are enough objects for Python's garbage collector to run, which it does less for ours.
    for collects_garbage, words in ((True, f"{count // 100} pages"), (False, "garbage collector off")):
        seconds = interleaved(variants, ROUNDS[quick], collects_garbage=collects_garbage)
        yield compared(f"{count:,} clients listed, {words}", seconds, goal=GOAL, others=["overviews alone"])


def with_keys(box, bare, tenant, store, quick):
    count = WITH_KEYS[quick]
    box.seed_clients(count)
    vault = hvac.Client(url=box.vault_url, token=box.vault_token)
    vault.adapter.session.get_adapter(box.vault_url).init_poolmanager(1, WORKERS)
    kv, folder = vault.secrets.kv.v2, f"qlik-keys/{tenant.host}"

    def seed(client):
        """Write what a summary reads, and a document of a record's size."""
        path, kid = f"{folder}/{client['client_id']}", next((key["kid"] for key in client["public_keys"]), "")
        dates = {"made_on": "2026-11-01T00:00:00Z", "rotate_by": "2027-11-01T00:00:00Z"}
        metadata = {"client_name": "seeded", "custody": "kv", "kid": kid, **dates}
        kv.update_metadata(path, custom_metadata={name: text for name, text in metadata.items() if text})
        kv.create_or_update_secret(path, secret={"keys": "k" * 600}, cas=0)

    with ThreadPoolExecutor(WORKERS) as pool:
        [*pool.map(seed, [client for page in tenant.oauth_clients.overviews() for client in page])]

    def floor():
        rows = listed(bare)
        there = set(kv.list_secrets(folder)["data"]["keys"])

        def look(row):
            client_id, kept, consent = row["clientId"], None, None
            if client_id in there:
                kept = kv.read_secret_metadata(f"{folder}/{client_id}")["data"]["custom_metadata"]
            if "client_credentials" in row["allowedGrantTypes"]:
                address = f"/api/v1/oauth-clients/{client_id}/connection-configs/me"
                consent = json.loads(bare.get(address).content)["consentMethod"]
            return kept, consent

        with ThreadPoolExecutor(WORKERS) as pool:
            looked = [*pool.map(look, rows)]
        return pd.DataFrame(rows).assign(kept=[kept for kept, _ in looked], consent=[told for _, told in looked])

    def ours():
        return qk.clients(tenant, store, consent=True)

    table = ours()
    assert len(table) == len(floor()) == count
    assert tuple(table.columns) == COLUMNS
    assert set(table["custody"]) == {"kv"}
    assert table["consent"].notna().all()
    seconds = interleaved({"httpx, hvac, json, pandas": floor, "qk.clients": ours}, ROUNDS_WITH_KEYS[quick])
    vault.adapter.close()
    yield compared(f"{count:,} clients listed with keys and consent, {WORKERS} side by side", seconds, goal=GOAL)


def rows(quick):
    for measure in (without_a_store, with_keys):
        with qk.sandbox.start() as box, connected(box, budget=boundless()) as (bare, tenant, store):
            yield from measure(box, bare, tenant, store, quick)


if __name__ == "__main__":
    main(rows)
