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
    node.carrier.take_response(100)
    invite = node.pbx.take_request("INVITE")
    node.pbx.reply(invite, 180)
    node.carrier.take_response(180)
    node.pbx.reply(invite, 503)
    node.pbx.take_request("ACK")
    second.reply(second.take_request("INVITE"), 200, sdp(PBX2))
    second.take_request("ACK")
    assert node.carrier.take_response(200).to_tag == "foreign"
    node.carrier.ack()
    hang_up(node, node.carrier, second)
    node.assert_clean()
