"""The Diversion header (RFC 5806): who sent the call on, and why; topmost is the latest."""

from __future__ import annotations

from typing import Final

from sbc.sip.address import Address, parse_address
from sbc.sip.params import unquote


class Diversion:
    """One diversion: the diverting party as an address with its parameters."""

    __slots__ = ("address",)

    def __init__(self, address: Address) -> None:
        self.address: Final = address

    @property
    def reason(self) -> str:
        """`no-answer`, `user-busy`, ... in lower case, or an empty string."""
        return unquote(self.address.param("reason") or "").lower()

    @property
    def counter(self) -> int:
        """How many diversions this value stands for: 1 where it does not say so properly."""
        text = self.address.param("counter") or ""
        return int(text) if text.isascii() and text.isdigit() and 0 < len(text) <= 2 else 1

    @property
    def privacy(self) -> str:
        """`full`, `name`, `uri` or `off` in lower case, or an empty string."""
        return unquote(self.address.param("privacy") or "").lower()

    def __str__(self) -> str:
        return str(self.address)


def parse_diversion(text: str) -> Diversion:
    """Parse one Diversion value; raises ParseError. Several may share a header: split it with `split_list`."""
    return Diversion(parse_address(text))
