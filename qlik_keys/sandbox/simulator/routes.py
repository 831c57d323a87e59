"""The addresses that the tenant knows, with the rate-limit tier of each method (qlik-cloud-contract's tables).

A path that is no route exactly as written here is unknown: no trailing slash, no percent escapes, ids of their form.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_TOKENS = "/api/v1/oauth-tokens"
_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_CLIENT = r"/api/v1/oauth-clients/([0-9a-f]{32})"


@dataclass(frozen=True, slots=True)
class Route:
    """One address.

    Attributes:
        name: for the tenant's table of calls.
        pattern: of the path; its groups are the ids in it.
        tiers: rate-limit tier of each method that it knows.
        public: it needs no bearer credential.
        administers: it needs the role TenantAdmin.
    """

    name: str
    pattern: re.Pattern[str]
    tiers: dict[str, int]
    public: bool = False
    administers: bool = False


ROUTES = (
    Route("metadata", re.compile(r"/\.well-known/oauth-authorization-server"), {"GET": 1}, public=True),
    Route("jwks", re.compile(r"/\.well-known/jwks\.json"), {"GET": 1}, public=True),
    Route("token", re.compile("/oauth/token"), {"POST": 2}, public=True),
    Route("revoke", re.compile("/oauth/revoke"), {"POST": 2}, public=True),
    Route("me", re.compile("/api/v1/users/me"), {"GET": 1}),
    Route("user", re.compile("/api/v1/users/([0-9a-f]{24})"), {"GET": 1, "DELETE": 2}),
    Route("users", re.compile("/api/v1/users"), {"GET": 1}),
    Route("count", re.compile("/api/v1/users/actions/count"), {"GET": 1}),
    Route("my_tenant", re.compile("/api/v1/tenants/me"), {"GET": 1}),
    Route("tenant", re.compile("/api/v1/tenants/([A-Za-z0-9_-]{32})"), {"GET": 1}),
    Route("api_keys", re.compile("/api/v1/api-keys"), {"GET": 1}),
    Route("api_key", re.compile("/api/v1/api-keys/([0-9a-f]{24})"), {"GET": 1}),
    Route("spaces", re.compile("/api/v1/spaces"), {"GET": 1}),
    Route("space", re.compile("/api/v1/spaces/([0-9a-f]{24})"), {"GET": 1}),
    Route("apps", re.compile("/api/v1/apps"), {"GET": 1}),
    Route("app", re.compile(f"/api/v1/apps/({_UUID})"), {"GET": 1}),
    Route("items", re.compile("/api/v1/items"), {"GET": 1}),
    Route("item", re.compile("/api/v1/items/([0-9a-f]{24})"), {"GET": 1}),
    Route("reloads", re.compile("/api/v1/reloads"), {"GET": 1}),
    Route("reload", re.compile("/api/v1/reloads/([0-9a-f]{24})"), {"GET": 1}),
    Route("audits", re.compile("/api/v1/audits"), {"GET": 1}, administers=True),
    Route("audit_types", re.compile("/api/v1/audits/types"), {"GET": 1}, administers=True),
    Route("audit", re.compile(f"/api/v1/audits/({_UUID})"), {"GET": 1}, administers=True),
    Route("clients", re.compile("/api/v1/oauth-clients"), {"GET": 1, "POST": 2}, administers=True),
    Route("client", re.compile(_CLIENT), {"GET": 1, "PATCH": 2, "DELETE": 2}, administers=True),
    Route("publish", re.compile(_CLIENT + "/actions/publish"), {"POST": 2}, administers=True),
    Route("secrets", re.compile(_CLIENT + "/client-secrets"), {"POST": 2}, administers=True),
    Route("secret", re.compile(_CLIENT + "/client-secrets/([0-9a-f]{6})"), {"DELETE": 2}, administers=True),
    Route(
        "config",
        re.compile(_CLIENT + "/connection-configs/me"),
        {"GET": 1, "PATCH": 2, "DELETE": 2},
        administers=True,
    ),
    Route("tokens", re.compile(_TOKENS), {"GET": 1}),
    Route("one_token", re.compile(_TOKENS + "/([A-Za-z0-9_-]{32})"), {"DELETE": 2}),
)

# What the sandbox says of a path that it does not know.
KNOWN_PATHS = (
    "This is the sandbox, not a tenant. It knows /oauth/token, /oauth/revoke and, below /api/v1/, api-keys, apps,"
    " audits, items, oauth-clients, oauth-tokens, reloads, spaces, tenants and users; each list and its rows by id."
)


def find_route(path: str) -> tuple[Route | None, tuple[str, ...]]:
    """Return the route of a path, and the ids in it."""
    for route in ROUTES:
        match = route.pattern.fullmatch(path)
        if match is not None:
            return route, match.groups()
    return None, ()
