"""Several early dialogs of one INVITE: whose media are heard, and dialogs that end before the INVITE (RFC 6228)."""

from __future__ import annotations

import pytest

import rtpengine
from sbc.sip import Request
from tests.kit.flows import hang_up
from tests.kit.node import INSIDE, PBX, PBX2, FakeMedia, Node, config
from tests.kit.peer import sdp

KNOWS_199 = "Supported: 199\n"


def _forked(node: Node, extra: str = "") -> tuple[Request, str, str]:
    """The callee has forked: 180 from two of them. The INVITE, and the tags that the caller sees."""
    node.carrier.invite(extra=extra)
    node.carrier.expect_response(100)
    invite = node.pbx.expect_request("INVITE")
    tags = []
    for tag in ("one", "two"):
        node.pbx.reply(invite, 180, tag=tag)
        tags.append(node.carrier.expect_response(180).to_tag)
    assert tags[0] != tags[1]
    return invite, tags[0], tags[1]


def test_an_early_dialog_that_ends_is_told_to_who_knows_199() -> None:
    """RFC 6228 sections 4 and 5: in its own dialog; the others go on."""
    node = Node()
    invite, first, second = _forked(node, KNOWS_199)
    node.pbx.reply(invite, 199, tag="one")
    assert node.carrier.expect_response(199).to_tag == first
    node.pbx.reply(invite, 200, sdp(PBX), tag="two")
    node.pbx.expect_request("ACK")
    assert node.carrier.expect_response(200).to_tag == second
    node.carrier.ack()
    node.pbx.remote_tag = invite.from_tag
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.assert_clean()


def test_a_caller_that_lacks_199_hears_nothing_of_it() -> None:
    """RFC 6228 section 5: only where the INVITE lists the option tag."""
    node = Node()
    invite, _, _ = _forked(node)
    node.pbx.reply(invite, 199, tag="one")
    assert node.carrier.idle()
    assert len(node.engine.egress.dialogs) == 2
    node.carrier.cancel()
    node.carrier.expect_response(200)
    node.carrier.ack_failure(node.carrier.expect_response(487))
    node.pbx.reply(node.pbx.expect_request("CANCEL"), 200)
    node.pbx.reply(invite, 487, tag="two")
    node.pbx.expect_request("ACK")
    node.assert_clean()


def test_a_tag_that_is_over_is_not_used_again() -> None:
    """A third one answers after both are out: a new dialog toward the caller."""
    node = Node()
    invite, first, second = _forked(node, KNOWS_199)
    for tag, shown in (("one", first), ("two", second)):
        node.pbx.reply(invite, 199, tag=tag)
        assert node.carrier.expect_response(199).to_tag == shown
    node.pbx.reply(invite, 180, tag="three")
    third = node.carrier.expect_response(180).to_tag
    assert third not in (first, second)
    node.pbx.reply(invite, 200, sdp(PBX), tag="three")
    node.pbx.expect_request("ACK")
    assert node.carrier.expect_response(200).to_tag == third
    node.carrier.ack()
    node.carrier.request("BYE")
    node.carrier.expect_response(200)
    node.pbx.reply(node.pbx.expect_request("BYE"), 200)
    node.assert_clean()


def test_next_target_ends_the_early_dialogs_of_the_last_one() -> None:
    """RFC 6228 section 5: what rang at a target that failed is over, though the INVITE is not."""
    node = Node(config(pbx=(f"sip:{PBX}", f"sip:{PBX2}")))
    second = node.peer("second", PBX2, INSIDE)
    invite, *tags = _forked(node, KNOWS_199)
    node.pbx.reply(invite, 503, tag="one")
    node.pbx.expect_request("ACK")
    assert [node.carrier.expect_response(199).to_tag for _ in tags] == tags
    again = second.expect_request("INVITE")
    second.reply(again, 180)
    assert node.carrier.expect_response(180).to_tag not in tags
    second.reply(again, 200, sdp(PBX2))
    second.expect_request("ACK")
    node.carrier.expect_response(200)
    node.carrier.ack()
    hang_up(node, node.carrier, second)
    node.assert_clean()


def test_a_199_of_nobody_changes_nothing() -> None:
    """A tag that never rang."""
    node = Node()
    invite, _, _ = _forked(node, KNOWS_199)
    node.pbx.reply(invite, 199, tag="nobody")
    assert node.carrier.idle()
    node.pbx.reply(invite, 486, tag="one")
    node.pbx.expect_request("ACK")
    node.carrier.ack_failure(node.carrier.expect_response(486))
    node.assert_clean()


@pytest.mark.parametrize("winner", ["one", "two"])
def test_the_media_engine_has_the_one_who_answers(winner: str) -> None:
    """The last early description is heard; with the 200 the one who answers is, whoever spoke last before."""
    node = Node(config(mode="anchor"))
    media, answers = FakeMedia(), []

    def note(command: rtpengine.Command) -> rtpengine.Reply | None:
        if isinstance(command, rtpengine.Answer):
            answers.append(command.sdp)
        return media(command)

    node.media = note
    invite, _, _ = _forked(node)
    bodies = {"one": sdp(PBX, 4000), "two": sdp(PBX, 4600)}
    for tag, body in bodies.items():
        node.pbx.reply(invite, 183, body, tag=tag)
        node.carrier.expect_response(183)
    assert answers[-1] == bodies["two"]
    node.pbx.reply(invite, 200, bodies[winner], tag=winner)
    node.pbx.expect_request("ACK")
    node.carrier.expect_response(200)
    assert answers[-1] == bodies[winner]
