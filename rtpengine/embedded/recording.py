"""A call's media in a capture file: RTP and RTCP in clear, as the parties sent them to us.

Packets have IP and UDP headers made from the agreed addresses, with no link layer (LINKTYPE_RAW). A file has a limit;
what comes after it is counted.
"""

from __future__ import annotations

import ipaddress
import re
import secrets
import struct
import time
from pathlib import Path
from typing import BinaryIO, Final

from rtpengine.embedded.stream import Stream

MAX_OCTETS: Final = 512 * 1024 * 1024
_LINKTYPE_RAW: Final = 101
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9._-]")


class Recording:
    """One file. `take` comes from the taps of the call's streams."""

    __slots__ = ("_file", "_octets", "dropped", "is_paused", "path")

    def __init__(self, directory: Path, call_id: str) -> None:
        name = _UNSAFE.sub("_", call_id)[:64].lstrip(".") or "call"
        self.path: Final = directory / f"{name}-{secrets.token_hex(8)}.pcap"
        self.is_paused = False
        self.dropped = 0
        """Packets that came when the file was full, or could not be written."""
        self._octets = 24
        self._file: BinaryIO | None = self.path.open("xb")
        self._file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, _LINKTYPE_RAW))

    def tap(self, stream: Stream) -> RecordingTap:
        """What a stream's packets are to be shown to."""
        return RecordingTap(self, stream)

    def write(self, packet: bytes) -> None:
        """An IP packet."""
        if self._file is None or self.is_paused:
            return
        if self._octets + len(packet) + 16 > MAX_OCTETS:
            self.dropped += 1
            return
        self._octets += len(packet) + 16
        wall = time.time()
        header = struct.pack("<IIII", int(wall), int(wall % 1 * 1_000_000), len(packet), len(packet))
        try:
            self._file.write(header + packet)
        except OSError:
            self.dropped += 1

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


class RecordingTap:
    """One stream's way into a recording."""

    __slots__ = ("_recording", "_stream")

    def __init__(self, recording: Recording, stream: Stream) -> None:
        self._recording: Final = recording
        self._stream: Final = stream

    def take(self, data: memoryview, is_rtcp: bool, now: float) -> None:
        """A packet in clear."""
        stream = self._stream
        source = stream.agreed or stream.remote
        if source is None:
            return
        udp = struct.pack("!HHHH", source[1], stream.local[1], 8 + len(data), 0) + data
        self._recording.write(ip_packet(str(source[0]), str(stream.local[0]), udp))


def ip_packet(source: str, destination: str, udp: bytes) -> bytes:
    """An IP packet around a UDP datagram whose checksum is not computed."""
    ends = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
    if ":" in destination:
        return struct.pack("!IHBB", 6 << 28, len(udp), 17, 64) + ends + udp
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0) + ends
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~total & 0xFFFF) + head[12:] + udp
