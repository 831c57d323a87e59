"""The table of clients: searched, sorted and scrolled in the page, fast also with ten thousand rows.

The rows travel as a compressed message: a synced trait would be saved with the notebook, and the notebook server
disconnects a kernel that sends more than a megabyte a second.
"""

from __future__ import annotations

import json
import zlib
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from qlik_keys.jupyter.panel.widgets import static_text
from qlik_keys.rules.catalogue import FINDINGS

if TYPE_CHECKING:
    import pandas as pd

_LISTS = ("auth_methods", "scopes", "kids", "algs", "findings")
_TEXTS = ("client_id", "name", "consent", "current_kid", "custody")
_TIMES = ("created", "updated", "key_made", "rotate_by")
_USE = ("last_login", "logins_30d")  # only where the last use was looked up
_SCRIPTS = ("client_search.js", "elements.js", "client_rows.js", "client_table.js")  # one text: a widget has one module
_FAST = 1  # zlib: the least work; a quarter of the size


class ClientTable(anywidget.AnyWidget):
    """A table of `qlik_keys.clients`.

    Attributes:
        selected: the ids of the selected rows.
        finding: the finding that it is filtered by, "" for none.
        columns: the columns that were chosen, none for as many as fit; kept until the kernel ends.
    """

    _esm = static_text(*_SCRIPTS)
    selected: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    finding = traitlets.Unicode("").tag(sync=True)
    columns: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    severities: traitlets.Dict[str, str] = traitlets.Dict().tag(sync=True)
    form_trait = "selected"

    def __init__(self) -> None:
        super().__init__(severities={name: finding.severity for name, finding in FINDINGS.items()})
        self._frame: pd.DataFrame | None = None
        self._rows = b""
        self._has_use = False
        self.on_msg(self._received)

    def show(self, frame: pd.DataFrame | None) -> None:
        """Show these rows, or that they were not listed yet."""
        if frame is not self._frame:
            self._frame = frame
            self._rows = b"" if frame is None else packed(frame)
            has_use = frame is not None and _USE[0] in frame
            if has_use and not self._has_use and self.columns:  # shown next to those that were chosen
                self.columns = [*self.columns, *(name for name in _USE if name not in self.columns)]
            self._has_use = has_use
            self._send_rows()

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") == "ready":  # a page was opened and has no rows yet
            self._send_rows()

    def _send_rows(self) -> None:
        self.send({"kind": "rows"}, [self._rows])

    def __repr__(self) -> str:
        return f"<ClientTable, {0 if self._frame is None else len(self._frame)} rows>"


def packed(frame: pd.DataFrame) -> bytes:
    """Return what the page shows and searches, as compressed JSON: columns, times in milliseconds, missing as None."""
    columns: dict[str, Any] = {name: frame[name].tolist() for name in _LISTS}
    columns |= {name: frame[name].fillna("").tolist() for name in _TEXTS}
    columns |= {name: _milliseconds(frame[name]) for name in _TIMES}
    columns["key_age_days"] = _or_none(frame["key_age_days"].tolist(), frame["key_age_days"])
    if _USE[0] in frame:
        columns["last_login"] = _milliseconds(frame["last_login"])
        columns["logins_30d"] = _or_none(frame["logins_30d"].tolist(), frame["logins_30d"])
        columns["logins_since"] = frame.attrs.get("usage", {}).get("since")
    columns["operations"] = {
        client_id: {"severity": told["severity"], "words": told["words"]}
        for client_id, told in frame.attrs.get("operations", {}).items()
    }
    columns["hooks"] = frame.attrs.get("hooks", {})
    declared = frame.attrs.get("declared", {})
    if declared:
        marks = [declared.get(client_id, {}) for client_id in columns["client_id"]]
        columns["owner"] = [mark.get("owner", "") for mark in marks]
        columns["tags"] = [mark.get("tags", []) for mark in marks]
    return zlib.compress(json.dumps(columns, ensure_ascii=False).encode(), _FAST)


def _milliseconds(times: pd.Series[Any]) -> list[int | None]:
    return _or_none(times.astype("datetime64[ms, UTC]").astype("int64").tolist(), times)


def _or_none(values: list[int], of: pd.Series[Any]) -> list[int | None]:
    return [None if is_missing else value for value, is_missing in zip(values, of.isna(), strict=True)]
