"""What a notebook shows without a kernel: reopened, exported, or in a viewer.

It is a separate output, plain HTML, next to the widget. A panel with a kernel hides it by its style sheet; a page
without the panel's widgets shows it, and hides what JupyterLab says about a model that it does not find. No secret is
in the panel's state, so none is in the summary.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

from qlik_keys.jupyter.panel.model.words import NO_LONGER_THERE
from qlik_keys.jupyter.panel.views.markup import moment

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.model.state import PanelState

ROWS_SHOWN = 50
_COLUMNS = {
    "name": "Client",
    "client_id": "Id",
    "current_kid": "Current key",
    "custody": "Custody",
    "rotate_by": "Rotate by",
    "findings": "Findings",
}


def summary(state: PanelState, panel_id: str) -> str:
    """Return the panel's state as HTML that needs no script and no kernel.

    Args:
        state: what it shows.
        panel_id: ties the summary to the panel that hides it.
    """
    connection = state.connection
    where = ""
    if connection is not None:
        kind = "a sandbox: nothing in it was real" if connection.mode == "sandbox" else "a real tenant"
        where = (
            f"<p>It was connected to <b>{escape(connection.tenant_host)}</b> ({kind}) as "
            f"{escape(connection.identity)}; the keys are in the Vault at {escape(connection.vault_url)}.</p>"
        )
    made = "".join(
        f"<li><b>{escape(each.name)}</b>, client id <code>{escape(each.client_id)}</code>"
        f"{f', key <code>{escape(each.kid)}</code>' if each.kid else ''}"
        f"{f', in the Vault at <code>{escape(each.vault_path)}</code>' if each.vault_path else ''}"
        f"{f' ({NO_LONGER_THERE})' if each.is_gone else ''}</li>"
        for each in state.new_client.made_here
    )
    listed = f"<p>Clients that were made with this panel:</p><ul>{made}</ul>" if made else ""
    return (
        f"<div class='qk-summary' data-panel='{panel_id}'><style>{hiding(panel_id)}</style>"
        "<p><b>qlik_keys panel.</b> It needs a running kernel. Run this again: "
        f"<code>import qlik_keys as qk; qk.Panel()</code></p>{where}{listed}{_table(state)}</div>"
    )


def hiding(panel_id: str) -> str:
    """Return the style that shows one of the two: the panel while it has a kernel, or the summary."""
    own = f".qk-summary[data-panel='{panel_id}']"
    alive = f".qk-root-{panel_id}.qk-alive"
    # Outside JupyterLab, the summary at least hides itself.
    return (
        f"body:has({alive}) {own}{{display:none}}"
        f"body:has({alive}) .jp-OutputArea-child:has({own}){{display:none}}"
        f"body:not(:has({alive})) .jp-OutputArea-child:has({own})+.jp-OutputArea-child{{display:none}}"
    )


def _table(state: PanelState) -> str:
    frame = state.clients.frame
    if frame is None:
        return ""
    head = "".join(f"<th>{title}</th>" for title in _COLUMNS.values())
    newest = frame.sort_values("created", ascending=False, kind="stable")
    known = newest.loc[:, [*_COLUMNS]].head(ROWS_SHOWN)
    shown = known.astype(object).where(known.notna(), None)
    columns = (shown[name] for name in _COLUMNS)
    rows = "".join(
        f"<tr>{''.join(f'<td>{escape(_text(value))}</td>' for value in row)}</tr>" for row in zip(*columns, strict=True)
    )
    more = f", the newest {ROWS_SHOWN}" if len(frame) > ROWS_SHOWN else ""
    return (
        f"<p>The tenant's {len(frame):,} clients as of {moment(state.clients.listed_at)}{more}:</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if hasattr(value, "strftime"):
        return str(value.strftime("%Y-%m-%d"))
    return value if isinstance(value, str) else ""
