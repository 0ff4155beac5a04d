"""A recording played to one party: packets of its own source, paced by the clock."""

from __future__ import annotations

import contextlib
import secrets
from typing import Final

from rtpengine.embedded.sound import FRAME, Sound
from rtpengine.embedded.srtp import PacketBuffer
from rtpengine.embedded.stream import Stream

PACE: Final = 0.02
"""Seconds a packet."""
_AT_ONCE: Final = 10
"""Packets sent in one turn after the loop was late; what is later still is given up."""


class Player:
    """One playback. It ends by itself, with `is_over`."""

    __slots__ = (
        "_at",
        "_buffer",
        "_due",
        "_sequence",
        "_sound",
        "_ssrc",
        "_stamp",
        "_times",
        "_type",
        "is_over",
        "stream",
    )

    def __init__(self, stream: Stream, sound: Sound, payload_type: int, times: int, now: float) -> None:
        self.stream: Final = stream
        """The one that faces the party."""
        self.is_over = False
        self._sound: Final = sound
        self._type: Final = payload_type
        self._times = max(1, times)
        self._at = 0
        self._due = now
        self._ssrc: Final = secrets.token_bytes(4)
        self._sequence = secrets.randbelow(0x8000)
        self._stamp = secrets.randbelow(0x80000000)
        self._buffer: Final = PacketBuffer(12 + FRAME)

    def handle_timer(self, now: float) -> None:
        """Send what is due."""
        if now - self._due > _AT_ONCE * PACE:
            self._due = now
        while self._due <= now and not self.is_over:
            self._send()
            self._due += PACE

    def _send(self) -> None:
        payload = self._sound.octets[self._at : self._at + FRAME]
        data = self._buffer.data
        size = 12 + len(payload)
        data[0] = 0x80
        data[1] = self._type | (0x80 if not self._at else 0)
        data[2:4] = (self._sequence & 0xFFFF).to_bytes(2, "big")
        data[4:8] = (self._stamp & 0xFFFFFFFF).to_bytes(4, "big")
        data[8:12] = self._ssrc
        data[12:size] = payload
        stream = self.stream
        if stream.srtp is not None:
            size = stream.srtp.seal(self._buffer, size, False)
        if size > 0 and stream.remote is not None:
            with contextlib.suppress(OSError):  # as lost on the way
                stream.sock.sendto(data[:size], stream.remote)
        self._sequence += 1
        self._stamp += FRAME
        self._at += FRAME
        if self._at >= len(self._sound.octets):
            self._at = 0
            self._times -= 1
            self.is_over = self._times <= 0
