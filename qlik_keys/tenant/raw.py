"""Any call to the tenant's REST API, as `qlik raw` sends it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from qlik_keys.errors import ConfigurationError, TenantProtocolError
from qlik_keys.origins import same_origin
from qlik_keys.tenant.calls import Call
from qlik_keys.tenant.redirects import send_following

if TYPE_CHECKING:
    from collections.abc import Mapping

    import httpx

    from qlik_keys.tenant.session import Session

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")
_VERSIONED = re.compile(r"v\d+(/|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """What the tenant answered.

    Attributes:
        status: HTTP status.
        content: the body as it came.
        content_type: its media type.
    """

    status: int
    content: bytes = field(repr=False)
    content_type: str = ""

    def json(self) -> Any:
        """Return the body as JSON-ready values, None for an empty one.

        Raises:
            TenantProtocolError: it is no JSON.
        """
        if not self.content:
            return None
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            pass
        raise TenantProtocolError(
            f"The answer is no JSON ({self.content_type or 'of no type'}).", hint="Take it raw.", status=self.status
        )


def raw_call(
    session: Session,
    auth: httpx.Auth,
    method: str,
    path: str,
    *,
    query: Mapping[str, str] | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
) -> RawAnswer:
    """Send one call; see `QlikTenant.raw`."""
    verb = method.upper()
    if verb not in METHODS:
        raise ConfigurationError(f"There is no method {method!r}.", hint=f"Use one of: {', '.join(METHODS).lower()}.")
    place, asked = api_path(session.url, path)
    call = Call(
        method=verb,
        path=place,
        tier=1 if verb == "GET" else 2,
        query={**asked, **(query or {})},
        headers=dict(headers or {}),
        body=body,
        again="always" if verb == "GET" else "if_not_applied",
    )
    answer = send_following(session, call, auth) if verb == "GET" else session.send(call, auth)
    return RawAnswer(status=answer.status, content=answer.content, content_type=answer.headers.get("content-type", ""))


def api_path(tenant_url: str, path: str) -> tuple[str, dict[str, str]]:
    """Return path and query of a call: `v1/items` and `/api/v1/items` are the same.

    Raises:
        ConfigurationError: it is empty, or an address of another origin.
    """
    given = path.strip()
    if not given or not given.isprintable() or "\\" in given:
        raise ConfigurationError("That is no path of the API.", hint="Write it as v1/users/me.")
    if "://" in given or given.startswith("//"):
        if not same_origin(given, tenant_url):
            raise ConfigurationError(
                "That address is not the tenant's; the credential stays here.",
                hint="Write the path alone: v1/users/me.",
            )
        parts = urlsplit(given)
        given = parts.path + (f"?{parts.query}" if parts.query else "")
    parts = urlsplit(given)
    place = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    if _VERSIONED.match(place.lstrip("/")):
        place = f"/api{place}"
    if ".." in place.split("/"):
        raise ConfigurationError("A path of the API has no `..` in it.", hint="Write it as v1/users/me.")
    return place, dict(parse_qsl(parts.query, keep_blank_values=True))
