"""The History-Info header (RFC 7044): every target the request was sent to, as a numbered tree."""

from __future__ import annotations

from typing import Final

from sbc.sip.address import Address, parse_address
from sbc.sip.errors import Fault, ParseError


class HistoryEntry:
    """One target; its Reason and Privacy are headers embedded in its URI."""

    __slots__ = ("address", "index")

    def __init__(self, address: Address, index: str) -> None:
        self.address: Final = address
        self.index: Final = index
        """Numbers joined by dots: `1.1.2`."""

    @property
    def cause(self) -> str:
        """The `cause` parameter of the URI (RFC 4458), or an empty string."""
        return self.address.uri.param("cause") or ""

    @property
    def privacy(self) -> str:
        """The embedded Privacy header, or an empty string."""
        return self.address.uri.header("Privacy") or ""

    @property
    def reason(self) -> str:
        """The embedded Reason header, or an empty string."""
        return self.address.uri.header("Reason") or ""

    def __str__(self) -> str:
        return str(self.address)


def parse_history_entry(text: str) -> HistoryEntry:
    """Parse one History-Info value; raises ParseError. Several may share a header: split it with `split_list`."""
    address = parse_address(text)
    index = address.param("index") or ""
    if not index or not all(part.isascii() and part.isdigit() for part in index.split(".")):
        raise ParseError(Fault.PARAMETER, f"malformed index in History-Info {text[:60]!r}")
    return HistoryEntry(address, index)
