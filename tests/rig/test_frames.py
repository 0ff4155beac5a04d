"""Frames to packets: fragments and segments put together before anybody looks for a token in them."""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

from tests.rig.frames import Frame, decode
from tests.rig.tap import write_pcap

_V4 = b"\x00" * 12 + b"\x08\x00"
_V6 = b"\x00" * 12 + b"\x86\xdd"


def frame(data: bytes) -> Frame:
    return Frame(1.5, "inside", True, data)


def ipv4(payload: bytes, protocol: int = 17, offset: int = 0, more: bool = False) -> bytes:
    flags = offset // 8 | (0x2000 if more else 0)
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 7, flags, 64, protocol, 0)
    return _V4 + head + bytes([10, 20, 0, 1, 10, 20, 0, 10]) + payload


def ipv6(payload: bytes, protocol: int = 17) -> bytes:
    addresses = ipaddress.IPv6Address("fd20::1").packed + ipaddress.IPv6Address("fd20::10").packed
    return _V6 + struct.pack("!IHBB", 0x60000000, len(payload), protocol, 64) + addresses + payload


def udp(payload: bytes) -> bytes:
    return struct.pack("!HHHH", 5070, 5080, 8 + len(payload), 0) + payload


def tcp(payload: bytes, number: int, flags: int = 0x18) -> bytes:
    return struct.pack("!HHIIBBHHH", 5070, 5080, number, 0, 0x50, flags, 0, 0, 0) + payload


def test_a_datagram_is_read_with_its_addresses() -> None:
    """Ethernet padding after the datagram is not part of it."""
    (packet,) = decode([frame(ipv4(udp(b"hello")) + b"\x00" * 10)])
    assert (packet.source, packet.source_port, packet.destination, packet.port) == (
        "10.20.0.1",
        5070,
        "10.20.0.10",
        5080,
    )
    assert (packet.payload, packet.realm, packet.from_node) == (b"hello", "inside", True)


def test_fragments_are_put_together_in_any_order() -> None:
    """RFC 791 section 3.2: a token cut by a fragment boundary must not escape the oracle."""
    whole = udp(b"x" * 3000)
    parts = [
        ipv4(whole[:1480], more=True),
        ipv4(whole[1480:2960], offset=1480, more=True),
        ipv4(whole[2960:], offset=2960),
    ]
    assert [packet.payload for packet in decode([frame(parts[at]) for at in (2, 0, 1)])] == [b"x" * 3000]


def test_ipv6_fragments_are_put_together() -> None:
    """RFC 8200 section 4.5."""
    whole = udp(b"y" * 2000)
    first = struct.pack("!BBHI", 17, 0, 1, 99) + whole[:1448]
    last = struct.pack("!BBHI", 17, 0, 1448, 99) + whole[1448:]
    (packet,) = decode([frame(ipv6(first, 44)), frame(ipv6(last, 44))])
    assert (packet.payload, packet.source) == (b"y" * 2000, "fd20::1")


def test_segments_come_in_order_and_once() -> None:
    """A copied and a late segment change nothing of the stream's bytes."""
    segments = [tcp(b"", 99, 2), tcp(b"INV", 100), tcp(b"sip", 106), tcp(b"ITE", 103), tcp(b"INV", 100)]
    assert b"".join(packet.payload for packet in decode([frame(ipv4(one, 6)) for one in segments])) == b"INVITEsip"


def test_the_capture_is_one_other_tools_read(tmp_path: Path) -> None:
    """Classic pcap, little endian, microseconds, Ethernet."""
    write_pcap(tmp_path / "a.pcap", [frame(ipv4(udp(b"hello")))])
    data = (tmp_path / "a.pcap").read_bytes()
    assert data[:4] == bytes.fromhex("d4c3b2a1")
    assert struct.unpack_from("<IIII", data, 24) == (1, 500000, 47, 47)
