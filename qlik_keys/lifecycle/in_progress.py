"""Which operation is in progress when two meet on one client, and how an operation is described in its record."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys import KeySpec, PrivateKey

if TYPE_CHECKING:
    from qlik_keys.keystore.base import OperationName, StartedOperation

# The stronger one takes over; the weaker one waits until the other is done.
_STRENGTH: dict[OperationName, int] = {"retire": 0, "rotate": 1, "adopt": 2, "revoke": 3, "delete": 4}
_MOST_LETTERS = 200


def merged(held: StartedOperation, wanted: StartedOperation) -> StartedOperation | None:
    """Return what is in progress once `wanted` is asked for while `held` is: one of them with the other's demands.

    Returns:
        The held operation, where it is finished first; the wanted one, where it takes over; None where the held one
        leaves nothing to finish afterwards (a deletion).
    """
    demands = {
        "compromised": held.compromised | wanted.compromised,
        "remove_secrets": held.remove_secrets or wanted.remove_secrets,
        "allow_swap": held.allow_swap or wanted.allow_swap,
        "hooks": tuple(dict.fromkeys((*held.hooks, *wanted.hooks))),
    }
    if held.name == wanted.name:
        if held.name == "delete":
            demands["keep_secret"] = held.keep_secret and wanted.keep_secret
            demands["remove_bot"] = held.remove_bot or wanted.remove_bot
        return replace(held, **demands)  # type: ignore[arg-type]
    if held.name == "delete":
        return None
    if _STRENGTH[wanted.name] > _STRENGTH[held.name]:
        return replace(wanted, **demands, replaced=(*held.replaced, held.name))  # type: ignore[arg-type]
    return held


def actor() -> str:
    """Return who this process works for: user and machine, for people who look at an interrupted operation."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        user = f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown user"
    words = f"{user} on {socket.gethostname()}"
    return "".join(letter if letter.isprintable() else " " for letter in words)[:_MOST_LETTERS]


def kind_of(key: KeySpec | PrivateKey | None) -> str:
    """Return a kind of key as text, "" for none."""
    spec = key.public.spec if isinstance(key, PrivateKey) else key
    return "" if spec is None else " ".join(str(part) for part in (spec.alg, spec.bits) if part)


def spec_of(kind: str) -> KeySpec | None:
    """Return the kind of key that a text names, None for none."""
    alg, _, bits = kind.partition(" ")
    try:
        return KeySpec(alg, bits=int(bits) if bits else None) if alg else None  # type: ignore[arg-type]  # it checks
    except (KeyMaterialError, ValueError):
        return None
