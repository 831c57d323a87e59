"""The panel that a notebook shows: `qk.Panel()`."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from qlik_keys.config.settings import Settings
from qlik_keys.core.arguments import Kind, optional
from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
from qlik_keys.jupyter.panel.model.summary import hiding, summary
from qlik_keys.jupyter.panel.views.audit import AuditView
from qlik_keys.jupyter.panel.views.clients import ClientsView
from qlik_keys.jupyter.panel.views.connect import ConnectView
from qlik_keys.jupyter.panel.views.frame import FrameView
from qlik_keys.jupyter.panel.views.new_client import NewClientView
from qlik_keys.jupyter.panel.views.tokens import TokensView
from qlik_keys.jupyter.panel.widgets import static_text
from qlik_keys.jupyter.panel.widgets.fields import Pulse

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import DisplayHandle

    from qlik_keys.jupyter.panel.model.state import PanelState
    from qlik_keys.keystore.base import KeyStore
    from qlik_keys.lifecycle import Provisioned
    from qlik_keys.sandbox import Sandbox
    from qlik_keys.tenant import QlikTenant
    from qlik_keys.tenant.resources.raw import RawAnswer

_STYLES = ("panel.css", "client_table.css")


class Panel:
    """A panel that makes and manages the machine-to-machine clients of a Qlik Cloud tenant, and their keys.

    The last line of a cell shows it. Work runs in a thread, so the kernel runs other cells meanwhile. No secret is in
    the state of its widgets.

    Args:
        tenant: the tenant to connect to at once, together with `store`; the caller closes it.
        store: the key store.
        settings: where credentials come from that are not typed; by default environment and qlik-cli's context.

    Raises:
        TypeError: only one of `tenant` and `store` is given.

    Example:
        >>> panel = Panel()
        >>> panel  # shows it
        >>> panel.tenant, panel.store, panel.clients  # what it is connected to and shows, for the next cell
    """

    def __init__(
        self,
        *,
        tenant: QlikTenant | None = None,
        store: KeyStore | None = None,
        settings: Settings | None = None,
    ) -> None:
        if (tenant is None) != (store is None):
            raise TypeError("give both tenant and store, or neither")
        optional(Kind((), "a QlikTenant", methods=("with_credential",)), tenant=tenant)
        optional(Kind((), "a KeyStore", methods=("client_ids",)), store=store)
        optional(Kind((Settings,), "Settings"), settings=settings)
        problem: ConfigurationError | None = None
        if settings is None:
            try:
                settings = Settings.resolve()
            except ConfigurationError as error:
                settings, problem = Settings(), error
        self._controllers = controllers = PanelControllers(settings=settings)
        self._views: dict[str, Any] = {
            "Connect": ConnectView(controllers),
            "New client": NewClientView(controllers),
            "Clients": ClientsView(controllers),
            "Try a token": TokensView(controllers),
            "Audit": AuditView(controllers),
        }
        frame = FrameView(controllers, self._views, ending=self._forget)
        self._id = secrets.token_hex(4)
        self._summary = ""
        self._summaries: list[DisplayHandle] = []
        looks = static_text(*_STYLES)
        style = widgets.HTML(f"<style>{looks}{hiding(self._id)}</style>")
        style.layout.display = "none"
        self._root = widgets.VBox([style, Pulse(), frame.widget])
        self._root.add_class("qk-root")
        self._root.add_class(f"qk-root-{self._id}")
        for view in (frame, *self._views.values()):
            controllers.store.listen(view.draw, *view.groups)
        controllers.store.listen(self._update_summary, "connection", "work", "new_client", "clients")
        controllers.secrets.share()
        if problem is not None:
            controllers.work.fail(problem, "Reading the settings")
        if tenant is not None and store is not None:
            controllers.go_to("New client")
            controllers.connection.use(tenant, store)

    @property
    def tenant(self) -> QlikTenant | None:
        """The tenant that it is connected to, None for none."""
        return self._controllers.connection.tenant

    @property
    def store(self) -> KeyStore | None:
        """The key store that it is connected to, None for none."""
        return self._controllers.connection.key_store

    @property
    def sandbox(self) -> Sandbox | None:
        """The sandbox that it started, None for none."""
        return self._controllers.connection.sandbox

    @property
    def clients(self) -> pd.DataFrame | None:
        """A copy of the table of the tab "Clients", None before it was requested (`qlik_keys.clients`)."""
        return _copy_of(self._controllers.state.clients.frame)

    @property
    def selected(self) -> pd.DataFrame | None:
        """The rows that are selected in it."""
        return self._controllers.clients.selected()

    @property
    def findings(self) -> pd.DataFrame | None:
        """A copy of the table of the tab "Audit", None before the audit ran (`qlik_keys.audit`)."""
        return _copy_of(self._controllers.state.audit.findings)

    @property
    def history(self) -> pd.DataFrame:
        """The calls and the requests for tokens of the tab "Try a token", oldest first, at most a thousand."""
        return self._controllers.history.frame()

    @property
    def last_answer(self) -> RawAnswer | None:
        """The newest answer to a call in that tab, whole: `panel.last_answer.json()`. It may hold a secret."""
        return self._controllers.calls.last_answer

    @property
    def last_made(self) -> Provisioned | None:
        """The client that was made last, without its secret."""
        return self._controllers.new_client.last_made

    @property
    def last_error(self) -> BaseException | None:
        """The exception behind the newest error card."""
        return self._controllers.store.last_error

    def start_sandbox(self) -> None:
        """Start a sandbox and connect to it, as the button does, and wait for it; does nothing if one is connected.

        Raises:
            ConfigurationError: a package of the extra `sandbox` is missing, or the panel is busy.
            TenantUnreachable: the sandbox did not start.
        """
        self._controllers.connection.start_sandbox(wait=True)

    def refresh(self) -> None:
        """List the tenant's clients, as the button does, and wait for them.

        Raises:
            ConfigurationError: nothing is connected, or the panel is busy.
            TenantError, StoreError: one of them could not be reached, or refused.
        """
        self._controllers.clients.refresh(wait=True)

    def end_session(self) -> None:
        """Forget every secret, close what the panel opened, and stop its sandbox."""
        self._forget()
        self._controllers.connection.end_session(wait=True)

    def _forget(self) -> None:
        for view in self._views.values():
            if hasattr(view, "forget"):
                view.forget()

    def _update_summary(self, state: PanelState) -> None:
        """Keep what a notebook shows without the panel up to date; it is saved with the notebook."""
        if state.work.doing:
            return
        words = summary(state, self._id)
        if words == self._summary:
            return
        self._summary = words
        for handle in self._summaries:
            handle.update(self._plain(), raw=True)  # type: ignore[no-untyped-call]

    def _plain(self) -> dict[str, str]:
        return {"text/html": self._summary, "text/plain": repr(self)}

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = self._root._repr_mimebundle_(**options)  # IPython's own protocol
        return {**bundle, **self._plain()}

    def _ipython_display_(self) -> None:
        from IPython.display import display  # noqa: PLC0415  # IPython asks for it, so it is there

        self._summaries.append(display(self._plain(), raw=True, display_id=True))  # type: ignore[no-untyped-call]
        widget = self._root._repr_mimebundle_()
        del widget["text/plain"]
        display(widget, raw=True)  # type: ignore[no-untyped-call]

    def __repr__(self) -> str:
        connection = self._controllers.state.connection
        where = f"{connection.mode} {connection.tenant_host}" if connection else "not connected"
        return f"<qlik_keys.Panel, {where}>"


def _copy_of(frame: pd.DataFrame | None) -> pd.DataFrame | None:
    """Return a copy that a cell may change."""
    return None if frame is None else frame.copy()
