"""CSeq (RFC 3261 section 20.16) and the bounded numbers other headers hold."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import is_token

MAX_UINT32: Final = 2**32 - 1


class CSeq:
    """A sequence number below 2**32 and a method."""

    __slots__ = ("method", "number")

    def __init__(self, number: int, method: str) -> None:
        self.number: Final = number
        self.method: Final = method

    def __str__(self) -> str:
        return f"{self.number} {self.method}"

    def __repr__(self) -> str:
        return f"CSeq({str(self)!r})"


def parse_number(text: str, what: str, *, limit: int = MAX_UINT32) -> int:
    """A non-negative decimal number of at most `limit`; raises ParseError naming `what`."""
    text = text.strip()
    if not (text.isascii() and text.isdigit()):
        raise ParseError(Fault.NUMBER, f"{what} is not a number: {text[:20]!r}")
    digits = text.lstrip("0") or "0"
    if len(digits) > 10 or int(digits) > limit:
        raise ParseError(Fault.NUMBER, f"{what} is larger than {limit}")
    return int(digits)


_seen: Final[dict[str, CSeq]] = {}
_SEEN_LIMIT: Final = 1024  # values remembered; then the table starts afresh


def parse_cseq(text: str) -> CSeq:
    """Parse `4711 INVITE`; raises ParseError."""
    known = _seen.get(text)
    if known is not None:
        return known
    parts = text.split()
    if len(parts) != 2 or not is_token(parts[1]):
        raise ParseError(Fault.CSEQ, f"malformed CSeq {text[:40]!r}")
    cseq = CSeq(parse_number(parts[0], "CSeq"), parts[1])
    if len(text) <= 32:
        if len(_seen) >= _SEEN_LIMIT:
            _seen.clear()
        _seen[text] = cseq
    return cseq
