"""Calls that come up, and calls that do not."""

from __future__ import annotations

import pytest

from sbc.outputs import CallAnswered, CallEnded, CallStarted
from tests.kit.flows import answer, assert_no_leak, hang_up, ring, talk
from tests.kit.node import INSIDE, PBX2, Node, config
from tests.kit.peer import sdp


def ended(node: Node) -> CallEnded:
    """The one call record."""
    (event,) = node.events_of(CallEnded)
    assert isinstance(event, CallEnded)
    return event


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("inward", [True, False])
def test_call_is_set_up_and_ended_by_either_side(mode: str, inward: bool) -> None:
    """RFC 3261 sections 13 and 15: INVITE to BYE, both ways, by either side."""
    for caller_ends in (True, False):
        node = Node(config(mode=mode))
        caller, callee = (node.carrier, node.pbx) if inward else (node.pbx, node.carrier)
        talk(node, caller, callee)
        assert node.engine.active_calls == 1
        who, other = (caller, callee) if caller_ends else (callee, caller)
        hang_up(node, who, other)
        if mode == "anchor":
            assert_no_leak(node)
        node.assert_clean()
        assert ended(node).status == 200
        assert ended(node).released_by == ("caller" if caller_ends else "callee")
        assert len(node.events_of(CallStarted)) == len(node.events_of(CallAnswered)) == 1


def test_callee_sees_nothing_of_the_callers_side() -> None:
    """Design 2.5: default-deny; only the number, the display name and the codecs cross."""
    node = Node(config(mode="anchor"))
    node.carrier.invite(extra="X-Carrier-Route: core7.carrier.example\nOrganization: ACME carrier.example\n")
    invite = node.pbx.expect_request("INVITE")
    assert invite.request_uri == "sip:+493012345@10.20.0.5"
    assert invite.from_address.uri.host == "pbx.corp.local"
    assert invite.get("User-Agent") is None
    assert invite.get("X-Carrier-Route") is None
    assert invite.max_forwards == 69
    assert b"secret" not in invite.body
    assert_no_leak(node)


def test_trying_is_sent_before_anything_is_known_of_the_callee() -> None:
    """RFC 3261 section 17.2.1; design 3a: 100 leaves first."""
    node = Node(config(mode="anchor"))
    node.media = None
    node.carrier.invite()
    node.carrier.expect_response(100)
    assert node.carrier.idle()
    assert node.pbx.idle()
    assert len(node.commands) == 1


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_early_media_crosses_in_a_183_and_its_answer_is_repeated_in_the_200(mode: str) -> None:
    """RFC 3261 section 13.2.1: an answer in a provisional response."""
    node = Node(config(mode=mode))
    node.carrier.invite()
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 183, sdp(node.pbx.host))
    early = node.carrier.expect_response(183)
    assert early.body
    assert early.contacts
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    final = node.carrier.expect_response(200)
    assert final.body == early.body  # same origin version: nothing changed
    node.carrier.ack()
    node.pbx.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_late_offer_is_made_by_the_callee_and_answered_in_the_ack(mode: str) -> None:
    """RFC 3261 section 13.2.1: no offer in the INVITE, so the 2xx has it and the ACK the answer."""
    node = Node(config(mode=mode))
    invite = ring(node, node.carrier, node.pbx, body=b"")
    assert invite.body == b""
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    assert node.pbx.idle()  # the ACK needs the caller's answer
    assert node.carrier.expect_response(200).body
    node.carrier.ack(sdp(node.carrier.host))
    ack = node.pbx.expect_request("ACK")
    assert b"m=audio" in ack.body
    hang_up(node, node.pbx, node.carrier)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()


@pytest.mark.parametrize(
    ("status", "shown"),
    [(302, 480), (401, 403), (404, 404), (407, 403), (486, 486), (488, 488), (600, 600), (603, 603)],
)
def test_failure_is_mapped_and_says_nothing_of_the_callee(status: int, shown: int) -> None:
    """RFC 3261 section 16.7 in a B2BUA's words: our phrase, our headers, challenges and redirections kept inside."""
    node = Node(config(mode="anchor"))
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(
        invite,
        status,
        extra='Contact: <sip:other@10.20.0.9>\nWWW-Authenticate: Digest realm="pbx.corp.local", nonce="abc"\n'
        'Warning: 399 pbx.corp.local "inner trouble"\n',
    )
    node.pbx.expect_request("ACK")
    response = node.carrier.expect_response(shown)
    assert "pbx" not in response.reason_phrase
    node.carrier.ack_failure(response)
    assert_no_leak(node)
    node.assert_clean()
    assert ended(node).status == shown


def test_second_target_is_tried_when_the_first_says_503() -> None:
    """Design 2.3, crank_back: the caller hears nothing of it."""
    node = Node(config(pbx=("sip:10.20.0.5", f"sip:{PBX2}")))
    second = node.peer("pbx2", PBX2, INSIDE)
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 503)
    node.pbx.expect_request("ACK")
    assert node.carrier.idle()
    answer(node, node.carrier, second, second.expect_request("INVITE"))
    hang_up(node, second, node.carrier)
    node.assert_clean()


def test_second_target_is_tried_when_the_first_is_silent_and_is_first_next_time() -> None:
    """Failover on timeout (Timer B), and passive health: the silent target comes last for a while."""
    node = Node(config(pbx=("sip:10.20.0.77", f"sip:{PBX2}")))
    second = node.peer("pbx2", PBX2, INSIDE)
    node.carrier.invite()
    node.carrier.expect_response(100)
    node.advance(33)
    answer(node, node.carrier, second, second.expect_request("INVITE"))
    hang_up(node, node.carrier, second)
    other = node.peer("carrier2", "198.51.100.10", 0, port=5062)
    other.invite()
    second.expect_request("INVITE")


def test_silent_callee_gives_the_caller_408() -> None:
    """RFC 3261 section 17.1.1.2, Timer B."""
    node = Node()
    node.peers.pop((node.pbx.host, 5060))
    node.carrier.invite()
    node.carrier.expect_response(100)
    node.advance(33)
    response = node.carrier.expect_response(408)
    node.carrier.ack_failure(response)
    node.assert_clean()


def test_longest_ringing_ends_the_call_on_both_sides() -> None:
    """Design 2.3, node.timers.ringing."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.advance(181)
    cancel = node.pbx.expect_request("CANCEL")
    node.pbx.reply(cancel, 200)
    node.pbx.reply(invite, 487)
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(408))
    node.assert_clean()


def test_media_engine_that_refuses_fails_the_call_with_503_and_leaves_nothing() -> None:
    """Issue 2 item 8: a dead engine costs a call its life, not the node."""
    node = Node(config(mode="anchor"))
    node.media = lambda command: None
    node.carrier.invite()
    node.carrier.expect_response(100)
    node.carrier.ack_failure(node.carrier.expect_response(503))
    assert node.pbx.idle()
    node.assert_clean()


def test_answer_of_another_fork_is_acknowledged_and_ended() -> None:
    """RFC 3261 section 13.2.2.4: more than one 2xx."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="second-fork")
    assert node.pbx.expect_request("ACK").to_tag == "second-fork"
    bye = node.pbx.expect_request("BYE")
    assert bye.to_tag == "second-fork"
    node.pbx.reply(bye, 200)
    assert node.carrier.idle()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_forks_are_shown_as_early_dialogs_of_their_own() -> None:
    """Design 3a: each B early dialog maps to its own A tag."""
    node = Node()
    node.carrier.invite()
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 180, tag="fork-one")
    node.pbx.reply(invite, 180, tag="fork-two")
    tags = {node.carrier.expect_response(180).to_tag, node.carrier.expect_response(180).to_tag}
    assert len(tags) == 2
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="fork-two")
    node.pbx.expect_request("ACK")
    assert node.carrier.expect_response(200).to_tag in tags
    assert len(node.engine.egress.dialogs) == 2


def test_2xx_is_repeated_until_the_ack_and_the_call_ended_without_one() -> None:
    """RFC 3261 section 13.3.1.4."""
    node = Node()
    node.carrier.sees_copies = True
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.advance(0.6)
    node.carrier.expect_response(200)
    node.advance(40)
    while not node.carrier.idle() and node.carrier.inbox[0].cseq.method != "BYE":
        node.carrier.expect_response(200)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.assert_clean()


def test_copy_of_the_callees_2xx_gets_the_same_ack_again() -> None:
    """RFC 3261 section 13.2.2.4: byte-identical."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    answer(node, node.carrier, node.pbx, invite)
    first = node.pbx.wires[-1]
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    assert node.pbx.wires[-1] == first
    assert node.carrier.idle()


def test_ack_that_kept_the_branch_of_its_invite_is_taken() -> None:
    """RFC 6026 section 7.1: an old peer's ACK to a 2xx matches the transaction; it is the dialog's all the same."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx)
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.carrier.expect_response(200)
    sent = node.carrier.invite_sent
    assert sent is not None
    node.carrier.send(
        f"ACK {node.carrier.target} SIP/2.0\nVia: {sent.vias[0]}\nMax-Forwards: 70\nFrom: {sent.require('From')}\n"
        f"To: {node.carrier.remote};tag={node.carrier.remote_tag}\nCall-ID: {sent.call_id}\n"
        f"CSeq: {sent.cseq.number} ACK"
    )
    node.advance(40)
    assert node.engine.active_calls == 1


def test_ended_calls_are_let_go_at_once() -> None:
    """Memory: the wheel holds nothing of a call that is over."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    alarm = next(iter(node.engine.egress.calls.values())).alarm
    node.pbx.expect_request("ACK") if not node.pbx.idle() else None
    hang_up(node, node.carrier, node.pbx)
    assert alarm.call is None


def test_copy_of_a_2xx_whose_ack_waits_for_the_callers_answer_is_absorbed() -> None:
    """RFC 3261 section 13.2.2.4 with a late offer: the copy is no other fork."""
    node = Node()
    invite = ring(node, node.carrier, node.pbx, body=b"")
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    assert node.pbx.idle()
    node.carrier.expect_response(200)
    node.carrier.ack(sdp(node.carrier.host))
    assert node.pbx.expect_request("ACK").body
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_silence_of_the_engine_costs_early_media_and_not_the_call() -> None:
    """The 183 goes without its description; the answer is asked about anew."""
    node = Node(config(mode="anchor"))
    node.carrier.invite()
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    media, node.media = node.media, None
    node.pbx.reply(invite, 183, sdp(node.pbx.host))
    (command,) = node.commands
    node.commands.clear()
    node.act(node.engine.media_reply(command.id, None, node.now))
    node.media = media
    assert node.carrier.expect_response(183).body == b""
    answer(node, node.carrier, node.pbx, invite)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()
