"""The tenant's events of OAuth clients and tokens (qlik-cloud-contract, "Events"). They need the role Tenant Admin."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

from qlik_keys.errors import TenantRejected
from qlik_keys.tenant.resources.models import ClientChangePage, IssuedTokenPage
from qlik_keys.tenant.resources.paging import pages_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
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
        self, since: datetime, until: datetime
    ) -> Iterator[tuple[str, Iterator[tuple[IssuedTokenEvent, ...]]]]:
        """Yield each name of the event with the pages of the tokens that were issued within a window, newest first.

        Args:
            since: the window's start, aware.
            until: its end, aware.

        Raises:
            TenantAuthError: the caller may not read events.
            TenantRejected: the tenant refuses the question under every name.
            TenantError: any other failure.
        """
        found = self._by_name(ISSUED, IssuedTokenPage, since, until)
        return ((name, (page.data for page in pages)) for name, pages in found)

    def client_changes(
        self, what: str, since: datetime, until: datetime
    ) -> Iterator[tuple[str, Iterator[tuple[ClientChangeEvent, ...]]]]:
        """Yield each name of an event with the pages of the changes of OAuth clients within a window, newest first.

        Args:
            what: a key of `CLIENT_CHANGES`.
            since: the window's start, aware.
            until: its end, aware.

        Raises:
            TenantAuthError: the caller may not read events.
            TenantRejected: the tenant refuses the question under every name.
            TenantError: any other failure.
        """
        found = self._by_name(CLIENT_CHANGES[what], ClientChangePage, since, until)
        return ((name, (page.data for page in pages)) for name, pages in found)

    def _by_name(
        self, names: Sequence[str], model: type[EventPage], since: datetime, until: datetime
    ) -> Iterator[tuple[str, Iterator[EventPage]]]:
        """Yield the names with their pages.

        A tenant that does not know one of the names may refuse it. If it refuses all of them, or a later page, it has
        not told what happened, which is no sign that nothing did.
        """
        refused: list[TenantRejected] = []
        for name in names:
            yield name, self._pages(_query(name, since, until), model, refused)
        if len(refused) == len(names):
            raise refused[-1]

    def _pages(
        self, query: dict[str, str], model: type[EventPage], refused: list[TenantRejected]
    ) -> Iterator[EventPage]:
        pages = pages_of(
            self._session, self._auth, _PATH, query, model, ids=lambda each: [event.id for event in each.data]
        )
        try:
            yield next(pages)
        except TenantRejected as error:
            refused.append(error)
            return
        yield from pages


def are_newest_first(moments: Sequence[datetime]) -> bool:
    """Tell whether events came in the order that was asked for: what was not read is then older than what was."""
    return all(one >= other for one, other in pairwise(moments))


def _query(event_type: str, since: datetime, until: datetime) -> dict[str, str]:
    window = "/".join(f"{moment:%Y-%m-%dT%H:%M:%S}Z" for moment in (since, until))
    return {"eventType": event_type, "eventTime": window, "sort": "-eventTime", "limit": _PAGE_SIZE}
