"""Input that is meant to cost more than it should, or to raise where nobody catches."""

from __future__ import annotations

import pytest

from sbc.config import Timers
from sbc.inspection import RECORDED_BYTES
from sbc.keepalive import Beat
from sbc.outputs import Lookup
from sbc.records import Sought
from sbc.sip import ParseError, Response, parse_session_expires
from sbc.wire import Flow
from tests.kit.flows import ring, talk
from tests.kit.node import INSIDE, OUTSIDE, Node, config
from tests.kit.peer import sdp


@pytest.mark.parametrize(
    "value", ['<sip:a@b>;tag=1;x=">"', '<sip:a@b>;x=">";tag=1', '"a>b" <sip:a@b>;tag=1;y=";tag=2"']
)
def test_bracket_in_a_quoted_parameter_is_no_end_of_the_address(value: str) -> None:
    """RFC 3261 section 25.1: a quoted parameter may hold any character; From and To are cut at the right bracket."""
    node = Node()
    node.carrier.send(
        "INVITE sip:+4930@sbc.example.net SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKq\n"
        f'From: {value}\nTo: <sip:+4930@x>;z=";tag=>"\nCall-ID: q\nCSeq: 1 INVITE\nMax-Forwards: 70\n'
        "Contact: <sip:a@198.51.100.10>",
    )
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 180)
    response = node.carrier.expect_response(180)
    assert response.from_tag == "1"
    assert len(response.to_tag) == 22


def test_thousands_of_required_extensions_are_refused_in_a_short_answer() -> None:
    """RFC 3261 section 8.2.2.3 wants them named; not in quadratic time, nor in more bytes than were sent."""
    node = Node()
    tags = ",".join([f"{number:x}" for number in range(5000)])
    node.carrier.invite(extra=f"Require: {tags}\n")
    response = node.carrier.expect_response(420)
    assert response.tokens("Unsupported")[:2] == ["0", "1"]
    assert len(response.tokens("Unsupported")) == 32


def test_flood_of_2xx_forks_is_acknowledged_a_few_times_only() -> None:
    """RFC 3261 section 13.2.2.4 gives no bound to forks; each costs an ACK, and a BYE that is repeated for 32 s."""
    node = Node()
    node.carrier.invite()
    invite = node.pbx.expect_request("INVITE")
    for number in range(200):
        node.pbx.reply(invite, 200, sdp(node.pbx.host), tag=f"fork-{number}")
    assert len(node.engine.egress.dialogs) < 20
    assert len(node.engine.egress.transactions) < 20


def test_fork_that_was_refused_cannot_end_the_call() -> None:
    """RFC 3261 section 13.2.2.4: the BYE of a second 2xx that crosses ours ends that dialog, not the call."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="first")
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="second")
    node.pbx.expect_request("ACK")
    bye = node.pbx.expect_request("BYE")
    node.pbx.send(
        f"BYE {invite.contacts[0].uri} SIP/2.0\nVia: SIP/2.0/UDP {node.pbx.host}:5060;branch=z9hG4bKfork\n"
        f"Max-Forwards: 70\nFrom: {invite.require('To')};tag=second\nTo: {invite.require('From')}\n"
        f"Call-ID: {invite.call_id}\nCSeq: 1 BYE"
    )
    node.pbx.expect_response(200)
    node.pbx.reply(bye, 200)
    assert node.engine.active_calls == 1
    assert node.carrier.idle()


def test_503_says_once_when_to_come_again() -> None:
    """RFC 3261 section 7.3.1: Retry-After stands once; two make a message that peers refuse to read."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 503, extra="Retry-After: 120")
    response = node.carrier.expect_response(503)
    assert isinstance(response, Response)
    assert len(response.get_all("Retry-After")) == 1
    assert node.carrier.unread == []


def test_message_that_no_datagram_carries_is_refused_here_and_fails_nothing_else() -> None:
    """A too long send would be reported as the target's fault, and end every call that is being set up toward it."""
    node = Node()
    ring(node, node.carrier, node.pbx)
    other = node.peer("other", "198.51.100.11", OUTSIDE)
    words = ", ".join(['"a" <sip:a@b>'] * 250)
    other.invite(extra="".join([f"Diversion: {words}\n" for _ in range(14)]))
    other.expect_response(500)
    assert max([len(sent.data) for sent in node.sent]) <= 65507
    assert node.engine.active_calls == 1


def test_icmp_error_fails_no_request_that_was_answered() -> None:
    """RFC 5927: anybody can send one in a target's name; RFC 3261 section 18.4 wants to know who is not there."""
    node = Node()
    ring(node, node.carrier, node.pbx)
    node.act(node.engine.send_failed(Flow(INSIDE, "UDP", node.pbx.host, 5060), node.now))
    assert node.engine.active_calls == 1


def test_overlong_call_id_is_dropped_without_an_answer() -> None:
    """Every answer would repeat it, and every transaction keep it."""
    node = Node()
    node.carrier.send(
        "INVITE sip:+4930@sbc.example.net SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKq\n"
        f"From: <sip:a@b>;tag=1\nTo: <sip:+4930@x>\nCall-ID: {'1-' * 20000}\nCSeq: 1 INVITE"
    )
    assert node.carrier.idle()
    assert len(node.engine.egress.transactions) == 0


@pytest.mark.parametrize("value", ["1800" + ";a=b" * 10000, "1800;a=" + "b" * 600 + ";x" * 200])
def test_thousands_of_parameters_are_not_read_one_by_one(value: str) -> None:
    """Each costs a microsecond or two, several times a message."""
    with pytest.raises(ParseError, match="more than 128 parameters"):
        parse_session_expires(value)


def test_route_set_that_fills_a_datagram_makes_no_dialog() -> None:
    """RFC 3261 section 12.1.1: each of our requests would have to carry it, and the BYE could not be sent."""
    node = Node()
    node.carrier.invite(extra=f"Record-Route: {', '.join(['<sip:proxy.example.net;lr>'] * 256)}\n" * 8)
    node.carrier.expect_response(400)
    assert node.engine.active_calls == 0


def test_names_in_contacts_are_forgotten_some_time() -> None:
    """Peers choose them, one a call, and each was kept for ever."""
    node = Node()
    for number in range(5000):
        node.engine.egress.ask(Sought(f"h{number}.example"))
        (lookup,) = node.engine.egress.outputs[-1:]
        assert isinstance(lookup, Lookup)
        node.locate(lookup, "192.0.2.1")
    assert len(node.engine.egress.locations) <= 4096


def test_recorder_is_bounded_in_bytes_too() -> None:
    """4000 datagrams of the largest size are a quarter of a gigabyte."""
    node = Node()
    for _ in range(400):
        node.engine.egress.record("", "in", Flow(OUTSIDE, "UDP", "192.0.2.1", 5060), bytes(60000))
    assert sum([len(entry[4]) for entry in node.engine.egress.recorder]) <= RECORDED_BYTES


def test_reinvite_that_is_never_answered_is_taken_back_and_the_call_goes_on() -> None:
    """RFC 3261 section 16.6 (Timer C): without a limit a 100 would refuse every later change of the call with 491."""
    node = Node(config(timers=Timers(liveness=0, session=0)))
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, 5000, version=2))
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 100)
    node.advance(200)
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(504))
    assert node.engine.active_calls == 1
    node.carrier.request("INVITE", sdp(node.carrier.host, 5002, version=3))
    node.pbx.expect_request("INVITE")


def test_400_has_a_to_tag_that_is_the_same_for_each_copy() -> None:
    """RFC 3261 sections 8.2.6.2 and 8.2.7: an answer without a transaction."""
    node = Node()
    text = (
        "INVITE sip:a@b SIP/2.0\nVia: SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKzz\nFrom: <sip:x@y>;tag=1\n"
        "To: <sip:a@b>\nCall-ID: 1\nCSeq: x INVITE"
    )
    node.carrier.send(text)
    node.carrier.send(text)
    first, second = node.carrier.wires
    assert first == second
    assert b"To: <sip:a@b>;tag=" in first


def test_copies_of_a_request_do_not_multiply_its_timers() -> None:
    """Timer G of a refused INVITE ran once for every copy received, each time it was due."""
    node = Node()
    node.carrier.invite(extra="Require: frobnicate\n")
    data = f"INVITE {node.carrier.target} SIP/2.0\r\n".encode()
    assert node.carrier.invite_sent is not None
    data += "".join([f"{name}: {value}\r\n" for name, value in node.carrier.invite_sent.fields]).encode()
    data += b"\r\n" + node.carrier.invite_sent.body
    for _ in range(100):
        node.carrier.raw(data)
    wheel = node.engine.egress.wheel
    node.advance(1.1)
    assert len(wheel.due(node.time + 3.5)) <= 2


def _broken(deadline: float) -> Beat:
    """A timer that meets a bug, in compiled modules too."""
    beat = Beat(Flow(0, "UDP", "192.0.2.1", 5060))
    beat.dialogs = [None]  # type: ignore[list-item]
    beat.next_timer = deadline
    return beat


def test_a_bug_in_one_timer_costs_the_timers_that_are_due_with_it_nothing() -> None:
    """They would never come again: calls without an end, INVITEs without their repeats."""
    node = Node()
    node.carrier.invite()
    node.pbx.expect_request("INVITE")
    node.engine.egress.wheel.arm(_broken(node.time + 0.1), node.time + 0.1)
    node.time += 0.6
    with pytest.raises((AttributeError, TypeError)):
        node.engine.handle_timer(node.now)
    before = len(node.pbx.wires)
    node.advance(0.02)
    assert len(node.pbx.wires) == before + 1
