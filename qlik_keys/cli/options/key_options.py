"""The options of a key that is to be made: its kind, its custody, how long it serves."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from qlik_keys.errors import KeyMaterialError
from qlik_keys.keys.spec import DEFAULT_OVERLAP, ROTATE_AFTER

if TYPE_CHECKING:
    from qlik_keys.keys import KeySpec


def _known_custody(custody: str | None) -> str | None:
    if custody in (None, "kv", "transit"):
        return custody
    raise typer.BadParameter("choose kv or transit")


Custody = Annotated[
    str | None,
    typer.Option(
        help="Custody of new keys: kv, or transit (Vault signs). QLIK_KEYS_CUSTODY sets the default for first keys.",
        callback=_known_custody,
    ),
]
Alg = Annotated[str | None, typer.Option(help="ES384, RS256 or RS512; by default that of the current key.")]
Bits = Annotated[int | None, typer.Option(help="RSA size, with --alg RS256 or RS512: 2048, 3072 or 4096.")]
AllowSwap = Annotated[
    bool,
    typer.Option("--allow-swap", help="If the tenant accepts only one key, replace it (logins fail for a moment)."),
]
KeptRotateAfter = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=3660,
        help="After how many days the new key should be rotated; by default as many as for the current one.",
    ),
]
RotateAfter = Annotated[int, typer.Option(min=1, max=3660, help="After how many days the key should be rotated.")]
OVERLAP_HOURS = DEFAULT_OVERLAP / timedelta(hours=1)
SERVES_DAYS = ROTATE_AFTER.days


def overlap_of(hours: float | None) -> timedelta | None:
    """Return the overlap, None where none was given.

    Raises:
        typer.BadParameter: the hours are no span of time.
    """
    try:
        return None if hours is None else timedelta(hours=hours)
    except (OverflowError, ValueError):
        raise typer.BadParameter("that is not a number of hours.", param_hint="--overlap-hours") from None


def key_spec(alg: str | None, bits: int | None) -> KeySpec | None:
    """Return the kind of key that is requested, None for the kind that there is.

    Raises:
        typer.BadParameter: there is no such kind.
    """
    from qlik_keys.keys import KeySpec

    if alg is None and bits is None:
        return None
    if alg is None:  # the current key may be of another algorithm, which only a choice may change
        raise typer.BadParameter("it is the size of an RSA key: add --alg RS256 or --alg RS512.", param_hint="--bits")
    try:
        return KeySpec(alg, bits=bits)  # type: ignore[arg-type]  # it refuses what it does not know
    except KeyMaterialError as problem:
        message = f"{problem.message} {problem.hint}"
    raise typer.BadParameter(message, param_hint="--alg/--bits")
