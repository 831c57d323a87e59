"""Listings of the tenant's API, page by page (qlik-cloud-contract, "/api/v1/oauth-clients": `links.next.href`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from qlik_keys.errors import TenantProtocolError
from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.http.host_names import own_target, secret_in_address
from qlik_keys.tenant.resources.models import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Iterator

    import httpx

    from qlik_keys.tenant.http.session import Session
    from qlik_keys.tenant.resources.models import PageType
    from qlik_keys.tenant.url import Query, QueryFields

Page = TypeVar("Page")
_MAXIMUM_PAGES = 100_000
_MOST_STALE_PAGES = 10  # what is deleted in the meantime may leave a few pages empty


def pages_of(
    session: Session,
    auth: httpx.Auth,
    path: str,
    query: Query,
    model: type[PageType],
    *,
    ids: Callable[[PageType], Iterable[Hashable]],
) -> Iterator[PageType]:
    """Yield the pages of a listing as that model.

    Args:
        session: the conversation that they are asked in.
        auth: the credential.
        path: of the listing.
        query: of its first page.
        model: what a page is read into.
        ids: returns what tells the entries of a page from those of others.

    Raises:
        TenantProtocolError: as `each_page`, or a page is not what the contract says.
        TenantError: any other failure.
    """

    def fetch(asked: QueryFields) -> tuple[PageType, str]:
        answer = session.send(Call(method="GET", path=path, tier=1, query=asked, again="always"), auth)
        page = parse(model, answer.content, "GET", path)
        return page, page.links.next.href if page.links.next is not None else ""

    return each_page(session, auth, path, query, fetch, ids=ids)


def each_page(
    session: Session,
    auth: httpx.Auth,
    path: str,
    query: Query,
    fetch: Callable[[QueryFields], tuple[Page, str]],
    *,
    ids: Callable[[Page], Iterable[Hashable]],
) -> Iterator[Page]:
    """Yield the pages of a listing.

    Args:
        session: the conversation that they are asked in.
        auth: the credential.
        path: of the listing.
        query: of its first page.
        fetch: gets the page of a query, and returns it with the address of the next one, "" for none.
        ids: returns what tells the entries of a page from those of others.

    Raises:
        TenantProtocolError: the pages go in a circle, bring nothing new, or lead to another address or to one with a
            secret in it.
    """
    asked = dict(query)
    known: set[Hashable] = set()
    stale = 0
    seen: set[tuple[tuple[str, str | tuple[str, ...]], ...]] = set()
    while True:
        seen.add(tuple(sorted(asked.items())))
        page, address = fetch(asked)
        yield page
        if not address:
            return
        before = len(known)
        known.update(ids(page))
        stale = 0 if len(known) > before else stale + 1
        if stale >= _MOST_STALE_PAGES:
            raise _lost(session, f"had no new entries for {stale} pages", path)
        # The address is the whole next one; only what it asks for is taken, so that no bearer follows it away.
        target = own_target(session, auth, path, address)
        if target is None or target[0].rstrip("/") != path.rstrip("/"):
            del address, target, page
            raise _lost(session, "continues at another address than the one where it started", path)
        refusal = secret_in_address(session, address, path=path)
        if refusal is not None:
            del address, target, page
            raise refusal
        asked = target[1]
        if tuple(sorted(asked.items())) in seen or len(seen) > _MAXIMUM_PAGES:
            raise _lost(session, "repeats itself", path)


def _lost(session: Session, words: str, path: str) -> TenantProtocolError:
    path = session.redactor.redact(path)
    return TenantProtocolError(
        f"The tenant's list {path} {words}.",
        hint="Try again; check the proxy in between, and that the host is one of the tenant's host names.",
        method="GET",
        path=path,
    )
