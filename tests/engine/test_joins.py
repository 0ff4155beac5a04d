"""Arrows of a join, of Replaces and of the way back that no flow of the files beside this one takes."""

from __future__ import annotations

import pytest

import rtpengine
from tests.engine.test_attended import ask
from tests.engine.test_attended import consult as consulted
from tests.engine.test_replaces import pick_up
from tests.kit.flows import hang_up, talk
from tests.kit.node import PBX, Node
from tests.kit.peer import sdp
from tests.kit.transfers import (
    TO_CARRIER2,
    Transfers,
    accept_reinvite,
    accepted,
    expect_bye,
    expect_notify,
    refer,
    talking,
    transfer_config,
)


def two_lines(mode: str = "bypass", extra: str = "") -> Transfers:
    """The PBX talks to both carriers."""
    node = Transfers(transfer_config(mode=mode))
    talk(node, node.carrier, node.pbx, extra)
    consulted(node, TO_CARRIER2)
    return node


def test_an_exchange_that_never_ends_breaks_the_join() -> None:
    """RFC 3261 section 14.1: nobody is offered anything meanwhile; after 64*T1 the asker hears of it."""
    node = two_lines()
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    reinvite = node.pbx.expect_request("INVITE")
    node.pbx.reply(reinvite, 180)
    ask(node)
    accepted(node.pbx)
    node.advance(31)
    assert node.pbx.idle()
    node.advance(3)
    expect_notify(node.pbx, 491)
    node.pbx.reply(reinvite, 200, sdp(PBX, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    hang_up(node, node.carrier2, node.line2)
    node.assert_clean()


def test_a_peer_that_wants_a_longer_session_is_asked_once_more() -> None:
    """RFC 4028 section 7.4."""
    node = two_lines(extra="Supported: timer\nSession-Expires: 1800;refresher=uas\n")
    ask(node)
    accepted(node.pbx)
    first = node.carrier.expect_request("INVITE")
    node.carrier.reply(first, 422, extra="Min-SE: 2400\n")
    node.carrier.expect_request("ACK")
    again = accept_reinvite(node.carrier)
    assert again.require("Session-Expires").startswith("2400")
    accept_reinvite(node.carrier2, 6)
    expect_notify(node.pbx, 200)
    expect_bye(node.line2)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


@pytest.mark.parametrize("reply", [rtpengine.Reply({"result": b"error", "error-reason": b"no"}), None])
def test_an_engine_that_has_no_session_for_the_two_breaks_the_join(reply: rtpengine.Reply | None) -> None:
    """Both calls go on as they were, and the asker hears 503."""
    node = two_lines("anchor")
    media, node.media = node.media, None
    ask(node)
    accepted(node.pbx)
    command = node.commands.pop(0)
    node.media = media
    node.act(node.engine.media_reply(command.id, reply, node.now))
    expect_notify(node.pbx, 503)
    hang_up(node, node.carrier, node.pbx)
    hang_up(node, node.carrier2, node.line2)
    node.assert_clean()


def test_who_is_being_transferred_has_no_place_to_take() -> None:
    """RFC 3891 section 3, and one exchange at a time: 491 while a transfer has the call."""
    node = talking()
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    accepted(node.pbx)
    invite = node.carrier2.expect_request("INVITE")
    pick_up(node.line2, node.pbx)
    node.line2.ack_failure(node.line2.expect_response(491))
    node.carrier2.reply(invite, 486)
    node.carrier2.expect_request("ACK")
    expect_notify(node.pbx, 486)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_a_call_that_is_about_to_end_has_no_place_to_take() -> None:
    """RFC 3891 section 3: 603 where the dialog has ended."""
    node = two_lines()
    ask(node)
    accepted(node.pbx)
    accept_reinvite(node.carrier)
    accept_reinvite(node.carrier2, 6)
    expect_notify(node.pbx, 200)
    pick_up(node.peer("colleague", PBX, node.pbx.listener, port=5099), node.pbx)
    colleague = node.peers[(PBX, 5099)]
    colleague.ack_failure(colleague.expect_response(603))
    expect_bye(node.line2)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


@pytest.mark.parametrize("status", [488, 500, 603])
def test_a_peer_that_refuses_the_way_back_keeps_what_it_has(status: int) -> None:
    """RFC 3261 section 14.1: a refused re-INVITE ends nothing."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, direction="sendonly", version=2))
    reinvite = node.pbx.expect_request("INVITE")
    node.pbx.reply(reinvite, 100)
    node.carrier.cancel()
    node.pbx.expect_request("CANCEL")
    node.pbx.reply(reinvite, 200, sdp(PBX, direction="recvonly", version=2))
    node.pbx.expect_request("ACK")
    node.carrier.inbox.clear()
    node.pbx.reply(node.pbx.expect_request("INVITE"), status)
    node.pbx.expect_request("ACK")
    node.advance(20)
    assert node.pbx.idle()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()
