"""Pages of the sandbox's listings: the parameters, the order, the window and its cursors, and narrowed rows.

Listings of OAuth clients have their own window (`listing`), since there may be thousands, and so has the list of tokens
(`token_list`). A cursor names the row before or behind the page, so rows that come and go in the meantime neither
repeat nor hide another.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from qlik_keys.sandbox.simulator.messages import bad_request, strict_json
from qlik_keys.sandbox.simulator.rules.gate import decode_canonical

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MAXIMUM_LIMIT = 100
_DEFAULT_LIMIT = "20"


def page_document(
    rows: Sequence[dict[str, Any]], parameters: Mapping[str, str], *, address: str, limit: int
) -> dict[str, Any]:
    """Return one page of the rows, with links to the pages around it.

    Args:
        rows: all rows, filtered and sorted; each has an `id`.
        parameters: of the address; `next`, `prev`, `fields` and `totalResults` are used.
        address: the whole address of the listing.
        limit: the most rows of a page.

    Raises:
        Refusal: the cursor is not one of this tenant's, or both are given.
    """
    refuse_two_cursors(parameters)
    has_total = read_total(parameters)
    start, end = window([row["id"] for row in rows], parameters, limit)
    links = {"self": {"href": link(address, parameters)}}
    if start < end < len(rows):
        links["next"] = {"href": _page_link(address, parameters, "next", rows[end - 1]["id"])}
    if 0 < start < end:
        links["prev"] = {"href": _page_link(address, parameters, "prev", rows[start]["id"])}
    document: dict[str, Any] = {"data": [narrowed(row, parameters) for row in rows[start:end]], "links": links}
    if has_total:
        document["totalResults"] = len(rows)
    return document


def link(address: str, parameters: Mapping[str, str]) -> str:
    """Return an address with its parameters."""
    return address + ("?" + urlencode(parameters) if parameters else "")


def _page_link(address: str, parameters: Mapping[str, str], direction: str, row_id: str) -> str:
    kept = {name: value for name, value in parameters.items() if name not in ("next", "prev")}
    return link(address, kept | {direction: made_cursor([direction, row_id])})


def made_cursor(document: list[Any]) -> str:
    """Return a cursor that carries these JSON-ready values."""
    return urlsafe_b64encode(json.dumps(document, separators=(",", ":")).encode()).rstrip(b"=").decode()


def read_cursor(cursor: str) -> Any:
    """Return what a cursor carries, None where it is not one that `made_cursor` makes."""
    try:
        return strict_json(decode_canonical(cursor))
    except ValueError:
        return None


def known_parameters(parameters: dict[str, str], known: frozenset[str]) -> dict[str, str]:
    """Return the parameters, when all of them are known.

    Raises:
        Refusal: one is not.
    """
    if not parameters.keys() <= known:
        raise bad_request(f"The parameters are {', '.join(sorted(known))}.")
    return parameters


def read_limit(parameters: Mapping[str, str]) -> int:
    """Return how many rows a page may have.

    Raises:
        Refusal: `limit` is out of its range.
    """
    text = parameters.get("limit", _DEFAULT_LIMIT)
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= _MAXIMUM_LIMIT:
        raise bad_request(f"limit must be 1 to {_MAXIMUM_LIMIT}.")
    return int(text)


def read_total(parameters: Mapping[str, str]) -> bool:
    """Return whether the number of all rows is asked for.

    Raises:
        Refusal: `totalResults` is neither true nor false.
    """
    total = parameters.get("totalResults", "false")
    if total not in ("true", "false"):
        raise bad_request("totalResults must be true or false.")
    return total == "true"


def refuse_two_cursors(parameters: Mapping[str, str]) -> None:
    """Refuse a page that is both behind one cursor and before another.

    Raises:
        Refusal: both are given.
    """
    if "next" in parameters and "prev" in parameters:
        raise bad_request("next and prev exclude each other.")


def sorted_rows(
    rows: list[dict[str, Any]], parameters: Mapping[str, str], known: re.Pattern[str]
) -> list[dict[str, Any]]:
    """Return the rows in the order that `sort` names, or as they are.

    Raises:
        Refusal: they cannot be sorted by that.
    """
    # A plus sign that was not escaped reads as a blank in a query.
    sort = parameters.get("sort", "").replace(" ", "+", 1)
    if not sort:
        return rows
    if not known.fullmatch(sort):
        raise bad_request("sort is not one of the fields that can be sorted by.")
    field = {"_id": "id"}.get(sort.lstrip("+-"), sort.lstrip("+-"))
    return sorted(rows, key=lambda row: str(row.get(field, "")), reverse=sort[0] == "-")


def window(ids: Sequence[str], parameters: Mapping[str, str], limit: int) -> tuple[int, int]:
    """Return where the page begins and ends among the rows.

    Raises:
        Refusal: its cursor is not one of this tenant's.
    """
    for direction in ("next", "prev"):
        if direction not in parameters:
            continue
        named = parameters[direction]
        place = _place_of(named, direction) if named not in ids else named
        if place not in ids:
            raise bad_request("The cursor is not one of this tenant's.")
        if direction == "prev":
            return max(0, ids.index(place) - limit), ids.index(place)
        return ids.index(place) + 1, min(len(ids), ids.index(place) + 1 + limit)
    return 0, min(len(ids), limit)


def _place_of(cursor: str, direction: str) -> str:
    match read_cursor(cursor):
        case [str(kind), str(user_id)] if kind == direction:
            return user_id
    raise bad_request("The cursor is not one of this tenant's.")


def narrowed(row: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return the row with no other fields than those that are asked for."""
    if "fields" not in parameters:
        return row
    wanted = {name.strip() for name in parameters["fields"].split(",")}
    return {name: value for name, value in row.items() if name in wanted}
