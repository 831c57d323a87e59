"""/api/v1/users, /api/v1/tenants and /api/v1/api-keys: who is on the tenant (qlik.dev, REST references of these names).

Not published, and assumed here: that a caller who is no administrator finds itself alone among the users and its own
keys among the API keys; 20 rows where no `limit` is given; where `tenants/me` redirects to, as `users/me` does.
An API key is never in an answer, only its record is.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from qlik_keys.sandbox.gate import decode_canonical
from qlik_keys.sandbox.messages import (
    Request,
    Response,
    bad_request,
    json_response,
    not_found,
    query_parameters,
    strict_json,
)
from qlik_keys.sandbox.scim import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from qlik_keys.sandbox.state import ApiKeyRecord, Caller, State, User

USER_PARAMETERS = frozenset({"fields", "filter", "limit", "next", "prev", "sort", "totalResults"})
KEY_PARAMETERS = frozenset({"createdByUser", "endingBefore", "limit", "sort", "startingAfter", "status", "sub"})
# RFC 7644's operators that the reference names for each attribute.
_FILTERED: dict[str, tuple[str, ...]] = {"id": ("eq",), "status": ("eq",), "clientId": ("eq",)}
_FILTERED |= dict.fromkeys(("name", "email", "subject"), ("eq", "co"))
_USER_SORT = re.compile("[+-]?(name|_id|id|tenantId|clientId|status|subject|email|inviteExpiry|createdAt)")
_KEY_SORT = re.compile("[+-]?(createdByUser|sub|status|description|created)")
_MAXIMUM_LIMIT = 100
_DEFAULT_LIMIT = "20"


class Directory:
    """Answers about users, the tenant itself and API keys; the caller holds the tenant's lock.

    Args:
        state: the tenant's memory.
        base_url: its address.
    """

    def __init__(self, state: State, *, base_url: str) -> None:
        self._state = state
        self._base_url = base_url

    # users

    def users(self, request: Request, caller: Caller) -> Response:
        """Answer GET /users, a page at a time; a page is named by the row before or behind it."""
        parameters = _known(query_parameters(request), USER_PARAMETERS)
        limit = _limit(parameters)
        if parameters.get("totalResults", "false") not in ("true", "false"):
            raise bad_request("totalResults must be true or false.")
        if "next" in parameters and "prev" in parameters:
            raise bad_request("next and prev exclude each other.")
        seen = sorted(self._seen(caller), key=lambda user: user.sequence)
        rows = [self.user_document(user) for user in seen]
        if "filter" in parameters:
            fits = parse(parameters["filter"], attributes=_FILTERED)
            rows = [row for row in rows if fits({name: str(row.get(name, "")) for name in _FILTERED})]
        rows = _sorted(rows, parameters, _USER_SORT)
        start, end = _window([row["id"] for row in rows], parameters, limit)
        links = {"self": {"href": self._link("users", parameters)}}
        if start < end < len(rows):
            links["next"] = {"href": self._page(parameters, "next", rows[end - 1]["id"])}
        if 0 < start < end:
            links["prev"] = {"href": self._page(parameters, "prev", rows[start]["id"])}
        document: dict[str, Any] = {"data": [_narrowed(row, parameters) for row in rows[start:end]], "links": links}
        if parameters.get("totalResults") == "true":
            document["totalResults"] = len(rows)
        return json_response(200, document)

    def user(self, user_id: str, request: Request, caller: Caller) -> Response:
        """Answer GET /users/{id}."""
        parameters = _known(query_parameters(request), frozenset({"fields"}))
        user = self._state.users.get(user_id)
        if user is None or (user is not caller.user and not caller.is_admin):
            raise not_found()
        return json_response(200, _narrowed(self.user_document(user), parameters))

    def count(self, caller: Caller) -> Response:
        """Answer GET /users/actions/count."""
        return json_response(200, {"total": len(self._seen(caller))})

    def user_document(self, user: User) -> dict[str, Any]:
        """Return a user as the tenant shows it."""
        level = {"name": "TenantAdmin", "type": "default", "level": "admin"}
        document: dict[str, Any] = {
            "id": user.user_id,
            "tenantId": self._state.tenant_id,
            "status": user.status,
            "subject": user.subject,
            "name": user.name,
            "roles": list(user.roles),
            "assignedRoles": [{"id": f"role-{role}", **level, "name": role} for role in user.roles],
            "assignedGroups": [],
            "groups": [],
            "created": user.created_at,
            "createdAt": user.created_at,
            "lastUpdated": user.created_at,
            "lastUpdatedAt": user.created_at,
            "links": {"self": {"href": f"{self._base_url}/api/v1/users/{user.user_id}"}},
        }
        more = {"clientId": user.client_id, "email": user.email}
        return document | {name: value for name, value in more.items() if value}

    def _seen(self, caller: Caller) -> list[User]:
        users = self._state.users.values() if caller.is_admin else [caller.user]
        return [user for user in users if user.status != "deleted"]

    # the tenant

    def my_tenant(self) -> Response:
        """Answer GET /tenants/me."""
        return Response(status=307, headers=(("location", f"{self._base_url}/api/v1/tenants/{self._state.tenant_id}"),))

    def tenant(self, tenant_id: str) -> Response:
        """Answer GET /tenants/{id}."""
        if tenant_id != self._state.tenant_id:
            raise not_found()
        first = next(iter(self._state.users.values()))
        document = {
            "id": tenant_id,
            "name": "sandbox (no real tenant)",
            "hostnames": [urlsplit(self._base_url).netloc],
            "status": "active",
            "datacenter": "sandbox",
            "created": first.created_at,
            "lastUpdated": first.created_at,
            "createdByUser": first.user_id,
            "links": {"self": {"href": f"{self._base_url}/api/v1/tenants/{tenant_id}"}},
        }
        return json_response(200, document)

    # API keys

    def api_keys(self, request: Request, caller: Caller) -> Response:
        """Answer GET /api-keys, a page at a time; a page is named by the id of the key before or behind it."""
        parameters = _known(query_parameters(request), KEY_PARAMETERS)
        limit = _limit(parameters)
        if "startingAfter" in parameters and "endingBefore" in parameters:
            raise bad_request("startingAfter and endingBefore exclude each other.")
        if parameters.get("status", "active") not in ("active", "expired", "revoked"):
            raise bad_request("status must be active, expired or revoked.")
        asked = {name: parameters[name] for name in ("createdByUser", "status", "sub") if name in parameters}
        rows = [self._key_document(one) for one in self._state.api_keys if _is_seen(one, caller)]
        rows = [row for row in rows if all(row[name] == value for name, value in asked.items())]
        rows = _sorted(rows, {"sort": "-created", **parameters}, _KEY_SORT)
        places = {"next": parameters.get("startingAfter"), "prev": parameters.get("endingBefore")}
        start, end = _window(
            [row["id"] for row in rows], {name: id_ for name, id_ in places.items() if id_ is not None}, limit
        )
        links = {"self": {"href": self._link("api-keys", parameters)}}
        kept = {name: value for name, value in parameters.items() if name not in ("startingAfter", "endingBefore")}
        if start < end < len(rows):
            links["next"] = {"href": self._link("api-keys", kept | {"startingAfter": rows[end - 1]["id"]})}
        if 0 < start < end:
            links["prev"] = {"href": self._link("api-keys", kept | {"endingBefore": rows[start]["id"]})}
        return json_response(200, {"data": rows[start:end], "links": links})

    def api_key(self, key_id: str, caller: Caller) -> Response:
        """Answer GET /api-keys/{id}."""
        for one in self._state.api_keys:
            if one.key_id == key_id and _is_seen(one, caller):
                return json_response(200, self._key_document(one))
        raise not_found()

    def _key_document(self, one: ApiKeyRecord) -> dict[str, Any]:
        return {
            "id": one.key_id,
            "sub": one.user_id,
            "subType": "user",
            "tenantId": self._state.tenant_id,
            "description": one.description,
            "status": "active",
            "expiry": one.expiry,
            "created": one.created_at,
            "lastUpdated": one.created_at,
            "createdByUser": one.user_id,
        }

    def _page(self, parameters: Mapping[str, str], direction: str, user_id: str) -> str:
        kept = {name: value for name, value in parameters.items() if name not in ("next", "prev")}
        document = json.dumps([direction, user_id], separators=(",", ":")).encode()
        return self._link("users", kept | {direction: urlsafe_b64encode(document).rstrip(b"=").decode()})

    def _link(self, name: str, parameters: Mapping[str, str]) -> str:
        return f"{self._base_url}/api/v1/{name}" + ("?" + urlencode(parameters) if parameters else "")


def _is_seen(one: ApiKeyRecord, caller: Caller) -> bool:
    return caller.is_admin or one.user_id == caller.user.user_id


def _known(parameters: dict[str, str], known: frozenset[str]) -> dict[str, str]:
    if not parameters.keys() <= known:
        raise bad_request(f"The parameters are {', '.join(sorted(known))}.")
    return parameters


def _limit(parameters: Mapping[str, str]) -> int:
    text = parameters.get("limit", _DEFAULT_LIMIT)
    if not re.fullmatch(r"[0-9]{1,3}", text) or not 1 <= int(text) <= _MAXIMUM_LIMIT:
        raise bad_request(f"limit must be 1 to {_MAXIMUM_LIMIT}.")
    return int(text)


def _sorted(rows: list[dict[str, Any]], parameters: Mapping[str, str], known: re.Pattern[str]) -> list[dict[str, Any]]:
    # A plus sign that was not escaped reads as a blank in a query.
    sort = parameters.get("sort", "").replace(" ", "+", 1)
    if not sort:
        return rows
    if not known.fullmatch(sort):
        raise bad_request("sort is not one of the fields that can be sorted by.")
    field = {"_id": "id"}.get(sort.lstrip("+-"), sort.lstrip("+-"))
    return sorted(rows, key=lambda row: str(row.get(field, "")), reverse=sort[0] == "-")


def _window(ids: Sequence[str], parameters: Mapping[str, str], limit: int) -> tuple[int, int]:
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
    try:
        document = strict_json(decode_canonical(cursor))
    except ValueError:
        document = None
    match document:
        case [str(kind), str(user_id)] if kind == direction:
            return user_id
    raise bad_request("The cursor is not one of this tenant's.")


def _narrowed(row: dict[str, Any], parameters: Mapping[str, str]) -> dict[str, Any]:
    if "fields" not in parameters:
        return row
    wanted = {name.strip() for name in parameters["fields"].split(",")}
    return {name: value for name, value in row.items() if name in wanted}
