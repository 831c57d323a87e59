"""The sandbox tenant: a Qlik Cloud tenant on loopback that enforces qlik-cloud-contract. Request in, response out.

Pure but for its memory: no socket, no thread, no sleep; the doors (`asgi`, `transport`) bring requests here, wait out
the latency and cut connections. It knows nothing of the product: it must not be able to share the product's mistakes.
Every answer carries the header `x-qlik-keys-sandbox`. Its log and its request log name method, known path, known query
parameters and status, and hold no body, header or unknown text.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import deque
from dataclasses import asdict, dataclass, replace
from email.utils import formatdate
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from qlik_keys.core.clock import SYSTEM_CLOCK, Clock
from qlik_keys.sandbox.simulator.endpoints.audits import PARAMETERS as AUDIT_PARAMETERS
from qlik_keys.sandbox.simulator.endpoints.audits import Audits
from qlik_keys.sandbox.simulator.endpoints.clients import ClientsEndpoint
from qlik_keys.sandbox.simulator.endpoints.content import (
    APP_PARAMETERS,
    ITEM_PARAMETERS,
    RELOAD_PARAMETERS,
    SPACE_PARAMETERS,
    Content,
)
from qlik_keys.sandbox.simulator.endpoints.directory import KEY_PARAMETERS, USER_PARAMETERS, Directory
from qlik_keys.sandbox.simulator.endpoints.token_list import PARAMETERS, TokenList
from qlik_keys.sandbox.simulator.endpoints.tokens import TokenEndpoint
from qlik_keys.sandbox.simulator.messages import (
    MAXIMUM_BODY_BYTES,
    SANDBOX_HEADER,
    ErrorStyle,
    Refusal,
    Request,
    Response,
    json_response,
)
from qlik_keys.sandbox.simulator.routes import KNOWN_PATHS, Route, find_route
from qlik_keys.sandbox.simulator.rules.rates import RateLimits
from qlik_keys.sandbox.simulator.rules.versions import HEADER as VERSION_HEADER
from qlik_keys.sandbox.simulator.rules.versions import deprecation_headers, requested_version
from qlik_keys.sandbox.simulator.settings import LOST_ANSWER, LOST_REQUEST, Fault, SandboxSettings
from qlik_keys.sandbox.simulator.state import TENANT_ADMIN, Caller, State, User, random_id

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger(__name__)
_REDACTED = "•••"
_BOT = "qlikbot\\"
_LOGGED_QUERY = {
    "clients": frozenset({"filter", "limit", "next", "prev", "sort", "totalResults"}),
    "tokens": PARAMETERS,
    "users": USER_PARAMETERS,
    "api_keys": KEY_PARAMETERS,
    "spaces": SPACE_PARAMETERS,
    "apps": APP_PARAMETERS,
    "items": ITEM_PARAMETERS,
    "reloads": RELOAD_PARAMETERS,
    "audits": AUDIT_PARAMETERS,
}
_REMEMBERED_REQUESTS = 100_000
# Who is on the tenant in addition to the administrator; no one knows their keys.
_PEOPLE: dict[str, tuple[str, ...]] = {"Grace Example": (), "Linus Example": ("Developer",)}
_BEARER_CHALLENGE = (("www-authenticate", "Bearer"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One line of the request log.

    Attributes:
        time: the tenant's time, seconds since 1970-01-01 UTC.
        method: HTTP method.
        path: of a known route; anything else is redacted, since it may hold a secret.
        query: of known parameters; others are redacted.
        status: that was answered, also when the answer was then lost.
        api_version: that was asked for, "" for none.
        tier: rate-limit tier, 0 for an unknown path.
        caller: id of the user, "" for none.
        fault: "lost_answer", "lost_request", a status as text, or "".
        trace_id: as in an error body.
    """

    time: float
    method: str
    path: str
    query: dict[str, str]
    status: int
    api_version: str
    tier: int
    caller: str
    fault: str
    trace_id: str


class SandboxTenant:
    """A tenant with one administrator, who has an API key.

    Args:
        base_url: the tenant's address as clients know it, without a trailing slash; its token endpoint is the audience
            of every assertion.
        api_key: the administrator's; a random one is made without it, and `api_key` says which.
        clock: the true time; the setting `clock_skew_seconds` comes on top.
        settings: to begin with.

    Example:
        >>> SandboxTenant("http://127.0.0.1:8123")
        <SandboxTenant http://127.0.0.1:8123>
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key: str | None = None,
        clock: Clock = SYSTEM_CLOCK,
        settings: SandboxSettings | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        # No dash, which would make an option of it on a command line.
        self.tenant_id = secrets.token_urlsafe(24).replace("-", "_")
        self.api_key = api_key or secrets.token_urlsafe(48)
        self.clock = clock
        self._lock = threading.RLock()
        self._settings = SandboxSettings()
        self._state = State(clock=clock, tenant_id=self.tenant_id, base_url=self.base_url)
        self._clients = ClientsEndpoint(self._state, address=f"{self.base_url}/api/v1/oauth-clients")
        self._tokens = TokenEndpoint(self._state, address=f"{self.base_url}/oauth/token")
        self._token_list = TokenList(self._state, address=f"{self.base_url}/api/v1/oauth-tokens")
        self._directory = Directory(self._state, base_url=self.base_url)
        self._rates = RateLimits()
        self._requests: deque[LoggedRequest] = deque(maxlen=_REMEMBERED_REQUESTS)
        self._admin = self._state.add_user(
            name="Sandbox administrator (no real tenant)", subject="sandbox\\administrator", roles=(TENANT_ADMIN,)
        )
        self._state.add_api_key(self._admin, self.api_key, description="the administrator's")
        for name, roles in _PEOPLE.items():
            first = name.partition(" ")[0].lower()
            person = self._state.add_user(
                name=name, subject=f"sandbox\\{first}", roles=roles, email=f"{first}@sandbox.example"
            )
            self._state.add_api_key(person, secrets.token_urlsafe(48), description=f"{first}'s")
        self._content = Content(self._state, base_url=self.base_url)
        self._audits = Audits(self._state, base_url=self.base_url)
        self._calls = self._table()
        self.configure(**{name: getattr(settings, name) for name in SandboxSettings.__slots__} if settings else {})

    def __repr__(self) -> str:
        return f"<SandboxTenant {self.base_url}>"

    # the tenant

    def handle(self, request: Request) -> Response:
        """Answer one request; nothing that comes in makes it raise."""
        with self._lock:
            settings, fault = self._settings, self._next_fault(request)
            trace_id = random_id()
            route, variables = find_route(request.path)
            caller = ""
            addressed = request.addressed_host
            style: ErrorStyle = settings.oauth_error_style if request.path.startswith("/oauth/") else "qlik"
            try:
                if fault is not None and fault.fault == LOST_REQUEST:
                    response = Response(status=0, cut=True)
                else:
                    _raise_fault(fault, after_effect=False)
                    self._check_host(addressed)
                    caller, call = self._admit(request, route, settings)
                    response = call(request, variables)
                    _raise_fault(fault, after_effect=True)
            except Refusal as refusal:
                if fault is not None and isinstance(fault.fault, int):
                    style = fault.body
                response = refusal.response(style=style, trace_id=trace_id)
            if fault is not None and fault.fault == LOST_ANSWER:
                response = replace(response, cut=True)
            self._log(request, route, response, caller=caller, fault=fault, trace_id=trace_id)
            response = replace(response, headers=(*response.headers, *deprecation_headers(request, settings)))
            return self._signed(self._named(response, addressed) if settings.answer_host == "addressed" else response)

    def too_large(self, request: Request) -> Response:
        """Answer a request whose body is larger than `MAXIMUM_BODY_BYTES`; the door has not read it."""
        trace_id = random_id()
        refusal = Refusal(413, "HTTP-413", "Body too large", f"At most {MAXIMUM_BODY_BYTES} bytes.")
        with self._lock:
            response = refusal.response(style="qlik", trace_id=trace_id)
            self._log(request, find_route(request.path)[0], response, caller="", fault=None, trace_id=trace_id)
            return self._signed(response)

    # the controls

    @property
    def settings(self) -> SandboxSettings:
        """The settings as they are; `fail_next` shrinks as faults are met."""
        with self._lock:
            return self._settings

    def configure(self, **changes: Any) -> None:
        """Turn some settings, by the names of `SandboxSettings`.

        Raises:
            ValueError: there is no such setting, or it does not take that value.
        """
        with self._lock:
            self._settings = self._settings.turned(changes)
            self._state.clock_skew_seconds = self._settings.clock_skew_seconds
            _, port = _host_and_port(self._state.host_names[0])
            aliases = (f"{host}{port}" for host in self._settings.alias_hosts)
            self._state.host_names = (self._state.host_names[0], *aliases)

    @property
    def host_names(self) -> tuple[str, ...]:
        """The tenant's host names, each with the port where it is not the default; the first is the display name."""
        with self._lock:
            return self._state.host_names

    def requests(self) -> list[LoggedRequest]:
        """Return the request log, oldest first, without any secret."""
        with self._lock:
            return list(self._requests)

    def forget_requests(self) -> None:
        """Empty the request log."""
        with self._lock:
            self._requests.clear()

    def seed_clients(self, count: int) -> None:
        """Add that many clients, for the look and the speed of a large tenant."""
        with self._lock:
            self._clients.seed(count, created_by=self._admin.user_id)

    def add_user(self, *, name: str, subject: str, roles: tuple[str, ...] = ()) -> tuple[User, str]:
        r"""Add a person, and return the user with an API key of its own.

        With a subject `qlikbot\<client id>` it is a bot; its client need not be the tenant's, but a region's.
        """
        client_id = subject.removeprefix(_BOT) if subject.startswith(_BOT) else ""
        api_key = secrets.token_urlsafe(48)
        with self._lock:
            user = self._state.add_user(name=name, subject=subject, roles=roles, client_id=client_id)
            self._state.add_api_key(user, api_key)
            return user, api_key

    def set_user_disabled(self, user_id: str, *, disabled: bool) -> None:
        """Disable a user, or enable it again.

        Raises:
            KeyError: there is no such user.
        """
        with self._lock:
            self._state.users[user_id].status = "disabled" if disabled else "active"

    def set_client_disabled(self, client_id: str, *, disabled: bool) -> None:
        """Disable a client as Qlik would, by a tag that its document shows, or enable it again.

        Raises:
            KeyError: there is no such client.
        """
        with self._lock:
            client = self._state.clients[client_id]
            client.disable_tag = "disabled-by-sandbox" if disabled else ""
            self._state.touch(client)

    # inside

    def _table(self) -> dict[tuple[str, str], Callable[[Request, tuple[str, ...], Caller], Response]]:
        clients, directory, content, audits = self._clients, self._directory, self._content, self._audits
        return {
            ("metadata", "GET"): lambda _request, _ids, _caller: json_response(200, self._metadata()),
            ("jwks", "GET"): lambda _request, _ids, _caller: json_response(200, self._state.tokens.jwks()),
            ("token", "POST"): lambda request, _ids, _caller: self._tokens.token(request, self._settings),
            ("revoke", "POST"): lambda request, _ids, _caller: self._tokens.revoke(request),
            ("me", "GET"): lambda _request, _ids, caller: self._redirect_to(caller.user),
            ("user", "GET"): lambda request, ids, caller: directory.user(ids[0], request, caller),
            ("user", "DELETE"): lambda _request, ids, caller: directory.delete_user(ids[0], caller),
            ("users", "GET"): lambda request, _ids, caller: directory.users(request, caller),
            ("count", "GET"): lambda _request, _ids, caller: directory.count(caller),
            ("my_tenant", "GET"): lambda _request, _ids, _caller: directory.my_tenant(),
            ("tenant", "GET"): lambda _request, ids, _caller: directory.tenant(ids[0]),
            ("api_keys", "GET"): lambda request, _ids, caller: directory.api_keys(request, caller),
            ("api_key", "GET"): lambda _request, ids, caller: directory.api_key(ids[0], caller),
            ("spaces", "GET"): lambda request, _ids, caller: content.spaces(request, caller),
            ("space", "GET"): lambda _request, ids, caller: content.space(ids[0], caller),
            ("apps", "GET"): lambda request, _ids, caller: content.apps(request, caller),
            ("app", "GET"): lambda _request, ids, caller: content.app(ids[0], caller),
            ("items", "GET"): lambda request, _ids, caller: content.items(request, caller),
            ("item", "GET"): lambda _request, ids, caller: content.item(ids[0], caller),
            ("reloads", "GET"): lambda request, _ids, caller: content.reloads(request, caller),
            ("reload", "GET"): lambda _request, ids, caller: content.reload(ids[0], caller),
            ("audits", "GET"): lambda request, _ids, _caller: audits.list(request, self._settings),
            ("audit_types", "GET"): lambda _request, _ids, _caller: audits.types(self._settings),
            ("audit", "GET"): lambda _request, ids, _caller: audits.one(ids[0], self._settings),
            ("clients", "GET"): lambda request, _ids, caller: clients.list(request, caller, self._settings),
            ("clients", "POST"): lambda request, _ids, caller: clients.create(request, caller, self._settings),
            ("client", "GET"): lambda _request, ids, caller: clients.get(ids[0], caller),
            ("client", "PATCH"): lambda request, ids, caller: clients.patch(ids[0], request, caller, self._settings),
            ("client", "DELETE"): lambda request, ids, caller: clients.delete(ids[0], request, caller, self._settings),
            ("publish", "POST"): lambda _request, ids, _caller: clients.publish(ids[0]),
            ("secrets", "POST"): lambda _request, ids, caller: clients.create_secret(ids[0], caller),
            ("secret", "DELETE"): lambda _request, ids, caller: clients.delete_secret(ids[0], ids[1], caller),
            ("config", "GET"): lambda _request, ids, _caller: clients.connection_config(ids[0]),
            ("config", "PATCH"): lambda request, ids, _caller: clients.patch_connection_config(ids[0], request),
            ("config", "DELETE"): lambda _request, ids, _caller: clients.delete_connection_config(ids[0]),
            ("tokens", "GET"): lambda request, _ids, caller: self._token_list.list(request, caller, self._settings),
            ("one_token", "DELETE"): lambda _request, ids, caller: self._token_list.revoke(
                ids[0], caller, self._settings
            ),
        }

    def _check_host(self, addressed: str) -> None:
        """Refuse a host name that is not one of the tenant's (qlik-cloud-contract, "Host names").

        The port does not count: what stands in between (a proxy, a recorder) listens on another one.
        """
        known = {_host_and_port(host)[0] for host in self._state.host_names}
        if addressed and _host_and_port(addressed)[0] not in known:
            raise Refusal(401, "LOGIN-2", "No authentication configured for this hostname")

    def _named(self, response: Response, addressed: str) -> Response:
        """Return an answer whose addresses name the tenant by the host that the request was addressed to."""
        if addressed not in self._state.host_names:
            return response
        scheme, _, display = self.base_url.partition("://")
        wanted = f"{scheme}://{addressed}"
        headers = tuple(
            (name, value.replace(self.base_url, wanted, 1) if name == "location" else value)
            for name, value in response.headers
        )
        body = response.body
        for before, after in (('"', '"'), ('"', "/api/v1/"), ('"', "/oauth/"), ('"', "/.well-known/")):
            old, new = f"{before}{scheme}://{display}{after}", f"{before}{wanted}{after}"
            body = body.replace(old.encode(), new.encode())
        return replace(response, headers=headers, body=body)

    def _admit(
        self, request: Request, route: Route | None, settings: SandboxSettings
    ) -> tuple[str, Callable[[Request, tuple[str, ...]], Response]]:
        """Let a request in: known path and method, credential, role, rate limit; return the caller and the call."""
        if route is None:
            slash = " A path ends without a slash." if request.path.endswith("/") else ""
            raise Refusal(404, "SANDBOX-404", "Not on the sandbox", KNOWN_PATHS + slash)
        if request.method not in route.tiers:
            allowed = ", ".join(route.tiers)
            detail = f"The sandbox takes {allowed} here; a real tenant may take more."
            raise Refusal(405, "HTTP-405", "Method not allowed", detail, headers=(("allow", allowed),))
        requested_version(request, settings)
        call, tier = self._calls[route.name, request.method], route.tiers[request.method]
        if len(request.body) > MAXIMUM_BODY_BYTES:
            raise Refusal(413, "HTTP-413", "Body too large", f"At most {MAXIMUM_BODY_BYTES} bytes.")
        caller = Caller(user=self._admin) if route.public else self._authenticated(request)
        counted_as = "" if route.public else caller.user.user_id
        if settings.enforce_rate_limits:
            self._rates.count(
                tier=tier,
                caller=counted_as or self._tokens.bound_client(request)[:64],
                per_minute=settings.tier1_per_minute if tier == 1 else settings.tier2_per_minute,
                now=self.clock.monotonic(),
            )
        if not route.public and caller.user.status != "active":
            raise Refusal(403, "HTTP-403", "Forbidden", "The user is disabled.")
        if route.administers and not caller.is_admin and not self._may_look(request, route, caller):
            if TENANT_ADMIN in caller.user.roles:
                raise Refusal(403, "HTTP-403", "Forbidden", "The token lacks the scope admin_classic.")
            raise Refusal(403, "HTTP-403", "Forbidden", "This needs the role TenantAdmin.")
        return counted_as, lambda sent, variables: call(sent, variables, caller)

    @staticmethod
    def _may_look(request: Request, route: Route, caller: Caller) -> bool:
        """Tell whether a person who is no administrator may read this; such a caller sees fewer fields."""
        return caller.scopes is None and request.method == "GET" and route.name in ("clients", "client")

    def _authenticated(self, request: Request) -> Caller:
        scheme, _, credential = request.header("authorization").partition(" ")
        caller = self._state.caller(credential.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise Refusal(401, "HTTP-401", "Unauthorized", headers=_BEARER_CHALLENGE)
        return caller

    def _metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.base_url,
            "token_endpoint": f"{self.base_url}/oauth/token",
            "revocation_endpoint": f"{self.base_url}/oauth/revoke",
            "authorization_endpoint": f"{self.base_url}/oauth/authorize",
            "jwks_uri": f"{self.base_url}/.well-known/jwks.json",
            "grant_types_supported": ["client_credentials", "urn:qlik:oauth:user-impersonation"],
            "response_types_supported": ["code"],
        }

    def _redirect_to(self, user: User) -> Response:
        address = self._settings.users_me_redirect or f"{self.base_url}/api/v1/users/{user.user_id}"
        return Response(status=307, headers=(("location", address),))

    def _next_fault(self, request: Request) -> Fault | None:
        for position, fault in enumerate(self._settings.fail_next):
            if fault.method not in ("*", request.method) or not fnmatchcase(request.path, fault.path):
                continue
            left = (replace(fault, times=fault.times - 1),) if fault.times > 1 else ()
            faults = self._settings.fail_next
            self._settings = replace(self._settings, fail_next=(*faults[:position], *left, *faults[position + 1 :]))
            return fault
        return None

    def _signed(self, response: Response) -> Response:
        date = formatdate(self._state.now(), usegmt=True)
        return replace(response, headers=(*response.headers, ("date", date), SANDBOX_HEADER))

    def _log(
        self,
        request: Request,
        route: Route | None,
        response: Response,
        *,
        caller: str,
        fault: Fault | None,
        trace_id: str,
    ) -> None:
        known = request.path if route is not None else _REDACTED
        tier = route.tiers.get(request.method, 0) if route is not None else 0
        method = request.method if request.method in ("GET", "POST", "PATCH", "DELETE", "PUT", "HEAD") else _REDACTED
        logged = LoggedRequest(
            time=self._state.now(),
            method=method,
            path=known,
            query=_loggable_query(request, route),
            status=response.status,
            api_version=_asked_version(request, self._settings),
            tier=tier,
            caller=caller,
            fault=str(fault.fault) if fault is not None else "",
            trace_id=trace_id,
        )
        self._requests.append(logged)
        _logger.info("%s %s %d %s", logged.method, logged.path, logged.status, trace_id)


def _asked_version(request: Request, settings: SandboxSettings) -> str:
    """Return the version that the header names; anything else is redacted, since it may hold a secret."""
    asked = {value.strip() for name, value in request.headers if name == VERSION_HEADER}
    return "" if not asked else next(iter(asked)) if asked <= {*settings.api_versions} else _REDACTED


def _host_and_port(netloc: str) -> tuple[str, str]:
    """Return the host of an address, and its port with the colon, "" for none."""
    host, colon, port = netloc.rpartition(":")
    return (host, colon + port) if colon and port.isdigit() else (netloc, "")


def log_document(entry: LoggedRequest) -> dict[str, Any]:
    """Return a line of the request log, ready for JSON."""
    return asdict(entry)


def _raise_fault(fault: Fault | None, *, after_effect: bool) -> None:
    if fault is None or not isinstance(fault.fault, int) or fault.after_effect is not after_effect:
        return
    headers = (("retry-after", str(fault.retry_after)),) if fault.retry_after is not None else ()
    title = "API rate limit reached." if fault.fault == 429 else ("A fault that was requested from the sandbox")  # noqa: PLR2004
    raise Refusal(fault.fault, f"HTTP-{fault.fault}", title, headers=headers)


def _loggable_query(request: Request, route: Route | None) -> dict[str, str]:
    known = _LOGGED_QUERY.get(route.name) if route is not None and request.method == "GET" else None
    if known is None:
        return {_REDACTED: _REDACTED} if request.query else {}
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True, max_num_fields=64)
    except ValueError:
        return {_REDACTED: _REDACTED}
    return {name: value for name, value in pairs if name in known} | (
        {_REDACTED: _REDACTED} if any(name not in known for name, _ in pairs) else {}
    )
