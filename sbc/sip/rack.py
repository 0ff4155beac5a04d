"""RAck and RSeq: reliable provisional responses (RFC 3262 section 7)."""

from __future__ import annotations

from typing import Final

from sbc.sip.cseq import parse_number
from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import is_token


class RAck:
    """Which provisional response a PRACK acknowledges: its RSeq, and number and method of its CSeq."""

    __slots__ = ("cseq", "method", "rseq")

    def __init__(self, rseq: int, cseq: int, method: str) -> None:
        self.rseq: Final = rseq
        self.cseq: Final = cseq
        self.method: Final = method

    def __str__(self) -> str:
        return f"{self.rseq} {self.cseq} {self.method}"


def parse_rack(text: str) -> RAck:
    """Parse `776656 1 INVITE`; raises ParseError."""
    parts = text.split()
    if len(parts) != 3 or not is_token(parts[2]):
        raise ParseError(Fault.NUMBER, f"malformed RAck {text[:40]!r}")
    return RAck(parse_number(parts[0], "RAck"), parse_number(parts[1], "RAck"), parts[2])


def parse_rseq(text: str) -> int:
    """An RSeq number; raises ParseError."""
    return parse_number(text, "RSeq")
