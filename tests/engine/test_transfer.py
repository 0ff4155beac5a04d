"""Blind transfer, carried out by the node (RFC 3515, RFC 5589 section 6)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policies import Action, Condition, Document, Rule
from sbc.config import Redirect
from sbc.outputs import CallEnded, Refused
from tests.kit.flows import assert_no_leak, hang_up, talk
from tests.kit.node import PBX2
from tests.kit.peer import Peer, sdp
from tests.kit.transfers import (
    TO_CARRIER2,
    TO_NOBODY,
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


def _sides(node: Transfers, from_caller: bool, by_caller: bool) -> tuple[Peer, Peer]:
    """A call is up; who asks for the transfer, and who is transferred."""
    caller, callee = (node.carrier, node.pbx) if from_caller else (node.pbx, node.carrier)
    talk(node, caller, callee)
    return (caller, callee) if by_caller else (callee, caller)


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("from_outside", [True, False])
@pytest.mark.parametrize("by_caller", [True, False])
@pytest.mark.parametrize("target", [TO_CARRIER2, TO_PBX2])
def test_blind_transfer_joins_the_one_who_is_left(mode: str, from_outside: bool, by_caller: bool, target: str) -> None:
    """RFC 3515; RFC 5589 section 6.1: by caller or callee, of either side, to either side."""
    node = Transfers(transfer_config(mode=mode))
    asker, left = _sides(node, from_outside, by_caller)
    new = node.carrier2 if target == TO_CARRIER2 else node.pbx2
    refer(asker, f"sip:{target}@sbc.example.net")
    accepted(asker)
    invite = new.expect_request("INVITE")
    assert invite.uri.user == target
    new.reply(invite, 180)
    expect_notify(asker, 180)
    assert left.idle()
    new.reply(invite, 200, sdp(new.host))
    new.expect_request("ACK")
    accept_reinvite(left)
    expect_notify(asker, 200)
    asker.request("BYE")
    asker.expect_response(200)
    assert left.idle()
    assert new.idle()
    hang_up(node, left, new)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()
    assert [one.cause for one in node.events_of(CallEnded) if isinstance(one, CallEnded)] == ["transferred", "bye"]
    assert node.engine.egress.trunks.places == 0


def _start(node: Transfers, target: str = TO_CARRIER2, extra: str = "") -> None:
    """The carrier talks to the PBX, which asks for a transfer."""
    talk(node, node.carrier, node.pbx)
    refer(node.pbx, f"sip:{target}@sbc.example.net", extra)


def _answered(node: Transfers) -> None:
    """The second carrier is called and says 200."""
    accepted(node.pbx)
    accept_call(node.carrier2)


@pytest.mark.parametrize(("status", "told"), [(486, 486), (404, 404), (603, 603), (401, 403), (302, 480)])
def test_failed_transfer_leaves_the_call_as_it_was(status: int, told: int) -> None:
    """RFC 5589 section 6.3: the asker hears why and goes on talking."""
    node = Transfers()
    _start(node)
    accepted(node.pbx)
    invite = node.carrier2.expect_request("INVITE")
    node.carrier2.reply(invite, status)
    node.carrier2.expect_request("ACK")
    expect_notify(node.pbx, told)
    assert node.carrier.idle()
    node.pbx.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.carrier.reply(node.carrier.expect_request("INFO"), 200)
    node.pbx.expect_response(200)
    hang_up(node, node.pbx, node.carrier)
    assert_no_leak(node)
    node.assert_clean()


def test_policy_refuses_the_new_call_and_the_old_one_goes_on() -> None:
    """Design 3a: the new call goes through policy with the asker as its source."""
    node = Transfers()
    _start(node, TO_NOBODY)
    accepted(node.pbx)
    expect_notify(node.pbx, 403)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_a_side_that_is_not_profiled_is_refused() -> None:
    """Design 3a: from untrusted realms 403."""
    node = talking(transfer_config(outside=""))
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    node.carrier.expect_response(403)
    assert node.pbx.idle()
    assert [one.method for one in node.events_of(Refused) if isinstance(one, Refused)] == ["REFER"]
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_asker_hangs_up_at_once_and_the_transfer_goes_on() -> None:
    """RFC 5589 section 6.1: the asker need not wait."""
    node = Transfers()
    _start(node)
    accepted(node.pbx)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    assert node.carrier.idle()
    invite = node.carrier2.expect_request("INVITE")
    node.carrier2.reply(invite, 180)
    expect_notify(node.pbx, 180)
    node.carrier2.reply(invite, 200, sdp(node.carrier2.host))
    node.carrier2.expect_request("ACK")
    accept_reinvite(node.carrier)
    expect_notify(node.pbx, 200)
    hang_up(node, node.carrier2, node.carrier)
    node.assert_clean()


def test_asker_has_gone_and_the_transfer_fails_so_the_call_ends() -> None:
    """Nobody is left to talk to."""
    node = Transfers()
    _start(node)
    accepted(node.pbx)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    node.carrier2.reply(node.carrier2.expect_request("INVITE"), 486)
    node.carrier2.expect_request("ACK")
    expect_notify(node.pbx, 486)
    expect_bye(node.carrier)
    node.assert_clean()


def test_the_one_who_is_transferred_hangs_up_while_the_target_rings() -> None:
    """The new call is cancelled; the asker hears of both ends."""
    node = Transfers()
    _start(node)
    accepted(node.pbx)
    invite = node.carrier2.expect_request("INVITE")
    node.carrier2.reply(invite, 180)
    expect_notify(node.pbx, 180)
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.carrier2.reply(node.carrier2.expect_request("CANCEL"), 200)
    node.carrier2.reply(invite, 487)
    node.carrier2.expect_request("ACK")
    expect_notify(node.pbx, 487)
    expect_bye(node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_refused_reinvite_ends_the_new_call_only(mode: str) -> None:
    """RFC 3261 section 14.1: what failed leaves the session as it was."""
    node = Transfers(transfer_config(mode=mode))
    _start(node)
    _answered(node)
    node.carrier.reply(node.carrier.expect_request("INVITE"), 488)
    node.carrier.expect_request("ACK")
    expect_notify(node.pbx, 488)
    expect_bye(node.carrier2)
    assert node.pbx.idle()
    node.pbx.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.carrier.reply(node.carrier.expect_request("INFO"), 200)
    node.pbx.expect_response(200)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_glare_with_a_reinvite_of_the_peer_is_tried_again() -> None:
    """RFC 3261 section 14.1: 491, a pause, once more."""
    node = Transfers()
    _start(node)
    _answered(node)
    node.carrier.reply(node.carrier.expect_request("INVITE"), 491)
    node.carrier.expect_request("ACK")
    node.advance(5)
    accept_reinvite(node.carrier)
    expect_notify(node.pbx, 200)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_a_reinvite_under_way_is_waited_for() -> None:
    """One exchange at a time on a leg (RFC 3261 section 14.1)."""
    node = talking()
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    reinvite = node.pbx.expect_request("INVITE")
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    _answered(node)
    assert node.carrier.idle()
    node.pbx.reply(reinvite, 200, sdp(node.pbx.host, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.advance(1)
    accept_reinvite(node.carrier)
    expect_notify(node.pbx, 200)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_a_held_peer_is_offered_to_talk() -> None:
    """RFC 5589 section 6: the asker holds before it transfers; the new call is no hold."""
    node = talking()
    node.pbx.request("INVITE", sdp(node.pbx.host, direction="sendonly", version=2))
    hold = node.carrier.expect_request("INVITE")
    node.carrier.reply(hold, 200, sdp(node.carrier.host, direction="recvonly", version=2))
    node.carrier.expect_request("ACK")
    node.pbx.expect_response(200)
    node.pbx.ack()
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    accepted(node.pbx)
    invite = node.carrier2.expect_request("INVITE")
    assert b"recvonly" not in invite.body
    node.carrier2.reply(invite, 200, sdp(node.carrier2.host))
    node.carrier2.expect_request("ACK")
    assert b"sendonly" not in accept_reinvite(node.carrier).body
    expect_notify(node.pbx, 200)


def test_a_peer_that_holds_by_itself_is_held_for_the_new_one_too() -> None:
    """The answer to the re-INVITE changes what the new callee must know: it is told."""
    node = Transfers()
    _start(node)
    _answered(node)
    accept_reinvite(node.carrier, direction="sendonly")
    told = node.carrier2.expect_request("INVITE")
    assert b"a=sendonly" in told.body
    node.carrier2.reply(told, 200, sdp(node.carrier2.host, direction="recvonly", version=2))
    node.carrier2.expect_request("ACK")
    round_three = node.carrier.inbox
    assert round_three == [] or round_three[0].body
    while node.carrier.inbox:
        accept_reinvite(node.carrier, 9, "sendonly")
    expect_notify(node.pbx, 200)


def test_asker_that_waits_gets_our_bye() -> None:
    """RFC 5589 leaves the BYE to the asker; one that forgets it is not kept for ever."""
    node = Transfers()
    _start(node)
    _answered(node)
    accept_reinvite(node.carrier)
    expect_notify(node.pbx, 200)
    assert node.pbx.idle()
    node.advance(5)
    expect_bye(node.pbx)
    node.pbx.request("INFO", b"Signal=5\r\n", content_type="application/dtmf-relay")
    node.pbx.expect_response(481)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_new_callee_hangs_up_during_the_join() -> None:
    """The old call is there still; the re-INVITE under way is taken back, or answered and undone."""
    node = Transfers(transfer_config(mode="bypass"))
    _start(node)
    _answered(node)
    reinvite = node.carrier.expect_request("INVITE")
    node.carrier.reply(reinvite, 100)
    node.carrier2.request("BYE")
    node.carrier2.expect_response(200)
    notify = node.pbx.expect_request("NOTIFY")
    node.pbx.reply(notify, 200)
    node.carrier.reply(node.carrier.expect_request("CANCEL"), 200)
    node.carrier.reply(reinvite, 200, sdp(node.carrier.host, version=7))
    node.carrier.expect_request("ACK")
    accept_reinvite(node.carrier, 8)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_nothing_is_said_where_the_asker_wants_nothing() -> None:
    """RFC 4488 section 4: Refer-Sub: false."""
    node = Transfers()
    _start(node, extra="Refer-Sub: false\nSupported: norefersub\n")
    assert node.pbx.expect_response(202).get("Refer-Sub") == "false"
    accept_call(node.carrier2)
    accept_reinvite(node.carrier)
    assert node.pbx.idle()
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    hang_up(node, node.carrier, node.carrier2)
    node.assert_clean()


def test_a_second_transfer_has_an_event_id_and_waits_its_turn() -> None:
    """RFC 3515 section 2.4.6."""
    node = Transfers()
    _start(node)
    accepted(node.pbx)
    invite = node.carrier2.expect_request("INVITE")
    refer(node.pbx, f"sip:{TO_PBX2}@sbc.example.net")
    node.pbx.expect_response(491)
    node.carrier2.reply(invite, 486)
    node.carrier2.expect_request("ACK")
    assert expect_notify(node.pbx, 486).require("Event") == "refer"
    again = refer(node.pbx, f"sip:{TO_PBX2}@sbc.example.net")
    node.pbx.expect_response(202)
    assert expect_notify(node.pbx, 100).require("Event") == f"refer;id={again.cseq.number}"
    node.pbx2.reply(node.pbx2.expect_request("INVITE"), 486)
    node.pbx2.expect_request("ACK")
    expect_notify(node.pbx, 486)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


@pytest.mark.parametrize(
    ("refer_to", "status"),
    [
        ("Refer-To: <http://example.net/x>\n", 416),
        (f"Refer-To: <sip:{TO_CARRIER2}@sbc.example.net;method=BYE>\n", 403),
        ("", 400),
        (f"Refer-To: <sip:{TO_CARRIER2}@sbc.example.net?Replaces=nonsense>\n", 400),
    ],
)
def test_what_cannot_be_carried_out_is_refused(refer_to: str, status: int) -> None:
    """RFC 3515 section 2.4.2."""
    node = talking()
    node.pbx.request("REFER", extra=refer_to)
    node.pbx.expect_response(status)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_referred_by_names_the_asker_by_what_the_new_side_may_see() -> None:
    """RFC 3892; embedded headers of Refer-To but Replaces are dropped (design 3a)."""
    node = talking()
    target = f"sip:{TO_CARRIER2}@pbx.corp.local?Subject=secret-pbx&Accept-Contact=x"
    refer(node.pbx, target, "Referred-By: <sip:secret-pbx@10.20.0.5>;cid=secret-pbx\n")
    accepted(node.pbx)
    invite = node.carrier2.expect_request("INVITE")
    assert invite.get("Referred-By") == "<sip:+493012345@sbc.example.net>"
    assert invite.get("Subject") is None
    assert_no_leak(node)


def test_transfers_in_a_row_have_a_limit() -> None:
    """Each one makes a call of the last; a loop of two that refer to each other ends."""
    node = talking()
    (call,) = node.engine.egress.calls.values()
    call.transfers = 8
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    node.pbx.expect_response(603)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_transferred_call_can_be_transferred_again() -> None:
    """A(B) to C, then C asks for the second PBX."""
    node = Transfers()
    _start(node)
    _answered(node)
    accept_reinvite(node.carrier)
    expect_notify(node.pbx, 200)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    refer(node.carrier2, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier2)
    accept_call(node.pbx2)
    accept_reinvite(node.carrier, 6)
    expect_notify(node.carrier2, 200)
    node.carrier2.request("BYE")
    node.carrier2.expect_response(200)
    hang_up(node, node.pbx2, node.carrier)
    assert_no_leak(node)
    node.assert_clean()
    assert node.engine.egress.trunks.places == 0


def test_new_callee_that_never_answers_ends_the_transfer() -> None:
    """The longest ringing bounds the new call as any other."""
    node = Transfers()
    _start(node)
    accepted(node.pbx)
    invite = node.carrier2.expect_request("INVITE")
    node.carrier2.reply(invite, 180)
    expect_notify(node.pbx, 180)
    node.advance(181)
    node.carrier2.reply(node.carrier2.expect_request("CANCEL"), 200)
    node.carrier2.reply(invite, 487)
    node.carrier2.expect_request("ACK")
    expect_notify(node.pbx, 408)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


def test_a_redirect_of_the_new_callee_is_followed_as_the_asker_may_call() -> None:
    """Design 3a: the new call is the asker's; who is transferred could not call there."""
    made = transfer_config()
    inside = Condition(
        "from inside", lambda facts: facts.source.realm == "inside" and facts.message.uri.user.startswith("+498")
    )
    rules = (Rule("from inside to pbx 2", inside, Action(route=("pbx2",))), *made.policy.rules[:2])
    pbx2 = replace(made.trunks["pbx2"], redirect=Redirect("follow"))
    policy = Document(name="kit", default=Action(reject=403), rules=(*rules, *made.policy.rules[3:]))
    node = talking(replace(made, trunks=made.trunks | {"pbx2": pbx2}, policy=policy))
    refer(node.pbx, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.pbx)
    invite = node.pbx2.expect_request("INVITE")
    node.pbx2.claims = f"<sip:+498002@{PBX2}>"
    node.pbx2.reply(invite, 302)
    node.pbx2.expect_request("ACK")
    again = node.pbx2.expect_request("INVITE")
    assert again.uri.user == "+498002"
    node.pbx2.claims = None
    node.pbx2.reply(again, 486)
    node.pbx2.expect_request("ACK")
    expect_notify(node.pbx, 486)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


# SUBSCRIBE in the dialog of a call


def resubscribe(peer: Peer, expires: int, event: str = "refer") -> None:
    """The asker is to be told again, or no more."""
    peer.request("SUBSCRIBE", extra=f"Event: {event}\nExpires: {expires}\n")


def test_the_asker_subscribes_again_and_then_no_more() -> None:
    """RFC 3515 section 2.4.4: each SUBSCRIBE brings the state as it is; after its end nothing is said."""
    node = talking()
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    accepted(node.pbx)
    resubscribe(node.pbx, 3600)
    assert node.pbx.expect_response(200).get("Expires") == "240"
    assert expect_notify(node.pbx, 100).get("Subscription-State") == "active;expires=240"
    resubscribe(node.pbx, 0)
    assert node.pbx.expect_response(200).get("Expires") == "0"
    last = node.pbx.expect_request("NOTIFY")
    assert last.get("Subscription-State") == "terminated;reason=timeout"
    node.pbx.reply(last, 200)
    resubscribe(node.pbx, 60)
    node.pbx.expect_response(481)
    node.carrier2.reply(node.carrier2.expect_request("INVITE"), 486)
    node.carrier2.expect_request("ACK")
    assert node.pbx.idle()
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()


@pytest.mark.parametrize(("event", "status"), [("refer", 481), ("refer;id=7", 481), ("dialog", 489), ("presence", 489)])
def test_other_subscriptions_have_dialogs_of_their_own(event: str, status: int) -> None:
    """RFC 6665 section 4.5.2; RFC 5057 section 5.1: the call goes on."""
    node = talking()
    resubscribe(node.pbx, 60, event)
    response = node.pbx.expect_response(status)
    assert response.get("Allow-Events") == ("refer" if status == 489 else None)
    hang_up(node, node.pbx, node.carrier)
    node.assert_clean()
