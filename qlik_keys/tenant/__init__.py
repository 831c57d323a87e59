"""The client of a Qlik Cloud tenant. The names load lazily: reading a URL or a scope does not bring httpx."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.lazy import lazy_names

if TYPE_CHECKING:
    from qlik_keys.tenant.credentials import Anonymous, ApiKey, Credential
    from qlik_keys.tenant.discovery import Discovery
    from qlik_keys.tenant.http.budget import RateBudget, TierSnapshot
    from qlik_keys.tenant.http.calls import Exchange, RetryPolicy
    from qlik_keys.tenant.resources.models import (
        AuthorizationServerMetadata,
        ClientOverview,
        ClientSecretInfo,
        ConnectionConfig,
        CreatedClientSecret,
        CreatedOAuthClient,
        OAuthClient,
        OAuthToken,
        RegisteredKey,
        User,
    )
    from qlik_keys.tenant.resources.requests import NewOAuthClient, PatchOperation, both, eq
    from qlik_keys.tenant.tenant import QlikTenant
    from qlik_keys.tenant.url import normalise_tenant_url

_HOMES = {
    "Anonymous": "credentials",
    "ApiKey": "credentials",
    "AuthorizationServerMetadata": "resources.models",
    "ClientOverview": "resources.models",
    "ClientSecretInfo": "resources.models",
    "ConnectionConfig": "resources.models",
    "CreatedClientSecret": "resources.models",
    "CreatedOAuthClient": "resources.models",
    "Credential": "credentials",
    "Discovery": "discovery",
    "Exchange": "http.calls",
    "NewOAuthClient": "resources.requests",
    "OAuthClient": "resources.models",
    "OAuthToken": "resources.models",
    "PatchOperation": "resources.requests",
    "QlikTenant": "tenant",
    "RateBudget": "http.budget",
    "RegisteredKey": "resources.models",
    "RetryPolicy": "http.calls",
    "TierSnapshot": "http.budget",
    "User": "resources.models",
    "both": "resources.requests",
    "eq": "resources.requests",
    "normalise_tenant_url": "url",
}

__all__ = [
    "Anonymous",
    "ApiKey",
    "AuthorizationServerMetadata",
    "ClientOverview",
    "ClientSecretInfo",
    "ConnectionConfig",
    "CreatedClientSecret",
    "CreatedOAuthClient",
    "Credential",
    "Discovery",
    "Exchange",
    "NewOAuthClient",
    "OAuthClient",
    "OAuthToken",
    "PatchOperation",
    "QlikTenant",
    "RateBudget",
    "RegisteredKey",
    "RetryPolicy",
    "TierSnapshot",
    "User",
    "both",
    "eq",
    "normalise_tenant_url",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES, __all__)
