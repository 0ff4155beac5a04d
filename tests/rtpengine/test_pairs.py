"""Offers and answers of rtpengine's own tests through the media session and either engine, to what a peer would see."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from typing import Final

import pytest

from rtpengine import Delete, Refused
from sbc.media import MediaSession, Objection, Side, terms_named
from sbc.topology import SdpIdentity, SdpRefused, build_sdp
from tests.rig.needs import corpora
from tests.rtpengine import engines
from tests.rtpengine.engines import EngineUnderTest
from tests.rtpengine.test_vendors import BODIES

pytestmark = pytest.mark.interop

PAIRS: Final = corpora() / "sdp" / "rtpengine-pairs" / "pairs.jsonl"
ADDRESS: Final = re.compile(rb"(?<![\d.])\d+\.\d+\.\d+\.\d+(?![\d.])")
SHOWN: Final = "192.0.2.99"
OURS: Final = {b"0.0.0.0", b"127.0.0.1", SHOWN.encode()}

NO_KEY: Final = {*range(411, 436, 2), 436, 602, 603, 606, 607}
"""Offers of a secure profile without a key that RFC 4568 knows; four have a fingerprint instead, which belongs under
`UDP/TLS/RTP/SAVPF` (RFC 5764 section 8)."""
NO_ANSWER: Final = {392, 394, 396, 400, 402, 404, 580, 601, 605, 781}
"""Answers to a secure offer without a key."""
OTHER_COUNT: Final = {410, 635, 637, 639, 641}
"""Answers with another number of m-lines than the offer (RFC 3264 section 6)."""
BY_ENGINE: Final = {
    "rtpengine": {
        133: "a codec that was not offered",
        457: "fax for an audio stream",
        459: "fax for an audio stream",
        240: "a suite that was not offered",
        380: "a suite that was not offered",
        449: "a suite that was not offered",
        613: "a suite that was not offered",
    },
    "embedded": {
        633: "a suite that was not offered",
        903: "an m-line without formats",
        904: "all its keys have an MKI",
        905: "all its keys have an MKI",
        929: "all its keys have an MKI",
    },
}
"""What an engine cannot take, or what it makes of it nobody can."""


@pytest.fixture(params=["embedded", "rtpengine"])
def engine(request: pytest.FixtureRequest) -> Iterator[EngineUnderTest]:
    """Each of the two."""
    start = engines.embedded if request.param == "embedded" else engines.real
    with start() as running:
        yield running


def terms_for(answer: str) -> str:
    """Terms on which such an answer is given."""
    if "UDP/TLS" in answer:
        return "required dtls ice mux"
    if "SAVP" in answer:
        return "required sdes"
    return "optional sdes" if "a=crypto" in answer else "never"


class Walk:
    """One pair after the other; an offer begins a session that the answers behind it belong to."""

    def __init__(self, engine: EngineUnderTest) -> None:
        self.engine = engine
        self.media: MediaSession | None = None
        self.is_offered = False

    def offer(self, body: bytes, answer: str) -> str:
        """Why it was refused, empty where it was not; `answer` is the one that comes next."""
        if self.media is not None:
            self.engine.ask(Delete(self.media.call_id))
        both = (terms_named("optional sdes dtls ice"), terms_named(terms_for(answer)))
        self.media = MediaSession("anchor", secrets.token_hex(8), ("a", "b"), ("", ""), both)
        refusal = self._pass(Side.A, body)
        self.is_offered = not refusal
        return refusal

    def answer(self, body: bytes) -> str:
        """The same for an answer."""
        return self._pass(Side.B, body)

    def _pass(self, side: Side, body: bytes) -> str:
        media = self.media
        assert media is not None
        ready = media.offer(side, body) if side is Side.A else media.answer(side, body)
        if isinstance(ready, Objection):
            return ready.reason
        keys = media.terms[side.other.value].has_sdes
        try:
            raw = ready if isinstance(ready, bytes) else media.reply(self.engine.ask(ready))
            shown = build_sdp(raw, SdpIdentity(7, SHOWN), keys=keys)
        except (Refused, SdpRefused) as refusal:
            return str(refusal)
        assert_hidden(body, shown)
        return ""


def assert_hidden(body: bytes, shown: bytes) -> None:
    """Every m-line in its place, and no address of the one that wrote it."""
    assert re.findall(rb"^m=(\S+)", shown, re.MULTILINE) == re.findall(rb"^m=(\S+)", body, re.MULTILINE)
    assert (set(ADDRESS.findall(body)) - OURS).isdisjoint(ADDRESS.findall(shown)), shown


NOWHERE: Final = re.compile(rb"^c=IN IP[46] (?:\S*/\d+|[^\s\d:][^\s:]*)\s*$", re.MULTILINE)
"""An address that no call has: a host name, which neither engine looks up, or a multicast group."""
UNFIT: Final = {
    "both": {
        "2webrtc-unittest-3.sdp",  # begins in the middle
        "2webrtc-unittest-5.sdp",  # no m-line
        "2webrtc-unittest-7.sdp",  # begins in the middle
        "alac.sdp",  # an address of the wrong family
        "audio_freeswitch_no_dtls.sdp",  # a secure profile without a key
        "radvision-control-fmtp.sdp",  # begins in the middle
        "skype4business-ice.sdp",  # a secure profile, its key cut off
    },
    "rtpengine": {"onvif.sdp", "invalid.sdp"},  # no address at all, and no stream; a line that says so
    "embedded": {"2webrtc-unittest-1.sdp", "2webrtc-unittest-9.sdp"},  # dummy keys
}
"""Bodies that are no usable offers, and why."""


@pytest.mark.skipif(not BODIES, reason="the corpus of vendors' bodies is not on this machine")
def test_no_vendor_is_refused_without_need_and_none_shows_an_address(engine: EngineUnderTest) -> None:
    """Phones, browsers, switches: their descriptions as offers to a phone in clear."""
    walk = Walk(engine)
    refused = {path.name: reason for path in BODIES if (reason := walk.offer(path.read_bytes(), ""))}
    nowhere = {path.name for path in BODIES if NOWHERE.search(path.read_bytes())}
    expected = nowhere | UNFIT["both"] | UNFIT[engine.name]
    assert set(refused) == expected, {name: refused.get(name, "taken") for name in set(refused) ^ expected}


@pytest.mark.skipif(not PAIRS.is_file(), reason="the corpus of offers and answers is not on this machine")
def test_no_pair_is_refused_without_need_and_none_shows_an_address(engine: EngineUnderTest) -> None:
    """932 messages; those that are refused break an RFC, each by its place in the corpus."""
    pairs = [json.loads(line) for line in PAIRS.read_text(encoding="utf-8").splitlines()]
    assert len(pairs) == 932
    walk = Walk(engine)
    refused: dict[int, str] = {}
    for place, pair in enumerate(pairs):
        body = pair["sdp_in"].replace("\n", "\r\n").encode()
        if pair["op"] == "offer":
            follows = pairs[place + 1] if place + 1 < len(pairs) else pair
            reason = walk.offer(body, follows["sdp_in"] if follows["op"] == "answer" else "")
        elif walk.is_offered:
            reason = walk.answer(body)
        else:
            continue
        if reason:
            refused[place] = reason
    expected = NO_KEY | NO_ANSWER | OTHER_COUNT | set(BY_ENGINE[engine.name])
    assert set(refused) == expected, {place: refused.get(place, "taken") for place in set(refused) ^ expected}
