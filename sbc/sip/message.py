"""Requests and responses: headers found once, typed only when asked for."""

from __future__ import annotations

from typing import Final

from sbc.sip.address import Address, parse_address, parse_addresses, tag_of
from sbc.sip.cseq import CSeq, parse_cseq, parse_number
from sbc.sip.dialog_reference import Replaces, parse_replaces
from sbc.sip.errors import Fault, ParseError
from sbc.sip.event import Event, parse_event
from sbc.sip.params import split_list
from sbc.sip.rack import RAck, parse_rack, parse_rseq
from sbc.sip.session_timer import SessionExpires, parse_min_se, parse_session_expires
from sbc.sip.uri import Uri, parse_uri
from sbc.sip.via import Via, parse_via

Fields = list[tuple[str, str]]
"""Header fields in their order: (canonical name, value as written, unfolded)."""


class Message:
    """What requests and responses share. Values are never changed after construction; build a new message instead.

    `fields` holds every header in order (text decoded as UTF-8 with surrogateescape, so that any byte survives);
    Content-Length is not among those of a message that we build: the serializer writes it. Typed accessors parse on
    first use and raise ParseError; those of a message that `parse_message` gave do not (but see `contacts`).
    """

    __slots__ = ("_contacts", "_cseq", "_first", "_from", "_from_tag", "_to", "_to_tag", "_via", "body", "fields")

    def __init__(self, fields: Fields, body: bytes = b"") -> None:
        self.fields: Final = fields
        self.body: Final = body
        self._first: dict[str, str] | None = None
        self._via: Via | None = None
        self._cseq: CSeq | None = None
        self._from: Address | None = None
        self._to: Address | None = None
        self._from_tag: str | None = None
        self._to_tag: str | None = None
        self._contacts: list[Address] | None = None

    def get(self, name: str) -> str | None:
        """The first value of a header by its canonical name, or None."""
        first = self._first
        if first is None:
            first = self.index()
        return first.get(name)

    def index(self) -> dict[str, str]:
        """Every header's canonical name with its first value. Not to be changed."""
        if self._first is None:
            self._first = dict(reversed(self.fields))
        return self._first

    def get_all(self, name: str) -> list[str]:
        """The values of every occurrence of a header, in order, comma lists not split."""
        first = self.index()
        value = first.get(name)
        if value is None:
            return []
        if len(first) == len(self.fields):
            return [value]
        return [value for known, value in self.fields if known == name]

    def tokens(self, name: str) -> list[str]:
        """A comma list of tokens (Supported, Require, Allow) over all occurrences; empty elements are skipped."""
        return [part for value in self.get_all(name) for part in [p.strip() for p in value.split(",")] if part]

    def require(self, name: str) -> str:
        """The first value of a header that must be there; raises ParseError."""
        value = self.get(name)
        if value is None:
            raise ParseError(Fault.MISSING_HEADER, f"{name} is missing")
        return value

    @property
    def call_id(self) -> str:
        """Call-ID (RFC 3261 section 20.8)."""
        return self.require("Call-ID")

    @property
    def from_tag(self) -> str:
        """The From tag, or an empty string; cheaper than `from_address`."""
        if self._from_tag is None:
            self._from_tag = tag_of(self.require("From"))
        return self._from_tag

    @property
    def to_tag(self) -> str:
        """The To tag, or an empty string; cheaper than `to_address`."""
        if self._to_tag is None:
            self._to_tag = tag_of(self.require("To"))
        return self._to_tag

    @property
    def cseq(self) -> CSeq:
        """CSeq (RFC 3261 section 20.16)."""
        if self._cseq is None:
            self._cseq = parse_cseq(self.require("CSeq"))
        return self._cseq

    @property
    def top_via(self) -> Via:
        """The first Via value."""
        if self._via is None:
            value = self.require("Via")
            self._via = parse_via(value if "," not in value else split_list(value)[0])
        return self._via

    @property
    def vias(self) -> list[str]:
        """Every Via value as written, topmost first."""
        return [part for value in self.get_all("Via") for part in split_list(value)]

    @property
    def from_address(self) -> Address:
        """From (RFC 3261 section 20.20)."""
        if self._from is None:
            self._from = parse_address(self.require("From"))
        return self._from

    @property
    def to_address(self) -> Address:
        """To (RFC 3261 section 20.39)."""
        if self._to is None:
            self._to = parse_address(self.require("To"))
        return self._to

    @property
    def contacts(self) -> list[Address]:
        """Contact values; an empty list where there is none.

        `*` raises ParseError (see `is_contact_star`), and so does what is malformed in a response of 400 and above,
        which nobody should ask.
        """
        if self._contacts is None:
            self._contacts = parse_addresses(self.get_all("Contact"))
        return self._contacts

    @property
    def is_contact_star(self) -> bool:
        """True for `Contact: *` (RFC 3261 section 10.2.2)."""
        return self.get("Contact") == "*"

    @property
    def routes(self) -> list[Address]:
        """Route values in order."""
        return parse_addresses(self.get_all("Route"))

    @property
    def record_routes(self) -> list[Address]:
        """Record-Route values in order."""
        return parse_addresses(self.get_all("Record-Route"))

    @property
    def max_forwards(self) -> int | None:
        """Max-Forwards, or None where absent."""
        value = self.get("Max-Forwards")
        return None if value is None else parse_number(value, "Max-Forwards", limit=255)

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters, or an empty string."""
        value = self.get("Content-Type")
        return "" if value is None else value.partition(";")[0].strip().lower()

    @property
    def event(self) -> Event | None:
        """Event (RFC 6665 section 8.2.1)."""
        value = self.get("Event")
        return None if value is None else parse_event(value)

    @property
    def expires(self) -> int | None:
        """Expires in seconds (RFC 3261 section 20.19)."""
        value = self.get("Expires")
        return None if value is None else parse_number(value, "Expires")

    @property
    def min_se(self) -> int | None:
        """Min-SE in seconds (RFC 4028 section 5)."""
        value = self.get("Min-SE")
        return None if value is None else parse_min_se(value)

    @property
    def rack(self) -> RAck | None:
        """RAck (RFC 3262 section 7.2)."""
        value = self.get("RAck")
        return None if value is None else parse_rack(value)

    @property
    def refer_to(self) -> Address | None:
        """Refer-To (RFC 3515 section 2.1)."""
        value = self.get("Refer-To")
        return None if value is None else parse_address(value)

    @property
    def replaces(self) -> Replaces | None:
        """Replaces (RFC 3891 section 6.1)."""
        value = self.get("Replaces")
        return None if value is None else parse_replaces(value)

    @property
    def rseq(self) -> int | None:
        """RSeq (RFC 3262 section 7.1)."""
        value = self.get("RSeq")
        return None if value is None else parse_rseq(value)

    @property
    def session_expires(self) -> SessionExpires | None:
        """Session-Expires (RFC 4028 section 4)."""
        value = self.get("Session-Expires")
        return None if value is None else parse_session_expires(value)


class Request(Message):
    """A request: method, Request-URI as written, headers, body."""

    __slots__ = ("_uri", "method", "request_uri")

    def __init__(self, method: str, request_uri: str, fields: Fields, body: bytes = b"") -> None:
        Message.__init__(self, fields, body)
        self.method: Final = method
        self.request_uri: Final = request_uri
        self._uri: Uri | None = None

    @property
    def uri(self) -> Uri:
        """The Request-URI, typed."""
        if self._uri is None:
            self._uri = parse_uri(self.request_uri)
        return self._uri

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.request_uri} CSeq {self.get('CSeq')}>"


class Response(Message):
    """A response: status, reason phrase, headers, body."""

    __slots__ = ("reason_phrase", "status")

    def __init__(self, status: int, reason_phrase: str, fields: Fields, body: bytes = b"") -> None:
        Message.__init__(self, fields, body)
        self.status: Final = status
        self.reason_phrase: Final = reason_phrase

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason_phrase} CSeq {self.get('CSeq')}>"
