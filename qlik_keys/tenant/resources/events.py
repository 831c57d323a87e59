"""The tenant's events of OAuth clients and tokens (qlik-cloud-contract, "Events"). They need the role Tenant Admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from qlik_keys.errors import TenantRejected
from qlik_keys.tenant.resources.models import ClientChangePage, IssuedTokenPage
from qlik_keys.tenant.resources.paging import pages_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    import httpx

    from qlik_keys.tenant.http.session import Session
    from qlik_keys.tenant.resources.models import ClientChangeEvent, IssuedTokenEvent

EventPage = TypeVar("EventPage", IssuedTokenPage, ClientChangePage)
_PATH = "/api/v1/audits"
_PAGE_SIZE = "100"
# Qlik moves the events of OAuth clients and tokens from the first name to the second; a tenant may have both.
ISSUED = ("com.qlik.oauth-token.issued", "com.qlik.core.oauth-token.issued")

_CHANGES = ("created", "updated", "deleted", "secret.created", "secret.deleted")
# What happened, and the names that its event may have.
CLIENT_CHANGES = {what: (f"com.qlik.v1.oauth-client.{what}", f"com.qlik.core.oauth-client.{what}") for what in _CHANGES}


class Events:
    """Lists events."""

    def __init__(self, session: Session, auth: httpx.Auth) -> None:
        self._session = session
        self._auth = auth

    def issued_tokens(
        self, event_type: str, since: datetime, until: datetime
    ) -> Iterator[tuple[IssuedTokenEvent, ...]]:
        """Yield pages of the tokens that were issued within a time window, newest first; none for an unknown name.

        Args:
            event_type: one of `ISSUED`.
            since: the window's start, aware.
            until: its end, aware.

        Raises:
            TenantAuthError: the caller may not read events.
            TenantError: any other failure.
        """
        for page in self._pages(IssuedTokenPage, _query(event_type, since, until)):
            yield page.data

    def client_changes(
        self, event_type: str, since: datetime, until: datetime
    ) -> Iterator[tuple[ClientChangeEvent, ...]]:
        """Yield pages of the changes of OAuth clients within a time window, newest first; none for an unknown name.

        Args:
            event_type: one of the names in `CLIENT_CHANGES`.
            since: the window's start, aware.
            until: its end, aware.

        Raises:
            TenantAuthError: the caller may not read events.
            TenantError: any other failure.
        """
        for page in self._pages(ClientChangePage, _query(event_type, since, until)):
            yield page.data

    def _pages(self, model: type[EventPage], query: dict[str, str]) -> Iterator[EventPage]:
        pages = pages_of(
            self._session, self._auth, _PATH, query, model, ids=lambda page: [event.id for event in page.data]
        )
        try:
            yield from pages
        except TenantRejected:
            return  # a tenant that does not know the name of the event may refuse it


def _query(event_type: str, since: datetime, until: datetime) -> dict[str, str]:
    window = "/".join(f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in (since, until))
    return {"eventType": event_type, "eventTime": window, "sort": "-eventTime", "limit": _PAGE_SIZE}
