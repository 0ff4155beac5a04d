"""What an offer's codec wishes do to its list."""

from __future__ import annotations

import pytest

from rtpengine import Answer, Codecs, Offer, Options, Value
from rtpengine.embedded.codecs import CodecWishes, codec_names, event_types
from tests.rtpengine.embedded.kit import Bench

FORMATS = ["8", "0", "9", "111", "101"]
NAMES = codec_names(FORMATS, ["a=rtpmap:111 opus/48000/2", "a=rtpmap:101 telephone-event/8000", "a=rtpmap:77 x/1"])
SDP = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0 9\r\n"


@pytest.mark.parametrize(
    ("request_", "left"),
    [
        ({}, FORMATS),
        ({"codec": {"strip": [b"PCMU", b"g722"]}}, ["8", "111", "101"]),
        ({"codec": {"strip": [b"all"], "except": [b"PCMA"]}}, ["8"]),
        ({"codec": {"strip": [b"all"], "offer": [b"opus", b"PCMA"]}}, ["111", "8"]),
        ({"codec": {"offer": [b"opus"]}}, ["111", "8", "0", "9", "101"]),
        ({"codec": {"strip": [b"opus/48000/2"]}}, ["8", "0", "9", "101"]),
        ({"codec": {"strip": [b"all"]}}, FORMATS),
        ({"flags": [b"codec-strip-all", b"codec-except-PCMU"]}, ["0"]),
        ({"codec": b"PCMU"}, FORMATS),
    ],
    ids=str,
)
def test_list_is_what_is_left_in_the_order_that_is_wished(request_: dict[str, Value], left: list[str]) -> None:
    """An empty result is the old list, as with the daemon."""
    assert CodecWishes(request_).apply(FORMATS, NAMES) == left


def test_events_are_payload_types_of_seven_bits() -> None:
    """A peer may write anything into its m-line; what cannot stand in a header is no payload type."""
    lines = [f"a=rtpmap:{item} telephone-event/8000" for item in ("101", "128", "9999999999", "x")]
    assert event_types(codec_names(["101", "128", "9999999999", "x"], lines)) == {101}


def test_answer_may_name_what_was_offered_to_the_callee() -> None:
    """The caller's own list bounds the answer, not the shortened one; attributes of what went are gone too."""
    bench = Bench()
    wishes = Options(codecs=Codecs(strip=("PCMU",), offer=("G722",)))
    offered = bench.ask(Offer("c", "a", SDP + b"a=rtpmap:0 PCMU/8000\r\na=fmtp:0 x\r\n", options=wishes))
    assert b"RTP/AVP 9 8\r\n" in offered.sdp
    assert b"PCMU" not in offered.sdp
    assert b"fmtp:0" not in offered.sdp
    answered = bench.ask(Answer("c", "a", "b", SDP.replace(b"8 0 9", b"9")))
    assert b"RTP/AVP 9\r\n" in answered.sdp
    bench.close()
