"""Tones from end to end through the node, with either engine behind it: what one phone says the other hears."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.ends import Socket
from tests.interop.test_races import Talk
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.rtpengine import Rtpengine
from tests.rig.ua import DialogOf, Message
from tests.rtpengine.voices import G722, OPUS, PCMA, Talker, Voice

NEAR, FAR, THIRD = 440.0, 1000.0, 700.0
MOMENT = 1.0
LEARNING = 4.0
"""Seconds after signalling in which the daemon still takes RTP from anybody."""


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A node with its own engine, and one with the daemon."""
    need("rtpengine")
    with Rig() as rig:
        daemon = None
        if request.param == "rtpengine":
            daemon = Rtpengine(tmp_path_factory.mktemp("rtpengine"), rig.network.node)

        def config(state: Path) -> str:
            return node_file(state=state, engine=Rtpengine.ng if daemon is not None else "")

        rig.start(config)
        yield rig
        if daemon is not None:
            daemon.stop()


class Call:
    """Two scripted user agents with a voice each."""

    def __init__(self, rig: Rig, voice: Voice) -> None:
        self.rig = rig
        self.voice = voice
        self.talk = Talk(rig)
        self.sockets = [Socket(rig, OUTSIDE, 17000), Socket(rig, INSIDE, 18000)]
        self.near = Talker(self.sockets[0], voice, plays=NEAR, awaits=FAR)
        self.far = Talker(self.sockets[1], voice, plays=FAR, awaits=NEAR)
        self.talkers = [self.near, self.far]
        self.version = 1

    def sdp(self, at: Socket, direction: str = "sendrecv") -> str:
        """A description of one phone."""
        return self.voice.sdp(at, version=self.version, direction=direction).decode()

    def invite(self) -> None:
        """The offer arrives."""
        self.talk.start(self.sdp(self.sockets[0]))
        send_to(self.far, self.talk.invite)

    def establish(self) -> None:
        """Answered and acknowledged."""
        self.invite()
        self.answer()

    def answer(self) -> None:
        """200 and ACK."""
        talk = self.talk
        talk.far.respond(talk.invite, 200, "OK", tag="fartag", body=self.sdp(self.sockets[1]))
        talk.answer = talk.near.expect(200, "INVITE")
        send_to(self.near, talk.answer)
        self.dialog = DialogOf.as_caller(talk.answer)
        talk.near.send(talk.near.in_dialog("ACK", self.dialog))
        talk.far.expect("ACK")

    def reinvite(self, at: Socket, offer: str = "sendrecv", answer: str = "sendrecv") -> None:
        """The caller changes the session."""
        talk = self.talk
        self.version += 1
        talk.near.send(talk.near.in_dialog("INVITE", self.dialog, body=self.sdp(at, offer)))
        again = talk.far.expect("INVITE")
        send_to(self.far, again)
        talk.far.respond(again, 200, "OK", body=self.sdp(self.sockets[1], answer))
        answered = talk.near.expect(200, "INVITE")
        send_to(self.near, answered)
        talk.near.send(talk.near.in_dialog("ACK", self.dialog))
        talk.far.expect("ACK")

    def assert_both_hear(self) -> None:
        """From now on."""
        for talker in (self.near, self.far):
            talker.listen_anew()
        assert self.near.hears(), "the caller does not hear the callee"
        assert self.far.hears(), "the callee does not hear the caller"

    def close(self) -> None:
        """BYE, and silence."""
        self.talk.hang_up(self.dialog)
        self.fall_silent()
        self.rig.assert_hidden()

    def fall_silent(self) -> None:
        """However far it came."""
        for talker in self.talkers:
            talker.close()
        for sock in self.sockets:
            sock.close()
        self.talk.close()


def send_to(talker: Talker, message: Message) -> None:
    """Speak to where that message's session description says."""
    text = message.body.decode()
    port = re.search(r"^m=audio (\d+)", text, re.MULTILINE)
    host = re.search(r"^c=IN IP4 (\S+)", text, re.MULTILINE)
    assert port
    assert host
    talker.send_to(int(port[1]), host[1])


@pytest.fixture
def call(rig: Rig) -> Iterator[Call]:
    """A call in A-law that is not yet made."""
    call = Call(rig, PCMA)
    yield call
    call.fall_silent()


@pytest.mark.parametrize("voice", [PCMA, G722, OPUS], ids=lambda voice: voice.name.partition("/")[0])
def test_both_ends_hear_each_other(rig: Rig, voice: Voice) -> None:
    """By content, in each codec; nothing of one side is seen on the other."""
    call = Call(rig, voice)
    try:
        call.establish()
        call.assert_both_hear()
        call.close()
    finally:
        call.fall_silent()


def test_early_media_is_heard_before_the_answer(call: Call) -> None:
    """RFC 3960: an announcement in a 183."""
    call.invite()
    talk = call.talk
    talk.far.respond(talk.invite, 183, "Session Progress", tag="fartag", body=call.sdp(call.sockets[1]))
    progress = talk.near.expect(183)
    send_to(call.near, progress)
    assert call.near.hears()
    call.answer()
    call.assert_both_hear()
    call.close()


def test_of_two_forks_the_one_that_answers_is_heard(call: Call) -> None:
    """RFC 3261 section 13.2.2.4: early media of one callee, and then another one's answer; the first is cut off."""
    call.invite()
    talk = call.talk
    loser = call.far
    talk.far.respond(talk.invite, 183, "Session Progress", tag="first", body=call.sdp(call.sockets[1]))
    send_to(call.near, talk.near.expect(183))
    assert call.near.hears(), "the caller does not hear the first callee"
    call.sockets.append(Socket(call.rig, INSIDE, 18400, peer=1))
    call.far = Talker(call.sockets[-1], PCMA, plays=THIRD, awaits=NEAR)
    call.talkers.append(call.far)
    send_to(call.far, talk.invite)
    talk.far.respond(talk.invite, 200, "OK", tag="second", body=call.sdp(call.sockets[-1]))
    talk.answer = talk.near.expect(200, "INVITE")
    send_to(call.near, talk.answer)
    call.dialog = DialogOf.as_caller(talk.answer)
    talk.near.send(talk.near.in_dialog("ACK", call.dialog))
    talk.far.expect("ACK")
    loser.send_to(0)
    call.near.listen_anew(THIRD)
    call.far.listen_anew()
    assert call.near.hears(), "the caller does not hear the second callee"
    assert call.far.hears(), "the second callee does not hear the caller"
    loser.listen_anew()
    assert not loser.hears(MOMENT)
    call.close()


def test_hold_and_resume_give_the_audio_back(call: Call) -> None:
    """RFC 3264 section 8.4: music to the held party, and then both again."""
    call.establish()
    call.assert_both_hear()
    call.reinvite(call.sockets[0], "sendonly", "recvonly")
    call.far.send_to(0)
    call.far.listen_anew()
    assert call.far.hears()
    call.reinvite(call.sockets[0])
    call.assert_both_hear()
    call.close()


def test_audio_follows_a_caller_that_moves(call: Call) -> None:
    """A re-INVITE from another address of the phone: both hear on, the old place is silent."""
    call.establish()
    call.assert_both_hear()
    former = call.near
    former.send_to(0)
    elsewhere = Socket(call.rig, OUTSIDE, 17400, peer=1)
    call.sockets.append(elsewhere)
    call.near = Talker(elsewhere, PCMA, plays=NEAR, awaits=FAR)
    call.talkers.append(call.near)
    call.reinvite(elsewhere)
    call.assert_both_hear()
    former.listen_anew()
    assert not former.hears(MOMENT)
    call.close()


def test_intruder_is_neither_heard_nor_answered(call: Call) -> None:
    """RTP from a third host to the port that the caller was told: not a packet of it arrives, and not one goes back."""
    call.establish()
    call.assert_both_hear()
    call.far.listen_anew(THIRD)
    assert not call.far.hears(LEARNING)
    sock = Socket(call.rig, OUTSIDE, 17600, peer=2)
    call.sockets.append(sock)
    intruder = Talker(sock, PCMA, plays=THIRD, awaits=FAR)
    call.talkers.append(intruder)
    host, port = call.near.destination
    call.near.send_to(0)  # or the two tones would be heard as one noise
    intruder.send_to(port, host)
    call.far.listen_anew(THIRD)
    assert not call.far.hears(MOMENT)
    assert [packet for packet in call.rig.taps.packets() if packet.destination == sock.host] == []
    assert [packet for packet in call.rig.taps.packets() if packet.source == sock.host], "the intruder was not there"
    intruder.send_to(0)
    call.near.send_to(port, host)
    call.far.listen_anew(NEAR)
    call.assert_both_hear()
    call.close()
