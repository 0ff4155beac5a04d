"""RFC 5407, row by row: each race on the leg where we are the callee, and on the one where we are the caller.

A B2BUA meets every race of the document twice, in the place of either user agent. `ROWS` are the sections of its
chapter 3; a row and a role without a case need a reason in `NOT_OURS`, and the suite fails without either.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sbc.outputs import CallEnded, Dropped, DropReason
from sbc.sip import Request, Response
from tests.kit.flows import answer, hang_up, ring, talk
from tests.kit.node import CARRIER, PBX, Node
from tests.kit.peer import Peer, sdp

CALLEE, CALLER = "callee", "caller"
"""What we are to the peer of the race."""

ROWS = {
    "3.1.1": "callee receives a copy of the initial INVITE in the moratorium state",
    "3.1.2": "callee receives CANCEL in the moratorium state",
    "3.1.3": "callee receives BYE of the early state in the moratorium state",
    "3.1.4": "callee receives re-INVITE in the moratorium state, its offer answered before",
    "3.1.5": "callee receives re-INVITE in the moratorium state, its own offer not answered yet",
    "3.1.6": "callee receives BYE of the established state in the moratorium state",
    "3.2.1": "BYE received in the mortal state",
    "3.2.2": "re-INVITE received in the mortal state",
    "3.2.3": "200 to a re-INVITE received in the mortal state",
    "3.2.4": "callee receives ACK of the moratorium state in the mortal state",
    "3.3.1": "re-INVITE crosses re-INVITE",
    "3.3.2": "UPDATE crosses re-INVITE",
    "3.3.3": "REFER received in the mortal state",
}
NOT_OURS = {
    ("3.1.1", CALLER): "our own INVITE is repeated by its transaction only before the first response (17.1.1.2)",
    ("3.1.3", CALLER): "a callee may not send BYE in an early dialog (RFC 3261 section 15), and we send CANCEL there",
}

Case = Callable[[], None]
CASES: dict[tuple[str, str], Case] = {}


def case(row: str, role: str) -> Callable[[Case], Case]:
    """Files the test of one row in one role."""

    def file(check: Case) -> Case:
        assert (row, role) not in CASES
        CASES[(row, role)] = check
        return check

    return file


def answered(node: Node, invite: Request) -> None:
    """The PBX answers and has its ACK; the carrier has its 200 and owes us the ACK: we are in the moratorium state."""
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)


def check_over(node: Node, late_acks: int = 0) -> None:
    """The call has ended once, on both sides, and nothing is left; ACKs that came too late are counted by name."""
    dropped = [event.reason for event in node.events_of(Dropped) if isinstance(event, Dropped)]
    assert dropped == [DropReason.STRAY_ACK] * late_acks
    node.events = [event for event in node.events if not isinstance(event, Dropped)]
    node.assert_clean()
    assert len(node.events_of(CallEnded)) == 1
    assert node.carrier.idle()
    assert node.pbx.idle()


@case("3.1.1", CALLEE)
def check_a_copy_of_the_invite_after_the_answer_changes_nothing() -> None:
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    answered(node, invite)
    assert node.carrier.invite_sent is not None
    sent = len(node.sent)
    node.carrier.raw(_bytes_of(node, node.carrier))
    assert len(node.sent) == sent
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    check_over(node)


def _bytes_of(node: Node, peer: Peer) -> bytes:
    """The INVITE that a peer has sent, as it was."""
    recorded = [data for _, _, way, flow, data in node.engine.egress.recorder if way == "in" and flow.host == peer.host]
    (invite,) = [data for data in recorded if data.startswith(b"INVITE")]
    return invite


@case("3.1.2", CALLEE)
def check_cancel_after_the_answer_has_no_effect() -> None:
    """RFC 3261 section 9.2: 200 to the CANCEL; the caller who means it sends BYE after its ACK."""
    node = Node()
    answered(node, ring(node, node.carrier, node.pbx))
    node.carrier.cancel()
    node.carrier.expect_response(200)
    assert node.pbx.idle()
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    check_over(node)


@case("3.1.2", CALLER)
def check_our_cancel_that_crosses_an_answer_is_followed_by_ack_and_bye() -> None:
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    cancel = node.pbx.expect_request("CANCEL")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.reply(cancel, 200)
    node.pbx.expect_request("ACK")
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    check_over(node)


@case("3.1.3", CALLEE)
def check_bye_of_an_early_dialog_that_crosses_the_answer_ends_the_call() -> None:
    """The BYE is answered 200; the ACK that still comes is taken, and so is none."""
    for is_acked in (True, False):
        node = Node()
        answered(node, ring(node, node.carrier, node.pbx))
        node.carrier.request("BYE")
        node.carrier.expect_response(200)
        if is_acked:
            node.carrier.ack()
        node.pbx.reply(node.pbx.expect_request("BYE"), 200)
        check_over(node, late_acks=int(is_acked))


def check_reinvite_before_the_ack(node: Node) -> None:
    """It gets 491 and is taken once the ACK has come: it may have overtaken the ACK (sections 3.1.4, 3.1.5)."""
    carrier = node.carrier
    first = carrier.invite_sent
    carrier.request("INVITE", sdp(CARRIER, 4002, version=2))
    carrier.ack_failure(carrier.expect_response(491))
    carrier.invite_sent = first


@case("3.1.4", CALLEE)
def check_reinvite_before_the_ack_is_tried_again_after_it() -> None:
    node = Node()
    answered(node, ring(node, node.carrier, node.pbx))
    check_reinvite_before_the_ack(node)
    node.carrier.ack()
    node.carrier.request("INVITE", sdp(CARRIER, 4002, version=2))
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(PBX, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    check_over(node)


@case("3.1.4", CALLER)
def check_reinvite_of_the_callee_that_crosses_our_ack() -> None:
    """We have the answer and the callee our ACK, on its way; the caller owes us its own: 491, and again later."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    answered(node, invite)
    node.pbx.request("INVITE", sdp(PBX, 4002, version=2))
    node.pbx.ack_failure(node.pbx.expect_response(491))
    node.carrier.ack()
    node.pbx.request("INVITE", sdp(PBX, 4002, version=3))
    node.carrier.reply(node.carrier.expect_request("INVITE"), 200, sdp(CARRIER, version=2))
    node.carrier.expect_request("ACK")
    node.pbx.expect_response(200)
    node.pbx.ack()
    hang_up(node, node.pbx, node.carrier)
    check_over(node)


@case("3.1.5", CALLEE)
def check_reinvite_before_the_ack_that_answers_our_offer() -> None:
    """A late offer: ours is in the 200, and an ACK with the answer is what is missing."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx, body=b"")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.carrier.expect_response(200)
    check_reinvite_before_the_ack(node)
    node.carrier.ack(sdp(CARRIER))
    assert node.pbx.expect_request("ACK").body
    hang_up(node, node.carrier, node.pbx)
    check_over(node)


@case("3.1.5", CALLER)
def check_reinvite_of_a_callee_whose_offer_we_owe_an_answer() -> None:
    node = Node()
    invite = ring(node, node.carrier, node.pbx, body=b"")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.carrier.expect_response(200)
    node.pbx.request("INVITE", sdp(PBX, 4002, version=2))
    node.pbx.ack_failure(node.pbx.expect_response(491))
    node.carrier.ack(sdp(CARRIER))
    assert node.pbx.expect_request("ACK").body
    hang_up(node, node.carrier, node.pbx)
    check_over(node)


@case("3.1.6", CALLEE)
def check_bye_that_overtakes_the_ack() -> None:
    node = Node()
    answered(node, ring(node, node.carrier, node.pbx))
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.carrier.ack()
    check_over(node, late_acks=1)


@case("3.1.6", CALLER)
def check_bye_of_the_callee_before_the_caller_has_acknowledged() -> None:
    """It is answered; the caller gets its BYE behind its ACK (RFC 3261 section 15)."""
    node = Node()
    answered(node, ring(node, node.carrier, node.pbx))
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    assert node.carrier.idle()
    node.carrier.ack()
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    check_over(node)


def check_byes_cross(first: str, second: str) -> None:
    """Each side's BYE is answered 200, though we have sent one there already."""
    node = Node()
    one, other = (node.carrier, node.pbx) if first == "carrier" else (node.pbx, node.carrier)
    assert second == other.name
    talk(node, node.carrier, node.pbx)
    one.request("BYE")
    one.expect_response(200)
    ours = other.expect_request("BYE")
    other.request("BYE")
    other.expect_response(200)
    other.reply(ours, 200)
    check_over(node)


@case("3.2.1", CALLEE)
def check_bye_of_the_caller_after_ours() -> None:
    check_byes_cross("pbx", "carrier")


@case("3.2.1", CALLER)
def check_bye_of_the_callee_after_ours() -> None:
    check_byes_cross("carrier", "pbx")


def check_request_after_our_bye(method: str, peer_is_caller: bool) -> None:
    """481: the dialog is over for us, and the peer's BYE transaction tells it so too (section 3.2.2)."""
    node = Node()
    late, other = (node.carrier, node.pbx) if peer_is_caller else (node.pbx, node.carrier)
    talk(node, node.carrier, node.pbx)
    other.request("BYE")
    other.expect_response(200)
    bye = late.expect_request("BYE")
    if method == "INVITE":
        late.request("INVITE", sdp(late.host, 4002, version=2))
        late.ack_failure(late.expect_response(481))
    else:
        late.request(method, extra="Refer-To: <sip:+49301@sbc.example.net>\n")
        assert late.take().status in (403, 405, 481)  # type: ignore[union-attr]
    late.reply(bye, 200)
    check_over(node)


@case("3.2.2", CALLEE)
def check_reinvite_of_the_caller_after_our_bye() -> None:
    check_request_after_our_bye("INVITE", True)


@case("3.2.2", CALLER)
def check_reinvite_of_the_callee_after_our_bye() -> None:
    check_request_after_our_bye("INVITE", False)


def check_answer_to_our_reinvite_after_our_bye(asker_is_caller: bool) -> None:
    """Whoever asked hangs up; the 200 that comes all the same has its ACK (section 3.2.3)."""
    node = Node()
    asker, other = (node.carrier, node.pbx) if asker_is_caller else (node.pbx, node.carrier)
    talk(node, node.carrier, node.pbx)
    asker.request("INVITE", sdp(asker.host, 4002, version=2))
    reinvite = other.expect_request("INVITE")
    asker.request("BYE")
    heard = [(one.status, one.cseq.method) for one in asker.inbox if isinstance(one, Response)]
    asker.inbox.clear()
    assert sorted(heard) == [(200, "BYE"), (487, "INVITE")]
    other.reply(reinvite, 200, sdp(other.host, version=2))
    seen = []
    while not other.idle():
        message = other.take()
        assert isinstance(message, Request)
        seen.append(message.method)
        if message.method in ("BYE", "CANCEL"):
            other.reply(message, 200)
    assert "ACK" in seen
    assert "BYE" in seen
    check_over(node)


@case("3.2.3", CALLEE)
def check_answer_of_the_caller_after_our_bye() -> None:
    check_answer_to_our_reinvite_after_our_bye(asker_is_caller=False)


@case("3.2.3", CALLER)
def check_answer_of_the_callee_after_our_bye() -> None:
    check_answer_to_our_reinvite_after_our_bye(asker_is_caller=True)


@case("3.2.4", CALLEE)
def check_the_ack_that_comes_once_the_call_is_over() -> None:
    """Our BYE waits for the ACK, or for the end of the wait for it; a second ACK changes nothing."""
    node = Node()
    answered(node, ring(node, node.carrier, node.pbx))
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    node.advance(40)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.carrier.ack()
    check_over(node, late_acks=1)


@case("3.2.4", CALLER)
def check_copies_of_the_answer_once_the_call_is_over() -> None:
    """Our ACK was lost, and the callee repeats its 200 into our BYE: it gets the same ACK (RFC 6026 section 7.2)."""
    node = Node()
    node.pbx.sees_copies = True
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    bye = node.pbx.expect_request("BYE")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.pbx.reply(bye, 200)
    check_over(node)


def check_changes_cross(method: str, first_is_caller: bool) -> None:
    """The second one gets 491; the first one's copy is refused by its hearer, who waits for his own (section 3.3)."""
    node = Node()
    first, second = (node.carrier, node.pbx) if first_is_caller else (node.pbx, node.carrier)
    invite = ring(node, node.carrier, node.pbx, extra="Allow: INVITE, UPDATE\n")
    node.pbx.reply(invite, 200, sdp(PBX), extra="Allow: INVITE, UPDATE\n")
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    first.request(method, sdp(first.host, 4002, version=2))
    ours = second.expect_request(method)
    second.request("INVITE", sdp(second.host, 4002, version=2))
    second.ack_failure(second.expect_response(491))
    second.reply(ours, 491)
    if method == "INVITE":
        second.expect_request("ACK")
        first.ack_failure(first.expect_response(491))
    else:
        first.expect_response(491)
    hang_up(node, first, second)
    check_over(node)


@case("3.3.1", CALLEE)
def check_reinvite_of_the_callee_crosses_the_callers() -> None:
    check_changes_cross("INVITE", first_is_caller=True)


@case("3.3.1", CALLER)
def check_reinvite_of_the_caller_crosses_the_callees() -> None:
    check_changes_cross("INVITE", first_is_caller=False)


@case("3.3.2", CALLEE)
def check_reinvite_of_the_callee_crosses_the_callers_update() -> None:
    check_changes_cross("UPDATE", first_is_caller=True)


@case("3.3.2", CALLER)
def check_reinvite_of_the_caller_crosses_the_callees_update() -> None:
    check_changes_cross("UPDATE", first_is_caller=False)


@case("3.3.3", CALLEE)
def check_refer_of_the_caller_after_our_bye() -> None:
    check_request_after_our_bye("REFER", True)


@case("3.3.3", CALLER)
def check_refer_of_the_callee_after_our_bye() -> None:
    check_request_after_our_bye("REFER", False)


@pytest.mark.parametrize(("row", "role"), sorted(CASES))
def test_a_race_ends_as_it_should(row: str, role: str) -> None:
    """RFC 5407 chapter 3."""
    assert_ends = CASES[(row, role)]
    assert_ends()


def test_every_row_has_a_case_in_both_roles_or_a_reason() -> None:
    asked = {(row, role) for row in ROWS for role in (CALLEE, CALLER)}
    assert asked == set(CASES) | set(NOT_OURS)
    assert set(CASES).isdisjoint(NOT_OURS)
    assert all(NOT_OURS.values())
