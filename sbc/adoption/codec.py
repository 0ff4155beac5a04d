"""The form of a record: a line with version and length, lines of text in a fixed order, then the blobs they measure.

A record is written for each call and read once in a while: writing is one join, reading checks everything. A reader
takes its own version only.
"""

from __future__ import annotations

from typing import Final

VERSION: Final = b"1"


_LATEST: Final = 1e11
"""Seconds since 1970 that no deadline lies behind: some three thousand years."""
_DIGITS: Final = 10


class RecordError(ValueError):
    """This is no record, or one of another version; the text says what is wrong."""


def pack(lines: list[str], blobs: list[bytes]) -> bytes:
    """The record. Lines may hold anything but line ends, which become spaces; some of them measure the blobs."""
    text = "\n".join(lines)
    if text.count("\n") != len(lines) - 1:
        text = "\n".join([line.replace("\n", " ") for line in lines])
    encoded = text.encode("utf-8", "surrogateescape")
    return b"%b %d\n%b%b" % (VERSION, len(encoded), encoded, b"".join(blobs))


def count_of(text: str, what: str, most: int = 2**31 - 1) -> int:
    """A whole number from 0 to `most`; `what` it is, for the error."""
    if not text.isascii() or not text.isdigit() or len(text) > _DIGITS or int(text) > most:
        raise RecordError(f"{text[:40]!r} is no {what}")
    return int(text)


def port_of(text: str) -> int:
    """A port."""
    return count_of(text, "port", 65535)


class Reader:
    """Reads them in the same order; everything raises RecordError where the record does not say what it must."""

    __slots__ = ("_blobs", "_lines", "_next", "_offset")

    def __init__(self, record: bytes) -> None:
        head, _, rest = record.partition(b"\n")
        version, _, length = head.partition(b" ")
        if version != VERSION or not length.isdigit() or len(length) > _DIGITS or int(length) > len(rest):
            raise RecordError(f"{head[:40]!r} does not begin a record of version {VERSION.decode()}")
        self._lines: Final = rest[: int(length)].decode("utf-8", "surrogateescape").split("\n")
        self._blobs: Final = rest[int(length) :]
        self._next = 0
        self._offset = 0

    def text(self) -> str:
        """The next text."""
        position = self._next
        if position >= len(self._lines):
            raise RecordError("the record ends too early")
        self._next = position + 1
        return self._lines[position]

    def texts(self, count: int) -> list[str]:
        """As many texts."""
        return [self.text() for _ in range(count)]

    def with_text(self, text: str) -> bytes:
        """The record with this in the place of the next text."""
        lines = [*self._lines[: self._next], text, *self._lines[self._next + 1 :]]
        return pack(lines, [self._blobs])

    def rest(self) -> list[str]:
        """All texts that are left, whatever they mean."""
        found, self._next = self._lines[self._next :], len(self._lines)
        return found

    def numbers(self, count: int) -> list[int]:
        """A line of so many whole numbers."""
        line = self.text()
        try:
            found = [int(part) for part in line.split(" ")]
        except ValueError:
            found = []
        if len(found) != count:
            raise RecordError(f"{line[:40]!r} is not {count} whole numbers")
        return found

    def number(self) -> int:
        """A line of one whole number."""
        return self.numbers(1)[0]

    def time(self) -> float:
        """A line of one time, 0 for an empty one."""
        text = self.text()
        try:
            time = float(text) if text else 0.0
        except ValueError:
            time = -1.0
        if not 0.0 <= time <= _LATEST:  # nor is what is not a number
            raise RecordError(f"{text[:40]!r} is no time")
        return time

    def blob(self, length: int) -> bytes:
        """The next bytes, as many."""
        start = self._offset
        if length < 0 or start + length > len(self._blobs):
            raise RecordError("the record is cut off")
        self._offset = start + length
        return self._blobs[start : self._offset]

    def finish(self) -> None:
        """Nothing may be left."""
        if self._next != len(self._lines) or self._offset != len(self._blobs):
            raise RecordError("the record is longer than it must be")
