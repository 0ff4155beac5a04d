"""How one input becomes another: octets, words of a dictionary, lines, numbers, pieces of other inputs."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

WORDS: tuple[bytes, ...] = (
    b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\r\n ", b"\t", b" ", b":", b";", b";;", b",", b",,", b"=", b"?", b"@",
    b"<", b">", b"<>",
    b'"', b'""', b"\\", b'\\"', b"\\\0", b"\0", b"%", b"%00", b"%25", b"%zz", b"*", b"[", b"]", b"[::1]", b"::",
    b"/", b"\x7f",
    b"\xff", b"\xc3\xbc", b"\xed\xa0\x80", b"\xe2\x84\xaa", b"\xc5\xbf", b"0", b"-1", b"255", b"256", b"65535",
    b"65536",
    b"4294967295", b"4294967296", b"99999999999999999999", b"1e9", b"+1", b"\xd9\xa1",
    b"SIP/2.0", b"SIP/2.0 200 OK", b"INVITE ", b"ACK ", b"sip:", b"sips:", b"tel:", b";tag=", b";branch=z9hG4bK",
    b";rport", b";lr",
    b";received=", b"Via: ", b"v:", b"From: ", b"To: ", b"Call-ID: ", b"i:", b"CSeq: 1 ", b"Contact: *",
    b"Contact: ",
    b"Content-Length: ", b"l: 0", b"Route: ", b"Record-Route: ", b"Max-Forwards: ", b"Session-Expires: ",
    b"Refer-To: ", b"Replaces: ",
    b"v=0", b"o=- 1 1 IN IP4 192.0.2.1", b"s=-", b"c=IN IP4 0.0.0.0", b"t=0 0", b"m=audio 9 RTP/AVP 0",
    b"m=video 0 RTP/AVP 31",
    b"a=", b"a=sendonly", b"a=rtpmap:0 PCMU/8000", b"a=candidate:1 1 UDP 1 192.0.2.1 9 typ host",
    b"a=rtcp:9 IN IP4 192.0.2.1", b"b=AS:1",
)  # fmt: skip

LONGEST = 8192


class Mutator:
    """Makes children, the same ones for the same seed."""

    def __init__(self, random: Random, dictionary: list[bytes]) -> None:
        self._random = random
        self._words = [*WORDS, *dictionary]
        self._ways: tuple[Callable[[bytes, bytes], bytes], ...] = (
            self._flip, self._octet, self._insert_word, self._insert_word, self._replace_by_word, self._delete,
            self._double,
            self._swap_lines, self._double_line, self._drop_line, self._number, self._case, self._splice,
            self._repeat,
        )  # fmt: skip

    def child(self, parent: bytes, other: bytes) -> bytes:
        """One to four changes; `other` lends pieces."""
        data = parent
        for _ in range(self._random.choice((1, 1, 1, 2, 2, 3, 4))):
            data = self._random.choice(self._ways)(data, other)
        return data[:LONGEST] if self._random.random() < 0.99 else data[: 8 * LONGEST]

    def _place(self, data: bytes) -> int:
        return self._random.randint(0, len(data))

    def _span(self, data: bytes) -> tuple[int, int]:
        start = self._place(data)
        return start, min(len(data), start + self._random.choice((1, 2, 4, 8, 16, 64)))

    def _flip(self, data: bytes, other: bytes) -> bytes:
        if not data:
            return data
        at = self._random.randrange(len(data))
        return data[:at] + bytes((data[at] ^ 1 << self._random.randrange(8),)) + data[at + 1 :]

    def _octet(self, data: bytes, other: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + bytes((self._random.randrange(256),)) + data[at + 1 :]

    def _insert_word(self, data: bytes, other: bytes) -> bytes:
        at = self._place(data)
        return data[:at] + self._random.choice(self._words) + data[at:]

    def _replace_by_word(self, data: bytes, other: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + self._random.choice(self._words) + data[end:]

    def _delete(self, data: bytes, other: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[end:]

    def _double(self, data: bytes, other: bytes) -> bytes:
        start, end = self._span(data)
        return data[:end] + data[start:]

    def _lines(self, data: bytes) -> list[bytes]:
        return data.split(b"\r\n") if b"\r\n" in data else data.split(b"\n")

    def _swap_lines(self, data: bytes, other: bytes) -> bytes:
        lines = self._lines(data)
        a, b = self._random.randrange(len(lines)), self._random.randrange(len(lines))
        lines[a], lines[b] = lines[b], lines[a]
        return b"\r\n".join(lines)

    def _double_line(self, data: bytes, other: bytes) -> bytes:
        lines, others = self._lines(data), self._lines(other)
        lines.insert(self._random.randrange(len(lines)), self._random.choice(self._random.choice((lines, others))))
        return b"\r\n".join(lines)

    def _drop_line(self, data: bytes, other: bytes) -> bytes:
        lines = self._lines(data)
        del lines[self._random.randrange(len(lines))]
        return b"\r\n".join(lines)

    def _number(self, data: bytes, other: bytes) -> bytes:
        digits = [position for position, octet in enumerate(data) if 48 <= octet <= 57]
        if not digits:
            return data
        start = end = self._random.choice(digits)
        while end < len(data) and 48 <= data[end] <= 57:
            end += 1
        value = self._random.choice((b"0", b"1", b"-1", b"007", b"256", b"65536", b"4294967296", b"9" * 30, b""))
        return data[:start] + value + data[end:]

    def _case(self, data: bytes, other: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[start:end].swapcase() + data[end:]

    def _splice(self, data: bytes, other: bytes) -> bytes:
        start, end = self._span(other)
        at = self._place(data)
        if self._random.random() < 0.3:
            return data[:at] + other[self._place(other) :]
        return data[:at] + other[start:end] + data[at:]

    def _repeat(self, data: bytes, other: bytes) -> bytes:
        start, end = self._span(data)
        return data[:start] + data[start:end] * self._random.choice((2, 8, 64, 512)) + data[end:]
