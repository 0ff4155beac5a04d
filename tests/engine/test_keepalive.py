"""Ways to peers behind NATs, kept open in virtual time."""

from __future__ import annotations

from dataclasses import replace

from sbc import keepalive
from sbc.config import Nat
from sbc.outputs import Transmit
from sbc.sip import Request, parse_message
from tests.engine.test_outside import register
from tests.kit.flows import talk
from tests.kit.node import OUTSIDE, STRANGER, Node, config
from tests.kit.peer import Peer


def node_with(keep_alive: str, every: float = 25.0) -> Node:
    made = config()
    nat = Nat(keep_alive=keep_alive, every=every)
    return Node(replace(made, realms={**made.realms, "outside": replace(made.realms["outside"], nat=nat)}))


def registered(node: Node, expires: int = 600, host: str = STRANGER, port: int = 61000) -> Peer:
    phone = node.peer("alice", host, OUTSIDE, port=port)
    register(phone, contact="<sip:alice@192.168.1.20:5060>", extra=f"Expires: {expires}\n")
    request = node.pbx.expect_request("REGISTER")
    token = request.contacts[0].uri.user
    node.pbx.reply(request, 200, extra=f"Contact: <sip:{token}@10.20.0.1>;expires={expires}")
    phone.expect_response(200)
    node.sent.clear()
    return phone


def pings(node: Node) -> list[Transmit]:
    return [sent for sent in node.sent if sent.data == b"\r\n\r\n"]


def questions(node: Node) -> list[Transmit]:
    return [sent for sent in node.sent if sent.data.startswith(b"OPTIONS ") and sent.flow.listener == OUTSIDE]


def test_registered_phone_gets_line_ends_at_least_as_often_as_asked_for() -> None:
    """RFC 5626 section 4.4.1; to the port that its NAT has given it."""
    node = node_with("crlf")
    registered(node)
    node.advance(250)
    assert 10 <= len(pings(node)) <= 13
    assert {(sent.flow.host, sent.flow.port) for sent in pings(node)} == {(STRANGER, 61000)}


def test_line_ends_stop_with_the_registration() -> None:
    """Whoever has the address by then did not ask for them."""
    node = node_with("crlf")
    registered(node, expires=60)
    node.advance(90)
    count = len(pings(node))
    assert count >= 2
    node.advance(300)
    assert len(pings(node)) == count
    assert len(node.engine.keeper) == 0


def test_refreshed_registration_is_kept_on() -> None:
    """And not twice as often."""
    node = node_with("crlf")
    phone = registered(node, expires=60)
    for _ in range(5):
        node.advance(50)
        register(phone, contact="<sip:alice@192.168.1.20:5060>", extra="Expires: 60\n")
        node.pbx.reply(node.pbx.expect_request("REGISTER"), 200)
        phone.inbox.clear()
    assert 10 <= len(pings(node)) <= 13
    assert len(node.engine.keeper) == 1


def test_refused_registration_keeps_nothing() -> None:
    """A claim costs no traffic toward whoever's address it came from."""
    node = node_with("crlf")
    phone = node.peer("alice", STRANGER, OUTSIDE)
    register(phone)
    node.pbx.reply(node.pbx.expect_request("REGISTER"), 403)
    assert len(node.engine.keeper) == 0


def test_phone_in_a_call_is_kept_as_long_as_the_call() -> None:
    """A mapping that is gone would lose the other side's BYE."""
    node = node_with("crlf")
    phone = node.peer("phone", STRANGER, OUTSIDE)
    talk(node, phone, node.pbx)
    node.sent.clear()
    node.advance(100)
    assert len(pings(node)) >= 4
    node.pbx.request("BYE")
    phone.reply(phone.expect_request("BYE"), 200)
    node.sent.clear()
    node.advance(100)
    assert pings(node) == []
    assert len(node.engine.keeper) == 0


def test_trunks_and_other_realms_get_nothing() -> None:
    """They are reached where their configuration says."""
    node = node_with("crlf")
    talk(node, node.carrier, node.pbx)
    node.advance(100)
    assert pings(node) == []


def test_question_is_answered_and_asked_again() -> None:
    """Some NATs count only what comes from inside: the answer does."""
    node = node_with("options")
    phone = registered(node, expires=3600)
    for _ in range(10):
        node.advance(25)
        while not phone.idle():
            message = phone.take()
            assert isinstance(message, Request)
            phone.reply(message, 200)
    asked = {parse_message(sent.data).call_id for sent in questions(node)}
    assert 9 <= len(asked) <= 13
    assert b"10.20." not in b"".join(sent.data for sent in questions(node))


def test_phone_that_answers_no_more_is_left_alone() -> None:
    """Three questions, each repeated as any request; then its address may be somebody else's."""
    node = node_with("options")
    registered(node, expires=86400)
    node.advance(300)
    asked = {parse_message(sent.data).call_id for sent in questions(node)}
    assert len(asked) == keepalive.MISSES
    assert len(questions(node)) <= keepalive.MISSES * 11
    assert node.engine.keeper.silent == 1
    assert len(node.engine.keeper) == 0


def test_way_that_leads_nowhere_is_given_up_at_once() -> None:
    """ICMP, or a connection that broke."""
    node = node_with("crlf")
    registered(node)
    node.advance(26)
    node.act(node.engine.send_failed(pings(node)[0].flow, node.now))
    count = len(pings(node))
    node.advance(200)
    assert len(pings(node)) == count


def test_number_of_ways_is_bounded() -> None:
    """What is beyond the bound has to keep itself; registrations stand."""
    node = node_with("crlf")
    node.engine.keeper.capacity = 3
    for port in range(61000, 61005):
        registered(node, port=port)
    assert len(node.engine.keeper) == 3


def test_beats_are_spread() -> None:
    """A restart or a flood of registrations must not become a burst every 25 seconds."""
    node = node_with("crlf")
    for port in range(61000, 61020):
        registered(node, port=port)
    start = node.time
    moments = set()
    while node.time < start + 25:
        before = len(pings(node))
        node.advance(0.25)
        if len(pings(node)) > before:
            moments.add(node.time)
    assert len(moments) > 5
