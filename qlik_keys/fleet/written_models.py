"""The values of a file that people write, checked by a pydantic model: each mistake with line and column.

Fleet files and files of hooks are checked by it. No value is quoted: it may be a secret that someone pasted.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import PydanticCustomError

from qlik_keys.errors import ManifestProblem

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

    from qlik_keys.fleet.written_yaml import Place, Written

Model = TypeVar("Model", bound=BaseModel)
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


def problem(message: str, hint: str) -> PydanticCustomError:
    """Return what a validator of a model raises: what is wrong, and what to do."""
    return PydanticCustomError("written", "{what}", {"what": message, "hint": hint})


def checked(written: Written, model: type[Model], *, reference: str) -> Model | None:
    """Return the values of a file as a model, None where something is wrong with them: that is noted.

    Args:
        written: the values with their places; takes the problems.
        model: what they should be.
        reference: where a person reads about the form of the file.
    """
    if written.values is None:
        return None
    try:
        return model.model_validate(written.values, by_alias=True)
    except ValidationError as error:
        details = _without_consequences(error.errors(include_url=False, include_input=False))
        details = _without_misspelled(details)
        details.sort(key=lambda each: each["type"] != "extra_forbidden")  # a misspelled key is missing as well
    written.problems += (_problem(written, model, each, reference) for each in details if _is_new(written, each))
    return None


def _without_consequences(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return the mistakes without those of a list that is too short because its items are wrong."""
    return [
        each
        for each in details
        if each["type"] != "too_short"
        or all(other["loc"][: len(each["loc"])] != each["loc"] or other is each for other in details)
    ]


def _without_misspelled(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return the mistakes without the keys that are missing because they are misspelled."""
    unknown = [each["loc"] for each in details if each["type"] == "extra_forbidden"]
    return [
        each
        for each in details
        if each["type"] != "missing"
        or not any(
            other[:-1] == each["loc"][:-1] and get_close_matches(str(other[-1]), [str(each["loc"][-1])], 1)
            for other in unknown
        )
    ]


def _is_new(written: Written, error: ErrorDetails) -> bool:
    """Tell whether a mistake is told at that place by now: a secret was removed there, and no text is left."""
    return not written.is_told(_place(written, error))


def _problem(written: Written, model: type[BaseModel], error: ErrorDetails, reference: str) -> ManifestProblem:
    path, kind = tuple(error["loc"]), error["type"]
    line, column = _place(written, error)
    message, hint = _words(model, path, kind, error.get("ctx", {})) or ("This value is not valid.", reference)
    return ManifestProblem(line=line, column=column, message=message, hint=hint)


def _words(
    model: type[BaseModel], path: tuple[str | int, ...], kind: str, context: dict[str, Any]
) -> tuple[str, str] | None:
    if kind == "written":
        return context["what"], context["hint"]
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        likely = get_close_matches(str(path[-1]), known, 1)
        if likely:
            return "There is no such key here.", f"Did you mean {likely[0]}?"
        return "There is no such key here.", f"There are: {', '.join(known)}."
    if kind == "literal_error":
        return "This is not one of the possible values.", f"Write {context['expected']}.".replace("'", "")
    if kind not in _WORDS:
        return None
    message, hint = _WORDS[kind]
    return message.format(key=path[-1] if path else ""), hint


def _keys_at(model: type[BaseModel], path: tuple[str | int, ...]) -> list[str]:
    """Return the keys that a section of the file may have."""
    rest = [*path]
    while rest:
        named = {one.alias or name: one.annotation for name, one in model.model_fields.items()}
        kind = named[str(rest.pop(0))]
        if get_origin(kind) in (dict, tuple):
            del rest[:1]  # a name of the user's own, of a tenant, a group or a hook; or the place in a list
        model = next(each for each in (kind, *get_args(kind)) if isinstance(each, type) and issubclass(each, BaseModel))
    return [one.alias or name for name, one in model.model_fields.items()]


def _place(written: Written, error: ErrorDetails) -> Place:
    """Return where a mistake is: of a key that is not known, or no name, the key itself."""
    path = tuple(error["loc"])
    is_key = path[-1:] == (_OF_KEY,)
    return written.place(path[:-1] if is_key else path, key=is_key or error["type"] == "extra_forbidden")
