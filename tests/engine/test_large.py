"""Requests that are too large for a datagram, and ways that turn out to be closed."""

from __future__ import annotations

from dataclasses import replace

from sbc.config import Config, Listener, Target
from sbc.outputs import Transmit
from sbc.sip import Request, parse_message, parse_uri
from sbc.wire import Flow
from tests.kit.node import CARRIER, EDGE_IN, EDGE_OUT, PBX, Node, config, document
from tests.kit.peer import Peer, sdp

TCP_OUT, TCP_IN = 2, 3
LONG = sdp(CARRIER) + b"".join(b"a=rtpmap:%d opus/48000/2\r\n" % number for number in range(96, 127)) * 2


def with_tcp(large: str = "tcp", pbx: str = f"sip:{PBX}") -> Config:
    """Both realms listen on TCP too."""
    made = config()
    outside, inside = made.listeners
    tcp_out = Listener(TCP_OUT, "outside", "TCP", EDGE_OUT, 5060)
    tcp_in = Listener(TCP_IN, "inside", "TCP", EDGE_IN, 5060)
    realms = {
        "outside": replace(made.realms["outside"], listeners=(outside, tcp_out)),
        "inside": replace(made.realms["inside"], listeners=(inside, tcp_in)),
    }
    trunk = replace(made.trunks["pbx"], large_requests=large, targets=(Target(parse_uri(pbx)),))
    return replace(
        made,
        realms=realms,
        listeners=(outside, inside, tcp_out, tcp_in),
        trunks={**made.trunks, "pbx": trunk},
        policy=document(),
    )


def invites(node: Node) -> list[Transmit]:
    return [sent for sent in node.sent if sent.data.startswith(b"INVITE ")]


def call(node: Node, body: bytes = LONG) -> Transmit:
    """The carrier calls; the INVITE that went to the PBX last."""
    node.carrier.cseq += 1
    node.carrier.call_id += "x"
    node.carrier.remote_tag = ""
    node.carrier.invite(body=body)
    return invites(node)[-1]


def via_of(sent: Transmit) -> str:
    message = parse_message(sent.data)
    assert isinstance(message, Request)
    return message.vias[0]


def test_large_request_goes_by_tcp_and_its_via_says_so() -> None:
    """RFC 3261 section 18.1.1: beyond 1300 bytes; the Contact stays as it is, since the dialog is one by UDP."""
    node = Node(with_tcp())
    sent = call(node)
    assert len(sent.data) > 1300
    assert (sent.flow.transport, sent.flow.listener, sent.flow.host, sent.flow.port) == ("TCP", TCP_IN, PBX, 5060)
    assert via_of(sent).startswith(f"SIP/2.0/TCP {EDGE_IN}:5060;branch=z9hG4bK")
    assert "rport" not in via_of(sent)
    assert b"transport=tcp" not in sent.data
    node.advance(10)
    assert len(invites(node)) == 1, "TCP repeats by itself"


def test_small_request_stays_with_udp() -> None:
    """The rule is for what may be fragmented."""
    node = Node(with_tcp())
    assert call(node, sdp(CARRIER)).flow.transport == "UDP"


def test_trunk_may_forbid_tcp() -> None:
    """Some drop what they do not expect, and connecting takes five seconds to fail."""
    node = Node(with_tcp(large="udp"))
    assert call(node).flow.transport == "UDP"


def test_realm_without_tcp_listener_sends_fragments() -> None:
    """There is nothing else."""
    node = Node()
    assert call(node).flow.transport == "UDP"


def test_refused_connection_sends_the_same_request_by_udp() -> None:
    """RFC 3261 section 18.1.1: the element should retry by UDP; the branch tells the two apart from no other."""
    node = Node(with_tcp())
    first = call(node)
    node.act(node.engine.send_failed(first.flow, node.now))
    second = invites(node)[-1]
    assert (second.flow.transport, second.flow.host, second.flow.port) == ("UDP", PBX, 5060)
    assert via_of(second).startswith(f"SIP/2.0/UDP {EDGE_IN}:5060;branch=z9hG4bK")
    assert via_of(second).partition("branch=")[2].partition(";")[0] == via_of(first).partition("branch=")[2]
    assert first.data.partition(b"\r\n\r\n")[2] == second.data.partition(b"\r\n\r\n")[2]
    invite = node.pbx.take()
    assert isinstance(invite, Request)
    node.pbx.inbox.clear()
    parsed = parse_message(second.data)
    assert isinstance(parsed, Request)
    node.pbx.reply(parsed, 486)
    node.carrier.expect_response(486)


def test_closed_door_is_remembered_for_five_minutes() -> None:
    """Each call would wait for it anew."""
    node = Node(with_tcp())
    first = call(node)
    node.act(node.engine.send_failed(first.flow, node.now))
    assert call(node).flow.transport == "UDP"
    node.advance(301)
    assert call(node).flow.transport == "TCP"


def test_where_udp_fails_too_the_next_target_has_its_turn() -> None:
    """A detour is no second chance for ever."""
    node = Node(with_tcp())
    first = call(node)
    node.act(node.engine.send_failed(first.flow, node.now))
    node.act(node.engine.send_failed(invites(node)[-1].flow, node.now))
    assert [sent.flow.transport for sent in invites(node)] == ["TCP", "UDP"]
    node.carrier.expect_response(408)


def test_large_ack_that_did_not_arrive_goes_by_udp_with_the_next_copy_of_the_answer() -> None:
    """An ACK to a 2xx has no transaction: its loss shows by a copy of the 2xx (RFC 3261 section 13.2.2.4)."""
    node = Node(with_tcp())
    node.carrier.invite(body=b"")
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.carrier.expect_response(200)
    node.carrier.ack(LONG)
    acks = [sent for sent in node.sent if sent.data.startswith(b"ACK ")]
    assert [sent.flow.transport for sent in acks] == ["TCP"]
    node.act(node.engine.send_failed(acks[0].flow, node.now))
    node.pbx.reply(invite, 200, sdp(PBX))
    acks = [sent for sent in node.sent if sent.data.startswith(b"ACK ")]
    assert [sent.flow.transport for sent in acks] == ["TCP", "UDP", "UDP"]
    assert [via_of(sent)[:11] for sent in acks] == ["SIP/2.0/TCP", "SIP/2.0/UDP", "SIP/2.0/UDP"]


def test_contact_that_refuses_leaves_the_place_where_the_peer_was_seen() -> None:
    """A port of the Contact that nobody listens on: ICMP says so, and the peer is still there."""
    node = Node()
    phone = node.peer("phone", "203.0.113.66", 0)
    phone.claims = "<sip:phone@203.0.113.66:5999>"
    phone.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    phone.expect_response(200)
    phone.ack()
    node.pbx.request("BYE")
    bye = node.sent[-1]
    assert bye.flow.port == 5999
    node.act(node.engine.send_failed(bye.flow, node.now))
    phone.expect_request("BYE")


def _over_tcp(peer: Peer, connection: int, port: int) -> None:
    """The peer speaks by a connection of its own."""
    flow = Flow(TCP_OUT, "TCP", peer.host, port, connection)

    def raw(data: bytes) -> None:
        peer.node.carry(data.replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP"), flow)

    peer.raw = raw  # type: ignore[method-assign]


def test_requests_to_a_phone_take_the_connection_that_it_opened() -> None:
    """The port in its Contact is behind its NAT; where the connection is lost, the Contact is tried."""
    node = Node(with_tcp())
    phone = node.peer("phone", "203.0.113.66", 0)
    _over_tcp(phone, 7, 40000)
    phone.claims = "<sip:phone@203.0.113.66:5062;transport=tcp>"
    phone.invite()
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    answer = [sent for sent in node.sent if sent.flow.connection == 7][-1]
    parsed = parse_message(answer.data)
    assert not isinstance(parsed, Request)
    phone.remote_tag, phone.target = parsed.to_tag, str(parsed.contacts[0].uri)
    phone.ack()
    node.pbx.request("BYE")
    bye = [sent for sent in node.sent if sent.data.startswith(b"BYE ")][-1]
    assert (bye.flow.connection, bye.flow.port, bye.flow.transport) == (7, 40000, "TCP")
    node.act(node.engine.send_failed(bye.flow, node.now))
    bye = [sent for sent in node.sent if sent.data.startswith(b"BYE ")][-1]
    assert (bye.flow.connection, bye.flow.port, bye.flow.transport) == (0, 5062, "TCP")
