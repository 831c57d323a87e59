"""`%load_ext qlik_keys`: `%qlik` and `%%qlik` run the commands of the command line, `%qlik_keys` shows the panel.

The result of a command is the value of the magic: a list of objects as a DataFrame, anything else unmodified, with
secrets redacted. A token is never a value: the command for one does not exist in a notebook.
"""

from __future__ import annotations

import re
import shlex
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import (
    Magics,
    line_cell_magic,
    line_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from IPython.utils.text import DollarFormatter

from qlik_keys.cli.app import COMPLETION_OPTIONS, UsageProblem, run
from qlik_keys.cli.completion.lines import offers_in_a_notebook
from qlik_keys.cli.output.results import Notebook, Result, running_in
from qlik_keys.errors import QlikKeysError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from qlik_keys.jupyter.panel import Panel

_JSON = ("--body", "--body-values", "--value")
_LINE = re.compile(r".*%qlik\s", re.DOTALL)
# Quoted texts first: a brace inside one belongs to it.
_FIELD = re.compile(r"""'[^']*'|"(?:\\.|[^"\\])*"|\\.|(\{[^{}]*\})""")
_BRACES = re.compile(r"(?<!\{)\{[^{}]+\}(?!\})")
_KEPT = re.compile("\0(\\d+)\0")


@magics_class
class QlikMagics(Magics):
    """The magics of `%load_ext qlik_keys`."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._variables: dict[str, Any] = shell.user_ns
        self._notebook = Notebook()

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def qlik(self, line: str, cell: str | None = None, local_ns: Mapping[str, Any] | None = None) -> Any:
        """Call the tenant with the commands of qlik-cli.

        Try `%qlik user me`, `df = %qlik oauth-client ls`, `%qlik context use NAME`, `%qlik --help`. As `%%qlik` the
        cell is the JSON body: `%%qlik raw post v1/…`. A variable's value replaces `{name}`, as in every magic, but
        not in `--body`, `--body-values` and `--value`, where it is JSON.
        """
        words = _expanded(_split(line), {**self._variables, **(local_ns or {})})
        for word in takewhile(lambda each: each.startswith("-"), words):
            if word.partition("=")[0] in COMPLETION_OPTIONS:
                raise UsageError(f"`{word}` is for a shell. In a notebook, the Tab key completes commands.")
        if cell is not None:
            place = words.index("--") if "--" in words else len(words)
            words[place:place] = ["--body", cell]
        self._notebook.has_cell = cell is not None
        return self._run(words)

    @line_magic
    def qlik_keys(self, line: str) -> Panel:
        """Show the panel."""
        from qlik_keys.jupyter.panel import Panel  # noqa: PLC0415  # brings ipywidgets

        del line
        return Panel()

    @context_matcher(priority=1)  # type: ignore[untyped-decorator]
    def complete(self, context: CompletionContext) -> SimpleMatcherResult:
        """Return the completions at the cursor: commands, options, names of contexts and clients."""
        line = context.text_until_cursor
        if not _LINE.match(line):
            return {"completions": []}
        with running_in(self._notebook):
            found, replaced = offers_in_a_notebook(line.rpartition("%qlik")[2])
        return {
            "completions": [SimpleCompletion(each) for each in found],
            "matched_fragment": replaced,
            "suppress": True,
            "ordered": True,
        }

    def _run(self, words: list[str]) -> Any:
        """Run the command and return its result, None for none.

        Raises:
            UsageError: the command is wrong, failed or was interrupted; the text says what to do.
        """
        problem = ""
        results = self._notebook.results = []
        with running_in(self._notebook):
            try:
                run(words, prog_name="%qlik")
            except QlikKeysError as error:
                problem = f"{error.message} What to do: {error.hint}" if error.hint else error.message
            except UsageProblem as error:
                problem = f"{error.message} {error.usage}".strip()
            except KeyboardInterrupt as interrupt:
                started = " ".join(getattr(interrupt, "__notes__", ()))
                problem = f"Interrupted. {started or 'What was done stays; run the cell again to continue from there.'}"
        if problem:
            raise UsageError(problem)
        return self._value(results[-1]) if results else None

    def _value(self, result: Result) -> Any:
        listed = result.value
        is_table = isinstance(listed, list) and all(isinstance(each, dict) for each in listed)
        if result.columns is None or not is_table:
            return listed
        from qlik_keys.inventory.frames import records_frame  # noqa: PLC0415  # pandas takes a while

        frame = records_frame(listed, columns=result.columns, tenant_url=self._notebook.tenant_url)
        if result.total is not None:
            frame.attrs["totalResults"] = result.total
        return frame


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics and their completion; `%load_ext qlik_keys` calls it."""
    magics = QlikMagics(shell)
    shell.register_magics(magics)
    shell.Completer.custom_matchers.append(magics.complete)


def _split(line: str) -> list[str]:
    """Return the words of a line, as a shell splits it; a `{field}` outside of quotes stays one word, with its quotes.

    Raises:
        UsageError: a quote is not closed.
    """
    fields: list[str] = []

    def keep(found: re.Match[str]) -> str:
        if not found[1]:
            return found[0]
        fields.append(found[1])
        return f"\0{len(fields) - 1}\0"

    try:
        words = shlex.split(_FIELD.sub(keep, line))
    except ValueError:
        raise UsageError("A quotation mark in this line is not closed.") from None
    return [_KEPT.sub(lambda found: fields[int(found[1])], word) for word in words]


def _expanded(words: list[str], variables: Mapping[str, Any]) -> list[str]:
    """Return the words with the values of variables; JSON stays unmodified, also after `--body=`."""
    formatter = DollarFormatter()

    def expanded(word: str, before: str) -> str:
        if before in _JSON or word.startswith(tuple(f"{name}=" for name in _JSON)):
            return word
        try:
            return str(formatter.vformat(word, [], variables))
        except (SyntaxError, ValueError):  # JSON, or a text with braces, which is no expression
            return word
        except Exception as error:  # noqa: BLE001  # the user's own expression may raise anything
            # IPython keeps an expression without a value; here it would reach the tenant as a name or a path.
            if _BRACES.search(word) is None:
                return word  # a $ of a query itself ($filter) is no variable
            missing = f"{error}"
        raise UsageError(f"{word!r} has no value: {missing}. To keep braces as text, write them twice.")

    return [expanded(word, before) for before, word in zip(["", *words], words, strict=False)]
