"""What engines tell of a session's media, as rows for each leg; who could hear whom."""

from __future__ import annotations

import pytest

import rtpengine
from rtpengine import Value
from sbc.media import audio_of, legs_of
from sbc.outputs import LegMeasure, known

A, B = "a-tag", "b-tag"
SDP = b"v=0\r\nm=audio 4000 RTP/AVP 8\r\n"


def party(tag: str, ssrc: int, packets: int) -> Value:
    """One audio line with a port for RTP and one for RTCP."""
    stats: Value = {"packets": packets, "bytes": 172 * packets, "errors": 3}
    rtp: Value = {"flags": [b"RTP"], "SSRC": ssrc, "stats": stats}
    rtcp: Value = {"flags": [b"RTCP"], "SSRC": ssrc, "stats": {"packets": 7, "bytes": 400, "errors": 0}}
    return {"tag": tag.encode(), "medias": [{"type": b"audio", "streams": [rtp, rtcp]}]}


def reply(caller: int = 500, callee: int = 499) -> rtpengine.Reply:
    """As rtpengine says it; only the callee has sent RTCP."""
    average: Value = {"MOS": 42, "round-trip time": 50685, "jitter": 10, "packet loss": 2, "samples": 5}
    return rtpengine.Reply(
        {
            "result": b"ok",
            "tags": {A: party(A, 11, caller), B: party(B, 22, callee)},
            "SSRC": {"22": {"average MOS": average, "cumulative loss": 6}},
        }
    )


def test_each_leg_has_what_came_from_it_and_what_it_says_it_heard() -> None:
    """RFC 3550 section 6.4: the report of a source speaks of what it received."""
    legs = legs_of(reply(), (A, B))
    assert legs == (
        LegMeasure(500, 86000, 3),
        LegMeasure(499, 85828, 3, lost=6, loss=2.0, jitter=10.0, round_trip=50.7, mos=4.2),
    )


def test_what_nobody_said_is_left_out() -> None:
    """Minus one is no jitter."""
    assert known(LegMeasure(1, 172)) == {"packets": 1, "octets": 172, "errors": 0}


@pytest.mark.parametrize(
    "body", [{"result": b"ok"}, {"result": b"ok", "warning": b"Call-ID not found"}, {"result": b"error"}]
)
def test_reply_without_statistics_has_no_rows(body: dict[str, Value]) -> None:
    """A delete of what was not there."""
    assert legs_of(rtpengine.Reply(body), (A, B)) is None


def test_engine_that_talks_nonsense_is_not_believed() -> None:
    """The shape of its reply is not trusted."""
    found = legs_of(rtpengine.Reply({"result": b"ok", "tags": [b"x"], "SSRC": {"22": b"?"}}), (A, B))
    assert found == (LegMeasure(), LegMeasure())


@pytest.mark.parametrize(
    ("packets", "said", "talked", "verdict"),
    [
        ((500, 499), (SDP, SDP), 10.0, ("two-way", "")),
        ((0, 499), (SDP, SDP), 10.0, ("one-way", "caller")),
        ((500, 0), (SDP, SDP), 10.0, ("one-way", "callee")),
        ((0, 0), (SDP, SDP), 10.0, ("none", "")),
        ((0, 0), (SDP, SDP), 1.0, ("unknown", "")),
        ((500, 0), (SDP + b"a=sendonly\r\n", SDP + b"a=recvonly\r\n"), 10.0, ("unknown", "")),
        ((0, 0), (SDP + b"a=inactive\r\n", SDP), 10.0, ("unknown", "")),
        ((500, 0), (SDP, b""), 10.0, ("unknown", "")),
    ],
)
def test_audio_is_judged_by_what_should_have_come(
    packets: tuple[int, int], said: tuple[bytes, bytes], talked: float, verdict: tuple[str, str]
) -> None:
    """RFC 3264 section 8.4: from who is held nothing is expected."""
    assert audio_of((LegMeasure(packets[0]), LegMeasure(packets[1])), said, talked) == verdict
