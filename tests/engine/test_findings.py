"""What scripts at random have found (`random_calls`), each told in a few lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Target
from sbc.outputs import CallEnded
from sbc.sip import Request, parse_uri
from sbc.wire import Flow
from tests.engine.test_large import with_tcp
from tests.engine.test_moves import written
from tests.engine.test_reliable import REL, REQUIRED, prack, pracked, start
from tests.engine.test_reliable import ring as ring_reliably
from tests.engine.test_replaces import pick_up
from tests.kit.flows import hang_up, talk
from tests.kit.node import PBX, Node
from tests.kit.peer import sdp
from tests.kit.profiles import node_with
from tests.kit.transfers import (
    TO_PBX2,
    Transfers,
    accept_call,
    accept_reinvite,
    accepted,
    expect_bye,
    expect_notify,
    refer,
    talking,
)


def test_bye_to_an_answer_that_crossed_our_cancel_has_a_number_behind_the_pracks() -> None:
    """RFC 3261 section 12.2.2: a number that was used before is answered with 500, and the callee would talk on."""
    node = Node()
    invite = start(node, REL)
    ring_reliably(node, invite, 7)
    prack = pracked(node, invite, 7)
    node.carrier.cancel()
    node.pbx.reply(invite, 200)
    node.pbx.expect_request("CANCEL")
    assert node.pbx.expect_request("ACK").cseq.number == invite.cseq.number
    assert node.pbx.expect_request("BYE").cseq.number > prack.cseq.number


def test_bye_to_another_fork_has_a_number_behind_its_pracks_when_the_call_is_long_over() -> None:
    """RFC 3261 section 13.2.2.4, with RFC 3262: that fork has had requests of ours."""
    node = Node()
    invite = start(node, REL)
    ring_reliably(node, invite, 7, tag="one")
    prack = pracked(node, invite, 7)
    node.pbx.reply(invite, 200, sdp(PBX), tag="two")
    node.pbx.expect_request("ACK")
    node.carrier.inbox.clear()
    node.carrier.cancel()
    node.carrier.request("BYE")
    node.pbx.inbox.clear()
    node.advance(1)
    node.pbx.reply(invite, 200, sdp(PBX), tag="one")
    late = [one for one in node.pbx.inbox if isinstance(one, Request) and one.to_tag == "one"]
    assert [one.method for one in late] == ["ACK", "BYE"]
    assert late[1].cseq.number > prack.cseq.number


def _taken_back(node: Node) -> Request:
    """A re-INVITE of the carrier is taken back, but the PBX has accepted: what it is offered to have back."""
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, direction="sendonly", version=2))
    reinvite = node.pbx.expect_request("INVITE")
    node.pbx.reply(reinvite, 100)
    node.carrier.cancel()
    node.pbx.expect_request("CANCEL")
    node.pbx.reply(reinvite, 200, sdp(PBX, direction="recvonly", version=2))
    node.pbx.expect_request("ACK")
    node.carrier.inbox.clear()
    return node.pbx.expect_request("INVITE")


def test_nothing_is_accepted_while_the_way_back_is_offered() -> None:
    """RFC 3261 section 14.1: two offers of one dialog must not be under way at once."""
    node = Node()
    back = _taken_back(node)
    node.pbx.request("INVITE", sdp(PBX, version=3))
    node.pbx.expect_response(491)
    node.carrier.request("UPDATE", sdp(node.carrier.host, version=3))
    node.carrier.expect_response(491)
    node.pbx.reply(back, 200, sdp(PBX, version=3))
    node.pbx.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_the_way_back_that_meets_an_offer_is_offered_again() -> None:
    """RFC 3261 section 14.1: after 491, a pause and another try; or the peer keeps what nobody else has."""
    node = Node()
    back = _taken_back(node)
    node.pbx.reply(back, 491)
    node.pbx.expect_request("ACK")
    node.advance(5)
    again = node.pbx.expect_request("INVITE")
    assert again.body
    node.pbx.reply(again, 200, sdp(PBX, version=3))
    node.pbx.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_a_peer_that_knows_no_dialog_to_go_back_in_ends_the_call() -> None:
    """RFC 5057 section 5.1: 481 says that its dialog is gone."""
    node = Node()
    back = _taken_back(node)
    node.pbx.reply(back, 481)
    node.pbx.expect_request("ACK")
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 481)
    node.assert_clean()


@pytest.mark.parametrize(("method", "status"), [("UPDATE", 491), ("INVITE", 491), ("INFO", 500), ("OPTIONS", 500)])
def test_who_is_being_transferred_speaks_to_nobody_that_has_left(method: str, status: int) -> None:
    """RFC 5057: behind a BYE nothing more goes to who asked for the transfer, and its partner's call goes on."""
    node = talking()
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    invite = node.pbx2.expect_request("INVITE")
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    is_offer = status == 491
    node.pbx.request(method, sdp(PBX, version=2) if is_offer else b"")
    node.pbx.expect_response(status)
    assert node.carrier.idle()
    node.pbx2.reply(invite, 200, sdp(node.pbx2.host))
    node.pbx2.expect_request("ACK")
    accept_reinvite(node.pbx)
    hang_up(node, node.pbx, node.pbx2)


def test_a_transfer_ends_where_who_is_transferred_says_nothing() -> None:
    """RFC 3261 section 12.2.1.2: a re-INVITE without an answer ends its dialog, and the asker hears of it."""
    node = talking()
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    accept_call(node.pbx2)
    node.pbx.expect_request("INVITE")
    node.advance(33)
    expect_notify(node.carrier, 408)
    expect_bye(node.carrier)
    expect_bye(node.pbx2)
    causes = [one.cause for one in node.events_of(CallEnded) if isinstance(one, CallEnded)]
    assert sorted(causes) == ["callee lost", "transfer failed"]


def test_a_broken_transfer_still_finds_that_nobody_is_there() -> None:
    """RFC 3261 section 12.2.1.2: the re-INVITE was taken back meanwhile, but nobody ever said anything to it."""
    node = talking()
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    invite = accept_call(node.pbx2)
    node.pbx.expect_request("INVITE")
    node.pbx2.remote_tag, node.pbx2.target = invite.from_tag, str(invite.contacts[0].uri)
    node.pbx2.request("BYE")
    node.advance(33)
    assert [one.cause for one in node.events_of(CallEnded) if isinstance(one, CallEnded)][-1] == "callee lost"


def test_a_caller_to_whom_all_forks_are_one_gets_one_count_of_reliable_responses() -> None:
    """RFC 3262 section 3: RSeq rises by one, whichever fork speaks."""
    node = node_with("carrier", early_dialogs="one")
    invite = start(node, REL + REQUIRED)
    seen = []
    for tag in ("one", "two", "one"):
        node.pbx.reply(invite, 180, tag=tag)
        response = node.carrier.expect_response(180)
        assert response.rseq is not None
        seen.append(response.rseq)
        prack(node, response)
        node.carrier.expect_response(200)
    assert seen == [seen[0], seen[0] + 1, seen[0] + 2]


def test_a_caller_without_an_offer_is_shown_no_better_answer_before_the_2xx() -> None:
    """RFC 3261 section 13.2.1: in a provisional response that is not reliable it would be an offer."""
    node = node_with("pbx", mode="anchor", delayed_offer="insert")
    node.carrier.invite(body=b"")
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    ring_reliably(node, invite, 7)
    pracked(node, invite, 7)
    assert node.carrier.expect_response(183).body == b""
    node.pbx.remote_tag, node.pbx.target = invite.from_tag, str(invite.contacts[0].uri)
    node.pbx.request("UPDATE", sdp(PBX, version=2))
    node.pbx.expect_response(200)
    assert not any(one.body for one in node.carrier.inbox)


def test_a_call_that_gave_a_leg_away_is_not_adopted() -> None:
    """Design 3a, journal: the process dies while who asked for a transfer has not hung up; nobody is in two calls."""
    node = talking()
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    accept_call(node.pbx2)
    accept_reinvite(node.pbx)
    node.restart()
    assert node.engine.active_calls == 1
    hang_up(node, node.pbx, node.pbx2)
    node.advance(100)
    assert len(node.engine.egress.dialogs) == 0


def test_an_adopted_call_whose_asker_has_left_ends_at_once() -> None:
    """Design 3a, journal: the process dies during the transfer; who is left is not kept waiting for a session timer."""
    node = talking()
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    node.pbx2.expect_request("INVITE")
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.restart()
    node.advance(1)
    expect_bye(node.pbx)
    assert node.engine.active_calls == 0


def test_an_adopted_call_whose_replaced_peer_has_left_ends_at_once() -> None:
    """The same where a colleague takes the place of who leaves, and the process dies before that is through."""
    node = talking()
    pick_up(node.line2, node.pbx)
    node.carrier.expect_request("INVITE")
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    node.restart()
    node.advance(1)
    expect_bye(node.carrier)
    assert node.engine.active_calls == 0


def test_what_was_on_its_way_to_an_asker_that_left_does_not_end_the_transfer() -> None:
    """RFC 5057: its 481 says what its BYE has said already; who is left waits for the transfer."""
    node = talking()
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    invite = node.pbx2.expect_request("INVITE")
    node.pbx.request("INFO", b"Signal=1\r\n", content_type="application/dtmf-relay")
    info = node.carrier.expect_request("INFO")
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.carrier.reply(info, 481)
    node.pbx.expect_response(500)
    node.pbx2.reply(invite, 200, sdp(node.pbx2.host))
    node.pbx2.expect_request("ACK")
    accept_reinvite(node.pbx)
    hang_up(node, node.pbx, node.pbx2)


@pytest.mark.parametrize("is_under_way", [True, False])
def test_an_offer_on_its_way_to_an_asker_that_leaves_is_for_later(is_under_way: bool) -> None:
    """RFC 5057: 481 would end the dialog of who is transferred; nothing goes out behind the BYE."""
    node = talking()
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    invite = node.pbx2.expect_request("INVITE")
    reinvite, media = None, node.media
    node.media = media if is_under_way else None
    node.pbx.request("INVITE", sdp(PBX, version=2))
    if is_under_way:
        reinvite = node.carrier.expect_request("INVITE")
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    if reinvite is not None:
        node.carrier.reply(reinvite, 481)
        node.carrier.expect_request("ACK")
    else:
        node.media, commands = media, node.commands
        node.commands = []
        for command in commands:
            assert media is not None
            node.act(node.engine.media_reply(command.id, media(command.command), node.now))
    assert node.carrier.idle()
    node.pbx.ack_failure(node.pbx.expect_response(491))
    node.pbx2.reply(invite, 200, sdp(node.pbx2.host))
    node.pbx2.expect_request("ACK")
    accept_reinvite(node.pbx)
    hang_up(node, node.pbx, node.pbx2)


def test_a_take_over_waits_for_the_answer_to_the_offer_in_a_2xx() -> None:
    """RFC 3264 section 4: the callee's offer is open, and who owes the answer has hung up: no second offer meets it."""
    node = Transfers()
    invite = start(node, body=b"")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.carrier.expect_response(200)
    extra = f"Replaces: {node.carrier.call_id};to-tag={node.carrier.remote_tag};from-tag={node.carrier.tag}\n"
    again = node.peer("again", node.carrier.host, node.carrier.listener, 5064)
    again.invite(extra=extra)
    node.carrier.request("BYE")
    node.advance(1)
    assert not any(isinstance(one, Request) and one.method == "INVITE" for one in node.pbx.inbox)
    node.advance(40)
    methods = [one.method for one in node.pbx.inbox if isinstance(one, Request)]
    assert methods[:2] == ["ACK", "BYE"]


def test_the_way_back_is_not_offered_behind_a_bye() -> None:
    """RFC 3261 section 15: the call ended in the pause after the 491."""
    node = Node()
    back = _taken_back(node)
    node.pbx.reply(back, 491)
    node.pbx.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.advance(5)
    assert node.pbx.idle()
    node.assert_clean()


def test_a_late_copy_does_not_bring_back_an_early_dialog_that_is_over() -> None:
    """RFC 6228 section 4: the 199 overtook it; a PRACK to it would have a number that was used."""
    node = Node()
    invite = start(node, REL)
    ring_reliably(node, invite, 7, tag="one")
    pracked(node, invite, 7)
    node.pbx.reply(invite, 199, tag="one")
    ring_reliably(node, invite, 7, tag="one")
    assert node.pbx.idle()


def test_a_fork_that_ends_leaves_the_others_in_the_one_early_dialog_that_the_caller_has() -> None:
    """RFC 6228 section 5 does not concern a caller to whom all forks are one: no 199, and no other tag."""
    node = node_with("carrier", early_dialogs="one")
    invite = start(node, REL + REQUIRED)
    seen = []
    for tag in ("one", "two", "three"):
        node.pbx.reply(invite, 180, tag=tag)
        response = node.carrier.expect_response(180)
        seen.append((response.to_tag, response.rseq))
        prack(node, response)
        node.carrier.expect_response(200)
        if tag == "two":
            node.pbx.reply(invite, 199, tag="one")
            assert node.carrier.idle()
    (first, number), *later = seen
    assert number is not None
    assert later == [(first, number + 1), (first, number + 2)]


def test_the_end_of_one_connection_fails_nothing_that_went_by_another() -> None:
    """RFC 3261 section 18.4: what is reported is the flow that broke; the INVITE that went by a new one arrives."""
    made = with_tcp()
    pbx = replace(made.trunks["pbx"], targets=(Target(parse_uri(f"sip:{PBX};transport=tcp")),))
    node = Node(replace(made, trunks=made.trunks | {"pbx": pbx}))
    node.carrier.invite()
    invite = node.pbx.expect_request("INVITE")
    flow = node.sent[-1].flow
    assert (flow.transport, flow.connection) == ("TCP", 0)
    node.act(node.engine.send_failed(Flow(flow.listener, "TCP", flow.host, flow.port, 4), node.now))
    node.carrier.expect_response(100)
    assert node.carrier.idle()
    node.pbx.reply(invite, 200, sdp(PBX))
    node.carrier.expect_response(200)
    node.pbx.expect_request("ACK")


def test_a_copy_of_a_refer_that_comes_to_the_next_process_is_not_carried_out_again() -> None:
    """RFC 3261 section 12.2.2: the record has its number, and what has that number is refused."""
    node = talking()
    wires = written(node.carrier)
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    node.pbx2.reply(node.pbx2.expect_request("INVITE"), 486)
    expect_notify(node.carrier, 486)
    node.restart()
    node.pbx2.inbox.clear()
    node.carrier.raw(wires[0])
    node.carrier.expect_response(500)
    assert node.carrier.idle()
    assert node.pbx2.idle()
