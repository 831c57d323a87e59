"""The user of a token: an id or a subject that is typed, or a user that a search finds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import ipywidgets as widgets

from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets import controls as ui

if TYPE_CHECKING:
    from collections.abc import Callable

    from qlik_keys.jupyter.panel.controllers.panel_controllers import PanelControllers
    from qlik_keys.jupyter.panel.model.shown import FoundUser
    from qlik_keys.jupyter.panel.model.state import PanelState

_DETECT = ""
# The forms of user ids that Qlik Cloud shows: 24 hexadecimal digits, and of older tenants 32 letters of base64url.
_USER_ID = re.compile(r"[0-9a-f]{24}|(?=.*\d)(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9_-]{32}")
_NONE_CHOSEN = ("choose a user", "")


def detected_field(value: str) -> Literal["userId", "subject"]:
    r"""Return whether a text looks like a user's id or like a subject.

    Example:
        >>> detected_field("64ef645b3b7009d55dee5a2b"), detected_field("acme\\ada")
        ('userId', 'subject')
    """
    return "userId" if _USER_ID.fullmatch(value.strip()) else "subject"


class UserChoice:
    """The fields for the user of a token.

    Args:
        controllers: what searches.
        redraw: called when what is typed has changed.
    """

    def __init__(self, controllers: PanelControllers, *, redraw: Callable[[], None]) -> None:
        self._token = token = controllers.token
        self._found: tuple[FoundUser, ...] | None = None
        self.by = ui.choice("Looked up by", {"its form": _DETECT, "user id": "userId", "subject": "subject"})
        self.value = ui.text(
            "User of the token", placeholder="id or subject; or a name or e-mail address to search for"
        )
        self.value.continuous_update = True
        self.note = ui.html("qk-note")
        self.search = ui.button("Search users", controllers.work, lambda: token.find_users(self.value.value))
        self.found = widgets.Dropdown(options=[_NONE_CHOSEN], description="Users found")
        self.found.add_class("qk-field")
        self.fields = (self.by, self.value)
        self.widget = ui.box(self.by, self.value, self.note, self.search, self.found, classes="qk-stack")
        self.found.observe(lambda change: self._take(change["new"]), names="value")
        for field in self.fields:
            field.observe(lambda _: redraw(), names="value")

    @property
    def field(self) -> Literal["userId", "subject"]:
        """How the user is looked up."""
        return self.by.value or detected_field(self.value.value)

    def draw(self, state: PanelState, *, visible: bool) -> None:
        """Draw a state."""
        ui.show(self.widget, visible=visible)
        self.search.disabled = bool(state.work.doing) or state.connection is None or not self.value.value.strip()
        ui.put(self.note, markup.plain(self._note(state)) if visible else "")
        if state.token.found_users != self._found:
            self._found = state.token.found_users
            labels = [(found.label, found.user_id) for found in self._found or ()]
            self.found.options = [_NONE_CHOSEN, *labels]
            if self.value.value in dict(labels).values():
                self.found.value = self.value.value
        ui.show(self.found, visible=bool(self._found))

    def _note(self, state: PanelState) -> str:
        typed = self.value.value.strip()
        if state.token.found_users is not None and not state.token.found_users:
            return "No user of the tenant has this text in the name, the e-mail address or the subject, or this id."
        if not typed or self.by.value:
            return ""
        chosen = next((user for user in state.token.found_users or () if user.user_id == typed), None)
        if chosen is not None:
            return f"This is the id of {chosen.label}."
        if self.field == "userId":
            return "It has the form of a user id."
        hint = " An e-mail address is a subject only if the identity provider uses it as one." if "@" in typed else ""
        return f"It is used as a subject: it has not the form of a user id.{hint} A search finds a user by any part."

    def _take(self, user_id: str) -> None:
        if user_id and user_id != self.value.value:
            self.by.value = _DETECT if detected_field(user_id) == "userId" else "userId"
            self.value.value = user_id
            self._token.choose_user(user_id)
