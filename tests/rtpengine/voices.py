"""Phones that send a tone and recognise one, in any of several codecs, with keys or without: proof by content."""

from __future__ import annotations

import array
import contextlib
import math
import threading
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

import av
import pylibsrtp
from aiortc.codecs.g711 import PcmaDecoder, PcmaEncoder, PcmuDecoder, PcmuEncoder
from aiortc.codecs.g722 import G722Decoder, G722Encoder
from aiortc.codecs.opus import OpusDecoder, OpusEncoder
from aiortc.jitterbuffer import JitterFrame

from tests.rig.tones import strength
from tests.rtpengine.engines import HOST, Peer

RATE: Final = 8000
FRAME: Final = 160
LONGEST: Final = 40.0
"""Seconds within which a tone must have been heard."""


class Voice:
    """A codec as SDP and RTP know it."""

    def __init__(self, payload_type: int, name: str, step: int, encoder: type[Any], decoder: type[Any]) -> None:
        self.payload_type: Final = payload_type
        self.name: Final = name
        """As in `rtpmap`."""
        self.step: Final = step
        """Timestamp units a packet."""
        self.encoder: Final = encoder
        self.decoder: Final = decoder

    def sdp(self, peer: Peer, *, version: int = 1, direction: str = "sendrecv", profile: str = "RTP/AVP") -> bytes:
        """One audio line with this codec alone."""
        return (
            f"v=0\r\no=- 1 {version} IN IP4 {peer.host}\r\ns=-\r\nc=IN IP4 {peer.host}\r\nt=0 0\r\n"
            f"m=audio {peer.port} {profile} {self.payload_type}\r\na=rtpmap:{self.payload_type} {self.name}\r\n"
            f"a=ptime:20\r\na={direction}\r\n"
        ).encode()


PCMU: Final = Voice(0, "PCMU/8000", 160, PcmuEncoder, PcmuDecoder)
PCMA: Final = Voice(8, "PCMA/8000", 160, PcmaEncoder, PcmaDecoder)
G722: Final = Voice(9, "G722/8000", 160, G722Encoder, G722Decoder)
OPUS: Final = Voice(111, "opus/48000/2", 960, OpusEncoder, OpusDecoder)


class Ear:
    """Collects samples until a tone is in them."""

    def __init__(self, frequency: float) -> None:
        self.frequency: Final = frequency
        self._samples: list[int] = []
        self.has_heard = threading.Event()

    def take(self, samples: list[int], rate: int) -> None:
        """More samples; the last quarter of a second decides. Who has heard it listens no more: a slow ear lags."""
        if self.has_heard.is_set():
            return
        self._samples = (self._samples + samples)[-rate // 4 :]
        if len(self._samples) == rate // 4 and strength(self._samples, rate, self.frequency) > 0.8:
            self.has_heard.set()


class Talker:
    """Sends its tone every 20 ms from a peer's socket, once it knows where to, and listens there.

    `seal` and `open_` stand between it and the wire; what cannot be opened was not heard.
    """

    def __init__(
        self,
        peer: Peer,
        voice: Voice = PCMA,
        *,
        plays: float,
        awaits: float,
        seal: Callable[[bytes], bytes] = bytes,
        open_: Callable[[bytes], bytes] = bytes,
        sequence: int = 0,
    ) -> None:
        self.ear = Ear(awaits)
        self.strangers = 0
        """Packets with another tone's mark."""
        self._peer: Final = peer
        self._voice: Final = voice
        self._plays: Final = plays
        self._seal: Final = seal
        self._open_packet: Final = open_
        self._is_open = True
        self._awaits = awaits
        self._is_deaf: Final = threading.Event()
        self._listens: Final = threading.Event()
        self._destination: tuple[str, int] | None = None
        self.sequence = sequence
        """Of the next packet; who goes on with a key of another's goes on from there."""
        self._threads: Final = [threading.Thread(target=run, daemon=True) for run in (self._speak, self._hear)]
        for thread in self._threads:
            thread.start()

    def send_to(self, port: int, host: str = HOST) -> None:
        """Where the far side takes media from now on; 0: fall silent."""
        self._destination = (host, port) if port else None

    @property
    def destination(self) -> tuple[str, int]:
        """Where it speaks to."""
        assert self._destination is not None
        return self._destination

    def hears(self, timeout: float = LONGEST) -> bool:
        """True once the awaited tone has been recognised."""
        return self.ear.has_heard.wait(timeout)

    def listen_anew(self, frequency: float = 0.0) -> None:
        """Forget what was heard and what has arrived; await that tone, or the same."""
        self._awaits = frequency or self.ear.frequency
        self._is_deaf.set()
        assert self._listens.wait(LONGEST)
        self._listens.clear()

    def close(self) -> None:
        """Fall silent; the socket stays open."""
        self._is_open = False
        for thread in self._threads:
            thread.join(2)

    def _speak(self) -> None:
        encoder = self._voice.encoder()
        at = 0
        while self._is_open:
            time.sleep(0.02)
            destination = self._destination
            if destination is None:
                continue
            payloads, _ = encoder.encode(sine(self._plays, at))
            at += FRAME
            for payload in payloads:
                stamp = (self.sequence * self._voice.step).to_bytes(4, "big")
                header = bytes([0x80, self._voice.payload_type]) + (self.sequence & 0xFFFF).to_bytes(2, "big") + stamp
                self.sequence += 1
                self._peer.rtp.sendto(self._seal(header + b"tone" + payload), destination)

    def _hear(self) -> None:
        decoder = self._voice.decoder()
        self._peer.rtp.settimeout(0.1)
        while self._is_open:
            if self._is_deaf.is_set():
                self._begin_anew()
            try:
                packet = self._open_packet(self._peer.rtp.recv(2048))
            except (TimeoutError, pylibsrtp.Error):
                continue
            if packet[1] & 127 != self._voice.payload_type:
                continue
            for frame in decoder.decode(JitterFrame(packet[12:], int.from_bytes(packet[4:8], "big"))):
                channels = len(frame.layout.channels)
                samples = array.array("h", bytes(frame.planes[0]))[: frame.samples * channels]
                self.ear.take(list(samples[::channels]), frame.sample_rate)

    def _begin_anew(self) -> None:
        """What waits in the socket was sent before."""
        self._peer.rtp.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._peer.rtp.recv(2048)
        self._peer.rtp.settimeout(0.1)
        self.ear = Ear(self._awaits)
        self._is_deaf.clear()
        self._listens.set()


def sine(frequency: float, at: int) -> av.AudioFrame:
    """Twenty milliseconds of a tone, from its sample number `at` on."""
    step = 2 * math.pi * frequency / RATE
    samples = array.array("h", (int(8000 * math.sin(step * (at + index))) for index in range(FRAME)))
    frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate = RATE
    frame.pts = at
    frame.time_base = Fraction(1, RATE)
    return frame
