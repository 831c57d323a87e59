"""Assertions that are broken on purpose, to see what a tenant refuses and why.

Not done here: sending them, which is done on the sandbox alone (`inspection`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from qlik_keys.keys import KeySpec, generate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from qlik_keys.core.clock import Clock
    from qlik_keys.keys.signer import Signer

_LONG_AGO_SECONDS = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class InvalidVariant:
    """A way to break an assertion on purpose.

    Attributes:
        title: what is done, in a few words.
        member: the header's or claims' member that is wrong, "" where it is the signature.
        rejection: why a tenant must refuse it.
    """

    title: str
    member: str
    rejection: str


INVALID_VARIANTS: Mapping[str, InvalidVariant] = {
    "wrong-kid": InvalidVariant(
        title="a kid that is not registered",
        member="kid",
        rejection="The kid selects the registered key that verifies the signature. If no registered key has it, "
        "nothing can be verified.",
    ),
    "wrong-audience": InvalidVariant(
        title="a slash at the end of the audience",
        member="aud",
        rejection="The audience is compared character by character, so an assertion that is meant for one server "
        "is useless at another. An extra slash at the end is the most common mistake.",
    ),
    "expired": InvalidVariant(
        title="made an hour ago",
        member="exp",
        rejection="An assertion that leaks into a log must soon be worthless: it expires at most 300 seconds "
        "after it is issued.",
    ),
    "another-key": InvalidVariant(
        title="signed with a key that is not registered",
        member="",
        rejection="Knowing the kid is not enough: the public key that is registered under it must verify the "
        "signature.",
    ),
    "replayed": InvalidVariant(
        title="a valid assertion, sent twice",
        member="jti",
        rejection="Each assertion is valid for one request: the tenant remembers its jti until it expires.",
    ),
}


def broken(fault: str, signer: Signer, audience: str, clock: Clock) -> tuple[Signer, str, Clock]:
    """Return signer, audience and clock for an assertion that is broken in that way.

    Args:
        fault: a name of `INVALID_VARIANTS`; "" and "replayed" change nothing.
        signer: the client's.
        audience: what the tenant accepts.
        clock: says what now is.
    """
    if fault == "wrong-kid":
        signer = _Named(signer, kid=f"not-{signer.kid}")
    elif fault == "wrong-audience":
        audience += "/"
    elif fault == "expired":
        clock = _Earlier(clock, _LONG_AGO_SECONDS)
    elif fault == "another-key":
        signer = _Named(_throwaway(signer.alg), kid=signer.kid)
    return signer, audience, clock


def _throwaway(alg: str) -> Signer:
    return generate(KeySpec("ES384") if alg == "ES384" else KeySpec(alg, bits=2048)).signer()  # type: ignore[arg-type]


class _Named:
    """Signs as another signer does, under a kid of its own."""

    def __init__(self, signer: Signer, *, kid: str) -> None:
        self._signer = signer
        self.kid = kid
        self.alg = signer.alg

    def sign(self, data: bytes, /) -> bytes:
        return self._signer.sign(data)


class _Earlier:
    """A clock that is behind."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds

    def time(self) -> float:
        return self._clock.time() - self._seconds

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
