"""The panel without widgets: small controllers over one store of grouped state, each with what it needs.

Nothing here knows how the state is drawn, and nothing here is written to a notebook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from qlik_keys.core.clock import SYSTEM_CLOCK
from qlik_keys.jupyter.panel.controllers.audit import AuditController
from qlik_keys.jupyter.panel.controllers.calls import CallsController
from qlik_keys.jupyter.panel.controllers.changes import ChangesController
from qlik_keys.jupyter.panel.controllers.clients import ClientsController, Parts
from qlik_keys.jupyter.panel.controllers.connection import ConnectionController
from qlik_keys.jupyter.panel.controllers.doctor import DoctorController
from qlik_keys.jupyter.panel.controllers.history import CallHistory
from qlik_keys.jupyter.panel.controllers.new_client import NewClientController
from qlik_keys.jupyter.panel.controllers.probe import ProbeController
from qlik_keys.jupyter.panel.controllers.token import TokenController
from qlik_keys.jupyter.panel.controllers.waiting_secrets import SecretsController
from qlik_keys.jupyter.panel.controllers.work import Work, in_thread
from qlik_keys.jupyter.panel.model.store import PanelStore

if TYPE_CHECKING:
    from qlik_keys.config.settings import Settings
    from qlik_keys.core.clock import Clock
    from qlik_keys.jupyter.panel.controllers.work import Runner
    from qlik_keys.jupyter.panel.model.state import PanelState


class PanelControllers:
    """Everything that the panel can do.

    Args:
        settings: where credentials come from that were not typed.
        run: how work is run that no caller waits for; in a thread by default, so that neither kernel nor page waits.
        clock: time.
    """

    def __init__(self, *, settings: Settings, run: Runner = in_thread, clock: Clock = SYSTEM_CLOCK) -> None:
        self.store = store = PanelStore()
        self.work = work = Work(store, run=run, clock=clock)
        self.secrets = SecretsController(store)
        self.connection = connection = ConnectionController(store, work, self.secrets, settings=settings)
        self.clients = clients = ClientsController(store, work, connection)
        parts = Parts(store, work, connection, clients)
        self.new_client = NewClientController(parts, self.secrets)
        self.changes = ChangesController(parts, self.secrets)
        self.audit = AuditController(parts, self.changes)
        self.history = CallHistory(parts)
        self.token = TokenController(parts, self.history)
        self.calls = CallsController(parts, self.token, self.history, self.secrets)
        self.doctor = DoctorController(parts, self.token)
        self.probe = ProbeController(parts)

    @property
    def state(self) -> PanelState:
        """What the panel shows now."""
        return self.store.state

    def go_to(self, tab: str) -> None:
        """Bring a tab to the front."""
        if tab != self.state.tab:
            self.store.set(tab=tab)

    def dismiss(self, at: str) -> None:
        """Remove the result at a place; if it was the warning before the session's end, the next one warns again."""
        if at == "top":
            self.secrets.warn_again()
        self.work.dismiss(at)
