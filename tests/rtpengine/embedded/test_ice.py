"""ICE-lite: who gets an answer, and whose address is believed."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pytest
from aioice import stun
from hypothesis import given
from hypothesis import strategies as st

from rtpengine import Answer, Ice, Offer, Options
from rtpengine.embedded.channel import Channel
from rtpengine.embedded.ice import IceAgent
from rtpengine.embedded.stream import Stream
from tests.rtpengine.embedded.kit import Bench, sdp
from tests.rtpengine.engines import media_ports, rtp_packet

PEER = ("192.0.2.9", 5000)
STRANGER = ("192.0.2.66", 6666)
CREDENTIALS = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n"


def check(ufrag: str, password: str, *, nominates: bool = True, priority: int = 100, remote: str = "abcd") -> bytes:
    """A peer's binding request."""
    message = stun.Message(
        stun.Method.BINDING, stun.Class.REQUEST, attributes={"USERNAME": f"{ufrag}:{remote}", "PRIORITY": priority}
    )
    if nominates:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(password.encode())
    return bytes(message)


@pytest.fixture
def agent() -> IceAgent:
    """Ours, knowing its peer."""
    agent = IceAgent()
    agent.hear("abcd", "abcdefghijklmnopqrstuvwx", is_offer=True)
    return agent


def test_signed_check_is_answered_with_the_address_it_came_from(agent: IceAgent) -> None:
    """RFC 8445 section 7.3.1: XOR-MAPPED-ADDRESS, signed with the same password."""
    found = agent.check(check(agent.ufrag, agent.password), PEER)
    assert found is not None
    assert found.is_nomination
    reply = stun.parse_message(found.reply)
    assert reply.attributes["XOR-MAPPED-ADDRESS"] == PEER
    assert reply.check_message_integrity(agent.password.encode())


def test_whoever_cannot_sign_gets_no_answer(agent: IceAgent) -> None:
    """Not even an error: a stranger learns nothing and multiplies nothing."""
    good = check(agent.ufrag, agent.password)
    for data in (
        check(agent.ufrag, "wrong"),
        check("other", agent.password),
        check(agent.ufrag, agent.password, remote="other"),
        good[:-1],
        good[:30],
        b"\x00\x01\x00\x04!\x12\xa4B" + bytes(12) + b"\x00\x24\x00\x01",
        b"\x00",
    ):
        assert agent.check(data, STRANGER) is None


def test_offer_with_other_credentials_renews_ours(agent: IceAgent) -> None:
    """RFC 8445 section 9: an ICE restart is answered with fresh credentials; the same ones change nothing."""
    before = agent.ufrag
    assert not agent.hear("abcd", "abcdefghijklmnopqrstuvwx", is_offer=True)
    assert agent.ufrag == before
    assert agent.hear("efgh", "abcdefghijklmnopqrstuvwx", is_offer=True)
    assert agent.ufrag != before


@pytest.fixture
def bench() -> Iterator[Bench]:
    """An engine without a network."""
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture
def stream(bench: Bench) -> Stream:
    """The one that faces a caller who speaks ICE, answered."""
    bench.ask(Offer("c", "a", sdp(extra=CREDENTIALS), options=Options(ice=Ice.REMOVE))).check()
    answered = bench.ask(Answer("c", "a", "b", sdp("192.0.2.2"), options=Options(ice=Ice.FORCE)))
    assert b"a=ice-lite\r\n" in answered.sdp
    assert answered.sdp.count(b"a=candidate:") == 2
    return bench.stream(media_ports(answered.sdp)[0])


def credentials(stream: Stream) -> tuple[str, str]:
    """What the peer was shown."""
    assert isinstance(stream.channel, Channel)
    assert stream.channel.ice is not None
    return stream.channel.ice.ufrag, stream.channel.ice.password


def test_media_goes_nowhere_before_a_path_is_nominated(stream: Stream) -> None:
    """Neither to the default address nor to whoever sends first."""
    assert stream.remote is None
    assert not stream.admit(("192.0.2.1", 4000), 1000.0)
    assert not stream.admit(STRANGER, 1010.0)


def test_nominated_path_is_taken_and_others_are_not(stream: Stream) -> None:
    """RFC 8445 section 8: the pair that the controlling peer picks, the better one where it picks twice."""
    assert stream.channel is not None
    ufrag, password = credentials(stream)
    assert stream.channel.receive(check(ufrag, password, priority=200), PEER, 1000.0)
    assert (stream.remote, stream.agreed) == (PEER, PEER)
    assert stream.channel.receive(check(ufrag, password, priority=10), STRANGER, 1000.1)
    assert stream.remote == PEER
    assert not stream.channel.receive(check(ufrag, "wrong"), ("192.0.2.77", 1), 1000.2)
    assert not stream.admit(("192.0.2.77", 1), 1010.0)


def test_refresh_keeps_the_path(bench: Bench, stream: Stream) -> None:
    """A re-offer with the same credentials must not cut the audio off."""
    assert stream.channel is not None
    ufrag, password = credentials(stream)
    stream.channel.receive(check(ufrag, password), PEER, 1000.0)
    options = Options(ice=Ice.REMOVE)
    bench.ask(Offer("c", "a", sdp(extra=CREDENTIALS), to_tag="b", options=options)).check()
    assert stream.remote == PEER
    bench.ask(Answer("c", "a", "b", sdp("192.0.2.2"), options=Options(ice=Ice.FORCE))).check()
    assert (stream.remote, stream.agreed) == (PEER, PEER)
    assert credentials(stream) == (ufrag, password)


def test_answer_without_ice_falls_back_to_latching(bench: Bench) -> None:
    """A callee that was offered ICE and does not know it is a plain peer."""
    offered = bench.ask(Offer("c", "a", sdp(), options=Options(ice=Ice.FORCE)))
    assert b"a=ice-ufrag:" in offered.sdp
    bench.ask(Answer("c", "a", "b", sdp("192.0.2.2"))).check()
    stream = bench.stream(media_ports(offered.sdp)[0])
    assert stream.channel is None
    assert stream.admit(("192.0.2.2", 4000), bench.now)


def test_datagrams_that_are_neither_rtp_nor_a_handshake_are_refused(stream: Stream) -> None:
    """RFC 7983: bytes 4 to 19 and 64 to 127 belong to nobody here."""
    assert stream.channel is not None
    assert not stream.channel.receive(b"\x40" + rtp_packet(1), PEER, 1000.0)
    assert not stream.channel.receive(b"\x16\xfe\xfd" + bytes(40), PEER, 1000.0)


@given(st.lists(st.tuples(st.integers(0, 0x30) | st.integers(0x8020, 0x8030), st.binary(max_size=24)), max_size=6))
def test_no_attributes_raise(attributes: list[tuple[int, bytes]]) -> None:
    """Anybody can send them, before anything is known of the sender."""
    agent = IceAgent()
    body = b"".join(struct.pack("!HH", kind, len(value)) + value + bytes(-len(value) % 4) for kind, value in attributes)
    for kind in (0x0001, 0x0101, 0x0011, 0x0003, 0x3FFF):
        data = struct.pack("!HHI12s", kind, len(body), 0x2112A442, bytes(12)) + body
        assert agent.check(data, STRANGER) is None
        assert agent.check(data[:-1], STRANGER) is None
