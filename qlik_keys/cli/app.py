"""The tree of commands, and how an error is told to a person or a program.

A command's module loads when the command is called: `--help` shows the tree without any of them. Help is plain text
(no rich): half of the time, the same in a pipe, in the README and in a notebook.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple

import typer
from typer.core import TyperGroup

from qlik_keys.cli.lean import leave_out_httpx_command_line, take_texts_as_they_are
from qlik_keys.cli.options.word_order import in_order
from qlik_keys.cli.output.errors import (
    asks_for_json,
    error_document,
    note_file,
    silence_libraries,
    tell_error,
    tell_interrupted,
    tell_json,
    tell_unexpected,
)
from qlik_keys.cli.output.results import current_notebook
from qlik_keys.cli.output.streams import make_streams_safe, note_effect
from qlik_keys.core.version import __version__
from qlik_keys.errors import QlikKeysError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from qlik_keys.lifecycle import StepEvent

DOCUMENTATION = "https://github.com/qlik-keys/qlik_keys/blob/main/docs"
TENANT_HELP = (
    "Tenant and Vault are set by QLIK_TENANT_URL, QLIK_API_KEY, VAULT_ADDR, VAULT_TOKEN and more:\n\n"
    f"\b\n{DOCUMENTATION}/environment.md"  # \b: not wrapped at its hyphens
)
_HELP_NAMES = ["-h", "--help"]
# Locals in a traceback would show keys and tokens (reliability-facts, section 3).
_LOOK: dict[str, Any] = {
    "rich_markup_mode": None,
    "pretty_exceptions_enable": False,
    "context_settings": {"max_content_width": 110, "help_option_names": _HELP_NAMES},
}
# What has no place in a notebook: it prints tokens, takes keys that the history would keep, runs servers, or changes
# the shell's own files.
SHELL_ONLY = frozenset(
    {"token", "demo", "sandbox", "lab", "completion", "context create", "context init", "context update"}
)
COMPLETION_OPTIONS = ("--show-completion", "--install-completion")
_USAGE = 2
FINDINGS = 3
_SIGINT = 130


class Entry(NamedTuple):
    """One word of the tree: the module that has its command or group, and what `--help` says of it."""

    module: str
    words: str


# The order is that of `--help`; a test holds the words to those of the commands themselves.
TREE: dict[str, dict[str, Entry]] = {
    "Getting started": {
        "demo": Entry(
            "demo", "Show the main functions on the sandbox: two clients, keys in a real OpenBao, tokens, a table."
        ),
        "sandbox": Entry("sandbox", "Run the sandbox, a strict Qlik Cloud tenant and a real OpenBao, until Ctrl-C."),
        "lab": Entry("lab", "Open JupyterLab at the quickstart notebook."),
        "vault-policy": Entry("vault_policy", "Print the minimal Vault policy for a role, ready to paste."),
    },
    "Keys": {
        "provision": Entry("provision", "Create a machine-to-machine client whose private key is in Vault."),
        "rotate": Entry("keys", "Replace a client's key without downtime."),
        "retire": Entry("keys", "Remove the old keys whose overlap is over."),
        "revoke": Entry("keys", "Replace a compromised key now, and remove every older one."),
        "adopt": Entry("keys", "Give a client that another program created a key that qlik_keys manages."),
        "trust": Entry("keys", "Set a client's consent method to trusted, without which no machine logs in."),
        "delete": Entry("keys", "Delete a client permanently, end its access tokens, and destroy its keys in Vault."),
        "resume": Entry("keys", "Finish every interrupted operation on the tenant."),
    },
    "Declared fleets": {
        "plan": Entry("declared", "Show how the clients of a fleet file differ from what exists."),
        "apply": Entry("declared", "Make the clients what a fleet file declares."),
        "export": Entry("declared", "Write a fleet file from what exists."),
    },
    "Inspect": {
        "clients": Entry("overviews", "List the tenant's clients, with the state of their keys in Vault."),
        "audit": Entry("overviews", "List the findings about clients and their keys, highest severity first."),
        "notify": Entry(
            "notify", "Send new findings of an audit, and those that are gone, to webhooks, chats or mail."
        ),
        "report": Entry(
            "report", "Show who did what to clients and their keys, and when, for auditors; and what cannot be known."
        ),
        "doctor": Entry("doctor", "Find out why a client cannot log in."),
        "probe": Entry("probe", "Measure what the tenant does where Qlik's public documents leave it open."),
    },
    "qlik-cli commands": {
        "token": Entry("token", "Request a token with a client's private key, for a pipe or a program."),
        "user": Entry("qlik_cli.users", "Show the caller, and the tenant's users."),
        "tenant": Entry("qlik_cli.tenants", "The tenant itself."),
        "api-key": Entry("qlik_cli.api_keys", "The API keys that users have on the tenant."),
        "raw": Entry("qlik_cli.raw", "Call any path of the tenant's REST API."),
        "oauth-client": Entry("qlik_cli.oauth_clients", "The tenant's OAuth clients."),
        "oauth-token": Entry("qlik_cli.oauth_tokens", "The OAuth tokens that users have on the tenant."),
        "context": Entry("qlik_cli.contexts", "The contexts of qlik-cli: tenants and credentials."),
        "alias": Entry("qlik_cli.aliases", "Short names for commands."),
        "status": Entry("qlik_cli.about", "Show the tenant and the user of the current login."),
        "version": Entry("qlik_cli.about", "Print the version."),
        "completion": Entry("qlik_cli.about", "Print a completion script for a shell."),
    },
}


class Group(TyperGroup):
    """A group of commands; what qlik-cli has and this program has not is refused by name."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the words of the group, in a notebook without those of a shell."""
        return [name for name in super().list_commands(ctx) if not _is_elsewhere(self._path_of(name))]

    def _path_of(self, name: str) -> str:
        return f"{self.name} {name}"

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the words name.

        Raises:
            UsageProblem: it is one of qlik-cli's that has no place here, or one of a shell's in a notebook.
        """
        if args and _is_elsewhere(self._path_of(args[0])):
            raise UsageProblem(f"`{self._path_of(args[0])}` is for a shell: qlik-keys {self._path_of(args[0])}", "")
        if args and self.get_command(ctx, args[0]) is None:
            from qlik_keys.cli.commands.qlik_cli.refused import reason_against

            reason = reason_against("" if isinstance(self, Tree) else str(self.name), args[0])
            if reason:
                raise UsageProblem(reason, "")
            if not args[0].startswith("-"):
                meant = get_close_matches(args[0], self.list_commands(ctx), 1)
                asked = f" Did you mean {meant[0]!r}?" if meant else ""
                raise UsageProblem(f"No such command {args[0]!r}.{asked}", ctx.get_usage())
        return super().resolve_command(ctx, args)


class Tree(Group):
    """The root of the tree; a command is imported when it is called."""

    # Of the process: to build a command takes longer than to run it, and a notebook runs many.
    _loaded: ClassVar[dict[str, Any]] = {}

    def _path_of(self, name: str) -> str:
        return name

    @staticmethod
    def knows(name: str) -> bool:
        """Return whether there is a command or a group of that name, without loading it."""
        return any(name in entries for entries in TREE.values())

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the words of the tree in the order of the help, in a notebook without those of a shell."""
        del ctx
        return [name for entries in TREE.values() for name in entries if not _is_elsewhere(name)]

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options of the root, in a notebook without a shell's completion."""
        params: list[Any] = super().get_params(ctx)
        if current_notebook() is None:
            return params
        return [each for each in params if not any(name in COMPLETION_OPTIONS for name in each.opts)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command or a group, None where there is none of that name."""
        del ctx
        entry = next((entries[cmd_name] for entries in TREE.values() if cmd_name in entries), None)
        if entry is None:
            return None
        if cmd_name not in self._loaded:
            module = importlib.import_module(f"qlik_keys.cli.commands.{entry.module}")
            command: Any = typer.main.get_command(module.app)
            # A module of one group is that group; one of several commands holds them under their names.
            found = command if command.name == cmd_name else command.commands[cmd_name]
            self._loaded[cmd_name] = _with_help_names(take_texts_as_they_are(found))
        return self._loaded[cmd_name]

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the tree into the help, without loading it."""
        names = self.list_commands(ctx)
        width = max(map(len, names))
        for title, entries in TREE.items():
            rows = [(name.ljust(width), entry.words) for name, entry in entries.items() if name in names]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


def _with_help_names(command: Any) -> Any:
    """Have a command know how help is asked for: click keeps what the first context had, also one without the root."""
    command.context_settings.setdefault("help_option_names", _HELP_NAMES)
    for each in getattr(command, "commands", {}).values():
        _with_help_names(each)
    return command


def _is_elsewhere(name: str) -> bool:
    return name in SHELL_ONLY and current_notebook() is not None


def new_group(*, name: str | None = None, words: str | None = None, cls: type[Group] = Group) -> typer.Typer:
    """Return a group of commands: one with a name of its own, or a mere holder of commands.

    Args:
        name: the group's word in the tree.
        words: what it is about, for its help.
        cls: what finds its commands.
    """
    group = typer.Typer(name=name, cls=cls, help=words, no_args_is_help=True, add_completion=False, **_LOOK)
    if name is not None:
        group.callback()(_begin)  # else a group of one command would be that command
    return group


def _begin() -> None:
    pass


app = typer.Typer(
    name="qlik-keys",
    cls=Tree,
    no_args_is_help=True,
    **_LOOK,
)


@app.callback(
    invoke_without_command=True,
    epilog="See --help of each command for details. In a notebook, write the same commands after %qlik (%load_ext "
    "qlik_keys).",
)
def root(
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Key management for Qlik Cloud: private-key-JWT clients with their keys in Vault."""
    if version:
        typer.echo(__version__)
        raise typer.Exit


class UsageProblem(Exception):
    """The words are wrong.

    Attributes:
        message: what is wrong.
        usage: how the command is used, "" where that is not known.
    """

    def __init__(self, message: str, usage: str) -> None:
        super().__init__(message)
        self.message = message
        self.usage = usage


def run(words: Sequence[str], *, prog_name: str) -> int:
    """Run the tree and return the exit code of what ended early, else 0.

    Raises:
        QlikKeysError: what was asked for failed.
        UsageProblem: the words are wrong.
        KeyboardInterrupt: it was interrupted, or a question was not answered.
    """
    problem: UsageProblem | None = None
    interrupts: list[KeyboardInterrupt] = []  # typer makes an exit code of one, and its notes would be lost
    if len(words) > 1 and words[0] in COMPLETION_OPTIONS:
        raise UsageProblem(f"{words[0]} takes no value: it applies to the shell in which it is run.", "")
    try:
        root = take_texts_as_they_are(typer.main.get_command(app))
        root.invoke = functools.partial(_invoked, root.invoke, interrupts)
        code = root.main(in_order(words, root), prog_name=prog_name, standalone_mode=False)
    except typer.Abort:
        problem = None
    except Exception as error:
        # typer brings a click of its own, whose errors have no public name.
        if not hasattr(error, "format_message"):
            raise
        context = getattr(error, "ctx", None)
        if type(error).__name__ == "NoArgsIsHelpError" and not asks_for_json(words):
            typer.echo(context.get_help() if context else error.format_message(), err=True)
            return _USAGE
        option = getattr(error, "option_name", None) or "--"
        # Without a word the message is the whole help; `--json` alone is no option of a group.
        is_bare = type(error).__name__ == "NoArgsIsHelpError" or (
            option == "--json" and isinstance(getattr(context, "command", None), TyperGroup)
        )
        message = "A command is missing." if is_bare else _with_what_was_meant(error)
        if not option.startswith("--"):  # -Q may be an option, or the start of an id
            message += "; put a value that begins with - last, after --"
        problem = UsageProblem(message, context.get_usage() if context else "")
    else:
        if code == _SIGINT:
            raise interrupts.pop() if interrupts else KeyboardInterrupt()
        return code if isinstance(code, int) else 0
    if problem is None:
        raise KeyboardInterrupt
    raise problem


def _invoked(invoke: Callable[[Any], Any], interrupts: list[KeyboardInterrupt], context: Any) -> Any:
    """Run a command, and keep the interrupt that ends it."""
    try:
        return invoke(context)
    except KeyboardInterrupt as interrupt:
        interrupts.append(interrupt)
        raise


def _with_what_was_meant(error: Any) -> str:
    """Return the words of an error of usage, with the option that is like the one that was typed."""
    likely = getattr(error, "possibilities", None) or ()
    meant = get_close_matches(getattr(error, "option_name", ""), likely, 1)
    return f"{error.message}. Did you mean {meant[0]}?" if meant else str(error.format_message())


def main() -> None:
    """Run the command line; what went wrong is told on standard error, in words or, with `--json`, as JSON."""
    leave_out_httpx_command_line()
    words = sys.argv[1:]
    make_streams_safe()
    note_effect("")
    note_file(asks_for_json=False)
    if asks_for_json(words):
        silence_libraries()
    called = os.path.basename(sys.argv[0]).removesuffix(".py")  # noqa: PTH119
    prog_name = "qlik-keys" if called == "__main__" else called  # `python -m qlik_keys`
    asked = os.environ.get(f"_{prog_name}_COMPLETE".replace("-", "_").upper(), "")
    try:
        if asked.startswith("complete_"):
            sys.exit(_complete(asked.removeprefix("complete_")))
        _refuse_what_is_no_text(words)
        code = run(words, prog_name=prog_name)
        if sys.stdout is not None:
            sys.stdout.flush()
    except QlikKeysError as problem:
        code = 1
        tell_json(error_document(problem)) if asks_for_json(words) else tell_error(problem)
    except UsageProblem as problem:
        code = _USAGE
        if asks_for_json(words):
            tell_json(error_document(QlikKeysError(problem.message, hint=problem.usage)) | {"error": "Usage"})
        else:
            typer.echo(f"{problem.usage}\nError: {problem.message}".lstrip(), err=True)
    except Exception as problem:
        code = 1
        if not tell_unexpected(problem, as_json=asks_for_json(words)):
            raise
    except KeyboardInterrupt as interrupt:
        code = 1
        tell_interrupted(interrupt, as_json=asks_for_json(words))
    sys.exit(code)


def _refuse_what_is_no_text(words: Sequence[str]) -> None:
    """Refuse bytes that are no UTF-8, which Python lets through as halves of letters.

    Raises:
        UsageProblem: a word has some.
    """
    for number, word in enumerate(words, 1):
        if any("\ud800" <= letter <= "\udfff" for letter in word):
            raise UsageProblem(f"Word {number} of the command is not UTF-8 text.", "")


def _complete(shell: str) -> int:
    """Print what a shell may offer, instead of typer, which does not quote it; return the exit code."""
    from qlik_keys.cli.completion.lines import answer_to_a_shell

    told, code = answer_to_a_shell(shell, os.environ)
    typer.echo(told)
    return code


def tell_step(event: StepEvent, *, err: bool = False) -> None:
    """Print a line for each step that is done.

    Args:
        event: what is being done.
        err: on standard error, which leaves standard output to the result.
    """
    if event.phase == "before":
        typer.echo(f"    {event.title} … ", nl=False, err=err)
    else:
        typer.echo("done" if event.phase == "after" else "failed", err=err)
