"""What a notebook shows where the panel is dead: reopened without a kernel, exported, or in a viewer.

It is an output of its own, plain HTML, next to the widget. The living panel hides it by its style sheet; a page without
the panel's widgets shows it, and hides what JupyterLab says of a model that it does not find. No secret is in the
panel's state, so none is here.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from qlik_keys.jupyter.panel.views.markup import moment

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.model.state import PanelState

ROWS_SHOWN = 50
_COLUMNS = {
    "name": "Client",
    "client_id": "Id",
    "current_kid": "Current key",
    "custody": "Kept in",
    "rotate_by": "Rotate by",
    "findings": "Findings",
}


def summary(state: PanelState, panel_id: str) -> str:
    """Return the panel's state as HTML that needs nothing.

    Args:
        state: what it shows.
        panel_id: ties the summary to the panel that hides it.
    """
    connection = state.connection
    where = ""
    if connection is not None:
        kind = "a sandbox, nothing in it was real" if connection.mode == "sandbox" else "a real tenant"
        where = (
            f"<p>It was connected to <b>{escape(connection.tenant_host)}</b> ({kind}) as "
            f"{escape(connection.identity)}; the keys are in the Vault at {escape(connection.vault_url)}.</p>"
        )
    made = "".join(
        f"<li><b>{escape(each.name)}</b>, client id <code>{escape(each.client_id)}</code>"
        f"{f', key <code>{escape(each.kid)}</code>' if each.kid else ''}"
        f"{f', in the Vault at <code>{escape(each.vault_path)}</code>' if each.vault_path else ''}"
        f"{' (not on the tenant any more)' if each.is_gone else ''}</li>"
        for each in state.made_here
    )
    listed = f"<p>Clients that were made with it:</p><ul>{made}</ul>" if made else ""
    return (
        f"<div class='qk-summary' data-panel='{panel_id}'><style>{hiding(panel_id)}</style>"
        "<p><b>qlik_keys panel.</b> It needs a running kernel. Run this again: "
        f"<code>import qlik_keys as qk; qk.Panel()</code></p>{where}{listed}{_table(state)}</div>"
    )


def hiding(panel_id: str) -> str:
    """Return the style that leaves one of the two in sight: the living panel, or the summary."""
    ours = f".qk-summary[data-panel='{panel_id}']"
    living = f".qk-root-{panel_id}.qk-alive"
    # Where outputs are not JupyterLab's, the summary at least hides itself.
    return (
        f"body:has({living}) {ours}{{display:none}}"
        f"body:has({living}) .jp-OutputArea-child:has({ours}){{display:none}}"
        f"body:not(:has({living})) .jp-OutputArea-child:has({ours})+.jp-OutputArea-child{{display:none}}"
    )


def _table(state: PanelState) -> str:
    frame = state.clients
    if frame is None:
        return ""
    head = "".join(f"<th>{title}</th>" for title in _COLUMNS.values())
    newest = frame.sort_values("created", ascending=False, kind="stable")
    known = newest.loc[:, [*_COLUMNS]].head(ROWS_SHOWN)
    shown = known.astype(object).where(known.notna(), None)
    columns = (shown[name] for name in _COLUMNS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(_words(value))}</td>' for value in row)}</tr>"
        for row in zip(*columns, strict=True)
    )
    more = f", the newest {ROWS_SHOWN} of them" if len(frame) > ROWS_SHOWN else ""
    return (
        f"<p>The tenant's {len(frame):,} clients as of {moment(state.clients_at)}{more}:</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _words(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d"))
    return value if isinstance(value, str) else ""
