"""The panel's tabs, by the ARIA pattern: arrow keys move between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anywidget
import traitlets

from qlik_keys.jupyter.panel.widgets import static_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Tabs(anywidget.AnyWidget):
    """The titles of the tabs, one of them in front.

    Args:
        titles: their titles; the box of the n-th has the class `qk-tab-panel-n`.
        go_to: called with the title that the user chooses.
    """

    _esm = static_text("tabs.js")
    titles: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)

    def __init__(self, titles: Sequence[str], *, go_to: Callable[[str], None]) -> None:
        super().__init__(titles=[*titles], chosen=titles[0])
        self.observe(lambda change: go_to(change["new"]), names="chosen")

    def __repr__(self) -> str:
        return f"<Tabs {self.chosen!r}>"
