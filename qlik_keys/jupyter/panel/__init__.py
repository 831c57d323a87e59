"""The panel: a presenter without widgets (`presenter`, `state`) and the views that draw it.

The one place that touches ipywidgets and anywidget. Not done here: anything that a script could not do; the panel calls
what `qlik_keys` exports.
"""

from qlik_keys.jupyter.panel.panel import Panel

__all__ = ["Panel"]
