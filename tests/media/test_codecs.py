"""Which codecs of an offer its receiver gets to see, and what the engine has to translate."""

from __future__ import annotations

import pytest

import rtpengine
from rtpengine import Offer
from sbc.config import ANY, Codecs
from sbc.media import NONE_LEFT, MediaSession, Objection, Side
from tests.media.test_security import ok

NAMES = {
    "0": "",
    "8": "PCMA/8000",
    "9": "G722/8000",
    "18": "",
    "96": "opus/48000/2",
    "100": "telephone-event/48000",
    "101": "telephone-event/8000",
    "13": "CN/8000",
}
FMTP = {"96": "useinbandfec=1", "101": "0-15", "18": "annexb=no"}


def sdp(*formats: str, port: int = 4000) -> bytes:
    """One audio line of these."""
    text = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    text += f"m=audio {port} RTP/AVP {' '.join(formats)}\r\n"
    for one in formats:
        text += f"a=rtpmap:{one} {NAMES[one]}\r\n" if NAMES[one] else ""
        text += f"a=fmtp:{one} {FMTP[one]}\r\n" if one in FMTP else ""
    return (text + "a=sendrecv\r\n").encode()


def session(a: Codecs, b: Codecs, mode: str = "anchor") -> MediaSession:
    """A session whose sides speak these."""
    media = MediaSession(mode, "call", ("ta", "tb"), ("", ""))
    media.codecs = (a, b)
    return media


ALL = ("96", "9", "8", "0", "18", "100", "101")


@pytest.mark.parametrize(
    ("caller", "callee", "left"),
    [
        (ANY, Codecs(allow=("pcma",)), ("8", "101")),
        (Codecs(allow=("pcma", "g722")), ANY, ("9", "8", "101")),
        (Codecs(allow=("pcma", "opus")), Codecs(allow=("opus", "pcmu")), ("96", "100")),
        (ANY, Codecs(strip=("g729", "opus/48000")), ("9", "8", "0", "101")),
        (ANY, Codecs(strip=("telephone-event",)), ("96", "9", "8", "0", "18")),
        (ANY, Codecs(strip=("telephone-event/48000",)), ("96", "9", "8", "0", "18", "101")),
        (ANY, Codecs(order=("pcmu", "pcma")), ("0", "8", "96", "9", "18", "100", "101")),
        (Codecs(order=("pcmu",)), ANY, ALL),
        (ANY, Codecs(allow=("pcma", "pcmu"), order=("pcmu",)), ("0", "8", "101")),
    ],
)
def test_offer_has_what_both_sides_may_use(caller: Codecs, callee: Codecs, left: tuple[str, ...]) -> None:
    """RFC 3264 section 5.1: order is preference. Events stay with a codec of their rate (RFC 4733 section 2.1)."""
    command = session(caller, callee).offer(Side.A, sdp(*ALL))
    assert isinstance(command, Offer)
    assert set(command.sdp.split(b"\r\n")) == set(sdp(*left).split(b"\r\n"))
    assert f"m=audio 4000 RTP/AVP {' '.join(left)}\r\n".encode() in command.sdp


@pytest.mark.parametrize("mode", ["anchor", "bypass"])
@pytest.mark.parametrize("offer", [sdp("18", "101"), sdp("101", "13")])
def test_nothing_in_common_is_refused_before_the_engine_hears_of_it(offer: bytes, mode: str) -> None:
    """RFC 3264 section 6: events and comfort noise alone are no conversation."""
    refused = session(Codecs(allow=("pcma",)), ANY, mode).offer(Side.A, offer)
    assert isinstance(refused, Objection)
    assert refused.reason == NONE_LEFT


def test_stream_that_is_off_needs_no_codec() -> None:
    """Port 0 is no stream."""
    assert isinstance(session(Codecs(allow=("pcma",)), ANY).offer(Side.A, sdp("18", port=0)), Offer)


def test_engine_adds_and_hides_where_it_is_to_translate() -> None:
    """The callee sees G.711 alone, the caller keeps its Opus."""
    command = session(ANY, Codecs(allow=("pcma",), transcode=("pcma",), ptime=30)).offer(Side.A, sdp("96", "9", "100"))
    assert isinstance(command, Offer)
    codecs = command.options.codecs
    assert codecs is not None
    assert codecs.transcode == ("pcma",)
    assert codecs.mask == ("opus", "g722")
    assert (command.options.ptime, command.options.ptime_reverse) == (30, 0)
    assert b"opus" in command.sdp


def test_codec_that_is_offered_already_needs_no_translation() -> None:
    """What is added is what is missing; what may not be seen is hidden all the same."""
    command = session(ANY, Codecs(transcode=("pcma",))).offer(Side.A, sdp("8", "96"))
    assert isinstance(command, Offer)
    assert command.options.codecs is None


def test_engine_that_cannot_translate_hides_nothing_so_it_is_done_for_it() -> None:
    """It shows the callee the caller's list: what is not the callee's falls, and where nothing is left there is no
    call."""
    media = session(ANY, Codecs(allow=("pcma",), transcode=("pcma",)))
    media.offer(Side.A, sdp("96", "9", "100"))
    with pytest.raises(rtpengine.Refused, match=NONE_LEFT):
        media.reply(ok(sdp("96", "9", "100")))
    media = session(ANY, Codecs(allow=("pcma",), transcode=("pcma",)))
    media.offer(Side.A, sdp("96", "8"))
    assert b"m=audio 4000 RTP/AVP 8\r\n" in media.reply(ok(sdp("96", "8")))


def test_bypassed_offer_is_trimmed_too() -> None:
    """No engine sees it: nothing can be added."""
    ready = session(ANY, Codecs(allow=("pcma",), transcode=("pcma",)), "bypass").offer(Side.A, sdp("96", "8", "101"))
    assert isinstance(ready, bytes)
    assert b"m=audio 4000 RTP/AVP 8 101\r\n" in ready


def test_wishes_hold_for_a_reoffer_by_the_other_side() -> None:
    """Whoever offers: the pair is turned."""
    media = session(Codecs(allow=("pcma",)), ANY)
    command = media.offer(Side.B, sdp(*ALL))
    assert isinstance(command, Offer)
    assert b" RTP/AVP 8 101\r\n" in command.sdp
