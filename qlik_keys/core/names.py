"""What is wrong with a name that someone typed, in words: empty, too long, or which character is in it and where.

Only for names, which are public: what is wrong with a secret is never told by its characters.
"""

from __future__ import annotations

import unicodedata

# The control characters have no name in Unicode's own table (category Cc), and these are the ones that people paste.
_CONTROLS = {"\t": "a tab", "\n": "a line break", "\r": "a line break", "\0": "a zero byte", "\x1b": "an escape"}
_JOINERS = "\u200c\u200d"  # zero width non-joiner and joiner: part of how a word or a picture is spelt


def name_problem(name: str, *, longest: int | None = None) -> str:
    r"""Return why that is no name, to be put behind "The name"; "" where it is one.

    Args:
        name: as it was typed; blanks around it do not count.
        longest: the most characters; None for any number.

    Example:
        >>> name_problem("night\tly", longest=512)
        'has a tab (U+0009) as its character 6, which cannot be displayed'
    """
    start = len(name) - len(name.lstrip())
    trimmed = name.strip()
    if not trimmed:
        return "is empty"
    for place, letter in enumerate(trimmed, start + 1):
        if not letter.isprintable() and not _joins(trimmed, place - start - 1):
            return f"has {_described(letter)} as its character {place}, which cannot be displayed"
    if longest is not None and len(trimmed) > longest:
        return f"has {len(trimmed)} characters; the maximum is {longest}"
    return ""


def _joins(text: str, place: int) -> bool:
    """Tell whether a character is a joiner between two others, as Persian, Indic scripts and many emoji have them."""
    if text[place] not in _JOINERS or place in (0, len(text) - 1):
        return False
    return all(text[neighbour].isprintable() and not text[neighbour].isspace() for neighbour in (place - 1, place + 1))


def _described(letter: str) -> str:
    code = f"U+{ord(letter):04X}"
    if letter in _CONTROLS:
        return f"{_CONTROLS[letter]} ({code})"
    named = unicodedata.name(letter, "")
    return f"the character {code} ({named})" if named else f"the character {code}"
