"""The panel's tabs, by the ARIA pattern: arrow keys go from one to the next."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import anywidget
import traitlets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Tabs(anywidget.AnyWidget):
    """The titles of the tabs, one of them in front.

    Args:
        titles: what they are called; the box of the n-th has the class `qk-tab-panel-n`.
        go_to: called with the title that a person chooses.
    """

    _esm = Path(__file__).parents[1] / "static" / "tabs.js"
    titles: traitlets.List[str] = traitlets.List(traitlets.Unicode()).tag(sync=True)
    chosen = traitlets.Unicode("").tag(sync=True)

    def __init__(self, titles: Sequence[str], *, go_to: Callable[[str], None]) -> None:
        super().__init__(titles=[*titles], chosen=titles[0])
        self.observe(lambda change: go_to(change["new"]), names="chosen")

    def __repr__(self) -> str:
        return f"<Tabs {self.chosen!r}>"
