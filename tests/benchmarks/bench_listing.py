"""10,000 clients into a DataFrame, against bare httpx and json over the same sandbox.

The floor fetches the same 100 pages one after the other (each page names the next) and parses them, and makes no table.
"""

from __future__ import annotations

import json

import httpx
from measure import interleaved, report

import qlik_keys as qk

CLIENTS = 10_000
GOAL = 1.2


def main() -> None:
    with qk.sandbox.start() as box:
        box.seed_clients(CLIENTS)
        headers = {"Authorization": f"Bearer {box.api_key}"}
        with (
            httpx.Client(base_url=box.tenant_url, headers=headers) as bare,
            qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        ):

            def floor() -> list[dict[str, object]]:
                rows, address = [], "/api/v1/oauth-clients?limit=100"
                while address:
                    page = json.loads(bare.get(address).content)
                    rows += page["data"]
                    address = page["links"].get("next", {}).get("href")
                return rows

            def ours() -> object:
                return qk.clients(tenant)

            assert len(floor()) == len(ours()) >= CLIENTS
            variants = {"floor: httpx and json": floor, "qk.clients": ours, "models alone": tenant.oauth_clients.list}
            report(f"{CLIENTS:,} clients, 100 pages", interleaved(variants, 7), goal=GOAL)


if __name__ == "__main__":
    main()
