"""Pages of a listing: keyset cursors, so that clients that come and go in the meantime neither repeat nor hide another.

A cursor names the last row that was shown, not a row number. It also carries filter and sort, and a request that adds
others than the cursor's is refused. Rows are JSON that was made once per change (`OAuthClient.row`).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import TYPE_CHECKING

from qlik_keys.sandbox.simulator.messages import bad_request
from qlik_keys.sandbox.simulator.paging import (
    link,
    made_cursor,
    read_cursor,
    read_limit,
    read_total,
    refuse_two_cursors,
)
from qlik_keys.sandbox.simulator.rules.scim import parse

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.sandbox.simulator.settings import SandboxSettings
    from qlik_keys.sandbox.simulator.state import OAuthClient, State

_DEFAULT_SORT = "+createdAt"
_REMEMBERED_LISTINGS = 16
_SORT = re.compile(r"[+-](clientId|clientName|appType|tenantId|createdAt|updatedAt)")

_Key = tuple[str, int]
_Listing = tuple[list[_Key], list["OAuthClient"]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Query:
    filter: str
    sort: str
    limit: int
    total: bool
    after: _Key | None = None
    before: _Key | None = None


class Listings:
    """Answers listings; the caller holds the tenant's lock.

    Args:
        state: the tenant's memory.
        address: the whole address of the listing, for the links.
    """

    def __init__(self, state: State, *, address: str) -> None:
        self._state = state
        self._address = address
        self._version = -1
        self._known: OrderedDict[tuple[str, str, bool], _Listing] = OrderedDict()

    def page(self, parameters: dict[str, str], row: Callable[[OAuthClient], bytes], settings: SandboxSettings) -> bytes:
        """Return one page as JSON.

        Args:
            parameters: of the address.
            row: returns a client as JSON, as the caller may see it.
            settings: how long a page is at most, and how filters compare.

        Raises:
            Refusal: a parameter is wrong.
        """
        query = _read(parameters)
        query = replace(query, limit=min(query.limit, settings.maximum_page_size))
        keys, clients = self._listing(query.filter, query.sort, is_exact=settings.filter_case == "exact")
        if query.before is not None:
            end = bisect_left(keys, query.before)
            start = max(0, end - query.limit)
        else:
            start = bisect_right(keys, query.after) if query.after is not None else 0
            end = min(len(keys), start + query.limit)
        links = {"self": {"href": link(self._address, parameters)}}
        if end < len(keys) and end > start:
            links["next"] = {"href": self._cursor("next", query, clients[end - 1])}
        if start > 0 and end > start:
            links["prev"] = {"href": self._cursor("prev", query, clients[start])}
        total = b',"totalResults":%d' % len(keys) if query.total else b""
        rows = b",".join([row(client) for client in clients[start:end]])
        return b'{"data":[' + rows + b'],"links":' + json.dumps(links, separators=(",", ":")).encode() + total + b"}"

    def _listing(self, filter_text: str, sort: str, *, is_exact: bool) -> _Listing:
        """Return the clients that fit, sorted, with their sort keys; the key of a descending sort runs backwards."""
        if self._version != self._state.version:
            self._known.clear()
            self._version = self._state.version
        found = self._known.get((filter_text, sort, is_exact))
        if found is None:
            found = self._sorted(filter_text, sort, is_exact=is_exact)
            self._known[filter_text, sort, is_exact] = found
            if len(self._known) > _REMEMBERED_LISTINGS:
                self._known.popitem(last=False)
        return found

    def _sorted(self, filter_text: str, sort: str, *, is_exact: bool) -> _Listing:
        attributes = [(self.attributes(client), client) for client in self._state.clients.values()]
        if filter_text:
            fits = parse(filter_text, is_exact=is_exact)
            attributes = [(own, client) for own, client in attributes if fits(own)]
        keyed = sorted(
            ((_sort_key(sort, own[sort[1:]], client.sequence), client) for own, client in attributes),
            key=itemgetter(0),
        )
        return [key for key, _ in keyed], [client for _, client in keyed]

    def attributes(self, client: OAuthClient) -> dict[str, str]:
        """Return what a client can be filtered and sorted by."""
        return {
            "clientId": client.client_id,
            "clientName": client.fields["clientName"],
            "appType": client.fields["appType"],
            "tenantId": self._state.tenant_id,
            "createdByType": client.created_by_type,
            "createdAt": client.created_at,
            "updatedAt": client.updated_at,
        }

    def _cursor(self, direction: str, query: _Query, client: OAuthClient) -> str:
        value = self.attributes(client)[query.sort[1:]]
        token = made_cursor([direction, query.filter, query.sort, value, client.sequence])
        parameters = {direction: token, "limit": str(query.limit)}
        if query.total:
            parameters["totalResults"] = "true"
        return link(self._address, parameters)


def _sort_key(sort: str, value: str, sequence: int) -> _Key:
    """Return what a row is sorted by; for a descending sort, a text that sorts the other way round.

    That is each character's complement, and behind them a terminator above all others.
    """
    if sort[0] == "-":
        value = "".join(chr(max(0, 0x10FFFE - ord(character))) for character in value) + "\U0010ffff"
    return value, sequence


def _read(parameters: dict[str, str]) -> _Query:
    limit, total = read_limit(parameters), read_total(parameters)
    # A plus sign that was not escaped reads as a blank in a query.
    sort = parameters.get("sort", "").replace(" ", "+", 1)
    if sort and not _SORT.fullmatch(sort):
        raise bad_request(
            "sort must be + or - and one of clientId, clientName, appType, tenantId, createdAt, updatedAt."
        )
    filter_text = parameters.get("filter", "")
    if "filter" in parameters:
        parse(filter_text)
    refuse_two_cursors(parameters)
    for direction in ("next", "prev"):
        if direction in parameters:
            known_filter, known_sort, key = _place(parameters[direction], direction)
            if parameters.get("filter", known_filter) != known_filter or (sort or known_sort) != known_sort:
                raise bad_request(f"The cursor {direction} is of a listing with another filter or sort.")
            place = {"after": key} if direction == "next" else {"before": key}
            return _Query(filter=known_filter, sort=known_sort, limit=limit, total=total, **place)
    return _Query(filter=filter_text, sort=sort or _DEFAULT_SORT, limit=limit, total=total)


def _place(token: str, direction: str) -> tuple[str, str, _Key]:
    document = read_cursor(token)
    if isinstance(document, list) and len(document) == 5:  # noqa: PLR2004  # as `_cursor` makes it
        kind, filter_text, sort, value, sequence = document
        texts = all(isinstance(one, str) for one in (kind, filter_text, sort, value))
        whole = isinstance(sequence, int) and not isinstance(sequence, bool)
        if texts and whole and kind == direction and _SORT.fullmatch(sort):
            if filter_text:
                parse(filter_text)
            return filter_text, sort, _sort_key(sort, value, sequence)
    raise bad_request(f"The cursor {direction} is not one of this tenant's.")
