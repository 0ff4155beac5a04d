"""Where the embedded engine is stricter with SRTP than 10.5.3, which carries these in clear or not at all."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator

import pytest

import rtpengine
from rtpengine import Answer, Delete, Offer, Result
from tests.rtpengine import engines
from tests.rtpengine.engines import HOST, SILENCE, EngineUnderTest, Peer, heard, media_ports, rtp_packet
from tests.rtpengine.test_srtp import USUAL, SecurePeer, options

pytestmark = pytest.mark.interop


def call_name() -> str:
    """Never used before."""
    return f"srtp-{secrets.token_hex(6)}"


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


@pytest.fixture(scope="module")
def only() -> Iterator[EngineUnderTest]:
    """The embedded one."""
    with engines.embedded() as running:
        yield running


def test_key_of_one_leg_is_never_shown_on_the_other(only: EngineUnderTest, secure: SecurePeer) -> None:
    """The caller's suite is offered on, with a key of ours."""
    offered = only.ask(Offer(call_name(), "a", secure.secure_sdp(), options=options("RTP/SAVP"))).sdp
    assert USUAL.encode() in offered
    assert base64.b64encode(secure.key).rstrip(b"=") not in offered


@pytest.mark.parametrize(
    "line",
    [
        "",
        "a=crypto:1 NULL_HMAC_SHA1_80 inline:{key}\r\n",
        "a=crypto:1 F8_128_HMAC_SHA1_80 inline:{key}\r\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^31|1:1\r\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}|2^20\r\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key} UNENCRYPTED_SRTP\r\n",
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:AAAA\r\n",
    ],
)
def test_secure_profile_without_a_usable_key_is_refused(only: EngineUnderTest, secure: SecurePeer, line: str) -> None:
    """RFC 4568 section 5.1.2: the stream must not be taken."""
    key = base64.b64encode(secure.key).decode()
    sdp = secure.sdp(extra=line.format(key=key)).replace(b"RTP/AVP", b"RTP/SAVP")
    reply = only.ask(Offer(call_name(), "a", sdp, options=options("RTP/AVP")))
    assert reply.result is Result.ERROR
    assert reply.error_reason == "No usable crypto suite"


@pytest.mark.parametrize("profile", ["RTP/AVP", "RTP/SAVP"])
def test_answer_that_gives_up_security_is_refused(only: EngineUnderTest, plain: Peer, profile: str) -> None:
    """A plain answer, or one without a key, to an offer of SAVP."""
    call_id = call_name()
    only.ask(Offer(call_id, "a", plain.sdp(), options=options("RTP/SAVP"))).check()
    answer = plain.sdp().replace(b"RTP/AVP", profile.encode())
    assert only.ask(Answer(call_id, "a", "b", answer, options=options())).result is Result.ERROR
    only.ask(Delete(call_id))


def test_first_packet_of_a_stranger_is_not_learnt(only: EngineUnderTest, plain: Peer, secure: SecurePeer) -> None:
    """The peer is behind a NAT: its SDP address is silent. What decides is the key, not who comes first."""
    stranger, call_id = Peer(), call_name()
    sdp = secure.secure_sdp().replace(b"IN IP4 127.0.0.1", b"IN IP4 192.0.2.77")
    only.ask(Offer(call_id, "a", sdp, options=options("RTP/AVP"))).check()
    answered = only.ask(Answer(call_id, "a", "b", plain.sdp(), options=options())).sdp
    secure.learn(answered)
    port = media_ports(answered)[0]
    for number in range(5):
        stranger.rtp.sendto(rtp_packet(number) + b"forged tag", (HOST, port))
    assert heard(plain.rtp, SILENCE) is None
    secure.send(rtp_packet(1), port)
    assert heard(plain.rtp) == rtp_packet(1)
    plain.rtp.sendto(rtp_packet(2), (HOST, media_ports(only.ask(_again(call_id, sdp)).sdp)[0]))
    assert secure.hears() == rtp_packet(2)
    assert heard(stranger.rtp, SILENCE) is None
    only.ask(Delete(call_id))
    stranger.close()


def _again(call_id: str, sdp: bytes) -> rtpengine.Command:
    return Offer(call_id, "a", sdp, to_tag="b", options=options("RTP/AVP"))
