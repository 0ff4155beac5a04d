"""Credentials stay with whom they were made for, wherever a request goes in the end (RFC 3261 section 22.3)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Redirect, Target
from sbc.sip import parse_uri
from tests.engine.test_redirects import send_away
from tests.engine.test_registrations import AUTH, SECOND, ask, assert_authorised, carrier
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, Node, config
from tests.kit.peer import sdp


def test_what_goes_another_way_than_to_the_trunk_is_sent_again_without_credentials() -> None:
    """RFC 3261 section 22.3: the trunk's port is closed, and whoever spoke in the call last was somebody else."""
    made = config()
    node = Node(replace(made, trunks={**made.trunks, "pbx": replace(made.trunks["pbx"], auth=AUTH)}))
    roamer = node.peer("roamer", "10.20.0.77", INSIDE, 5070)
    node.carrier.invite()
    ask(node.pbx, node.pbx.expect_request("INVITE"))
    node.pbx.expect_request("ACK")
    second = node.pbx.expect_request("INVITE")
    assert_authorised(second, "n1")
    node.pbx.reply(second, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    for name in ("call_id", "tag", "remote_tag", "remote", "target", "cseq"):
        setattr(roamer, name, getattr(node.pbx, name))
    roamer.request("OPTIONS")
    node.carrier.request("INVITE", sdp(CARRIER, 4002, version=2))
    sent = node.sent[-1]
    assert sent.flow.host == PBX
    assert b"\r\nAuthorization: " in sent.data
    node.act(node.engine.send_failed(sent.flow, node.now))
    assert node.sent[-1].flow.host == "10.20.0.77"
    assert node.sent[-1].data.startswith(b"INVITE ")
    assert b"uthorization" not in b"".join(roamer.wires)


@pytest.mark.parametrize("asked_before", [True, False])
def test_what_a_redirect_leads_to_gets_no_credentials(asked_before: bool) -> None:
    """RFC 3261 section 22.3: they are for whoever asked; a host that `redirect.hosts` lists has its own users."""
    node = Node(carrier(redirect=Redirect("follow", 5, ("198.51.100.0/24",))))
    other = node.peer("other", SECOND, OUTSIDE)
    node.pbx.invite()
    invite = node.carrier.expect_request("INVITE")
    if asked_before:
        ask(node.carrier, invite)
        node.carrier.expect_request("ACK")
        invite = node.carrier.expect_request("INVITE")
        assert_authorised(invite, "n1")
    send_away(node.carrier, invite, f"<sip:+4930@{SECOND}>")
    ask(other, other.expect_request("INVITE"), "n7")
    other.expect_request("ACK")
    assert other.idle()
    assert b"uthorization" not in b"".join(other.wires)
    node.pbx.expect_response(403)


def test_a_redirect_to_another_target_of_the_trunk_keeps_its_credentials() -> None:
    """It is the same account, whichever of its hosts takes the call."""
    targets = (Target(parse_uri(f"sip:{CARRIER}")), Target(parse_uri(f"sip:{SECOND}"), 2))
    node = Node(carrier(redirect=Redirect("follow", 5), targets=targets))
    other = node.peer("other", SECOND, OUTSIDE)
    node.pbx.invite()
    send_away(node.carrier, node.carrier.expect_request("INVITE"), f"<sip:+4930@{SECOND}>")
    ask(other, other.expect_request("INVITE"), "n7")
    other.expect_request("ACK")
    assert_authorised(other.expect_request("INVITE"), "n7")
