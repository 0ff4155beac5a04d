"""Behaviour of the RFCs at the edges that attackers and odd peers look for."""

from __future__ import annotations

from tests.kit.flows import hang_up
from tests.kit.node import PBX, PBX2, Node, config
from tests.kit.peer import sdp


def test_foreign_to_tag_stays_after_failover() -> None:
    """RFC 3261 section 12.2.2: the tag an INVITE brought stands in all responses, whichever target answers."""
    node = Node(config(pbx=(f"sip:{PBX}", f"sip:{PBX2}")))
    second = node.peer("second", PBX2, node.pbx.listener)
    node.carrier.remote_tag = "foreign"
    node.carrier.invite()
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 180)
    node.carrier.expect_response(180)
    node.pbx.reply(invite, 503)
    node.pbx.expect_request("ACK")
    second.reply(second.expect_request("INVITE"), 200, sdp(PBX2))
    second.expect_request("ACK")
    assert node.carrier.expect_response(200).to_tag == "foreign"
    node.carrier.ack()
    hang_up(node, node.carrier, second)
    node.assert_clean()


def test_caller_with_dashes_in_its_number_keeps_it_and_an_address_does_not_cross() -> None:
    """RFC 3966 section 3: visual separators; `1-800-555-1234` has four groups and is no IPv4 address."""
    for user, shown in (
        ("1-800-555-1234", "1-800-555-1234@"),
        ("10-20-0-99", ""),
        ("10.20.0.99", ""),
        ("1.2.3.²", "1.2.3.²@"),
    ):
        node = Node()
        node.pbx.name = user
        node.pbx.invite()
        assert node.carrier.expect_request("INVITE").require("From").startswith(f"<sip:{shown}sbc.example.net>")
