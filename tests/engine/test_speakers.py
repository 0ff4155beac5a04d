"""Who may speak in a dialog: its peer, wherever a peer may be, and nobody else (ADR 8)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Config, Nat
from sbc.outputs import Dropped, DropReason
from tests.kit.flows import answer, hang_up, ring, talk
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, STRANGER, Node, config
from tests.kit.peer import Peer, sdp


def take_over(thief: Peer, owner: Peer) -> Peer:
    """Everything that a message in a dialog shows of it."""
    thief.name, thief.tag, thief.call_id, thief.cseq = owner.name, owner.tag, owner.call_id, owner.cseq + 100
    thief.remote, thief.remote_tag, thief.target = owner.remote, owner.remote_tag, owner.target
    thief.invite_sent = owner.invite_sent
    return thief


def with_nat(realm: str, nat: Nat) -> Config:
    made = config()
    return replace(made, realms={**made.realms, realm: replace(made.realms[realm], nat=nat)})


@pytest.mark.parametrize("method", ["INVITE", "UPDATE", "BYE", "INFO", "OPTIONS", "MESSAGE", "PRACK"])
def test_request_from_a_third_address_finds_no_dialog(method: str) -> None:
    """Who has seen one packet knows the tags; 481 tells as much as for tags that do not exist."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    thief = take_over(node.peer("thief", STRANGER, OUTSIDE), node.carrier)
    thief.request(method, sdp(STRANGER, version=9) if method in ("INVITE", "UPDATE") else b"")
    thief.expect_response(481)
    assert node.pbx.idle()
    assert node.carrier.idle()
    assert node.engine.counters["dialog.wrong-source"] == 1
    hang_up(node, node.carrier, node.pbx)


def test_number_of_a_strangers_request_does_not_outrun_the_peers_own() -> None:
    """RFC 3261 section 12.2.2: what is refused must not be remembered as the last number."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    thief = take_over(node.peer("thief", STRANGER, OUTSIDE), node.carrier)
    thief.cseq = 1_000_000
    thief.request("INFO")
    assert node.pbx.idle()
    hang_up(node, node.carrier, node.pbx)


def test_ack_from_a_third_address_ends_no_wait_and_brings_no_description() -> None:
    """In a late offer the answer would be the thief's."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx, body=b"")
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.carrier.expect_response(200)
    thief = take_over(node.peer("thief", STRANGER, OUTSIDE), node.carrier)
    thief.ack(sdp(STRANGER))
    assert node.pbx.idle()
    (dropped,) = node.events_of(Dropped)
    assert isinstance(dropped, Dropped)
    assert dropped.reason is DropReason.WRONG_SOURCE
    node.carrier.ack(sdp(CARRIER))
    assert CARRIER.encode() in node.pbx.expect_request("ACK").body


def test_ack_with_the_branch_of_the_invite_is_no_way_round() -> None:
    """RFC 2543 peers send it so; the transaction would have passed it up for whoever had seen the INVITE."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx, body=b"")
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.carrier.expect_response(200)
    thief = take_over(node.peer("thief", STRANGER, OUTSIDE), node.carrier)
    sent = node.carrier.invite_sent
    assert sent is not None
    thief.send(
        f"ACK {thief.target} SIP/2.0\nVia: {sent.vias[0]}\nMax-Forwards: 70\nFrom: {sent.require('From')}\n"
        f"To: {thief.remote};tag={thief.remote_tag}\nCall-ID: {thief.call_id}\nCSeq: {sent.cseq.number} ACK\n"
        "Content-Type: application/sdp",
        sdp(STRANGER),
    )
    assert node.pbx.idle()


def test_peer_goes_on_from_another_port_of_its_host() -> None:
    """A NAT forgets its mapping in a silent call; the phone behind it does not notice."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    again = take_over(node.peer("again", CARRIER, OUTSIDE, port=61000), node.carrier)
    again.request("BYE")
    again.expect_response(200)
    node.pbx.expect_request("BYE")


def test_another_address_of_its_trunk_may_speak() -> None:
    """Carriers have many hosts: which ones, `sources` says."""
    made = config()
    trunk = replace(made.trunks["carrier"], sources=("198.51.100.0/28",))
    node = Node(replace(made, trunks={**made.trunks, "carrier": trunk}))
    talk(node, node.carrier, node.pbx)
    twin = take_over(node.peer("twin", "198.51.100.11", OUTSIDE), node.carrier)
    twin.request("BYE")
    twin.expect_response(200)


def test_a_trunk_may_not_speak_for_another_one() -> None:
    """Being known is not being the peer."""
    made = config()
    other = replace(made.trunks["carrier"], name="other", targets=(), sources=("203.0.113.64/28",))
    node = Node(replace(made, trunks={**made.trunks, "other": other}))
    talk(node, node.carrier, node.pbx)
    take_over(node.peer("thief", STRANGER, OUTSIDE), node.carrier).request("BYE")
    assert node.engine.active_calls == 1


def test_host_of_the_contact_may_speak() -> None:
    """A proxy that did not record its route drops out (RFC 3261 section 12.2.1.1); the phone itself goes on."""
    node = Node()
    phone = node.peer("phone", STRANGER, OUTSIDE)
    node.carrier.claims = f"<sip:phone@{STRANGER}>"
    talk(node, node.carrier, node.pbx)
    take_over(phone, node.carrier).request("BYE")
    phone.expect_response(200)


def test_host_of_another_trunk_may_not_be_named_as_contact() -> None:
    """A peer cannot lend its dialog to those whom it may not address either."""
    node = Node()
    caller = node.peer("caller", STRANGER, OUTSIDE)
    caller.claims = f"<sip:x@{CARRIER}>"
    talk(node, caller, node.pbx)
    take_over(node.carrier, caller).request("BYE")
    node.carrier.expect_response(481)


def test_peers_may_roam_where_the_realm_says_so() -> None:
    """A phone that leaves its WLAN keeps its call."""
    node = Node(with_nat("outside", Nat(roam=True)))
    talk(node, node.carrier, node.pbx)
    moved = take_over(node.peer("moved", STRANGER, OUTSIDE), node.carrier)
    moved.request("BYE")
    moved.expect_response(200)


@pytest.mark.parametrize(("roam", "status"), [(None, 200), (False, 481)])
def test_trusted_peers_roam_unless_forbidden(roam: bool | None, status: int) -> None:
    """The nodes of a PBX speak for each other."""
    node = Node(with_nat("inside", Nat(roam=roam)))
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    node.pbx.remote = invite.require("From").partition(";tag=")[0]
    twin = take_over(node.peer("twin", "10.20.0.77", INSIDE), node.pbx)
    twin.request("BYE")
    twin.expect_response(status)
