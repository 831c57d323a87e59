"""The tenants of several that could not be asked, on standard error."""

from __future__ import annotations

import typer

from qlik_keys.cli.output.errors import tell_json


def note_not_asked(reasons: dict[str, dict[str, str]], *, as_json: bool) -> bool:
    """Say on standard error which tenants could not be asked, and why; return whether there are any."""
    from qlik_keys.cli.output.table import printable

    for name, reason in reasons.items():
        if as_json:
            tell_json({"tenant": name, **reason})
        else:
            told = f"{name}: the tenant could not be asked. {reason['message']}"
            typer.echo(printable(f"{told} What to do: {reason['hint']}" if reason["hint"] else told), err=True)
    return bool(reasons)
