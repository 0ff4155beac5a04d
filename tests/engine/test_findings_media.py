"""What scripts at random have found where media engines fail, forks answer and calls end half-way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Engine, Timers
from sbc.outputs import CallEnded
from sbc.sip import Request
from tests.engine.test_reliable import REL, REQUIRED, prack, start
from tests.engine.test_replaces import answered_by_pick_up, pick_up, ringing
from tests.kit.flows import answer, assert_no_leak, hang_up, talk
from tests.kit.flows import ring as ring_plainly
from tests.kit.node import CARRIER, PBX, FakeMedia, Node, config
from tests.kit.peer import sdp
from tests.kit.profiles import node_with
from tests.kit.transfers import TO_CARRIER2, TO_PBX2, Transfers, accepted, expect_bye, expect_notify, refer, talking
from tests.kit.transfers import transfer_config as transfers


def silent(node: Node) -> None:
    """What the media engine was asked is never answered."""
    commands, node.commands = node.commands, []
    for command in commands:
        node.act(node.engine.media_reply(command.id, None, node.now))


def test_an_answer_that_the_media_engine_says_nothing_to_may_be_given_again() -> None:
    """Early media cannot be had while the engine is silent; the call that is answered behind it can."""
    node = Node(config(mode="anchor"))
    invite = start(node)
    fake, node.media = node.media, None
    assert fake is not None
    node.pbx.reply(invite, 183, sdp(PBX))
    node.pbx.reply(invite, 200, sdp(PBX, version=2))
    silent(node)
    node.pbx.expect_request("ACK")
    commands, node.commands = node.commands, []
    for command in commands:
        node.act(node.engine.media_reply(command.id, fake(command.command), node.now))
    assert node.events_of(CallEnded) == []
    assert node.carrier.expect_response(183).body == b""
    assert node.carrier.expect_response(200).body


def test_an_answer_behind_a_bye_has_its_ack() -> None:
    """RFC 3261 section 13.2.2.4: each 2xx, though its sender hung up before the caller had said what it answers."""
    node = Node()
    invite = start(node, body=b"")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.carrier.expect_response(200)
    node.pbx.remote_tag, node.pbx.target = invite.from_tag, str(invite.contacts[0].uri)
    node.pbx.request("BYE")
    kinds = [one.method if isinstance(one, Request) else str(one.status) for one in node.pbx.inbox]
    assert sorted(kinds) == ["200", "ACK"]


def test_an_offer_in_an_answer_has_its_ack_when_the_call_ends_meanwhile() -> None:
    """RFC 3261 section 13.2.2.4: the caller hangs up before its ACK could say what it answers."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE")
    reinvite = node.pbx.expect_request("INVITE")
    node.pbx.reply(reinvite, 200, sdp(PBX, version=2))
    node.carrier.expect_response(200)
    node.carrier.request("BYE")
    assert node.pbx.expect_request("ACK").cseq.number == reinvite.cseq.number
    assert node.pbx.expect_request("BYE").cseq.number > reinvite.cseq.number


@pytest.mark.parametrize("timers", [Timers(session=90), Timers(session=0, liveness=20)])
def test_nothing_is_asked_of_who_has_left_during_a_transfer(timers: Timers) -> None:
    """RFC 5057: neither a session refresh nor the question whether it lives comes behind its BYE."""
    node = Transfers(transfers(timers=timers))
    extra = "Supported: timer\nSession-Expires: 90;refresher=uas\nAllow: UPDATE, REFER\n"
    invite = ring_plainly(node, node.carrier, node.pbx, extra=extra)
    answer(node, node.carrier, node.pbx, invite)
    refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    accepted(node.carrier)
    invite = node.pbx2.expect_request("INVITE")
    node.pbx2.reply(invite, 180)
    expect_notify(node.carrier, 180)
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.advance(70)
    asked = {one.method for one in node.carrier.inbox if isinstance(one, Request)}
    assert asked <= {"NOTIFY"}


@pytest.mark.parametrize(("asked", "is_reliable"), [(REL, False), (REL + REQUIRED, True)])
def test_a_caller_who_wants_one_early_dialog_gets_no_reliable_answer_of_a_fork(asked: str, is_reliable: bool) -> None:
    """RFC 3261 section 13.2.1: another fork may take the call, and no second answer can stand behind a reliable one."""
    node = node_with("carrier", early_dialogs="one")
    invite = start(node, asked)
    node.pbx.reply(invite, 183, sdp(PBX), tag="one")
    early = node.carrier.expect_response(183)
    assert (early.rseq is not None) is is_reliable
    assert bool(early.body) is not is_reliable
    if is_reliable:
        prack(node, early)
        node.carrier.expect_response(200)
    node.pbx.reply(invite, 200, sdp(PBX, version=2), tag="two")
    node.pbx.expect_request("ACK")
    final = node.carrier.expect_response(200)
    assert final.to_tag == early.to_tag
    assert final.body
    node.carrier.ack()
    node.pbx.tag = "two"
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_who_took_the_place_of_an_asker_hears_nothing_of_the_transfer() -> None:
    """RFC 3515 section 2.4.4: the subscription was the asker's."""
    node = Transfers(transfers(inside="bridge"))
    node.carrier.invite(extra="Allow: INVITE, ACK, BYE, CANCEL, NOTIFY, REFER\n")
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp(PBX))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    refer(node.pbx, f"sip:{TO_CARRIER2}@sbc.example.net")
    node.carrier.reply(node.carrier.expect_request("REFER"), 202)
    node.pbx.expect_response(202)
    replaces = f"Replaces: {node.pbx.call_id};to-tag={node.pbx.remote_tag};from-tag={node.pbx.tag}\n"
    node.line2.invite(extra=replaces)
    node.line2.expect_response(100)
    reinvite = node.carrier.expect_request("INVITE")
    node.carrier.reply(reinvite, 200, sdp(CARRIER, version=2))
    node.carrier.expect_request("ACK")
    node.line2.expect_response(200)
    node.line2.ack()
    expect_bye(node.pbx)
    node.carrier.request(
        "NOTIFY", b"SIP/2.0 200 OK\r\n", "Event: refer\nSubscription-State: terminated\n", "message/sipfrag"
    )
    node.carrier.expect_response(481)
    assert node.line2.idle()


def test_an_adopted_call_tells_transfers_apart() -> None:
    """RFC 3515 section 2.4.6: who asks in an adopted call may have asked before; an id is never wrong."""
    node = talking(transfers())
    node.restart()
    asked = refer(node.carrier, f"sip:{TO_PBX2}@sbc.example.net")
    node.carrier.expect_response(202)
    assert node.carrier.expect_request("NOTIFY").get("Event") == f"refer;id={asked.cseq.number}"


def test_a_take_over_that_breaks_while_the_engine_thinks_leaves_no_session() -> None:
    """The call that it was about ends before the reply comes: its own session goes, and the one made for the two."""
    node = talking(transfers(mode="anchor"))
    fake, node.media = node.media, None
    assert isinstance(fake, FakeMedia)
    replaces = f"Replaces: {node.pbx.call_id};to-tag={node.pbx.remote_tag};from-tag={node.pbx.tag}\n"
    node.line2.invite(extra=replaces)
    node.line2.expect_response(100)
    node.line2.cancel()
    node.pbx.request("BYE")
    while node.commands:
        command = node.commands.pop(0)
        node.act(node.engine.media_reply(command.id, fake(command.command), node.now))
    assert fake.sessions == set()


@pytest.mark.parametrize("mode", ["anchor", "bypass"])
def test_a_host_name_where_media_go_is_488_and_reaches_nobody(mode: str) -> None:
    """RFC 8866 section 5.7 allows it; what it means, and whether to anybody, only its writer knows (RFC 3261 section
    20.43: 301)."""
    node = Node(config(mode=mode))
    node.carrier.invite(body=sdp("198.51.100.10").replace(b"c=IN IP4 198.51.100.10", b"c=IN IP4 pbx.corp.local"))
    node.carrier.expect_response(100)
    failure = node.carrier.expect_response(488)
    node.carrier.ack_failure(failure)
    assert failure.require("Warning") == '301 sbc.example.net "a host name where media need an address"'
    assert node.pbx.idle()


def test_an_answer_with_a_host_name_where_media_go_ends_the_call() -> None:
    """The callee is told to hang up, the caller sees no name of the other side."""
    node = Node(config(mode="bypass"))
    node.carrier.invite()
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp("10.20.0.20").replace(b"c=IN IP4 10.20.0.20", b"c=IN IP4 pbx.corp.local"))
    assert b"corp" not in node.carrier.expect_response(488).body
    node.pbx.expect_request("ACK")
    expect_bye(node.pbx)


@pytest.mark.parametrize("offer", [None, b""])
def test_a_pick_up_whose_answer_meets_a_silent_engine_is_answered_by_another(offer: bytes | None) -> None:
    """RFC 3891 section 7.1: nobody has said this answer in a 2xx, and it is given again all the same."""
    made = transfers(mode="anchor")
    engines = (Engine("192.0.2.9", 2220), Engine("192.0.2.9", 2221))
    node = Transfers(replace(made, media=replace(made.media, engines=engines)))
    invite = ringing(node)
    media, node.media = node.media, None
    assert media is not None
    pick_up(node.line2, node.pbx, offer)
    node.line2.expect_response(100)
    node.commands, (asked,) = [], node.commands
    node.act(node.engine.media_reply(asked.id, None, node.now))
    assert node.carrier.idle()
    node.media = media
    node.act([])
    answered_by_pick_up(node, invite, is_late=offer is not None and not offer)
    node.advance(5)
    hang_up(node, node.carrier, node.line2)
    assert_no_leak(node)
    node.assert_clean()
