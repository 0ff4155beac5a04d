"""INVITE with Replaces and Join (RFC 3891, RFC 3911)."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rtpengine
from sbc.config import Profile
from sbc.sip import Request
from tests.engine.test_reliable import REL, pracked
from tests.engine.test_reliable import ring as ring_reliably
from tests.kit.flows import answer, assert_no_leak, hang_up, ring, talk
from tests.kit.node import PBX
from tests.kit.peer import Peer, sdp
from tests.kit.transfers import Transfers, accept_reinvite, expect_bye, talking, transfer_config


def named(peer: Peer, tail: str = "") -> str:
    """The peer's dialog, as who takes its place names it: `to-tag` is ours."""
    return f"Replaces: {peer.call_id};to-tag={peer.remote_tag};from-tag={peer.tag}{tail}\n"


def pick_up(peer: Peer, victim: Peer, body: bytes | None = None, tail: str = "") -> None:
    """An INVITE that takes the place of `victim`."""
    peer.invite("+493012345", body, named(victim, tail) + "Require: replaces\n")


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("from_outside", [True, False])
def test_a_colleague_takes_a_call_over(mode: str, from_outside: bool) -> None:
    """RFC 3891 section 3: whoever calls in the place of a peer is joined to the other one; the peer gets a BYE."""
    node = Transfers(transfer_config(mode=mode))
    caller, callee = (node.carrier, node.pbx) if from_outside else (node.pbx, node.carrier)
    talk(node, caller, callee)
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    reinvite = node.carrier.expect_request("INVITE")
    assert node.line2.idle()
    node.carrier.reply(reinvite, 200, sdp(node.carrier.host, version=5))
    node.carrier.expect_request("ACK")
    assert node.line2.expect_response(200).body
    node.line2.ack()
    expect_bye(node.pbx)
    hang_up(node, node.line2, node.carrier)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()
    assert node.engine.egress.trunks.places == 0


def test_take_over_without_an_offer() -> None:
    """The 200 has the offer of who is kept, the ACK the answer."""
    node = talking(transfer_config(mode="bypass"))
    pick_up(node.line2, node.pbx, b"")
    node.line2.expect_response(100)
    assert node.carrier.host.encode() in node.line2.expect_response(200).body
    node.line2.ack(sdp(node.line2.host, 4400))
    accept_reinvite(node.carrier)
    expect_bye(node.pbx)
    hang_up(node, node.carrier, node.line2)
    node.assert_clean()


def test_refused_take_over_leaves_the_call_as_it_was() -> None:
    """Who is kept refuses the new media: the newcomer hears of it, nobody else."""
    node = talking()
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    node.carrier.reply(node.carrier.expect_request("INVITE"), 488)
    node.carrier.expect_request("ACK")
    node.line2.ack_failure(node.line2.expect_response(488))
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_newcomer_cancels() -> None:
    """RFC 3261 section 9: the re-INVITE under way is taken back."""
    node = talking()
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    reinvite = node.carrier.expect_request("INVITE")
    node.carrier.reply(reinvite, 100)
    node.line2.cancel()
    node.line2.expect_response(200)
    node.line2.ack_failure(node.line2.expect_response(487))
    node.carrier.reply(node.carrier.expect_request("CANCEL"), 200)
    node.carrier.reply(reinvite, 487)
    node.carrier.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_newcomer_that_never_acknowledges_ends_the_call() -> None:
    """RFC 3261 section 13.3.1.4."""
    node = talking()
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    accept_reinvite(node.carrier)
    node.line2.expect_response(200)
    expect_bye(node.pbx)
    node.advance(33)
    expect_bye(node.carrier)
    expect_bye(node.line2)
    node.assert_clean()


def test_only_the_same_realm_and_trunk_may_take_a_place() -> None:
    """Tags alone open nothing."""
    node = talking()
    for thief in (node.pbx2, node.carrier2):
        pick_up(thief, node.pbx)
        thief.ack_failure(thief.expect_response(481))
    assert node.carrier.idle()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_early_only_and_early_dialogs() -> None:
    """RFC 3891 section 3: 486 for a call that is up."""
    node = talking()
    pick_up(node.line2, node.pbx, tail=";early-only")
    node.line2.ack_failure(node.line2.expect_response(486))
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_join_has_no_mixer() -> None:
    """RFC 3911 section 4: 481 for no dialog, 488 where there is one but no conference."""
    node = talking()
    node.line2.invite(extra="Join: nobody;to-tag=a;from-tag=b\n")
    node.line2.ack_failure(node.line2.expect_response(481))
    node.line2.remote_tag = ""
    node.line2.invite(extra=named(node.pbx).replace("Replaces", "Join"))
    node.line2.ack_failure(node.line2.expect_response(488))
    node.line2.invite(extra=named(node.pbx) + named(node.pbx).replace("Replaces", "Join"))
    node.line2.ack_failure(node.line2.expect_response(400))
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


# Early dialogs (RFC 3891 sections 3 and 7.1)


def ringing(node: Transfers, extra: str = "", body: bytes | None = None) -> Request:
    """The PBX's first line rings; it knows the dialog by our tag."""
    invite = ring(node, node.carrier, node.pbx, body, extra)
    node.pbx.remote_tag = invite.from_tag
    return invite


def answered_by_pick_up(node: Transfers, invite: Request, is_late: bool = False) -> None:
    """The caller has its 200, the first line a CANCEL, the caller a re-INVITE, the second line its 200.

    `is_late`: the second line has made no offer, and its 200 and ACK come first.
    """
    assert node.carrier.expect_response(200).body
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    assert node.carrier.idle()
    node.carrier.ack()
    if is_late:
        assert node.line2.expect_response(200).body
        node.line2.ack(sdp(node.line2.host, 4400))
        accept_reinvite(node.carrier)
        return
    accept_reinvite(node.carrier)
    assert node.line2.expect_response(200).body
    node.line2.ack()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("tail", ["", ";early-only"])
def test_a_ringing_phone_is_picked_up_from_another(mode: str, tail: str) -> None:
    """RFC 3891 section 7.1: a dialog that we began; the new one gets 200, the one that rang a CANCEL."""
    node = Transfers(transfer_config(mode=mode))
    invite = ringing(node)
    early = node.carrier.remote_tag
    pick_up(node.line2, node.pbx, tail=tail)
    node.line2.expect_response(100)
    answered_by_pick_up(node, invite)
    assert node.carrier.remote_tag != early  # as if another fork had answered
    node.line2.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.carrier.reply(node.carrier.expect_request("INFO"), 200)
    node.line2.expect_response(200)
    hang_up(node, node.carrier, node.line2)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()
    assert node.engine.egress.trunks.places == 0


def test_a_caller_with_one_early_dialog_is_answered_in_it() -> None:
    """The profile's early_dialogs: its peer would take another tag for another call."""
    settings = transfer_config()
    outside = replace(settings.realms["outside"], profile=replace(Profile(), early_dialogs="one"))
    node = Transfers(replace(settings, realms={**settings.realms, "outside": outside}))
    invite = ringing(node)
    early = node.carrier.remote_tag
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    answered_by_pick_up(node, invite)
    assert node.carrier.remote_tag == early
    hang_up(node, node.line2, node.carrier)
    node.assert_clean()


def test_early_media_of_who_rang_bind_nobody() -> None:
    """RFC 3261 section 13.2.2.4: the answer comes in a dialog of its own."""
    node = Transfers()
    node.carrier.invite()
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 183, sdp(node.pbx.host))
    assert node.carrier.expect_response(183).body
    node.pbx.remote_tag = invite.from_tag
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    answered_by_pick_up(node, invite)
    hang_up(node, node.carrier, node.line2)
    node.assert_clean()


def test_an_answer_of_who_rang_crosses_the_pick_up() -> None:
    """RFC 3261 section 13.2.2.4: nobody waits for it any more: ACK and BYE."""
    node = Transfers()
    invite = ringing(node)
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    expect_bye(node.pbx)
    node.carrier.ack()
    accept_reinvite(node.carrier)
    node.line2.expect_response(200)
    node.line2.ack()
    hang_up(node, node.line2, node.carrier)
    node.assert_clean()


def test_a_late_answer_of_who_rang_gets_a_bye_behind_its_pracks() -> None:
    """RFC 3261 section 12.2.2: a number that was used before is answered with 500, and the phone would stay up."""
    node = Transfers()
    invite = ringing(node, REL)
    ring_reliably(node, invite, 7, with_sdp=False)
    prack = pracked(node, invite, 7)
    pick_up(node.line2, node.pbx)
    node.carrier.inbox.clear()
    node.pbx.inbox.clear()
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    late = [one for one in node.pbx.inbox if isinstance(one, Request) and one.method == "BYE"]
    assert [one.cseq.number for one in late] == [prack.cseq.number + 1]


def test_who_began_the_early_dialog_cannot_be_replaced() -> None:
    """RFC 3891 section 3: 481, and the dialog is unchanged."""
    node = Transfers()
    invite = ring(node, node.pbx, node.carrier)
    pick_up(node.line2, node.pbx)
    node.line2.ack_failure(node.line2.expect_response(481))
    answer(node, node.pbx, node.carrier, invite)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_a_pick_up_of_a_call_without_an_offer_is_refused() -> None:
    """The caller's ACK would have to answer two; the call rings on."""
    node = Transfers()
    invite = ringing(node, body=b"")
    pick_up(node.line2, node.pbx)
    node.line2.ack_failure(node.line2.expect_response(481))
    node.pbx.reply(invite, 486)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(486))
    node.assert_clean()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("has_early_media", [True, False])
def test_who_picks_up_may_leave_the_offer_to_us(mode: str, has_early_media: bool) -> None:
    """RFC 3261 section 13.2.1: the caller hears nothing until the new one has answered, in its ACK, what it offered."""
    node = Transfers(transfer_config(mode=mode))
    node.carrier.invite()
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 183, sdp(node.pbx.host) if has_early_media else b"")
    node.carrier.expect_response(183)
    node.pbx.remote_tag = invite.from_tag
    pick_up(node.line2, node.pbx, b"")
    node.line2.expect_response(100)
    answer = node.carrier.expect_response(200).body
    assert b"a=inactive" in answer
    assert answer.count(b"m=audio") == 1
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.carrier.ack()
    offer = node.line2.expect_response(200).body
    assert b"inactive" not in offer
    node.line2.ack(sdp(node.line2.host, 4400))
    assert b"inactive" not in accept_reinvite(node.carrier).body
    assert node.line2.idle()
    hang_up(node, node.carrier, node.line2)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()


def test_a_pick_up_without_an_offer_where_media_are_encrypted_is_refused() -> None:
    """We have no keys of the new one's to answer the caller with."""
    made = transfer_config(mode="anchor")
    inside = replace(made.realms["inside"], srtp="optional", sdes_without_tls=True)
    node = Transfers(replace(made, realms={**made.realms, "inside": inside}))
    invite = ringing(node)
    pick_up(node.line2, node.pbx, b"")
    node.line2.ack_failure(node.line2.expect_response(488))
    node.pbx.reply(invite, 486)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(486))
    node.assert_clean()


def test_the_caller_gives_up_between_answer_and_join() -> None:
    """Who picked up has nobody to talk to: 487."""
    node = Transfers()
    invite = ringing(node)
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.carrier.ack()
    reinvite = node.carrier.expect_request("INVITE")
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.carrier.reply(reinvite, 487)
    node.carrier.expect_request("ACK")
    node.line2.ack_failure(node.line2.expect_response(487))
    node.assert_clean()


@pytest.mark.parametrize("answers", [True, False])
def test_who_picks_up_and_cancels_at_once_leaves_the_call_ringing(answers: bool) -> None:
    """The media engine is still thinking: nobody was told anything."""
    node = Transfers()
    invite = ringing(node)
    media, node.media = node.media, None
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    node.line2.cancel()
    node.line2.expect_response(200)
    node.line2.ack_failure(node.line2.expect_response(487))
    (command,) = node.commands
    node.commands.clear()
    node.media = media
    assert media is not None
    node.act(node.engine.media_reply(command.id, media(command.command) if answers else None, node.now))
    assert node.carrier.idle()
    answer(node, node.carrier, node.pbx, invite)
    hang_up(node, node.carrier, node.pbx)
    assert_no_leak(node)
    node.assert_clean()


@pytest.mark.parametrize("refused", [rtpengine.Reply({"result": b"error", "error-reason": b"no"}), None])
def test_media_that_fit_nobody_leave_the_call_ringing(refused: rtpengine.Reply | None) -> None:
    """The engine refuses what the new one offers as an answer, or says nothing: 503 for it alone."""
    node = Transfers()
    invite = ringing(node)
    media, node.media = node.media, None
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    (command,) = node.commands
    node.commands.clear()
    node.media = media
    node.act(node.engine.media_reply(command.id, refused, node.now))
    node.line2.ack_failure(node.line2.expect_response(503))
    answer(node, node.carrier, node.pbx, invite)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_a_caller_who_owes_the_answer_is_waited_for() -> None:
    """RFC 3261 section 14.1: the first offer, in our 200, has its answer before another one is made."""
    node = Transfers()
    node.pbx.invite(body=b"")
    node.pbx.expect_response(100)
    invite = node.carrier.expect_request("INVITE")
    node.carrier.reply(invite, 200, sdp(node.carrier.host))
    node.pbx.expect_response(200)
    pick_up(node.line2, node.pbx)
    node.line2.expect_response(100)
    assert node.carrier.idle()
    node.pbx.ack(sdp(node.pbx.host))
    assert node.carrier.expect_request("ACK").body
    node.advance(1)
    accept_reinvite(node.carrier)
    node.line2.expect_response(200)
    node.line2.ack()
    expect_bye(node.pbx)
    hang_up(node, node.line2, node.carrier)
    node.assert_clean()


@pytest.mark.parametrize("header", ["Replaces", "Join"])
def test_what_takes_a_place_is_an_invite(header: str) -> None:
    """RFC 3891 section 3, RFC 3911 section 4: 400 for any other request that says so."""
    node = talking()
    line = named(node.pbx).replace("Replaces", header).strip()
    for method, status in (("OPTIONS", b"400"), ("MESSAGE", b"400")):
        node.line2.raw(
            f"{method} sip:+493012345@sbc.example.net SIP/2.0\r\nVia: SIP/2.0/UDP {PBX}:5070;branch=z9hG4bK{method}\r\n"
            f"From: <sip:a@{PBX}>;tag=x\r\nTo: <sip:b@sbc.example.net>\r\nCall-ID: {method}\r\nCSeq: 1 {method}\r\n"
            f"Max-Forwards: 70\r\n{line}\r\nContent-Length: 0\r\n\r\n".encode()
        )
        assert node.line2.wires[-1].startswith(b"SIP/2.0 " + status)
    hang_up(node, node.carrier, node.pbx)
