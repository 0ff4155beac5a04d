"""The User-to-User header (RFC 7433): data of the caller's application for the callee's."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import Params, format_params, get_param, is_token, parse_params


class UserToUser:
    """The data as written (hexadecimal digits, a token or a quoted string) with its parameters."""

    __slots__ = ("data", "params")

    def __init__(self, data: str, params: Params = ()) -> None:
        self.data: Final = data
        self.params: Final = params

    @property
    def encoding(self) -> str:
        """`hex` where nothing is said (RFC 7433 section 4.1)."""
        return (get_param(self.params, "encoding") or "hex").lower()

    def __str__(self) -> str:
        return self.data + format_params(self.params)


def parse_user_to_user(text: str) -> UserToUser:
    """Parse one User-to-User value; raises ParseError."""
    if text.startswith('"'):
        end = text.find('"', 1)
        while end > 0 and text[end - 1] == "\\":
            end = text.find('"', end + 1)
        data, tail = text[: end + 1], text[end + 1 :].strip()
    else:
        data, semicolon, tail = text.partition(";")
        data = data.strip()
        tail = semicolon + tail
        if not is_token(data):
            raise ParseError(Fault.PARAMETER, f"malformed User-to-User {text[:60]!r}")
    if not data or (tail and tail[0] != ";"):
        raise ParseError(Fault.PARAMETER, f"malformed User-to-User {text[:60]!r}")
    return UserToUser(data, parse_params(tail))
