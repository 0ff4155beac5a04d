"""What RTCP tells beside its reports: names, tools, places. The far side gets a name of ours and nothing else.

RFC 3550 section 6.5 makes CNAME the one item that must be there; peers put `user@host` into it. APP packets and the
reasons of BYE are free text and fall. Reports, feedback and extended reports stay as they are.
"""

from __future__ import annotations

from typing import Final

_SDES: Final = 202
_BYE: Final = 203
_APP: Final = 204
_HEADER: Final = 4
_CNAME: Final = 1
_FREE_TEXT: Final = frozenset({_SDES, _BYE, _APP})


def rename(data: bytearray, size: int, cname: bytes) -> int:
    """Rewrite the compound packet in the first `size` bytes of `data` in place, with `cname` for each source in it.

    Gives the new size. What is no well-formed compound packet, as SRTCP is not before it is opened, is left as it is.
    """
    parts = _split(data, size)
    if parts is None:
        return size
    if _FREE_TEXT.isdisjoint([data[start + 1] for start, _ in parts]):
        return size
    out = bytearray()
    for start, end in parts:
        kind = data[start + 1]
        if kind == _SDES:
            out += _names(data, start, end, cname)
        elif kind == _BYE:
            out += _farewell(data, start, end)
        elif kind != _APP:
            out += data[start:end]
    if not out or len(out) > len(data):
        return -1
    data[: len(out)] = out
    return len(out)


def _split(data: bytearray, size: int) -> list[tuple[int, int]] | None:
    """Where the packets of a compound begin and end; None where the lengths do not add up."""
    parts: list[tuple[int, int]] = []
    start = 0
    while start < size:
        if start + _HEADER > size or data[start] >> 6 != 2 or not 192 <= data[start + 1] <= 223:
            return None
        end = start + _HEADER + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
        if end > size:
            return None
        parts.append((start, end))
        start = end
    return parts


def _names(data: bytearray, start: int, end: int, cname: bytes) -> bytes:
    """An SDES packet with one CNAME of ours for each source of the old one (section 6.5)."""
    chunks = b""
    count = 0
    position = start + _HEADER
    for _ in range(data[start] & 31):
        if position + 4 > end:
            break
        text = bytes(data[position : position + 4]) + bytes([_CNAME, len(cname)]) + cname
        chunks += text + b"\0" * (4 - len(text) % 4)
        count += 1
        position = _next_chunk(data, position + 4, end)
    return bytes([0x80 | count, _SDES]) + (len(chunks) // 4).to_bytes(2, "big") + chunks


def _next_chunk(data: bytearray, position: int, end: int) -> int:
    while position < end and data[position]:
        position += 2 + data[position + 1] if position + 1 < end else 2
    return min(end, position - position % 4 + 4)


def _farewell(data: bytearray, start: int, end: int) -> bytes:
    """A BYE without its reason (section 6.6)."""
    count = min(data[start] & 31, (end - start - _HEADER) // 4)
    sources = bytes(data[start + _HEADER : start + _HEADER + 4 * count])
    return bytes([0x80 | count, _BYE]) + count.to_bytes(2, "big") + sources
