"""Transfers across workers: two calls of two workers are joined in one of them (design 3a: on any worker)."""

from __future__ import annotations

import pytest

from sbc.outputs import CallEnded, CallMoved
from sbc.sip import Request
from tests.engine.test_attended import ask, replaces_of
from tests.kit.flows import assert_no_leak, hang_up, talk
from tests.kit.peer import Peer, sdp
from tests.kit.transfers import (
    TO_CARRIER2,
    accept_call,
    accept_reinvite,
    accepted,
    expect_bye,
    expect_notify,
    refer,
    transfer_config,
)
from tests.kit.workers import Workers

MODES = pytest.mark.parametrize("mode", ["bypass", "anchor"])


def two_calls(mode: str = "anchor", first: int = 0, second: int = 1, outside: str = "terminate") -> Workers:
    """The PBX talks to the carrier by one worker and to the second carrier by another."""
    node = Workers(transfer_config(mode=mode, outside=outside))
    node.place(node.carrier, first)
    talk(node, node.carrier, node.pbx)
    node.place(node.line2, second)
    consult(node)
    return node


def consult(node: Workers) -> None:
    node.line2.invite(TO_CARRIER2)
    node.line2.expect_response(100)
    accept_call(node.carrier2)
    node.line2.expect_response(200)
    node.line2.ack()


def written(peer: Peer) -> list[bytes]:
    """What the peer sends from now on."""
    sent: list[bytes] = []
    raw = peer.raw

    def write(data: bytes) -> None:
        sent.append(data)
        raw(data)

    peer.raw = write  # type: ignore[method-assign]
    return sent


def finish_transfer(node: Workers) -> None:
    """Both who are left are asked, the asker is told, its lines end."""
    accept_reinvite(node.carrier)
    accept_reinvite(node.carrier2, 6)
    expect_notify(node.pbx, 200)
    expect_bye(node.line2)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)


@MODES
@pytest.mark.parametrize(("first", "second"), [(0, 1), (1, 0)])
def test_attended_transfer_of_calls_that_two_workers_hold(mode: str, first: int, second: int) -> None:
    """Issue, must show: across two workers. The call of the REFER goes to who has the dialog that it replaces."""
    node = two_calls(mode, first, second)
    assert node.holders() == [1, 1]
    ask(node)
    accepted(node.pbx)
    assert node.holders()[first] == 0
    assert len(node.events_of(CallMoved)) == 1
    finish_transfer(node)
    node.carrier.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.carrier2.reply(node.carrier2.expect_request("INFO"), 200)
    node.carrier.expect_response(200)
    hang_up(node, node.carrier2, node.carrier)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()
    causes = [one.cause for one in node.events_of(CallEnded) if isinstance(one, CallEnded)]
    assert causes == ["transferred", "bye"]


def test_peers_come_straight_to_the_new_holder_once_they_have_its_contact() -> None:
    """RFC 3261 section 12.2.1.2: the re-INVITE of the join refreshes our target."""
    node = two_calls()
    ask(node)
    accepted(node.pbx)
    finish_transfer(node)
    node.carrier.target = str(node.carrier.invite_got.contacts[0].uri) if node.carrier.invite_got else ""
    node.handed.clear()
    node.carrier.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.carrier2.reply(node.carrier2.expect_request("INFO"), 200)
    node.carrier.expect_response(200)
    hang_up(node, node.carrier, node.carrier2)
    assert node.handed == []
    node.assert_clean()


def test_a_copy_of_the_refer_is_absorbed_by_who_answers_it() -> None:
    """RFC 3261 section 17.2.2: whichever worker it comes to."""
    node = two_calls()
    sent = written(node.pbx)
    ask(node)
    refer_wire = sent[0]
    accepted(node.pbx)
    node.pbx.sees_copies = True
    node.pbx.raw(refer_wire)
    node.pbx.expect_response(202)
    node.pbx.sees_copies = False
    finish_transfer(node)
    hang_up(node, node.carrier2, node.carrier)
    node.assert_clean()


def test_a_dialog_that_nobody_has_is_481_and_the_call_goes_on_where_it_is_now() -> None:
    """RFC 3891 section 3: the token's worker says so, after it was sought there once."""
    node = two_calls()
    wrong = replaces_of(node.line2).replace(node.line2.remote_tag, node.line2.remote_tag[:2] + 20 * "0")
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={wrong}")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)
    assert node.holders() == [0, 2]
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={replaces_of(node.line2)}")
    notify_id = accepted(node.pbx)
    assert notify_id.status == 202
    finish_transfer(node)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_a_second_refer_has_an_id_though_its_first_one_was_another_workers() -> None:
    """RFC 3515 section 2.4.6: the subscriptions of one dialog are told apart."""
    node = two_calls()
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces=x%3Bto-tag%3Dy%3Bfrom-tag%3Dz")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)
    assert node.holders() == [1, 1]
    ask(node)
    node.pbx.expect_response(202)
    assert ";id=" in expect_notify(node.pbx, 100).require("Event")
    finish_transfer(node)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_transfer_while_the_consultation_rings_at_another_worker() -> None:
    """The asker's INVITE gets 487, its call goes on ringing for who is transferred."""
    node = Workers()
    node.place(node.carrier, 0)
    talk(node, node.carrier, node.pbx)
    node.place(node.line2, 1)
    node.line2.invite(TO_CARRIER2)
    node.line2.expect_response(100)
    invite = node.carrier2.expect_request("INVITE")
    node.carrier2.reply(invite, 180)
    node.line2.expect_response(180)
    ask(node)
    accepted(node.pbx)
    node.line2.ack_failure(node.line2.expect_response(487))
    expect_notify(node.pbx, 180)
    node.carrier2.reply(invite, 200, sdp(node.carrier2.host))
    node.carrier2.expect_request("ACK")
    accept_reinvite(node.carrier)
    accept_reinvite(node.carrier2, 6)
    expect_notify(node.pbx, 200)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    hang_up(node, node.carrier2, node.carrier)
    node.assert_clean()


def refer_to_line2(node: Workers) -> None:
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={replaces_of(node.line2)}")


def put_on_hold(node: Workers) -> Request:
    """The carrier's re-INVITE has come to the PBX, which thinks."""
    node.carrier.request("INVITE", sdp(node.carrier.host, direction="sendonly", version=2))
    return node.pbx.expect_request("INVITE")


def agree(node: Workers, held: Request) -> None:
    node.pbx.reply(held, 200, sdp(node.pbx.host, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()


def test_a_call_in_the_middle_of_an_exchange_moves_when_that_is_over() -> None:
    """The REFER waits, its copies are absorbed, and nobody has to ask again."""
    node = two_calls()
    held = put_on_hold(node)
    sent = written(node.pbx)
    refer_to_line2(node)
    node.pbx.raw(sent[0])
    node.advance(2)
    assert node.pbx.idle()
    assert node.holders() == [1, 1]
    agree(node, held)
    node.advance(0.2)
    assert node.holders() == [0, 2]
    node.engine = node.engines[1]
    accepted(node.pbx)
    finish_transfer(node)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_an_exchange_that_does_not_end_keeps_its_call_where_it_is() -> None:
    """RFC 3261 section 14.2 for whoever may not begin now: 500 with Retry-After, long before its Timer F."""
    node = two_calls()
    held = put_on_hold(node)
    node.pbx.reply(held, 180)
    refer_to_line2(node)
    node.advance(9)
    assert node.pbx.idle()
    node.advance(2)
    assert node.pbx.expect_response(500).get("Retry-After") == "1"
    agree(node, held)
    ask(node)
    accepted(node.pbx)
    finish_transfer(node)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_one_refer_of_a_call_waits_and_a_second_one_does_not() -> None:
    """What waits is bounded."""
    node = two_calls()
    held = put_on_hold(node)
    refer_to_line2(node)
    refer_to_line2(node)
    assert node.pbx.expect_response(500).get("Retry-After") == "1"
    agree(node, held)
    node.advance(0.2)
    accepted(node.pbx)
    finish_transfer(node)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_a_call_that_ends_meanwhile_takes_the_waiting_refer_with_it() -> None:
    """RFC 3261 section 12.2.2: 481, and the other call goes on."""
    node = two_calls()
    held = put_on_hold(node)
    refer_to_line2(node)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    node.pbx.reply(held, 487)
    node.pbx.expect_request("ACK")
    node.advance(0.2)
    node.pbx.expect_response(481)
    assert node.holders() == [0, 1]


def test_a_call_whose_asker_has_not_heard_everything_moves_when_it_has() -> None:
    """Its NOTIFY would be followed by another one of who gave it away, with a number that is too low by then."""
    node = two_calls()
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces=x%3Bto-tag%3Dy%3Bfrom-tag%3Dz")
    node.pbx.expect_response(202)
    first = node.pbx.expect_request("NOTIFY")
    ask(node)
    node.advance(0.3)
    assert node.pbx.idle()
    node.pbx.reply(first, 200)
    expect_notify(node.pbx, 481)
    node.advance(0.2)
    accepted(node.pbx)
    finish_transfer(node)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_where_refer_is_refused_nothing_moves() -> None:
    """Design 3a: 403 from untrusted, and no work done for it."""
    node = two_calls(outside="refuse")
    named = replaces_of(node.carrier2)
    refer(node.carrier, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={named}")
    node.carrier.expect_response(403)
    assert node.handed == []


def test_without_room_in_the_mailbox_the_call_stays() -> None:
    """The asker is to try again: over a stream nothing is repeated by itself."""
    node = two_calls()
    node.has_room = False
    ask(node)
    assert node.pbx.expect_response(500).get("Retry-After") == "1"
    assert node.holders() == [1, 1]
    node.has_room = True
    ask(node)
    accepted(node.pbx)
    finish_transfer(node)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


@pytest.mark.parametrize("victim", [0, 1])
def test_a_call_that_moved_survives_either_worker(victim: int) -> None:
    """`kill -9`: the holder's successor adopts it; who gave it away still says where it went."""
    node = two_calls()
    wrong = replaces_of(node.line2).replace(node.line2.remote_tag, node.line2.remote_tag[:2] + 20 * "0")
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={wrong}")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)
    node.kill(victim)
    assert node.holders() == [0, 2]
    node.pbx.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.carrier.reply(node.carrier.expect_request("INFO"), 200)
    node.pbx.expect_response(200)
    hang_up(node, node.carrier, node.pbx)
    hang_up(node, node.line2, node.carrier2)
    node.assert_clean()


def test_a_call_that_went_away_comes_back() -> None:
    """Two transfers of one call, to and fro: nobody passes on what is its own again."""
    node = two_calls()
    wrong = replaces_of(node.line2).replace(node.line2.remote_tag, node.line2.remote_tag[:2] + 20 * "0")
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={wrong}")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)
    hang_up(node, node.line2, node.carrier2)
    node.line2.remote_tag, node.line2.call_id = "", "again@h"
    node.place(node.line2, 0)
    consult(node)
    assert node.holders() == [1, 1]
    ask(node)
    accepted(node.pbx)
    assert node.holders() == [2, 0]
    finish_transfer(node)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


# Who comes from outside of dialogs


@pytest.mark.parametrize("own", [0, 1])
def test_invite_with_replaces_goes_to_who_has_the_dialog(own: int) -> None:
    """RFC 3891: whatever worker its own Call-ID would lead to."""
    node = two_calls()
    line3 = node.peer("linethree", node.pbx.host, node.pbx.listener, 5072)
    node.place(line3, own)
    named = f"Replaces: {node.line2.call_id};to-tag={node.line2.remote_tag};from-tag={node.line2.tag}\n"
    line3.invite(TO_CARRIER2, extra=named)
    line3.expect_response(100)
    accept_reinvite(node.carrier2)
    line3.expect_response(200)
    line3.ack()
    expect_bye(node.line2)
    hang_up(node, line3, node.carrier2)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_its_cancel_follows_it() -> None:
    """RFC 3261 section 9.1: a CANCEL names no dialog to replace."""
    node = two_calls()
    line3 = node.peer("linethree", node.pbx.host, node.pbx.listener, 5072)
    node.place(line3, 0)
    named = f"Replaces: {node.line2.call_id};to-tag={node.line2.remote_tag};from-tag={node.line2.tag}\n"
    line3.invite(TO_CARRIER2, extra=named)
    line3.expect_response(100)
    reinvite = node.carrier2.expect_request("INVITE")
    node.carrier2.reply(reinvite, 100)
    line3.cancel()
    line3.expect_response(200)
    line3.ack_failure(line3.expect_response(487))
    node.carrier2.reply(node.carrier2.expect_request("CANCEL"), 200)
    node.carrier2.reply(reinvite, 487)
    node.carrier2.expect_request("ACK")
    hang_up(node, node.line2, node.carrier2)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_pick_up_of_a_call_that_moved() -> None:
    """Its tag names who gave it away, who says where it is."""
    node = two_calls()
    wrong = replaces_of(node.line2).replace(node.line2.remote_tag, node.line2.remote_tag[:2] + 20 * "0")
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={wrong}")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)
    line3 = node.peer("linethree", node.pbx.host, node.pbx.listener, 5072)
    node.place(line3, 0)
    line3.invite(extra=f"Replaces: {node.pbx.call_id};to-tag={node.pbx.remote_tag};from-tag={node.pbx.tag}\n")
    line3.expect_response(100)
    accept_reinvite(node.carrier)
    line3.expect_response(200)
    line3.ack()
    expect_bye(node.pbx)
    hang_up(node, line3, node.carrier)
    hang_up(node, node.line2, node.carrier2)
    node.assert_clean()


def test_a_cancel_follows_what_was_passed_on() -> None:
    """RFC 3261 section 9.2: of a re-INVITE by its To tag, of an INVITE that picks up by its Call-ID."""
    node = two_calls()
    wrong = replaces_of(node.line2).replace(node.line2.remote_tag, node.line2.remote_tag[:2] + 20 * "0")
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={wrong}")
    accepted(node.pbx)
    expect_notify(node.pbx, 481)
    invite = node.carrier.request("INVITE", sdp(node.carrier.host, direction="sendonly", version=5))
    asked = node.pbx.expect_request("INVITE")
    node.pbx.reply(asked, 100)
    node.carrier.send(
        f"CANCEL {invite.request_uri} SIP/2.0\nVia: {invite.vias[0]}\nMax-Forwards: 70\n"
        f"From: {invite.require('From')}\n"
        f"To: {invite.require('To')}\nCall-ID: {node.carrier.call_id}\nCSeq: {invite.cseq.number} CANCEL"
    )
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(asked, 487)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(487))
    line3 = node.peer("linethree", node.pbx.host, node.pbx.listener, 5072)
    line3.invite(extra=f"Replaces: {node.pbx.call_id};to-tag={node.pbx.remote_tag};from-tag={node.pbx.tag}\n")
    line3.expect_response(100)
    asked = node.carrier.expect_request("INVITE")
    node.carrier.reply(asked, 100)
    line3.cancel()
    line3.expect_response(200)
    line3.ack_failure(line3.expect_response(487))
    node.carrier.reply(node.carrier.expect_request("CANCEL"), 200)
    node.carrier.reply(asked, 487)
    node.carrier.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    hang_up(node, node.line2, node.carrier2)
    node.assert_clean()


def test_refer_outside_dialogs_about_a_call_of_another_worker() -> None:
    """RFC 4538: by Target-Dialog to the call, and with it to the dialog that is replaced."""
    node = two_calls()
    voice = node.peer("voice", node.pbx.host, node.pbx.listener, 5072)
    node.place(voice, 1)
    voice.remote, voice.target = "<sip:sbc@sbc.example.net>", "sip:sbc@sbc.example.net"
    target = f"Target-Dialog: {node.pbx.call_id};local-tag={node.pbx.tag};remote-tag={node.pbx.remote_tag}\n"
    refer(voice, f"sip:{TO_CARRIER2}@sbc.example.net?Replaces={replaces_of(node.line2)}", target)
    accepted(voice)
    accept_reinvite(node.carrier)
    accept_reinvite(node.carrier2, 6)
    expect_notify(voice, 200)
    expect_bye(node.line2)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    hang_up(node, node.carrier2, node.carrier)
    node.assert_clean()


def test_a_call_that_comes_back_and_cannot_be_taken_is_sent_for_no_more() -> None:
    """Both would know the other as its holder, and give each other the next BYE for ever."""
    node = two_calls()
    ask(node)
    (given,) = node.handed
    giver = node.engines[0]
    tag = node.carrier.remote_tag
    assert giver.moves.slot_of_tag(tag) == given.slot
    giver.take_over(given.call, given.record.replace(b"\noutside\n", b"\nnowhere\n"), b"", given.flow, node.now)
    assert giver.moves.slot_of_tag(tag) == -1
