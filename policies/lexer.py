"""The text of a condition to tokens with their positions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

from policies.errors import Finding, PolicyErrors

TEXT_LIMIT: Final = 4096  # characters of one condition: longer ones belong in several rules

_OPERATORS: Final[tuple[str, ...]] = ("&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "(", ")", "[", "]", ",", ".")
_ESCAPES: Final[dict[str, str]] = {"\\": "\\", '"': '"', "'": "'", "n": "\n", "t": "\t"}
_HINTS: Final[dict[str, str]] = {
    "&": "write && for 'and'",
    "|": "write || for 'or'",
    "=": "write == to compare",
    "-": "negative numbers and arithmetic are not part of the language",
    "~": 'write .matches("pattern")',
}


class Kind(Enum):
    """What a token is."""

    NAME = "name"
    STRING = "string"
    NUMBER = "number"
    OPERATOR = "operator"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and the half-open span it was read from. `text` is a string's value without quotes and escapes."""

    kind: Kind
    text: str
    start: int
    end: int

    def is_operator(self, text: str) -> bool:
        """True for this operator, and not for a string that spells it."""
        return self.kind is Kind.OPERATOR and self.text == text


def fail(found: str, position: int, *, allowed: str = "", remedy: str = "") -> PolicyErrors:
    """An error at a position of the text."""
    return PolicyErrors([Finding(found, allowed=allowed, remedy=remedy, column=position + 1)])


def tokenize(text: str) -> list[Token]:
    """All tokens, closed by one END; raises PolicyErrors at the first character that starts none."""
    if len(text) > TEXT_LIMIT:
        raise fail(f"the condition has {len(text)} characters", 0, allowed=f"at most {TEXT_LIMIT}")
    tokens: list[Token] = []
    position = 0
    while position < len(text):
        if text[position] in " \t\r\n":
            position += 1
            continue
        token = _next(text, position)
        tokens.append(token)
        position = token.end
    tokens.append(Token(Kind.END, "", len(text), len(text)))
    return tokens


def _next(text: str, position: int) -> Token:
    character = text[position]
    if character in "\"'":
        return _string(text, position, position, raw=False)
    if character == "r" and text[position + 1 : position + 2] in ('"', "'"):
        return _string(text, position, position + 1, raw=True)
    if _is_letter(character):
        end = position + 1
        while end < len(text) and (_is_letter(text[end]) or _is_digit(text[end])):
            end += 1
        return Token(Kind.NAME, text[position:end], position, end)
    if _is_digit(character):
        return _number(text, position)
    for operator in _OPERATORS:
        if text.startswith(operator, position):
            return Token(Kind.OPERATOR, operator, position, position + len(operator))
    raise fail(f"unexpected character {character!r}", position, remedy=_HINTS.get(character, ""))


def _number(text: str, start: int) -> Token:
    end = start
    while end < len(text) and _is_digit(text[end]):
        end += 1
    if end < len(text) and _is_letter(text[end]):
        raise fail(f"a number runs into {text[end]!r}", end, remedy="put text into quotes")
    if end - start > 15:
        raise fail("a number of more than 15 digits", start, remedy="put telephone numbers into quotes")
    return Token(Kind.NUMBER, text[start:end], start, end)


def _string(text: str, start: int, opening: int, *, raw: bool) -> Token:
    """A quoted string; `r"..."` keeps its backslashes, which is how patterns are best written."""
    quote = text[opening]
    value: list[str] = []
    position = opening + 1
    while position < len(text):
        character = text[position]
        if character == quote:
            return Token(Kind.STRING, "".join(value), start, position + 1)
        if character == "\\" and not raw:
            position += 1
            escaped = text[position : position + 1]
            if escaped not in _ESCAPES:
                remedy = f"write \\\\{escaped}, or r{quote}...{quote} to keep backslashes"
                raise fail(
                    f"unknown escape '\\{escaped}'", position - 1, allowed="\\\\ \\\" \\' \\n \\t", remedy=remedy
                )
            character = _ESCAPES[escaped]
        value.append(character)
        position += 1
    raise fail("a string is not closed", start, remedy=f"add {quote}")


def _is_letter(character: str) -> bool:
    return character == "_" or (character.isascii() and character.isalpha())


def _is_digit(character: str) -> bool:
    return character.isascii() and character.isdigit()
