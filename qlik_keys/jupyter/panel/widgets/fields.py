"""The panel's own fields: for a secret, for a client secret that is shown once, for scopes.

A synced trait is in the saved notebook (reliability-facts, section 3), so a secret is never one: it arrives, and is
sent, in a separate message, which no notebook keeps.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

import anywidget
import traitlets

from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError
from qlik_keys.jupyter.panel.widgets import static_text
from qlik_keys.tenant.resources.scopes import explanation, known_scopes, parents

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class SecretField(anywidget.AnyWidget):
    """A field for a secret. What is typed arrives as one message when the field is left, and the page forgets it.

    Args:
        label: its name, for instance "API key".
        help_text: a note below the field.
        any_text: accept any text, as for a password; otherwise only what an HTTP header may contain.
        kind: "text", or "file" for the text of a file that is chosen in the page.
    """

    _esm = static_text("secret_field.js")
    label = traitlets.Unicode("").tag(sync=True)
    help_text = traitlets.Unicode("").tag(sync=True)
    held = traitlets.Bool(default_value=False).tag(sync=True)
    problem = traitlets.Unicode("").tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)
    sent = traitlets.Unicode("").tag(sync=True)
    kind = traitlets.Unicode("text").tag(sync=True)
    form_trait = "sent"

    def __init__(
        self, *, label: str, help_text: str = "", any_text: bool = False, kind: Literal["text", "file"] = "text"
    ) -> None:
        super().__init__(label=label, help_text=help_text, kind=kind)
        self._arrived = threading.Condition()
        self._arrived_last = ""
        self._any_text = any_text or kind == "file"
        self._secret: Secret | None = None
        self._touched = False
        self._listeners: list[Callable[[], None]] = []
        self.on_msg(self._received)

    @property
    def secret(self) -> Secret | None:
        """What was typed, None for nothing."""
        return self._secret

    @property
    def filled(self) -> bool:
        """Whether it has a secret, or the page has one, which it sends when the field is left."""
        return self._secret is not None or self._touched

    def wait(self, seconds: float = 10.0) -> Secret | None:
        """Return what was typed, after the message that the page has announced.

        Args:
            seconds: how long to wait for it.
        """
        with self._arrived:
            self._arrived.wait_for(lambda: self.sent in ("", self._arrived_last), seconds)
        return self._secret

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call back whenever `filled` may have changed."""
        self._listeners.append(listener)

    def clear(self) -> None:
        """Forget what was typed, here and in the page."""
        self._secret, self._touched = None, False
        self.held, self.problem = False, ""
        self.send({"kind": "clear"})

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        kind = content.get("kind")
        if kind == "touched":
            self._touched = bool(content.get("filled"))
        elif kind == "forget":
            self._secret = None
            self.held = False
        elif kind == "typed":
            self._take(content)
            self._touched = False  # it is never empty in between: another thread may draw the form
            with self._arrived:
                self._arrived_last = str(content.get("sent", ""))
                self._arrived.notify_all()
        for listener in self._listeners:
            listener()

    def _take(self, content: dict[str, Any]) -> None:
        # The text is never a local variable: a verbose traceback prints those.
        try:
            self._secret = Secret(content.pop("value"), what=self.label, any_text=self._any_text)
            self.problem = ""
        except ConfigurationError as error:
            self._secret = None
            self.problem = str(error)
        self.held = self._secret is not None

    def __repr__(self) -> str:
        return f"<SecretField {self.label}>"


class FormButton(anywidget.AnyWidget):
    """A button whose click sends the fields of its form as the page shows them.

    Args:
        description: its text.
        fields: the widgets of the form.
        action: called after the fields have their values.
        tooltip: what it does.
        missed: called instead if the values of the click have disabled it; None for nothing.
        submits: whether Enter in a field of its form presses it.
    """

    _esm = static_text("form_button.js")
    description = traitlets.Unicode("").tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)
    fields: traitlets.List[list[str]] = traitlets.List().tag(sync=True)
    tooltip = traitlets.Unicode("").tag(sync=True)
    kind = traitlets.Unicode("primary").tag(sync=True)
    submits = traitlets.Bool(default_value=False).tag(sync=True)
    follows = traitlets.Bool(default_value=False).tag(sync=True)
    expects: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        description: str,
        *,
        fields: Sequence[Any],
        action: Callable[[], None],
        tooltip: str = "",
        missed: Callable[[], None] | None = None,
        submits: bool = False,
    ) -> None:
        self._fields = [(field, _trait_of(field)) for field in fields]
        pairs = [[field.model_id, trait] for field, trait in self._fields]
        super().__init__(
            description=description, fields=pairs, tooltip=tooltip, submits=submits, follows=missed is not None
        )
        self._action = action
        self._missed = missed
        self.on_msg(self._received)

    def expect(self, fields: Sequence[Any]) -> None:
        """Let a page press it only while these fields have their present values."""
        chosen = set(map(id, fields))
        self.expects = [getattr(field, trait) if id(field) in chosen else None for field, trait in self._fields]

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") != "click":
            return
        was_enabled = not self.disabled
        for (field, trait), value in zip(self._fields, content["values"], strict=True):
            setattr(field, trait, value)
        # After the values are set: with them the form may be complete.
        if not self.disabled:
            self._action()
        elif was_enabled and self._missed is not None:
            self._missed()

    def __repr__(self) -> str:
        return f"<FormButton {self.description}>"


def _trait_of(field: Any) -> str:
    # Only Python knows the value of a choice; the page knows its index.
    return getattr(field, "form_trait", "index" if hasattr(field, "index") else "value")


class SecretOnce(anywidget.AnyWidget):
    """Shows a secret in the page on request, in a separate message, until the user says that it is stored.

    Args:
        secret: called to show it; returns None if there is nothing to show any more.
        stored: called when the user has stored it.
    """

    _esm = static_text("secret_once.js")
    label = traitlets.Unicode("").tag(sync=True)
    shown = traitlets.Bool(default_value=False).tag(sync=True)

    def __init__(self, *, label: str, secret: Callable[[], Secret | None], stored: Callable[[], None]) -> None:
        super().__init__(label=label)
        self._ask = secret
        self._stored = stored
        self.on_msg(self._received)

    def _received(self, _: object, content: dict[str, Any], __: object) -> None:
        if content.get("kind") == "show":
            secret = self._ask()
            if secret is not None:
                self.send({"kind": "secret", "value": secret.reveal()})
        elif content.get("kind") == "stored" and content.get("label") == self.label:
            self._stored()  # never the next one, which was not shown yet

    def __repr__(self) -> str:
        return f"<SecretOnce {self.label}>"


class Pulse(anywidget.AnyWidget):
    """Marks the panel that it stands in as alive as long as its kernel is."""

    _esm = static_text("pulse.js")
    me = traitlets.Unicode("").tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.me = self.model_id

    def __repr__(self) -> str:
        return "<Pulse>"


class ScopePicker(anywidget.AnyWidget):
    """Chooses OAuth scopes by search, in groups, with their meanings; it shows which scope covers another.

    Args:
        value: the chosen scopes.
        none: the text if none is chosen.
    """

    _esm = static_text("elements.js", "scope_picker.js")
    options: traitlets.List[dict[str, Any]] = traitlets.List().tag(sync=True)
    value = traitlets.List(traitlets.Unicode()).tag(sync=True)
    disabled = traitlets.Bool(default_value=False).tag(sync=True)
    none = traitlets.Unicode("").tag(sync=True)

    def __init__(self, value: list[str], *, none: str = "None chosen yet.") -> None:
        super().__init__(options=_options([*known_scopes()]), value=value, none=none)

    def offer(self, names: Sequence[str]) -> None:
        """Offer these scopes, and no others that Qlik publishes."""
        self.options = _options(names)

    def __repr__(self) -> str:
        return f"<ScopePicker {', '.join(self.value)}>"


def _options(names: Sequence[str]) -> list[dict[str, Any]]:
    scopes, offered = known_scopes(), frozenset(names)
    options = [
        {
            "name": name,
            "group": scopes[name].group if name in scopes else "user",
            "meaning": explanation(name),
            "parents": [parent for parent in parents(name) if parent in offered],
        }
        for name in names
    ]
    # The scopes of users first: jobs seldom need those of administrators.
    return sorted(options, key=lambda option: option["group"] == "admin")
