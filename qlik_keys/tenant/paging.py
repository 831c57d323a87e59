"""Listings of the tenant's API, page by page (qlik-cloud-contract, "/api/v1/oauth-clients": `links.next.href`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from qlik_keys.errors import TenantProtocolError
from qlik_keys.tenant.url import target_on

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from qlik_keys.tenant.url import Query, QueryFields

Page = TypeVar("Page")
_MAXIMUM_PAGES = 100_000


def each_page(
    tenant_url: str, path: str, query: Query, fetch: Callable[[QueryFields], tuple[Page, str]]
) -> Iterator[Page]:
    """Yield the pages of a listing.

    Args:
        tenant_url: the normalised tenant URL.
        path: of the listing.
        query: of its first page.
        fetch: gets the page of a query, and returns it with the address of the next one, "" for none.

    Raises:
        TenantProtocolError: the pages go in a circle, or lead to another address.
    """
    asked = dict(query)
    seen: set[tuple[tuple[str, str | tuple[str, ...]], ...]] = set()
    while True:
        seen.add(tuple(sorted(asked.items())))
        page, address = fetch(asked)
        yield page
        if not address:
            return
        # The address is the whole next one; only what it asks for is taken, so that no bearer follows it away.
        target = target_on(tenant_url, path, address)
        if target is None or target[0].rstrip("/") != path.rstrip("/"):
            raise _lost("goes on at another address than it began", path)
        asked = target[1]
        if tuple(sorted(asked.items())) in seen or len(seen) > _MAXIMUM_PAGES:
            raise _lost("goes in a circle", path)


def _lost(words: str, path: str) -> TenantProtocolError:
    return TenantProtocolError(
        f"The tenant's list {path} {words}.",
        hint="Use the tenant's own host name, not an alias, and ask again.",
        method="GET",
        path=path,
    )
