"""A text that does not show itself: API keys, client secrets, tokens."""

from __future__ import annotations

import hmac
from typing import NoReturn

from qlik_keys.errors import ConfigurationError

# What is wrong with a secret, and what to do.
NOT_FOR_A_HEADER = "contains a character that is not allowed in an HTTP header"
COPY_AGAIN = "Copy it again, complete and without other characters."


class Secret:
    """A secret text with a fixed repr, no pickle and no copy; `reveal()` is the one way out.

    Args:
        value: the text. Blanks and line ends around it are removed, since pasted and file-read secrets carry them
            and HTTP libraries quote a header that they refuse (reliability-facts, section 3).
        what: what it is, for the repr and for the error, for example "API key".
        any_text: it is a password, which travels in a body: anything but an empty text, and nothing is removed.

    Raises:
        ConfigurationError: it is empty, or has a character that no header may carry. The text is not quoted.
        TypeError: it is no text. The value is not quoted.

    Example:
        >>> Secret(" abc ", what="API key")
        <API key>
    """

    __slots__ = ("__value", "what")

    def __init__(self, value: str | Secret, *, what: str = "secret", any_text: bool = False) -> None:
        self.what = what  # first: a traceback with its locals shows an object that was refused, by its repr
        if not isinstance(value, str | Secret):
            kind = type(value)
            del value
            raise wrong_type(kind, what=what)
        text = value.reveal() if isinstance(value, Secret) else value if any_text else value.strip()
        del value
        usable = bool(text) and (any_text or (text.isascii() and text.isprintable() and " " not in text))
        if not usable:
            reason = "is empty" if not text else NOT_FOR_A_HEADER
            del text
            raise ConfigurationError(f"The {what} {reason}.", hint=COPY_AGAIN)
        self.__value = text

    def reveal(self) -> str:
        """Return the text in the clear. Anyone who calls it answers for where it goes."""
        return self.__value

    def __repr__(self) -> str:
        return f"<{self.what}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(_bytes(self), _bytes(other))

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"a {self.what} cannot be pickled or copied; use reveal() where the value is needed")

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(None)  # the inherited one returns the text


def guarded(value: str | Secret, *, what: str, any_text: bool = False) -> Secret | ConfigurationError | TypeError:
    """Return the secret wrapped, or the error that says why it is none, to be raised when the plain text is gone.

    A verbose traceback prints the arguments of every frame, so no frame of qlik_keys may hold the text when
    it is raised.

    Args:
        value: the text.
        what: what it is, for the repr and for the error.
        any_text: as for `Secret`.
    """
    failure: ConfigurationError | TypeError
    try:
        return Secret(value, what=what, any_text=any_text)
    except (ConfigurationError, TypeError) as error:
        failure = error
    finally:
        del value
    return failure.with_traceback(None)


def wrong_type(kind: type, *, what: str, wanted: str = "text (str)") -> TypeError:
    """Return the error for a secret, or for what should hold one, of a type that is not accepted.

    Args:
        kind: the type that was given; of the value itself nothing is kept.
        what: what it should be, for example "API key".
        wanted: the types that are accepted, in words.
    """
    advice = "; decode it first" if kind in (bytes, bytearray) and "bytes" not in wanted else ""
    return TypeError(f"the {what} must be {wanted}, not {kind.__name__}{advice}")


def _bytes(secret: Secret) -> bytes:
    # compare_digest takes texts of ASCII alone, and a password may be any.
    return secret.reveal().encode("utf-8", "surrogatepass")
