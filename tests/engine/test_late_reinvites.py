"""A re-INVITE without an offer, toward a peer that takes none such (`delayed_offer = insert`): one is made."""

from __future__ import annotations

import pytest

import rtpengine
from tests.kit.flows import assert_no_leak, hang_up, talk
from tests.kit.node import MEDIA_IN, MEDIA_OUT, Node
from tests.kit.peer import Peer, sdp
from tests.kit.profiles import node_with

SIDES = pytest.mark.parametrize("by_caller", [True, False])


def up(by_caller: bool, mode: str = "anchor") -> tuple[Node, Peer, Peer]:
    """A call; who asks, and the peer that wants offers."""
    node = node_with("pbx" if by_caller else "carrier", mode=mode, delayed_offer="insert")
    talk(node, node.carrier, node.pbx)
    return (node, node.carrier, node.pbx) if by_caller else (node, node.pbx, node.carrier)


def ask(asker: Peer, other: Peer) -> bytes:
    """What the other one is offered on a re-INVITE without an offer."""
    asker.request("INVITE")
    return other.expect_request("INVITE").body


def accept(node: Node, asker: Peer, other: Peer) -> bytes:
    """The other one answers; what the asker is offered in its 2xx."""
    assert other.invite_got is not None
    other.reply(other.invite_got, 200, sdp(other.host, 4600, version=2))
    assert other.expect_request("ACK").body == b""
    return asker.expect_response(200).body


@SIDES
def test_the_other_peer_gets_an_offer_and_its_answer_is_the_askers(by_caller: bool) -> None:
    """RFC 3261 section 14.1, RFC 3725 section 4.1: no description of either is without its answer."""
    node, asker, other = up(by_caller)
    media = node.media
    assert media is not None
    heard: list[rtpengine.Command] = []

    def listen(command: rtpengine.Command) -> rtpengine.Reply | None:
        heard.append(command)
        return media(command)

    node.media = listen
    offer = ask(asker, other)
    assert (MEDIA_IN if by_caller else MEDIA_OUT).encode() in offer
    assert (MEDIA_OUT if by_caller else MEDIA_IN).encode() in accept(node, asker, other)
    asker.ack(sdp(asker.host, 4800, version=2))
    assert other.idle()
    assert [type(one).__name__ for one in heard] == ["Offer", "Answer", "Offer", "Answer"]
    assert isinstance(heard[2], rtpengine.Offer)
    assert b"m=audio 4800" in heard[2].sdp
    other.request("INVITE", sdp(other.host, 4602, version=3))
    asker.reply(asker.expect_request("INVITE"), 200, sdp(asker.host, 4802, version=3))
    asker.expect_request("ACK")
    other.expect_response(200)
    other.ack()
    hang_up(node, other, asker)
    assert_no_leak(node)
    node.assert_clean()


@SIDES
def test_a_held_peer_is_offered_to_talk(by_caller: bool) -> None:
    """Who asks without an offer may want to go on: its hold of before says nothing now."""
    node, asker, other = up(by_caller)
    asker.request("INVITE", sdp(asker.host, direction="sendonly", version=2))
    other.reply(other.expect_request("INVITE"), 200, sdp(other.host, direction="recvonly", version=2))
    other.expect_request("ACK")
    asker.expect_response(200)
    asker.ack()
    assert b"sendonly" not in ask(asker, other)
    accept(node, asker, other)
    asker.ack(sdp(asker.host, version=3))
    hang_up(node, asker, other)
    node.assert_clean()


@SIDES
def test_refused_it_leaves_the_call_as_it_was(by_caller: bool) -> None:
    """RFC 3261 section 14.1, RFC 6141."""
    node, asker, other = up(by_caller)
    ask(asker, other)
    assert other.invite_got is not None
    other.reply(other.invite_got, 488)
    other.expect_request("ACK")
    asker.ack_failure(asker.expect_response(488))
    hang_up(node, asker, other)
    node.assert_clean()


@SIDES
def test_an_answer_that_is_none_is_refused_and_the_other_peer_put_back(by_caller: bool) -> None:
    node, asker, other = up(by_caller)
    ask(asker, other)
    assert other.invite_got is not None
    other.reply(other.invite_got, 200)
    other.expect_request("ACK")
    asker.ack_failure(asker.expect_response(488))
    other.reply(other.expect_request("INVITE"), 200, sdp(other.host, version=3))
    other.expect_request("ACK")
    hang_up(node, asker, other)
    node.assert_clean()


@SIDES
def test_an_ack_without_the_answer_ends_the_call(by_caller: bool) -> None:
    """RFC 3261 section 13.2.2.4: what was offered in the 2xx has to be answered."""
    node, asker, other = up(by_caller)
    ask(asker, other)
    accept(node, asker, other)
    asker.ack()
    for peer in (asker, other):
        peer.reply(peer.expect_request("BYE"), 200)
    node.assert_clean()


@SIDES
def test_taken_back_it_reaches_nobody(by_caller: bool) -> None:
    """The 2xx that crosses the CANCEL is acknowledged, and who gave it put back to what both had."""
    node, asker, other = up(by_caller)
    ask(asker, other)
    assert other.invite_got is not None
    invite = other.invite_got
    other.reply(invite, 100)
    asker.cancel()
    asker.expect_response(200)
    asker.ack_failure(asker.expect_response(487))
    cancel = other.expect_request("CANCEL")
    other.reply(invite, 200, sdp(other.host, version=2))
    other.expect_request("ACK")
    other.reply(cancel, 200)
    other.reply(other.expect_request("INVITE"), 200, sdp(other.host, version=3))
    other.expect_request("ACK")
    hang_up(node, asker, other)
    node.assert_clean()


@SIDES
def test_where_media_bypass_us_there_is_nothing_to_offer(by_caller: bool) -> None:
    node, asker, other = up(by_caller, mode="bypass")
    assert ask(asker, other) == b""
    assert other.invite_got is not None
    other.reply(other.invite_got, 200, sdp(other.host, version=2))
    assert asker.expect_response(200).body
    asker.ack(sdp(asker.host, version=2))
    assert other.expect_request("ACK").body
    hang_up(node, asker, other)
    node.assert_clean()
