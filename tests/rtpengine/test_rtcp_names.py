"""What RTCP tells of a peer (RFC 3550 section 6.5) stays on its side, with the options that the media session sends."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest

from rtpengine import Answer, Delete, Offer
from sbc.config import Media
from sbc.media import MediaSession, Side
from tests.rtpengine import engines
from tests.rtpengine.engines import HOST, EngineUnderTest, Peer, heard, media_ports, rtp_packet

pytestmark = pytest.mark.interop

NAME, TOOL = b"alice@10.20.0.5", b"SecretPBX 1.2"
SSRC = b"near"


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineUnderTest]:
    """Each of the two."""
    start = engines.embedded if request.param == "embedded" else engines.real
    with start() as running:
        yield running


def report() -> bytes:
    """A sender report, then CNAME and TOOL."""
    stamp = (int(time.time()) + 2208988800) & 0xFFFFFFFF
    sender = b"\x80\xc8\x00\x06" + SSRC + stamp.to_bytes(4, "big") + bytes(4) + bytes(11) + b"\x05"
    items = SSRC + bytes([1, len(NAME)]) + NAME + bytes([6, len(TOOL)]) + TOOL
    items += bytes(4 - len(items) % 4)
    return sender + bytes([0x81, 202]) + (len(items) // 4).to_bytes(2, "big") + items


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_names_and_tools_in_reports_do_not_cross(engine: EngineUnderTest, kind: str) -> None:
    """The listener gets reports all the same, with a name of the engine's; of video where its feedback is to end."""
    near, far = Peer(), Peer()
    media = MediaSession("anchor", secrets.token_hex(8), ("a", "b"), ("", ""))
    media.heed(Media(ends_feedback=kind == "video"))
    offer = media.offer(Side.A, near.sdp().replace(b"m=audio", b"m=" + kind.encode()))
    assert isinstance(offer, Offer)
    media.reply(engine.ask(offer))
    answer = media.answer(Side.B, far.sdp().replace(b"m=audio", b"m=" + kind.encode()))
    assert isinstance(answer, Answer)
    port = media_ports(media.reply(engine.ask(answer)))[0]
    got: list[bytes] = []
    for number in range(400):
        near.rtp.sendto(rtp_packet(number, ssrc=int.from_bytes(SSRC, "big")), (HOST, port))
        if number % 40 == 0:
            near.rtcp.sendto(report(), (HOST, port + 1))
        packet = heard(far.rtcp, 0.02)
        if packet is not None:
            got.append(packet)
            if number > 100:
                break
    engine.ask(Delete(media.call_id))
    near.close()
    far.close()
    assert got
    assert all(NAME not in packet and TOOL not in packet for packet in got)
    assert any(packet[1] == 200 and packet[4:8] == SSRC for packet in got), "no report came"


def test_audio_crosses_under_numbers_of_the_engines_where_it_is_asked_to() -> None:
    """SSRC, sequence numbers and timestamps: the payload alone is known again, and who follows goes on counting."""
    near, far = Peer(), Peer()
    media = MediaSession("anchor", secrets.token_hex(8), ("a", "b"), ("", ""))
    media.heed(Media(has_own_streams=True))
    with engines.embedded() as embedded:
        offer = media.offer(Side.A, near.sdp())
        assert isinstance(offer, Offer)
        media.reply(embedded.ask(offer))
        answer = media.answer(Side.B, far.sdp())
        assert isinstance(answer, Answer)
        port = media_ports(media.reply(embedded.ask(answer)))[0]
        got: list[bytes] = []
        for number, ssrc in ((700, 1), (701, 1), (31000, 2), (31001, 2)):
            near.rtp.sendto(rtp_packet(number, payload=bytes([number & 255]) * 160, ssrc=ssrc), (HOST, port))
            packet = heard(far.rtp)
            assert packet is not None
            got.append(packet)
    near.close()
    far.close()
    first = int.from_bytes(got[0][2:4], "big")
    assert [(int.from_bytes(one[2:4], "big") - first) & 0xFFFF for one in got] == [0, 1, 2, 3]
    (ours,) = {int.from_bytes(one[8:12], "big") for one in got}
    assert ours not in (1, 2)
    assert [one[12] for one in got] == [700 & 255, 701 & 255, 31000 & 255, 31001 & 255]
