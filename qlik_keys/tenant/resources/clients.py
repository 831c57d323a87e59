"""The tenant's OAuth clients, call by call (qlik-cloud-contract, "/api/v1/oauth-clients")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from qlik_keys.tenant.http.calls import Call
from qlik_keys.tenant.resources.models import (
    ClientPage,
    ConnectionConfig,
    CreatedClientSecret,
    CreatedOAuthClient,
    OAuthClient,
    OverviewPage,
    Publication,
    SecretPart,
    parse,
)
from qlik_keys.tenant.resources.paging import pages_of

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    import httpx

    from qlik_keys.core.secret import Secret
    from qlik_keys.tenant.http.session import Session
    from qlik_keys.tenant.resources.models import ClientOverview, PageType
    from qlik_keys.tenant.resources.requests import ConsentMethod, NewOAuthClient, PatchOperation

_PATH = "/api/v1/oauth-clients"
_MAXIMUM_PAGE_SIZE = 100
_CONFLICT = 409


class OAuthClients:
    """Lists, makes, changes and deletes OAuth clients. Needs the role Tenant Admin.

    Every method may raise a `TenantError`: `TenantAuthError` (no such role), `TenantThrottled`, `TenantUnavailable`,
    `TenantUnreachable`, `TenantProtocolError`; a failed change says by `outcome` whether it may have been applied.
    """

    def __init__(self, session: Session, auth: httpx.Auth) -> None:
        self._session = session
        self._auth = auth

    def iterate(
        self,
        filter: str | None = None,  # noqa: A002  # the API's own word
        *,
        sort: str | None = None,
        page_size: int = _MAXIMUM_PAGE_SIZE,
    ) -> Iterator[OAuthClient]:
        """Yield all clients, page by page, each once.

        Args:
            filter: as Qlik's API names it; build it with `tenant.eq("clientName", name)`, which escapes.
            sort: "+" or "-" and clientId, clientName, appType, tenantId, createdAt or updatedAt.
            page_size: 1 to 100 clients a request.

        Raises:
            TenantProtocolError: the pages go in a circle, or lead to another origin.
            ValueError: the page size is out of bounds.
        """
        if not 1 <= page_size <= _MAXIMUM_PAGE_SIZE:
            raise ValueError(f"page_size must be 1 to {_MAXIMUM_PAGE_SIZE}, not {page_size}")
        wanted = {"filter": filter, "sort": sort, "limit": str(page_size)}
        return self._each({name: value for name, value in wanted.items() if value})

    def list(
        self,
        filter: str | None = None,  # noqa: A002  # the API's own word
        *,
        sort: str | None = None,
        page_size: int = _MAXIMUM_PAGE_SIZE,
    ) -> list[OAuthClient]:
        """Return what `iterate` yields as a list.

        Raises:
            TenantProtocolError: the pages go in a circle, or lead to another origin.
            ValueError: the page size is out of bounds.
        """
        return [*self.iterate(filter, sort=sort, page_size=page_size)]

    def overviews(self) -> Iterator[builtins.list[ClientOverview]]:
        """Yield, page by page, what a table shows of each client: with less work than `iterate`, each client once.

        Raises:
            TenantProtocolError: the pages go in a circle, or lead to another origin.
        """
        seen: set[str] = set()
        for page in self._pages(OverviewPage, {"limit": str(_MAXIMUM_PAGE_SIZE)}):
            new = {client["client_id"]: client for client in page.data if client["client_id"] not in seen}
            seen.update(new)
            yield [*new.values()]

    def create(self, new: NewOAuthClient) -> CreatedOAuthClient:
        """Make a client and return it, with its secret if it has one: Qlik shows it this once.

        Repeated only where nothing can have been applied. After an unknown outcome look for the key's kid first.

        Raises:
            TenantRejected: the tenant refuses the body.
        """
        answer = self._session.send(Call(method="POST", path=_PATH, tier=2, body=new.to_json()), self._auth)
        client = parse(OAuthClient, answer.content, "POST", _PATH)
        secret = parse(SecretPart, answer.content, "POST", _PATH).client_secret
        return CreatedOAuthClient(client=client, client_secret=secret)

    def get(self, client_id: str) -> OAuthClient:
        """Return one client.

        Raises:
            TenantNotFound: there is none with that id.
        """
        path = _path(client_id)
        answer = self._session.send(Call(method="GET", path=path, tier=1, again="always"), self._auth)
        return parse(OAuthClient, answer.content, "GET", path)

    def patch(self, client_id: str, operations: Sequence[PatchOperation]) -> Secret | None:
        """Change a client; return the secret that came with the new method "client_secret", else None.

        `/publicKeys` is replaced whole and unguarded (no ETag): read back and compare.

        Raises:
            TenantNotFound: there is none with that id.
            TenantRejected: the tenant refuses a change.
        """
        path = _path(client_id)
        body = [operation.to_json() for operation in operations]
        answer = self._session.send(Call(method="PATCH", path=path, tier=2, body=body), self._auth)
        return parse(SecretPart, answer.content, "PATCH", path).client_secret if answer.content else None

    def delete(self, client_id: str) -> None:
        """Delete a client permanently, with the header in which Qlik wants its id again.

        Raises:
            TenantNotFound: there is none with that id.
        """
        headers = {"qlik-confirm-delete": client_id}
        self._session.send(
            Call(method="DELETE", path=_path(client_id), tier=2, headers=headers, again="always"), self._auth
        )

    def publish(self, client_id: str) -> datetime:
        """Publish a client, so that other tenants may use it; return when, UTC."""
        path = _path(client_id, "actions/publish")
        answer = self._session.send(Call(method="POST", path=path, tier=2), self._auth)
        return parse(Publication, answer.content, "POST", path).published_at

    def create_secret(self, client_id: str) -> CreatedClientSecret:
        """Make a further client secret; Qlik shows it this once.

        Raises:
            TenantConflict: it has five already.
        """
        path = _path(client_id, "client-secrets")
        hints = {_CONFLICT: "A client can have at most five secrets: delete one first."}
        answer = self._session.send(Call(method="POST", path=path, tier=2, hints=hints), self._auth)
        return parse(CreatedClientSecret, answer.content, "POST", path)

    def delete_secret(self, client_id: str, hint: str) -> None:
        """Delete the client secret with that hint.

        Raises:
            TenantNotFound: there is none with that hint.
        """
        path = _path(client_id, f"client-secrets/{quote(hint, safe='')}")
        self._session.send(Call(method="DELETE", path=path, tier=2, again="always"), self._auth)

    def connection_config(self, client_id: str) -> ConnectionConfig:
        """Return how the client is allowed in."""
        path = _path(client_id, "connection-configs/me")
        answer = self._session.send(Call(method="GET", path=path, tier=1, again="always"), self._auth)
        return parse(ConnectionConfig, answer.content, "GET", path)

    def set_consent(self, client_id: str, method: ConsentMethod) -> None:
        """Set how the client is allowed in: a machine needs "trusted". A second time has no second effect."""
        body = [{"op": "replace", "path": "/consentMethod", "value": method}]
        path = _path(client_id, "connection-configs/me")
        self._session.send(Call(method="PATCH", path=path, tier=2, body=body, again="always"), self._auth)

    def delete_connection_config(self, client_id: str) -> None:
        """Forget how the client is allowed in."""
        path = _path(client_id, "connection-configs/me")
        self._session.send(Call(method="DELETE", path=path, tier=2, again="always"), self._auth)

    def _each(self, query: dict[str, str]) -> Iterator[OAuthClient]:
        seen: set[str] = set()
        for page in self._pages(ClientPage, query):
            for client in page.data:
                # A client that was made or deleted in the meantime shifts the pages.
                if client.client_id not in seen:
                    seen.add(client.client_id)
                    yield client

    def _pages(self, model: type[PageType], query: dict[str, str]) -> Iterator[PageType]:
        return pages_of(self._session, self._auth, _PATH, query, model, ids=_ids)


def _path(client_id: str, more: str = "") -> str:
    if not client_id:
        raise ValueError("client_id must not be empty")
    return f"{_PATH}/{quote(client_id, safe='')}" + (f"/{more}" if more else "")


def _ids(page: Any) -> list[str]:
    return [client["client_id"] if isinstance(client, dict) else client.client_id for client in page.data]
