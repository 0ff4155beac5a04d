"""Session-Expires and Min-SE (RFC 4028 sections 4 and 5)."""

from __future__ import annotations

from typing import Final

from sbc.sip.cseq import parse_number
from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import Params, format_params, get_param, parse_params


class SessionExpires:
    """The session interval in seconds and who refreshes: `uac`, `uas`, or an empty string where it is open."""

    __slots__ = ("params", "refresher", "seconds")

    def __init__(self, seconds: int, refresher: str = "", params: Params = ()) -> None:
        self.seconds: Final = seconds
        self.refresher: Final = refresher
        self.params: Final = params
        """Extension parameters, `refresher` left out."""

    def __str__(self) -> str:
        head = f"{self.seconds};refresher={self.refresher}" if self.refresher else str(self.seconds)
        return head + format_params(self.params)


def parse_session_expires(text: str) -> SessionExpires:
    """Parse a Session-Expires value; raises ParseError."""
    seconds, semicolon, tail = text.partition(";")
    params = parse_params(tail) if semicolon else ()
    refresher = (get_param(params, "refresher") or "").lower()
    if refresher not in ("", "uac", "uas"):
        raise ParseError(Fault.PARAMETER, f"refresher is neither uac nor uas: {refresher[:20]!r}")
    others = tuple([(name, value) for name, value in params if name != "refresher"])
    return SessionExpires(parse_number(seconds, "Session-Expires"), refresher, others)


def parse_min_se(text: str) -> int:
    """The smallest session interval in seconds that the sender accepts; raises ParseError."""
    seconds, semicolon, tail = text.partition(";")
    if semicolon:
        parse_params(tail)
    return parse_number(seconds, "Min-SE")
