"""Audio under numbers of ours: nothing of a sender's crosses but what it says, and who follows it goes on counting."""

from __future__ import annotations

import struct

import pytest

from rtpengine import Answer, Flag, Offer, Options
from rtpengine.embedded.rtcp import rename
from rtpengine.embedded.veil import Veil
from tests.rtpengine.embedded.kit import Bench, sdp

ALICE, BOB = 0xAAAAAAAA, 0xBBBBBBBB
VEILED = Options(flags=(Flag.STRICT_SOURCE, Flag.VEIL_STREAMS))


def rtp(sequence: int, stamp: int, ssrc: int = ALICE, payload: bytes = b"sound", first: int = 0x80) -> bytes:
    """A packet."""
    return struct.pack("!BBHII", first, 8, sequence & 0xFFFF, stamp & 0xFFFFFFFF, ssrc) + payload


def covered(veil: Veil, packet: bytes, now: float = 0.0) -> tuple[int, int, int, bytes]:
    """Sequence number, timestamp, SSRC and payload as the receiver sees them."""
    data = bytearray(packet.ljust(400, b"\0"))
    size = veil.cover(data, len(packet), 8000, now)
    assert size > 0
    return (*struct.unpack_from("!HII", data, 2), bytes(data[12:size]))


def test_numbers_are_ours_and_distances_the_senders() -> None:
    """RFC 3550 section 5.1: loss and timing are what they were; a late packet is still late."""
    veil = Veil()
    numbers = [(65534, 0xFFFFFF60), (65535, 0), (0, 160), (3, 640), (2, 480)]
    seen = [covered(veil, rtp(sequence, stamp)) for sequence, stamp in numbers]
    first = seen[0]
    assert [((one[0] - first[0]) & 0xFFFF, (one[1] - first[1]) & 0xFFFFFFFF) for one in seen] == [
        (0, 0),
        (1, 160),
        (2, 320),
        (5, 800),
        (4, 640),
    ]
    assert {one[2] for one in seen} == {veil.ssrc}
    assert {one[3] for one in seen} == {b"sound"}
    assert veil.ssrc != ALICE
    assert first[0] != 65534 or first[1] != 0xFFFFFF60


def test_another_sender_goes_on_where_the_former_stopped() -> None:
    """After a transfer, a fork or a peer's restart: one packet behind the last, by the time that has passed."""
    veil = Veil()
    covered(veil, rtp(1000, 5000), 10.0)
    last = covered(veil, rtp(1001, 5160), 10.02)
    following = covered(veil, rtp(7, 99, ssrc=BOB), 10.52)
    assert (following[0] - last[0]) & 0xFFFF == 1
    assert (following[1] - last[1]) & 0xFFFFFFFF == 4000
    assert following[2] == last[2]
    again = covered(veil, rtp(8, 259, ssrc=BOB), 10.54)
    assert ((again[0] - following[0]) & 0xFFFF, (again[1] - following[1]) & 0xFFFFFFFF) == (1, 160)


def test_contributing_sources_and_extensions_fall() -> None:
    """RFC 3550 section 5.3.1: clocks, names of streams and levels that nobody has agreed on."""
    extension = b"\xbe\xde\x00\x01\x10\x20\x30\x40"
    assert covered(Veil(), rtp(1, 1, payload=bytes(8) + b"sound", first=0x82))[3] == b"sound"
    assert covered(Veil(), rtp(1, 1, payload=extension + b"sound", first=0x90))[3] == b"sound"
    assert covered(Veil(), rtp(1, 1, payload=bytes(4) + extension + b"sound", first=0x91))[3] == b"sound"


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x80\x08\x00", rtp(1, 1, payload=b"", first=0x81), rtp(1, 1, payload=b"\xbe\xde\xff\xff", first=0x90)],
)
def test_what_has_not_what_it_announces_goes_no_further(packet: bytes) -> None:
    """Counted as an error of whoever sent it."""
    assert Veil().cover(bytearray(packet.ljust(64, b"\0")), len(packet), 8000, 0.0) == -1


def report(kind: int, ssrc: int, blocks: bytes = b"", info: bytes = b"") -> bytes:
    """A sender or receiver report with blocks of 24 bytes."""
    body = ssrc.to_bytes(4, "big") + info + blocks
    return bytes([0x80 | len(blocks) // 24, kind]) + (len(body) // 4).to_bytes(2, "big") + body


def test_reports_are_told_in_each_sides_own_numbers() -> None:
    """What the receiver says of our stream is turned back; the sender's clock is turned as its packets were."""
    veil = Veil()
    sequence, stamp, _, _ = covered(veil, rtp(500, 8000))
    block = veil.ssrc.to_bytes(4, "big") + bytes(4) + sequence.to_bytes(4, "big") + bytes(12)
    heard = bytearray(report(201, BOB, block))
    veil.uncover_reports(heard, len(heard))
    assert heard[8:12] == ALICE.to_bytes(4, "big")
    assert int.from_bytes(heard[16:20], "big") & 0xFFFF == 500
    sent = bytearray(report(200, ALICE, info=bytes(8) + (8000).to_bytes(4, "big") + bytes(8)))
    assert veil.cover_reports(sent, len(sent)) == len(sent)
    assert sent[4:8] == veil.ssrc.to_bytes(4, "big")
    assert int.from_bytes(sent[16:20], "big") == stamp


def test_of_a_compound_packet_only_reports_names_of_ours_and_the_end_are_left() -> None:
    """Extended reports and feedback name sources wherever they like."""
    veil = Veil()
    covered(veil, rtp(1, 1))
    chunks = b"".join(ssrc.to_bytes(4, "big") + b"\x01\x05a@b.c\x00" for ssrc in (ALICE, BOB))
    names = b"\x82\xca" + (len(chunks) // 4).to_bytes(2, "big") + chunks
    extended = b"\x80\xcf\x00\x04" + ALICE.to_bytes(4, "big") + b"\x04\x00\x00\x02" + bytes(8)
    feedback = b"\x81\xce\x00\x02" + ALICE.to_bytes(4, "big") + BOB.to_bytes(4, "big")
    leave = b"\x82\xcb\x00\x02" + ALICE.to_bytes(4, "big") + BOB.to_bytes(4, "big")
    whole = report(201, ALICE) + names + extended + feedback + leave
    data = bytearray(whole.ljust(400, b"\0"))
    size = veil.cover_reports(data, rename(data, len(whole), b"0123456789abcdef"))
    told = bytes(data[:size])
    assert [told[at + 1] for at in starts(told)] == [201, 202, 203]
    assert told.count(veil.ssrc.to_bytes(4, "big")) == 3
    for token in (ALICE.to_bytes(4, "big"), BOB.to_bytes(4, "big"), b"a@b.c"):
        assert token not in told


def starts(data: bytes) -> list[int]:
    """Where the packets of a compound begin, which has to end with the last."""
    found, at = [], 0
    while at < len(data):
        found.append(at)
        at += 4 + 4 * int.from_bytes(data[at + 2 : at + 4], "big")
    assert at == len(data)
    return found


@pytest.mark.parametrize(
    "data", [b"\x80\xc9\x00\x09" + bytes(4), b"\x00" * 8, b"\x80\xcf\x00\x01" + bytes(4), b"", b"\x80"]
)
def test_rtcp_that_is_none_or_has_nothing_to_tell_is_not_sent(data: bytes) -> None:
    """Garbage is no report, whatever it begins with."""
    assert Veil().cover_reports(bytearray(data), len(data)) == -1
    Veil().uncover_reports(bytearray(data), len(data))


def test_a_veil_outlives_new_ports_and_goes_where_nobody_asks_for_it() -> None:
    """Both legs have one each, RTP and RTCP of a leg the same; video has none, nor has a call without the flag."""
    bench = Bench()
    both = sdp() + sdp(kind="video").partition(b"t=0 0\r\n")[2]
    bench.ask(Offer("c", "a", both, options=VEILED)).check()
    bench.ask(Answer("c", "a", "b", both.replace(b"192.0.2.1", b"192.0.2.2"), options=VEILED)).check()
    (call,) = bench.engine.calls.values()
    audio = [party.media[0].veil for party in call.parties]
    assert None not in audio
    assert audio[0] is not audio[1]
    assert all(party.media[1].veil is None for party in call.parties)
    moved = both.replace(b"192.0.2.1", b"192.0.2.9")
    bench.ask(Offer("c", "a", moved, to_tag="b", options=VEILED)).check()
    assert [party.media[0].veil for party in call.parties] == audio
    for party in call.parties:
        pair = party.media[0].pair
        assert pair is not None
        assert [stream.veil for stream in pair.streams] == [party.media[0].veil] * 2
    bench.ask(Offer("c", "a", moved, to_tag="b", options=Options(flags=(Flag.STRICT_SOURCE,)))).check()
    assert [party.media[0].veil for party in call.parties] == [None, None]
    bench.close()


def test_who_is_kept_sees_one_stream_go_on_in_another_session() -> None:
    """A transfer: another session, with another party in the place of one, while the former is still there."""
    bench = Bench()
    for call_id, caller in (("former", "asker"), ("next", "newcomer")):
        named = Options(flags=(Flag.VEIL_STREAMS,), veil_names=(caller, "kept"))
        bench.ask(Offer(call_id, "a", sdp(), options=named)).check()
        bench.ask(Answer(call_id, "a", "b", sdp("192.0.2.2"), options=VEILED)).check()
    former, following = ([party.media[0].veil for party in call.parties] for call in bench.engine.calls.values())
    assert former[1] is following[1] is not None
    assert former[0] is not following[0]
    bench.close()
    del former, following
    assert not bench.engine.resources.veils
