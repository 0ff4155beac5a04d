"""Cutting a byte stream into SIP messages (RFC 3261 section 18.3, RFC 5626 section 4.4.1)."""

from __future__ import annotations

from typing import Final

from sbc.sip.errors import Fault, ParseError
from sbc.sip.limits import DEFAULT_LIMITS, Limits
from sbc.sip.parse import parse_head

PING: Final = b"\r\n\r\n"
"""A keep-alive request; the peer wants a `PONG` back."""
PONG: Final = b"\r\n"
"""A keep-alive answer, or a line end too many; nothing is to be done."""

_MAX_LENGTH_DIGITS: Final = 10


class StreamFramer:
    """One connection's bytes in, whole messages out, wherever the stream was cut.

    Content-Length decides where a message ends and must be there (RFC 3261 section 18.3). What cannot be framed is a
    fault for good: nothing behind it can be trusted and the connection must be closed. What is buffered never exceeds
    `limits.message_bytes` by more than one call feeds. The content of messages is not judged here.
    """

    __slots__ = ("_buffer", "_has_start", "_limits", "_needed", "_scanned", "fault")

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self._limits: Final = limits
        self._buffer: Final = bytearray()
        self._has_start = False
        self._scanned = 0
        self._needed = 0
        self.fault: ParseError | None = None
        """Why nothing more can be framed. `message` is what could be read, for an answer before the connection goes."""

    @property
    def has_partial(self) -> bool:
        """True while a message has begun and is not whole."""
        return self.fault is None and len(self._buffer) > 0 and self._buffer != PONG[: len(self._buffer)]

    @property
    def held(self) -> int:
        """Bytes that wait for the rest of their message."""
        return len(self._buffer)

    @property
    def partial(self) -> bytes:
        """Those bytes."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Take bytes; give what is whole: messages, each ready for `parse_message`, `PING`s and `PONG`s.

        Messages in front of a fault are still given, with `fault` set; where there are none, and on every later call,
        the fault is raised. Which messages come out and which fault does not depend on how the bytes are cut.
        """
        if self.fault is not None:
            raise self.fault
        self._buffer.extend(data)
        frames: list[bytes] = []
        start = 0
        try:
            while True:
                size = self._next(start)
                if size == 0:
                    break
                frames.append(bytes(self._buffer[start : start + size]))
                start += size
        except ParseError as error:
            self.fault = error
            self._buffer.clear()
            if not frames:
                raise
            return frames
        if start:
            del self._buffer[:start]
        return frames

    def _next(self, start: int) -> int:
        """The size of the frame that begins at `start`, 0 where it is not whole yet. Positions kept are relative."""
        buffer = self._buffer
        available = len(buffer) - start
        if self._needed == 0:
            if available == 0:
                return 0
            first = buffer[start]
            if first == 13 or first == 10:
                return self._line_ends(start, available)
            head_size = self._head_size(start, available)
            if head_size == 0:
                return 0
            head = bytes(buffer[start : start + head_size - 4])
            breaks = head.count(b"\r\n")
            if head.count(b"\n") != breaks or head.count(b"\r") != breaks:
                error = ParseError(Fault.HEADER_LINE, "a CR or LF that is not part of a CRLF")
                raise self._refuse(head, error)
            self._needed = head_size + self._body_size(head)
            if self._needed > self._limits.message_bytes:
                text = f"more than {self._limits.message_bytes} bytes"
                raise self._refuse(head, ParseError(Fault.TOO_LARGE, text, status=513))
        needed = self._needed
        if available < needed:
            return 0
        self._has_start = False
        self._needed = 0
        self._scanned = 0
        return needed

    def _line_ends(self, start: int, available: int) -> int:
        """A frame of one or two line ends between messages; one alone waits, as it may become two."""
        found = bytes(self._buffer[start : start + 4])
        if found == PING:
            return 4
        if found != PING[:available]:
            if found[:2] != PONG:
                raise ParseError(Fault.HEADER_LINE, "a CR or LF that is not part of a CRLF")
            if found[2] != 13:
                return 2
            if available > 3:
                raise ParseError(Fault.HEADER_LINE, "a CR or LF that is not part of a CRLF")
        return 0

    def _head_size(self, start: int, available: int) -> int:
        """The size of the head with its empty line, 0 where that has not come."""
        buffer = self._buffer
        if not self._has_start:
            line_end = buffer.find(b"\r\n", start + self._scanned)
            if line_end < 0:
                self._check_size(available)
                self._scanned = available - 1
                return 0
            self._check_size(line_end + 2 - start)
            if buffer[start:line_end].upper().find(b"SIP/") < 0:
                raise ParseError(Fault.START_LINE, "not a SIP start line")
            self._has_start = True
            self._scanned = line_end - start
        end = buffer.find(b"\r\n\r\n", start + self._scanned)
        if end < 0:
            self._check_size(available)
            self._scanned = max(self._scanned, available - 3)
            return 0
        self._check_size(end + 4 - start)
        return end + 4 - start

    def _check_size(self, size: int) -> None:
        if size > self._limits.message_bytes:
            raise ParseError(Fault.TOO_LARGE, f"more than {self._limits.message_bytes} bytes", status=513)

    def _body_size(self, head: bytes) -> int:
        """Content-Length, read as the parser reads it: compact, folded, spaced, exactly once."""
        found: bytes | None = None
        for line in head.replace(b"\r\n ", b"  ").replace(b"\r\n\t", b"  ").split(b"\r\n"):
            mark = line[:1]
            if mark not in (b"C", b"c", b"L", b"l"):
                continue
            name, colon, value = line.partition(b":")
            if not colon or name.rstrip(b" \t").lower() not in (b"content-length", b"l"):
                continue
            if found is not None:
                raise self._refuse(head, ParseError(Fault.CONTENT_LENGTH, "Content-Length stands twice"))
            found = value.strip(b" \t")
        if found is None:
            raise self._refuse(head, ParseError(Fault.CONTENT_LENGTH, "Content-Length is missing on a stream"))
        digits = found.lstrip(b"0") or b"0"
        if not found.isdigit() or len(digits) > _MAX_LENGTH_DIGITS:
            raise self._refuse(head, ParseError(Fault.CONTENT_LENGTH, "Content-Length is not a number"))
        return int(digits)

    def _refuse(self, head: bytes, error: ParseError) -> ParseError:
        try:
            error.message = parse_head(head, b"", self._limits)
        except ParseError as other:
            error.message = other.message
        return error
