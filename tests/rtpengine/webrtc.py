"""A WebRTC peer on aiortc that plays a tone and recognises one."""

from __future__ import annotations

import array
import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import aioice.ice
import av
from aiortc import (
    AudioStreamTrack,
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)

from tests.rtpengine.engines import HOST
from tests.rtpengine.voices import FRAME, LONGEST, Ear, sine


class Tone(AudioStreamTrack):
    """An endless sine."""

    def __init__(self, frequency: float) -> None:
        super().__init__()
        self._frequency: Final = frequency
        self._at = 0

    async def recv(self) -> av.AudioFrame:
        """Twenty milliseconds, when they are due."""
        await asyncio.sleep(0.02)
        frame = sine(self._frequency, self._at)
        self._at += FRAME
        return frame


class WebRtcPeer:
    """A browser's stand-in: ICE, DTLS-SRTP, RTCP on the RTP port, and BUNDLE offered."""

    def __init__(self, *, plays: float, awaits: float) -> None:
        self.ear = Ear(awaits)
        self._connection: Final = RTCPeerConnection(RTCConfiguration(iceServers=[]))
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

    def hold(self, *, is_on: bool) -> None:
        """What the next description says of who may speak."""
        (transceiver,) = self._connection.getTransceivers()
        transceiver.direction = "sendonly" if is_on else "sendrecv"

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


async def heard(*ears: Ear) -> bool:
    """True once all ears have heard their tone."""
    for ear in ears:
        await asyncio.to_thread(ear.has_heard.wait, LONGEST)
    return all(ear.has_heard.is_set() for ear in ears)


@contextmanager
def gathering_on_loopback() -> Iterator[None]:
    """aioice leaves the loopback out; here it is all there is."""
    with gathering(lambda: HOST):
        yield


@contextmanager
def gathering(host: Callable[[], str]) -> Iterator[None]:
    """Candidates are gathered on this address alone."""
    found = aioice.ice.get_host_addresses
    aioice.ice.get_host_addresses = lambda use_ipv4, use_ipv6: [host()]
    try:
        yield
    finally:
        aioice.ice.get_host_addresses = found
