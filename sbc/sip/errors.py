"""What a hostile or careless peer can get wrong, as one exception with the answer it deserves."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sbc.sip.message import Message


class Fault(Enum):
    """Why bytes were refused; the value is the name of the counter and of the log field."""

    EMPTY = "empty"
    NO_HEADER_END = "no-header-end"
    TOO_LARGE = "too-large"
    TOO_MANY_HEADERS = "too-many-headers"
    OVERLONG = "overlong-field"
    """A field that every answer repeats is so long that none is worth giving."""
    START_LINE = "start-line"
    VERSION = "sip-version"
    STATUS_CODE = "status-code"
    HEADER_LINE = "header-line"
    MISSING_HEADER = "missing-header"
    REPEATED_HEADER = "repeated-header"
    CONTENT_LENGTH = "content-length"
    URI = "uri"
    REQUEST_URI = "request-uri"
    ADDRESS = "address"
    PARAMETER = "parameter"
    VIA = "via"
    CSEQ = "cseq"
    CSEQ_METHOD = "cseq-method"
    NUMBER = "number"
    SCHEME = "uri-scheme"


class ParseError(ValueError):
    """The peer's bytes do not follow the grammar (RFC 3261 section 25) or our limits.

    `offset` is a position in the text that was being parsed. `status` is the response a request with this
    fault deserves, 400 where nothing better is known; responses with a fault are dropped whatever it says.
    `message` is what could be read before the fault, so that an answer can carry the peer's own Via and tags.
    """

    def __init__(self, fault: Fault, text: str, *, offset: int = 0, status: int = 400) -> None:
        super().__init__(text)
        self.fault: Final = fault
        self.offset: Final = offset
        self.status: Final = status
        self.message: Message | None = None
