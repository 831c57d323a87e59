"""Any call to the tenant's REST API, as `qlik raw` sends it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from qlik_keys.core.arguments import CALLBACK, MAPPING, TEXT, optional, require
from qlik_keys.core.origins import same_origin
from qlik_keys.core.redaction import Redactor
from qlik_keys.errors import ConfigurationError, TenantProtocolError
from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.http.known_refusals import WEB_PAGE, is_web_page
from qlik_keys.tenant.http.redirects import send_following
from qlik_keys.tenant.resources.paging import each_page
from qlik_keys.tenant.url import query_fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import httpx

    from qlik_keys.tenant.http.calls import Answer
    from qlik_keys.tenant.http.session import Session
    from qlik_keys.tenant.url import Query, QueryFields

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
METHODS: tuple[Method, ...] = ("GET", "POST", "PUT", "PATCH", "DELETE")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 5.6.2
_VERSIONED = re.compile(r"v\d+(/|$)")
_FRAMING = frozenset({"connection", "content-length", "host", "transfer-encoding"})  # RFC 9110 7.2, 8.6; RFC 9112
_LOOK_FIRST = dict.fromkeys(
    range(500, 600),
    "It is unknown whether the request took effect: check before you try again. The problem is in Qlik Cloud: see "
    "status.qlikcloud.com.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """What the tenant answered.

    Attributes:
        status: HTTP status.
        content: the body unmodified.
        content_type: its media type.
        redactor: redacts the media type where it is shown.
    """

    status: int
    content: bytes = field(repr=False)
    content_type: str = field(default="", repr=False)
    redactor: Redactor = field(default_factory=Redactor, repr=False, compare=False)

    def json(self) -> Any:
        """Return the body as JSON-ready values, None for an empty one.

        Raises:
            TenantProtocolError: it is no JSON.
        """
        found = _read_json(self)
        if isinstance(found, TenantProtocolError):
            raise found
        return found


def _read_json(answer: RawAnswer) -> Any:
    """Return the document, or the error, to be raised where no variable has the body or its type."""
    if not answer.content:
        return None
    try:
        return json.loads(answer.content)
    except (ValueError, RecursionError):
        kind = answer.redactor.server_text(answer.content_type) or "without a content type"
    if is_web_page(answer.content):
        return TenantProtocolError("The answer is a web page, not JSON.", hint=WEB_PAGE.hint, status=answer.status)
    return TenantProtocolError(f"The answer is not JSON ({kind}).", hint="Request it raw.", status=answer.status)


def raw_call(
    session: Session,
    auth: httpx.Auth,
    method: str,
    path: str,
    *,
    query: Query | None = None,
    body: Any = None,
    headers: Mapping[str, str] | None = None,
    on_refusal: Callable[[RawAnswer], None] | None = None,
) -> RawAnswer:
    """Send one call; see `QlikTenant.raw`."""
    require(TEXT, method=method, path=path)
    optional(MAPPING, query=query, headers=headers)
    optional(CALLBACK, on_refusal=on_refusal)
    verb = method.upper()
    if verb not in METHODS:
        raise ConfigurationError(f"Unknown method {method!r}.", hint=f"Use one of: {', '.join(METHODS).lower()}.")
    place, asked = api_path(session.url, path)
    call = Call(
        method=verb,
        path=place,
        tier=1 if verb == "GET" else 2,
        query={**asked, **_checked_query(query or {})},
        headers=_checked_headers(headers or {}),
        body=body,
        again="always" if verb == "GET" else "if_not_applied",
        hints={} if verb == "GET" else _LOOK_FIRST,
        on_refusal=None if on_refusal is None else lambda answer: on_refusal(_raw(session, answer)),
    )
    return _raw(session, send_following(session, call, auth) if verb == "GET" else session.send(call, auth))


def _raw(session: Session, answer: Answer) -> RawAnswer:
    return RawAnswer(
        status=answer.status,
        content=answer.content,
        content_type=answer.headers.get("content-type", ""),
        redactor=session.redactor,
    )


def _checked_query(query: Mapping[str, Any]) -> QueryFields:
    """Return the fields as texts; what is neither a text nor a number would be sent as Python writes it."""
    fields: QueryFields = {}
    for name, value in query.items():
        values = value if isinstance(value, list | tuple) else (value,)
        if not isinstance(name, str) or not all(isinstance(one, str | int | float) for one in values):
            raise TypeError("query must be a mapping of texts to texts or numbers, or to lists of them")
        written = tuple(one if isinstance(one, str) else json.dumps(one) for one in values)
        fields[name] = written if isinstance(value, list | tuple) else written[0]
    return fields


def _checked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers; HTTP libraries quote in their errors what they refuse, so it is refused here, unquoted."""
    for name, value in headers.items():
        require(TEXT, **{"a header's name": name, "a header's value": value})
        if not _HEADER_NAME.fullmatch(name) or not value.isascii() or not value.isprintable():
            raise ConfigurationError(
                "A header contains a character that is not allowed.", hint="Write it as NAME=value, in plain letters."
            )
        if name.lower() == "authorization":
            raise ConfigurationError(
                "The credential cannot be given as a header.",
                hint="Use a client or a context, or set QLIK_API_KEY: command lines are saved in histories and logs.",
            )
        if name.lower() in _FRAMING:
            raise ConfigurationError(
                f"The header {name} cannot be set: the connection sets it itself.", hint="Leave it out."
            )
    return {name.lower(): value for name, value in headers.items()}  # one of a name, however it is written


def raw_pages(
    session: Session,
    auth: httpx.Auth,
    path: str,
    *,
    query: Query | None = None,
    headers: Mapping[str, str] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the pages of a listing; see `QlikTenant.raw_pages`."""
    require(TEXT, path=path)
    optional(MAPPING, query=query, headers=headers)
    place, asked = api_path(session.url, path)

    def fetch(asked: QueryFields) -> tuple[dict[str, Any], str]:
        page = raw_call(session, auth, "get", place, query=asked, headers=headers).json()
        if not isinstance(page, dict) or not isinstance(page.get("data"), list):
            shown = session.redactor.redact(place)
            raise TenantProtocolError(
                f"The tenant answered GET {shown} with something that is not a list.",
                hint="Request it raw to see what it is.",
                method="GET",
                path=shown,
            )
        return page, next_page(page)

    return each_page(
        session,
        auth,
        place,
        {**asked, **_checked_query(query or {})},
        fetch,
        ids=lambda page: map(json.dumps, page["data"]),
    )


def next_page(page: Any) -> str:
    """Return the address of the page that follows a page of a listing, "" where none does."""
    links = page.get("links") if isinstance(page, dict) else None
    following = links.get("next") if isinstance(links, dict) else None
    address = following.get("href") if isinstance(following, dict) else None
    return address if isinstance(address, str) else ""


def api_path(tenant_url: str, path: str) -> tuple[str, QueryFields]:
    """Return path and query of a call: `v1/items` and `/api/v1/items` are the same.

    Raises:
        ConfigurationError: it is empty, or an address of another origin, or has a fragment.
    """
    given = path.strip()
    if not given or not given.isprintable() or "\\" in given:
        raise ConfigurationError("This is not a path of the API.", hint="Write it as v1/users/me.")
    method = given.split()[0]
    if method in METHODS and method != given:
        raise ConfigurationError(
            f"A path must not contain a method, but this one begins with {method}.",
            hint="Write only the path, v1/users/me; the method is given separately.",
        )
    if "#" in given:
        raise ConfigurationError("A path of the API must not contain `#`.", hint="Inside a name, write it as %23.")
    if "://" in given or given.startswith("//"):
        if not same_origin(given, tenant_url):
            raise ConfigurationError(
                "This address is not on the tenant. The credential was not sent there.",
                hint="Write only the path: v1/users/me.",
            )
        parts = urlsplit(given)
        given = parts.path + (f"?{parts.query}" if parts.query else "")
    parts = urlsplit(given)
    place = parts.path if parts.path.startswith("/") else f"/{parts.path}"
    if _VERSIONED.match(place.lstrip("/")):
        place = f"/api{place}"
    if ".." in place.split("/"):
        raise ConfigurationError("A path of the API must not contain `..`.", hint="Write it as v1/users/me.")
    return place, query_fields(parse_qsl(parts.query, keep_blank_values=True))
