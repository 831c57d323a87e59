"""Work that is sent to other machines: pickled by name, and refused where it would bring a secret along."""

from __future__ import annotations

import io
import pickle
from types import FunctionType
from typing import TYPE_CHECKING, Any

from qlik_keys.core.secret import Secret
from qlik_keys.errors import ConfigurationError
from qlik_keys.fleet.references import TenantReference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.fleet.runners.base import Connects


def packed_tasks(work: object, members: Sequence[tuple[str, Connects]]) -> dict[str, bytes]:
    """Return the work with each tenant's reference, pickled, by the tenants' names.

    Raises:
        ConfigurationError: a tenant is open already, or the work cannot be sent.
    """
    open_ones = [name for name, member in members if not isinstance(member, TenantReference)]
    if open_ones:
        raise ConfigurationError(
            f"These tenants are open already, and hold credentials that are sent nowhere: {', '.join(open_ones)}.",
            hint="Give a TenantReference for each: the workers log in by it.",
        )
    reason = getattr(work, "stays_because", "")
    if reason:
        raise ConfigurationError(
            f"This work is not sent to other machines: {reason}.", hint="Do it in threads of this process."
        )
    return {name: _packed((work, member)) for name, member in members}


class _Packer(pickle.Pickler):
    """Pickles by name what a module has; refuses a secret, and what would be sent with the variables that it uses."""

    def reducer_override(self, given: object) -> Any:
        if isinstance(given, Secret):
            raise pickle.PicklingError("it holds a secret")
        if isinstance(given, type | FunctionType) and given.__module__ == "__main__":
            raise pickle.PicklingError(f"{given.__qualname__} is of a notebook or a script, not of a module")
        return NotImplemented


def _packed(given: object) -> bytes:
    file = io.BytesIO()
    try:
        _Packer(file).dump(given)
    except (pickle.PicklingError, AttributeError, TypeError) as problem:
        reason = str(problem)
    else:
        return file.getvalue()
    raise ConfigurationError(
        f"The work cannot be sent to another machine: {reason}.",
        hint="Use a function or a dataclass of a module that the workers have, and references instead of secrets.",
    )
