"""Audio from end to end by content, on both engines: each phone plays a tone of its own and recognises the other's."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from rtpengine import Answer, Delete, EndpointLearning, Flag, Ice, Offer, Options, Replace, RtcpMux
from tests.rtpengine import engines
from tests.rtpengine.engines import EngineUnderTest, Peer, media_ports
from tests.rtpengine.test_srtp import SecurePeer
from tests.rtpengine.test_srtp import options as secure_options
from tests.rtpengine.voices import G722, OPUS, PCMA, PCMU, Talker, Voice

pytestmark = pytest.mark.interop

NEAR, FAR, THIRD = 440.0, 1000.0, 700.0
MOMENT = 1.0
"""Seconds in which a tone that must not be heard is listened for."""

PROFILE = Options(
    flags=(Flag.STRICT_SOURCE, Flag.PORT_LATCHING),
    replace=(Replace.ORIGIN,),
    rtcp_mux=(RtcpMux.DEMUX,),
    endpoint_learning=EndpointLearning.HEURISTIC,
    ice=Ice.REMOVE,
)


@pytest.fixture(scope="module", params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineUnderTest]:
    """Each of the two, once for the module."""
    start = engines.embedded if request.param == "embedded" else engines.real
    with start() as running:
        yield running


@pytest.fixture
def peers() -> Iterator[Callable[[], Peer]]:
    """Sockets, closed at the end."""
    made: list[Peer] = []

    def make() -> Peer:
        made.append(Peer())
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture
def talkers() -> Iterator[list[Talker]]:
    """Phones, silenced at the end."""
    running: list[Talker] = []
    yield running
    for talker in running:
        talker.close()


class Dialogue:
    """A call between two phones that speak one codec."""

    def __init__(
        self, engine: EngineUnderTest, caller: Peer, callee: Peer, talkers: list[Talker], voice: Voice = PCMA
    ) -> None:
        self.engine = engine
        self.call_id = secrets.token_hex(8)
        self.voice = voice
        self.caller = caller
        self.near = Talker(caller, voice, plays=NEAR, awaits=FAR)
        self.far = Talker(callee, voice, plays=FAR, awaits=NEAR)
        talkers += [self.near, self.far]
        self.version = 0
        self.negotiate(caller, callee)

    def negotiate(self, caller: Peer, callee: Peer, *, offer: str = "sendrecv", answer: str = "sendrecv") -> None:
        """An offer of the caller and its answer; both phones learn where to send."""
        self.version += 1
        sdp = self.voice.sdp(caller, version=self.version, direction=offer)
        to_tag = "b" if self.version > 1 else ""
        offered = self.engine.ask(Offer(self.call_id, "a", sdp, to_tag=to_tag, options=PROFILE))
        offered.check()
        sdp = self.voice.sdp(callee, version=self.version, direction=answer)
        answered = self.engine.ask(Answer(self.call_id, "a", "b", sdp, options=PROFILE))
        answered.check()
        self.to_callee, self.to_caller = media_ports(offered.sdp)[0], media_ports(answered.sdp)[0]
        self.near.send_to(self.to_caller)
        self.far.send_to(self.to_callee)

    def assert_both_hear(self) -> None:
        """Now, whatever they heard before."""
        for talker in (self.near, self.far):
            talker.listen_anew()
        assert self.near.hears(), "the caller does not hear the callee"
        assert self.far.hears(), "the callee does not hear the caller"

    def end(self) -> None:
        """Delete."""
        self.engine.ask(Delete(self.call_id))


@pytest.mark.parametrize("voice", [PCMU, PCMA, G722, OPUS], ids=lambda voice: voice.name.partition("/")[0])
def test_both_hear_the_other_in_each_codec(
    engine: EngineUnderTest, peers: Callable[[], Peer], talkers: list[Talker], voice: Voice
) -> None:
    """What goes in comes out."""
    call = Dialogue(engine, peers(), peers(), talkers, voice)
    call.assert_both_hear()
    call.end()


def test_held_party_is_resumed(engine: EngineUnderTest, peers: Callable[[], Peer], talkers: list[Talker]) -> None:
    """RFC 3264 section 8.4: while held, music goes one way; afterwards both hear again."""
    caller, callee = peers(), peers()
    call = Dialogue(engine, caller, callee, talkers)
    call.assert_both_hear()
    call.negotiate(caller, callee, offer="sendonly", answer="recvonly")
    call.far.send_to(0)
    call.far.listen_anew()
    assert call.far.hears(), "the held party does not hear the music"
    call.near.listen_anew()
    assert not call.near.hears(MOMENT)
    call.negotiate(caller, callee)
    call.assert_both_hear()
    call.end()


def test_party_that_moves_takes_its_audio_along(
    engine: EngineUnderTest, peers: Callable[[], Peer], talkers: list[Talker]
) -> None:
    """A re-INVITE names another address: audio follows both ways, and none goes to the old place."""
    caller, callee, elsewhere = peers(), peers(), peers()
    call = Dialogue(engine, caller, callee, talkers)
    call.assert_both_hear()
    former = call.near
    former.send_to(0)
    call.near = Talker(elsewhere, PCMA, plays=NEAR, awaits=FAR)
    talkers.append(call.near)
    call.negotiate(elsewhere, callee)
    call.assert_both_hear()
    former.listen_anew()
    assert not former.hears(MOMENT)
    call.end()


def test_fork_that_answers_takes_over_from_early_media(
    engine: EngineUnderTest, peers: Callable[[], Peer], talkers: list[Talker]
) -> None:
    """183 from one phone, 200 from another, fed under the leg's one tag: first the one is heard, then the other."""
    caller, early, final = peers(), peers(), peers()
    call = Dialogue(engine, caller, early, talkers)
    assert call.near.hears()
    call.far.send_to(0)
    answering = Talker(final, PCMA, plays=THIRD, awaits=NEAR)
    talkers.append(answering)
    sdp = PCMA.sdp(final)
    answered = engine.ask(Answer(call.call_id, "a", "b", sdp, options=PROFILE))
    assert media_ports(answered.sdp) == [call.to_caller]
    call.near.listen_anew(THIRD)
    answering.send_to(call.to_callee)
    assert call.near.hears()
    assert answering.hears()
    call.end()


@pytest.mark.parametrize("voice", [PCMA, OPUS], ids=lambda voice: voice.name.partition("/")[0])
def test_keys_on_one_leg_change_nothing_of_what_is_heard(
    engine: EngineUnderTest, peers: Callable[[], Peer], talkers: list[Talker], voice: Voice
) -> None:
    """RFC 4568: RTP here, SRTP there."""
    caller, callee = peers(), SecurePeer()
    call_id = secrets.token_hex(8)
    offered = engine.ask(Offer(call_id, "a", voice.sdp(caller), options=secure_options("RTP/SAVP")))
    offered.check()
    tag = callee.learn(offered.sdp)
    answer = voice.sdp(callee, profile="RTP/SAVP") + callee.crypto(tag).encode()
    answered = engine.ask(Answer(call_id, "a", "b", answer, options=secure_options()))
    answered.check()
    near = Talker(caller, voice, plays=NEAR, awaits=FAR)
    far = Talker(callee, voice, plays=FAR, awaits=NEAR, seal=callee.seal, open_=callee.open)
    talkers += [near, far]
    near.send_to(media_ports(answered.sdp)[0])
    far.send_to(media_ports(offered.sdp)[0])
    assert near.hears()
    assert far.hears()
    engine.ask(Delete(call_id))
    for talker in (near, far):
        talker.close()
    callee.close()


def test_voice_of_a_third_address_is_not_heard(
    engine: EngineUnderTest, peers: Callable[[], Peer], talkers: list[Talker]
) -> None:
    """Once both sources are agreed: an intruder's tone reaches nobody, and nobody's reaches the intruder."""
    call = Dialogue(engine, peers(), peers(), talkers)
    call.assert_both_hear()
    threshold = 4.0 if engine.name == "rtpengine" else 0.0
    call.near.listen_anew(THIRD)
    call.near.hears(threshold)  # the daemon forwards from anyone while it learns, and says so nowhere
    intruder = Talker(peers(), PCMA, plays=THIRD, awaits=NEAR)
    talkers.append(intruder)
    call.near.listen_anew(THIRD)
    call.far.send_to(0)  # or the two tones would be heard as one noise
    intruder.send_to(call.to_callee)
    assert not call.near.hears(MOMENT)
    assert not intruder.ear.has_heard.is_set()
    call.far.send_to(call.to_callee)
    call.near.listen_anew(FAR)
    call.assert_both_hear()
    call.end()
