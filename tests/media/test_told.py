"""What is told of a call's codecs: who offered what, and by whose settings it came to be otherwise."""

from __future__ import annotations

import pytest

from rtpengine import Reply
from sbc.config import ANY, Codecs
from sbc.media import MediaSession, Side, codecs_told

HEAD = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
OFFER = HEAD + (
    b"m=audio 4000 RTP/AVP 0 8 18 97 101\r\na=rtpmap:97 iLBC/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    b"m=video 4002 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
)
ANSWER = HEAD + b"m=audio 4000 RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\nm=video 0 RTP/AVP 96\r\n"
OFFERED = "caller offered pcmu, pcma, g729, ilbc, telephone-event"


@pytest.mark.parametrize(
    ("caller", "callee", "told"),
    [
        (ANY, ANY, []),
        (
            Codecs(strip=("ilbc",)),
            Codecs(allow=("pcma",)),
            [
                "ilbc is left out: codecs.strip of the caller's side",
                "pcmu is left out: codecs.allow of the callee's side",
                "g729 is left out: codecs.allow of the callee's side",
            ],
        ),
        (
            ANY,
            Codecs(allow=("pcma",), transcode=("opus",), ptime=30),
            [
                "the engine adds opus for the callee and translates",
                "the callee is not shown pcmu, g729, ilbc, which is translated",
                "packets of 30 ms with the callee",
            ],
        ),
    ],
)
def test_each_codec_that_is_left_out_or_added_is_told_with_its_reason(
    caller: Codecs, callee: Codecs, told: list[str]
) -> None:
    """Issue 5.3: decided per call, explained."""
    media = MediaSession("anchor", "call", ("ta", "tb"), ("", ""))
    media.codecs = (caller, callee)
    assert codecs_told(media, (OFFER, b"")) == [OFFERED, *told]


def test_an_answer_is_told_and_who_gave_it() -> None:
    """Of the last exchange that both sides agreed on: here it is the callee who offers anew."""
    media = MediaSession("anchor", "call", ("ta", "tb"), ("", ""))
    engine = HEAD.replace(b"192.0.2.1", b"203.0.113.1") + OFFER[len(HEAD) :]
    for offerer, body in ((Side.A, OFFER), (Side.B, ANSWER)):
        media.offer(offerer, body)
        media.reply(Reply({"result": b"ok", "sdp": engine}))
        media.answer(offerer.other, ANSWER)
        media.reply(Reply({"result": b"ok", "sdp": engine}))
    assert codecs_told(media, (ANSWER, ANSWER)) == [
        "callee offered pcma, telephone-event",
        "caller answered pcma, telephone-event",
    ]


def test_of_what_has_no_audio_nothing_is_told() -> None:
    """Nothing was offered yet, or only a fax."""
    media = MediaSession("bypass", "call", ("ta", "tb"), ("", ""))
    assert codecs_told(media, (b"", b"")) == []
    assert codecs_told(media, (HEAD + b"m=image 4000 udptl t38\r\n", b"")) == []
