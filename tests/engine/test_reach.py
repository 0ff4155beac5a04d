"""Where requests of ours in a dialog go: to the peer, and never to where a peer would like to send us (ADR 8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Config, Nat, Target
from sbc.sip import parse_uri
from tests.engine.test_tls import TLS_OUT, SecurePeer, tls_config
from tests.kit.flows import ring, talk
from tests.kit.node import CARRIER, EDGE_IN, OUTSIDE, PBX, STRANGER, Node, config
from tests.kit.peer import Peer, sdp

PHONE = "203.0.113.66"


def with_nat(realm: str, nat: Nat) -> Config:
    made = config()
    return replace(made, realms={**made.realms, realm: replace(made.realms[realm], nat=nat)})


def called_by(node: Node, contact: str, extra: str = "") -> Peer:
    """A call from a phone outside that shows this Contact; what was sent so far is forgotten."""
    phone = node.peer("phone", PHONE, OUTSIDE)
    phone.claims = contact
    phone.invite(extra=extra)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    phone.expect_response(200)
    phone.ack()
    node.sent.clear()
    return phone


def bye_went_to(node: Node) -> tuple[str, int]:
    """The PBX hangs up; where our BYE goes."""
    node.pbx.request("BYE")
    (sent,) = [sent for sent in node.sent if sent.data.startswith(b"BYE ") and sent.flow.listener == OUTSIDE]
    return sent.flow.host, sent.flow.port


@pytest.mark.parametrize(
    "host",
    [
        "10.20.0.99:8080",
        "192.168.1.20:5060",
        "100.64.3.3",
        "127.0.0.1:5060",
        "169.254.169.254:80",
        "[::1]:5060",
        "[::ffff:10.20.0.99]",
        "[64:ff9b::a14:63]",
        "127.1",
        "2130706433",
        "224.0.0.1",
        f"{PBX}:5060",
        EDGE_IN,
        CARRIER,
    ],
)
def test_target_that_is_not_the_peers_to_name_is_replaced_by_its_flow(host: str) -> None:
    """Private, loopback, another realm's, another trunk's. The Request-URI stays: a phone expects its own Contact."""
    node = Node()
    phone = called_by(node, f"<sip:a@{host}>")
    assert bye_went_to(node) == (PHONE, 5060)
    assert phone.expect_request("BYE").request_uri == f"sip:a@{host}"


def test_route_through_an_inner_host_is_not_taken() -> None:
    """A Record-Route is the peer's word as much as its Contact."""
    node = Node()
    called_by(node, f"<sip:a@{PHONE}>", extra="Record-Route: <sip:10.20.0.99;lr>\n")
    assert bye_went_to(node) == (PHONE, 5060)


def test_public_contact_of_a_peer_is_followed() -> None:
    """A proxy that did not record its route is left out (RFC 3261 section 12.2.1.1)."""
    node = Node()
    called_by(node, "<sip:a@203.0.113.99:5070>")
    assert bye_went_to(node) == ("203.0.113.99", 5070)


def test_port_of_the_contact_counts_on_the_peers_own_host() -> None:
    """Who sends from one port may listen on another."""
    node = Node()
    called_by(node, f"<sip:a@{PHONE}:5090>")
    assert bye_went_to(node) == (PHONE, 5090)


@pytest.mark.parametrize("port", [5060, 5070])
def test_a_peer_that_roams_is_where_it_spoke_last(port: int) -> None:
    """From the port that it had, too; a Contact that is no place of its leads there (ADR 8)."""
    node = Node(with_nat("outside", Nat(roam=True)))
    phone = called_by(node, "<sip:a@10.0.0.9>")
    moved = node.peer("moved", "203.0.113.99", OUTSIDE, port)
    for name in ("call_id", "tag", "remote_tag", "remote", "target", "cseq"):
        setattr(moved, name, getattr(phone, name))
    moved.request("OPTIONS")
    node.pbx.expect_request("OPTIONS")
    assert bye_went_to(node) == ("203.0.113.99", port)


def test_a_name_that_resolves_to_an_inner_host_is_not_followed() -> None:
    """DNS rebinding: the name is the peer's, and so are its addresses."""
    node = Node()
    called_by(node, "<sip:a@rebind.example>")
    node.pbx.request("BYE")
    node.locate(node.lookups[-1], "10.20.0.99")
    (sent,) = [sent for sent in node.sent if sent.data.startswith(b"BYE ")]
    assert sent.flow.host == PHONE


def test_a_known_name_is_judged_each_time() -> None:
    """What one peer's look-up left behind is not good for all."""
    node = Node()
    called_by(node, "<sip:a@rebind.example>")
    node.pbx.request("INFO")
    node.locate(node.lookups[-1], "10.20.0.99")
    node.sent.clear()
    assert bye_went_to(node) == (PHONE, 5060)


def test_a_name_without_address_leaves_the_flow() -> None:
    """The peer is there, whatever its Contact is called."""
    node = Node()
    called_by(node, "<sip:a@nowhere.example>")
    node.pbx.request("BYE")
    node.locate(node.lookups[-1])
    (sent,) = [sent for sent in node.sent if sent.data.startswith(b"BYE ")]
    assert sent.flow.host == PHONE


def test_a_name_of_another_realm_is_not_even_looked_up() -> None:
    """What a look-up gives would tell whether it exists."""
    node = Node(config(pbx=(f"sip:{PBX}", "sip:pbx.corp.local:5080")))
    phone = called_by(node, "<sip:a@pbx.corp.local>")
    node.lookups.clear()
    node.pbx.request("BYE")
    assert node.lookups == []
    phone.expect_request("BYE")


def test_ack_to_the_2xx_of_an_outside_callee_goes_to_where_the_callee_is() -> None:
    """The first request that a Contact can aim; copies of the 2xx get the same."""
    node = Node()
    node.carrier.claims = "<sip:a@10.20.0.99:8080>"
    node.carrier.sees_copies = True
    talk(node, node.pbx, node.carrier)
    acks = [sent.flow.host for sent in node.sent if sent.data.startswith(b"ACK ")]
    assert acks == [CARRIER]
    got = node.carrier.invite_got
    assert got is not None
    node.carrier.reply(got, 200, sdp(CARRIER))
    acks = [sent.flow.host for sent in node.sent if sent.data.startswith(b"ACK ")]
    assert acks == [CARRIER, CARRIER]


def test_2xx_without_contact_is_acknowledged_at_the_flow() -> None:
    """RFC 3261 section 12.1.2 wants a Contact; without one the callee is where the INVITE went, port included."""
    made = config()
    target = Target(parse_uri(f"sip:{CARRIER}:5099"))
    node = Node(replace(made, trunks={**made.trunks, "carrier": replace(made.trunks["carrier"], targets=(target,))}))
    gateway = node.peer("gateway", CARRIER, OUTSIDE, port=5099)
    gateway.claims = ""
    talk(node, node.pbx, gateway)
    node.pbx.request("BYE")
    gateway.expect_request("BYE")


def test_reinvite_with_another_contact_is_judged_anew() -> None:
    """RFC 3261 section 12.2.2: a target refresh is one more claim."""
    node = Node()
    phone = called_by(node, f"<sip:a@{PHONE}>")
    phone.claims = "<sip:a@10.20.0.99>"
    phone.request("INVITE", sdp(PHONE, version=2))
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp(PBX, version=2))
    node.pbx.expect_request("ACK")
    phone.expect_response(200)
    phone.ack()
    node.sent.clear()
    assert bye_went_to(node) == (PHONE, 5060)


def test_in_dialog_requests_follow_the_peers_mapping() -> None:
    """RFC 3581: after the NAT has given the phone another port, our requests go there."""
    node = Node()
    phone = called_by(node, "<sip:a@192.168.1.20>")
    moved = node.peer("moved", PHONE, OUTSIDE, port=61000)
    moved.name, moved.tag, moved.call_id, moved.cseq = phone.name, phone.tag, phone.call_id, phone.cseq
    moved.remote, moved.remote_tag, moved.target, moved.claims = (
        phone.remote,
        phone.remote_tag,
        phone.target,
        phone.claims,
    )
    moved.request("INFO")
    node.pbx.reply(node.pbx.expect_request("INFO"), 200)
    moved.expect_response(200)
    assert bye_went_to(node) == (PHONE, 61000)


def test_realm_may_send_all_to_the_flow() -> None:
    """Phones whose router rewrites their Contact, to a port that nobody listens on."""
    node = Node(with_nat("outside", Nat(peers="always")))
    called_by(node, f"<sip:a@{PHONE}:5090>")
    assert bye_went_to(node) == (PHONE, 5060)


def test_trunk_is_called_as_it_asks_even_so() -> None:
    """It is known by its addresses."""
    node = Node(with_nat("outside", Nat(peers="always")))
    node.carrier.claims = f"<sip:carrier@{CARRIER}:5090>"
    talk(node, node.carrier, node.pbx)
    assert bye_went_to(node) == (CARRIER, 5090)


def test_trunk_behind_a_tunnel_is_answered_through_it() -> None:
    """What it says of itself is true behind the tunnel only; should the connection break, that is what is left."""
    made = tls_config(pbx=f"sip:{PBX}")
    outside = replace(made.realms["outside"], nat=Nat(peers="always"))
    node = Node(replace(made, realms={**made.realms, "outside": outside}))
    tunnel = SecurePeer(node, "carrier", CARRIER, TLS_OUT)
    tunnel.contact = f"<sip:carrier@{CARRIER}:5090;transport=tls>"
    talk(node, tunnel, node.pbx)
    node.sent.clear()
    node.pbx.request("BYE")
    (sent,) = [sent for sent in node.sent if sent.data.startswith(b"BYE ")]
    assert sent.flow.connection == 7
    assert tunnel.expect_request("BYE").request_uri == f"sip:carrier@{CARRIER}:5090;transport=tls"
    node.act(node.engine.send_failed(sent.flow, node.now))
    again = node.sent[-1]
    assert again.data.startswith(b"BYE ")
    assert (again.flow.transport, again.flow.port, again.flow.connection) == ("TLS", 5090, 0)


def test_response_to_a_phone_that_forgets_rport_goes_back_through_its_nat() -> None:
    """The port in a Via with a private host leads nowhere (RFC 3581 section 1)."""
    node = Node()
    phone = node.peer("phone", PHONE, OUTSIDE, port=61000)
    phone.send(
        "OPTIONS sip:sbc.example.net SIP/2.0\nVia: SIP/2.0/UDP 192.168.1.20:5060;branch=z9hG4bKold\nMax-Forwards: 70\n"
        "From: <sip:a@b>;tag=1\nTo: <sip:sbc.example.net>\nCall-ID: o\nCSeq: 1 OPTIONS"
    )
    phone.expect_response(200)


@pytest.mark.parametrize("host", ["10.20.0.77", "192.168.5.5"])
def test_trusted_peers_are_followed(host: str) -> None:
    """The nodes of a PBX answer for each other, in whatever private network."""
    node = Node()
    node.pbx.claims = f"<sip:pbx@{host}>"
    node.pbx.reply(ring(node, node.carrier, node.pbx), 200, sdp(PBX))
    assert [sent.flow.host for sent in node.sent if sent.data.startswith(b"ACK ")] == [host]


def test_trusted_phone_behind_a_nat_is_reached_there() -> None:
    """A private Contact from a public address."""
    node = Node()
    phone = node.peer("home", STRANGER, 1)
    phone.claims = "<sip:home@192.168.1.20>"
    talk(node, phone, node.carrier)
    node.sent.clear()
    node.carrier.request("BYE")
    phone.expect_request("BYE")
