"""/api/v1/spaces, /apps, /items and /reloads: what an analyst looks for on a tenant (qlik.dev, REST references).

The content is the same on every start but for its ids. Not published, and assumed here: which scopes each call needs
(`grants`); that a caller who is no administrator reads its own content and what is in spaces that all may read; that
`GET /apps` lists apps, with the parameters of `/items` (the reference lists apps by `/items?resourceType=app`); 20 rows
where no `limit` is given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from qlik_keys.sandbox.simulator.messages import (
    Request,
    Response,
    bad_request,
    json_response,
    not_found,
    query_parameters,
)
from qlik_keys.sandbox.simulator.paging import known_parameters, page_document, read_limit, sorted_rows
from qlik_keys.sandbox.simulator.rules.grants import (
    READS_ALL_APPS,
    READS_ALL_SPACES,
    READS_APPS,
    SPACE_TYPES,
    all_space_scopes,
    require,
    sees_all,
    space_types,
)
from qlik_keys.sandbox.simulator.rules.scim import parse
from qlik_keys.sandbox.simulator.state import random_id, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from qlik_keys.sandbox.simulator.state import Caller, State

SPACE_PARAMETERS = frozenset({"filter", "limit", "name", "next", "ownerId", "prev", "sort", "type"})
ITEM_PARAMETERS = frozenset({"limit", "name", "next", "ownerId", "prev", "query", "resourceType", "sort", "spaceId"})
APP_PARAMETERS = ITEM_PARAMETERS - {"resourceType"}
RELOAD_PARAMETERS = frozenset({"appId", "limit", "next", "prev"})
_SPACE_SORT = re.compile("[+-]?(type|name|createdAt)")
_ITEM_SORT = re.compile("[+-](name|createdAt|updatedAt)")
_DAY = 24 * 3600
# Name, type, the owner's place among the users, whether everybody may read it.
_SPACES = (
    ("Sales", "shared", 1, True),
    ("Finance", "shared", 1, False),
    ("Published reports", "managed", 0, True),
    ("Raw data", "data", 2, True),
)
# Name, what it is, the space's place (None for a personal app), the owner's place, days since it was made and since its
# last reload (None for never), and how that ended.
_APPS = (
    ("Sales overview", "Orders by month and region", 0, 1, 210, 0, "SUCCEEDED"),
    ("Sales forecast", "Next quarter, by a model", 0, 2, 75, 1, "SUCCEEDED"),
    ("Invoices", "Open invoices and who has to pay", 1, 1, 320, 0, "FAILED"),
    ("Budget 2027", "Plan against actual figures", 1, 1, 30, 6, "SUCCEEDED"),
    ("Monthly report", "What the board reads", 2, 0, 400, 2, "SUCCEEDED"),
    ("Customer churn", "Who leaves, and when", 2, 0, 150, 40, "SUCCEEDED"),
    ("Linus's scratchpad", "", None, 2, 12, None, ""),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A row of the tenant's content, and who may read it apart from an administrator."""

    document: dict[str, Any]
    owner_id: str
    open_to_all: bool

    def is_seen(self, caller: Caller) -> bool:
        return self.open_to_all or self.owner_id == caller.user.user_id


class Content:
    """Spaces, apps, items and reloads; the caller holds the tenant's lock.

    Args:
        state: the tenant's memory, which has its first users.
        base_url: its address.
    """

    def __init__(self, state: State, *, base_url: str) -> None:
        self._base_url = base_url
        people = list(state.users)
        now = state.now()
        self._spaces = [
            _space(place, owner=people[owner], tenant_id=state.tenant_id, open_to_all=open_to_all, now=now)
            for place, (_, _, owner, open_to_all) in enumerate(_SPACES)
        ]
        self._apps: list[_Kept] = []
        self._items: list[_Kept] = []
        self._reloads: list[_Kept] = []
        for place in range(len(_APPS)):
            self._add_app(place, people, tenant_id=state.tenant_id, now=now)

    def _add_app(self, place: int, people: Sequence[str], *, tenant_id: str, now: float) -> None:
        name, description, space, owner, age, last, ended = _APPS[place]
        owner_id, home = people[owner], self._spaces[space] if space is not None else None
        app_id, made = str(UUID(random_id())), timestamp(now - age * _DAY)
        reloaded = "" if last is None else timestamp(now - last * _DAY - place * 600)
        space_id = "" if home is None else home.document["id"]

        def keep(document: dict[str, Any]) -> _Kept:
            is_open = home is not None and home.open_to_all
            return _Kept(document=document, owner_id=owner_id, open_to_all=is_open)

        common = {"name": name, "description": description, "ownerId": owner_id, "spaceId": space_id}
        app = {"id": app_id, **common, "createdDate": made, "modifiedDate": reloaded or made, "published": space == 2}  # noqa: PLR2004  # the managed one
        self._apps.append(keep(app | ({"lastReloadTime": reloaded} if reloaded else {})))
        self._items.append(
            keep(
                {
                    "id": random_id()[:24],
                    **common,
                    "resourceType": "app",
                    "resourceId": app_id,
                    "tenantId": tenant_id,
                    "creatorId": owner_id,
                    "createdAt": made,
                    "updatedAt": reloaded or made,
                }
            )
        )
        if reloaded:
            row = {"id": random_id()[:24], "appId": app_id, "tenantId": tenant_id, "userId": owner_id, "status": ended}
            failed = {"errorCode": "EngineError", "errorMessage": "Field not found: DueDate"}
            times = {"creationTime": reloaded, "startTime": reloaded, "endTime": reloaded}
            self._reloads.append(keep({**row, "type": "chronos", **times} | (failed if ended == "FAILED" else {})))

    # spaces

    def spaces(self, request: Request, caller: Caller) -> Response:
        """Answer GET /spaces."""
        parameters = known_parameters(query_parameters(request), SPACE_PARAMETERS)
        limit = read_limit(parameters)
        rows = [one.document for one in self._seen_spaces(caller)]
        if "filter" in parameters:
            fits = parse(parameters["filter"], attributes={"name": ("eq",)})
            rows = [row for row in rows if fits({"name": row["name"]})]
        if "type" in parameters:
            kinds = parameters["type"].split(",")
            if not set(kinds) <= set(SPACE_TYPES):
                raise bad_request(f"type is one or several of {', '.join(SPACE_TYPES)}.")
            rows = [row for row in rows if row["type"] in kinds]
        rows = _matching(rows, parameters, exact=("ownerId",))
        rows = sorted_rows(rows, parameters, _SPACE_SORT)
        return self._page("spaces", rows, parameters, limit)

    def space(self, space_id: str, caller: Caller) -> Response:
        """Answer GET /spaces/{id}."""
        return _one(self._seen_spaces(caller), space_id)

    def _seen_spaces(self, caller: Caller) -> list[_Kept]:
        if sees_all(caller, READS_ALL_SPACES):
            return self._spaces
        require(caller, (*all_space_scopes(), *READS_ALL_SPACES))
        kinds = space_types(caller)
        return [one for one in self._spaces if one.is_seen(caller) and one.document["type"] in kinds]

    # apps

    def apps(self, request: Request, caller: Caller) -> Response:
        """Answer GET /apps."""
        parameters = known_parameters(query_parameters(request), APP_PARAMETERS)
        limit = read_limit(parameters)
        renamed = {"createdAt": "createdDate", "updatedAt": "modifiedDate"}
        rows = _matching(_documents(self._apps, caller), parameters, exact=("ownerId", "spaceId"))
        if "sort" in parameters:
            rows = [{**row, **{old: row[new] for old, new in renamed.items()}} for row in rows]
            rows = sorted_rows(rows, parameters, _ITEM_SORT)
            rows = [{name: value for name, value in row.items() if name not in renamed} for row in rows]
        return self._page("apps", rows, parameters, limit)

    def app(self, app_id: str, caller: Caller) -> Response:
        """Answer GET /apps/{id}: the app's attributes and what the caller may do with it."""
        return _one(
            _readable(self._apps, caller), app_id, shape=lambda row: {"attributes": row, "privileges": ["read"]}
        )

    def items(self, request: Request, caller: Caller) -> Response:
        """Answer GET /items; the sandbox's only items are apps."""
        parameters = known_parameters(query_parameters(request), ITEM_PARAMETERS)
        limit = read_limit(parameters)
        rows = _documents(self._items, caller)
        rows = _matching(rows, parameters, exact=("ownerId", "resourceType", "spaceId"))
        return self._page("items", sorted_rows(rows, parameters, _ITEM_SORT), parameters, limit)

    def item(self, item_id: str, caller: Caller) -> Response:
        """Answer GET /items/{id}."""
        return _one(_readable(self._items, caller), item_id)

    def reloads(self, request: Request, caller: Caller) -> Response:
        """Answer GET /reloads; only an administrator may ask for those of all apps."""
        parameters = known_parameters(query_parameters(request), RELOAD_PARAMETERS)
        limit = read_limit(parameters)
        rows = _documents(self._reloads, caller)
        if "appId" in parameters:
            rows = [row for row in rows if row["appId"] == parameters["appId"]]
        elif not sees_all(caller, READS_ALL_APPS):
            raise bad_request("appId is needed; only an administrator may leave it out.")
        return self._page("reloads", rows, parameters, limit)

    def reload(self, reload_id: str, caller: Caller) -> Response:
        """Answer GET /reloads/{id}."""
        return _one(_readable(self._reloads, caller), reload_id)

    def _page(self, name: str, rows: list[dict[str, Any]], parameters: dict[str, str], limit: int) -> Response:
        address = f"{self._base_url}/api/v1/{name}"
        return json_response(200, page_document(rows, parameters, address=address, limit=limit))


def _space(place: int, *, owner: str, tenant_id: str, open_to_all: bool, now: float) -> _Kept:
    name, kind, *_ = _SPACES[place]
    made = timestamp(now - (400 - place * 60) * _DAY)
    document = {
        "id": random_id()[:24],
        "type": kind,
        "name": name,
        "description": "",
        "ownerId": owner,
        "tenantId": tenant_id,
        "createdBy": owner,
        "createdAt": made,
        "updatedAt": made,
    }
    return _Kept(document=document, owner_id=owner, open_to_all=open_to_all)


def _readable(kept: list[_Kept], caller: Caller) -> list[_Kept]:
    if sees_all(caller, READS_ALL_APPS):
        return kept
    require(caller, (*READS_APPS, *READS_ALL_APPS))
    return [one for one in kept if one.is_seen(caller)]


def _documents(kept: list[_Kept], caller: Caller) -> list[dict[str, Any]]:
    return [one.document for one in _readable(kept, caller)]


def _matching(
    rows: Iterable[dict[str, Any]], parameters: dict[str, str], *, exact: tuple[str, ...]
) -> list[dict[str, Any]]:
    """Return the rows of which the exact fields are as asked for, and whose name or description holds the text."""
    asked = {name: parameters[name] for name in exact if name in parameters}
    name, text = parameters.get("name", "").casefold(), parameters.get("query", "").casefold()
    return [
        row
        for row in rows
        if all(row[field] == value for field, value in asked.items())
        and name in row["name"].casefold()
        and (text in row["name"].casefold() or text in row["description"].casefold())
    ]


def _one(kept: Iterable[_Kept], row_id: str, *, shape: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Response:
    for one in kept:
        if one.document["id"] == row_id:
            return json_response(200, shape(one.document))
    raise not_found()
