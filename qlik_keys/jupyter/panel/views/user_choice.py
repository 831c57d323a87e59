"""For whom a token is asked: an id or a subject as it is typed, or a user that a search finds."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import ipywidgets as widgets

from qlik_keys.jupyter.panel.views import markup
from qlik_keys.jupyter.panel.widgets.controls import box, button, choice, html, put, show, text

if TYPE_CHECKING:
    from qlik_keys.jupyter.panel.controllers.presenter import Presenter
    from qlik_keys.jupyter.panel.model.inspection_state import FoundUser
    from qlik_keys.jupyter.panel.model.state import PanelState

_DETECT = ""
# The forms of user ids that Qlik Cloud shows: 24 hexadecimal digits, and of older tenants 32 letters of base64url.
_USER_ID = re.compile(r"[0-9a-f]{24}|(?=.*\d)(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9_-]{32}")
_NONE_CHOSEN = ("choose one of the users that were found", "")


def detected_field(value: str) -> Literal["userId", "subject"]:
    r"""Return whether a text looks like a user's id or like a subject.

    Example:
        >>> detected_field("64ef645b3b7009d55dee5a2b"), detected_field("acme\\ada")
        ('userId', 'subject')
    """
    return "userId" if _USER_ID.fullmatch(value.strip()) else "subject"


class UserChoice:
    """The fields that say whose token it shall be.

    Args:
        presenter: what is drawn, and who searches.
    """

    def __init__(self, presenter: Presenter) -> None:
        self._presenter = presenter
        self._found: tuple[FoundUser, ...] | None = None
        self.by = choice("Looked up by", {"what it looks like": _DETECT, "user id": "userId", "subject": "subject"})
        self.value = text("Whose token", placeholder="the id or the subject; or a name or e-mail address to search for")
        self.value.continuous_update = True
        self.note = html("qk-note")
        self.search = button("Search users", presenter, lambda: presenter.find_users(self.value.value))
        self.found = widgets.Dropdown(options=[_NONE_CHOSEN], description="Users found")
        self.found.add_class("qk-field")
        self.fields = (self.by, self.value)
        self.widget = box(self.by, self.value, self.note, self.search, self.found, classes="qk-stack")
        self.found.observe(lambda change: self._take(change["new"]), names="value")
        for field in self.fields:
            field.observe(lambda _: presenter.redraw(), names="value")

    @property
    def field(self) -> Literal["userId", "subject"]:
        """How the user is looked up."""
        return self.by.value or detected_field(self.value.value)

    def draw(self, state: PanelState, *, visible: bool) -> None:
        """Draw a state."""
        show(self.widget, visible=visible)
        self.search.disabled = bool(state.work) or state.connection is None or not self.value.value.strip()
        put(self.note, markup.plain(self._note(state)) if visible else "")
        if state.found_users != self._found:
            self._found = state.found_users
            labels = [(found.label, found.user_id) for found in self._found or ()]
            self.found.options = [_NONE_CHOSEN, *labels]
            if self.value.value in dict(labels).values():
                self.found.value = self.value.value
        show(self.found, visible=bool(self._found))

    def _note(self, state: PanelState) -> str:
        typed = self.value.value.strip()
        if state.found_users is not None and not state.found_users:
            return "No user of the tenant has that in the name, the e-mail address, the subject or as the id."
        if not typed or self.by.value:
            return ""
        chosen = next((user for user in state.found_users or () if user.user_id == typed), None)
        if chosen is not None:
            return f"Taken as the id of {chosen.label}."
        if self.field == "userId":
            return "Taken as a user id, by its form."
        hint = " An e-mail address is a subject only where the identity provider says so." if "@" in typed else ""
        return f"Taken as a subject: it does not look like a user id.{hint} A search finds the user by any part of it."

    def _take(self, user_id: str) -> None:
        if user_id and user_id != self.value.value:
            self.by.value = _DETECT if detected_field(user_id) == "userId" else "userId"
            self.value.value = user_id
            self._presenter.choose_user(user_id)
