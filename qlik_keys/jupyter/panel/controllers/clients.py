"""The table of clients: its rows, what is selected in it, and whether it may be out of date."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from qlik_keys.jupyter.panel.model.shown import ClientWithKey
from qlik_keys.jupyter.panel.model.words import counted
from qlik_keys.tenant.resources.grants import IMPERSONATION

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

    from qlik_keys.inventory.usage import Usage
    from qlik_keys.jupyter.panel.controllers.connection import ConnectionController
    from qlik_keys.jupyter.panel.controllers.work import Work
    from qlik_keys.jupyter.panel.model.store import PanelStore
    from qlik_keys.tenant import QlikTenant

_NOT_REFRESHED = "The list of clients could not be refreshed: refresh it in the tab Clients."


class Parts(NamedTuple):
    """What every controller of a tab with clients works with.

    Attributes:
        store: the panel's state.
        work: runs what the controller does.
        connection: the tenant and the key store.
        clients: the table of clients.
    """

    store: PanelStore
    work: Work
    connection: ConnectionController
    clients: ClientsController


class ClientsController:
    """The tenant's clients, as they were listed last.

    Args:
        store: the panel's state.
        work: runs what it does.
        connection: whose clients they are.
    """

    def __init__(self, store: PanelStore, work: Work, connection: ConnectionController) -> None:
        self._store = store
        self._work = work
        self._connection = connection
        self._with_key: tuple[pd.DataFrame | None, tuple[ClientWithKey, ...]] = (None, ())
        self._logins: tuple[QlikTenant, Usage, datetime] | None = None  # as they were looked up last

    # --- what is selected ---

    def select(self, client_ids: Sequence[str], *, in_table: bool = False) -> None:
        """Select these clients, and no others.

        Args:
            client_ids: the clients.
            in_table: the user did it in the table, which needs no answer: something else may be selected since.
        """
        with self._store.lock:
            before, chosen = self._store.state.clients, tuple(client_ids)
            if chosen != before.selected:
                count = before.selections + (not in_table)
                self._store.update("clients", selected=chosen, selections=count)

    def selected(self) -> pd.DataFrame | None:
        """Return the selected rows of the table, None before it was requested."""
        clients = self._store.state.clients
        return None if clients.frame is None else clients.frame[clients.frame["client_id"].isin(clients.selected)]

    def filter_by(self, finding: str) -> None:
        """Show the clients of one finding alone, "" for all."""
        if finding != self._store.state.clients.finding:
            self._store.update("clients", finding=finding)

    # --- who they are ---

    def name_of(self, client_id: str) -> str:
        """Return a client's name by the table, or its id if the table does not have it."""
        frame = self._store.state.clients.frame
        if frame is None or not client_id:
            return client_id
        names = frame.loc[frame["client_id"] == client_id, "name"].tolist()
        return str(names[0]) if names and names[0] else client_id

    def with_key(self) -> tuple[ClientWithKey, ...]:
        """Return the clients whose key is in the key store, by the table."""
        frame = self._store.state.clients.frame
        if frame is not self._with_key[0]:
            self._with_key = (frame, () if frame is None else _with_key(frame))
        return self._with_key[1]

    def command_name(self, client_id: str) -> str:
        """Return what the option `--client` takes for a client: its name if no other has it, otherwise its id."""
        name = self.name_of(client_id)
        return name if sum(each.name == name for each in self.with_key()) == 1 else client_id

    # --- the list ---

    def show_last_use(self, *, wanted: bool, wait: bool = False) -> None:
        """Look up the clients' last logins with each listing from now on, or do not; list them if they are shown.

        Args:
            wanted: whether to look it up, which costs a request for each hundred logins of the last 90 days.
            wait: return when they are listed.
        """
        if wanted == self._store.state.clients.with_last_use:
            return
        self._store.update("clients", with_last_use=wanted)
        if self._store.state.clients.frame is not None:
            self.refresh(wait=wait)

    def refresh(self, *, wait: bool = False) -> None:
        """List the tenant's clients."""
        self._work.run("Listing the tenant's clients", self._refresh, at="clients", wait=wait)

    def _refresh(self) -> None:
        self._work.result(f"{counted(len(self.list_now()), 'client')} listed.")

    def list_now(self, *, after_change: bool = False) -> pd.DataFrame:
        """List the tenant's clients as a part of other work; findings that are shown follow.

        Args:
            after_change: keep the last logins that were looked up before: a change must not cost all their requests.

        Returns:
            The list.
        """
        from qlik_keys.inventory.audit import audit_of  # noqa: PLC0415  # brings pandas
        from qlik_keys.inventory.tables import clients  # noqa: PLC0415

        doing = self._store.state.work.doing

        def report(what: str, done: int, total: int) -> None:
            if done < total:
                self._work.report(f"{doing}: {what}, {done:,} of {total:,} clients")

        tenant, key_store = self._connection.connected()
        frame: pd.DataFrame = clients(tenant, key_store, on_progress=report, clock=self._work.clock)
        if self._store.state.clients.with_last_use:
            self._add_last_use(frame, tenant, after_change=after_change)
        there = set(frame["client_id"])
        is_audited = self._store.state.audit.findings is not None
        found = audit_of(frame, tenant, key_store) if is_audited else None
        with self._store.lock:
            state = self._store.state
            selected = tuple(each for each in state.clients.selected if each in there)
            # Marked and not left out: a tenant's list may be a moment behind a client that was just made.
            made = tuple(replace(each, is_gone=each.client_id not in there) for each in state.new_client.made_here)
            listed = replace(
                state.clients,
                frame=frame,
                listed_at=self._work.now(),
                may_differ=False,
                selected=selected,
                selections=state.clients.selections + 1,
            )
            self._store.set(
                clients=listed,
                new_client=replace(state.new_client, made_here=made),
                audit=replace(state.audit, findings=found),
                # How many an earlier list had is out of date.
                results={place: shown for place, shown in state.results.items() if place != "clients"},
            )
        return frame

    def _add_last_use(self, frame: pd.DataFrame, tenant: QlikTenant, *, after_change: bool) -> None:
        from qlik_keys.inventory.usage import add_usage, usage_of  # noqa: PLC0415  # brings pandas

        known = self._logins
        if known is None or known[0] is not tenant or not after_change:
            self._work.report(f"{self._store.state.work.doing}: when they last logged in")
            now = self._work.now()
            self._logins = known = (tenant, usage_of(tenant, now), now)
        add_usage(frame, *known[1:])

    def list_after_change(self) -> str:
        """List the clients again after a change that succeeded; return what to say if the list fails, "" otherwise."""
        try:
            self.list_now(after_change=True)
        except Exception as error:  # noqa: BLE001  # no error may come between an effect and its report
            self._store.last_error = error
            self.note_change()
            return _NOT_REFRESHED
        return ""

    def note_change(self) -> None:
        """Say at the table and its findings that they may be out of date, until the clients are listed again."""
        if self._store.state.clients.frame is not None:
            self._store.update("clients", may_differ=True)

    def forget(self, client_id: str) -> None:
        """Remove a client that was deleted from everything that is shown."""
        with self._store.lock:
            state = self._store.state
            frame, found, made = state.clients.frame, state.audit.findings, state.new_client.made
            left = tuple(each for each in state.clients.selected if each != client_id)
            self._store.set(
                new_client=replace(
                    state.new_client,
                    made_here=tuple(each for each in state.new_client.made_here if each.client_id != client_id),
                    made=None if made is not None and made.client_id == client_id else made,
                ),
                clients=replace(
                    state.clients,
                    frame=None if frame is None else frame[frame["client_id"] != client_id],
                    selected=left,
                    selections=state.clients.selections + 1,
                ),
                audit=replace(state.audit, findings=None if found is None else found[found["client_id"] != client_id]),
            )


def _with_key(frame: pd.DataFrame) -> tuple[ClientWithKey, ...]:
    known = frame[frame["current_kid"].fillna("") != ""]
    columns = (known[name].tolist() for name in ("client_id", "name", "scopes", "grant_types"))
    return tuple(
        ClientWithKey(client_id=client_id, name=name, scopes=tuple(scopes), may_impersonate=IMPERSONATION in grants)
        for client_id, name, scopes, grants in zip(*columns, strict=True)
    )
