"""The project's words: plain technical English, held by one list of words that are not used and what replaces them."""

from __future__ import annotations

import ast
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

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
def files(*patterns: str) -> tuple[str, ...]:
    """Return the tracked files of these patterns, or all of a folder where there is no repository."""
    listed = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return tuple(name for name in listed.stdout.split() if (ROOT / name).is_file())
    return tuple(
        str(path.relative_to(ROOT)) for pattern in patterns for path in ROOT.glob(pattern.replace("*", "**/*"))
    )


@pytest.mark.parametrize(
    "patterns",
    [
        ("qlik_keys/*.py", "qlik_keys/*.js"),
        ("*.md",),
        ("notebooks/*.ipynb", "notebooks/*.py"),
        ("docs/hooks/*.py", "hatch_build.py"),
    ],
)
def test_texts_use_the_words_of_the_glossary(patterns):
    found = [
        problem
        for name in files(*patterns)
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").split("\n"), start=1)
        for problem in problems_of(name, number, line)
    ]
    assert not found, "\n".join(found)


def test_names_in_tests_use_the_words_of_the_glossary():
    found = []
    for name in files("tests/*.py"):
        found += problems_of(name, 0, Path(name).stem)
        for node in ast.walk(ast.parse((ROOT / name).read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found += problems_of(name, node.lineno, node.name)
            elif isinstance(node, ast.arg):
                found += problems_of(name, node.lineno, node.arg)
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                found += problems_of(name, node.lineno, node.id)
    assert not found, "\n".join(found)


def test_a_word_that_is_not_used_is_found_with_its_replacement():
    assert problems_of("x.md", 3, "Nobody mends it.") == [
        'x.md:3: "Nobody": write no one, anonymous',
        'x.md:3: "mends": write fix',
    ]
    assert problems_of("x.md", 1, "The recommended way is a word-by-word amendment.") == []


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("secret-beside-key", "beside"),
        ("_WISHES = 1", "WISHES"),
        ("def _as_somebody():", "somebody"),
        ("const drawAnew = 1;", "Anew"),
        ("anewDrawn", "anew"),
        ("put_away()", "put_away"),
        ("It takes the old keys away too.", "takes the old keys away"),
        ("It takes nothing away.", "takes nothing away"),
    ],
)
def test_a_word_is_found_in_names_and_around_other_words(text, word):
    assert [problem.split('"')[1] for problem in problems_of("x.py", 1, text)] == [word]


@pytest.mark.parametrize(
    "text", ["https://acme.eu.qlikcloud.com/api/v1/mintage", "7mint9", "mintedx", "takeaway", "A step away."]
)
def test_ids_and_longer_words_are_no_false_alarm(text):
    assert problems_of("x.py", 1, text) == []
