"""10,000 clients into a DataFrame, against bare httpx and json over the same sandbox, which is a process of its own.

The floor does the least that ends in a table: it fetches the same 100 pages one after the other (each names the next)
over one connection, reads them with `json`, and hands the rows to pandas as they are. It checks nothing, repeats
nothing, keeps no budget; its dates are texts, its lists lists, and it finds nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pandas as pd
from measure import compared, interleaved, main

import qlik_keys as qk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from measure import Row

CLIENTS = 10_000
GOAL = 1.2
# With 100 calls for each listing this stays within the local budget of 5,000 in five minutes.
ROUNDS, QUICK_ROUNDS = 15, 2


def rows(quick: bool) -> Iterator[Row]:
    with qk.sandbox.start() as box:
        box.seed_clients(CLIENTS)
        headers = {"Authorization": f"Bearer {box.api_key}"}
        with (
            httpx.Client(base_url=box.tenant_url, headers=headers) as bare,
            qk.QlikTenant(box.tenant_url, credential=qk.ApiKey(box.api_key)) as tenant,
        ):

            def floor() -> pd.DataFrame:
                found, address = [], "/api/v1/oauth-clients?limit=100"
                while address:
                    page = json.loads(bare.get(address).content)
                    found += page["data"]
                    address = page["links"].get("next", {}).get("href")
                return pd.DataFrame(found)

            def ours() -> pd.DataFrame:
                return qk.clients(tenant)

            assert len(floor()) == len(ours()) >= CLIENTS
            variants = {
                "httpx, json, pandas": floor,
                "qk.clients": ours,
                "overviews alone": lambda: [*tenant.oauth_clients.overviews()],
            }
            seconds = interleaved(variants, QUICK_ROUNDS if quick else ROUNDS)
            yield compared(f"{CLIENTS:,} clients listed, 100 pages", seconds, goal=GOAL, others=["overviews alone"])


if __name__ == "__main__":
    main(rows)
