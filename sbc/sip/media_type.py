"""Content-Type and Content-Disposition (RFC 3261 sections 20.15 and 20.11)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.params import Params, format_params, get_param, is_token, parse_params, unquote


class MediaType:
    """`type/subtype` in lower case with its parameters."""

    __slots__ = ("name", "params")

    def __init__(self, name: str, params: Params = ()) -> None:
        self.name: Final = name
        self.params: Final = params

    def param(self, name: str) -> str:
        """A parameter without its quotes, or an empty string."""
        return unquote(get_param(self.params, name) or "")

    def __str__(self) -> str:
        return self.name + format_params(self.params)


class ContentDisposition:
    """`session`, `render`, `early-session` or another word in lower case, with its parameters."""

    __slots__ = ("disposition", "params")

    def __init__(self, disposition: str, params: Params = ()) -> None:
        self.disposition: Final = disposition
        self.params: Final = params

    @property
    def is_required(self) -> bool:
        """True unless `handling=optional` stands there: what we cannot handle must be answered with 415."""
        return (get_param(self.params, "handling") or "required").lower() != "optional"

    def __str__(self) -> str:
        return self.disposition + format_params(self.params)


def parse_media_type(text: str) -> MediaType:
    """Parse a Content-Type value; raises ParseError."""
    head, semicolon, tail = text.partition(";")
    kind, slash, subtype = head.partition("/")
    kind, subtype = kind.strip(), subtype.strip()
    if not slash or not is_token(kind) or not is_token(subtype):
        raise ParseError(Fault.PARAMETER, f"malformed media type {text[:60]!r}")
    return MediaType(f"{kind}/{subtype}".lower(), parse_params(tail) if semicolon else ())


def parse_content_disposition(text: str) -> ContentDisposition:
    """Parse a Content-Disposition value; raises ParseError."""
    head, semicolon, tail = text.partition(";")
    head = head.strip()
    if not is_token(head):
        raise ParseError(Fault.PARAMETER, f"malformed Content-Disposition {text[:60]!r}")
    return ContentDisposition(head.lower(), parse_params(tail) if semicolon else ())
