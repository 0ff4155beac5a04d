"""One packet with a forged source must not become many toward whoever lives there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Action
from sbc.config import Bounds, Config
from sbc.outputs import Dropped
from tests.kit.flows import ring
from tests.kit.node import CARRIER, EDGE_OUT, OUTSIDE, STRANGER, Node, config
from tests.kit.peer import Peer, sdp


def refusing(status: int = 403) -> Config:
    made = config()
    return replace(made, policy=replace(made.policy, rules=(), default=Action(reject=status)))


def test_refusal_of_a_strangers_invite_is_sent_once() -> None:
    """RFC 3261 section 17.2.1 would repeat it ten times in 32 s."""
    node = Node(refusing())
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.invite()
    node.advance(64)
    assert [wire[:11] for wire in stranger.wires] == [b"SIP/2.0 403"]
    assert len(node.engine.egress.transactions) == 0


def test_less_goes_back_than_came() -> None:
    """In bytes too: all Vias, tags and names are the sender's own."""
    node = Node(refusing())
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    invite = stranger.invite()
    node.advance(64)
    came = len(b"".join(f"{name}: {value}\r\n".encode() for name, value in invite.fields)) + len(invite.body)
    assert sum(len(wire) for wire in stranger.wires) < came


def test_each_copy_of_the_invite_has_the_same_answer() -> None:
    """RFC 3261 section 8.2.7: who lost it asks again, and must see the same tag."""
    node = Node(refusing())
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.invite()
    sent = stranger.invite_sent
    assert sent is not None
    data = f"INVITE {sent.request_uri} SIP/2.0\r\n".encode()
    data += "".join([f"{name}: {value}\r\n" for name, value in sent.fields]).encode() + b"\r\n" + sent.body
    stranger.raw(data)
    stranger.raw(data)
    assert len(stranger.wires) == 3
    assert len(set(stranger.wires)) == 1


def test_ack_to_such_a_refusal_is_no_stray() -> None:
    """Each refused stranger would fill the log twice."""
    node = Node(refusing())
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.invite()
    stranger.ack_failure(stranger.expect_response(403))
    assert node.events_of(Dropped) == []


@pytest.mark.parametrize("fault", ["Require: frobnicate\n", "Content-Encoding: gzip\n"])
def test_what_the_firewall_refuses_is_sent_once_too(fault: str) -> None:
    """The cheapest refusals are what a reflector is asked for."""
    node = Node()
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.invite(extra=fault)
    node.advance(64)
    assert len(stranger.wires) == 1


def test_invite_in_a_dialog_that_does_not_exist_is_refused_once() -> None:
    """With a To tag in the shape of ours."""
    node = Node()
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.target, stranger.remote, stranger.remote_tag = f"sip:x@{EDGE_OUT}", "<sip:x@y>", "0" * 22
    stranger.request("INVITE", sdp(STRANGER))
    node.advance(64)
    assert [wire[:11] for wire in stranger.wires] == [b"SIP/2.0 481"]


def test_trunk_has_its_refusal_repeated_until_its_ack() -> None:
    """RFC 3261 section 17.2.1: it is where it says it is."""
    node = Node(refusing())
    node.carrier.invite()
    node.advance(64)
    assert len(node.carrier.wires) == 11


def test_failure_of_a_strangers_call_is_repeated_three_times() -> None:
    """After 100 Trying it sends nothing by itself that would ask for the loss: some repeats there must be."""
    node = Node()
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.sees_copies = True
    invite = ring(node, stranger, node.pbx)
    node.pbx.reply(invite, 486)
    node.advance(64)
    assert len([wire for wire in stranger.wires if wire.startswith(b"SIP/2.0 486")]) == 4
    assert len(node.engine.egress.transactions) == 0


def test_full_table_answers_trunks_and_drops_strangers() -> None:
    """503 with Retry-After, without a transaction; calls for help go on."""
    node = Node(replace(config(), bounds=Bounds(transactions=0)))
    node.carrier.invite()
    refused = node.carrier.expect_response(503)
    assert refused.get("Retry-After") == "30"
    node.carrier.ack_failure(refused)
    stranger = node.peer("stranger", STRANGER, OUTSIDE)
    stranger.invite()
    assert stranger.wires == []
    assert node.engine.counters["shed.limits.transactions"] == 1
    assert node.engine.counters["dropped.overload"] == 1
    assert len(node.engine.egress.transactions) == 0
    helped = Peer(node, "helped", CARRIER, OUTSIDE, 5070)
    node.peers[(CARRIER, 5070)] = helped
    helped.target, helped.remote = "urn:service:sos", "<urn:service:sos>"
    helped.request("INVITE", sdp(CARRIER))
    node.pbx.expect_request("INVITE")
