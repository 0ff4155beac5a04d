"""The media session: which command follows from which offer or answer."""

from __future__ import annotations

import pytest

import rtpengine
from rtpengine import Answer, Command, Delete, Offer, Options, Reply
from sbc.media import MachineMisuse, MediaSession, Objection, Phase, Side

SDP_A = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n"
SDP_B = SDP_A.replace(b"192.0.2.1", b"198.51.100.1")
ENGINE = SDP_A.replace(b"192.0.2.1", b"203.0.113.1")


def session(mode: str = "anchor") -> MediaSession:
    """A session with both sides' own tags and interfaces."""
    return MediaSession(mode, "call", ("ta", "tb"), ("pub", "priv"))


def ok(sdp: bytes = ENGINE) -> Reply:
    """The engine agrees."""
    return Reply({"result": b"ok", "sdp": sdp})


def refused(reason: bytes = b"Ran out of ports") -> Reply:
    """It does not."""
    return Reply({"result": b"error", "error-reason": reason})


def offer(media: MediaSession, side: Side, sdp: bytes) -> Offer:
    """Offer, as a command."""
    command = media.offer(side, sdp)
    assert isinstance(command, Offer)
    return command


def answer(media: MediaSession, side: Side, sdp: bytes) -> Answer:
    """Answer, as a command."""
    command = media.answer(side, sdp)
    assert isinstance(command, Answer)
    return command


def answered() -> MediaSession:
    """A session with A's offer answered by B."""
    media = session()
    media.offer(Side.A, SDP_A)
    media.reply(ok())
    media.answer(Side.B, SDP_B)
    media.reply(ok())
    return media


def test_first_offer_has_the_portable_keys() -> None:
    """The reference profile: everything that 10.5.3 wants, in its shapes."""
    assert offer(session(), Side.A, SDP_A).to_dict() == {
        "command": "offer",
        "call-id": "call",
        "from-tag": "ta",
        "sdp": SDP_A,
        "direction": ["pub", "priv"],
        "flags": ["strict-source", "port-latching"],
        "replace": ["origin"],
        "rtcp-mux": ["demux"],
        "supports": ["load limit"],
        "endpoint-learning": ["heuristic"],
        "ICE": "remove",
        "generate RTCP": "on",
    }


def test_answer_repeats_the_options_but_not_the_direction() -> None:
    """Options are evaluated anew with every message; a direction in an answer is ignored. Tags go as in the offer."""
    media = session()
    offer(media, Side.A, SDP_A)
    assert media.reply(ok()) == ENGINE
    assert answer(media, Side.B, SDP_B).to_dict() == {
        "command": "answer",
        "call-id": "call",
        "from-tag": "ta",
        "to-tag": "tb",
        "sdp": SDP_B,
        "flags": ["strict-source", "port-latching"],
        "replace": ["origin"],
        "supports": ["load limit"],
        "endpoint-learning": ["heuristic"],
        "ICE": "remove",
        "generate RTCP": "on",
    }
    assert media.reply(ok()) == ENGINE
    assert media.phase is Phase.ANSWERED


def test_late_offer_comes_from_the_callee() -> None:
    """RFC 3261 section 13.2.1: an INVITE without SDP is offered to in the 2xx and answered in the ACK."""
    media = session()
    command = offer(media, Side.B, SDP_B)
    assert (command.from_tag, command.to_tag, command.options.direction) == ("tb", "", ("priv", "pub"))
    media.reply(ok())
    reply = answer(media, Side.A, SDP_A)
    assert (reply.from_tag, reply.to_tag) == ("tb", "ta")


def test_re_offer_by_the_callee_turns_tags_and_direction() -> None:
    """Never as an answer: the roles belong to the transaction."""
    media = answered()
    command = offer(media, Side.B, SDP_B)
    assert (command.from_tag, command.to_tag, command.options.direction) == ("tb", "ta", ("priv", "pub"))
    media.reply(ok())
    reply = answer(media, Side.A, SDP_A)
    assert (reply.from_tag, reply.to_tag) == ("tb", "ta")


def test_copy_of_an_answer_does_not_bother_the_engine() -> None:
    """The 200 that repeats the 183's SDP."""
    assert answered().answer(Side.B, SDP_B) == ENGINE


def test_changed_answer_goes_under_the_same_tag() -> None:
    """Another fork, or a 200 that differs from its 183: the party that the offer was for stays one."""
    media = answered()
    changed = SDP_B.replace(b"4000", b"5000")
    command = answer(media, Side.B, changed)
    assert (command.to_tag, command.sdp) == ("tb", changed)
    assert media.reply(ok()) == ENGINE


def test_no_interfaces_no_direction() -> None:
    """The engine's first interface then."""
    media = MediaSession("anchor", "call", ("ta", "tb"), ("", ""))
    assert offer(media, Side.A, SDP_A).options.direction is None


def test_refused_offer_raises_and_awaits_no_answer() -> None:
    """Nothing was offered to the other side."""
    media = session()
    media.offer(Side.A, SDP_A)
    with pytest.raises(rtpengine.Refused) as caught:
        media.reply(refused())
    assert caught.value.is_limit
    with pytest.raises(MachineMisuse):
        media.answer(Side.B, SDP_B)
    assert media.rollback() == []
    assert media.delete() == Delete("call", delay=0)


def test_refused_answer_may_be_followed_by_another() -> None:
    """A fork with an SDP that the engine cannot take does not end the call."""
    media = session()
    media.offer(Side.A, SDP_A)
    media.reply(ok())
    media.answer(Side.B, b"junk")
    with pytest.raises(rtpengine.Refused):
        media.reply(refused(b"Failed to parse SDP"))
    assert answer(media, Side.B, SDP_B)


def test_refused_second_answer_leaves_the_first_in_force() -> None:
    """Its copy is still known."""
    media = answered()
    media.answer(Side.B, SDP_B + b"a=x\r\n")
    with pytest.raises(rtpengine.Refused):
        media.reply(refused())
    assert media.phase is Phase.ANSWERED
    assert media.answer(Side.B, SDP_B) == ENGINE


@pytest.mark.parametrize("sdp", [b"", b"v=0\r\n", ENGINE + b"m=video 0 RTP/AVP 96\r\n"])
def test_reply_with_another_number_of_streams_is_refused(sdp: bytes) -> None:
    """RFC 3264 section 6; the engine does not repair an answer, and is not believed."""
    media = session()
    media.offer(Side.A, SDP_A)
    with pytest.raises(rtpengine.Refused, match="m-lines"):
        media.reply(ok(sdp))


def test_failed_re_offer_is_rolled_back_to_the_former_exchange() -> None:
    """RFC 3261 section 14.1: the session is as if no re-INVITE had been sent."""
    media = answered()
    media.offer(Side.B, SDP_B.replace(b"4000", b"6000"))
    media.reply(ok())
    commands = media.rollback()
    assert [type(command) for command in commands] == [Offer, Answer]
    again, back = commands
    assert isinstance(again, Offer)
    assert isinstance(back, Answer)
    assert (again.from_tag, again.to_tag, again.sdp) == ("ta", "tb", SDP_A)
    assert again.options.direction == ("pub", "priv")
    assert (back.from_tag, back.to_tag, back.sdp) == ("ta", "tb", SDP_B)
    assert media.phase is Phase.ANSWERED
    assert media.answer(Side.B, SDP_B) == ENGINE


def test_rollback_undoes_a_re_offer_that_was_answered_early() -> None:
    """A 183 with an answer, then a 488."""
    media = answered()
    media.offer(Side.A, SDP_A + b"a=x\r\n")
    media.reply(ok())
    media.answer(Side.B, SDP_B + b"a=x\r\n")
    media.reply(ok())
    assert [_sdp(command) for command in media.rollback()] == [SDP_A, SDP_B]


@pytest.mark.parametrize("is_answering", [False, True])
def test_rollback_and_delete_may_overtake_a_command(is_answering: bool) -> None:
    """CANCEL and BYE do not wait for the engine."""
    media = answered()
    media.offer(Side.A, SDP_A + b"a=x\r\n")
    if is_answering:
        media.reply(ok())
        media.answer(Side.B, SDP_B + b"a=x\r\n")
    assert len(media.rollback()) == 2
    assert offer(media, Side.B, SDP_B)
    assert media.delete() is not None


def test_delete_goes_once_and_only_where_the_engine_was_asked() -> None:
    """By call-id alone and at once: the default delay eats ports."""
    media = session()
    assert media.delete() is None
    media = answered()
    assert media.delete() == Delete("call", delay=0)
    assert media.delete() is None
    assert media.rollback() == []
    with pytest.raises(MachineMisuse):
        media.offer(Side.A, SDP_A)


def test_bypass_gives_the_sdp_back_and_keeps_nothing() -> None:
    """No command at all."""
    media = session("bypass")
    assert media.offer(Side.A, SDP_A) == SDP_A
    assert media.answer(Side.B, SDP_B) == SDP_B
    assert media.offer(Side.B, SDP_B) == SDP_B
    assert media.rollback() == []
    assert media.delete() is None


@pytest.mark.parametrize("mode", ["anchor", "bypass"])
def test_a_host_name_in_the_place_of_an_address_crosses_in_no_mode(mode: str) -> None:
    """RFC 8866 section 5.7: what it means to one side, or whether anything, the other cannot know."""
    media = session(mode)
    objection = media.offer(Side.A, SDP_A.replace(b"192.0.2.1", b"pbx.corp.local"))
    assert isinstance(objection, Objection)
    assert "host name" in objection.reason


def test_inputs_out_of_turn_are_our_own_mistake() -> None:
    """Neither peer can cause them: the call keeps offers and answers apart."""
    media = session()
    with pytest.raises(MachineMisuse):
        media.answer(Side.B, SDP_B)
    with pytest.raises(MachineMisuse):
        media.reply(ok())
    media.offer(Side.A, SDP_A)
    with pytest.raises(MachineMisuse):
        media.offer(Side.B, SDP_B)
    media.reply(ok())
    with pytest.raises(MachineMisuse):
        media.answer(Side.A, SDP_A)


@pytest.mark.parametrize(("mode", "tags"), [("relay", ("a", "b")), ("anchor", ("a", "a"))])
def test_unfit_construction_is_refused(mode: str, tags: tuple[str, str]) -> None:
    """One tag for both sides would be one party."""
    with pytest.raises(MachineMisuse):
        MediaSession(mode, "call", tags, ("", ""))


def test_offer_that_was_never_answered_is_replaced() -> None:
    """The first party is still unnamed, so no tag is sent for it."""
    media = session()
    media.offer(Side.A, SDP_A)
    media.reply(ok())
    assert offer(media, Side.A, SDP_A).to_tag == ""


def _sdp(command: Command) -> bytes:
    assert isinstance(command, Offer | Answer)
    assert isinstance(command.options, Options)
    return command.sdp
