"""Words as qlik-cli takes them, put as the tree reads them: options before the verb, `--flag=true`, `help`, an alias.

qlik-cli looks for options anywhere on the line, so scripts have `qlik --context prod user me` and `qlik user --json
ls`; the tree wants a command's options behind it. Most lines need nothing of this, which is found without loading a
command.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# The groups of the tree, and those in them: behind these a command's word follows.
GROUPS = frozenset(
    {"alias", "api-key", "context", "oauth-client", "oauth-token", "raw", "tenant", "user"}
    | {"client-secret", "connection-config"}
)
_ALWAYS = {"--help": False, "-h": False}
# What Go's strconv.ParseBool reads, which qlik-cli's flags go by.
TRUE, FALSE = frozenset({"1", "t", "true"}), frozenset({"0", "f", "false"})
_SET_FLAG = re.compile(r"(--?[A-Za-z][\w-]*)=(\w+)")


def in_order(words: Sequence[str], root: Any, *, may_be_alias: bool = True) -> list[str]:
    """Return the words of a line as the tree reads them; what is wrong with them is left to it.

    Args:
        words: without the program's name.
        root: the tree.
        may_be_alias: False for the words of an alias, which is of no other one.
    """
    if len(words) > 1 and "--version" in takewhile(lambda word: word.startswith("-"), words):
        words = ["version", *(word for word in words if word == "--json" or word.startswith("--json="))]
    words = _without_help_word(words)
    if may_be_alias and words and not words[0].startswith("-") and not root.knows(words[0]):
        words = _expanded(words)
    if not (_has_option_before_verb(words) or any(map(_sets_flag, words))):
        return words
    found = _command_of(root, words)
    if found is None:
        return _without_leading_options(root, words, may_be_alias=may_be_alias)
    command, at = found
    last = at[-1] if at else -1
    verb, before = [words[each] for each in at], [words[each] for each in range(last + 1) if each not in at]
    return [*verb, *_with_flags(before + words[last + 1 :], _takes_value(command))]


def _without_help_word(words: Sequence[str]) -> list[str]:
    asked = next((place for place, word in enumerate(words) if word != "help"), len(words))
    return [*words[asked:], "--help"] if asked else [*words]


def _expanded(words: list[str]) -> list[str]:
    from qlik_keys.cli.options.alias_file import known_aliases

    return [*known_aliases().get(words[0], [words[0]]), *words[1:]]


def _has_option_before_verb(words: Sequence[str]) -> bool:
    behind = next((each for each in words if each not in GROUPS), "")
    return behind.startswith("-") and behind != "--"


def _sets_flag(word: str) -> bool:
    found = _SET_FLAG.fullmatch(word)
    return found is not None and found[2].lower() in TRUE | FALSE


def _command_of(root: Any, words: Sequence[str]) -> tuple[Any, tuple[int, ...]] | None:
    """Return the command that the words name, and where its words stand; None where they name none."""
    for command, at in _commands(root, words, 0, ()):
        before = [words[each] for each in range(at[-1]) if each not in at]
        if _are_options(before, _takes_value(command)):
            return command, at
    return None


def call_of(root: Any) -> Any:
    """Return a command that has the options of calls, which may stand before the verb, and no other."""
    return root.get_command(None, "user").get_command(None, "me")


def leading_options(root: Any, words: Sequence[str]) -> int:
    """Return where the options of calls at the beginning of the words end; beyond them where a value is missing."""
    takes_value = _takes_value(call_of(root))
    return _options_end(words, {name: value for name, value in takes_value.items() if name not in _ALWAYS})


def _commands(
    command: Any, words: Sequence[str], start: int, at: tuple[int, ...]
) -> Iterator[tuple[Any, tuple[int, ...]]]:
    """Yield the commands that the words may name: one that is looked for may be an option's value."""
    if not hasattr(command, "list_commands"):
        yield command, at
        return
    for place in range(start, len(words)):
        word = words[place]
        if word == "--":
            return
        found = None if word.startswith("-") else command.get_command(None, word)
        if found is not None:
            yield from _commands(found, words, place + 1, (*at, place))
        if place == start and not word.startswith("-"):
            return


def _takes_value(command: Any) -> dict[str, bool]:
    """Return the names of a command's options, and whether a value follows each."""
    options = [each for each in command.params if each.param_type_name == "option"]
    return _ALWAYS | {name: not each.is_flag for each in options for name in (*each.opts, *each.secondary_opts)}


def _are_options(words: Sequence[str], takes_value: Mapping[str, bool]) -> bool:
    """Return whether the words are options of a command, each with its value, and nothing else."""
    return _options_end(words, takes_value) == len(words)


def _options_end(words: Sequence[str], takes_value: Mapping[str, bool]) -> int:
    """Return where the options at the beginning of the words end; beyond the words where the last lacks its value."""
    place = 0
    while place < len(words):
        wanted = _words_of_option(words[place], takes_value)
        if not wanted:
            return place
        place += wanted
    return place


def _words_of_option(word: str, takes_value: Mapping[str, bool]) -> int:
    """Return of how many words an option is: 2 with a value behind it, 0 where it is none of the command's."""
    name, equals, _ = word.partition("=")
    if name in takes_value:
        return 2 if takes_value[name] and not equals else 1
    if not word.startswith("-") or word.startswith("--"):
        return 0
    for at, letter in enumerate(word[1:], 1):  # -qv, -sURL
        if f"-{letter}" not in takes_value:
            return 0
        if takes_value[f"-{letter}"]:
            return 1 if word[at + 1 :] else 2
    return 1 if word[1:] else 0


def _with_flags(words: Sequence[str], takes_value: Mapping[str, bool]) -> list[str]:
    """Return a command's words with `--flag` for `--flag=true`, and without the flag for `--flag=false`."""
    written: list[str] = []
    place = 0
    while place < len(words) and words[place] != "--":
        found = _SET_FLAG.fullmatch(words[place]) if _sets_flag(words[place]) else None
        if found is None or takes_value.get(found[1], True):
            end = place + max(1, _words_of_option(words[place], takes_value))
            written += words[place:end]
            place = end
            continue
        if found[2].lower() in TRUE:
            written.append(found[1])
        else:
            written = [each for each in written if each != found[1]]
        place += 1
    return [*written, *words[place:]]


def _without_leading_options(root: Any, words: list[str], *, may_be_alias: bool) -> list[str]:
    """Return the words from the first on that is no option of calls, so that it is what is reported.

    Options that the root knows itself stay. Where that word is an alias, the options are its command's.
    """
    if not words[0].startswith("-"):
        return words
    end = leading_options(root, words)
    rest = words[end:]
    if not rest or rest[0].startswith("-"):
        return words
    command = _expanded(rest[:1]) if may_be_alias else rest[:1]
    if command == rest[:1]:
        return in_order(rest, root, may_be_alias=may_be_alias) if end else rest
    return in_order([*command, *words[:end], *rest[1:]], root, may_be_alias=False)
