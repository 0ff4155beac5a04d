"""One audio stream as its receiver sees it: an SSRC, sequence numbers and timestamps of ours, whoever sends.

What a peer sends bears a number that is the same on both sides, and what it puts beside the audio: contributing sources
and header extensions. Under a veil none of it crosses, and a sender that begins anew, or another one in its place, goes
on where the former has stopped (RFC 3550 section 5.1). Reports are told in each side's own numbers: what the receiver
says of our stream is turned back for the sender. Extended reports and feedback name sources in many ways, and end here.

For audio alone: video's feedback has to name what was sent.
"""

from __future__ import annotations

import secrets
import struct
from typing import Final

_HEADER: Final = struct.Struct("!HII")
"""Sequence number, timestamp, SSRC; from the third byte on."""
_FIXED: Final = 12
_SR, _RR, _SDES, _BYE = 200, 201, 202, 203
_BLOCK: Final = 24
_SENDER_INFO: Final = 20
_HALF: Final = 0x8000
_WORD: Final = 0xFFFFFFFF


class Veil:
    """What one receiver sees of whoever speaks to it."""

    __slots__ = ("__weakref__", "_at", "_before", "_is_used", "_sequence", "_skip", "_source", "_stamp", "ssrc")

    def __init__(self) -> None:
        self.ssrc: Final = secrets.randbits(32)
        """Ours, toward this receiver."""
        self._source = -1
        """The sender's own, of the last packet."""
        self._before = secrets.randbits(15)
        """What is added to its sequence numbers; until there is one, the first of ours."""
        self._skip = secrets.randbits(32)
        """What is added to its timestamps; until there is one, the first of ours."""
        self._sequence = self._stamp = 0
        """The highest sent."""
        self._at = 0.0
        self._is_used = False

    def cover(self, data: bytearray, size: int, rate: int, now: float) -> int:
        """An RTP packet on its way to the receiver, in place; its size afterwards, -1 where it is none.

        `rate` is that of the sender's clock, in units a second.
        """
        if size < _FIXED:
            return -1
        sequence, stamp, source = _HEADER.unpack_from(data, 2)
        if source != self._source:
            self._follow(source, sequence, stamp, rate, now)
        sequence = (sequence + self._before) & 0xFFFF
        stamp = (stamp + self._skip) & _WORD
        _HEADER.pack_into(data, 2, sequence, stamp, self.ssrc)
        if (sequence - self._sequence) & 0xFFFF < _HALF:
            self._sequence, self._stamp, self._at = sequence, stamp, now
        return size if not data[0] & 0x1F else _bare(data, size)

    def _follow(self, source: int, sequence: int, stamp: int, rate: int, now: float) -> None:
        """Somebody else speaks: one packet behind the last, and as much later as it was."""
        if self._is_used:
            next_stamp = self._stamp + max(1, int((now - self._at) * rate))
            self._before = (self._sequence + 1 - sequence) & 0xFFFF
            self._skip = (next_stamp - stamp) & _WORD
        else:
            first, begun = self._before, self._skip
            self._before, self._skip = (first - sequence) & 0xFFFF, (begun - stamp) & _WORD
            self._sequence, self._is_used = first, True
        self._source = source

    def cover_reports(self, data: bytearray, size: int) -> int:
        """A compound RTCP packet on its way to the receiver, in place; -1 where nothing of it may go."""
        at = kept = 0
        while at + 8 <= size:
            end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
            if data[at] >> 6 != 2 or end > size:
                return -1
            kind = data[at + 1]
            if _SR <= kind <= _BYE:
                last = self._rename(data, at, end, kind)
                data[kept : kept + last - at] = data[at:last]
                kept += last - at
            at = end
        return kept if kept and at == size else -1

    def uncover_reports(self, data: bytearray, size: int) -> None:
        """A compound RTCP packet of the receiver's: what it says of our stream, in the sender's own numbers.

        What it says of anything else is told of the sender as well: there is nothing else that it was sent.
        """
        at = 0
        while at + 8 <= size:
            end = at + 4 + 4 * (data[at + 2] << 8 | data[at + 3])
            if data[at] >> 6 != 2 or end > size:
                return
            kind = data[at + 1]
            if kind in (_SR, _RR):
                block = at + 8 + (_SENDER_INFO if kind == _SR else 0)
                for _ in range(data[at] & 31):
                    if block + _BLOCK > end:
                        break
                    highest = int.from_bytes(data[block + 8 : block + 12], "big")
                    data[block : block + 4] = max(self._source, 0).to_bytes(4, "big")
                    data[block + 8 : block + 12] = ((highest - self._before) & _WORD).to_bytes(4, "big")
                    block += _BLOCK
            at = end

    def _rename(self, data: bytearray, at: int, end: int, kind: int) -> int:
        """Whose packet it is, and the clock of a sender report; where it ends now, as only one source is told of."""
        if end - at < 8:
            return at
        name = self.ssrc.to_bytes(4, "big")
        if kind in (_SR, _RR):
            data[at + 4 : at + 8] = name
            if kind == _SR and end - at >= 8 + _SENDER_INFO:
                stamp = int.from_bytes(data[at + 16 : at + 20], "big")
                data[at + 16 : at + 20] = ((stamp + self._skip) & _WORD).to_bytes(4, "big")
        elif kind == _SDES:
            chunk = 6 + data[at + 9]  # its one item is a CNAME of ours
            chunk += 4 - chunk % 4
            if end < at + 4 + chunk:
                return at
            end = at + 4 + chunk
            data[at] = 0x81
            data[at + 4 : at + 8] = name
        else:
            end = at + 8
            data[at] = 0x81
            data[at + 4 : at + 8] = name
        data[at + 2 : at + 4] = ((end - at) // 4 - 1).to_bytes(2, "big")
        return end


def _bare(data: bytearray, size: int) -> int:
    """A packet without contributing sources and header extension (RFC 3550 section 5.1, 5.3.1); its size, -1 where it
    has not what it announces."""
    start = _FIXED + 4 * (data[0] & 15)
    if data[0] & 0x10:
        if start + 4 > size:
            return -1
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    if start > size:
        return -1
    data[0] &= 0xE0
    data[_FIXED : _FIXED + size - start] = data[start:size]
    return _FIXED + size - start
