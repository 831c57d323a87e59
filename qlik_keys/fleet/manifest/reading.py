"""Reading a fleet file: every mistake at once, each with line and column, and none of the values quoted."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from qlik_keys.errors import ConfigurationError, ManifestError, ManifestProblem
from qlik_keys.fleet.hook_files import refusal_of_open_file
from qlik_keys.fleet.manifest.checks import check_together
from qlik_keys.fleet.manifest.model import FleetFile
from qlik_keys.fleet.written_yaml import Written, read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic_core import ErrorDetails

    from qlik_keys.fleet.manifest.declared import Manifest
    from qlik_keys.fleet.tenants import Fleet
    from qlik_keys.fleet.written_yaml import Place

DEFAULT_FILE = "qlik-keys.yaml"
_OF_KEY = "[key]"  # how pydantic names the key of a mapping
_WORDS = {
    "missing": ("This section lacks the key {key}.", "Add it."),
    "string_type": ("A text is expected here.", "Check the indentation."),
    "tuple_type": ("A list is expected here.", "Write [one, two], or one item a line, each after a hyphen."),
    "dict_type": ("A section with keys is expected here.", "Write key: value, indented."),
    "model_type": ("A section with keys is expected here.", "Write key: value, indented."),
    "model_attributes_type": ("A section with keys is expected here.", "Write key: value, indented."),
    "too_short": ("This must not be empty.", "Add at least one, or remove the key."),
    "bool_type": ("true or false is expected here.", "Write one of the two."),
    "bool_parsing": ("true or false is expected here.", "Write one of the two."),
}


def read_manifest(path: str | Path) -> Manifest:
    """Read a fleet file.

    Args:
        path: the file.

    Raises:
        ManifestError: it has mistakes; its `problems` has each with line and column.
        ConfigurationError: it cannot be read; or it defines hooks, and every user of this machine may write it.
    """
    place = Path(path)
    try:
        text = place.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        problem = "it is not UTF-8 text"
    except OSError as error:
        problem = error.strerror or type(error).__name__
    else:
        found = manifest_of(text, file=str(place))
        refusal = refusal_of_open_file(place) if any(found.hooks.values()) else None
        if refusal is not None:
            raise refusal
        return found
    raise ConfigurationError(
        f"The fleet file {place} cannot be read: {problem}.",
        hint="Name another file, or write one: `qlik-keys export`.",
    )


def read_fleet(path: str | Path) -> Fleet:
    """Return the tenants of a fleet file.

    Raises:
        ManifestError: as `read_manifest`.
        ConfigurationError: likewise.
    """
    return read_manifest(path).fleet_of_tenants()


def manifest_of(text: str, *, file: str = DEFAULT_FILE) -> Manifest:
    """Return what the text of a fleet file declares.

    Args:
        text: YAML.
        file: its name, for errors.

    Raises:
        ManifestError: it has mistakes.
    """
    written = read_text(text)
    manifest = None
    if written.values is not None:
        try:
            found = FleetFile.model_validate(written.values, by_alias=True)
        except ValidationError as error:
            details = _without_consequences(error.errors(include_url=False, include_input=False))
            found = None
        else:
            details = []
        written.problems += (_problem(written, each) for each in details if _is_new(written, each))
        # What several values say together is looked at also where one of them is wrong: all mistakes are told at once.
        manifest = check_together(written, found)
    if written.problems or manifest is None:
        raise ManifestError(file, sorted(set(written.problems), key=lambda each: (each.line, each.column)))
    return manifest


def _without_consequences(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return the mistakes without those of a list that is too short because its items are wrong."""
    return [
        each
        for each in details
        if each["type"] != "too_short"
        or all(other["loc"][: len(each["loc"])] != each["loc"] or other is each for other in details)
    ]


def _is_new(written: Written, error: ErrorDetails) -> bool:
    """Tell whether a mistake is told at that place by now: a secret was removed there, and no text is left."""
    place = _place(written, error)
    return all((each.line, each.column) != place for each in written.problems)


def _problem(written: Written, error: ErrorDetails) -> ManifestProblem:
    path, kind = tuple(error["loc"]), error["type"]
    line, column = _place(written, error)
    message, hint = _words(path, kind, error.get("ctx", {}))
    return ManifestProblem(line=line, column=column, message=message, hint=hint)


def _words(path: tuple[str | int, ...], kind: str, context: dict[str, Any]) -> tuple[str, str]:
    if kind == "fleet_file":
        return context["what"], context["hint"]
    if kind == "extra_forbidden":
        known = [*_keys_at(path[:-1])]
        likely = get_close_matches(str(path[-1]), known, 1)
        if likely:
            return "There is no such key here.", f"Did you mean {likely[0]}?"
        return "There is no such key here.", f"There are: {', '.join(known)}."
    if kind == "literal_error":
        return "This is not one of the possible values.", f"Write {context['expected']}.".replace("'", "")
    message, hint = _WORDS.get(kind, ("This value is not valid.", "See the JSON Schema: `qlik-keys plan --schema`."))
    return message.format(key=path[-1] if path else ""), hint


def _keys_at(path: tuple[str | int, ...]) -> Iterator[str]:
    """Yield the keys that a section of the file may have."""
    model: type[BaseModel] = FleetFile
    rest = [*path]
    while rest:
        named = {name.replace("_", "-"): one.annotation for name, one in model.model_fields.items()}
        kind = named[str(rest.pop(0))]
        if get_origin(kind) in (dict, tuple):
            del rest[:1]  # a name of the user's own, of a tenant, a group or a hook; or the place in a list
        model = next(each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, BaseModel))
    return (name.replace("_", "-") for name in model.model_fields)


def _place(written: Written, error: ErrorDetails) -> Place:
    """Return where a mistake is: of a key that is not known, or no name, the key itself."""
    path = tuple(error["loc"])
    is_key = path[-1:] == (_OF_KEY,)
    return written.place(path[:-1] if is_key else path, key=is_key or error["type"] == "extra_forbidden")
