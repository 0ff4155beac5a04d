"""A WebRTC peer on aiortc that plays a tone and recognises one, and its counterpart that speaks plain G.711."""

from __future__ import annotations

import array
import asyncio
import math
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, Final

import aioice.ice
import av
from aiortc import AudioStreamTrack, MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.g711 import PcmaDecoder, PcmaEncoder
from aiortc.jitterbuffer import JitterFrame

from tests.rig.tones import strength
from tests.rtpengine.engines import HOST

RATE: Final = 8000
FRAME: Final = 160
LONGEST: Final = 10.0
"""Seconds within which a tone must have been heard."""


class Tone(AudioStreamTrack):
    """An endless sine."""

    def __init__(self, frequency: float) -> None:
        super().__init__()
        self._step: Final = 2 * math.pi * frequency / RATE
        self._at = 0

    async def recv(self) -> av.AudioFrame:
        """Twenty milliseconds, when they are due."""
        await asyncio.sleep(0.02)
        frame = _frame(self._step, self._at)
        self._at += FRAME
        return frame


class Ear:
    """Collects samples until a tone is in them."""

    def __init__(self, frequency: float) -> None:
        self._frequency: Final = frequency
        self._samples: list[int] = []
        self.has_heard = threading.Event()

    def take(self, samples: list[int], rate: int) -> None:
        """More samples; the last quarter of a second decides."""
        self._samples = (self._samples + samples)[-rate // 4 :]
        if len(self._samples) == rate // 4 and strength(self._samples, rate, self._frequency) > 0.8:
            self.has_heard.set()


class WebRtcPeer:
    """A browser's stand-in: ICE, DTLS-SRTP, RTCP on the RTP port, and BUNDLE offered."""

    def __init__(self, *, plays: float, awaits: float) -> None:
        self.ear: Final = Ear(awaits)
        self._connection: Final = RTCPeerConnection()
        self._connection.addTrack(Tone(plays))
        self._connection.on("track", self._listen)
        self._tasks: list[asyncio.Task[None]] = []

    async def offer(self) -> bytes:
        """The description of a caller."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._local()

    async def take_answer(self, sdp: bytes) -> None:
        """What came back for it."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp.decode(), "answer"))

    async def answer(self, sdp: bytes) -> bytes:
        """The description of a callee."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp.decode(), "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return self._local()

    async def close(self) -> None:
        """Say goodbye."""
        for task in self._tasks:
            task.cancel()
        await self._connection.close()

    def _local(self) -> bytes:
        return str(self._connection.localDescription.sdp).encode()

    def _listen(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.ensure_future(self._hear(track)))

    async def _hear(self, track: MediaStreamTrack) -> None:
        while True:
            frame: Any = await track.recv()
            channels = len(frame.layout.channels)
            self.ear.take(
                list(array.array("h", bytes(frame.planes[0]))[::channels])[: frame.samples], frame.sample_rate
            )


class PlainPeer:
    """A phone that sends a tone as PCMA from its socket, every 20 ms, and listens there."""

    def __init__(self, sock: socket.socket, *, plays: float, awaits: float) -> None:
        self.ear: Final = Ear(awaits)
        self._socket: Final = sock
        self._step: Final = 2 * math.pi * plays / RATE
        self._open = True
        self._destination: tuple[str, int] | None = None
        self._threads: Final = [threading.Thread(target=run, daemon=True) for run in (self._speak, self._hear)]
        for thread in self._threads:
            thread.start()

    def send_to(self, port: int) -> None:
        """Where the far side takes media from now on."""
        self._destination = (HOST, port)

    def close(self) -> None:
        """Fall silent; the socket stays open."""
        self._open = False
        for thread in self._threads:
            thread.join(2)

    def _speak(self) -> None:
        encoder = PcmaEncoder()
        sequence = 0
        while self._open:
            time.sleep(0.02)
            if self._destination is None:
                continue
            payloads, _ = encoder.encode(_frame(self._step, sequence * FRAME))
            header = b"\x80\x08" + (sequence & 0xFFFF).to_bytes(2, "big") + (sequence * FRAME).to_bytes(4, "big")
            self._socket.sendto(header + b"tone" + payloads[0], self._destination)
            sequence += 1

    def _hear(self) -> None:
        decoder = PcmaDecoder()
        self._socket.settimeout(0.1)
        while self._open:
            try:
                packet = self._socket.recv(2048)
            except TimeoutError:
                continue
            if packet[1] & 127 == 8:
                for frame in decoder.decode(JitterFrame(packet[12:], 0)):
                    assert isinstance(frame, av.AudioFrame)
                    self.ear.take(list(array.array("h", bytes(frame.planes[0])))[: frame.samples], RATE)


async def heard(*ears: Ear) -> bool:
    """True once all ears have heard their tone."""
    for ear in ears:
        await asyncio.to_thread(ear.has_heard.wait, LONGEST)
    return all(ear.has_heard.is_set() for ear in ears)


@contextmanager
def gathering_on_loopback() -> Iterator[None]:
    """aioice leaves the loopback out; here it is all there is."""
    found = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [HOST]
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = found


def _frame(step: float, at: int) -> av.AudioFrame:
    samples = array.array("h", (int(8000 * math.sin(step * (at + index))) for index in range(FRAME)))
    frame = av.AudioFrame(format="s16", layout="mono", samples=FRAME)
    frame.planes[0].update(samples.tobytes())
    frame.sample_rate = RATE
    frame.pts = at
    frame.time_base = Fraction(1, RATE)
    return frame
