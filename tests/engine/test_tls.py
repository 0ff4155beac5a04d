"""TLS as the engine sees it: who is a trunk by its certificate, what a peer must prove, and sips that stays secure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Condition
from sbc.config import Certificate, Config, Listener, Target, Tls, Trunk
from sbc.outputs import Refused
from sbc.sip import Request, parse_uri
from sbc.wire import Flow
from tests.kit.flows import answer, hang_up, ring
from tests.kit.node import CARRIER, EDGE_IN, EDGE_OUT, INSIDE, OUTSIDE, PBX, STRANGER, Node, config
from tests.kit.peer import Peer

TLS_OUT, TLS_IN = 2, 3
FILES = Tls(Certificate("edge.pem", "edge.key"))


def tls_config(
    *,
    carrier: str = f"sips:{CARRIER}",
    pbx: str = f"sip:{PBX};transport=tls",
    names: tuple[str, ...] = (),
    sources: tuple[str, ...] = (),
) -> Config:
    """The kit's node with a TLS listener on either side; only trunks may call."""
    plain = config()
    outside = Listener(TLS_OUT, "outside", "TLS", EDGE_OUT, 5061)
    inside = Listener(TLS_IN, "inside", "TLS", EDGE_IN, 5061)
    realms = {
        "outside": replace(plain.realms["outside"], listeners=(plain.listeners[OUTSIDE], outside), tls=FILES),
        "inside": replace(plain.realms["inside"], listeners=(plain.listeners[INSIDE], inside), tls=FILES),
    }
    trunks = {
        "pbx": Trunk("pbx", "inside", (Target(parse_uri(pbx)),)),
        "carrier": Trunk("carrier", "outside", (Target(parse_uri(carrier)),), sources, tls_names=names),
    }
    return replace(plain, realms=realms, trunks=trunks, listeners=(*plain.listeners, outside, inside))


class SecurePeer(Peer):
    """A user agent on a TLS connection, that has proved `names`."""

    def __init__(self, node: Node, name: str, host: str, listener: int, names: tuple[str, ...] = ()) -> None:
        super().__init__(node, name, host, listener, 5061)
        self.names = names
        self.contact = f"<sips:{name}@{host}:5061>"
        node.peers[(host, 5061)] = self

    def raw(self, data: bytes) -> None:
        data = data.replace(b"Via: SIP/2.0/UDP " + self.host.encode(), b"Via: SIP/2.0/TLS " + self.host.encode())
        data = data.replace(f"<sip:{self.name}@{self.host}:5061>".encode(), self.contact.encode())
        self.node.carry(data, Flow(self.listener, "TLS", self.host, self.port, 7, self.names))

    def call_securely(self, number: str = "+493012345") -> Request:
        """INVITE a sips URI."""
        self.remote = f"<sips:{number}@sbc.example.net>"
        self.target = f"sips:{number}@sbc.example.net"
        return self.request(
            "INVITE", b"v=0\r\no=- 1 1 IN IP4 198.51.100.10\r\ns=-\r\nc=IN IP4 198.51.100.10\r\nt=0 0\r\n"
        )


def only_the_carrier(settings: Config) -> Config:
    """With a rule that asks for the trunk."""
    rule = settings.policy.rules[0]
    condition = Condition("the carrier", lambda facts: facts.source.trunk == "carrier")
    return replace(settings, policy=replace(settings.policy, rules=(replace(rule, when=condition),)))


def test_a_sips_call_is_secure_from_end_to_end() -> None:
    """RFC 3261 sections 8.1.1.8 and 12.1.1, RFC 5630: Request-URI and Contact are sips on both sides."""
    node = Node(tls_config())
    caller = SecurePeer(node, "carrier", CARRIER, TLS_OUT)
    pbx = SecurePeer(node, "pbx", PBX, TLS_IN)
    caller.call_securely()
    caller.expect_response(100)
    invite = pbx.expect_request("INVITE")
    assert invite.request_uri == f"sips:+493012345@{PBX}"
    assert invite.contacts[0].uri.scheme == "sips"
    assert invite.vias[0].startswith("SIP/2.0/TLS 10.20.0.1:5061")
    answer(node, caller, pbx, invite)
    assert caller.target.startswith("sips:")
    hang_up(node, caller, pbx)
    node.assert_clean()


def test_a_plain_call_over_tls_names_the_transport() -> None:
    node = Node(tls_config())
    pbx = SecurePeer(node, "pbx", PBX, TLS_IN)
    pbx.contact = f"<sip:pbx@{PBX}:5061;transport=tls>"
    invite = ring(node, node.carrier, pbx)
    assert invite.request_uri == f"sip:+493012345@{PBX};transport=tls"
    answer(node, node.carrier, pbx, invite)
    hang_up(node, pbx, node.carrier)
    node.assert_clean()


def test_sips_without_a_way_by_tls_is_refused_and_goes_nowhere() -> None:
    """RFC 5630: never downgraded."""
    node = Node(tls_config(pbx=f"sip:{PBX}"))
    caller = SecurePeer(node, "carrier", CARRIER, TLS_OUT)
    caller.call_securely()
    response = caller.expect_response(480)
    assert response.get("Warning") == '380 sbc "SIPS Not Allowed"'
    assert node.pbx.idle()
    assert [transmit.flow.transport for transmit in node.sent] == ["TLS"] * len(node.sent)


@pytest.mark.parametrize("contact", ["<sip:pbx@10.20.0.5:5061>", "<sip:pbx@10.20.0.5:5061;transport=udp>"])
def test_a_secure_dialog_stays_so_whatever_contact_the_peer_gives(contact: str) -> None:
    """RFC 3261 section 12.2.1.1: the secure flag."""
    node = Node(tls_config())
    caller = SecurePeer(node, "carrier", CARRIER, TLS_OUT)
    pbx = SecurePeer(node, "pbx", PBX, TLS_IN)
    pbx.contact = contact
    caller.call_securely()
    caller.expect_response(100)
    invite = pbx.expect_request("INVITE")
    answer(node, caller, pbx, invite)
    hang_up(node, caller, pbx)
    assert {transmit.flow.transport for transmit in node.sent} == {"TLS"}


def test_a_sips_contact_in_a_dialog_without_tls_gets_nothing_in_clear() -> None:
    plain = tls_config(pbx=f"sip:{PBX}")
    inside = replace(plain.realms["inside"], listeners=plain.realms["inside"].listeners[:1])
    node = Node(replace(plain, realms={**plain.realms, "inside": inside}))
    pbx = SecurePeer(node, "pbx", PBX, INSIDE)
    pbx.port, pbx.contact = 5060, f"<sips:pbx@{PBX}>"
    node.peers[(PBX, 5060)] = pbx
    pbx.raw = lambda data: node.carry(  # type: ignore[method-assign]
        data.replace(f"<sip:pbx@{PBX}:5060>".encode(), pbx.contact.encode()), Flow(INSIDE, "UDP", PBX, 5060)
    )
    invite = ring(node, node.carrier, pbx)
    pbx.reply(invite, 200, b"v=0\r\no=- 1 1 IN IP4 10.20.0.5\r\ns=-\r\nc=IN IP4 10.20.0.5\r\nt=0 0\r\n")
    node.carrier.expect_response(200)
    assert pbx.idle()
    node.carrier.ack()
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    assert pbx.idle()
    assert node.engine.active_calls == 0


def test_a_trunk_is_known_by_the_name_it_proves_from_any_address() -> None:
    node = Node(only_the_carrier(tls_config(names=("*.carrier.example",))))
    SecurePeer(node, "pbx", PBX, TLS_IN)
    caller = SecurePeer(node, "mobile", "203.0.113.99", TLS_OUT, ("edge.carrier.example",))
    caller.invite()
    caller.expect_response(100)


@pytest.mark.parametrize("names", [(), ("carrier.example",), ("edge.other.example",)])
def test_the_address_alone_does_not_make_a_trunk_of_who_must_prove_a_name(names: tuple[str, ...]) -> None:
    node = Node(only_the_carrier(tls_config(names=("*.carrier.example",))))
    caller = SecurePeer(node, "carrier", CARRIER, TLS_OUT, names)
    caller.invite()
    caller.expect_response(403)
    node.carrier.invite()
    node.carrier.expect_response(403)


def test_a_refusal_says_which_names_did_not_do() -> None:
    node = Node(only_the_carrier(tls_config(names=("*.carrier.example",))))
    caller = SecurePeer(node, "x", STRANGER, TLS_OUT, ("a.example", "b.example"))
    caller.invite()
    refused = node.events_of(Refused)[0]
    assert isinstance(refused, Refused)
    assert refused.detail.endswith("; its certificate is for a.example, b.example")


@pytest.mark.parametrize(
    ("host", "names", "status"),
    [(CARRIER, ("carrier.example",), 100), (CARRIER, (), 403), (STRANGER, ("carrier.example",), 403)],
)
def test_with_sources_both_the_address_and_the_name_must_be_right(
    host: str, names: tuple[str, ...], status: int
) -> None:
    node = Node(only_the_carrier(tls_config(names=("carrier.example",), sources=(f"{CARRIER}/32",))))
    SecurePeer(node, "pbx", PBX, TLS_IN)
    caller = SecurePeer(node, "someone", host, TLS_OUT, names)
    caller.invite()
    caller.expect_response(status)


@pytest.mark.parametrize(
    ("carrier", "names", "wanted"),
    [
        (f"sips:{CARRIER}", (), (CARRIER,)),
        ("sips:sip.carrier.example", (), ("sip.carrier.example",)),
        ("sips:sip.carrier.example", ("*.carrier.example",), ("sip.carrier.example", "*.carrier.example")),
        ("sips:sip.carrier.example", ("other.example",), ("other.example",)),
    ],
)
def test_whom_we_call_must_prove_its_host_or_one_of_its_names(
    carrier: str, names: tuple[str, ...], wanted: tuple[str, ...]
) -> None:
    """RFC 5922 section 7.3; the first is the one asked for."""
    node = Node(tls_config(carrier=carrier, names=names))
    peer = SecurePeer(node, "carrier", CARRIER, TLS_OUT)
    node.pbx.invite()
    for lookup in node.lookups:
        node.locate(lookup, CARRIER)
    peer.expect_request("INVITE")
    flow = next(one.flow for one in node.sent if one.data.startswith(b"INVITE"))
    assert (flow.transport, flow.host, flow.port, flow.names) == ("TLS", CARRIER, 5061, wanted)
