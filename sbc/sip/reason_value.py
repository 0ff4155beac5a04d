"""The Reason header (RFC 3326): why a request or response was sent, often a Q.850 cause."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import Params, format_params, get_param, is_token, parse_params, unquote


class Reason:
    """A protocol (`SIP`, `Q.850`) with its parameters."""

    __slots__ = ("params", "protocol")

    def __init__(self, protocol: str, params: Params = ()) -> None:
        self.protocol: Final = protocol
        self.params: Final = params

    @property
    def cause(self) -> int | None:
        """The cause, or None where there is none or it is not a number of at most three digits."""
        text = get_param(self.params, "cause") or ""
        return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None

    @property
    def text(self) -> str:
        """The text without its quotes, or an empty string."""
        return unquote(get_param(self.params, "text") or "")

    def __str__(self) -> str:
        return self.protocol + format_params(self.params)


def parse_reason(text: str) -> Reason:
    """Parse one Reason value; raises ParseError. Several may share a header: split it with `split_list`."""
    protocol, semicolon, tail = text.partition(";")
    protocol = protocol.strip()
    if not is_token(protocol):
        raise ParseError(Fault.PARAMETER, f"malformed Reason {text[:60]!r}")
    return Reason(protocol, parse_params(tail) if semicolon else ())
