"""RTP on one side, DTLS-SRTP with ICE on the other, against an independent WebRTC peer; on both engines."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Iterator

import pytest

from rtpengine import Answer, Delete, Flag, Ice, Offer, Options, Replace, RtcpMux
from tests.rtpengine import engines
from tests.rtpengine.engines import EngineUnderTest, Peer, media_ports
from tests.rtpengine.voices import Talker
from tests.rtpengine.webrtc import WebRtcPeer, gathering_on_loopback, heard

pytestmark = pytest.mark.interop

NEAR, FAR = 440.0, 1000.0

FLAGS = (Flag.STRICT_SOURCE, Flag.PORT_LATCHING)
TO_PHONE = Options(
    flags=(*FLAGS, Flag.STRIP_EXTMAP, Flag.ORIGINAL_SENDRECV),
    replace=(Replace.ORIGIN, Replace.ZERO_ADDRESS),
    rtcp_mux=(RtcpMux.DEMUX,),
    ice=Ice.REMOVE,
    transport_protocol="RTP/AVP",
    dtls_reverse="passive",
)
TO_BROWSER = Options(
    flags=(*FLAGS, Flag.GENERATE_MID),
    replace=(Replace.ORIGIN,),
    rtcp_mux=(RtcpMux.OFFER, RtcpMux.REQUIRE),
    ice=Ice.FORCE,
    sdes=("off",),
    dtls="passive",
    transport_protocol="UDP/TLS/RTP/SAVPF",
)


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineUnderTest]:
    """Each of the two, once for the module."""
    start = engines.embedded if request.param == "embedded" else engines.real
    with start() as running:
        yield running


@pytest.fixture
def phone() -> Iterator[Peer]:
    """The side without keys."""
    peer = Peer()
    yield peer
    peer.close()


def test_browser_calls_a_phone(engine: EngineUnderTest, phone: Peer) -> None:
    """RFC 5763, 8445: each hears the other's tone; neither is shown the other's fingerprint or candidates."""

    async def talk() -> None:
        call_id = secrets.token_hex(8)
        browser = WebRtcPeer(plays=NEAR, awaits=FAR)
        speaker = Talker(phone, plays=FAR, awaits=NEAR)
        try:
            offer = await browser.offer()
            offered = engine.ask(Offer(call_id, "a", offer, options=TO_PHONE))
            offered.check()
            assert_plain(offered.sdp)
            speaker.send_to(media_ports(offered.sdp)[0])
            answered = engine.ask(Answer(call_id, "a", "b", phone.sdp(), options=Options(flags=FLAGS, ice=Ice.FORCE)))
            answered.check()
            assert b"a=setup:passive\r\n" in answered.sdp
            assert b"UDP/TLS/RTP/SAVPF" in answered.sdp
            await browser.take_answer(answered.sdp)
            assert await heard(browser.ear, speaker.ear)
        finally:
            speaker.close()
            await browser.close()
            engine.ask(Delete(call_id))

    with gathering_on_loopback():
        asyncio.run(talk())


def test_phone_calls_a_browser(engine: EngineUnderTest, phone: Peer) -> None:
    """The engine offers, is called upon to begin the handshake or not, and finds the peer by its checks."""

    async def talk() -> None:
        call_id = secrets.token_hex(8)
        browser = WebRtcPeer(plays=FAR, awaits=NEAR)
        speaker = Talker(phone, plays=NEAR, awaits=FAR)
        try:
            offered = engine.ask(Offer(call_id, "a", phone.sdp(), options=TO_BROWSER))
            offered.check()
            assert b"a=setup:actpass\r\n" in offered.sdp
            assert b"a=rtcp-mux\r\n" in offered.sdp
            assert len(re.findall(rb"a=candidate:", offered.sdp)) == 1
            answer = await browser.answer(offered.sdp)
            answered = engine.ask(
                Answer(
                    call_id,
                    "a",
                    "b",
                    answer,
                    options=Options(flags=(*FLAGS, Flag.STRIP_EXTMAP), replace=(Replace.ORIGIN,), ice=Ice.REMOVE),
                )
            )
            answered.check()
            assert_plain(answered.sdp)
            speaker.send_to(media_ports(answered.sdp)[0])
            assert await heard(browser.ear, speaker.ear)
        finally:
            speaker.close()
            await browser.close()
            engine.ask(Delete(call_id))

    with gathering_on_loopback():
        asyncio.run(talk())


def assert_plain(sdp: bytes) -> None:
    """Nothing of ICE, DTLS or the other side's ports."""
    assert b" RTP/AVP " in sdp
    for word in (b"a=ice-", b"a=candidate", b"fingerprint", b"setup:", b"BUNDLE", b"extmap"):
        assert word not in sdp
