"""How an offer is written on the line, and how a shell asks for offers (typer's protocol, `--show-completion`).

A client's name is another user's text, and a line is run: by zsh on Tab alone, by bash and IPython when it is sent. So
a name is quoted as the line needs it, and where that cannot be done it is not offered.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from qlik_keys.cli.completion.offers import Offer, complete_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_WORD = re.compile(r"""(?:[^\s'"\\]|\\.?|'[^']*'?|"(?:\\.|[^"\\])*"?)+""", re.DOTALL)
_SPECIAL = re.compile(r"[^\w@%+=:,./-]")
# zsh evaluates what it is told, twice, and puts the pieces together with one blank between.
_NOT_FOR_ZSH = re.compile(r"""[\\`$'"]|^\s|\s\s|\s$""")
_EXPANDED_IN_DOUBLE_QUOTES = re.compile(r'[$`!\\"]')
_EXPANDED_BY_IPYTHON = re.compile(r"[{}$]")


def answer_to_a_shell(shell: str, environment: Mapping[str, str]) -> tuple[str, int]:
    """Return what is printed for a shell that asks for offers, and the exit code.

    Args:
        shell: bash, zsh, fish, powershell or pwsh.
        environment: has what is typed, as typer's script for that shell puts it there.
    """
    if shell == "bash":
        return _for_bash(environment.get("COMP_WORDS", ""), environment.get("COMP_CWORD", "")), 0
    words, raw = _split(environment.get("_TYPER_COMPLETE_ARGS", ""))
    offers = [Offer(_option_of(raw) + each.value, each.words) for each in complete_line(words[1:], _plain(raw))]
    if shell == "zsh":
        return _for_zsh(each for each in offers if not _NOT_FOR_ZSH.search(each.value)), 0
    if shell == "fish":
        if environment.get("_TYPER_COMPLETE_FISH_ACTION") == "is-args":
            return "", 0 if offers else 1
        return "\n".join("\t".join(filter(None, each)) for each in offers), 0
    # PowerShell puts it on the line as it is.
    return "\n".join(f"{each.value}:::{each.words or ' '}" for each in offers if not _SPECIAL.search(each.value)), 0


def offers_in_a_notebook(typed: str) -> tuple[list[str], str]:
    """Return what may stand at the end of a magic's line, as it is written there, and what of the line it replaces.

    Args:
        typed: the line behind the magic's name, until the cursor.
    """
    words, raw = _split(typed)
    beginning = raw.removeprefix(_option_of(raw))
    written = _writer(beginning)
    names = [each.value for each in complete_line(words, _plain(raw))]
    return [*filter(None, (written(name) for name in names if not _EXPANDED_BY_IPYTHON.search(name)))], beginning


def _for_bash(typed: str, position: str) -> str:
    """Return a line an offer.

    Args:
        typed: the words as they were typed, a line each; `--client=x` is three of them.
        position: which of them is asked for.
    """
    lines = typed.split("\n")
    at = int(position) if position.isdigit() else len(lines)
    raw = lines[at] if at < len(lines) else ""
    words = [_plain(each) for each in lines[1:at]]
    if raw == "=":
        raw = ""
    elif words[-1:] == ["="]:
        words.pop()
    written = _writer(raw)
    return "\n".join(filter(None, (written(each.value) for each in complete_line(words, _plain(raw)))))


def _for_zsh(offers: Iterable[Offer]) -> str:
    """Return the call of zsh's own completion that the shell evaluates."""
    told = []
    for each in offers:
        about = re.sub(r"""[\\`$'"]""", "", each.words)
        told.append(":".join(f'"{text}"'.replace(":", r"\\:") for text in (each.value, about) if text))
    return "_arguments '*: :(({}))'".format("\n".join(told)) if told else "_files"


def _split(typed: str) -> tuple[list[str], str]:
    """Return the whole words of a line, unquoted, and the beginning of the last one as it was typed."""
    found = [*_WORD.finditer(typed)]
    raw = found.pop()[0] if found and found[-1].end() == len(typed) else ""
    return [_plain(each[0]) for each in found], raw


def _plain(raw: str) -> str:
    """Return a word without its quotes, the last of which need not be closed."""
    for end in ("", "'", '"'):
        try:
            return "".join(shlex.split(raw + end))
        except ValueError:  # a quote is open
            pass
    return ""


def _option_of(raw: str) -> str:
    """Return `--name=` where a word begins like that."""
    found = re.match(r"--[\w-]+=", raw)
    return found[0] if found else ""


def _writer(beginning: str) -> Callable[[str], str]:
    """Return what writes a name on a line where the word begins like this; it returns "" where that cannot be done.

    Args:
        beginning: as it was typed; a quote in it goes on.
    """
    if beginning.startswith("'"):
        return lambda name: "" if "'" in name else f"'{name}'"
    if beginning.startswith('"'):
        return lambda name: "" if _EXPANDED_IN_DOUBLE_QUOTES.search(name) else f'"{name}"'
    if "'" in beginning or '"' in beginning:
        return lambda _: ""
    return shlex.quote
