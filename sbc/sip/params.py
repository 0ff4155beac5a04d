"""The pieces that all header grammars share: tokens, quoted strings, comma lists and `;name=value` parameters."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError

# RFC 3261 section 25.1: token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")
TOKEN_CHARS: Final[frozenset[str]] = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~"
)

# More of either is somebody who wants to keep us busy: each costs a microsecond or two, several times a message.
_MOST_PARAMS: Final = 128
_MOST_VALUES: Final = 256
_LONG: Final = 512  # shorter ones need no count

Params = tuple[tuple[str, str | None], ...]
"""Parameters in their order: (name in lower case, value or None for a flag). Values are kept as written."""


def is_token(text: str) -> bool:
    """True for a non-empty RFC 3261 token."""
    return text != "" and TOKEN_CHARS.issuperset(text)


def split_outside(text: str, separator: str) -> list[str]:
    """Split at `separator` where it stands outside quotes and angle brackets; the parts are stripped.

    Raises ParseError where a quote or a bracket is never closed.
    """
    if '"' not in text and "<" not in text:
        return [part.strip() for part in text.split(separator)]
    parts: list[str] = []
    start = 0
    position = 0
    quoted = False
    angled = False
    size = len(text)
    while position < size:
        character = text[position]
        if quoted:
            if character == "\\":
                position += 1
            elif character == '"':
                quoted = False
        elif character == '"' and not angled:
            quoted = True
        elif character == "<":
            angled = True
        elif character == ">":
            angled = False
        elif character == separator and not angled:
            parts.append(text[start:position].strip())
            start = position + 1
        position += 1
    if quoted or angled:
        raise ParseError(Fault.PARAMETER, "a quote or an angle bracket is not closed", offset=start)
    parts.append(text[start:].strip())
    return parts


def split_list(text: str) -> list[str]:
    """The values of a comma-separated header (RFC 3261 section 7.3.1); empty elements raise ParseError."""
    if len(text) > _LONG and text.count(",") > _MOST_VALUES:
        raise ParseError(Fault.PARAMETER, f"more than {_MOST_VALUES} values in a list")
    parts = split_outside(text, ",")
    for part in parts:
        if not part:
            raise ParseError(Fault.PARAMETER, "an element of the comma-separated list is empty")
    return parts


def parse_params(text: str) -> Params:
    """Parse `;a=1;b` (with or without the leading semicolon); raises ParseError for an empty or nameless one."""
    if not text:
        return ()
    body = text.strip()
    if body.startswith(";"):
        body = body[1:]
    if len(body) > _LONG and body.count(";") > _MOST_PARAMS:
        raise ParseError(Fault.PARAMETER, f"more than {_MOST_PARAMS} parameters")
    found: list[tuple[str, str | None]] = []
    for part in body.split(";") if '"' not in body and "<" not in body else split_outside(body, ";"):
        name, equals, value = part.partition("=")
        if name not in _COMMON:
            name = name.strip()
            if not is_token(name):
                raise ParseError(Fault.PARAMETER, f"a parameter has no proper name: {part[:40]!r}")
            name = name.lower()
        if equals:
            # `tag=` is against the grammar and sent by old phones: a flag is the nearest thing.
            found.append((name, value.strip() or None))
        else:
            found.append((name, None))
    return tuple(found)


# Parameter names that need no check; others are checked character by character.
_COMMON: Final[frozenset[str]] = frozenset(
    {"branch", "expires", "lr", "maddr", "ob", "q", "received", "rport", "tag", "transport", "ttl", "user"}
)


def format_params(params: Params) -> str:
    """`;a=1;b`, or nothing."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def get_param(params: Params, name: str) -> str | None:
    """The value of a parameter; an empty string for a flag; None where it is absent."""
    for known, value in params:
        if known == name:
            return "" if value is None else value
    return None


def unquote(text: str) -> str:
    """The text of a quoted-string without its quotes and escapes; other text is returned unchanged."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    if "\\" not in inner:
        return inner
    out: list[str] = []
    position = 0
    while position < len(inner):
        if inner[position] == "\\" and position + 1 < len(inner):
            position += 1
        out.append(inner[position])
        position += 1
    return "".join(out)


def quote(text: str) -> str:
    """A quoted-string that holds `text`."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
