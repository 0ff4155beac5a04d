"""New calls are refused before messages wait; what is under way and what saves lives is not."""

from __future__ import annotations

from dataclasses import replace

from sbc.config import Bounds, Config
from sbc.outputs import Dropped, DropReason, LoadChanged, Refused
from sbc.sip import Response
from tests.kit.flows import hang_up, ring, talk
from tests.kit.node import CARRIER, OUTSIDE, PBX, Node, config
from tests.kit.peer import sdp


def bounded(bounds: Bounds) -> Config:
    return replace(config(), bounds=bounds)


def drown(node: Node) -> None:
    """Ten measurements of a second each."""
    for _ in range(10):
        node.act(node.engine.measure(1.0, node.now))


def statuses(node: Node, method: str, calls: int) -> list[int]:
    """The first answers to so many new requests, each from a peer of its own."""
    found = []
    for index in range(calls):
        peer = node.peer(f"{method.lower()}{index}", CARRIER, OUTSIDE, 7000 + index)
        peer.target = peer.remote = "sip:+49301@sbc.example.net"
        peer.remote = f"<{peer.remote}>"
        peer.request(method, sdp(CARRIER) if method == "INVITE" else b"")
        answers = [one for one in peer.inbox if isinstance(one, Response)]
        found.append(answers[0].status if answers else 0)
        if answers and answers[0].status == 503:
            assert 2 <= int(answers[0].require("Retry-After")) <= 6
    return found


def test_one_call_in_twenty_is_let_in_when_the_node_drowns() -> None:
    """RFC 3261 section 21.5.4: the others get 503 with Retry-After, and both ends of the overload are reported."""
    node = Node()
    drown(node)
    assert statuses(node, "INVITE", 40).count(503) == 38
    assert len(node.events_of(Refused)) == 38
    assert node.engine.counters["shed.overload"] == 38
    for _ in range(60):
        node.act(node.engine.measure(0.0, node.now))
    assert 503 not in statuses(node, "INVITE", 10)
    assert [event.is_overloaded for event in node.events_of(LoadChanged)] == [True, False]  # type: ignore[union-attr]


def test_what_is_under_way_is_served_and_probes_are_answered() -> None:
    node = Node()
    talk(node, node.carrier, node.pbx)
    second = node.peer("second", CARRIER, OUTSIDE, 5070)
    ring(node, second, node.pbx)
    drown(node)
    node.carrier.request("INVITE", sdp(CARRIER, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(PBX, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    second.cancel()
    second.expect_response(200)
    assert statuses(node, "OPTIONS", 5) == [200] * 5
    assert statuses(node, "REGISTER", 5).count(503) == 5


def test_a_call_for_help_is_let_in_whatever_the_load() -> None:
    """RFC 5031, RFC 6881 section 9: the service URN crosses as it is, past every limit of ours."""
    node = Node(bounded(Bounds(calls=1)))
    drown(node)
    node.engine.egress.trunks.health.disabled.add("carrier")
    node.engine.egress.calls["other"] = None  # type: ignore[assignment]
    node.carrier.target = "urn:service:sos.fire"
    node.carrier.remote = "<urn:service:sos.fire>"
    node.carrier.request("INVITE", sdp(CARRIER))
    invite = node.pbx.expect_request("INVITE")
    assert invite.request_uri == "urn:service:sos.fire"
    assert invite.get("To") == "<urn:service:sos.fire>"
    del node.engine.egress.calls["other"]
    node.carrier.expect_response(100)
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)


def test_calls_and_transactions_are_bounded() -> None:
    node = Node(bounded(Bounds(calls=2, transactions=11)))
    assert statuses(node, "INVITE", 4) == [100, 100, 503, 503]
    assert node.engine.counters["shed.limits.calls"] == 2
    assert statuses(node, "OPTIONS", 8) == [200] * 5 + [0] * 3
    dropped = node.events_of(Dropped)
    assert {event.reason for event in dropped} == {DropReason.OVERLOAD}  # type: ignore[union-attr]


def test_a_reload_changes_the_limit() -> None:
    node = Node()
    node.act(node.engine.swap(bounded(Bounds(delay=0)), node.now))
    drown(node)
    assert statuses(node, "INVITE", 5) == [100] * 5
