"""Listeners and publishers without a network: what they leave behind."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtpengine import (
    Answer,
    Delete,
    Offer,
    Publish,
    Query,
    Selector,
    SubscribeAnswer,
    SubscribeRequest,
    Unsubscribe,
    read_session,
)
from rtpengine.embedded import Limits
from rtpengine.embedded.subscriptions import MAX_LISTENERS
from tests.rtpengine.embedded.kit import Bench, sdp

EVERYBODY = Selector(everybody=True)


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A call between a and b."""
    bench = Bench(limits=Limits(timeout=60, silent_timeout=3600))
    bench.ask(Offer("c", "a", sdp("192.0.2.1"))).check()
    bench.ask(Answer("c", "a", "b", sdp("192.0.2.2"))).check()
    yield bench
    bench.close()


def test_listener_names_no_party(bench: Bench) -> None:
    """Our address and ports, our origin; an m-line for each party."""
    reply = bench.ask(SubscribeRequest("c", EVERYBODY, "l"))
    assert reply.sdp.count(b"m=audio ") == 2
    assert b"192.0.2." not in reply.sdp
    assert bench.ports.count == 8


def test_listener_that_leaves_gives_its_ports_back(bench: Bench) -> None:
    """And asking again under the same tag begins anew."""
    for _ in range(3):
        bench.ask(SubscribeRequest("c", EVERYBODY, "l")).check()
    assert bench.ports.count == 8
    bench.ask(Unsubscribe("c", "l")).check()
    assert bench.ports.count == 4
    bench.ask(Unsubscribe("c", "l")).check()
    session = read_session(bench.ask(Query("c")))
    assert {party.tag for party in session.parties} == {"a", "b"}
    assert all(not media.copies for party in bench.engine.calls["c"].parties for media in party.media)


def test_party_of_the_call_is_no_listener(bench: Bench) -> None:
    """Its tag cannot be taken, nor can it be sent away."""
    assert bench.ask(SubscribeRequest("c", EVERYBODY, "a")).error_reason
    bench.ask(Unsubscribe("c", "a")).check()
    assert bench.ask(SubscribeAnswer("c", "a", sdp())).error_reason == "To-tag not found"
    assert bench.ports.count == 4


def test_listeners_are_bounded(bench: Bench) -> None:
    """Of one call."""
    for number in range(MAX_LISTENERS):
        bench.ask(SubscribeRequest("c", Selector(from_tag="a"), f"l{number}")).check()
    assert bench.ask(SubscribeRequest("c", Selector(from_tag="a"), "one more")).error_reason


@pytest.mark.parametrize(
    "answer",
    [sdp().replace(b"RTP/AVP 8", b"RTP/AVP 0"), sdp() + sdp()[sdp().index(b"m=") :], sdp().replace(b"/AVP", b"/SAVP")],
)
def test_answer_that_does_not_fit_is_refused(bench: Bench, answer: bytes) -> None:
    """Another codec, more m-lines, another profile."""
    bench.ask(SubscribeRequest("c", Selector(from_tag="a"), "l")).check()
    assert bench.ask(SubscribeAnswer("c", "l", answer)).error_reason == "Failed to process subscription answer"


def test_listener_keeps_no_dead_call_alive(bench: Bench) -> None:
    """It never sends, and is on hold in no sense."""
    bench.ask(SubscribeRequest("c", EVERYBODY, "l")).check()
    bench.advance(61)
    assert bench.engine.calls == {}
    assert bench.ports.count == 0


def test_end_of_the_call_ends_its_listeners(bench: Bench) -> None:
    """Ports and all."""
    bench.ask(SubscribeRequest("c", EVERYBODY, "l")).check()
    bench.ask(Delete("c", from_tag="a")).check()
    assert bench.ports.count == 0


def test_publication_that_fails_leaves_nothing(bench: Bench) -> None:
    """No call and no port; a rejected stream costs none either."""
    assert bench.ask(Publish("p", "x", b"v=0\r\nnonsense")).error_reason
    bench.ask(Publish("p", "x", sdp(port=0))).check()
    assert bench.ports.count == 4
    assert set(bench.engine.calls) == {"c", "p"}
