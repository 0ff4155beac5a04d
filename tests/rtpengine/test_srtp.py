"""SRTP with SDES keys (RFC 4568), ended on each leg: one suite for both engines, real packets through libsrtp."""

from __future__ import annotations

import base64
import re
import secrets
from collections.abc import Iterator
from typing import Final

import pylibsrtp
import pytest

from rtpengine import NO_WEAK_SUITES, Answer, Delete, EndpointLearning, Flag, Ice, Offer, Options, Osrtp
from tests.rtpengine import engines
from tests.rtpengine.engines import (
    HOST,
    SILENCE,
    EngineUnderTest,
    Peer,
    heard,
    media_ports,
    rtcp_packet,
    rtp_packet,
)

pytestmark = pytest.mark.interop

PROFILE: Final = pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80
SUITES: Final = {
    "AES_CM_128_HMAC_SHA1_80": (PROFILE, 30),
    "AES_CM_128_HMAC_SHA1_32": (pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32, 30),
    "AEAD_AES_128_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM, 28),
    "AEAD_AES_256_GCM": (pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM, 44),
}
USUAL: Final = "AES_CM_128_HMAC_SHA1_80"
CRYPTO: Final = re.compile(rb"^a=crypto:(\d+) (\S+) inline:([^\s|]+)\r?$", re.MULTILINE)


def options(protocol: str = "", *osrtp: Osrtp) -> Options:
    """What the media session sends, toward a leg of this profile."""
    return Options(
        flags=(Flag.STRICT_SOURCE, Flag.PORT_LATCHING),
        endpoint_learning=EndpointLearning.HEURISTIC,
        ice=Ice.REMOVE,
        transport_protocol=protocol,
        sdes=NO_WEAK_SUITES,
        osrtp=osrtp,
        dtls="off",
    )


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineUnderTest]:
    """Each of the two, once for the module."""
    start = engines.embedded if request.param == "embedded" else engines.real
    with start() as running:
        yield running


class SecurePeer(Peer):
    """A peer with a key of its own, and the engine's once it has been told."""

    def __init__(self, suite: str = USUAL) -> None:
        super().__init__()
        self.suite = suite
        self.rekey()

    def rekey(self) -> None:
        """Another key."""
        profile, length = SUITES[self.suite]
        self.key = secrets.token_bytes(length)
        self._out = pylibsrtp.Session(pylibsrtp.Policy(self.key, pylibsrtp.Policy.SSRC_ANY_OUTBOUND, 0, profile))

    def crypto(self, tag: int = 1) -> str:
        """The attribute line."""
        return f"a=crypto:{tag} {self.suite} inline:{base64.b64encode(self.key).decode()}\r\n"

    def secure_sdp(self, profile: str = "RTP/SAVP", *, tag: int = 1) -> bytes:
        """One audio line with the key."""
        return self.sdp(extra=self.crypto(tag)).replace(b"RTP/AVP", profile.encode())

    def learn(self, sdp: bytes) -> int:
        """The engine's key for our suite; its tag."""
        for tag, suite, key in CRYPTO.findall(sdp):
            if suite.decode() == self.suite:
                raw = base64.b64decode(key + b"=" * (-len(key) % 4))
                policy = pylibsrtp.Policy(raw, pylibsrtp.Policy.SSRC_ANY_INBOUND, 0, SUITES[self.suite][0])
                self._in = pylibsrtp.Session(policy)
                return int(tag)
        raise AssertionError(f"{self.suite} is not in {sdp!r}")

    def seal(self, packet: bytes) -> bytes:
        """An RTP packet as it goes out."""
        return self._out.protect(packet)

    def open(self, packet: bytes) -> bytes:
        """An RTP packet that came in."""
        return self._in.unprotect(packet)

    def send(self, packet: bytes, port: int, *, rtcp: bool = False) -> bytes:
        """Seal and send."""
        sealed = self._out.protect_rtcp(packet) if rtcp else self._out.protect(packet)
        (self.rtcp if rtcp else self.rtp).sendto(sealed, (HOST, port))
        return sealed

    def hears(self, *, rtcp: bool = False) -> bytes | None:
        """The next packet, opened."""
        sealed = heard(self.rtcp if rtcp else self.rtp)
        if sealed is None:
            return None
        return self._in.unprotect_rtcp(sealed) if rtcp else self._in.unprotect(sealed)


@pytest.fixture
def plain() -> Iterator[Peer]:
    """A peer without keys."""
    peer = Peer()
    yield peer
    peer.close()


@pytest.fixture
def secure() -> Iterator[SecurePeer]:
    """A peer with keys."""
    peer = SecurePeer()
    yield peer
    peer.close()


def _call_id() -> str:
    return f"srtp-{secrets.token_hex(6)}"


@pytest.mark.parametrize("suite", SUITES)
def test_plain_caller_and_secure_callee_hear_each_other(engine: EngineUnderTest, plain: Peer, suite: str) -> None:
    """RTP in clear here, SRTP there, RTCP as well; the answer goes back plain."""
    callee, call_id = SecurePeer(suite), _call_id()
    offered = engine.ask(Offer(call_id, "a", plain.sdp(), options=options("RTP/SAVP"))).sdp
    assert b"RTP/SAVP " in offered
    assert b"NULL_" not in offered
    assert b"F8_" not in offered
    tag = callee.learn(offered)
    answered = engine.ask(Answer(call_id, "a", "b", callee.secure_sdp(tag=tag), options=options())).sdp
    assert b"RTP/AVP " in answered
    assert b"crypto" not in answered
    to_callee, to_caller = media_ports(offered)[0], media_ports(answered)[0]
    plain.rtp.sendto(rtp_packet(1), (HOST, to_caller))
    assert callee.hears() == rtp_packet(1)
    sealed = callee.send(rtp_packet(9, ssrc=2), to_callee)
    assert rtp_packet(9, ssrc=2)[12:] not in sealed
    assert heard(plain.rtp) == rtp_packet(9, ssrc=2)
    callee.send(rtcp_packet(2), to_callee + 1, rtcp=True)
    assert heard(plain.rtcp) == rtcp_packet(2)
    plain.rtcp.sendto(rtcp_packet(), (HOST, to_caller + 1))
    assert callee.hears(rtcp=True) == rtcp_packet()
    engine.ask(Delete(call_id))
    callee.close()


def test_secure_caller_gets_its_suite_and_tag_back(engine: EngineUnderTest, plain: Peer, secure: SecurePeer) -> None:
    """RFC 4568 section 5.1.2: the answer repeats the tag; the key in it is ours, not the caller's."""
    call_id = _call_id()
    offered = engine.ask(Offer(call_id, "a", secure.secure_sdp(tag=7), options=options("RTP/AVP"))).sdp
    assert b"RTP/AVP " in offered
    assert b"crypto" not in offered
    answered = engine.ask(Answer(call_id, "a", "b", plain.sdp(), options=options())).sdp
    assert b"RTP/SAVP " in answered
    assert secure.learn(answered) == 7
    assert base64.b64encode(secure.key).rstrip(b"=") not in answered
    secure.send(rtp_packet(1), media_ports(answered)[0])
    assert heard(plain.rtp) == rtp_packet(1)
    plain.rtp.sendto(rtp_packet(2), (HOST, media_ports(offered)[0]))
    assert secure.hears() == rtp_packet(2)
    engine.ask(Delete(call_id))


def test_two_secure_legs_with_different_suites(engine: EngineUnderTest, secure: SecurePeer) -> None:
    """Each leg has its own keys. What the caller offered is left out toward the callee: 10.5.3 would show its key."""
    callee, call_id = SecurePeer("AES_CM_128_HMAC_SHA1_32"), _call_id()
    wanted = options("RTP/SAVP")
    offered = engine.ask(Offer(call_id, "a", secure.secure_sdp(), options=wanted)).sdp
    tag = callee.learn(offered)
    answered = engine.ask(Answer(call_id, "a", "b", callee.secure_sdp(tag=tag), options=options())).sdp
    assert base64.b64encode(callee.key).rstrip(b"=") not in answered
    secure.learn(answered)
    secure.send(rtp_packet(1), media_ports(answered)[0])
    assert callee.hears() == rtp_packet(1)
    callee.send(rtp_packet(2), media_ports(offered)[0])
    assert secure.hears() == rtp_packet(2)
    engine.ask(Delete(call_id))
    callee.close()


def test_opportunistic_caller_is_secured_though_the_callee_is_plain(
    engine: EngineUnderTest, plain: Peer, secure: SecurePeer
) -> None:
    """RFC 8643: crypto lines under RTP/AVP, accepted on behalf of a callee that has none."""
    call_id = _call_id()
    offered = engine.ask(Offer(call_id, "a", secure.secure_sdp("RTP/AVP"), options=options("RTP/AVP"))).sdp
    assert b"crypto" not in offered
    answered = engine.ask(Answer(call_id, "a", "b", plain.sdp(), options=options("", Osrtp.ACCEPT))).sdp
    assert b"RTP/AVP " in answered
    secure.learn(answered)
    secure.send(rtp_packet(1), media_ports(answered)[0])
    assert heard(plain.rtp) == rtp_packet(1)
    engine.ask(Delete(call_id))


@pytest.mark.parametrize("accepts", [True, False])
def test_opportunistic_offer_may_be_declined(
    engine: EngineUnderTest, plain: Peer, secure: SecurePeer, accepts: bool
) -> None:
    """RFC 8643 section 3.1: an answer without a crypto line is plain RTP."""
    call_id = _call_id()
    offered = engine.ask(Offer(call_id, "a", plain.sdp(), options=options("RTP/AVP", Osrtp.OFFER))).sdp
    tag = secure.learn(offered)
    answer = secure.secure_sdp("RTP/AVP", tag=tag) if accepts else secure.sdp()
    answered = engine.ask(Answer(call_id, "a", "b", answer, options=options())).sdp
    assert b"crypto" not in answered
    plain.rtp.sendto(rtp_packet(1), (HOST, media_ports(answered)[0]))
    assert (secure.hears() if accepts else heard(secure.rtp)) == rtp_packet(1)
    engine.ask(Delete(call_id))


def test_refresh_keeps_the_keys_and_a_new_key_is_taken_up(
    engine: EngineUnderTest, plain: Peer, secure: SecurePeer
) -> None:
    """RFC 4568 section 7.1.4: an unchanged offer restarts nothing, a changed key counts from the answer on."""
    call_id = _call_id()
    for number in range(3):
        if number == 2:
            secure.rekey()
        to_tag = "b" if number else ""
        engine.ask(Offer(call_id, "a", secure.secure_sdp(), to_tag=to_tag, options=options("RTP/AVP"))).check()
        answered = engine.ask(Answer(call_id, "a", "b", plain.sdp(), options=options())).sdp
        if number == 0:
            secure.learn(answered)
            first = CRYPTO.findall(answered)
        elif number == 1:
            assert CRYPTO.findall(answered) == first
        secure.send(rtp_packet(number + 1), media_ports(answered)[0])
        assert heard(plain.rtp) == rtp_packet(number + 1)
    engine.ask(Delete(call_id))


def test_forged_packets_go_nowhere(engine: EngineUnderTest, plain: Peer, secure: SecurePeer) -> None:
    """RFC 3711 section 3.4: in clear or altered, from the right address; and, embedded only, a second time (3.3.2),
    which 10.5.3 forwards."""
    call_id = _call_id()
    engine.ask(Offer(call_id, "a", secure.secure_sdp(), options=options("RTP/AVP"))).check()
    answered = engine.ask(Answer(call_id, "a", "b", plain.sdp(), options=options())).sdp
    port = media_ports(answered)[0]
    sealed = secure.send(rtp_packet(1), port)
    assert heard(plain.rtp) == rtp_packet(1)
    repeated = [sealed] if engine.name == "embedded" else []
    for bad in (*repeated, rtp_packet(2), sealed[:-1] + bytes([sealed[-1] ^ 1]), sealed[:11], b"\x80"):
        secure.rtp.sendto(bad, (HOST, port))
    assert heard(plain.rtp, SILENCE) is None
    secure.send(rtp_packet(3), port)
    assert heard(plain.rtp) == rtp_packet(3)
    engine.ask(Delete(call_id))
