"""UPDATE (RFC 3311) before and after the answer, offers in PRACK, and the glare between them and INVITEs."""

from __future__ import annotations

import pytest

from sbc.sip import Request, Response
from tests.engine.test_reliable import REL, answer, final, prack, pracked, ring, start
from tests.kit.flows import assert_no_leak, hang_up, talk
from tests.kit.node import Node, config
from tests.kit.peer import Peer, sdp

ALLOW = "Allow: INVITE, ACK, CANCEL, BYE, PRACK, UPDATE\n"


def early(node: Node, asked: str = REL + ALLOW, tag: str = "") -> tuple[Request, Response]:
    """Early media, reliably on both legs: the callee's INVITE and the caller's 183."""
    invite = start(node, asked)
    node.pbx.reply(invite, 183, sdp(node.pbx.host), extra=f"{ALLOW}Require: 100rel\nRSeq: 5", tag=tag)
    pracked(node, invite, 5)
    response = node.carrier.expect_response(183)
    if response.get("RSeq"):
        prack(node, response)
        node.carrier.expect_response(200)
    return invite, response


def sides(node: Node, from_caller: bool) -> tuple[Peer, Peer]:
    """Who asks, and who is asked."""
    return (node.carrier, node.pbx) if from_caller else (node.pbx, node.carrier)


def with_update(node: Node) -> None:
    """A call up between peers that know UPDATE."""
    node.carrier.invite(extra=ALLOW)
    invite = node.pbx.expect_request("INVITE")
    node.pbx.reply(invite, 200, sdp(node.pbx.host), extra=ALLOW)
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()


# Before the answer


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("from_caller", [True, False])
def test_update_crosses_before_the_answer(mode: str, from_caller: bool) -> None:
    """RFC 3311 section 5; RFC 6337 pattern 5: both legs have an answer."""
    node = Node(config(mode=mode))
    invite, _ = early(node)
    asker, asked = sides(node, from_caller)
    asker.request("UPDATE", sdp(asker.host, direction="sendonly", version=2))
    update = asked.expect_request("UPDATE")
    assert b"a=sendonly" in update.body
    assert update.get("Session-Expires") is None
    asked.reply(update, 200, sdp(asked.host, direction="recvonly", version=2))
    assert b"a=recvonly" in asker.expect_response(200).body
    answer(node, invite)
    assert final(node).body == b""
    hang_up(node, asker, asked)
    if mode == "anchor":
        assert_no_leak(node)
    node.assert_clean()


def test_an_update_does_not_overtake_our_prack() -> None:
    """RFC 3262 section 4, RFC 3261 section 12.2.2: the PRACK may be lost, and comes too late behind a higher number."""
    node = Node()
    invite = start(node, REL + ALLOW)
    node.pbx.reply(invite, 183, sdp(node.pbx.host), extra=f"{ALLOW}Require: 100rel\nRSeq: 5")
    unanswered = node.pbx.expect_request("PRACK")
    prack(node, node.carrier.expect_response(183))
    node.carrier.expect_response(200)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    assert node.carrier.expect_response(500).get("Retry-After")
    assert node.pbx.idle()
    node.pbx.reply(unanswered, 200)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    node.pbx.reply(node.pbx.expect_request("UPDATE"), 200, sdp(node.pbx.host, direction="recvonly", version=2))
    node.carrier.expect_response(200)
    answer(node, invite)
    final(node)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("from_caller", [True, False])
def test_update_without_sdp_concerns_its_leg_alone(from_caller: bool) -> None:
    """RFC 3311 section 5.2: the target moves, nothing else."""
    node = Node()
    invite, _ = early(node)
    asker, asked = sides(node, from_caller)
    node.peers[(asker.host, 5099)] = asker
    asker.port = 5099
    asker.request("UPDATE")
    assert asker.expect_response(200).body == b""
    assert asked.idle()
    answer(node, invite)
    final(node)
    asked.request("BYE")
    asked.expect_response(200)
    assert asker.expect_request("BYE").request_uri.endswith(":5099")


@pytest.mark.parametrize("from_caller", [True, False])
def test_update_that_changes_nothing_is_answered_here(from_caller: bool) -> None:
    """Design 3a, before the answer too."""
    node = Node()
    early(node)
    asker, asked = sides(node, from_caller)
    asker.request("UPDATE", sdp(asker.host))
    assert asker.expect_response(200).body
    assert asked.idle()


@pytest.mark.parametrize("status", [488, 491, 500, 481, 405])
def test_refused_update_leaves_the_early_session_as_it_was(status: int) -> None:
    """RFC 6141 in an early dialog: the call goes on."""
    node = Node(config(mode="anchor"))
    invite, _ = early(node)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    node.pbx.reply(node.pbx.expect_request("UPDATE"), status)
    node.carrier.expect_response(status)
    answer(node, invite)
    final(node)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_update_of_a_caller_whose_offer_is_unanswered_gets_500() -> None:
    """RFC 3311 section 5.2, with Retry-After."""
    node = Node()
    invite = start(node, REL + ALLOW)
    node.pbx.reply(invite, 180)
    ringing = node.carrier.expect_response(180)
    node.carrier.remote_tag, node.carrier.target = ringing.to_tag, str(ringing.contacts[0].uri)
    node.carrier.request("UPDATE", sdp(node.carrier.host, version=2))
    assert node.carrier.expect_response(500).get("Retry-After")
    assert node.pbx.idle()


def test_update_of_a_callee_that_owes_the_answer_gets_491() -> None:
    """RFC 3311 section 5.2: our offer is unanswered."""
    node = Node()
    invite = start(node)
    node.pbx.reply(invite, 180)
    node.pbx.request("UPDATE", sdp(node.pbx.host, version=2))
    node.pbx.expect_response(491)


def test_update_before_the_prack_is_there_gets_491() -> None:
    """RFC 5407's kind of crossing: the caller's PRACK is still on its way."""
    node = Node()
    invite = start(node, REL + ALLOW)
    ring(node, invite, 5)
    pracked(node, invite, 5)
    response = node.carrier.expect_response(183)
    node.pbx.request("UPDATE", sdp(node.pbx.host, version=2))
    node.pbx.expect_response(491)
    prack(node, response)
    node.carrier.expect_response(200)


def test_updates_from_both_sides_at_once_get_491_and_a_second_one_500() -> None:
    """RFC 3311 section 5.2: glare."""
    node = Node()
    early(node)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    update = node.pbx.expect_request("UPDATE")
    node.pbx.request("UPDATE", sdp(node.pbx.host, direction="sendonly", version=2))
    node.pbx.expect_response(491)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="inactive", version=3))
    assert node.carrier.expect_response(500).get("Retry-After")
    node.pbx.reply(update, 200, sdp(node.pbx.host, version=2))
    node.carrier.expect_response(200)


def test_2xx_waits_for_an_update_under_way() -> None:
    """RFC 6337 section 3: the callee answers its INVITE before our UPDATE."""
    node = Node(config(mode="anchor"))
    invite, _ = early(node)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    update = node.pbx.expect_request("UPDATE")
    answer(node, invite)
    assert node.carrier.idle()
    node.pbx.reply(update, 200, sdp(node.pbx.host, direction="recvonly", version=2))
    assert node.carrier.expect_response(200).cseq.method == "UPDATE"
    final(node)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_early_update_that_gets_no_answer_is_504_and_the_call_goes_on() -> None:
    """RFC 4320: the asker hears before its own timer."""
    node = Node()
    invite, _ = early(node)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    node.pbx.expect_request("UPDATE")
    node.advance(28.1)
    node.carrier.expect_response(504)
    answer(node, invite)
    final(node)
    hang_up(node, node.carrier, node.pbx)


def test_failed_invite_ends_an_update_under_way() -> None:
    """The early dialog is gone: 481."""
    node = Node()
    invite, _ = early(node)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    update = node.pbx.expect_request("UPDATE")
    node.pbx.reply(invite, 486)
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(481)
    node.carrier.ack_failure(node.carrier.expect_response(486))
    node.pbx.reply(update, 481)
    node.assert_clean()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_update_of_a_callee_for_a_caller_without_100rel_is_answered_here(mode: str) -> None:
    """One side without the extension: the caller sees the new address in a 183 and in the 200."""
    node = Node(config(mode=mode))
    invite, first = early(node, "")
    node.pbx.request("UPDATE", sdp(node.pbx.host, 6000, version=2))
    assert node.pbx.expect_response(200).body
    shown = first.body
    if mode == "bypass" or not node.carrier.idle():
        shown = node.carrier.expect_response(183).body
        assert b"m=audio 6000" in shown
    answer(node, invite)
    assert final(node).body == shown
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_update_of_a_callee_for_a_caller_without_update_is_put_off() -> None:
    """RFC 3311 section 5.2: 500 with Retry-After; once the call is up it crosses as a re-INVITE."""
    node = Node()
    invite, _ = early(node, REL)
    node.pbx.request("UPDATE", sdp(node.pbx.host, 6000, version=2))
    assert node.pbx.expect_response(500).get("Retry-After")
    answer(node, invite)
    final(node)
    node.pbx.request("UPDATE", sdp(node.pbx.host, 6000, version=2))
    reinvite = node.carrier.expect_request("INVITE")
    node.carrier.reply(reinvite, 200, sdp(node.carrier.host, version=2))
    node.carrier.expect_request("ACK")
    assert node.pbx.expect_response(200).body
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
@pytest.mark.parametrize("from_caller", [True, False])
def test_other_fork_answers_after_an_update(mode: str, from_caller: bool) -> None:
    """The offer of the INVITE counts again for the fork that answers."""
    node = Node(config(mode=mode))
    node.pbx.tag = "one"
    invite, _ = early(node, tag="one")
    asker, asked = sides(node, from_caller)
    asker.request("UPDATE", sdp(asker.host, direction="sendonly", version=2))
    asked.reply(asked.expect_request("UPDATE"), 200, sdp(asked.host, version=2))
    asker.expect_response(200)
    node.pbx.reply(invite, 180, sdp(node.pbx.host), tag="three")
    assert node.carrier.expect_response(180).body == b""
    node.pbx.reply(invite, 200, sdp(node.pbx.host, 6002), tag="three")
    assert node.pbx.expect_request("ACK").to_tag == "three"
    assert b"m=audio" in final(node).body
    node.pbx.tag = "three"
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_a_fork_that_made_an_offer_answers_though_another_was_heard_since_its_first_one() -> None:
    """The session is the one of its UPDATE: the 2xx says nothing about it (RFC 3261 section 13.2.1)."""
    node = Node(config(mode="anchor"))
    invite, _ = early(node, tag="one")
    node.pbx.reply(invite, 183, sdp(node.pbx.host, 4600), extra=ALLOW, tag="two")
    prack(node, node.carrier.expect_response(183))
    node.carrier.expect_response(200)
    node.pbx.tag = "one"
    node.pbx.request("UPDATE", sdp(node.pbx.host, direction="sendonly", version=2))
    update = node.carrier.expect_request("UPDATE")
    node.carrier.reply(update, 200, sdp(node.carrier.host, direction="recvonly", version=2))
    node.pbx.expect_response(200)
    node.pbx.reply(invite, 183, sdp(node.pbx.host, version=2), extra=ALLOW, tag="one")
    assert node.carrier.expect_response(183).body == b""
    node.pbx.reply(invite, 200, tag="one")
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_other_fork_answers_during_an_update() -> None:
    """The update's dialog has lost: 481, then the answer."""
    node = Node(config(mode="anchor"))
    invite, _ = early(node, tag="one")
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    node.pbx.expect_request("UPDATE")
    node.pbx.reply(invite, 200, sdp(node.pbx.host), tag="two")
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(481)
    assert final(node).body
    hang_up(node, node.carrier, node.pbx)


# Offers in PRACK


@pytest.mark.parametrize("mode", ["bypass", "anchor"])
def test_offer_in_a_prack_crosses_as_update(mode: str) -> None:
    """RFC 3262 section 5: answered in the 200 to the PRACK."""
    node = Node(config(mode=mode))
    invite = start(node, REL + ALLOW)
    node.pbx.reply(invite, 183, sdp(node.pbx.host), extra=f"{ALLOW}Require: 100rel\nRSeq: 5")
    pracked(node, invite, 5)
    prack(node, node.carrier.expect_response(183), sdp(node.carrier.host, direction="sendonly", version=2))
    update = node.pbx.expect_request("UPDATE")
    assert b"a=sendonly" in update.body
    node.pbx.reply(update, 200, sdp(node.pbx.host, direction="recvonly", version=2))
    response = node.carrier.expect_response(200)
    assert response.cseq.method == "PRACK"
    assert b"a=recvonly" in response.body
    answer(node, invite)
    final(node)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_offer_in_a_prack_is_refused_where_the_callee_cannot_be_asked() -> None:
    """A callee without UPDATE: 488, and the response counts as acknowledged."""
    node = Node()
    invite = start(node, REL + ALLOW)
    ring(node, invite, 5)
    pracked(node, invite, 5)
    prack(node, node.carrier.expect_response(183), sdp(node.carrier.host, direction="sendonly", version=2))
    node.carrier.expect_response(488)
    answer(node, invite)
    final(node)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


# After the answer


@pytest.mark.parametrize("from_caller", [True, False])
def test_update_crosses_as_update_where_the_peer_allows_it(from_caller: bool) -> None:
    """RFC 3311 section 5.1; no ACK."""
    node = Node()
    with_update(node)
    asker, asked = sides(node, from_caller)
    asker.request("UPDATE", sdp(asker.host, direction="sendonly", version=2))
    update = asked.expect_request("UPDATE")
    assert {"PRACK", "UPDATE"} <= set(update.tokens("Allow"))
    asked.reply(update, 200, sdp(asked.host, direction="recvonly", version=2))
    assert b"a=recvonly" in asker.expect_response(200).body
    assert asked.idle()
    hang_up(node, asker, asked)
    node.assert_clean()


@pytest.mark.parametrize("allow", ["", "Allow: INVITE, ACK, BYE\n"])
def test_update_becomes_a_reinvite_where_the_peer_lacks_it(allow: str) -> None:
    """Issue 3 item 1: turned, acknowledged here, answered as UPDATE."""
    node = Node()
    talk(node, node.carrier, node.pbx)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2), extra=allow)
    reinvite = node.pbx.expect_request("INVITE")
    node.pbx.reply(reinvite, 180)
    node.pbx.reply(reinvite, 200, sdp(node.pbx.host, direction="recvonly", version=2))
    node.pbx.expect_request("ACK")
    response = node.carrier.expect_response(200)
    assert response.cseq.method == "UPDATE"
    assert b"a=recvonly" in response.body
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("status", [405, 501])
def test_update_refused_as_unknown_is_asked_again_by_reinvite(status: int) -> None:
    """A peer whose Allow promised too much; the asker hears nothing of it."""
    node = Node()
    with_update(node)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    node.pbx.reply(node.pbx.expect_request("UPDATE"), status)
    node.pbx.reply(node.pbx.expect_request("INVITE"), 200, sdp(node.pbx.host, version=2))
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("answered", [False, True])
def test_reinvite_made_of_an_update_is_taken_back_in_time(answered: bool) -> None:
    """RFC 3311 section 5.2: 504 for what takes too long; a 2xx that crosses the CANCEL is undone."""
    node = Node(config(mode="anchor"))
    talk(node, node.carrier, node.pbx)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    reinvite = node.pbx.expect_request("INVITE")
    node.pbx.reply(reinvite, 180)
    node.advance(28.1)
    node.carrier.expect_response(504)
    cancel = node.pbx.expect_request("CANCEL")
    if answered:
        node.pbx.reply(reinvite, 200, sdp(node.pbx.host, version=2))
        node.pbx.reply(cancel, 481)
        node.pbx.expect_request("ACK")
        back = node.pbx.expect_request("INVITE")
        assert b"sendonly" not in back.body
        node.pbx.reply(back, 200, sdp(node.pbx.host, version=3))
        node.pbx.expect_request("ACK")
    else:
        node.pbx.reply(cancel, 200)
        node.pbx.reply(reinvite, 487)
        node.pbx.expect_request("ACK")
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


def test_update_and_reinvite_that_cross_both_get_491() -> None:
    """RFC 5407 section 3.3.2: UPDATE against re-INVITE; the one that was first goes on."""
    node = Node()
    with_update(node)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    update = node.pbx.expect_request("UPDATE")
    node.pbx.request("INVITE", sdp(node.pbx.host, direction="inactive", version=2))
    node.pbx.ack_failure(node.pbx.expect_response(491))
    node.pbx.reply(update, 491)
    node.carrier.expect_response(491)
    hang_up(node, node.carrier, node.pbx)
    node.assert_clean()


@pytest.mark.parametrize("with_prack", [False, True])
def test_reinvite_before_the_ack_gets_491(with_prack: bool) -> None:
    """RFC 5407 sections 3.1.4 and 3.1.5: the callee changes the session while the caller's ACK is on its way."""
    node = Node()
    if with_prack:
        invite, _ = early(node)
    else:
        invite = start(node)
    node.pbx.reply(invite, 200, sdp(node.pbx.host))
    node.pbx.expect_request("ACK")
    for method in ("INVITE", "UPDATE"):
        node.pbx.request(method, sdp(node.pbx.host, direction="inactive", version=2))
        response = node.pbx.expect_response(491)
        if method == "INVITE":
            node.pbx.ack_failure(response)
    final(node)
    node.pbx.request("INVITE", sdp(node.pbx.host, direction="inactive", version=3))
    assert b"a=inactive" in node.carrier.expect_request("INVITE").body


def test_bye_crosses_an_update() -> None:
    """RFC 5407 section 3.2: the mortal state; the UPDATE gets a final answer, the call ends once."""
    node = Node()
    with_update(node)
    node.carrier.request("UPDATE", sdp(node.carrier.host, direction="sendonly", version=2))
    update = node.pbx.expect_request("UPDATE")
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    node.carrier.expect_response(487)
    node.carrier.reply(node.carrier.expect_request("BYE"), 200)
    node.pbx.reply(update, 481)
    node.assert_clean()


def test_update_after_bye_gets_481() -> None:
    """RFC 5407 section 3.2.2 with UPDATE."""
    node = Node()
    with_update(node)
    node.pbx.request("BYE")
    node.pbx.expect_response(200)
    bye = node.carrier.expect_request("BYE")
    node.carrier.request("UPDATE", sdp(node.carrier.host, version=2))
    node.carrier.expect_response(481)
    node.carrier.reply(bye, 200)
    node.assert_clean()
