"""The least scopes for the calls that the user names, next to the scope picker."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

import ipywidgets as widgets

from qlik_keys.jupyter.panel.model.words import counted
from qlik_keys.jupyter.panel.widgets import controls as ui

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.widgets.fields import ScopePicker
    from qlik_keys.tenant.resources.scope_proposal import NamedCall, ScopeProposal


class ScopeCalls:
    """A field for calls, what each needs, and a button that chooses these scopes in a picker.

    Args:
        picker: the picker.
    """

    def __init__(self, picker: ScopePicker) -> None:
        self._picker = picker
        self.calls = widgets.Textarea(
            description="Calls of the client",
            placeholder="optional, one per line: GET /v1/apps, or: app reload",
            rows=3,
        )
        self.calls.add_class("qk-field")
        self.calls.layout.height = "auto"
        self.result = ui.html("qk-live")
        self.use = widgets.Button(description="Choose these scopes")
        self.use.on_click(lambda _: self._choose())
        self.calls.observe(lambda _: self._draw(), names="value")
        self.widget = ui.box(self.calls, self.result, self.use, classes="qk-stack")
        self._draw()

    def _proposal(self) -> ScopeProposal:
        from qlik_keys.tenant.resources.scope_proposal import least_scopes  # noqa: PLC0415  # not loaded when a panel is opened

        return least_scopes(self.calls.value)

    def _draw(self) -> None:
        if not self.calls.value.strip():
            ui.put(self.result, "")
            ui.show(self.use, visible=False)
            return
        proposal = self._proposal()
        ui.put(self.result, proposal_markup(proposal))
        ui.show(self.use, visible=bool(proposal.scopes))

    def _choose(self) -> None:
        proposal = self._proposal()
        if proposal.scopes and not self._picker.disabled:
            self._picker.value = list(proposal.scopes)


def proposal_markup(proposal: ScopeProposal) -> str:
    """Return a proposal as markup: each call with the scopes that it needs, and the scopes for all of them."""
    rows = "".join(f"<li><code>{escape(call.text)}</code> {_needs(call)}</li>" for call in proposal.calls)
    together = ", ".join(f"<code>{escape(scope)}</code>" for scope in proposal.scopes) or "none"
    unknown = sum(not call.is_known for call in proposal.calls)
    left = f" Not included: {counted(unknown, 'unknown call')}." if unknown else ""
    return f"<ul class='qk-plain'>{rows}</ul><p class='qk-note'>The least scopes: {together}.{left}</p>"


def _needs(call: NamedCall) -> str:
    if not call.is_call:
        return "<span class='qk-muted'>not recognized: write it as GET /v1/apps, or as app ls</span>"
    if not call.is_known:
        return "<span class='qk-muted'>unknown: Qlik does not publish which scope this call needs</span>"
    note = f" <span class='qk-muted'>({escape(call.note)})</span>" if call.note and call.scopes else ""
    needs = ", ".join(f"<code>{escape(scope)}</code>" for scope in call.scopes)
    return f"needs {needs}{note}" if needs else f"<span class='qk-muted'>{escape(call.note)}</span>"
