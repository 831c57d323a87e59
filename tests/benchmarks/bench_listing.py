"""Clients into a DataFrame, against the same requests bare, over the same sandbox, which is a process of its own.

10,000 clients without a store: the floor does the least that ends in a table. It fetches the same 100 pages one after
the other (each names the next) over one connection, reads them with `json`, and hands the rows to pandas as they are.
It checks nothing, repeats nothing, keeps no budget; its dates are texts, its lists lists, and it finds nothing.

2,000 clients that all have keys in Vault, with consent: the floor asks the same again, by httpx and hvac, with as many
threads as we have, and puts the answers next to the rows.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import hvac
import pandas as pd
from measure import compared, interleaved, main

import qlik_keys as qk
from qlik_keys.core.side_by_side import WORKERS
from qlik_keys.inventory.tables import COLUMNS
from qlik_keys.tenant import RateBudget

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Row

CLIENTS, QUICK_CLIENTS = 10_000, 2_000
WITH_KEYS, QUICK_WITH_KEYS = 2_000, 60
GOAL = 1.2
ROUNDS, QUICK_ROUNDS = 11, 1
ROUNDS_WITH_KEYS, QUICK_ROUNDS_WITH_KEYS = 7, 1


def listed(bare: httpx.Client) -> list[dict[str, Any]]:
    """Return the rows of all pages."""
    found, address = [], "/api/v1/oauth-clients?limit=100"
    while address:
        page = json.loads(bare.get(address).content)
        found += page["data"]
        address = page["links"].get("next", {}).get("href")
    return found


def without_a_store(box: qk.sandbox.Sandbox, bare: httpx.Client, tenant: qk.QlikTenant, quick: bool) -> Iterator[Row]:
    def floor() -> pd.DataFrame:
        return pd.DataFrame(listed(bare))

    def ours() -> pd.DataFrame:
        return qk.clients(tenant, consent=False)

    count = QUICK_CLIENTS if quick else CLIENTS
    box.seed_clients(count)
    assert len(floor()) == len(ours()) >= count
    variants = {
        "httpx, json, pandas": floor,
        "qk.clients": ours,
        "overviews alone": lambda: [*tenant.oauth_clients.overviews()],
    }
    # Ten thousand rows are enough objects for Python's garbage collector to run, which it does less for ours.
    for collects_garbage, words in ((True, f"{count // 100} pages"), (False, "garbage collector off")):
        rounds = QUICK_ROUNDS if quick else ROUNDS
        seconds = interleaved(variants, rounds, collects_garbage=collects_garbage)
        yield compared(f"{count:,} clients listed, {words}", seconds, goal=GOAL, others=["overviews alone"])


def with_keys(box: qk.sandbox.Sandbox, bare: httpx.Client, tenant: qk.QlikTenant, quick: bool) -> Iterator[Row]:
    count = QUICK_WITH_KEYS if quick else WITH_KEYS
    box.seed_clients(count)
    vault = hvac.Client(url=box.vault_url, token=box.vault_token)
    adapter = vault.adapter.session.get_adapter(box.vault_url)
    adapter.init_poolmanager(1, WORKERS)
    with qk.VaultKeyStore(box.vault_url, token=box.vault_token) as store:
        folder = f"qlik-keys/{tenant.host}"
        clients = [client for page in tenant.oauth_clients.overviews() for client in page]

        def seed(client: dict[str, Any]) -> None:
            """Write what a summary reads, and a document of a record's size."""
            client_id, kid = client["client_id"], next((key["kid"] for key in client["public_keys"]), "")
            dates = {"made_on": "2026-11-01T00:00:00Z", "rotate_by": "2027-11-01T00:00:00Z"}
            metadata = {"client_name": "seeded", "custody": "kv", "kid": kid, **dates}
            metadata = {name: text for name, text in metadata.items() if text}
            vault.secrets.kv.v2.update_metadata(f"{folder}/{client_id}", custom_metadata=metadata)
            vault.secrets.kv.v2.create_or_update_secret(f"{folder}/{client_id}", secret={"keys": "k" * 600}, cas=0)

        with ThreadPoolExecutor(WORKERS) as pool:
            [*pool.map(seed, clients)]

        def floor() -> pd.DataFrame:
            rows = listed(bare)
            there = set(vault.secrets.kv.v2.list_secrets(folder)["data"]["keys"])

            def look(row: dict[str, Any]) -> tuple[dict[str, Any], Any]:
                client_id = row["clientId"]
                kept = None
                if client_id in there:
                    kept = vault.secrets.kv.v2.read_secret_metadata(f"{folder}/{client_id}")["data"]["custom_metadata"]
                consent = None
                if "client_credentials" in row["allowedGrantTypes"]:
                    address = f"/api/v1/oauth-clients/{client_id}/connection-configs/me"
                    consent = json.loads(bare.get(address).content)["consentMethod"]
                return kept, consent

            with ThreadPoolExecutor(WORKERS) as pool:
                looked = [*pool.map(look, rows)]
            return pd.DataFrame(rows).assign(kept=[kept for kept, _ in looked], consent=[told for _, told in looked])

        def ours() -> pd.DataFrame:
            return qk.clients(tenant, store, consent=True)

        table = ours()
        assert len(table) == len(floor()) == count
        assert tuple(table.columns) == COLUMNS
        assert set(table["custody"]) == {"kv"}
        assert table["consent"].notna().all()
        seconds = interleaved(
            {"httpx, hvac, json, pandas": floor, "qk.clients": ours},
            QUICK_ROUNDS_WITH_KEYS if quick else ROUNDS_WITH_KEYS,
        )
    adapter.close()
    yield compared(f"{count:,} clients listed with keys and consent, {WORKERS} side by side", seconds, goal=GOAL)


def rows(quick: bool) -> Iterator[Row]:
    for measure in (without_a_store, with_keys):
        with qk.sandbox.start() as box:
            headers = {"Authorization": f"Bearer {box.api_key}"}
            boundless = RateBudget(limits_per_minute={1: 10**6, 2: 10**6})  # the sandbox sets no limit here
            with (
                httpx.Client(base_url=box.tenant_url, headers=headers) as bare,
                qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key), budget=boundless) as tenant,
            ):
                yield from measure(box, bare, tenant, quick)


if __name__ == "__main__":
    main(rows)
