"""A worker's process makes room for the next one, as calls are set up, talk and end: no message is answered wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sbc.config import Register
from sbc.outputs import CallAdopted, CallEnded, RegistrationChanged
from sbc.probes import FIRST_WITHIN
from sbc.sip import Request
from tests.engine.test_moves import written
from tests.engine.test_outside import register
from tests.kit.flows import answer, assert_no_leak, hang_up, ring, talk
from tests.kit.node import OUTSIDE, config
from tests.kit.peer import Peer, sdp
from tests.kit.relieved import Relieved

MODES = pytest.mark.parametrize("mode", ["bypass", "anchor"])
LINGER = 33.0
"""Seconds after which the last transaction of a call is forgotten (64*T1)."""


def relieved(mode: str = "anchor") -> Relieved:
    """A node whose first process makes room."""
    node = Relieved(config(mode=mode))
    node.begin()
    return node


def causes(node: Relieved) -> list[tuple[int, str]]:
    return [(one.status, one.cause) for one in node.events_of(CallEnded) if isinstance(one, CallEnded)]


def assert_finished(node: Relieved) -> None:
    """The first process is done, and so is the next one once its calls are."""
    node.advance(LINGER)
    node.finish()
    node.assert_clean()
    assert node.engine.egress.trunks.places == 0
    assert node.journal == {}


@MODES
def test_a_call_that_talks_goes_to_the_next_process_and_its_bye_follows(mode: str) -> None:
    """Issue: binary upgrade hands over without a lost packet."""
    node = Relieved(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    node.begin()
    node.settle()
    assert node.holders() == (0, 1)
    assert len(node.events_of(CallAdopted)) == 1
    hang_up(node, node.pbx, node.carrier)
    assert causes(node) == [(200, "bye")]
    if mode == "anchor":
        assert_no_leak(node)
    assert_finished(node)


@MODES
def test_a_new_call_is_the_next_processes_from_its_first_message(mode: str) -> None:
    node = relieved(mode)
    talk(node, node.carrier, node.pbx)
    assert node.holders() == (0, 1)
    hang_up(node, node.carrier, node.pbx)
    assert_finished(node)


@MODES
def test_a_call_that_rings_is_answered_where_it_began_and_moves_then(mode: str) -> None:
    """Transactions under way are finished by who has them: nobody else could answer their copies."""
    node = Relieved(config(mode=mode))
    invite = ring(node, node.carrier, node.pbx)
    node.begin()
    node.settle()
    assert node.holders() == (1, 0)
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    node.settle()
    assert node.holders() == (1, 0), "the caller's ACK has not come"
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.settle()
    assert node.holders() == (0, 1)
    hang_up(node, node.pbx, node.carrier)
    assert_finished(node)


def test_a_call_that_rings_can_be_cancelled() -> None:
    """RFC 3261 section 9.2: the CANCEL finds the INVITE that it is about."""
    node = Relieved(config())
    invite = ring(node, node.carrier, node.pbx)
    node.begin()
    node.carrier.cancel()
    node.carrier.expect_response(200)
    failure = node.carrier.expect_response(487)
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(failure)
    assert node.passed == []
    assert_finished(node)


def test_the_cancel_of_a_call_of_the_next_process_goes_there() -> None:
    node = relieved()
    invite = ring(node, node.carrier, node.pbx)
    node.carrier.cancel()
    node.carrier.expect_response(200)
    failure = node.carrier.expect_response(487)
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(failure)
    assert node.holders() == (0, 0)
    assert_finished(node)


def test_a_copy_of_what_the_first_process_answered_is_absorbed_there() -> None:
    """RFC 3261 section 17.2.2, RFC 6026: whoever answered repeats it."""
    node = Relieved(config())
    talk(node, node.carrier, node.pbx)
    sent = written(node.carrier)
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.begin()
    node.settle()
    node.carrier.sees_copies = True
    node.carrier.raw(sent[0])
    node.carrier.expect_response(200)
    assert node.passed == []
    assert_finished(node)


def test_a_copy_of_the_callees_answer_gets_its_ack_again_though_the_call_has_gone() -> None:
    """RFC 3261 section 13.2.2.4: the ACK is repeated for each 2xx."""
    node = Relieved(config())
    invite = ring(node, node.carrier, node.pbx)
    sent = written(node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    node.begin()
    node.settle()
    node.pbx.sees_copies = True
    node.pbx.raw(sent[0])
    assert node.pbx.expect_request("ACK").cseq.method == "ACK"
    hang_up(node, node.pbx, node.carrier)
    assert_finished(node)


@MODES
@pytest.mark.parametrize("from_caller", [True, False])
def test_a_reinvite_crosses_a_call_that_has_gone(mode: str, from_caller: bool) -> None:
    node = Relieved(config(mode=mode))
    talk(node, node.carrier, node.pbx)
    node.begin()
    node.settle()
    asker, asked = (node.carrier, node.pbx) if from_caller else (node.pbx, node.carrier)
    reinvite(asker, asked)
    hang_up(node, asked, asker)
    assert_finished(node)


def reinvite(asker: Peer, asked: Peer) -> None:
    """Offered, accepted, acknowledged."""
    asker.request("INVITE", sdp(asker.host, version=2))
    offered = asked.expect_request("INVITE")
    asked.reply(offered, 200, sdp(asked.host, version=2))
    asker.expect_response(200)
    asked.expect_request("ACK")
    asker.ack()


def test_a_call_in_the_middle_of_a_reinvite_stays_until_that_is_over() -> None:
    node = Relieved(config())
    talk(node, node.carrier, node.pbx)
    node.carrier.request("INVITE", sdp(node.carrier.host, version=2))
    offered = node.pbx.expect_request("INVITE")
    node.begin()
    node.settle()
    assert node.holders() == (1, 0)
    node.pbx.reply(offered, 200, sdp(node.pbx.host, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    node.settle()
    assert node.holders() == (0, 1)
    hang_up(node, node.pbx, node.carrier)
    assert_finished(node)


def test_a_call_that_finds_no_room_goes_on_where_it_was() -> None:
    node = Relieved(config())
    talk(node, node.carrier, node.pbx)
    node.begin()
    node.has_room = False
    node.settle()
    assert node.holders() == (1, 0)
    hang_up(node, node.pbx, node.carrier)
    assert_finished(node)


def test_a_process_that_stays_after_all_keeps_what_comes() -> None:
    node = relieved()
    node.front.relief.stay()
    talk(node, node.carrier, node.pbx)
    assert node.holders() == (1, 0)
    hang_up(node, node.pbx, node.carrier)
    assert node.passed == []


def test_calls_find_a_phone_that_registered_before_and_its_refresh_has_the_same_contact() -> None:
    """ADR 4: the token of a Contact is the same each time, or the registrar would call the phone twice."""
    node = Relieved(config())
    phone = node.peer("alice", "203.0.113.66", OUTSIDE)
    contact = str(registered(node, phone).contacts[0].uri)
    node.begin()
    node.pbx.remote, node.pbx.target = "<sip:alice@pbx.corp.local>", contact
    node.pbx.request("INVITE", sdp(node.pbx.host))
    node.pbx.expect_response(100)
    invite = phone.expect_request("INVITE")
    assert node.holders() == (0, 1)
    answer(node, node.pbx, phone, invite)
    hang_up(node, phone, node.pbx)
    assert str(registered(node, phone).contacts[0].uri) == contact
    assert_finished(node)


def registered(node: Relieved, phone: Peer) -> Request:
    """The REGISTER as the registrar has seen it, and agreed."""
    register(phone)
    request = node.pbx.expect_request("REGISTER")
    node.pbx.send(
        "SIP/2.0 200 OK\n" + "\n".join(f"Via: {via}" for via in request.vias) + f"\nFrom: {request.require('From')}\n"
        f"To: {request.require('To')};tag=registrar\nCall-ID: {request.call_id}\nCSeq: {request.cseq}\n"
        f"Contact: {request.contacts[0]};expires=300"
    )
    phone.expect_response(200)
    return request


def test_a_binding_of_ours_is_given_back_once_the_next_process_may_have_registered() -> None:
    """RFC 3261 section 10.2.2; and calls to the old Contact are known as calls to us."""
    made = config()
    trunk = replace(made.trunks["carrier"], register=Register("+4930", "carrier.example", 600))
    node = Relieved(replace(made, trunks={**made.trunks, "carrier": trunk}))
    node.act(node.front.start(node.now))
    node.advance(FIRST_WITHIN + 2)
    first = node.carrier.expect_request("REGISTER")
    node.carrier.reply(first, 200)
    node.begin()
    assert node.next is not None
    assert node.next.egress.own_contacts == node.front.egress.own_contacts
    node.of(node.front, node.front.unregister(node.now))
    last = node.carrier.expect_request("REGISTER")
    assert last.require("Expires") == "0"
    node.carrier.reply(last, 200)
    assert [one.state for one in node.events_of(RegistrationChanged) if isinstance(one, RegistrationChanged)] == [
        "registered",
        "gone",
    ]
