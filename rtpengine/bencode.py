"""Bencode as the ng protocol uses it, for a peer that may be hostile.

Differences from the torrent format, all measured on release 10.5.3: dictionary keys come unsorted; of duplicate keys
the first counts. Where the daemon is lenient with requests (a missing end mark of the outermost dictionary, bytes after
it) `lenient` is too.

Limits: nesting of `MAX_DEPTH`, `MAX_VALUES` values a document, integers of `MAX_DIGITS` digits. Nothing allocates by a
length that the document merely claims.
"""

from __future__ import annotations

from typing import Final, TypeAlias

Value: TypeAlias = "str | bytes | int | list[Value] | dict[str, Value]"
"""What can be encoded. Decoding gives no `str` but dictionary keys: string values stay `bytes`, since they may be
binary."""

MAX_DEPTH: Final = 24
MAX_VALUES: Final = 100_000
MAX_DIGITS: Final = 19
"""Digits of an integer (64 bits) and of a string's length."""

_DIGITS: Final = frozenset(b"0123456789")


class BencodeError(ValueError):
    """The bytes are not bencode, or exceed a limit. `offset` says where that showed."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(f"{message} at byte {offset}")
        self.offset: Final = offset


def encode(value: Value) -> bytes:
    """Encode; dictionaries keep their order, text becomes UTF-8 (undecodable bytes that `decode` met in keys come
    back)."""
    parts: list[bytes] = []
    _encode(value, parts)
    return b"".join(parts)


def _encode(value: Value, parts: list[bytes]) -> None:
    match value:
        case str():
            raw = value.encode("utf-8", "surrogateescape")
            parts.append(b"%d:%b" % (len(raw), raw))
        case bytes():
            parts.append(b"%d:%b" % (len(value), value))
        case int():  # includes bool, which counts as 0 or 1
            parts.append(b"i%de" % value)
        case list():
            parts.append(b"l")
            for item in value:
                _encode(item, parts)
            parts.append(b"e")
        case dict():
            parts.append(b"d")
            for key, item in value.items():
                _encode(key, parts)
                _encode(item, parts)
            parts.append(b"e")


def decode(data: bytes, *, lenient: bool = False) -> Value:
    """Decode one value that fills `data`.

    `lenient` accepts bytes behind the outermost value and a dictionary whose own end mark is missing, as the daemon
    does.
    """
    reader = _Reader(data, lenient)
    value = reader.read(0)
    if not lenient and reader.at != len(data):
        raise BencodeError("bytes behind the end", reader.at)
    return value


class _Reader:
    """One pass over the document; `at` is the next byte."""

    __slots__ = ("at", "data", "lenient", "values")

    def __init__(self, data: bytes, lenient: bool) -> None:
        self.data: Final = data
        self.lenient: Final = lenient
        self.at = 0
        self.values = 0

    def read(self, depth: int) -> Value:
        self.values += 1
        if self.values > MAX_VALUES:
            raise BencodeError("too many values", self.at)
        if self.at >= len(self.data):
            raise BencodeError("unexpected end", self.at)
        first = self.data[self.at]
        if first in _DIGITS:
            return self.string()
        if depth >= MAX_DEPTH:
            raise BencodeError("nested too deeply", self.at)
        match first:
            case 0x69:  # i
                return self.integer()
            case 0x6C:  # l
                return self.list(depth)
            case 0x64:  # d
                return self.dictionary(depth)
            case _:
                raise BencodeError("no value starts with this byte", self.at)

    def number(self, stop: bytes, what: str) -> int:
        """The decimal number up to `stop`, without sign; leaves `at` behind `stop`."""
        end = self.data.find(stop, self.at, self.at + MAX_DIGITS + 1)
        digits = self.data[self.at : end] if end >= 0 else b""
        if not digits.isdigit():
            raise BencodeError(f"malformed {what}", self.at)
        if len(digits) > 1 and digits[0] == 0x30:
            raise BencodeError(f"leading zero in {what}", self.at)
        self.at = end + 1
        return int(digits)

    def string(self) -> bytes:
        start = self.at
        length = self.number(b":", "string length")
        if length > len(self.data) - self.at:
            raise BencodeError("string longer than the document", start)
        text = self.data[self.at : self.at + length]
        self.at += length
        return text

    def integer(self) -> int:
        start = self.at
        self.at += 1
        negative = self.data[self.at : self.at + 1] == b"-"
        if negative:
            self.at += 1
        value = self.number(b"e", "integer")
        if negative and value == 0:
            raise BencodeError("negative zero", start)
        return -value if negative else value

    def list(self, depth: int) -> list[Value]:
        self.at += 1
        items: list[Value] = []
        while self.data[self.at : self.at + 1] != b"e":
            items.append(self.read(depth + 1))
        self.at += 1
        return items

    def dictionary(self, depth: int) -> dict[str, Value]:
        self.at += 1
        items: dict[str, Value] = {}
        while self.data[self.at : self.at + 1] != b"e":
            if self.lenient and depth == 0 and self.at == len(self.data):
                return items
            if self.data[self.at : self.at + 1] not in (b"0", b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"):
                raise BencodeError("a key is no string", self.at)
            key = self.string().decode("utf-8", "surrogateescape")
            value = self.read(depth + 1)
            items.setdefault(key, value)
        self.at += 1
        return items
