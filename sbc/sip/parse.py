"""Datagrams to messages: one pass that finds the headers, then the checks that every message must pass."""

from __future__ import annotations

from typing import Final

from sbc.sip.cseq import MAX_UINT32, parse_number
from sbc.sip.errors import Fault, ParseError
from sbc.sip.message import Fields, Message, Request, Response
from sbc.sip.names import SINGLE, canonical
from sbc.sip.params import TOKEN_CHARS, is_token


class Limits:
    """How much a peer may send; `node.limits` of the configuration.

    `message_bytes` bounds head and body together, `headers` the number of header lines.
    """

    __slots__ = ("headers", "message_bytes")

    def __init__(self, message_bytes: int = 65535, headers: int = 128) -> None:
        self.message_bytes: Final = message_bytes
        self.headers: Final = headers


DEFAULT_LIMITS: Final = Limits()
_MANDATORY: Final = ("Via", "From", "To", "Call-ID", "CSeq")


def parse_message(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Parse one datagram (RFC 3261 section 7 and 18.3) and check what every element must check.

    Octets beyond Content-Length are ignored. Raises ParseError and nothing else, whatever the bytes are; its
    `message` is what could be read. `offset` counts bytes of `data`.
    """
    if len(data) > limits.message_bytes:
        raise ParseError(Fault.TOO_LARGE, f"more than {limits.message_bytes} bytes", status=513)
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        head_end = len(data)
    message = _parse_head(data[:head_end], data[head_end + 4 :], limits)
    try:
        _check(message)
    except ParseError as error:
        error.message = message
        raise
    return message


def parse_head(head: bytes, body: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """As `parse_message` for a stream, whose framing has cut head and body apart already."""
    message = _parse_head(head, body, limits)
    try:
        _check(message)
    except ParseError as error:
        error.message = message
        raise
    return message


def _parse_head(head: bytes, body: bytes, limits: Limits) -> Request | Response:
    text = head.decode("utf-8", "surrogateescape").lstrip("\r\n")
    if not text:
        raise ParseError(Fault.EMPTY, "no start line")
    if "\r\n " in text or "\r\n\t" in text:
        text = _unfold(text)
    lines = text.split("\r\n")
    if len(lines) > limits.headers + 1:
        raise ParseError(Fault.TOO_MANY_HEADERS, f"more than {limits.headers} header lines", status=513)
    fields: Fields = []
    bad_line = ""
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if name not in _KNOWN and (not colon or not TOKEN_CHARS.issuperset(name.rstrip(" \t")) or not name.strip()):
            if line:
                bad_line = bad_line or line
            continue
        fields.append((canonical(name.rstrip(" \t")), value.strip()))
    message: Request | Response
    try:
        message = _start_line(lines[0], fields, body)
    except ParseError as error:
        error.message = Request("", "", fields)
        raise
    if bad_line or "\n" in text.replace("\r\n", "") or "\0" in text:
        error = ParseError(Fault.HEADER_LINE, f"malformed header line {bad_line[:60]!r}")
        error.message = message
        raise error
    declared = message.get("Content-Length")
    if declared is None:
        return message
    return _cut_body(message, declared, body)


_KNOWN: Final[frozenset[str]] = frozenset(
    {"Via", "From", "To", "Call-ID", "CSeq", "Contact", "Max-Forwards", "Content-Length", "Content-Type", "User-Agent"}
)


def _start_line(line: str, fields: Fields, body: bytes) -> Request | Response:
    if line[:8].upper() == "SIP/2.0 ":
        status_text, _, reason = line[8:].partition(" ")
        if len(status_text) != 3 or not (status_text.isascii() and status_text.isdigit()):
            raise ParseError(Fault.STATUS_CODE, f"malformed status {status_text[:20]!r}", offset=8)
        status = int(status_text)
        if not 100 <= status <= 699:
            raise ParseError(Fault.STATUS_CODE, f"status {status} is out of range", offset=8)
        return Response(status, reason, fields, body)
    parts = line.split(" ")
    if len(parts) != 3 or not parts[1]:
        raise ParseError(Fault.START_LINE, f"malformed start line {line[:60]!r}")
    method, uri, version = parts
    if not is_token(method):
        raise ParseError(Fault.START_LINE, f"malformed method {method[:40]!r}")
    if version.upper() != "SIP/2.0":
        name, _, number = version.partition("/")
        status = 505 if name.upper() == "SIP" and number[:1].isdigit() else 400
        raise ParseError(Fault.VERSION, f"not SIP/2.0: {version[:20]!r}", offset=len(line), status=status)
    return Request(method, uri, fields, body)


def _cut_body(message: Request | Response, declared: str, body: bytes) -> Request | Response:
    try:
        length = parse_number(declared, "Content-Length", limit=MAX_UINT32)
        if length > len(body):
            raise ParseError(Fault.CONTENT_LENGTH, f"Content-Length {length} exceeds the {len(body)} bytes that came")
    except ParseError as error:
        failure = ParseError(Fault.CONTENT_LENGTH, str(error))
        failure.message = message
        raise failure from None
    if length == len(body):
        return message
    if isinstance(message, Request):
        return Request(message.method, message.request_uri, message.fields, body[:length])
    return Response(message.status, message.reason_phrase, message.fields, body[:length])


def _unfold(text: str) -> str:
    # RFC 3261 section 7.3.1: a line that starts with white space continues the one before it.
    lines = text.split("\r\n")
    out = [lines[0]]
    for line in lines[1:]:
        if line[:1] in (" ", "\t"):
            out[-1] = f"{out[-1].rstrip()} {line.strip()}"
        else:
            out.append(line)
    return "\r\n".join(out)


def _check(message: Message) -> None:
    """RFC 3261 section 8.1.1 and 16.3: the mandatory headers, once each, and well formed."""
    fields = message.fields
    seen: set[str] = set()
    for name, _ in fields:
        if name in SINGLE and name in seen:
            raise ParseError(Fault.REPEATED_HEADER, f"{name} stands twice")
        seen.add(name)
    for name in _MANDATORY:
        if name not in seen:
            raise ParseError(Fault.MISSING_HEADER, f"{name} is missing")
    if not message.call_id:
        raise ParseError(Fault.MISSING_HEADER, "Call-ID is empty")
    cseq = message.cseq
    _ = message.top_via
    _ = message.from_address
    _ = message.to_address
    if isinstance(message, Request):
        if cseq.method != message.method:
            raise ParseError(Fault.CSEQ_METHOD, f"CSeq says {cseq.method}, the start line {message.method}")
        if message.request_uri[0] == "<" or "?" in message.request_uri:
            raise ParseError(Fault.REQUEST_URI, "the Request-URI holds brackets or headers")
        _ = message.uri
        _ = message.max_forwards
    if message.get("Contact") is not None and not message.is_contact_star:
        _ = message.contacts
