"""Datagrams and framed stream messages to values: one pass that finds the headers.

Line ends. RFC 3261 section 7 wants CRLF. In a datagram LF alone, or with a CR too many, is taken for a line end too:
phones and test tools send it, and nobody reads these bytes after us, since all that leaves is built anew. A CR
anywhere else is refused. On streams only CRLF is accepted (`StreamFramer` sees to it): there it decides where a
message begins.
"""

from __future__ import annotations

from typing import Final

from sbc.sip.check import check
from sbc.sip.cseq import MAX_UINT32, parse_number
from sbc.sip.errors import Fault, ParseError
from sbc.sip.limits import DEFAULT_LIMITS, Limits
from sbc.sip.message import Fields, Request, Response
from sbc.sip.names import SPELLINGS, canonical
from sbc.sip.params import is_token


def parse_message(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """Parse one datagram (RFC 3261 sections 7 and 18.3) and check what every element must check.

    Octets beyond Content-Length are ignored, line ends before the start line too (section 7.5). Raises ParseError
    and nothing else, whatever the bytes are; its `message` is what could be read.
    """
    if len(data) > limits.message_bytes:
        raise ParseError(Fault.TOO_LARGE, f"more than {limits.message_bytes} bytes", status=513)
    if data[:1] in _LINE_ENDS:
        data = data.lstrip(b"\r\n")
    head_end = data.find(b"\r\n\r\n")
    if head_end < 0:
        return _parse_lone_lines(data, limits)
    text = data[:head_end].decode("utf-8", "surrogateescape")
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        return _parse_lone_lines(data, limits)
    return _parse_lines(lines, data[head_end + 4 :], limits, "\0" in text)


_LINE_ENDS: Final[tuple[bytes, ...]] = (b"\r", b"\n")


def parse_head(head: bytes, body: bytes, limits: Limits = DEFAULT_LIMITS) -> Request | Response:
    """As `parse_message` where head and body are apart already; `head` is without the empty line, and all CRLF."""
    text = head.decode("utf-8", "surrogateescape").lstrip("\r\n")
    lines = text.split("\r\n")
    breaks = len(lines) - 1
    if text.count("\n") != breaks or text.count("\r") != breaks:
        _refuse_line_ends(text, limits)
    return _parse_lines(lines, body, limits, "\0" in text)


def _parse_lone_lines(data: bytes, limits: Limits) -> Request | Response:
    """A datagram that lacks the empty line behind its head, or whose head does not keep to CRLF."""
    lines: list[str] = []
    start = 0
    while start < len(data) and len(lines) <= 2 * limits.headers + 1:
        end = data.find(b"\n", start)
        if end < 0:
            end = len(data)
        line = data[start:end].rstrip(b"\r").decode("utf-8", "surrogateescape")
        start = end + 1
        if not line:
            break
        lines.append(line)
    if not lines:
        raise ParseError(Fault.EMPTY, "no start line")
    if "\r" in "".join(lines):
        _refuse_line_ends("\n".join(lines), limits)
    return _parse_lines(lines, data[start:], limits, "\0" in "".join(lines))


def _refuse_line_ends(text: str, limits: Limits) -> None:
    error = ParseError(Fault.HEADER_LINE, "a CR or LF that is not part of a CRLF")
    try:
        error.message = _parse_lines(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), b"", limits, False)
    except ParseError as other:
        error.message = other.message
    raise error


def _parse_lines(lines: list[str], body: bytes, limits: Limits, has_nul: bool) -> Request | Response:
    if not lines[0]:
        raise ParseError(Fault.EMPTY, "no start line")
    fields: Fields = []
    if len(lines) > 2 * limits.headers + 1:
        raise _too_many(lines, limits)
    bad_line = ""
    try:
        # Names in a spelling seen before, each followed by a colon and a space: nearly every message there is.
        fields = [(SPELLINGS[name], value.strip()) for name, value in [line.split(": ", 1) for line in lines[1:]]]
    except (KeyError, ValueError):
        bad_line = _read_fields(lines, fields)
    if len(fields) > limits.headers:
        raise _too_many(lines, limits)
    message: Request | Response
    try:
        message = _start_line(lines[0], fields, body)
    except ParseError as error:
        error.message = Request("", "", fields)
        raise
    try:
        if bad_line:
            raise ParseError(Fault.HEADER_LINE, f"malformed header line {bad_line[:60]!r}")
        if has_nul:
            _check_nul(lines)
        declared = message.get("Content-Length")
        if declared is not None and declared != str(len(body)):
            message = _cut_body(message, declared, body)
        check(message)
    except ParseError as error:
        error.message = message
        raise
    return message


def _too_many(lines: list[str], limits: Limits) -> ParseError:
    """With as much of the message as an answer needs, where the lines that we read have that and are not too long."""
    error = ParseError(Fault.TOO_MANY_HEADERS, f"more than {limits.headers} header lines", status=513)
    fields: Fields = []
    _read_fields(lines[: limits.headers + 1], fields)
    try:
        message = _start_line(lines[0], fields, b"")
        check(message)
    except ParseError:
        return error  # it is not worth an answer
    error.message = message
    return error


def _read_fields(lines: list[str], fields: Fields) -> str:
    """Fill `fields` from the lines behind the first; gives the first line that is no header, or an empty string."""
    bad_line = ""
    first = True
    for line in lines:
        if first:
            first = False
            continue
        name, colon, value = line.partition(":")
        spelled = SPELLINGS.get(name)
        if spelled is not None and colon:
            fields.append((spelled, value.strip()))
        elif line[:1] == " " or line[:1] == "\t":
            # RFC 3261 section 7.3.1: a line that starts with white space continues the one before it.
            if fields:
                name, value = fields[-1]
                fields[-1] = (name, f"{value} {line.strip()}".strip())
            else:
                bad_line = bad_line or line
        elif colon and is_token(name.rstrip(" \t")):
            fields.append((canonical(name.rstrip(" \t")), value.strip()))
        elif line:
            bad_line = bad_line or line
    return bad_line


def _start_line(line: str, fields: Fields, body: bytes) -> Request | Response:
    parts = line.split(" ")
    if len(parts) == 3 and parts[2] == "SIP/2.0" and parts[1] and is_token(parts[0]):
        return Request(parts[0], parts[1], fields, body)
    protocol = line[:8]
    if protocol == "SIP/2.0 " or (protocol.isascii() and protocol.upper() == "SIP/2.0 "):
        return _status_line(line, fields, body)
    if len(parts) != 3 or not parts[1]:
        raise ParseError(Fault.START_LINE, f"malformed start line {line[:60]!r}")
    method, uri, version = parts
    if not is_token(method):
        raise ParseError(Fault.START_LINE, f"malformed method {method[:40]!r}")
    name, _, number = version.partition("/")
    if not version.isascii() or name.upper() != "SIP" or number != "2.0":
        status = 505 if name in ("SIP", "sip") and number[:1].isdigit() else 400
        raise ParseError(Fault.VERSION, f"not SIP/2.0: {version[:20]!r}", offset=len(line), status=status)
    return Request(method, uri, fields, body)


def _status_line(line: str, fields: Fields, body: bytes) -> Response:
    status_text, _, reason = line[8:].partition(" ")
    if len(status_text) != 3 or not (status_text.isascii() and status_text.isdigit()):
        raise ParseError(Fault.STATUS_CODE, f"malformed status {status_text[:20]!r}", offset=8)
    status = int(status_text)
    if not 100 <= status <= 699:
        raise ParseError(Fault.STATUS_CODE, f"status {status} is out of range", offset=8)
    return Response(status, reason, fields, body)


def _cut_body(message: Request | Response, declared: str, body: bytes) -> Request | Response:
    try:
        length = parse_number(declared, "Content-Length", limit=MAX_UINT32)
    except ParseError as error:
        raise ParseError(Fault.CONTENT_LENGTH, str(error)) from None
    if length > len(body):
        raise ParseError(Fault.CONTENT_LENGTH, f"Content-Length {length} exceeds the {len(body)} bytes that came")
    if length == len(body):
        return message
    if isinstance(message, Request):
        return Request(message.method, message.request_uri, message.fields, body[:length])
    return Response(message.status, message.reason_phrase, message.fields, body[:length])


def _check_nul(lines: list[str]) -> None:
    """A NUL stands only as a quoted-pair inside a quoted string (RFC 3261 section 25.1; RFC 4475 section 3.1.1.2)."""
    quoted = False
    escaped = False
    for line in lines:
        if line[:1] != " " and line[:1] != "\t":
            quoted = False
        for character in line:
            if character == "\0" and not (quoted and escaped):
                raise ParseError(Fault.HEADER_LINE, "a NUL")
            if escaped:
                escaped = False
            elif character == "\\":
                escaped = quoted
            elif character == '"':
                quoted = not quoted
        escaped = False
