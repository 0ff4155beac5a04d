"""From link-layer frames to datagrams and stream bytes, with fragments put together. Own code, shared with nobody."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable

_IPV4, _IPV6 = 0x0800, 0x86DD
_TCP, _UDP, _FRAGMENT = 6, 17, 44
_EXTENSIONS = {0, 43, 60}


class Frame:
    """What one tap saw: when, on which realm's wire, whether the node sent it, and the bytes from the Ethernet header
    on.
    """

    __slots__ = ("data", "from_node", "realm", "when")

    def __init__(self, when: float, realm: str, from_node: bool, data: bytes) -> None:
        self.when = when
        self.realm = realm
        self.from_node = from_node
        self.data = data


class Packet:
    """A whole UDP datagram, or the bytes one TCP direction carried, with the addresses of its IP header."""

    __slots__ = ("destination", "from_node", "payload", "port", "protocol", "realm", "source", "source_port", "when")

    def __init__(
        self, frame: Frame, protocol: str, source: str, source_port: int, destination: str, port: int, payload: bytes
    ) -> None:
        self.when = frame.when
        self.realm = frame.realm
        self.from_node = frame.from_node
        self.protocol = protocol
        self.source = source
        self.source_port = source_port
        self.destination = destination
        self.port = port
        self.payload = payload

    def __repr__(self) -> str:
        first = self.payload.split(b"\r\n", 1)[0][:80].decode("ascii", "backslashreplace")
        return (
            f"{self.when:.3f} {self.realm} {self.source}:{self.source_port} > {self.destination}:{self.port}"
            f" {self.protocol} {len(self.payload)}B {first}"
        )


class _Ip:
    """One IP datagram or fragment of one."""

    __slots__ = ("destination", "identity", "more", "offset", "payload", "protocol", "source")

    def __init__(
        self, source: bytes, destination: bytes, protocol: int, identity: int, offset: int, more: bool, payload: bytes
    ) -> None:
        self.source = source
        self.destination = destination
        self.protocol = protocol
        self.identity = identity
        self.offset = offset
        self.more = more
        self.payload = payload


def _ipv4(data: bytes) -> _Ip | None:
    if len(data) < 20 or data[0] >> 4 != 4:
        return None
    header = (data[0] & 15) * 4
    total, identity, flags = struct.unpack_from("!HHH", data, 2)
    return _Ip(
        data[12:16],
        data[16:20],
        data[9],
        identity,
        (flags & 0x1FFF) * 8,
        bool(flags & 0x2000),
        data[header : max(header, total)],
    )


def _ipv6(data: bytes) -> _Ip | None:
    if len(data) < 40 or data[0] >> 4 != 6:
        return None
    length, protocol = struct.unpack_from("!HB", data, 4)
    rest = data[40 : 40 + length]
    identity = offset = 0
    more = False
    while protocol in _EXTENSIONS or protocol == _FRAGMENT:
        if len(rest) < 8:
            return None
        if protocol == _FRAGMENT:
            bits, identity = struct.unpack_from("!HI", rest, 2)
            offset, more = bits & 0xFFF8, bool(bits & 1)
            size = 8
        else:
            size = (rest[1] + 1) * 8
        protocol = rest[0]
        rest = rest[size:]
    return _Ip(data[8:24], data[24:40], protocol, identity, offset, more, rest)


class _Reassembler:
    """Fragments held until their datagram is whole (RFC 791 section 3.2, RFC 8200 section 4.5)."""

    def __init__(self) -> None:
        self._held: dict[tuple[bytes, bytes, int, int], dict[int, _Ip]] = {}

    def add(self, part: _Ip) -> _Ip | None:
        if not part.more and not part.offset:
            return part
        key = (part.source, part.destination, part.identity, part.protocol)
        parts = self._held.setdefault(key, {})
        parts[part.offset] = part
        payload = b""
        while (following := parts.get(len(payload))) is not None and following.payload:
            payload += following.payload
            if not following.more:
                del self._held[key]
                return _Ip(part.source, part.destination, part.protocol, 0, 0, False, payload)
        return None


class _Streams:
    """TCP bytes in order: a segment is given out once what precedes it was seen; copies are cut away."""

    def __init__(self) -> None:
        self._next: dict[tuple[bytes, int, bytes, int], int] = {}
        self._waiting: dict[tuple[bytes, int, bytes, int], dict[int, bytes]] = {}

    def add(self, key: tuple[bytes, int, bytes, int], number: int, flags: int, payload: bytes) -> bytes:
        if flags & 2:
            self._next[key] = (number + 1) & 0xFFFFFFFF
            self._waiting[key] = {}
            return b""
        if not payload:
            return b""
        expected = self._next.setdefault(key, number)
        waiting = self._waiting.setdefault(key, {})
        waiting[number] = payload
        out = b""
        while waiting:
            for start, data in sorted(waiting.items()):
                behind = (expected - start) & 0xFFFFFFFF
                if behind < 0x80000000:
                    del waiting[start]
                    fresh = data[behind:]
                    out += fresh
                    expected = (expected + len(fresh)) & 0xFFFFFFFF
                    break
            else:
                break
        self._next[key] = expected
        return out


def decode(frames: Iterable[Frame]) -> list[Packet]:
    """The packets of the frames, in order; anything but UDP and TCP over IP is left out."""
    fragments: dict[tuple[str, bool], _Reassembler] = {}
    streams: dict[tuple[str, bool], _Streams] = {}
    packets: list[Packet] = []
    for frame in frames:
        where = (frame.realm, frame.from_node)
        kind = int.from_bytes(frame.data[12:14], "big")
        body = frame.data[14:]
        part = _ipv4(body) if kind == _IPV4 else _ipv6(body) if kind == _IPV6 else None
        whole = fragments.setdefault(where, _Reassembler()).add(part) if part else None
        if whole is None or len(whole.payload) < 8:
            continue
        source, destination = str(ipaddress.ip_address(whole.source)), str(ipaddress.ip_address(whole.destination))
        from_port, to_port = struct.unpack_from("!HH", whole.payload)
        if whole.protocol == _UDP:
            length = int.from_bytes(whole.payload[4:6], "big")
            payload = whole.payload[8:length] if length >= 8 else whole.payload[8:]
            packets.append(Packet(frame, "udp", source, from_port, destination, to_port, payload))
        elif whole.protocol == _TCP and len(whole.payload) >= 20:
            number = int.from_bytes(whole.payload[4:8], "big")
            data = whole.payload[(whole.payload[12] >> 4) * 4 :]
            key = (whole.source, from_port, whole.destination, to_port)
            fresh = streams.setdefault(where, _Streams()).add(key, number, whole.payload[13], data)
            if fresh:
                packets.append(Packet(frame, "tcp", source, from_port, destination, to_port, fresh))
    return packets
