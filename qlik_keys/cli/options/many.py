"""Options of the commands that work on one client or on many: which tenants, which clients, and since when."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.options.common import refuse_empty
from qlik_keys.cli.options.inputs import STDIN, text_in
from qlik_keys.cli.options.runners import DaskOption, on_cluster
from qlik_keys.cli.options.tenants import TenantsOptions
from qlik_keys.errors import ConfigurationError

if TYPE_CHECKING:
    from qlik_keys.fleet import Fleet, Selection

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Of many clients: do not ask.")]
FindingOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CODE",
        help="Clients that have this finding of the audit (QK104, rotation-overdue); can be repeated.",
        callback=refuse_empty,
    ),
]
FromFile = Annotated[
    Path | None,
    typer.Option("--from-file", metavar="FILE", help="The clients of this file, an id or name a line; - is stdin."),
]
_MOST_BYTES = 4_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsAndTelling(TenantsOptions):
    """Which tenants, whether it is done or only planned, and how it is told."""

    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan; change nothing.")] = False
    as_json: Annotated[bool, typer.Option("--json", help="Print the result, the plan or the error as JSON.")] = False
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Do not print the steps.")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkOptions(TenantsAndTelling):
    """The same, and who does the work."""

    dask: DaskOption = None

    def _placed(self, fleet: Fleet | None) -> Fleet | None:
        return on_cluster(fleet, self.dask)


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyOptions(WorkOptions):
    """The same, and which clients."""

    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="PATTERN",
            help="Clients whose whole name fits this shell pattern: 'etl-*'.",
            callback=refuse_empty,
        ),
    ] = None
    scope: Annotated[
        list[str] | None,
        typer.Option(
            "--scope", metavar="SCOPE", help="Clients that have this scope; can be repeated.", callback=refuse_empty
        ),
    ] = None
    finding: FindingOption = None

    @property
    def has_filter(self) -> bool:
        """Whether clients are chosen by name, scope or finding."""
        return bool(self.name or self.scope or self.finding)

    def refuse_for_one(self, *others: object) -> None:
        """Refuse options that choose many clients where one is named.

        Args:
            *others: what else chooses many.

        Raises:
            typer.BadParameter: there are such options.
        """
        if self.has_filter or any(others):
            raise typer.BadParameter("it names one client, and the options choose others", param_hint="CLIENT")
        if self.dask is not None:
            raise typer.BadParameter(
                "one client is done by this process; a cluster works on the clients of several tenants: leave out "
                "CLIENT or --dask",
                param_hint="--dask",
            )

    def selection(self, **more: Any) -> Selection:
        """Return which clients are chosen.

        Args:
            **more: further criteria of `Selection`.

        Raises:
            typer.BadParameter: a criterion is wrong.
        """
        from qlik_keys.fleet import Selection

        try:
            return Selection(
                name_pattern=self.name or "", scopes=tuple(self.scope or ()), findings=tuple(self.finding or ()), **more
            )
        except ConfigurationError as problem:
            message = in_options(f"{problem.message} {problem.hint}")
        raise typer.BadParameter(message)


_OPTIONS = {"due": "--due", "within": "--within", "older_than": "--older-than", "rotate_after": "--rotate-after-days"}
_PYTHON_ALONE = " For all keys of before a moment, use `rotate_due` with `before`."


def in_options(text: str) -> str:
    """Return a text about a selection with the names of the command line for those of Python."""
    text = text.removesuffix(_PYTHON_ALONE)
    return re.sub("`([a-z_]+)`", lambda found: _OPTIONS.get(found[1], found[0]), text)


def clients_in(file: Path) -> tuple[str, ...]:
    """Return the clients that a file names, by id or name, one a line; `#` starts a comment line; `-` is stdin.

    Raises:
        ConfigurationError: it cannot be read, is too long, is no text, or names none.
    """
    text, reason = text_in(file, _MOST_BYTES)
    lines = [line.strip() for line in text.splitlines()]
    names = tuple(dict.fromkeys(line for line in lines if line and not line.startswith("#")))
    if names:
        return names
    reason = reason or "it names no client"
    where = "Standard input" if file == STDIN else f"The file {file}"
    raise ConfigurationError(
        f"{where} cannot be used as a list of clients: {reason}.",
        hint="Write the id or the name of a client on each line.",
    )


def moment_of_order(file: Path | None, made_before: str | None) -> tuple[datetime, str]:
    """Return since when a new key counts as the replacement, and how to continue after an interruption.

    It is what `made_before` says, else when the file was last changed, else now.

    Raises:
        typer.BadParameter: `made_before` is no moment with a time zone.
        ConfigurationError: the moment is in the future.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    if made_before is not None:
        moment, how = _moment(made_before), "run the same command"
    elif file is not None and file != STDIN:
        moment = datetime.fromtimestamp(int(file.expanduser().stat().st_mtime), UTC)
        how = "run the same command, with the same file"
    else:
        moment, how = now, f"add --made-before {now:%Y-%m-%dT%H:%M:%SZ}"
    if moment > now:
        raise ConfigurationError(
            "The moment from which a key counts as replaced is in the future: each run would revoke the same clients.",
            hint="Give the moment of the order: --made-before 2026-11-29T18:00:00Z.",
        )
    return moment, how


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise typer.BadParameter(
            "write a moment with its time zone, for example 2026-11-29T18:00:00Z", param_hint="--made-before"
        )
    return moment.astimezone(UTC)
