"""What a failure may say of the effect of a whole that has several parts."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from qlik_keys.errors import Outcome, QlikKeysError

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def after_effect() -> Iterator[None]:
    """Have a failure say that its effect is unknown: a part of the work was done before, or may have been.

    Raises:
        QlikKeysError: what fails in the block.
    """
    try:
        yield
    except QlikKeysError as error:
        if error.outcome is Outcome.NOT_APPLIED:
            error.outcome = Outcome.UNKNOWN
        raise
