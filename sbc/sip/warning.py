"""The Warning header (RFC 3261 section 20.43)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import quote, unquote


class Warning:
    """A code of three digits, who says so (a host or a pseudonym), and the text without its quotes."""

    __slots__ = ("agent", "code", "text")

    def __init__(self, code: int, agent: str, text: str) -> None:
        self.code: Final = code
        self.agent: Final = agent
        self.text: Final = text

    def __str__(self) -> str:
        return f"{self.code:03d} {self.agent} {quote(self.text)}"


def parse_warning(text: str) -> Warning:
    """Parse one Warning value; raises ParseError. Several may share a header: split it with `split_list`."""
    parts = text.split(None, 2)
    if len(parts) != 3 or len(parts[0]) != 3 or not (parts[0].isascii() and parts[0].isdigit()):
        raise ParseError(Fault.NUMBER, f"malformed Warning {text[:60]!r}")
    if len(parts[2]) < 2 or parts[2][0] != '"' or parts[2][-1] != '"':
        raise ParseError(Fault.PARAMETER, f"the text of a Warning is not quoted: {text[:60]!r}")
    return Warning(int(parts[0]), parts[1], unquote(parts[2]))
