"""Input that is meant to cost more than it should, or to raise where nobody catches."""

from __future__ import annotations

import pytest

from sbc.sip import Response
from tests.kit.flows import ring
from tests.kit.node import Node
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
    invite = node.pbx.take_request("INVITE")
    node.pbx.reply(invite, 180)
    response = node.carrier.take_response(180)
    assert response.from_tag == "1"
    assert len(response.to_tag) == 22


def test_thousands_of_required_extensions_are_refused_in_a_short_answer() -> None:
    """RFC 3261 section 8.2.2.3 wants them named; not in quadratic time, nor in more bytes than were sent."""
    node = Node()
    tags = ",".join([f"{number:x}" for number in range(5000)])
    node.carrier.invite(extra=f"Require: {tags}\n")
    response = node.carrier.take_response(420)
    assert response.tokens("Unsupported")[:2] == ["0", "1"]
    assert len(response.tokens("Unsupported")) == 32


def test_flood_of_2xx_forks_is_acknowledged_a_few_times_only() -> None:
    """RFC 3261 section 13.2.2.4 gives no bound to forks; each costs an ACK, and a BYE that is repeated for 32 s."""
    node = Node()
    node.carrier.invite()
    invite = node.pbx.take_request("INVITE")
    for number in range(200):
        node.pbx.reply(invite, 200, sdp(node.pbx.host), tag=f"fork-{number}")
    assert len(node.engine.egress.dialogs) < 20
    assert len(node.engine.egress.transactions) < 20


def test_fork_that_was_refused_cannot_end_the_call() -> None:
    """RFC 3261 section 13.2.2.4: the BYE of a second 2xx that crosses ours ends that dialog, not the call."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="first")
    node.pbx.take_request("ACK")
    node.carrier.take_response(200)
    node.carrier.ack()
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="second")
    node.pbx.take_request("ACK")
    bye = node.pbx.take_request("BYE")
    node.pbx.send(
        f"BYE {invite.contacts[0].uri} SIP/2.0\nVia: SIP/2.0/UDP {node.pbx.host}:5060;branch=z9hG4bKfork\n"
        f"Max-Forwards: 70\nFrom: {invite.require('To')};tag=second\nTo: {invite.require('From')}\n"
        f"Call-ID: {invite.call_id}\nCSeq: 1 BYE"
    )
    node.pbx.take_response(200)
    node.pbx.reply(bye, 200)
    assert node.engine.active_calls == 1
    assert node.carrier.idle()


def test_503_says_once_when_to_come_again() -> None:
    """RFC 3261 section 7.3.1: Retry-After stands once; two make a message that peers refuse to read."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 503, extra="Retry-After: 120")
    response = node.carrier.take_response(503)
    assert isinstance(response, Response)
    assert len(response.get_all("Retry-After")) == 1
    assert node.carrier.unread == []
