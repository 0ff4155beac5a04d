"""Tones between ends that key their media differently, with the node and either engine between them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pylibsrtp
import pytest

from tests.interop.ends import REALM, Browser, PlainPhone, Socket, end_of
from tests.interop.test_races import Talk
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.rtpengine import Rtpengine
from tests.rig.ua import DialogOf
from tests.rtpengine.engines import rtp_packet
from tests.rtpengine.voices import OPUS as OPUS_111
from tests.rtpengine.voices import PCMA, Voice
from tests.rtpengine.webrtc import gathering

NEAR, FAR = 440.0, 1000.0
OPUS = Voice(96, OPUS_111.name, OPUS_111.step, OPUS_111.encoder, OPUS_111.decoder)
"""Under the number that the WebRTC peer offers."""
_WORDS = ("sha-256", "aes_cm_128_hmac_sha1_80", "aes_cm_128_hmac_sha1_32")
"""Algorithms are nobody's secret."""
_MARK = b"evil"
"""An SSRC, which SRTP does not hide."""
PAIRS = [
    ("webrtc", "plain"),
    ("plain", "webrtc"),
    ("sdes", "plain"),
    ("plain", "sdes"),
    ("webrtc", "sdes"),
    ("sdes", "sdes"),
]
ALWAYS = {"embedded": (PAIRS[0], PAIRS[2]), "rtpengine": (PAIRS[1], PAIRS[5])}
"""The others wait for `make test-long`."""


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(
            (engine, pair), id="-".join((engine, *pair)), marks=() if pair in ALWAYS[engine] else pytest.mark.long
        )
        for engine in ("embedded", "rtpengine")
        for pair in PAIRS
    ],
)
def edge(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A node whose realms have these terms, with its own engine or the daemon."""
    need("rtpengine")
    engine, (outside, inside) = request.param
    with Rig() as rig, gathering(Browser.address):
        daemon = Rtpengine(tmp_path_factory.mktemp("rtpengine"), rig.network.node) if engine != "embedded" else None

        def config(state: Path) -> str:
            ng = Rtpengine.ng if daemon is not None else ""
            return node_file(state=state, engine=ng, outside=REALM[outside], inside=REALM[inside])

        rig.start(config)
        yield rig
        if daemon is not None:
            daemon.stop()


@pytest.fixture
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    """What the two sides are, as the rig was made for them."""
    found = request.node.callspec.params["edge"][1]
    assert isinstance(found, tuple)
    return found


class Conversation:
    """A caller outside and a callee inside, with an end each."""

    def __init__(self, rig: Rig, pair: tuple[str, str], voice: Voice = PCMA) -> None:
        self.rig = rig
        self.is_closed = False
        self.talk = Talk(rig)
        self.near = end_of(pair[0], rig, OUTSIDE, plays=NEAR, awaits=FAR, voice=voice)
        self.far = end_of(pair[1], rig, INSIDE, plays=FAR, awaits=NEAR, voice=voice)

    def invite(self) -> None:
        """The offer arrives, and is answered as far as media goes."""
        self.talk.start(self.near.offer())
        self.said = self.far.answer(self.talk.invite.body.decode())

    def answer(self, *, is_known: bool = False) -> None:
        """200 and ACK; `is_known`: its description has been sent before."""
        talk = self.talk
        talk.far.respond(talk.invite, 200, "OK", tag="fartag", body=self.said)
        answer = talk.near.expect(200, "INVITE")
        self.shown = answer.body.decode()
        if not is_known:
            self.near.take_answer(answer.body.decode())
        self.dialog = DialogOf.as_caller(answer)
        self.back = DialogOf.as_callee(talk.invite, "fartag")
        talk.near.send(talk.near.in_dialog("ACK", self.dialog))
        talk.far.expect("ACK")

    def reinvite(self, offer: str = "sendrecv", answer: str = "sendrecv", *, from_callee: bool = False) -> None:
        """One side changes the session."""
        talk = self.talk
        ends = [(talk.near, self.near, self.dialog), (talk.far, self.far, self.back)]
        if from_callee:
            ends.reverse()
        (asking, asker, dialog), (asked, other, _) = ends
        asking.send(asking.in_dialog("INVITE", dialog, body=asker.offer(offer)))
        again = asked.expect("INVITE")
        asked.respond(again, 200, "OK", body=other.answer(again.body.decode(), answer))
        answered = asking.expect(200, "INVITE")
        asker.take_answer(answered.body.decode())
        asking.send(asking.in_dialog("ACK", dialog))
        asked.expect("ACK")

    def assert_both_hear(self) -> None:
        """From now on."""
        for end in (self.near, self.far):
            end.listen_anew()
        assert self.near.hears(), "the caller does not hear the callee"
        assert self.far.hears(), "the callee does not hear the caller"

    def hang_up(self) -> None:
        """BYE; nothing of one side was seen on the other."""
        self.talk.hang_up(self.dialog)
        self.close()
        self.rig.assert_hidden(allowed=_WORDS)

    def close(self) -> None:
        """However far it came."""
        if not self.is_closed:
            self.is_closed = True
            self.near.close()
            self.far.close()
            self.talk.close()


def test_audio_both_ways_after_hold_and_after_moving(rig: Rig, pair: tuple[str, str]) -> None:
    """RFC 4568, 5763, 3264 section 8: by content, and again after each change."""
    call = Conversation(rig, pair)
    try:
        call.invite()
        call.answer()
        call.assert_both_hear()
        call.reinvite("sendonly", "recvonly")
        call.far.listen_anew()
        assert call.far.hears(), "the held party does not hear the holder"
        call.reinvite()
        call.assert_both_hear()
        mover, is_callee = (call.near, False) if call.near.moves else (call.far, True)
        mover.move()
        call.reinvite(from_callee=is_callee)
        call.assert_both_hear()
        call.hang_up()
    finally:
        call.close()


def test_early_media_is_heard_before_the_answer(rig: Rig, pair: tuple[str, str]) -> None:
    """RFC 3960: keys and handshakes are there with the 183."""
    call = Conversation(rig, pair)
    try:
        call.invite()
        talk = call.talk
        talk.far.respond(talk.invite, 183, "Session Progress", tag="fartag", body=call.said)
        call.near.take_answer(talk.near.expect(183).body.decode())
        assert call.near.hears(), "the caller does not hear the announcement"
        call.answer(is_known=True)
        call.assert_both_hear()
        call.hang_up()
    finally:
        call.close()


def test_opus_passes_through(rig: Rig, pair: tuple[str, str]) -> None:
    """RFC 7587, unchanged but for its keys."""
    call = Conversation(rig, pair, OPUS)
    try:
        call.invite()
        call.answer()
        call.assert_both_hear()
        assert isinstance(call.far, PlainPhone) or b" opus/48000/2" in call.talk.invite.body
        call.hang_up()
    finally:
        call.close()


def test_packets_of_a_third_host_are_neither_forwarded_nor_answered(rig: Rig, pair: tuple[str, str]) -> None:
    """In clear and under a key of its own, to the port of the leg that has keys: nothing of it arrives anywhere."""
    call = Conversation(rig, pair)
    try:
        call.invite()
        call.answer()
        call.assert_both_hear()
        side, told = (OUTSIDE, call.shown) if pair[0] != "plain" else (INSIDE, call.talk.invite.body.decode())
        port = re.search(r"^m=audio (\d+)", told, re.MULTILINE)
        assert port
        intruder = Socket(rig, side, 17600, peer=2)
        key = pylibsrtp.Policy(bytes(30), pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        seal = pylibsrtp.Session(key).protect
        for number in range(50):
            packet = rtp_packet(1000 + number, ssrc=int.from_bytes(_MARK, "big"))
            for sent in (packet, seal(packet)):
                intruder.rtp.sendto(sent, (side.node, int(port[1])))
            time.sleep(0.005)
        call.assert_both_hear()
        intruder.close()
        seen = rig.taps.packets()
        assert len([one for one in seen if one.source == intruder.host]) == 100, "the intruder was not there"
        assert [one for one in seen if one.destination == intruder.host] == []
        assert [one for one in seen if one.from_node and one.payload[8:12] == _MARK] == []
        call.hang_up()
    finally:
        call.close()
