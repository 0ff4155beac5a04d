"""Targets and Contacts that are names: located, kept while DNS allows it, left for the next place when one is dead."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from sbc.config import Config, Listener, Probe
from sbc.locating import Locations
from sbc.outputs import CallEnded, TargetChanged
from sbc.records import Located, Server, Sought
from sbc.sip import Request, parse_message
from sbc.wire import Flow
from tests.kit.flows import answer, hang_up, ring
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, PBX2, Node, config
from tests.kit.peer import Peer, sdp

NAME = "pbx.corp.example"
TWO = (Server("UDP", 5060, (PBX,), 0, 10, 1), Server("UDP", 5060, (PBX2,), 0, 20, 1))


def named(uri: str = f"sip:{NAME}", *more: str, **keys: object) -> Config:
    """The PBX is a name."""
    made = config(pbx=(uri, *more))
    return replace(made, trunks={**made.trunks, "pbx": replace(made.trunks["pbx"], **keys)})  # type: ignore[arg-type]


def started(settings: Config | None = None, *servers: Server, seconds: float = 60.0) -> tuple[Node, Peer]:
    """A node that has located its trunk, and the second peer."""
    node = Node(settings or named())
    second = node.peer("second", PBX2, INSIDE)
    node.act(node.engine.start(node.now))
    node.answer(node.lookups[-1], *(servers or TWO), seconds=seconds)
    return node, second


def test_a_target_without_port_and_transport_is_left_to_dns_whole() -> None:
    """RFC 3263 section 4: what the URI names is not asked for."""
    node = Node(named())
    node.act(node.engine.start(node.now))
    assert [one.sought for one in node.lookups] == [Sought(NAME, frozenset({"UDP"}))]
    node = Node(named(f"sip:{NAME}:5080;transport=udp"))
    node.act(node.engine.start(node.now))
    assert [one.sought for one in node.lookups] == [Sought(NAME, frozenset({"UDP"}), "UDP", 5080)]


def test_servers_are_tried_in_the_order_of_dns_and_the_caller_hears_of_the_last_only() -> None:
    """RFC 3263 section 4.3: 503 leads to the next one, with a transaction of its own."""
    node, second = started()
    node.carrier.invite()
    first = node.pbx.expect_request("INVITE")
    node.pbx.reply(first, 503)
    node.pbx.expect_request("ACK")
    again = second.expect_request("INVITE")
    assert again.top_via.branch != first.top_via.branch
    second.reply(again, 486)
    second.expect_request("ACK")
    node.carrier.expect_response(100)
    node.carrier.ack_failure(node.carrier.expect_response(486))
    node.assert_clean()


def test_503_and_silence_lead_to_the_next_place_whatever_crank_back_says_of_targets() -> None:
    """`crank_back` is about other targets; places of one target are one server's."""
    node, second = started(named(crank_back=frozenset({500})))
    node.carrier.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 503)
    second.reply(second.expect_request("INVITE"), 503)
    node.carrier.expect_response(503)


def test_a_refused_connection_leads_to_the_next_place_at_once() -> None:
    """RFC 3263 section 4.3: a transport error, ICMP or a TLS failure come to us as undeliverable flows."""
    node, second = started()
    node.carrier.invite()
    node.pbx.expect_request("INVITE")
    node.act(node.engine.send_failed(Flow(INSIDE, "UDP", PBX, 5060), node.now))
    second.reply(second.expect_request("INVITE"), 486)
    node.carrier.expect_response(486)


def test_a_place_that_failed_is_tried_last_by_the_next_caller() -> None:
    node, second = started()
    node.carrier.invite()
    node.act(node.engine.send_failed(Flow(INSIDE, "UDP", PBX, 5060), node.now))
    second.reply(second.expect_request("INVITE"), 486)
    second.expect_request("ACK")
    node.pbx.inbox.clear()
    node.peer("other", CARRIER, OUTSIDE, 7000).invite()
    second.expect_request("INVITE")
    assert node.pbx.idle()


def test_cancel_goes_to_the_place_of_its_invite() -> None:
    """RFC 3261 section 9.1."""
    node, second = started()
    node.carrier.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 503)
    second.reply(second.expect_request("INVITE"), 180)
    node.carrier.cancel()
    second.expect_request("CANCEL")
    assert [one for one in node.pbx.inbox if isinstance(one, Request) and one.method == "CANCEL"] == []


def test_probes_go_to_each_place_and_what_is_down_is_not_called() -> None:
    """A dead first place costs the next caller nothing once it is known."""
    node, second = started(named(probe=Probe(5, 1, 1)))
    end = node.time + 20
    while node.time < end:
        node.advance(0.5)
        for request in [one for one in second.inbox if isinstance(one, Request)]:
            second.reply(request, 200)
        second.inbox.clear()
        node.pbx.inbox.clear()
    (whole,) = node.engine.egress.trunks.health.of("pbx")
    assert [(one.hop.host, one.state.value) for one in whole.places] == [(PBX, "down"), (PBX2, "up")]
    assert whole.settle(node.time).value == "up"
    changes = [(one.target, one.state) for one in node.events_of(TargetChanged) if isinstance(one, TargetChanged)]
    assert changes == [(f"sip:{NAME} at udp:{PBX}:5060", "down")]
    node.carrier.invite()
    second.expect_request("INVITE")
    assert node.pbx.idle()


def test_weights_are_drawn_anew_for_each_call() -> None:
    """RFC 2782: 10,000 calls lie within four standard deviations."""
    hosts = {"10.20.1.1": 70, "10.20.1.2": 30}
    servers = [Server("UDP", 5060, (host,), 0, 10, weight) for host, weight in hosts.items()]
    node = Node(named())
    node.peers.clear()
    node.act(node.engine.start(node.now))
    node.answer(node.lookups[-1], *servers, seconds=3600)
    router, found = node.engine.egress.snapshot.router, Counter[str]()
    (hop,) = router.select(("pbx",), node.engine.egress.draw, node.time)
    for _ in range(10_000):
        located = node.engine.egress.locations.find(router.sought(hop), node.time)
        assert located is not None
        order = router.places(hop, located, node.engine.egress.draw, node.time)
        found[order[0].host] += 1
    share = 71 / 101  # a number from 0 to the sum, both included
    assert abs(found["10.20.1.1"] - 10_000 * share) < 4 * (10_000 * share * (1 - share)) ** 0.5


def test_a_name_is_asked_for_again_when_its_time_is_over_and_not_before() -> None:
    node, second = started(seconds=30.0)
    node.advance(29)
    assert len(node.lookups) == 1
    node.advance(2)
    assert len(node.lookups) == 2
    node.answer(node.lookups[-1], TWO[1], seconds=30.0)
    node.carrier.invite()
    second.expect_request("INVITE")
    assert node.pbx.idle()


def test_calls_do_not_wait_for_the_renewal_of_an_answer() -> None:
    """RFC 8767: what was known serves while it is asked for again."""
    node, _ = started(seconds=30.0)
    node.advance(31)
    node.carrier.invite()
    node.pbx.expect_request("INVITE")


def test_name_servers_that_fall_silent_change_nothing_for_a_day() -> None:
    """RFC 8767 section 5; a question every few seconds goes on."""
    node, _ = started(seconds=30.0)
    for _ in range(100):
        node.advance(40)
        node.act(node.engine.lookup_answer(node.lookups[-1].id, Located((), 2.0, is_certain=False), node.now))
    node.carrier.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 486)


def test_a_name_that_leads_nowhere_is_down_and_comes_back() -> None:
    node, second = started(named(f"sip:{NAME}", f"sip:{PBX2}"), TWO[0], seconds=30.0)
    node.advance(31)
    node.locate(node.lookups[-1], seconds=20.0)
    (whole, _) = node.engine.egress.trunks.health.of("pbx")
    assert (whole.state.value, whole.reason) == ("down", "its name leads nowhere")
    node.carrier.invite()
    second.expect_request("INVITE")
    node.advance(21)
    node.answer(node.lookups[-1], TWO[0])
    assert whole.state.value == "up"


def test_many_calls_make_one_query() -> None:
    node = Node(named())
    for number in range(5):
        node.peer(f"caller{number}", CARRIER, OUTSIDE, 7000 + number).invite()
    assert len(node.lookups) == 1
    node.answer(node.lookups[0], *TWO)
    assert len([one for one in node.pbx.inbox if isinstance(one, Request)]) == 5


def test_a_caller_that_gives_up_meanwhile_calls_nobody() -> None:
    node = Node(named())
    node.carrier.invite()
    node.carrier.cancel()
    node.answer(node.lookups[0], *TWO)
    assert node.pbx.idle()
    (ended,) = node.events_of(CallEnded)
    assert isinstance(ended, CallEnded)
    assert ended.status == 487
    node.engine.egress.locations.follow(())
    node.carrier.inbox.clear()
    node.assert_clean()


def test_both_families_and_transports_take_the_listener_that_fits() -> None:
    """RFC 6157: a leg of the family that its place has; what no listener reaches is passed over."""
    made = named()
    six = Listener(2, "inside", "TCP", "fd20::1", 5060)
    inside = replace(made.realms["inside"], listeners=(*made.realms["inside"].listeners, six))
    settings = replace(made, realms={**made.realms, "inside": inside}, listeners=(*made.listeners, six))
    servers = (Server("TCP", 5070, ("fd20::9", PBX2), 0), Server("UDP", 5060, (PBX,), 1))
    node, _ = started(settings, *servers)
    assert node.lookups[0].sought.transports == frozenset({"UDP", "TCP"})
    node.carrier.invite()
    flows = [one.flow for one in node.sent if one.data.startswith(b"INVITE")]
    assert [(flow.listener, flow.transport, flow.host, flow.port) for flow in flows] == [(2, "TCP", "fd20::9", 5070)]
    node.act(node.engine.send_failed(flows[0], node.now))
    again = node.pbx.expect_request("INVITE")
    assert again.top_via.transport == "UDP"
    assert str(again.contacts[0].uri).endswith("@10.20.0.1:5060")


def test_a_contact_that_is_a_name_is_located_for_ack_and_bye() -> None:
    """RFC 3261 section 12.2.1.1 with RFC 3263: the ACK waits for DNS, and copies of the 2xx with it."""
    node = Node()
    ring(node, node.carrier, node.pbx, sdp(CARRIER))
    _answer_as(node, "media.corp.example")
    _answer_as(node, "media.corp.example")
    assert len(node.lookups) == 1
    second = node.peer("media", PBX2, INSIDE)
    node.locate(node.lookups[0], PBX2)
    ack = second.expect_request("ACK")
    assert ack.request_uri == "sip:pbx@media.corp.example"
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.carrier.request("BYE")
    bye = second.expect_request("BYE")
    second.reply(bye, 200)


def test_a_bye_that_the_first_place_refuses_goes_to_the_second() -> None:
    """RFC 3263 section 4.3 for requests in dialogs: the same CSeq, another branch."""
    node = Node()
    ring(node, node.carrier, node.pbx, sdp(CARRIER))
    _answer_as(node, "media.corp.example")
    second = node.peer("media", PBX2, INSIDE)
    node.answer(node.lookups[0], *TWO)
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.pbx.inbox.clear()
    node.carrier.request("BYE")
    first = node.pbx.expect_request("BYE")
    node.act(node.engine.send_failed(Flow(INSIDE, "UDP", PBX, 5060), node.now))
    again = second.expect_request("BYE")
    assert again.cseq.number == first.cseq.number
    assert again.top_via.branch != first.top_via.branch
    second.reply(again, 200)
    node.carrier.inbox.clear()
    node.assert_clean()


def test_a_silent_place_is_left_after_four_seconds_and_the_next_caller_waits_for_less_than_one() -> None:
    """`node.timers.failover`; RFC 3263 section 4.3 leaves it at 64*T1, and no caller waits for so long."""
    node, second = started()
    del node.peers[(PBX, 5060)]
    node.carrier.invite()
    node.advance(3.9)
    assert second.idle()
    node.advance(0.2)
    second.reply(second.expect_request("INVITE"), 180)
    health = node.engine.egress.trunks.health.of("pbx")[0].places
    assert [one.state.value for one in health] == ["down", "up"]
    node.advance(31)  # the penalty is over: now and then a caller finds out that it is still dead
    for number in range(200):
        node.lost.clear()
        second.inbox.clear()
        node.peer(f"other{number}", CARRIER, OUTSIDE, 7000 + number).invite()
        if node.lost:
            break
    assert second.idle()
    node.advance(0.9)
    second.expect_request("INVITE")


def test_while_we_are_late_ourselves_nobody_is_called_silent() -> None:
    node, second = started()
    node.carrier.invite()
    node.pbx.expect_request("INVITE")
    node.act(node.engine.measure(0.3, node.now))
    node.advance(10)
    assert second.idle()
    node.act(node.engine.measure(0.0, node.now))
    node.advance(2)
    second.expect_request("INVITE")


def test_a_silent_place_is_not_left_so_soon_for_one_that_is_down() -> None:
    node, second = started()
    node.engine.egress.trunks.health.of("pbx")[0].places[1].note_failure("no answer", node.time)
    node.carrier.invite()
    node.advance(7)
    assert second.idle()
    node.advance(2)
    second.expect_request("INVITE")


def test_a_place_that_was_only_late_has_its_cancel() -> None:
    node, second = started()
    node.carrier.invite()
    late = node.pbx.expect_request("INVITE")
    node.advance(4.1)
    second.reply(second.expect_request("INVITE"), 180)
    node.pbx.reply(late, 180)
    node.pbx.expect_request("CANCEL")


def test_any_word_of_a_place_is_waited_on() -> None:
    """Ringing may take long, and so may thinking."""
    node, second = started()
    node.carrier.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 100)
    node.advance(100)
    assert second.idle()


def test_the_last_place_has_all_the_time_of_its_transaction() -> None:
    """RFC 3261 section 17.1.1.2: Timer B."""
    node, _ = started(None, TWO[0])
    del node.peers[(PBX, 5060)]
    node.carrier.invite()
    node.advance(31)
    node.carrier.expect_response(100)
    assert node.carrier.idle()
    node.advance(2)
    node.carrier.expect_response(408)


def test_a_message_that_nobody_answers_moves_on_too() -> None:
    node, second = started()
    node.carrier.target = "sip:100@sbc.example.net"
    node.carrier.request("MESSAGE", b"hello", content_type="text/plain")
    first = node.pbx.expect_request("MESSAGE")
    node.advance(4.1)
    again = second.expect_request("MESSAGE")
    node.pbx.reply(first, 503)  # too late to count
    second.reply(again, 200)
    node.carrier.expect_response(200)


def test_a_message_moves_on_like_a_call() -> None:
    node, second = started()
    node.carrier.target = "sip:100@sbc.example.net"
    node.carrier.request("MESSAGE", b"hello", content_type="text/plain")
    node.pbx.reply(node.pbx.expect_request("MESSAGE"), 503)
    second.reply(second.expect_request("MESSAGE"), 200)
    node.carrier.expect_response(200)


@pytest.mark.parametrize("is_known", [True, False])
def test_an_answered_call_to_a_name_is_as_any_other(is_known: bool) -> None:
    node = Node(named())
    if is_known:
        node.act(node.engine.start(node.now))
        node.answer(node.lookups[0], *TWO)
        answer(node, node.carrier, node.pbx, ring(node, node.carrier, node.pbx, sdp(CARRIER)))
    else:
        node.carrier.invite()
        node.answer(node.lookups[0], *TWO)
        node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(PBX))
        node.pbx.expect_request("ACK")
        node.carrier.expect_response(200)
        node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    node.engine.egress.locations.follow(())
    node.assert_clean()


def _answer_as(node: Node, host: str) -> None:
    """The PBX answers with a Contact that is a name."""
    invite = node.pbx.invite_got
    assert invite is not None
    lines = [
        "SIP/2.0 200 OK",
        *[f"Via: {via}" for via in invite.vias],
        f"From: {invite.require('From')}",
        f"To: {invite.require('To')};tag={node.pbx.tag}",
        f"Call-ID: {invite.call_id}",
        f"CSeq: {invite.cseq}",
        f"Contact: <sip:pbx@{host}>",
        "Content-Type: application/sdp",
    ]
    node.pbx.send("\n".join(lines), sdp(PBX))
    assert isinstance(parse_message(node.pbx.wires[-1]), Request)


def test_names_that_peers_choose_push_no_target_of_ours_out() -> None:
    """RFC 8767: what was known of a trunk serves while DNS is away, however many Contacts were looked up since."""
    locations, server = Locations(), Server("UDP", 5060, (PBX,))
    trunk = Sought("pbx.corp.local")
    locations.follow((trunk,))
    for number, sought in enumerate([trunk, *[trunk._replace(name=f"n{one}.example") for one in range(5000)]]):
        locations.ask(number, sought, 0.0)
        locations.take(number, Located((server,), 60.0), 0.0)
    assert len(locations) < 5000
    assert locations.find(trunk, 1.0) is not None
