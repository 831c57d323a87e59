"""What is sent to a tenant: registration bodies, changes, filters (qlik-cloud-contract, RFC 6902, RFC 7644 3.4.2.2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import PublicJwk
from qlik_keys.keys.spec import PRIVATE_MEMBERS
from qlik_keys.tenant.resources.models import RegisteredKey

ConsentMethod = Literal["trusted", "required"]
PATCHABLE = frozenset(
    {
        "/clientName",
        "/description",
        "/clientUri",
        "/logoUri",
        "/redirectUris",
        "/allowedOrigins",
        "/allowedScopes",
        "/allowedGrantTypes",
        "/allowedAuthMethods",
        "/publicKeys",
        "/jwksUri",
    }
)
FILTERABLE = ("clientId", "clientName", "appType", "tenantId", "createdByType")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewOAuthClient:
    """The body that registers a client; what is empty is left out.

    Attributes:
        app_type: "web" for a machine-to-machine client; it cannot be changed later.
        client_name: at most 512 characters.
        public_keys: needed with the method "private_key_jwt".
        consent_method: "trusted", without which a machine cannot log in, or None for Qlik's own default.
    """

    app_type: str
    client_name: str
    description: str = ""
    client_uri: str = ""
    logo_uri: str = ""
    redirect_uris: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()
    allowed_scopes: tuple[str, ...] = ()
    allowed_grant_types: tuple[str, ...] = ()
    allowed_auth_methods: tuple[str, ...] = ()
    public_keys: tuple[PublicJwk, ...] = ()
    consent_method: Literal["trusted"] | None = None

    def to_json(self) -> dict[str, Any]:
        """Return exactly what is sent, as JSON-ready values."""
        body: dict[str, Any] = {
            "appType": self.app_type,
            "clientName": self.client_name,
            "description": self.description,
            "clientUri": self.client_uri,
            "logoUri": self.logo_uri,
            "redirectUris": list(self.redirect_uris),
            "allowedOrigins": list(self.allowed_origins),
            "allowedScopes": list(self.allowed_scopes),
            "allowedGrantTypes": list(self.allowed_grant_types),
            "allowedAuthMethods": list(self.allowed_auth_methods),
            "publicKeys": [key.to_dict() for key in self.public_keys],
        }
        if self.consent_method is not None:
            body["connectionConfig"] = {"consentMethod": self.consent_method}
        return {name: value for name, value in body.items() if value}


@dataclass(frozen=True, slots=True)
class PatchOperation:
    """One change of a client (RFC 6902).

    Attributes:
        op: "add", "remove" or "replace".
        path: one of `PATCHABLE`; `/publicKeys` is replaced whole, there is no path to one key.
        value: JSON-ready, or keys (`PublicJwk`, `RegisteredKey`) for `/publicKeys`; unused for "remove".

    Raises:
        ValueError: the operation or the path is none that the tenant knows.
        KeyMaterialError: a key has a private member. It is not quoted.

    Example:
        >>> PatchOperation("replace", "/description", "made by hand").to_json()
        {'op': 'replace', 'path': '/description', 'value': 'made by hand'}
    """

    op: Literal["add", "remove", "replace"]
    path: str
    value: Any = None

    def __post_init__(self) -> None:
        if self.op not in ("add", "remove", "replace"):
            raise ValueError(f"op must be add, remove or replace, not {self.op!r}")
        if self.path not in PATCHABLE:
            raise ValueError(f"a client cannot be changed at {self.path!r}, only at {', '.join(sorted(PATCHABLE))}")
        plain = _plain(self.value)
        has_private_member = self.path == "/publicKeys" and _shows_private_member(plain)
        if has_private_member:
            object.__setattr__(self, "value", None)
            del plain
            raise KeyMaterialError("This is a private key; it must not be registered.", hint="Pass the public key.")
        object.__setattr__(self, "value", plain)

    def to_json(self) -> dict[str, Any]:
        """Return the operation as JSON-ready values."""
        operation = {"op": self.op, "path": self.path}
        return operation if self.op == "remove" else {**operation, "value": self.value}


def eq(attribute: str, value: str) -> str:
    r"""Return the filter for an attribute that equals a text, escaped as RFC 7644 3.4.2.2 (JSON) wants it.

    Raises:
        ValueError: clients cannot be filtered by that attribute.

    Example:
        >>> eq("clientName", 'the "best" one')
        'clientName eq "the \\"best\\" one"'
    """
    if attribute not in FILTERABLE:
        raise ValueError(f"clients cannot be filtered by {attribute!r}, only by {', '.join(FILTERABLE)}")
    return f"{attribute} eq {json.dumps(value, ensure_ascii=False)}"


def both(*filters: str) -> str:
    """Return the filter that holds where all of them hold."""
    return " and ".join(f"({part})" for part in filters) if len(filters) > 1 else "".join(filters)


def _plain(value: Any) -> Any:
    if isinstance(value, PublicJwk | RegisteredKey):
        return value.to_dict()
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _shows_private_member(value: Any) -> bool:
    if isinstance(value, str):  # keys as JSON text, which some tenants take
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    if isinstance(value, list):
        return any(_shows_private_member(item) for item in value)
    return isinstance(value, dict) and not PRIVATE_MEMBERS.isdisjoint(value)
