"""The table of clients: searched, sorted and scrolled in the page, ten thousand rows without a stutter.

The rows travel as a message, compressed: as a synced trait they would be saved with the notebook, and the notebook
server cuts a kernel off that sends more than a megabyte a second.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from qlik_keys.findings import FINDINGS

if TYPE_CHECKING:
    import pandas as pd

_STATIC = Path(__file__).parent / "static"
_LISTS = ("auth_methods", "scopes", "algs", "findings")
_TEXTS = ("client_id", "name", "consent", "current_kid", "custody")
_DAYS = ("key_made", "rotate_by")
_FAST = 1  # zlib: the least work; it halves the message twice already


class ClientTable(anywidget.AnyWidget):
    """A table of `qlik_keys.clients`; `selected` has the ids of the rows that are ticked."""

    _esm = _STATIC / "client_table.js"
    selected: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    finding = traitlets.Unicode("").tag(sync=True)
    severities: traitlets.Dict[str, str] = traitlets.Dict().tag(sync=True)
    form_trait = "selected"

    def __init__(self) -> None:
        super().__init__(severities={name: finding.severity for name, finding in FINDINGS.items()})
        self._frame: pd.DataFrame | None = None
        self._rows = b""
        self.on_msg(self._received)

    def show(self, frame: pd.DataFrame | None) -> None:
        """Show these rows, or that none were asked for."""
        if frame is not self._frame:
            self._frame = frame
            self._rows = b"" if frame is None else packed(frame)
            self._send_rows()

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") == "ready":  # a page was opened, and has nothing yet
            self._send_rows()

    def _send_rows(self) -> None:
        self.send({"kind": "rows"}, [self._rows])

    def __repr__(self) -> str:
        return f"<ClientTable, {0 if self._frame is None else len(self._frame)} rows>"


def packed(frame: pd.DataFrame) -> bytes:
    """Return the columns that the page shows, as compressed JSON."""
    columns: dict[str, list[Any]] = {name: frame[name].tolist() for name in _LISTS}
    columns |= {name: frame[name].fillna("").tolist() for name in _TEXTS}
    columns |= {name: frame[name].dt.strftime("%Y-%m-%d").fillna("").tolist() for name in _DAYS}
    return zlib.compress(json.dumps(columns, ensure_ascii=False).encode(), _FAST)
