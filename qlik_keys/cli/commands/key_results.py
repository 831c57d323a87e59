"""What came of a command that makes clients or changes their keys, for people and programs; nothing of it is secret."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from qlik_keys.cli.output.table import printable

if TYPE_CHECKING:
    from qlik_keys.errors import PartlyFailed
    from qlik_keys.lifecycle import Deleted, Provisioned, Resumed, Rotated


def document_of_result(
    operation: str, result: Provisioned | Rotated | Deleted | Resumed | dict[str, Any]
) -> dict[str, Any]:
    """Return a result as JSON-ready values; none of them is secret."""
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
        return {**inner, "operation": result.operation, "name": result.name, "client_id": result.client_id}
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


def tell_result(result: dict[str, Any]) -> None:
    """Print a result for people."""
    for warning in result.get("warnings", ()):
        typer.echo(f"Note: {warning}", err=True)
    typer.echo(result_text(result))


_DONE = {
    "provision": "Made",
    "rotate": "Rotated",
    "retire": "Retired old keys of",
    "revoke": "Revoked keys of",
    "adopt": "Adopted",
    "trust": "Trusted",
    "delete": "Deleted",
}


def result_text(result: dict[str, Any]) -> str:
    """Return a result in a line for people."""
    name, client_id = printable(result.get("name") or ""), result["client_id"]
    done = _DONE | ({} if result.get("created", True) else {"provision": "Found"})
    words = f"{done.get(result['operation'], result['operation'])} {name or 'client'}: client id {client_id}"
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
