"""A listener that moves to another address takes its live calls along."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from sbc.config import Config
from sbc.supervisor.ports import with_listeners
from tests.kit.flows import hang_up, ring, talk
from tests.kit.node import EDGE_OUT, OUTSIDE, PBX, Node
from tests.kit.peer import sdp

ELSEWHERE = "198.51.100.3"
ALLOW = "Allow: INVITE, ACK, BYE, CANCEL, UPDATE\n"


def moved(config: Config) -> Config:
    """The outer listener has another address now."""
    listeners = [replace(one, host=ELSEWHERE) if one.index == OUTSIDE else one for one in config.listeners]
    return with_listeners(config, listeners)


def move(node: Node) -> None:
    node.act(node.engine.swap(moved(node.config), node.now))
    node.advance(0.2)


def test_the_peer_is_told_by_an_update_where_it_takes_one() -> None:
    """RFC 3261 section 12.2.1.2: Contact and Via show the new address; the other leg hears of nothing."""
    node = Node()
    talk(node, node.carrier, node.pbx, extra=ALLOW)
    move(node)
    update = node.carrier.expect_request("UPDATE")
    assert update.contacts[0].uri.host == ELSEWHERE
    assert update.top_via.host == ELSEWHERE
    assert update.body == b""
    assert node.pbx.idle()
    node.carrier.reply(update, 200)
    node.advance(60)
    assert node.carrier.idle()
    node.carrier.target = str(update.contacts[0].uri)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_others_are_told_by_a_re_invite_that_changes_nothing() -> None:
    node = Node()
    node.carrier.invite()
    node.carrier.expect_response(100)
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    shown = node.carrier.expect_response(200).body
    node.carrier.ack()
    move(node)
    invite = node.carrier.expect_request("INVITE")
    assert (invite.contacts[0].uri.host, invite.body) == (ELSEWHERE, shown)
    node.carrier.reply(invite, 200, sdp(node.carrier.host))
    assert node.carrier.expect_request("ACK").top_via.host == ELSEWHERE
    assert node.pbx.idle()
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_a_peer_that_cannot_just_now_is_told_again() -> None:
    """491: it has an offer of its own under way (section 14.1)."""
    node = Node()
    talk(node, node.carrier, node.pbx, extra=ALLOW)
    move(node)
    node.carrier.reply(node.carrier.expect_request("UPDATE"), 491)
    node.advance(4)
    node.carrier.reply(node.carrier.expect_request("UPDATE"), 200)
    node.advance(60)
    assert node.carrier.idle()


def test_a_call_that_rings_is_told_when_it_is_up() -> None:
    node = Node()
    invite = ring(node, node.carrier, node.pbx, extra=ALLOW)
    move(node)
    assert node.carrier.idle()
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    assert node.carrier.expect_response(200).contacts[0].uri.host == ELSEWHERE
    node.carrier.ack()
    node.advance(4)
    node.carrier.reply(node.carrier.expect_request("UPDATE"), 200)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_a_peer_that_has_lost_the_call_ends_it() -> None:
    node = Node()
    talk(node, node.carrier, node.pbx, extra=ALLOW)
    move(node)
    node.carrier.reply(node.carrier.expect_request("UPDATE"), 481)
    node.pbx.expect_request("BYE")


def test_many_calls_are_told_a_few_at_a_time() -> None:
    node = Node()
    callers = [node.peer(f"caller{number}", "198.51.100.20", OUTSIDE, 7000 + number) for number in range(25)]
    for caller in callers:
        talk(node, caller, node.pbx, extra=ALLOW)
    node.act(node.engine.swap(moved(node.config), node.now))
    told = [0]
    for _ in range(5):
        node.advance(0.1)
        told.append(sum(not caller.idle() for caller in callers))
    assert told[-1] == 25
    assert max(after - before for before, after in pairwise(told)) == 10


def test_what_did_not_move_is_not_told() -> None:
    node = Node()
    talk(node, node.carrier, node.pbx, extra=ALLOW)
    node.act(node.engine.swap(node.config, node.now))
    node.advance(30)
    assert node.carrier.idle()
    assert node.pbx.idle()
    assert EDGE_OUT in node.config.listeners[OUTSIDE].host
