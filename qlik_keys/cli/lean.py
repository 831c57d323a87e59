"""What the command line does without, so that a command starts quickly.

Each is a third of the time of `qlik-keys token`: httpx's own command line with rich, which `import httpx` loads where
it is installed, and pydantic, with which typer converts each value that was typed. Where another release of theirs
differs from what is known here, the command starts as slowly as before, and does the same.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import sys
from typing import Any

# Loading makes objects that stay: looking through them for garbage each time that 700 more are there is in vain.
_OBJECTS_BETWEEN_COLLECTIONS = 200_000


def collect_garbage_seldom() -> None:
    """Have Python look for garbage after many more objects than it does automatically, and not at the end.

    A command is soon over, and Python would look through all that it has loaded again before the process, with all
    of it, is gone: a fifth of the time of `qlik-keys token`.
    """
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS, *gc.get_threshold()[1:])
    atexit.register(gc.freeze)  # registered first, so it runs after all others' farewells


def leave_out_httpx_command_line() -> None:
    """Have `import httpx` leave out its own command line in this process, as where click and rich are not installed.

    `None` in `sys.modules` is Python's way to say that a module is not there, and httpx's own import heeds it. For a
    process that is a command of qlik_keys alone: what others made of httpx's command line is not managed by
    qlik_keys to remove.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


def take_texts_as_they_are(command: Any) -> Any:
    """Have a command take what was typed for a text, a list of texts or a flag as it is: there is nothing to convert.

    Args:
        command: typer's command, or a group with all its commands.

    Returns:
        The same command.
    """
    get_params = command.get_params

    def get_lean_params(ctx: Any) -> list[Any]:
        params: list[Any] = get_params(ctx)
        for param in params:
            with contextlib.suppress(ImportError, AttributeError, TypeError):  # another release of typer
                _lighten(param)
        return params

    command.get_params = get_lean_params
    for each in getattr(command, "commands", {}).values():
        take_texts_as_they_are(each)
    return command


def _lighten(param: Any) -> None:
    kind = param.type_descriptor
    is_plain = kind.annotation in (str, list[str], bool) and not kind.is_path and kind.parameter_info.parser is None
    # Both names are private: typer has no other way to say how a value is converted.
    if is_plain and param._runtime_param is None:  # noqa: SLF001
        param._runtime_param = _as_it_is()(parameter_info=kind.parameter_info, annotation=kind.annotation)  # noqa: SLF001


@functools.cache
def _as_it_is() -> Any:
    from typer._coercion import RuntimeParam, build_runtime_param

    class AsItIs(RuntimeParam):
        """A text, a list of texts, or a flag."""

        def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
            if isinstance(value, bool | str):
                is_text_for_a_flag = self.annotation is bool and isinstance(value, str)
                return (
                    build_runtime_param(param.type_descriptor).coerce(value, param, ctx)
                    if is_text_for_a_flag
                    else value
                )
            return list(value)

    return AsItIs
