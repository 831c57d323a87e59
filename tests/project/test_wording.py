"""The project's words: plain technical English, held by one list of words that are not used and what replaces them."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

from fixtures.fresh_copy import tracked_files

ROOT = Path(__file__).parents[2]

# The word that is not used (a regular expression), and what to write. docs/concepts/glossary.md has the words that are.
REPLACEMENTS = {
    r"mend(s|ed|ing)?": "fix",
    r"weightiest": "highest severity",
    r"struck out": "redacted",
    r"put away": "dismiss, delete",
    r"never mind": "cancel",
    r"workplace": "OperationContext",
    r"rehears(e|es|ed|al|als)": "dry run",
    r"imagined": "simulated",
    r"wish(es|ed|ing)?": "request, option",
    r"begun": "started",
    r"under way": "in progress",
    r"nobody": "no one, anonymous",
    r"somebody": "someone, another user",
    r"anybody": "anyone",
    r"who(m)?ever": "anyone who, any client that",
    r"anew": "again",
    r"for ever": "permanently",
    r"besides?": "next to, also",
    r"as it came": "unmodified",
    r"at hand": "current, available",
    r"knobs?": "settings",
    r"deeds?": "change",
    r"illness(es)?": "fault case",
    r"hostile": "malicious",
    r"cut off": "interrupted, truncated",
    r"(tak(e|es|en|ing)|took)( [\w'`]+){0,4} away": "remove",
    r"taken apart": "inspected, parsed",
    r"of ours": "managed by qlik_keys",
    r"mint(s|ed|ing)?": "request (a token)",
    r"unstag(e|es|ed|ing)": "remove (a pending record)",
    r"staged": "pending",
    r"lest": "so that … not",
    r"twin of": "copy of",
    r"tell apart": "detect",
}
# Uses that are right: the file (or its folder), and what to find there. A new one needs a reason as good as these.
ALLOWED = (
    ("qlik_keys/", r"\.staged"),  # the folder of pending records in a Vault, which keeps its name
    ("docs/", r"\.staged"),
    ("tests/", r"\.staged"),
)
# A word ends at a blank, a hyphen or an underscore, and in camelCase: "secret-beside-key", `_WISHES`, `drawAnew`. Its
# neighbour is no digit or letter, so that ids and tokens hold none by chance.
_STARTS = r"(?:(?<![^\W_])|(?-i:(?<=[a-z])(?=[A-Z])))"
_ENDS = r"(?:(?![^\W_])|(?-i:(?<=[a-z])(?=[A-Z])))"
_NAMED = "|".join(rf"(?P<w{at}>{word.replace(' ', '[ _-]')})" for at, word in enumerate(REPLACEMENTS))
WORDS = re.compile(rf"{_STARTS}(?:{_NAMED}){_ENDS}", re.IGNORECASE)


def problems_of(path: str, number: int, text: str) -> list[str]:
    """Return what to write instead of the words in a line that are not used."""
    for place, pattern in ALLOWED:
        if path.startswith(place):
            text = re.sub(pattern, "", text)
    instead = [*REPLACEMENTS.values()]
    return [
        f'{path}:{number}: "{found[0]}": write {instead[int(found.lastgroup[1:])]}' for found in WORDS.finditer(text)
    ]


@cache
def files(*patterns: str) -> list[str]:
    """Return the files of the repository whose names have one of these patterns."""
    return [name for name in tracked_files() if any(fnmatch(name, pattern) for pattern in patterns)]


def test_texts_use_the_words_of_the_glossary():
    kinds = ("qlik_keys/*.py", "qlik_keys/*.js", "*.md", "notebooks/*.ipynb", "notebooks/*.py", "docs/hooks/*.py")
    found = []
    for name in files(*kinds, "hatch_build.py"):
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").split("\n"), start=1):
            found += problems_of(name, number, line)
    assert not found, "\n".join(found)


def test_tests_and_their_names_use_the_words_of_the_glossary():
    here = Path(__file__).relative_to(ROOT).as_posix()  # it has the words that are not used
    found = []
    for name in files("tests/*.py", "tests/*.toml"):
        found += problems_of(name, 0, Path(name).stem)
        lines = (ROOT / name).read_text(encoding="utf-8").split("\n") if name != here else ()
        for number, line in enumerate(lines, start=1):
            found += problems_of(name, number, line)
    assert not found, "\n".join(found)


def test_a_word_that_is_not_used_is_found_with_its_replacement_in_names_too_and_in_no_longer_word():
    assert problems_of("x.md", 3, "Nobody mends it.") == [
        'x.md:3: "Nobody": write no one, anonymous',
        'x.md:3: "mends": write fix',
    ]
    for text in ("secret-beside-key", "_WISHES = 1", "def _as_somebody():", "const drawAnew = 1;", "It takes it away."):
        assert len(problems_of("x.py", 1, text)) == 1, text
    for text in ("https://acme.example/v1/mintage", "7mint9", "mintedx", "A step away.", "A recommended amendment."):
        assert problems_of("x.py", 1, text) == []
