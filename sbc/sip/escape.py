"""Percent escapes in URIs (RFC 3261 section 19.1.2): decoded once, never twice."""

from __future__ import annotations

from typing import Final

_HEX: Final[frozenset[str]] = frozenset("0123456789abcdefABCDEF")
_UNRESERVED: Final[frozenset[str]] = frozenset(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()"
)


def unescape(text: str) -> str:
    """The text behind the escapes, read as UTF-8.

    A `%` that is no escape stays (RFC 4475 section 3.1.1.5); what an escape gives is not looked at again (3.1.1.3). The
    result may hold any character, NUL and line ends included: it is for comparing, never for writing into a header.
    """
    if "%" not in text:
        return text
    pieces = text.split("%")
    out = [pieces[0].encode("utf-8", "surrogateescape")]
    for piece in pieces[1:]:
        if len(piece) >= 2 and piece[0] in _HEX and piece[1] in _HEX:
            out.append(bytes((int(piece[:2], 16),)))
            out.append(piece[2:].encode("utf-8", "surrogateescape"))
        else:
            out.append(b"%" + piece.encode("utf-8", "surrogateescape"))
    return b"".join(out).decode("utf-8", "surrogateescape")


def plain_user(user: str) -> str:
    """A user part with those escapes resolved that stand for unreserved characters or a plus; the others stay.

    What this gives may be written into a URI, and means the same there.
    """
    pieces = user.split("%")
    out = [pieces[0]]
    for piece in pieces[1:]:
        character = chr(int(piece[:2], 16)) if len(piece) >= 2 and piece[0] in _HEX and piece[1] in _HEX else ""
        known = character == "+" or character in _UNRESERVED
        out.append(character + piece[2:] if known else "%" + piece)
    return "".join(out)


def escape(text: str, also: str = "") -> str:
    """Escape all but unreserved characters and those in `also`: for header values inside a URI."""
    if _UNRESERVED.issuperset(text):
        return text
    out: list[str] = []
    for character in text:
        if character in _UNRESERVED or character in also:
            out.append(character)
        else:
            out.extend([f"%{octet:02X}" for octet in character.encode("utf-8", "surrogateescape")])
    return "".join(out)
