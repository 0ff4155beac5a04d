"""Listeners and publishers, on both engines, judged by what is heard."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from rtpengine import (
    Delete,
    Publish,
    Query,
    Selector,
    SubscribeAnswer,
    SubscribeRequest,
    Unsubscribe,
    read_session,
)
from tests.rtpengine import engines
from tests.rtpengine.engines import (
    HOST,
    SILENCE,
    Conversation,
    EngineUnderTest,
    Peer,
    heard,
    media_ports,
    rtp_packet,
)

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineUnderTest]:
    """Each of the two, once for the module."""
    start = engines.embedded if request.param == "embedded" else engines.real
    with start() as running:
        yield running


@pytest.fixture
def peers() -> Iterator[tuple[Peer, Peer, Peer]]:
    """Caller, callee, and somebody who listens."""
    made = (Peer(), Peer(), Peer())
    yield made
    for peer in made:
        peer.close()


def answer(peer: Peer) -> bytes:
    """The listener's."""
    return peer.sdp(direction="recvonly")


def test_listener_hears_the_party_it_asked_for_and_nobody_hears_the_listener(
    engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer]
) -> None:
    """A copy, beside the call and not instead of it; gone when the listener leaves."""
    caller, callee, listener = peers
    call = Conversation(engine, caller, callee)
    assert call.crosses(caller, callee, rtp_packet(1))
    reply = engine.ask(SubscribeRequest(call.call_id, Selector(from_tag="a"), "listener"))
    reply.check()
    assert b"a=sendonly\r\n" in reply.sdp
    assert reply.body["to-tag"] == b"listener"
    engine.ask(SubscribeAnswer(call.call_id, "listener", answer(listener))).check()
    assert call.crosses(caller, callee, rtp_packet(2))
    assert heard(listener.rtp) == rtp_packet(2)
    assert call.crosses(callee, caller, rtp_packet(3, ssrc=0x22222222))
    assert heard(listener.rtp, SILENCE) is None
    listener.rtp.sendto(rtp_packet(4, ssrc=0x33333333), (HOST, media_ports(reply.sdp)[0]))
    assert heard(caller.rtp, SILENCE) is None
    assert heard(callee.rtp, SILENCE) is None
    session = read_session(engine.ask(Query(call.call_id)))
    assert session.party("listener") is not None
    engine.ask(Unsubscribe(call.call_id, "listener")).check()
    assert call.crosses(caller, callee, rtp_packet(5))
    assert heard(listener.rtp, SILENCE) is None
    call.end()


def test_recorder_is_offered_a_stream_for_each_party(engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer]) -> None:
    """RFC 7866 section 6: an m-line each, with the label that the reply explains."""
    caller, callee, _ = peers
    call = Conversation(engine, caller, callee)
    reply = engine.ask(SubscribeRequest(call.call_id, Selector(everybody=True), "recorder", is_siprec=True))
    reply.check()
    assert len(media_ports(reply.sdp)) == 2
    labels = reply.body["media-labels"]
    assert isinstance(labels, dict)
    assert all(f"a=label:{label}\r\n".encode() in reply.sdp for label in labels)
    assert reply.body["from-tags"] == [b"a", b"b"]
    call.end()
    engine.ask(Delete(call.call_id))


def test_publisher_is_heard_by_who_subscribes(engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer]) -> None:
    """One codec is picked, and nothing is sent back."""
    publisher, _, listener = peers
    call_id = secrets.token_hex(8)
    published = engine.ask(Publish(call_id, "p", publisher.sdp(direction="sendonly")))
    published.check()
    assert b"a=recvonly\r\n" in published.sdp
    reply = engine.ask(SubscribeRequest(call_id, Selector(from_tag="p"), "listener"))
    reply.check()
    engine.ask(SubscribeAnswer(call_id, "listener", answer(listener))).check()
    publisher.rtp.sendto(rtp_packet(1), (HOST, media_ports(published.sdp)[0]))
    assert heard(listener.rtp) == rtp_packet(1)
    assert heard(publisher.rtp, SILENCE) is None
    engine.ask(Delete(call_id))


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (SubscribeRequest("nobody", Selector(from_tag="a")), "Unknown call-ID"),
        (SubscribeAnswer("nobody", "x", b"v=0\r\n"), "Unknown call-ID"),
        (Unsubscribe("nobody", "x"), "Unknown call-ID"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_unknown_call_is_refused(engine: EngineUnderTest, command: Unsubscribe, reason: str) -> None:
    """In this spelling."""
    assert engine.ask(command).error_reason == reason


def test_nobody_to_listen_to_is_refused(engine: EngineUnderTest, peers: tuple[Peer, Peer, Peer]) -> None:
    """A selector that matches no party, and a listener that was never asked for."""
    call = Conversation(engine, *peers[:2])
    reply = engine.ask(SubscribeRequest(call.call_id, Selector()))
    assert reply.error_reason == "No monologues matched"
    reply = engine.ask(SubscribeAnswer(call.call_id, "x", answer(peers[2])))
    assert reply.error_reason == "To-tag not found"
    call.end()
