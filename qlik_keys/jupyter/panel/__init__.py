"""The panel: controllers over one store of grouped state, and the views that draw it.

The only place that uses ipywidgets and anywidget. The panel does nothing that a script could not do: it calls what
`qlik_keys` exports.
"""

from qlik_keys.jupyter.panel.panel import Panel

__all__ = ["Panel"]
