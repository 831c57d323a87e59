"""Which tenants a command is for: one, as the settings say, or several (`--all-contexts`, `--tenant`, `--fleet`)."""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from qlik_keys.cli.completion.offers import complete_tenants
from qlik_keys.cli.options.common import ContextOption, ServerOption, refuse_empty
from qlik_keys.cli.options.runners import DaskOption, on_cluster
from qlik_keys.cli.output.results import notebook_context

if TYPE_CHECKING:
    from qlik_keys.fleet import Fleet

FLEET_VARIABLE = "QLIK_KEYS_FLEET"
_NO_TENANTS = "a worker logs in by itself, so name the tenants: --all-contexts, --tenant or --fleet"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantsOptions:
    """The options that say for which tenants a command is; see `cli.options.groups.with_options`."""

    all_contexts: Annotated[
        bool, typer.Option("--all-contexts", help="All tenants of the qlik-cli contexts, in one result.")
    ] = False
    tenant: Annotated[
        list[str] | None,
        typer.Option(
            "--tenant",
            metavar="NAME",
            help="The tenant of this qlik-cli context, or of this name in the fleet file; can be repeated.",
            autocompletion=complete_tenants,
            callback=refuse_empty,
        ),
    ] = None
    fleet: Annotated[
        Path | None,
        typer.Option(
            "--fleet", metavar="FILE", help=f"The tenants of this fleet file; {FLEET_VARIABLE} sets a default."
        ),
    ] = None
    dask: DaskOption = None
    context: ContextOption = None
    server: ServerOption = None
    # A file of 2,000 clients takes a fifth of a second: it is read once, for its tenants and for its hooks.
    _read: dict[Path, Any] = field(
        default_factory=dict, init=False, repr=False, compare=False, metadata={"option": False}
    )

    def selected(self, *, as_json: bool = False) -> Fleet | None:
        """Return the tenants that were asked for, None for one tenant by `context` and `server`.

        What was left out is reported on standard error.

        Args:
            as_json: nothing is reported.

        Raises:
            typer.BadParameter: options contradict each other.
            ConfigurationError: there are no contexts, there is no tenant of a name, the file is refused, or there is no
                such cluster.
        """
        self._refuse_contradictions()
        file = self._file()
        if not (self.all_contexts or self.tenant or file):
            return self._placed(None)
        from qlik_keys.fleet import Fleet

        if file is None:
            fleet = Fleet.of_contexts(self.tenant or ())
        else:
            fleet = self._fleet_of(file)
            if self.tenant:
                fleet = fleet.only([*dict.fromkeys(self.tenant)])
        for notice in () if as_json else fleet.notices:
            typer.echo(f"Note: {notice}.", err=True)
        return self._placed(fleet)

    def has_hooks(self, *, is_of_one: bool) -> bool:
        """Tell whether the tenants are those of a fleet file that defines hooks.

        Args:
            is_of_one: one client is named: then the environment's fleet file counts only with `tenant`.

        Raises:
            ConfigurationError: the file is refused.
        """
        file = self.fleet if is_of_one and not self.tenant else self._file()
        return file is not None and any(self._fleet_of(file).hooks.values())

    def command_of(self, command: str, name: str) -> str:
        """Return a shell command for one of the tenants: with the options that name it, where it takes them.

        Args:
            command: of an audit, for example `qlik-keys resume`; "" for none.
            name: the tenant's name.
        """
        file = self._file()
        if file is None and command.startswith(("qlik-keys ", "qlik ")):
            return f"{command} --context {shlex.quote(name)}"
        if command.startswith("qlik-keys "):
            return f"{command} --fleet {shlex.quote(str(file))} --tenant {shlex.quote(name)}"
        return command

    def as_words(self) -> str:
        """Return the options of a shell that name these tenants, with a blank before them."""
        file = self._file()
        words = ["--all-contexts"] if self.all_contexts else []
        words += [] if file is None else ["--fleet", str(file)]
        words += [word for name in self.tenant or () for word in ("--tenant", name)]
        return "".join(f" {shlex.quote(word)}" for word in words)

    def _placed(self, fleet: Fleet | None) -> Fleet | None:
        """Return the tenants with who does the work; see `ClusterOptions`."""
        return fleet

    def _file(self) -> Path | None:
        """Return the fleet file: what was given, else the environment's, unless another option names the tenants."""
        if self.fleet is not None or self.all_contexts or self._names_one():
            return self.fleet
        named = os.environ.get(FLEET_VARIABLE, "").strip()
        return Path(os.path.expanduser(named)) if named else None  # noqa: PTH111  # its own one may raise

    def _fleet_of(self, file: Path) -> Fleet:
        """Return the tenants of a fleet file, which is read the first time.

        Raises:
            ConfigurationError: it cannot be read, or is refused.
        """
        if file not in self._read:
            self._read[file] = fleet_of_file(file)
        fleet: Fleet = self._read[file]
        return fleet

    def _names_one(self) -> bool:
        return bool(self.context or self.server or notebook_context())

    def _refuse_contradictions(self) -> None:
        """Refuse options that name the tenants twice.

        Raises:
            typer.BadParameter: they do.
        """
        given = {"--all-contexts": self.all_contexts, "--tenant": self.tenant, "--fleet": self.fleet}
        several = [name for name, value in given.items() if value]
        for name, value in (("--context", self.context), ("--server", self.server)):
            if value and several:
                raise typer.BadParameter(f"it names one tenant, and {several[0]} names several", param_hint=name)
        if self.all_contexts and len(several) > 1:
            others = "--tenant names some of them" if self.tenant else "--fleet names the tenants of a file"
            raise typer.BadParameter(f"it means every context, and {others}", param_hint="--all-contexts")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions(TenantsOptions):
    """The same, and who does the work."""

    dask: DaskOption = None

    def _placed(self, fleet: Fleet | None) -> Fleet | None:
        return on_cluster(fleet, self.dask)


def fleet_of_file(file: Path) -> Fleet:
    """Return the tenants of a fleet file.

    Raises:
        ConfigurationError: it cannot be read, or is refused.
    """
    from qlik_keys.fleet.manifest import read_fleet

    return read_fleet(file)
