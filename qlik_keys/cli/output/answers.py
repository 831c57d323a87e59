"""What becomes of the answer to a single call: written to a file, and told where it is lost after the effect."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Any

from qlik_keys.cli.output.results import ids_of
from qlik_keys.errors import ConfigurationError, Outcome, TenantProtocolError

if TYPE_CHECKING:
    from pathlib import Path

    from qlik_keys.tenant.resources.raw import RawAnswer


def json_or_none(answer: RawAnswer) -> Any:
    """Return an answer as JSON-ready values, None where it is no JSON: it was printed as it is."""
    try:
        return answer.json()
    except TenantProtocolError:
        return None


def write_answer(path: Path, answer: RawAnswer, *, is_change: bool) -> None:
    """Write an answer to a file unmodified; one with a secret in it is its owner's alone."""
    from qlik_keys.tenant.http.guarded import has_secret

    is_private = has_secret(answer.content)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600 if is_private else 0o666)
        with open(descriptor, "wb") as file:  # noqa: PTH123  # a descriptor
            # There may have been such a file before; Windows knows no modes.
            if is_private and hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.fchmod(descriptor, 0o600)
            file.write(answer.content)
    except OSError as error:
        problem = type(error).__name__
    else:
        return
    raise ConfigurationError(
        f"The response cannot be written to {path} ({problem}).",
        hint="Name a file in a folder that you can write to; the request was sent. "
        f"{effect_of('', '', answer)[1]}".rstrip(),
        outcome=Outcome.APPLIED if is_change else Outcome.NOT_APPLIED,
    )


def refuse_unwritable(path: Path) -> None:
    """Refuse a file that cannot be written before the call is sent, whose answer may be shown only once.

    Raises:
        ConfigurationError: it cannot be written.
    """
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigurationError(
            f"The response could not be written to {path}, so no request was sent.",
            hint="Name a file in a folder that you can write to.",
        )


def effect_of(method: str, path: str, answer: RawAnswer) -> tuple[str, str]:
    """Return what a call has done, with the ids, and how to get at a secret in its answer that was not shown."""
    from qlik_keys.tenant.http.guarded import redacted_document

    document = json_or_none(answer)
    made = next(iter(ids_of(document)), "") if isinstance(document, dict) else ""
    done = f"{method.upper()} {path}" + (f" (id {made})" if made and made not in path else "")
    if document is None or redacted_document(document) == document:
        return done, ""
    if "oauth-clients" not in path:
        return done, (
            "The tenant shows its secret only once, and it could not be printed: create another one and "
            "delete this one."
        )
    more = f"qlik-keys oauth-client client-secret create --oauth-clientId {made or 'ID'}"
    return done, (
        f"The tenant shows its secret only once, and it could not be printed: create another one with `{more}`."
    )
