"""Options that several commands share: a frozen dataclass, whose fields typer sees as the command's own parameters."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from typing import TYPE_CHECKING, Any, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Callable


def with_options(group: type[Any]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Return a decorator that gives a command these options, behind its own; they are its first argument.

    Args:
        group: a dataclass whose fields are annotated as typer wants it, but for those with the metadata `option`
            False. Its method `completed`, if it has one, returns the options that the command gets.
    """
    fields = [each for each in dataclasses.fields(group) if each.metadata.get("option", True)]
    hints = get_type_hints(group, include_extras=True)
    shared = [
        inspect.Parameter(each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=hints[each.name])
        for each in fields
    ]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        own = [*inspect.signature(command, eval_str=True).parameters.values()][1:]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            options = group(**{each.name: given.pop(each.name) for each in shared})
            command(options.completed() if hasattr(options, "completed") else options, **given)

        del run.__wrapped__  # typer would look at it, and find the argument
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
        run.__annotations__ = {each.name: each.annotation for each in (*own, *shared)}
        return run

    return decorate
