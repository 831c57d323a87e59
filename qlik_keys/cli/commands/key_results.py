"""What came of a command that makes clients or changes their keys, for people and programs.

Nothing of it is secret but a client secret that `resume` made, which the tenant shows this once.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from qlik_keys.cli.output.table import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qlik_keys.errors import PartlyFailed
    from qlik_keys.lifecycle import Deleted, Provisioned, Resumed, Rotated


def document_of_result(
    operation: str, result: Provisioned | Rotated | Deleted | Resumed | dict[str, Any]
) -> dict[str, Any]:
    """Return a result as JSON-ready values; only a client secret that was made just now is secret."""
    from qlik_keys.lifecycle import Deleted, Provisioned, Resumed

    if isinstance(result, dict):
        return result
    if isinstance(result, Deleted):
        bot = None if result.bot is None else {"id": result.bot.id, "name": result.bot.name}
        return {
            "operation": operation,
            "client_id": result.client_id,
            "tokens_ended": result.tokens_ended,
            "bot": bot,
            "bot_removed": result.bot_removed,
            "warnings": list(result.warnings),
        }
    if isinstance(result, Resumed):
        inner = {} if result.result is None else document_of_result(result.operation, result.result)
        made = {} if result.client_secret is None else {"client_secret": result.client_secret.reveal()}
        return {**inner, "operation": result.operation, "name": result.name, "client_id": result.client_id, **made}
    common = {
        "operation": operation,
        "client_id": result.client_id,
        "name": result.name,
        "kid": result.kid,
        "warnings": list(result.warnings),
    }
    if isinstance(result, Provisioned):
        return {**common, "created": result.created}
    return {
        **common,
        "old_kids": list(result.old_kids),
        "retired": list(result.retired),
        "retire_at": None if result.retire_at is None else result.retire_at.isoformat(),
        "pending_hooks": list(result.pending_hooks),
    }


def done_of(error: PartlyFailed[Any]) -> list[Any]:
    """Return what was done of many items of which others failed."""
    from qlik_keys.lifecycle import Resumed

    done = [item for item in error.results if item.error is None]
    return [item if isinstance(item, Resumed) else item.result for item in done if _is_told(item)]


def _is_told(item: Any) -> bool:
    from qlik_keys.lifecycle import Resumed

    return isinstance(item, Resumed) or item.result is not None


def is_kept(result: dict[str, Any]) -> bool:
    """Tell whether a client's old key was due for its removal, and stays."""
    return result["operation"] == "retire" and bool(result.get("old_kids")) and not result["retired"]


def tell_results(results: Sequence[dict[str, Any]], *, is_of_one: bool) -> None:
    """Print results for people.

    Args:
        results: their documents.
        is_of_one: the command was about one client, which no note needs to name.
    """
    if is_of_one:
        for warning in dict.fromkeys(warning for each in results for warning in each.get("warnings", ())):
            typer.echo(f"Note: {printable(warning)}", err=True)
    else:
        tell_warnings(results)
    for result in results:
        typer.echo(result_text(result))


def tell_warnings(documents: Sequence[dict[str, Any]]) -> None:
    """Print each warning once, with the clients that it is about."""
    about: dict[str, list[str]] = {}
    for document in documents:
        for warning in document.get("warnings", ()):
            about.setdefault(warning, []).append(printable(document.get("name") or document["client_id"]))
    for warning, names in about.items():
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        names.sort()
        typer.echo(f"Note: {', '.join(names[:_MOST_NAMES])}{more}: {printable(warning)}", err=True)


_MOST_NAMES = 10
_DONE = {
    "provision": "Made",
    "rotate": "Rotated",
    "retire": "Retired old keys of",
    "revoke": "Revoked keys of",
    "adopt": "Adopted",
    "trust": "Trusted",
    "delete": "Deleted",
    "hooks": "Looked after the hooks of",
    "remove_duplicate": "Removed the duplicate",
}


def result_text(result: dict[str, Any]) -> str:
    """Return a result in a line for people."""
    name, client_id = printable(result.get("name") or ""), result["client_id"]
    done = _DONE | ({} if result.get("created", True) else {"provision": "Found"})
    words = f"{done.get(result['operation'], result['operation'])} {name or 'client'}: client id {client_id}"
    if is_kept(result):
        words = f"Kept the old key of {name or 'client'}: client id {client_id}"
    if result.get("kid"):
        words += f", key {result['kid']}"
    if result.get("pending_hooks"):
        from qlik_keys.keystore.base import names_of_hooks

        words += f"; pending hooks: {names_of_hooks(result['pending_hooks'])}"
    elif result.get("retire_at"):
        retire_at = datetime.fromisoformat(result["retire_at"])
        words += f"; the old key logs in until it is retired, from {retire_at:%Y-%m-%d %H:%M} UTC on"
    if result.get("bot_removed") and result.get("bot"):
        words += f", and its bot user {result['bot']['name']!r}"
    if result.get("retired"):
        words += f"; retired {', '.join(result['retired'])}"
    return words
