"""What RTCP tells, report by report."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtpengine import Reply, read_session
from rtpengine.embedded.quality import MAX_ENTRIES, MAX_SOURCES, Quality, score

A, B = 0x11111111, 0x22222222


def sender_report(ssrc: int, middle: int, *blocks: bytes) -> bytes:
    """RFC 3550 section 6.4.1; `middle` is the 32 bits of its NTP time that come back."""
    body = struct.pack("!IIIIII", ssrc, middle >> 16, middle << 16 & 0xFFFFFFFF, 0, 1, 160) + b"".join(blocks)
    return bytes([0x80 | len(blocks), 200]) + struct.pack("!H", len(body) // 4) + body


def block(source: int, *, loss: int = 0, lost: int = 0, jitter: int = 0, middle: int = 0, kept: float = 0.0) -> bytes:
    """A report block; loss in 256ths, jitter in timestamp units, seconds kept."""
    return struct.pack("!IIIIII", source, loss << 24 | lost, 1, jitter, middle, int(kept * 65536))


def take(quality: Quality, packet: bytes, now: float) -> None:
    """As the relay hands it over."""
    quality.take(bytearray(packet), len(packet), 8000, now)


def test_conversation_is_scored_as_by_the_daemon() -> None:
    """The reference's own figures: 50.7 ms, 10 ms of jitter, 2 % are a MOS of 4.2."""
    assert score(50685, 10, 2) == 42
    assert score(5_000_000, 500, 90) == 10
    assert score(0, 0, 0) == 44


def test_both_legs_make_a_round_trip() -> None:
    """20 ms to A and back, 30 ms to B and back, what they kept the reports apart from it."""
    quality = Quality()
    take(quality, sender_report(A, 0x00010001), 100.0)
    take(
        quality, sender_report(B, 0x00020002, block(A, loss=6, lost=3, jitter=80, middle=0x00010001, kept=1.0)), 101.03
    )
    take(quality, sender_report(A, 0x00030003, block(B, loss=0, middle=0x00020002, kept=2.0)), 103.05)
    session = read_session(Reply({"SSRC": quality.describe(110.0, 1e9)}))
    first, second = session.quality[B], session.quality[A]
    assert (first.loss, first.lost, first.jitter, first.samples) == (2, 3, 10, 1)
    assert first.mos == 0
    assert second.round_trip == pytest.approx(50_000, abs=1000)
    assert second.mos == score(second.round_trip, 0, 0) / 10


def test_phone_that_scores_itself_is_believed_where_nobody_else_can() -> None:
    """RFC 3611 section 4.7: MOS-CQ of a VoIP metrics block; 127 means not known."""
    metrics = struct.pack("!BBHI", 7, 0, 8, A) + bytes([25, 0]) + bytes(6) + struct.pack("!HH", 120, 0) + bytes(8)
    body = struct.pack("!I", B) + metrics[:27] + bytes([41]) + metrics[28:] + bytes(36 - len(metrics))
    packet = bytes([0x80, 207]) + struct.pack("!H", len(body) // 4) + body
    quality = Quality()
    take(quality, packet, 1.0)
    heard = read_session(Reply({"SSRC": quality.describe(2.0, 1e9)})).quality[B]
    assert (heard.mos, heard.loss, heard.round_trip) == (4.1, 9, 120_000)
    unknown = Quality()
    take(unknown, packet.replace(bytes([41]), bytes([127])), 1.0)
    assert unknown.describe(2.0, 1e9) == {}


def test_progression_keeps_its_length() -> None:
    """A long call has entries further apart."""
    quality = Quality()
    for second in range(500):
        take(quality, sender_report(B, second, block(A)), float(second))
    body = Reply({"SSRC": quality.describe(500.0, 1e9)}).body["SSRC"]
    assert isinstance(body, dict)
    described = body[str(B)]
    assert isinstance(described, dict)
    progression = described["MOS progression"]
    assert isinstance(progression, dict)
    assert isinstance(progression["entries"], list)
    assert 4 < len(progression["entries"]) <= MAX_ENTRIES
    assert progression["interval"] != 0


def test_sources_are_bounded() -> None:
    """A peer may not fill our memory with reporters."""
    quality = Quality()
    for ssrc in range(100):
        take(quality, sender_report(ssrc, 1, block(A)), 1.0)
    assert len(quality.describe(2.0, 1e9)) == MAX_SOURCES


def test_reports_about_time_travel_have_no_leg() -> None:
    """A peer may claim to have kept a report for hours."""
    quality = Quality()
    take(quality, sender_report(A, 5), 100.0)
    take(quality, sender_report(B, 6, block(A, middle=5, kept=3600.0)), 101.0)
    body = quality.describe(102.0, 1e9)[str(B)]
    assert isinstance(body, dict)
    assert isinstance(body["average MOS"], dict)
    assert body["average MOS"]["round-trip time leg"] == 0


@given(st.binary(max_size=120), st.integers(0, 31), st.binary(min_size=32, max_size=32))
def test_no_bytes_raise(data: bytes, count: int, metrics: bytes) -> None:
    """Lengths and counts are the peer's words, and so is each figure."""
    quality = Quality()
    for packet in (data, b"\x81\xc8\x00\x06" + data, b"\x80\xcf\x00\x0a" + data, b"\x9f\xc9\x00\x1d" + data):
        take(quality, packet, 1.0)
    take(quality, bytes([0x80 | count, 201, 0, 8]) + metrics, 1.0)
    take(quality, b"\x80\xcf\x00\x0aVOIP\x07\x00\x00\x08" + metrics, 1.0)
    take(quality, sender_report(A, 1, block(B, loss=0x40, lost=3)), 1.5)
    told = read_session(Reply({"SSRC": quality.describe(2.0, 1e9)})).quality
    assert len(told) <= MAX_SOURCES
    assert told[A].lost == 3, "a peer that spoke nonsense is understood when it speaks sense"
    for one in told.values():
        assert 0 <= one.loss <= 100
        assert 0 <= one.jitter <= 60_000
        assert 0.0 <= one.mos <= 5.0
        assert one.samples > 0
