"""Bytes to a `Session`, in one pass over the lines (RFC 8866 section 9)."""

from __future__ import annotations

from typing import Final

from sbc.sdp.errors import SdpError
from sbc.sdp.model import Connection, MediaDescription, Origin, Session, Timing


class Limits:
    """How much a description may hold: bytes, lines, streams."""

    __slots__ = ("body_bytes", "lines", "media")

    def __init__(self, body_bytes: int = 65535, lines: int = 4096, media: int = 128) -> None:
        self.body_bytes: Final = body_bytes
        self.lines: Final = lines
        self.media: Final = media


DEFAULT_LIMITS: Final = Limits()
SESSION_ORDER: Final = "vosiuepcbtrzka"
MEDIA_ORDER: Final = "icbka"


def parse_sdp(body: bytes, limits: Limits = DEFAULT_LIMITS) -> Session:
    """Parse a description; raises SdpError and nothing else, whatever the bytes are.

    Lines may end with CRLF or LF (RFC 8866 section 5 asks to accept both); empty lines at the end are dropped, a
    missing last line end is supplied. Lines out of order, lines of unknown type and a missing `s=` or `t=` are taken
    as real peers send them. What others may read differently is refused: a lone CR, NUL, an empty line in between, a
    second `v=`, `o=` or `s=`.
    """
    if len(body) > limits.body_bytes:
        raise SdpError(f"more than {limits.body_bytes} bytes")
    text = body.decode("utf-8", "surrogateescape")
    if "\r" in text:
        text = text.replace("\r\n", "\n")
        if "\r" in text:
            raise SdpError("a carriage return without a line feed")
    if "\0" in text:
        raise SdpError("a NUL")
    lines = text.rstrip("\n").split("\n")
    if len(lines) > limits.lines:
        raise SdpError(f"more than {limits.lines} lines")
    if len(lines) < 2 or lines[0] != "v=0":
        raise SdpError("does not begin with v=0", 1)
    starts = [number for number, line in enumerate(lines) if line[:2] == "m="]
    if len(starts) > limits.media:
        raise SdpError(f"more than {limits.media} streams")
    session = _parse_session(lines, starts[0] if starts else len(lines))
    starts.append(len(lines))
    for index in range(len(starts) - 1):
        session.media.append(_parse_media(lines, starts[index], starts[index + 1]))
    return session


def _parse_session(lines: list[str], end: int) -> Session:
    origin: Origin | None = None
    session = Session(_NOBODY, None)
    attributes = session.attributes
    for number in range(1, end):
        line = lines[number]
        mark = line[:2]
        if mark == "a=":
            name, colon, value = line[2:].partition(":")
            attributes.append((name, value if colon else None))
        elif mark == "o=" and origin is None:
            origin = _parse_origin(line[2:], number + 1)
        elif mark == "s=" and session.name is None:
            session.name = line[2:]
        elif mark == "c=" and session.connection is None:
            session.connection = _parse_connection(line[2:], number + 1)
        elif mark == "t=":
            session.times.append(_parse_timing(line[2:], number + 1))
        else:
            _session_rarity(session, mark, line, number + 1)
    if origin is None:
        raise SdpError("o= is missing")
    session.origin = origin
    kinds = "".join([line[:1] for line in lines[:end]])
    session.order = "" if _is_canonical(kinds, SESSION_ORDER) else kinds
    return session


_NOBODY: Final = Origin("-", "0", "0", "IN", "IP4", "0.0.0.0")


def _session_rarity(session: Session, mark: str, line: str, number: int) -> None:
    value = line[2:]
    if mark == "b=":
        session.bandwidths.append(_parse_bandwidth(value, number))
    elif mark == "i=" and session.information is None:
        session.information = value
    elif mark == "u=" and session.uri is None:
        session.uri = value
    elif mark == "e=":
        session.emails.append(value)
    elif mark == "p=":
        session.phones.append(value)
    elif mark == "r=" and session.times:
        session.times[-1].repeats.append(value)
    elif mark == "z=":
        session.zones.append(value)
    elif mark == "k=" and session.key is None:
        session.key = value
    else:
        session.unknown.append(_unknown(mark, line, number))


def _unknown(mark: str, line: str, number: int) -> str:
    if mark[1:] != "=":
        raise SdpError("not of the form x=...", number)
    if mark[0] in SESSION_ORDER:
        raise SdpError(f"{mark} is repeated or out of place", number)
    return line


def _parse_media(lines: list[str], first: int, end: int) -> MediaDescription:
    media = _parse_media_line(lines[first][2:], first + 1)
    attributes = media.attributes
    for number in range(first + 1, end):
        line = lines[number]
        mark = line[:2]
        if mark == "a=":
            name, colon, value = line[2:].partition(":")
            attributes.append((name, value if colon else None))
        elif mark == "c=":
            connection = _parse_connection(line[2:], number + 1)
            if media.connection is None:
                media.connection = connection
            else:
                media.more_connections.append(connection)
        elif mark == "b=":
            media.bandwidths.append(_parse_bandwidth(line[2:], number + 1))
        elif mark == "i=" and media.information is None:
            media.information = line[2:]
        elif mark == "k=" and media.key is None:
            media.key = line[2:]
        else:
            media.unknown.append(_unknown(mark, line, number + 1))
    if len(attributes) != end - first - 1:
        kinds = "".join([line[:1] for line in lines[first + 1 : end]])
        media.order = "" if _is_canonical(kinds, MEDIA_ORDER) else kinds
    return media


def _parse_media_line(value: str, number: int) -> MediaDescription:
    parts = value.split()
    if len(parts) < 3:
        raise SdpError("malformed m=", number)
    port_text, slash, count_text = parts[1].partition("/")
    port = _parse_small(port_text, 65535, number)
    count = _parse_small(count_text, 65535, number) if slash else 1
    if (len(parts) == 3 and port != 0) or count == 0:
        raise SdpError("malformed m=", number)
    return MediaDescription(parts[0], port, count, parts[2], tuple(parts[3:]))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _parse_small(text: str, limit: int, number: int) -> int:
    if not _is_number(text) or len(text) > 10 or int(text) > limit:
        raise SdpError("a port is not a number below 65536", number)
    return int(text)


def _parse_origin(value: str, number: int) -> Origin:
    # A user name with spaces is against the grammar and common: the other five fields are counted from the right.
    parts = value.rsplit(" ", 5)
    if len(parts) != 6 or "" in parts:
        parts = value.rsplit(None, 5)
        if len(parts) != 6:
            raise SdpError("malformed o=", number)
    if not _is_number(parts[1]) or not _is_number(parts[2]):
        raise SdpError("malformed o=", number)
    return Origin(parts[0], parts[1], parts[2], parts[3], parts[4], parts[5])


def _parse_connection(value: str, number: int) -> Connection:
    parts = value.split()
    if len(parts) != 3:
        raise SdpError("malformed c=", number)
    return Connection(parts[0], parts[1], parts[2])


def _parse_timing(value: str, number: int) -> Timing:
    start, _, stop = value.partition(" ")
    if not _is_number(start) or not _is_number(stop.strip()):
        raise SdpError("malformed t=", number)
    return Timing(start, stop)


def _parse_bandwidth(value: str, number: int) -> tuple[str, str]:
    kind, colon, amount = value.partition(":")
    if not colon or not kind:
        raise SdpError("malformed b=", number)
    return kind, amount


def _is_canonical(kinds: str, order: str) -> bool:
    for kind in order:
        kinds = kinds.lstrip(kind)
    return kinds == ""
