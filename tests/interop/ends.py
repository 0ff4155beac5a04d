"""Ends of a call that speak and listen, each in its own way of keying media: in clear, by SDES, by DTLS."""

from __future__ import annotations

import asyncio
import base64
import re
import secrets
import socket
import threading
import time
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import pylibsrtp

from tests.rig.namespaces import entered
from tests.rig.rig import Rig, Side
from tests.rtpengine.engines import Peer
from tests.rtpengine.voices import LONGEST, PCMA, Ear, Talker, Voice
from tests.rtpengine.webrtc import WebRtcPeer

_T = TypeVar("_T")
_SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}
_CRYPTO: Final = re.compile(r"^a=crypto:(\d+) (\S+) inline:([^\s|]+)\r?$", re.MULTILINE)

REALM: Final[dict[str, str]] = {
    "plain": "",
    "sdes": 'srtp = "required"\nsdes_without_tls = true',
    "webrtc": 'srtp = "required"\nsrtp_keys = "dtls"\nice = true\nrtcp_mux = "require"',
}
"""Keys of a realm whose peers are of this kind."""


class Socket(Peer):
    """A phone's media socket on a side."""

    def __init__(self, rig: Rig, side: Side, port: int, peer: int = 0) -> None:
        self.host = side.peers[peer]
        self.port = port
        with entered(rig.network.namespace_of(side.name)):
            self.rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.rtcp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.rtp.bind((self.host, port))
        self.rtcp.bind((self.host, port + 1))


class End:
    """One end. `moves` is whether it can leave its address in mid-call."""

    moves = True

    def offer(self, direction: str = "sendrecv") -> str:
        """A description of its own will."""
        raise NotImplementedError

    def answer(self, offer: str, direction: str = "sendrecv") -> str:
        """Its answer; it speaks to whom the offer names."""
        raise NotImplementedError

    def take_answer(self, answer: str) -> None:
        """What its offer was answered with."""
        raise NotImplementedError

    def listen_anew(self) -> None:
        """Forget what was heard."""
        raise NotImplementedError

    def hears(self, timeout: float = LONGEST) -> bool:
        """Whether the other end's tone was recognised since."""
        raise NotImplementedError

    def move(self) -> None:
        """Speak and listen elsewhere from now on; nobody knows yet."""
        raise NotImplementedError

    def close(self) -> None:
        """Fall silent."""
        raise NotImplementedError


class PlainPhone(End):
    """RTP in clear."""

    profile = "RTP/AVP"

    def __init__(self, rig: Rig, side: Side, *, plays: float, awaits: float, voice: Voice = PCMA) -> None:
        self.rig, self.side, self.voice = rig, side, voice
        self.tones = (plays, awaits)
        self.port = 17000 if side.name == "outside" else 18000
        self.version = 0
        self._sockets: list[Socket] = []
        self._talkers: list[Talker] = []
        self._place(0)

    def _place(self, peer: int) -> None:
        self._sockets.append(Socket(self.rig, self.side, self.port + 100 * len(self._sockets), peer))
        plays, awaits = self.tones
        self._talkers.append(
            Talker(
                self._sockets[-1],
                self.voice,
                plays=plays,
                awaits=awaits,
                seal=self.seal,
                open_=self.open,
                sequence=self._talkers[-1].sequence + 10 if self._talkers else 0,
            )
        )

    def seal(self, packet: bytes) -> bytes:
        """As it goes out."""
        return packet

    def open(self, packet: bytes) -> bytes:
        """As it came in."""
        return packet

    def offer(self, direction: str = "sendrecv") -> str:
        self.version += 1
        return self.voice.sdp(
            self._sockets[-1], version=self.version, direction=direction, profile=self.profile
        ).decode()

    def answer(self, offer: str, direction: str = "sendrecv") -> str:
        self.take_answer(offer)
        return self.offer(direction)

    def take_answer(self, answer: str) -> None:
        port = re.search(r"^m=audio (\d+)", answer, re.MULTILINE)
        host = re.search(r"^c=IN IP4 (\S+)", answer, re.MULTILINE)
        assert port
        assert host
        assert f" {self.profile} " in answer
        self._talkers[-1].send_to(int(port[1]), host[1])

    def listen_anew(self) -> None:
        self._talkers[-1].listen_anew()

    def hears(self, timeout: float = LONGEST) -> bool:
        return self._talkers[-1].hears(timeout)

    def move(self) -> None:
        self._talkers[-1].send_to(0)
        self._place(1)

    def press(self, payload_type: int, event: int) -> None:
        """A key for 160 ms (RFC 4733 section 2.5), in the place of the tone meanwhile."""
        talker, sock = self._talkers[-1], self._sockets[-1]
        host, port = talker.destination
        talker.send_to(0)
        time.sleep(0.05)
        stamp = (talker.sequence * self.voice.step).to_bytes(4, "big")
        for number in range(1, 11):
            is_end = number > 7
            length = min(number, 8) * 160
            head = bytes([0x80, payload_type | (0x80 if number == 1 else 0)])
            body = bytes([event, 0x8A if is_end else 0x0A]) + length.to_bytes(2, "big")
            packet = head + (talker.sequence & 0xFFFF).to_bytes(2, "big") + stamp + b"tone" + body
            talker.sequence += 1
            sock.rtp.sendto(self.seal(packet), (host, port))
            time.sleep(0.02)
        talker.send_to(port, host)

    def close(self) -> None:
        for talker in self._talkers:
            talker.close()
        for sock in self._sockets:
            sock.close()


class SdesPhone(PlainPhone):
    """SRTP with its key in SDP (RFC 4568): the two suites that every phone has, the same keys from one description to
    the next, and once a suite is agreed that one alone."""

    profile = "RTP/SAVP"

    def __init__(self, rig: Rig, side: Side, *, plays: float, awaits: float, voice: Voice = PCMA) -> None:
        self._keys: Final = {suite: secrets.token_bytes(30) for suite in _SUITES}
        self._lines = dict(enumerate(_SUITES, 1))
        """Tag to suite, as they are shown next."""
        self._out: pylibsrtp.Session | None = None
        self._in: pylibsrtp.Session | None = None
        self._theirs = ("", "")
        super().__init__(rig, side, plays=plays, awaits=awaits, voice=voice)

    def seal(self, packet: bytes) -> bytes:
        assert self._out is not None
        return self._out.protect(packet)

    def open(self, packet: bytes) -> bytes:
        if self._in is None:
            raise pylibsrtp.Error("no key yet")
        return self._in.unprotect(packet)

    def offer(self, direction: str = "sendrecv") -> str:
        text = super().offer(direction)
        for tag, suite in self._lines.items():
            text += f"a=crypto:{tag} {suite} inline:{base64.b64encode(self._keys[suite]).decode()}\r\n"
        return text

    def take_answer(self, answer: str) -> None:
        tag, suite, key = next(found for found in _CRYPTO.findall(answer) if found[1] in _SUITES)
        self._lines = {int(tag): suite}
        if (suite, key) != self._theirs:
            profile = _SUITES[suite]
            if suite != self._theirs[0]:
                own = pylibsrtp.Policy(self._keys[suite], pylibsrtp.Policy.SSRC_ANY_OUTBOUND, 0, profile)
                self._out = pylibsrtp.Session(own)
            self._theirs = (suite, key)
            raw = base64.b64decode(key + "=" * (-len(key) % 4))
            self._in = pylibsrtp.Session(pylibsrtp.Policy(raw, pylibsrtp.Policy.SSRC_ANY_INBOUND, 0, profile))
        super().take_answer(answer)


class Browser(End):
    """DTLS-SRTP with ICE: a WebRTC peer with a loop and a thread of its own in the side's namespace."""

    moves = False
    _here: Final = threading.local()

    def __init__(self, rig: Rig, side: Side, *, plays: float, awaits: float) -> None:
        self._awaits = awaits
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(rig, side), daemon=True)
        self._thread.start()
        self._peer = self._do(self._make(plays, awaits))

    @classmethod
    def address(cls) -> str:
        """Where the browser of this thread gathers."""
        return str(cls._here.host)

    def _run(self, rig: Rig, side: Side) -> None:
        with entered(rig.network.namespace_of(side.name)):
            self._here.host = side.peers[0]
            self._loop.run_forever()

    async def _make(self, plays: float, awaits: float) -> WebRtcPeer:
        return WebRtcPeer(plays=plays, awaits=awaits)

    def _do(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(LONGEST)

    def offer(self, direction: str = "sendrecv") -> str:
        self._peer.hold(is_on=direction == "sendonly")
        return self._do(self._peer.offer()).decode()

    def answer(self, offer: str, direction: str = "sendrecv") -> str:
        return self._do(self._peer.answer(offer.encode())).decode()

    def take_answer(self, answer: str) -> None:
        self._do(self._peer.take_answer(answer.encode()))

    def listen_anew(self) -> None:
        self._peer.ear = Ear(self._awaits)

    def hears(self, timeout: float = LONGEST) -> bool:
        return self._peer.ear.has_heard.wait(timeout)

    def close(self) -> None:
        self._do(self._peer.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()


def end_of(kind: str, rig: Rig, side: Side, *, plays: float, awaits: float, voice: Voice = PCMA) -> End:
    """An end of this kind: `plain`, `sdes` or `webrtc`."""
    if kind == "webrtc":
        return Browser(rig, side, plays=plays, awaits=awaits)
    made = SdesPhone if kind == "sdes" else PlainPhone
    return made(rig, side, plays=plays, awaits=awaits, voice=voice)
