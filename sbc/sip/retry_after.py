"""The Retry-After header (RFC 3261 section 20.33)."""

from __future__ import annotations

from typing import Final

from sbc.sip.cseq import parse_number
from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import Params, format_params, parse_params


class RetryAfter:
    """Seconds to wait, a comment with its parentheses (or nothing), parameters."""

    __slots__ = ("comment", "params", "seconds")

    def __init__(self, seconds: int, comment: str = "", params: Params = ()) -> None:
        self.seconds: Final = seconds
        self.comment: Final = comment
        self.params: Final = params

    def __str__(self) -> str:
        head = f"{self.seconds} {self.comment}" if self.comment else str(self.seconds)
        return head + format_params(self.params)


def parse_retry_after(text: str) -> RetryAfter:
    """Parse `18000 (I'm in a meeting);duration=3600`; raises ParseError."""
    comment = ""
    head, parenthesis, rest = text.partition("(")
    if parenthesis:
        end = rest.rfind(")")
        if end < 0:
            raise ParseError(Fault.PARAMETER, "a comment is not closed")
        comment = f"({rest[: end + 1]}"
        tail = rest[end + 1 :].strip()
        if tail and tail[0] != ";":
            raise ParseError(Fault.PARAMETER, "text behind a comment")
    else:
        head, _, tail = text.partition(";")
    return RetryAfter(parse_number(head, "Retry-After"), comment, parse_params(tail))
