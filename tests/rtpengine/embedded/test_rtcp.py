"""RTCP loses the names of the side it comes from."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rtpengine.embedded.rtcp import rename

REPORT = bytes.fromhex("80c90001") + b"\x01\x02\x03\x04"


def sdes(*items: tuple[int, bytes], sources: int = 1) -> bytes:
    """An SDES packet with these items for each source."""
    chunks = b""
    for source in range(sources):
        chunk = bytes([0, 0, 0, source + 1]) + b"".join(bytes([kind, len(text)]) + text for kind, text in items)
        chunks += chunk + b"\0" * (4 - len(chunk) % 4)
    return bytes([0x80 | sources, 202]) + (len(chunks) // 4).to_bytes(2, "big") + chunks


def renamed(packet: bytes) -> bytes:
    """What the far side gets."""
    data = bytearray(packet + b"\0" * 200)
    size = rename(data, len(packet), b"0123456789abcdef")
    return bytes(data[: max(size, 0)])


def test_cname_is_ours_and_every_other_item_falls() -> None:
    """RFC 3550 section 6.5: CNAME must be there; `user@host`, TOOL and LOC need not."""
    packet = REPORT + sdes((1, b"sip:phone@10.20.0.5"), (6, b"baresip 1.0"), (5, b"Berlin"))
    assert renamed(packet) == REPORT + sdes((1, b"0123456789abcdef"))


def test_each_source_keeps_its_chunk() -> None:
    """RFC 3550 section 6.5: one chunk a source."""
    assert renamed(REPORT + sdes((1, b"a@10.0.0.1"), sources=3)) == REPORT + sdes((1, b"0123456789abcdef"), sources=3)


def test_reason_of_bye_and_app_packets_fall() -> None:
    """RFC 3550 sections 6.6 and 6.7: free text."""
    bye = bytes([0x81, 203, 0, 4]) + b"\0\0\0\1" + b"\x0bhost 10.1.2"
    app = bytes([0x80, 204, 0, 2]) + b"\0\0\0\1name"
    assert renamed(REPORT + bye + app) == REPORT + bytes([0x81, 203, 0, 1]) + b"\0\0\0\1"


def test_reports_alone_are_not_touched() -> None:
    """The straight path: no SDES, no work."""
    assert renamed(REPORT + REPORT) == REPORT + REPORT


@given(st.binary(max_size=200))
def test_any_bytes_are_bounded_and_never_raise(packet: bytes) -> None:
    """Whoever sends to the port chooses the bytes; SRTCP that is not ours to open passes unchanged."""
    assert len(renamed(packet)) <= len(packet) + 31 * 28
