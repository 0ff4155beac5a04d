"""A first SUBSCRIBE finds the next target where the first is silent, refuses for the moment, or cannot be reached."""

from __future__ import annotations

import pytest

from sbc.sip import Request
from sbc.wire import Flow
from tests.engine.test_subscriptions import assert_over, heard, notify, subscribe
from tests.kit.node import INSIDE, PBX, PBX2, Node, config
from tests.kit.peer import Peer


def pair() -> tuple[Node, Peer]:
    """A node whose PBX has two targets, and the second one."""
    node = Node(config(pbx=(f"sip:{PBX}", f"sip:{PBX2}")))
    return node, node.peer("spare", PBX2, INSIDE)


def goes_on(node: Node, spare: Peer, request: Request) -> None:
    """The spare accepts; subscription, NOTIFY and end."""
    spare.reply(request, 200, extra="Expires: 600\n")
    response = node.carrier.expect_response(200)
    node.carrier.remote_tag, node.carrier.target = response.to_tag, str(response.contacts[0].uri)
    notify(spare, request)
    heard(node, node.carrier)
    spare.expect_response(200)
    assert len(node.engine.egress.subscriptions) == 1
    notify(spare, request, "terminated;reason=noresource")
    heard(node, node.carrier)
    spare.expect_response(200)
    node.advance(40)
    assert_over(node)


@pytest.mark.parametrize("status", [503, 500, 408])
def test_a_target_that_refuses_for_the_moment_is_passed_over(status: int) -> None:
    """RFC 3263 section 4.3, and what the trunk's `crank_back` lists; the subscriber hears of nothing."""
    node, spare = pair()
    subscribe(node.carrier)
    node.pbx.reply(node.pbx.expect_request("SUBSCRIBE"), status)
    request = spare.expect_request("SUBSCRIBE")
    assert request.get("Expires") == "600"
    assert node.carrier.idle()
    goes_on(node, spare, request)


def test_a_silent_target_is_left_after_the_time_for_failover() -> None:
    """Its NOTIFY, should it come after all, belongs to nothing: 481 ends that subscription (RFC 6665 section 4.2.2)."""
    node, spare = pair()
    subscribe(node.carrier)
    late = node.pbx.expect_request("SUBSCRIBE")
    node.advance(4.1)
    request = spare.expect_request("SUBSCRIBE")
    node.pbx.inbox.clear()
    notify(node.pbx, late)
    node.pbx.expect_response(481)
    node.pbx.reply(late, 200, extra="Expires: 600\n")
    goes_on(node, spare, request)


def test_a_target_that_cannot_be_reached_is_left_at_once() -> None:
    node, spare = pair()
    subscribe(node.carrier)
    node.act(node.engine.send_failed(Flow(INSIDE, "UDP", PBX, 5060), node.now))
    goes_on(node, spare, spare.expect_request("SUBSCRIBE"))


def test_a_notifier_that_has_spoken_is_not_left() -> None:
    """Two notifiers for one subscriber would be none."""
    node, spare = pair()
    subscribe(node.carrier)
    request = node.pbx.expect_request("SUBSCRIBE")
    notify(node.pbx, request)
    heard(node, node.carrier)
    node.pbx.expect_response(200)
    node.advance(10)
    assert spare.idle()
    node.pbx.inbox.clear()
    node.pbx.reply(request, 200, extra="Expires: 600\n")
    node.advance(40)
    assert len(node.engine.egress.subscriptions) == 1


def test_the_last_refusal_is_the_subscribers_answer() -> None:
    node, spare = pair()
    subscribe(node.carrier)
    node.pbx.reply(node.pbx.expect_request("SUBSCRIBE"), 503)
    spare.reply(spare.expect_request("SUBSCRIBE"), 480)
    node.carrier.expect_response(480)
    assert_over(node)


def test_silence_everywhere_is_504_in_time_and_leaves_nothing() -> None:
    """RFC 4320: the subscriber listens for 32 s in all."""
    node, _ = pair()
    del node.peers[(PBX, 5060)], node.peers[(PBX2, 5060)]
    subscribe(node.carrier)
    node.advance(29)
    node.carrier.expect_response(504)
    node.advance(10)
    assert_over(node)
