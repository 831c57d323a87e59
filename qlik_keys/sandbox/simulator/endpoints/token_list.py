"""/api/v1/oauth-tokens: the list of living access tokens, and the end of one of them by its id.

As qlik.dev documents it (REST reference "OAuth tokens", its specification `oauth-tokens.json`): `limit` (1 to 100),
`page`, `sort` (only "userId", which is also the order without it) and `userId`; a row has `id`, `userId`, `tenantId`,
and perhaps `lastUsed`, `deviceType` and `description`; an administrator sees and revokes all users' tokens, anyone
else the own ones.

Not published, and assumed here: that tokens of machine-to-machine clients are in the list, as those of the client's bot
user (of the person, where one is impersonated), unless the setting `lists_machine_tokens` is off; that a row has no
`clientId`, unless `token_rows_name_client` is on; that a token's id is its `jti`; that `description` is the client's
name; that `deviceType` is left out, since no device is there; 20 rows where no `limit` is given; that another user's
tokens are an empty list to one who may not see them, since no 403 is documented for the list.
"""

from __future__ import annotations

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
from qlik_keys.sandbox.simulator.paging import known_parameters, link, made_cursor, read_cursor, read_limit
from qlik_keys.sandbox.simulator.state import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterable

    from qlik_keys.sandbox.simulator.access_tokens import AccessToken
    from qlik_keys.sandbox.simulator.settings import SandboxSettings
    from qlik_keys.sandbox.simulator.state import Caller, State

PARAMETERS = frozenset({"limit", "page", "sort", "userId"})

_Place = tuple[str, int]


class TokenList:
    """The access tokens of the tenant, as they are listed and revoked.

    Args:
        state: the tenant's memory.
        address: the whole address of the listing.
    """

    def __init__(self, state: State, *, address: str) -> None:
        self._state = state
        self._address = address

    def list(self, request: Request, caller: Caller, settings: SandboxSettings) -> Response:
        """Answer GET /, a page at a time; a page is named by the row before or behind it, so none repeats."""
        parameters = known_parameters(query_parameters(request), PARAMETERS)
        limit = read_limit(parameters)
        if parameters.get("sort", "userId") != "userId":
            raise bad_request("sort must be userId.")
        direction, place = _place(parameters["page"]) if "page" in parameters else ("next", ("", 0))
        rows = sorted(
            (one for one in self._listed(settings) if _is_seen(one, caller, parameters)),
            key=_key,
        )
        if direction == "next":
            start = sum(_key(one) <= place for one in rows)
            end = min(len(rows), start + limit)
        else:
            end = sum(_key(one) < place for one in rows)
            start = max(0, end - limit)
        shown = rows[start:end]
        links = {"self": {"href": link(self._address, parameters)}}
        if shown and end < len(rows):
            links["next"] = {"href": self._page("next", shown[-1], parameters)}
        if shown and start:
            links["prev"] = {"href": self._page("prev", shown[0], parameters)}
        return json_response(200, {"data": [self._row(one, settings) for one in shown], "links": links})

    def revoke(self, token_id: str, caller: Caller, settings: SandboxSettings) -> Response:
        """Answer DELETE /{tokenId}; a token that is not listed is not known here."""
        found = [one for one in self._listed(settings) if one.token_id == token_id]
        if not found:
            raise not_found()
        if not (caller.is_admin or found[0].user_id == caller.user.user_id):
            raise Refusal(403, "HTTP-403", "Forbidden", "Tokens of others need the role TenantAdmin.")
        self._state.tokens.revoke_by_id(token_id)
        return Response(status=204)

    def _listed(self, settings: SandboxSettings) -> Iterable[AccessToken]:
        living = self._state.tokens.living(now=self._state.now())
        if settings.lists_machine_tokens:
            return living
        return [one for one in living if not self._state.users[one.user_id].client_id]

    def _row(self, token: AccessToken, settings: SandboxSettings) -> dict[str, Any]:
        row = {
            "id": token.token_id,
            "userId": token.user_id,
            "tenantId": self._state.tenant_id,
            "description": token.client_name,
        }
        if settings.token_rows_name_client:
            row["clientId"] = token.client_id
        return row if token.last_used is None else {**row, "lastUsed": timestamp(token.last_used)}

    def _page(self, direction: str, token: AccessToken, parameters: dict[str, str]) -> str:
        return link(self._address, {**parameters, "page": made_cursor([direction, *_key(token)])})


def _is_seen(token: AccessToken, caller: Caller, parameters: dict[str, str]) -> bool:
    if not (caller.is_admin or token.user_id == caller.user.user_id):
        return False
    return token.user_id == parameters.get("userId", token.user_id)


def _key(token: AccessToken) -> _Place:
    return token.user_id, token.sequence


def _place(page: str) -> tuple[str, _Place]:
    match read_cursor(page):
        case [("next" | "prev") as direction, str(user_id), int(sequence)] if not isinstance(sequence, bool):
            return direction, (user_id, sequence)
    raise bad_request("page is not one of this tenant's.")
