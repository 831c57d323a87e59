"""The `filter` of a listing: RFC 7644 3.4.2.2 over the five attributes that the contract names.

Grammar, in full: `attribute op "value"`, `attribute pr`, `not (…)`, `and`, `or`, parentheses. Attribute names and
operators are case-insensitive, values are JSON strings, and compare case-insensitively (RFC 7643 7: `caseExact` is
false by default). What is wrong is refused: nothing is ever read as "no filter".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from qlik_keys.sandbox.simulator.messages import Refusal, bad_request, strict_json

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Predicate = Callable[[Mapping[str, str]], bool]
    Attributes = Mapping[str, tuple[str, ...]]

ATTRIBUTES = ("clientId", "clientName", "appType", "tenantId", "createdByType")

_MAXIMUM_CHARACTERS = 4096
_MAXIMUM_DEPTH = 32
_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\\x00-\x1f]|\\.)*")|(?P<open>\()|(?P<close>\))|(?P<word>[^\s()"]+))""", re.DOTALL
)
_COMPARISONS: dict[str, Callable[[str, str], bool]] = {
    "eq": lambda own, wanted: own == wanted,
    "ne": lambda own, wanted: own != wanted,
    "co": lambda own, wanted: wanted in own,
    "sw": lambda own, wanted: own.startswith(wanted),
    "ew": lambda own, wanted: own.endswith(wanted),
    "gt": lambda own, wanted: own > wanted,
    "ge": lambda own, wanted: own >= wanted,
    "lt": lambda own, wanted: own < wanted,
    "le": lambda own, wanted: own <= wanted,
}
OF_CLIENTS: Attributes = dict.fromkeys(ATTRIBUTES, (*_COMPARISONS, "pr"))


def parse(text: str, *, attributes: Attributes = OF_CLIENTS, is_exact: bool = False) -> Predicate:
    """Return the predicate that the filter stands for.

    Args:
        text: the filter.
        attributes: what can be filtered by, and with which operators.
        is_exact: whether values compare with their case.

    Raises:
        Refusal: it is malformed, or names an attribute that cannot be filtered by.
    """
    if len(text) > _MAXIMUM_CHARACTERS:
        raise _malformed("it is too long")
    parser = _Parser(_tokens(text), attributes, fold=str if is_exact else str.casefold)
    predicate = parser.alternatives(0)
    if parser.left():
        raise _malformed("there is something after its end")
    return predicate


class _Parser:
    def __init__(self, tokens: list[tuple[str, str]], attributes: Attributes, *, fold: Callable[[str], str]) -> None:
        self._tokens = tokens
        self._fold = fold
        self._attributes = {name.lower(): (name, operators) for name, operators in attributes.items()}
        self._position = 0

    def left(self) -> bool:
        return self._position < len(self._tokens)

    def alternatives(self, depth: int) -> Predicate:
        found = [self._conjunction(depth)]
        while self._word("or"):
            found.append(self._conjunction(depth))
        return found[0] if len(found) == 1 else lambda row: any(one(row) for one in found)

    def _conjunction(self, depth: int) -> Predicate:
        found = [self._term(depth)]
        while self._word("and"):
            found.append(self._term(depth))
        return found[0] if len(found) == 1 else lambda row: all(one(row) for one in found)

    def _term(self, depth: int) -> Predicate:
        if depth > _MAXIMUM_DEPTH:
            raise _malformed("it is nested too deeply")
        negated = self._word("not")
        kind, value = self._next()
        if kind == "open":
            inner = self.alternatives(depth + 1)
            if self._next()[0] != "close":
                raise _malformed("a parenthesis is not closed")
            return (lambda row: not inner(row)) if negated else inner
        if negated or kind != "word":
            raise _malformed("an attribute or a parenthesis is expected")
        return self._comparison(value)

    def _comparison(self, name: str) -> Predicate:
        if name.lower() not in self._attributes:
            raise _malformed("the attributes are " + ", ".join(known for known, _ in self._attributes.values()))
        attribute, operators = self._attributes[name.lower()]
        kind, operator = self._next()
        if kind != "word" or operator.lower() not in operators:
            raise _malformed(f"the operators of {attribute} are {', '.join(operators)}")
        if operator.lower() == "pr":
            return lambda row: bool(row.get(attribute))
        compare = _COMPARISONS[operator.lower()]
        kind, literal = self._next()
        if kind != "string":
            raise _malformed("a value is a text in double quotes")
        try:
            wanted = self._fold(str(strict_json(literal.encode())))
        except ValueError:
            wanted = None
        if wanted is None:
            raise _malformed("a value is not a JSON string")
        return lambda row: compare(self._fold(row.get(attribute, "")), wanted)

    def _word(self, word: str) -> bool:
        if self.left() and self._tokens[self._position][0] == "word":
            found = self._tokens[self._position][1].lower() == word
            self._position += found
            return found
        return False

    def _next(self) -> tuple[str, str]:
        if not self.left():
            raise _malformed("it ends too early")
        token = self._tokens[self._position]
        self._position += 1
        return token


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise _malformed("a text is not closed")
        found.append((str(match.lastgroup), match[str(match.lastgroup)]))
        position = match.end()
    return found


def _malformed(problem: str) -> Refusal:
    return bad_request(f"The filter is not one of RFC 7644: {problem}.", title="Invalid filter")
