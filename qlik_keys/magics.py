"""`%load_ext qlik_keys`: `%qlik` and `%%qlik` run the command line's tree, `%qlik_keys` shows the panel.

What a command comes to is the magic's value: a list of objects is a DataFrame, anything else is as it came, secrets
hidden. What would be a token is never a value: that command has no place in a notebook.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from IPython.core.error import TryNext, UsageError
from IPython.core.magic import Magics, line_cell_magic, line_magic, magics_class, no_var_expand

from qlik_keys.cli.app import UsageProblem, run
from qlik_keys.cli.completion import complete_line
from qlik_keys.cli.results import Notebook, running_in
from qlik_keys.errors import QlikKeysError

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from qlik_keys.panel import Panel

_NOT_HERE = ("token", "demo", "sandbox", "lab")
_JSON = ("--body", "--value")
_LINE = r".*%qlik\s"


@magics_class
class QlikMagics(Magics):
    """The magics of `%load_ext qlik_keys`."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self._expand: Callable[[str], object] = shell.var_expand
        self._notebook = Notebook()

    @no_var_expand
    @line_cell_magic
    def qlik(self, line: str, cell: str | None = None) -> Any:
        """Call the tenant in qlik-cli's words.

        Try `%qlik user me`, `df = %qlik oauth-client ls`, `%qlik context use NAME`, `%qlik --help`. As `%%qlik` the
        cell is the JSON body: `%%qlik raw post v1/…`. `{name}` stands for a variable's value, as in every magic, but
        not in `--body` and `--value`, where it is JSON.
        """
        try:
            words = shlex.split(line)
        except ValueError:
            raise UsageError("A quote in that line is not closed.") from None
        words = [
            word if before in _JSON else str(self._expand(word))
            for before, word in zip(["", *words], words, strict=False)
        ]
        if words and words[0] in _NOT_HERE:
            raise UsageError(f"`{words[0]}` is for a shell: qlik-keys {words[0]}")
        if cell is not None:
            words += ["--body", cell]
        return self._run(words)

    @line_magic
    def qlik_keys(self, line: str) -> Panel:
        """Show the panel."""
        from qlik_keys.panel import Panel  # noqa: PLC0415  # brings ipywidgets

        del line
        return Panel()

    def complete(self, _shell: object, event: Any) -> list[str]:
        """Return what may stand at the cursor: words of the tree, options, names of contexts and clients."""
        line = event.text_until_cursor.rpartition("%qlik")[2]
        try:
            words = shlex.split(line)
        except ValueError:
            raise TryNext from None
        incomplete = words.pop() if words and not line[-1:].isspace() else ""
        with running_in(self._notebook):
            found = complete_line(words, incomplete)
        return [each for each in found if words or each not in _NOT_HERE]

    def _run(self, words: list[str]) -> Any:
        """Run the tree and return what it came to, None for nothing.

        Raises:
            UsageError: the words are wrong, or what they ask for failed; says what to do.
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
        if problem:
            raise UsageError(problem)
        return self._value(results[-1]) if results else None

    def _value(self, document: Any) -> Any:
        listed = document.get("data") if isinstance(document, dict) else document
        if isinstance(listed, list) and listed and all(isinstance(each, dict) for each in listed):
            from qlik_keys.frames import records_frame  # noqa: PLC0415  # pandas takes a while

            return records_frame(listed, tenant_url=self._notebook.tenant_url)
        return document


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magics and their completion; `%load_ext qlik_keys` calls it."""
    magics = QlikMagics(shell)
    shell.register_magics(magics)
    shell.set_hook("complete_command", magics.complete, re_key=_LINE)  # type: ignore[no-untyped-call]
