"""Attended transfer: the dialog that Replaces names runs through this node (RFC 3891, RFC 5589 section 7)."""

from __future__ import annotations

import pytest

from sbc.outputs import CallEnded
from sbc.sip import Request
from tests.kit.flows import assert_no_leak, hang_up, talk
from tests.kit.peer import Peer, sdp
from tests.kit.transfers import (
    TO_CARRIER2,
    TO_PBX2,
    Transfers,
    accept_call,
    accept_reinvite,
    accepted,
    expect_bye,
    expect_notify,
    refer,
    talking,
    transfer_config,
)


def replaces_of(peer: Peer, early: bool = False) -> str:
    """The peer's dialog as Replaces in a Refer-To names it: `to-tag` is the other side's, escaped."""
    tail = "%3Bearly-only" if early else ""
    call_id = peer.call_id.replace("@", "%40")
    return f"{call_id}%3Bto-tag%3D{peer.remote_tag}%3Bfrom-tag%3D{peer.tag}{tail}"


def consult(node: Transfers, target: str) -> Peer:
    """The PBX holds nobody and calls a second party by its second line; who that is."""
    new = node.carrier2 if target == TO_CARRIER2 else node.pbx2
    node.line2.invite(target)
    node.line2.expect_response(100)
    accept_call(new)
    node.line2.expect_response(200)
    node.line2.ack()
    return new


def ask(node: Transfers, target: str = TO_CARRIER2, early: bool = False) -> None:
    """REFER with Replaces by the first line."""
    refer(node.pbx, f"sip:{target}@sbc.example.net?Replaces={replaces_of(node.line2, early)}")


def ring_second(node: Transfers) -> Request:
    """The second carrier rings for the second line."""
    node.line2.invite(TO_CARRIER2)
    node.line2.expect_response(100)
    invite = node.carrier2.expect_request("INVITE")
    node.carrier2.reply(invite, 180)
    node.line2.expect_response(180)
    return invite


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("target", [TO_CARRIER2, TO_PBX2])
@pytest.mark.parametrize("from_outside", [True, False])
def test_the_two_who_are_left_are_joined_without_a_new_call(mode: str, target: str, from_outside: bool) -> None:
    """RFC 5589 section 7.1: both surviving dialogs are ours; the asker's lines get their ends."""
    node = Transfers(transfer_config(mode=mode))
    caller, callee = (node.carrier, node.pbx) if from_outside else (node.pbx, node.carrier)
    talk(node, caller, callee)
    new = consult(node, target)
    ask(node, target)
    accepted(node.pbx)
    first = accept_reinvite(node.carrier)
    second = accept_reinvite(new, 6)
    if mode == "bypass":
        assert new.host.encode() in first.body
        assert node.carrier.host.encode() in second.body
    expect_notify(node.pbx, 200)
    expect_bye(node.line2)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    node.carrier.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    new.reply(new.expect_request("INFO"), 200)
    node.carrier.expect_response(200)
    hang_up(node, new, node.carrier)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()
    assert node.engine.egress.trunks.places == 0


def test_the_second_line_may_hang_up_first() -> None:
    """A phone that ends its consultation when the REFER is accepted: the join goes on."""
    node = talking()
    new = consult(node, TO_CARRIER2)
    ask(node)
    accepted(node.pbx)
    node.line2.request("BYE")
    node.line2.expect_response(200)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    accept_reinvite(node.carrier)
    accept_reinvite(new, 6)
    expect_notify(node.pbx, 200)
    hang_up(node, node.carrier, new)
    node.assert_clean()
    causes = [one.cause for one in node.events_of(CallEnded) if isinstance(one, CallEnded)]
    assert causes == ["transferred", "bye"]


@pytest.mark.parametrize("refuser", ["carrier", "carriertwo"])
def test_refused_join_leaves_both_calls_as_they_were(refuser: str) -> None:
    """RFC 3261 section 14.1, for both."""
    node = talking(transfer_config(mode="bypass"))
    new = consult(node, TO_CARRIER2)
    ask(node)
    accepted(node.pbx)
    if refuser == "carrier":
        node.carrier.reply(node.carrier.expect_request("INVITE"), 488)
        node.carrier.expect_request("ACK")
    else:
        accept_reinvite(node.carrier)
        new.reply(new.expect_request("INVITE"), 488)
        new.expect_request("ACK")
        accept_reinvite(node.carrier, 7)
    expect_notify(node.pbx, 488)
    for line, peer in ((node.pbx, node.carrier), (node.line2, new)):
        line.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
        peer.reply(peer.expect_request("INFO"), 200)
        line.expect_response(200)
        hang_up(node, line, peer)
    node.assert_clean()


def test_transferred_peer_hangs_up_during_the_join() -> None:
    """The consultation goes on as it was."""
    node = talking(transfer_config(mode="bypass"))
    new = consult(node, TO_CARRIER2)
    ask(node)
    accepted(node.pbx)
    reinvite = node.carrier.expect_request("INVITE")
    node.carrier.reply(reinvite, 100)
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    expect_notify(node.pbx, 487)
    expect_bye(node.pbx)
    node.carrier.reply(node.carrier.expect_request("CANCEL"), 200)
    node.carrier.reply(reinvite, 487)
    node.carrier.expect_request("ACK")
    hang_up(node, node.line2, new)
    node.assert_clean()


def test_new_partner_hangs_up_during_the_join() -> None:
    """The first call goes on as it was."""
    node = talking(transfer_config(mode="bypass"))
    new = consult(node, TO_CARRIER2)
    ask(node)
    accepted(node.pbx)
    reinvite = node.carrier.expect_request("INVITE")
    new.request("BYE")
    new.expect_response(200)
    expect_bye(node.line2)
    notify = node.pbx.expect_request("NOTIFY")
    node.pbx.reply(notify, 200)
    node.carrier.reply(reinvite, 200, sdp(node.carrier.host, version=5))
    node.carrier.expect_request("ACK")
    accept_reinvite(node.carrier, 6)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_a_dialog_that_is_not_ours_gets_the_481_of_its_owner_in_a_notify() -> None:
    """RFC 3891 section 3; RFC 5057 section 5.2: the asker's own dialog is not at stake."""
    node = talking()
    refer(node.pbx, "sip:+497001@sbc.example.net?Replaces=nobody%3Bto-tag%3Da%3Bfrom-tag%3Db")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_a_dialog_of_another_realm_is_none() -> None:
    """Tags that the outside has seen name nothing inside."""
    node = talking()
    node.pbx2.invite(TO_CARRIER2)
    node.pbx2.expect_response(100)
    accept_call(node.carrier2)
    node.pbx2.expect_response(200)
    node.pbx2.ack()
    theirs = node.carrier2
    refer(node.pbx, f"sip:{TO_PBX2}@sbc.example.net?Replaces={replaces_of(theirs)}")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)
    refer(node.pbx, f"sip:{TO_PBX2}@sbc.example.net?Replaces={replaces_of(node.pbx2)}")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)  # another trunk's
    hang_up(node, node.pbx, node.carrier)
    hang_up(node, node.pbx2, node.carrier2)
    node.assert_clean()


def test_early_only_does_not_take_a_call_that_is_up() -> None:
    """RFC 3891 section 3: 486."""
    node = talking()
    new = consult(node, TO_CARRIER2)
    ask(node, early=True)
    accepted(node.pbx)
    expect_notify(node.pbx, 486)
    hang_up(node, node.pbx, node.carrier)
    hang_up(node, node.line2, new)
    node.assert_clean()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_transfer_while_the_consultation_rings(mode: str) -> None:
    """The asker's INVITE gets 487, its call goes on ringing for who is transferred."""
    node = talking(transfer_config(mode=mode))
    invite = ring_second(node)
    ask(node)
    accepted(node.pbx)
    failure = node.line2.expect_response(487)
    node.line2.ack_failure(failure)
    expect_notify(node.pbx, 180)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    assert node.carrier2.idle()
    node.carrier2.reply(invite, 200, sdp(node.carrier2.host))
    node.carrier2.expect_request("ACK")
    accept_reinvite(node.carrier)
    accept_reinvite(node.carrier2, 6)
    expect_notify(node.pbx, 200)
    hang_up(node, node.carrier2, node.carrier)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()
    assert node.engine.egress.trunks.places == 0


def test_ringing_consultation_that_is_not_answered() -> None:
    """Who was transferred is with the asker still."""
    node = talking()
    invite = ring_second(node)
    ask(node)
    accepted(node.pbx)
    node.line2.ack_failure(node.line2.expect_response(487))
    expect_notify(node.pbx, 180)
    node.carrier2.reply(invite, 486)
    node.carrier2.expect_request("ACK")
    expect_notify(node.pbx, 486)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()
