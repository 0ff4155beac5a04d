"""Regular expressions that a hostile string cannot make slow.

Python's matcher backtracks, so a pattern is read here first and refused where its cost could explode: repetition
inside repetition, choices inside repetition, back references, look-behind. What is left is a product of its choices,
which must stay under a bound for an input of `INPUT_LIMIT` characters.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from policies.errors import Finding, PolicyErrors

INPUT_LIMIT: Final = 256
"""Characters of the text that are looked at; what follows is not searched."""

COST_LIMIT: Final = (INPUT_LIMIT + 1) ** 2
"""Ways in which a pattern may be tried on one text, counted from above."""

PATTERN_LIMIT: Final = 1024

_CLASS_ESCAPES: Final = "dDwWsSbB"
_LITERAL_ESCAPES: Final = "\\.^$*+?{}[]()|/-\"'@:;#&=%~,<>! "


@dataclass(frozen=True, slots=True)
class _Cost:
    """What a part of a pattern costs: the number of ways to match it, and whether it can repeat or choose."""

    ways: int = 1
    varies: bool = False


def compile_pattern(text: str) -> re.Pattern[str]:
    """A pattern that is safe to search with; raises PolicyErrors with the position of what is refused."""
    if len(text) > PATTERN_LIMIT:
        raise _refuse(f"the pattern has {len(text)} characters", 0, allowed=f"at most {PATTERN_LIMIT}")
    reader = _Reader(text)
    ways = reader.whole()
    if ways > COST_LIMIT:
        raise _refuse(
            "the pattern could be tried in too many ways on a hostile text",
            0,
            remedy="anchor it with ^, and use fewer of * + ? {} and |",
        )
    try:
        return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        position = getattr(error, "pos", None) or 0
        raise _refuse(f"not a regular expression: {error}", position) from None


def _refuse(found: str, position: int, *, allowed: str = "", remedy: str = "") -> PolicyErrors:
    return PolicyErrors([Finding(f"pattern: {found}", allowed=allowed, remedy=remedy, column=position + 1)])


class _Reader:
    """Reads a pattern once, adding up its cost; every construct that is not listed is refused."""

    def __init__(self, text: str) -> None:
        self._text: Final = text
        self._position = 0
        self._depth = 0
        self._top_choice = False

    def whole(self) -> int:
        """The cost of the pattern; one that is not anchored is tried at every position of the text."""
        if self._text.startswith("(?i)"):
            self._position = 4
        anchored = self._text.startswith("^", self._position)
        cost = self._choice()
        if self._position < len(self._text):
            raise _refuse("unexpected ')'", self._position, remedy="write \\) for the character")
        return cost.ways if anchored and not self._top_choice else cost.ways * INPUT_LIMIT

    def _peek(self) -> str:
        return self._text[self._position : self._position + 1]

    def _choice(self) -> _Cost:
        """Sequences separated by `|`."""
        branches = [self._sequence()]
        while self._peek() == "|":
            self._position += 1
            branches.append(self._sequence())
        if len(branches) == 1:
            return branches[0]
        if self._depth == 0:
            self._top_choice = True
        return _Cost(sum([branch.ways for branch in branches]), varies=True)

    def _sequence(self) -> _Cost:
        ways = 1
        varies = False
        while self._peek() not in ("", "|", ")"):
            cost = self._repeated()
            ways = min(ways * cost.ways, COST_LIMIT + 1)
            varies = varies or cost.varies
        return _Cost(ways, varies)

    def _repeated(self) -> _Cost:
        """One atom and the quantifier behind it."""
        start = self._position
        atom = self._atom()
        bounds = self._quantifier()
        if bounds is None:
            return atom
        least, most = bounds
        if most > 1 and atom.varies:
            raise _refuse(
                "a repeated group holds a repetition or a choice",
                start,
                remedy="write a character class such as [0-9a-f]+, or split the condition",
            )
        return _Cost(atom.ways * (most - least + 1), varies=atom.varies or most != least)

    def _quantifier(self) -> tuple[int, int] | None:
        character = self._peek()
        if character == "*":
            bounds = (0, INPUT_LIMIT)
        elif character == "+":
            bounds = (1, INPUT_LIMIT)
        elif character == "?":
            bounds = (0, 1)
        elif character == "{":
            return self._counted()
        else:
            return None
        self._position += 1
        self._lazy()
        return bounds

    def _counted(self) -> tuple[int, int]:
        match = re.compile(r"\{(\d{1,3})(,?)(\d{0,3})\}").match(self._text, self._position)
        if match is None:
            raise _refuse(
                "malformed repetition", self._position, allowed="{3}, {3,} or {3,6}", remedy="write \\{ for {"
            )
        least = int(match[1])
        most = least if not match[2] else int(match[3] or INPUT_LIMIT)
        if most > INPUT_LIMIT or most < least or (match[3] and not match[2]):
            raise _refuse("malformed repetition", self._position, allowed=f"{{n,m}} with n <= m <= {INPUT_LIMIT}")
        self._position = match.end()
        self._lazy()
        return least, most

    def _lazy(self) -> None:
        if self._peek() == "?":
            self._position += 1
        if self._peek() in ("*", "+", "?", "{") and self._peek():
            raise _refuse("a repetition of a repetition", self._position)

    def _atom(self) -> _Cost:
        character = self._peek()
        if character == "(":
            return self._group()
        if character == "[":
            return self._class()
        if character == "\\":
            self._escape()
            return _Cost()
        if character in ("*", "+", "?", "{"):
            raise _refuse(f"nothing to repeat before '{character}'", self._position, remedy=f"write \\{character}")
        self._position += 1
        return _Cost()

    def _group(self) -> _Cost:
        """`(...)`, `(?:...)`, `(?=...)` and `(?!...)`."""
        start = self._position
        self._position += 1
        if self._peek() == "?":
            if self._text[self._position : self._position + 2] not in ("?:", "?=", "?!"):
                raise _refuse(
                    "an unknown kind of group", start, allowed="(...), (?:...), (?=...), (?!...), and (?i) at the start"
                )
            self._position += 2
        self._depth += 1
        if self._depth > 20:
            raise _refuse("groups are nested too deeply", start)
        cost = self._choice()
        self._depth -= 1
        if self._peek() != ")":
            raise _refuse("a group is not closed", start, remedy="add ), or write \\( for the character")
        self._position += 1
        return cost

    def _class(self) -> _Cost:
        start = self._position
        self._position += 1
        if self._peek() == "^":
            self._position += 1
        first = True
        while first or self._peek() != "]":
            character = self._peek()
            if not character:
                raise _refuse("a character class is not closed", start, remedy="add ], or write \\[ for the character")
            if character == "[":
                raise _refuse("'[' inside a character class", self._position, remedy="write \\[")
            if character in "-&~|" and self._text[self._position + 1 : self._position + 2] == character:
                raise _refuse(
                    f"'{character * 2}' inside a character class", self._position, remedy=f"write \\{character}"
                )
            if character == "\\":
                self._escape()
            else:
                self._position += 1
            first = False
        self._position += 1
        return _Cost()

    def _escape(self) -> None:
        escaped = self._text[self._position + 1 : self._position + 2]
        if not escaped or escaped not in _CLASS_ESCAPES + _LITERAL_ESCAPES:
            remedy = "back references are not part of the language" if escaped.isdigit() else ""
            raise _refuse(f"unknown escape '\\{escaped}'", self._position, remedy=remedy)
        self._position += 2
