"""/api/v1/audits: what happened on the tenant (qlik-cloud-contract, "Events"; qlik.dev, REST reference "Audits").

The events of OAuth clients and tokens are written as they happen, after a few of the days before the start. Assumed
here: that they need the role TenantAdmin, and a token `admin_classic`; 20 rows where no `limit` is given. Which key was
used is in no event. Qlik moves the names of these events from `com.qlik.…` to `com.qlik.core.…` (setting
`event_namespace`); what exactly follows the prefix is assumed.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from qlik_keys.sandbox.simulator.messages import (
    Refusal,
    Request,
    Response,
    bad_request,
    json_response,
    not_found,
    query_parameters,
)
from qlik_keys.sandbox.simulator.paging import known_parameters, page_document, read_limit, sorted_rows
from qlik_keys.sandbox.simulator.state import timestamp

if TYPE_CHECKING:
    from collections.abc import Iterator

    from qlik_keys.sandbox.simulator.settings import SandboxSettings
    from qlik_keys.sandbox.simulator.state import Event, State

PARAMETERS = frozenset({"eventTime", "eventType", "id", "limit", "next", "prev", "sort", "source", "userId"})
_SORT = re.compile("[+-](source|eventType|eventTime)")
_OAUTH = re.compile(r"com\.qlik\.(?:v1\.)?(oauth-(?:client|token)\..+)")
_HOUR = 3600
# Hours before the start, whose place among the users, and what happened.
_BEFORE = (
    (50, 1, "com.qlik.v1.app.created", "com.qlik/apps"),
    (27, 1, "com.qlik.user-session.begin", "com.qlik/edge-auth"),
    (26, 2, "com.qlik.v1.app.exported", "com.qlik/apps"),
    (3, 2, "com.qlik.user-session.begin", "com.qlik/edge-auth"),
)


class Audits:
    """The tenant's events; the caller holds its lock, and is an administrator.

    Args:
        state: the tenant's memory, which has its first users.
        base_url: its address.
    """

    def __init__(self, state: State, *, base_url: str) -> None:
        self._state = state
        self._address = f"{base_url}/api/v1/audits"
        people = list(state.users)
        for hours, person, event_type, source in _BEFORE:
            state.note(event_type, source=source, user_id=people[person], seconds_ago=hours * _HOUR)

    def list(self, request: Request, settings: SandboxSettings) -> Response:
        """Answer GET /audits, newest first.

        Raises:
            Refusal: the caller may not read events; or a parameter is wrong.
        """
        _refuse(settings)
        parameters = known_parameters(query_parameters(request), PARAMETERS)
        limit = read_limit(parameters)
        earliest, latest = (
            _range(parameters["eventTime"]) if "eventTime" in parameters else (float("-inf"), float("inf"))
        )
        asked = {"event_type": "eventType", "source": "source", "user_id": "userId"}
        wanted = {field: parameters[name] for field, name in asked.items() if name in parameters}
        ids = parameters["id"].split(",") if "id" in parameters else None
        rows = [
            self._document(event)
            for event in self._events(settings)
            if earliest <= event.time <= latest
            and all(getattr(event, field) == value for field, value in wanted.items())
            and (ids is None or event.event_id in ids)
        ]
        rows = sorted_rows(rows, parameters, _SORT)
        return json_response(200, page_document(rows, parameters, address=self._address, limit=limit))

    def one(self, event_id: str, settings: SandboxSettings) -> Response:
        """Answer GET /audits/{id}."""
        _refuse(settings)
        for event in self._events(settings):
            if event.event_id == event_id:
                return json_response(200, self._document(event))
        raise not_found()

    def types(self, settings: SandboxSettings) -> Response:
        """Answer GET /audits/types."""
        _refuse(settings)
        return json_response(200, {"data": sorted({event.event_type for event in self._events(settings)})})

    def _events(self, settings: SandboxSettings) -> Iterator[Event]:
        """Yield the events, newest first, under the names that the setting gives them."""
        for event in reversed(self._state.events):
            moved = _OAUTH.fullmatch(event.event_type)
            if moved is None or settings.event_namespace != "core":
                yield event
            if moved is not None and settings.event_namespace != "old":
                twin = str(UUID(int=UUID(event.event_id).int ^ 1))
                yield replace(event, event_id=twin, event_type=f"com.qlik.core.{moved[1]}")

    def _document(self, event: Event) -> dict[str, Any]:
        return {
            "id": event.event_id,
            "source": event.source,
            "contentType": "application/json",
            "eventType": event.event_type,
            "eventTime": timestamp(event.time),
            "tenantId": self._state.tenant_id,
            "userId": event.user_id,
            "data": dict(event.data),
            "links": {"self": {"href": f"{self._address}/{event.event_id}"}},
        }


def _refuse(settings: SandboxSettings) -> None:
    if settings.events_refused:
        raise Refusal(403, "HTTP-403", "Forbidden", "The caller may not read events.")


def _range(text: str) -> tuple[float, float]:
    """Return the two moments of a range, in seconds since 1970."""
    first, slash, last = text.partition("/")
    if slash:
        try:
            return _moment(first), _moment(last)
        except (ValueError, OverflowError):
            pass
    raise bad_request("eventTime is a range of two moments: 2026-11-28T06:00:00Z/2026-11-28T18:00:00Z.")


def _moment(text: str) -> float:
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
