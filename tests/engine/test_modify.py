"""re-INVITE, UPDATE, INFO and OPTIONS inside a call."""

from __future__ import annotations

import pytest

from sbc.outputs import CallEnded
from tests.kit.flows import assert_no_leak, hang_up, talk
from tests.kit.node import Node, config
from tests.kit.peer import Peer, sdp


def sides(node: Node, from_caller: bool) -> tuple[Peer, Peer]:
    """Who asks, and who is asked."""
    return (node.carrier, node.pbx) if from_caller else (node.pbx, node.carrier)


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("from_caller", [True, False])
def test_reinvite_crosses_both_ways(mode: str, from_caller: bool) -> None:
    """RFC 3261 section 14: hold by either side."""
    node = Node(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    asker, asked = sides(node, from_caller)
    asker.request("INVITE", sdp(asker.host, direction="sendonly", version=2))
    reinvite = asked.expect_request("INVITE")
    assert b"a=sendonly" in reinvite.body
    asked.reply(reinvite, 200, sdp(asked.host, direction="recvonly", version=2))
    asked.expect_request("ACK")
    assert b"a=recvonly" in asker.expect_response(200).body
    asker.ack()
    hang_up(node, asker, asked)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()


def test_a_re_invite_that_takes_long_gets_its_100_after_200_ms() -> None:
    """RFC 3261 section 17.2.1: the answer to most is there before."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    reinvite = node.pbx.expect_request("INVITE")
    node.advance(0.19)
    assert node.carrier.idle()
    node.advance(0.02)
    node.carrier.expect_response(100)
    node.advance(20)
    assert node.carrier.idle()
    node.pbx.reply(reinvite, 200, sdp(node.pbx.host, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_reinvite_without_offer_is_answered_in_the_ack(mode: str) -> None:
    """RFC 3261 section 14.2: a late offer inside the call."""
    node = Node(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    node.pbx.request("INVITE")
    reinvite = node.carrier.expect_request("INVITE")
    assert reinvite.body == b""
    node.carrier.reply(reinvite, 200, sdp(node.carrier.host, version=2))
    assert node.carrier.idle()
    assert node.pbx.expect_response(200).body
    node.pbx.ack(sdp(node.pbx.host, version=2))
    assert node.carrier.expect_request("ACK").body
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_reinvites_from_both_sides_at_once_get_491() -> None:
    """RFC 3261 section 14.2: glare; whoever comes second."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    node.pbx.request("INVITE", sdp(node.pbx.host, version=2))
    reinvite = node.pbx.expect_request("INVITE")
    glare = node.pbx.expect_response(491)
    node.pbx.ack_failure(glare)
    node.pbx.reply(reinvite, 200, sdp(node.pbx.host, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("status", [488, 491, 503])
@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_failed_reinvite_leaves_the_call_as_it_was(status: int, mode: str) -> None:
    """RFC 3261 section 14.1."""
    node = Node(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), status)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(status))
    assert node.engine.active_calls == 1
    node.carrier.request("INVITE", sdp(node.carrier.host, version=3))
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(node.pbx.host, version=3))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_reinvite_to_a_peer_that_lost_the_dialog_ends_the_call() -> None:
    """RFC 3261 section 12.2.1.2: 481 ends the dialog."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), 481)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(481))
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 481)
    node.assert_clean()
    (record,) = node.events_of(CallEnded)
    assert isinstance(record, CallEnded)
    assert record.cause == "callee lost"


def test_cancelled_reinvite_leaves_the_call_as_it_was() -> None:
    """RFC 3261 section 9 inside a call."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    reinvite = node.pbx.expect_request("INVITE")
    node.pbx.reply(reinvite, 180)
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(reinvite, 487)
    node.pbx.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_info_and_options_cross_with_their_answers() -> None:
    """Issue 2 item 5; DTMF by INFO."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INFO", b"Signal=5\r\nDuration=160\r\n", content_type="application/dtmf-relay")
    info = node.pbx.expect_request("INFO")
    assert info.body == b"Signal=5\r\nDuration=160\r\n"
    assert info.content_type == "application/dtmf-relay"
    node.pbx.reply(info, 200)
    node.carrier.expect_response(200)
    node.pbx.request("OPTIONS")
    node.carrier.reply(node.carrier.expect_request("OPTIONS"), 200)
    node.pbx.expect_response(200)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_relayed_request_never_gets_408() -> None:
    """RFC 4320: 504 while the asker still listens."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.peers.pop((node.pbx.host, 5060))
    node.carrier.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.advance(29)
    statuses = [getattr(m, "status", 0) for m in node.carrier.inbox]
    assert 504 in statuses
    assert 408 not in statuses


def test_request_out_of_order_gets_500() -> None:
    """RFC 3261 section 12.2.2: a CSeq that is too low."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.cseq -= 5
    node.carrier.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.carrier.expect_response(500)
    assert node.pbx.idle()


def test_info_with_an_unknown_body_gets_415() -> None:
    """RFC 5621: a body we do not know is not passed on."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INFO", b"<secret/>", content_type="application/vnd.inner+xml")
    node.carrier.expect_response(415)
    assert node.pbx.idle()


def test_target_refresh_moves_the_peer() -> None:
    """RFC 3261 section 12.2.1.2: the Contact of a re-INVITE is where the BYE goes."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.peers[(node.carrier.host, 5077)] = node.carrier
    node.carrier.port = 5077
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(node.pbx.host, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    del node.peers[(node.carrier.host, 5060)]
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    assert node.carrier.expect_request("BYE").request_uri.endswith(":5077")


def test_info_during_a_reinvite_does_not_hide_the_ack() -> None:
    """RFC 3261 section 13.2.2.4: the ACK has the number of its INVITE, not of the last request."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2, direction="sendonly"))
    reinvite = node.pbx.expect_request("INVITE")
    node.carrier.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.pbx.reply(node.pbx.expect_request("INFO"), 200)
    node.carrier.expect_response(200)
    node.pbx.reply(reinvite, 200, sdp(node.pbx.host, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.advance(40)
    assert node.engine.active_calls == 1
