"""/api/v1/users, /api/v1/tenants and /api/v1/api-keys: who is on the tenant (qlik.dev, REST references of these names).

Not published, and assumed here: that a caller who is no administrator finds itself alone among the users and its own
keys among the API keys; that a token's `users` or `users:read` looks all users up, with few of their fields; 20 rows
where no `limit` is given; that no one deletes itself, and that the tokens and API keys of a deleted user end; where
`tenants/me` redirects to, as `users/me` does. An API key is never in an answer, only its record is.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from qlik_keys.sandbox.simulator.messages import (
    Refusal,
    Request,
    Response,
    bad_request,
    json_response,
    not_found,
    query_parameters,
)
from qlik_keys.sandbox.simulator.paging import (
    known_parameters,
    link,
    narrowed,
    page_document,
    read_limit,
    sorted_rows,
    window,
)
from qlik_keys.sandbox.simulator.rules.grants import (
    LOOKS_USERS_UP,
    READS_ALL_USERS,
    WRITES_ALL_USERS,
    has_one,
    require,
    sees_all,
)
from qlik_keys.sandbox.simulator.rules.scim import parse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.sandbox.simulator.state import ApiKeyRecord, Caller, State, User

USER_PARAMETERS = frozenset({"fields", "filter", "limit", "next", "prev", "sort", "totalResults"})
KEY_PARAMETERS = frozenset({"createdByUser", "endingBefore", "limit", "sort", "startingAfter", "status", "sub"})
# RFC 7644's operators that the reference names for each attribute.
_FILTERED: dict[str, tuple[str, ...]] = {"id": ("eq",), "status": ("eq",), "clientId": ("eq",)}
_FILTERED |= dict.fromkeys(("name", "email", "subject"), ("eq", "co"))
_USER_SORT = re.compile("[+-]?(name|_id|id|tenantId|clientId|status|subject|email|inviteExpiry|createdAt)")
# What a look-up shows of another user.
_LOOKED_UP = ("id", "tenantId", "status", "subject", "name", "email", "links")
_KEY_SORT = re.compile("[+-]?(createdByUser|sub|status|description|created)")


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
        parameters = known_parameters(query_parameters(request), USER_PARAMETERS)
        limit = read_limit(parameters)
        seen = sorted(self._seen(caller), key=lambda user: user.sequence)
        rows = [self._shown(user, caller) for user in seen]
        if "filter" in parameters:
            fits = parse(parameters["filter"], attributes=_FILTERED)
            rows = [row for row in rows if fits({name: str(row.get(name, "")) for name in _FILTERED})]
        rows = sorted_rows(rows, parameters, _USER_SORT)
        address = f"{self._base_url}/api/v1/users"
        return json_response(200, page_document(rows, parameters, address=address, limit=limit))

    def user(self, user_id: str, request: Request, caller: Caller) -> Response:
        """Answer GET /users/{id}."""
        parameters = known_parameters(query_parameters(request), frozenset({"fields"}))
        user = self._state.users.get(user_id)
        # A caller finds itself whatever its scopes: users/me leads here.
        if user is None or (user is not caller.user and user not in self._seen(caller)):
            raise not_found()
        return json_response(200, narrowed(self._shown(user, caller), parameters))

    def delete_user(self, user_id: str, caller: Caller) -> Response:
        """Answer DELETE /users/{id}, which also deletes the user's tokens."""
        require(caller, WRITES_ALL_USERS)
        if not sees_all(caller, WRITES_ALL_USERS):
            raise Refusal(403, "HTTP-403", "Forbidden", "This needs the role TenantAdmin.")
        user = self._state.users.get(user_id)
        if user is None:
            raise not_found()
        if user is caller.user:
            raise Refusal(403, "HTTP-403", "Forbidden", "A user cannot delete itself.")
        self._state.remove_user(user)
        return Response(status=204)

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
        require(caller, ("user_default", *LOOKS_USERS_UP, *READS_ALL_USERS))
        is_of_all = sees_all(caller, READS_ALL_USERS) or (caller.scopes is not None and has_one(caller, LOOKS_USERS_UP))
        users = self._state.users.values() if is_of_all else [caller.user]
        return [*users]

    def _shown(self, user: User, caller: Caller) -> dict[str, Any]:
        document = self.user_document(user)
        if user is caller.user or sees_all(caller, READS_ALL_USERS):
            return document
        return {name: value for name, value in document.items() if name in _LOOKED_UP}

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
            "hostnames": list(self._state.host_names),
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
        parameters = known_parameters(query_parameters(request), KEY_PARAMETERS)
        limit = read_limit(parameters)
        if "startingAfter" in parameters and "endingBefore" in parameters:
            raise bad_request("startingAfter and endingBefore exclude each other.")
        if parameters.get("status", "active") not in ("active", "expired", "revoked"):
            raise bad_request("status must be active, expired or revoked.")
        asked = {name: parameters[name] for name in ("createdByUser", "status", "sub") if name in parameters}
        rows = [self._key_document(one) for one in self._state.api_keys if _is_seen(one, caller)]
        rows = [row for row in rows if all(row[name] == value for name, value in asked.items())]
        rows = sorted_rows(rows, {"sort": "-created", **parameters}, _KEY_SORT)
        places = {"next": parameters.get("startingAfter"), "prev": parameters.get("endingBefore")}
        start, end = window(
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

    def _link(self, name: str, parameters: Mapping[str, str]) -> str:
        return link(f"{self._base_url}/api/v1/{name}", parameters)


def _is_seen(one: ApiKeyRecord, caller: Caller) -> bool:
    return caller.is_admin or one.user_id == caller.user.user_id
