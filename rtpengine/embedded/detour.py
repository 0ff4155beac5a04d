"""What a stream's packets go through beside the straight path: gates, pressed keys, and listeners.

A stream without any of it has no detour, and pays one comparison for that. Keys are pressed in place: a packet of the
party's audio becomes a packet of the event (RFC 4733 section 2.5), so sequence numbers stay whole and the party's own
clock goes on; where the other side takes no events, the audio in it becomes the key's two tones.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from rtpengine.embedded.g711 import PCMA, PCMU, SILENCE, encode_samples, key_tone
from rtpengine.embedded.srtp import PacketBuffer

MAX_KEYS: Final = 64
"""Presses that wait for their turn."""
_ENDS: Final = 3
"""Copies of an event's last packet."""
_HEADER: Final = 12
_PACKET: Final = 160
"""Timestamp units that a packet is taken to last until two have been seen: 20 ms."""
_RATE: Final = 8
"""Timestamp units a millisecond."""

Heard: TypeAlias = Callable[[int, int, int], None]
"""Event code, duration in milliseconds, volume."""


class Tap(Protocol):
    """Somebody who gets a copy of what passes."""

    def take(self, data: memoryview, is_rtcp: bool, now: float) -> None:
        """A packet in clear; `data` is valid during the call alone."""


class Press:
    """One key to be pressed."""

    __slots__ = ("code", "duration", "pause", "volume")

    def __init__(self, code: int, duration: int, pause: int, volume: int) -> None:
        self.code: Final = code
        self.duration: Final = duration * _RATE
        self.pause: Final = pause * _RATE
        self.volume: Final = volume


class Detour:
    """One RTP stream's. All of it is off until somebody turns it on."""

    __slots__ = (
        "_before",
        "_ends",
        "_heard_at",
        "_press",
        "_queue",
        "_quiet_until",
        "_start",
        "blocks_dtmf",
        "event_type",
        "events",
        "heard",
        "is_blocked",
        "is_silenced",
        "taps",
    )

    def __init__(self) -> None:
        self.is_blocked = False
        self.is_silenced = False
        self.blocks_dtmf = False
        self.events: frozenset[int] = frozenset()
        """Payload types under which the party sends events."""
        self.event_type = -1
        """The payload type for events toward the other side; -1: it takes none."""
        self.heard: Heard | None = None
        """Told of each key that the party presses, once it is up."""
        self.taps: tuple[Tap, ...] = ()
        self._queue: Final[deque[Press]] = deque()
        self._press: Press | None = None
        self._start = 0
        self._before = -1
        """The last packet's timestamp."""
        self._ends = 0
        self._quiet_until = -1
        self._heard_at = -1

    @property
    def is_idle(self) -> bool:
        """True where the straight path would do the same."""
        is_open = not (self.is_blocked or self.is_silenced or self.blocks_dtmf)
        return is_open and self.heard is None and not (self.taps or self._queue or self._press)

    def press(self, press: Press) -> bool:
        """Press a key when those before it are up; False where too many wait."""
        if len(self._queue) >= MAX_KEYS:
            return False
        self._queue.append(press)
        return True

    def handle(self, buffer: PacketBuffer, size: int, is_rtcp: bool, now: float) -> int:
        """A packet that the stream has taken; its size afterwards, -1 where it goes no further."""
        if self.is_blocked:
            return -1
        if not is_rtcp and size > _HEADER:
            size = self._handle_rtp(buffer.data, size)
        if size > 0 and self.taps:
            view = memoryview(buffer.data)[:size]
            for tap in self.taps:
                tap.take(view, is_rtcp, now)
        return size

    def _handle_rtp(self, data: bytearray, size: int) -> int:
        offset = payload_offset(data, size)
        if offset < 0:
            return size
        kind = data[1] & 127
        if kind in self.events:
            if self.heard is not None:
                self._listen(data, offset, size)
            return -1 if self.blocks_dtmf else size
        if self._press is not None or self._queue:
            size = self._replace(data, offset, size, kind)
        if self.is_silenced and data[1] & 127 == kind:
            if kind not in SILENCE:
                return -1
            data[offset:size] = bytes([SILENCE[kind]]) * (size - offset)
        return size

    def _listen(self, data: bytearray, offset: int, size: int) -> None:
        """An event packet; the last one of an event counts, once."""
        stamp = int.from_bytes(data[4:8], "big")
        if size >= offset + 4 and data[offset + 1] & 0x80 and stamp != self._heard_at and self.heard is not None:
            self._heard_at = stamp
            duration = int.from_bytes(data[offset + 2 : offset + 4], "big")
            self.heard(data[offset], duration // _RATE, data[offset + 1] & 63)

    def _replace(self, data: bytearray, offset: int, size: int, kind: int) -> int:
        """A packet of audio while a key is down or waits."""
        stamp = int.from_bytes(data[4:8], "big")
        step = (stamp - self._before) & 0xFFFFFFFF if self._before >= 0 else _PACKET
        step = step if 0 < step <= 8 * _PACKET else _PACKET
        self._before = stamp
        is_first = False
        if self._press is None:
            if self._quiet_until >= 0 and (self._quiet_until - stamp) & 0xFFFFFFFF < 0x80000000:
                return size
            self._press = self._queue.popleft()
            self._start = stamp
            self._ends = _ENDS
            is_first = True
        press = self._press
        lasted = (stamp - self._start + step) & 0xFFFFFFFF
        is_over = lasted >= press.duration
        if self.event_type < 0:
            if kind in (PCMU, PCMA):
                tone = key_tone(press.code, press.volume, lasted - step, size - offset)
                data[offset:size] = encode_samples(tone, kind)
            self._ends = 0
        else:
            data[1] = self.event_type | (0x80 if is_first else 0)
            data[4:8] = self._start.to_bytes(4, "big")
            data[offset : offset + 2] = bytes([press.code, (0x80 if is_over else 0) | press.volume])
            data[offset + 2 : offset + 4] = min(lasted, press.duration, 0xFFFF).to_bytes(2, "big")
            size = offset + 4
            self._ends -= is_over
        if is_over and self._ends <= 0:
            self._press = None
            self._quiet_until = (stamp + press.pause) & 0xFFFFFFFF
        return size


def payload_offset(data: bytearray, size: int) -> int:
    """Where the payload of an RTP packet begins (RFC 3550 section 5.1); -1 where it has none."""
    offset = _HEADER + 4 * (data[0] & 15)
    if data[0] & 0x10:
        if offset + 4 > size:
            return -1
        offset += 4 + 4 * int.from_bytes(data[offset + 2 : offset + 4], "big")
    return offset if offset + 4 <= size else -1
