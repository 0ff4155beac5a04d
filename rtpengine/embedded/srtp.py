"""SRTP and SRTCP of one leg (RFC 3711), on libsrtp: packets are opened and sealed in place, in the relay's own buffer.

libsrtp does the cryptography, the replay check and the rollover counters. What it lacks is here: a rollover counter
lives on when the master key changes (section 3.3.1), a bound on how many SSRCs a peer may make it remember, and the
time in which packets under the former key are still on their way.

Counters are carried over by letting a fresh context work through packets that nobody sends, some three for each time
the sequence number has wrapped. This is the only file that uses the binding below pylibsrtp's classes.
"""

from __future__ import annotations

import struct
from typing import Any, Final

import pylibsrtp
from pylibsrtp._binding import ffi, lib  # type: ignore[import-not-found]

from rtpengine.embedded.sdes import CryptoLine

TRAILER: Final = 176
"""Room behind a packet that sealing may need: tag, SRTCP index and what libsrtp reserves for an MKI."""
SOURCES: Final = 32
"""SSRCs under one key; a packet of one more is not taken."""
_WINDOW: Final = 256
_STRIDE: Final = 0x7000
"""Sequence numbers that a primed context jumps at a time: less than half of their range, so that the way is clear."""
_PROFILES: Final[dict[str, int]] = {
    "AEAD_AES_256_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_256_GCM,
    "AEAD_AES_128_GCM": pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    "AES_CM_128_HMAC_SHA1_80": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    "AES_CM_128_HMAC_SHA1_32": pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
}


class PacketBuffer:
    """A buffer that the kernel reads into and libsrtp works on."""

    __slots__ = ("data", "pointer")

    def __init__(self, size: int) -> None:
        self.data: Final = bytearray(size + TRAILER)
        self.pointer: Final[Any] = ffi.from_buffer(self.data)


class _Context:
    """One master key in one direction."""

    __slots__ = ("_functions", "_length", "_reporters", "_session", "_srtp", "line", "positions")

    def __init__(self, line: CryptoLine, *, is_inbound: bool) -> None:
        ssrc_type = pylibsrtp.Policy.SSRC_ANY_INBOUND if is_inbound else pylibsrtp.Policy.SSRC_ANY_OUTBOUND
        policy = pylibsrtp.Policy(line.key, ssrc_type, 0, _PROFILES[line.suite.name])
        policy.window_size = _WINDOW
        self.line: Final = line
        self.positions: Final[dict[int, int]] = {}
        """Highest index (rollover counter and sequence number) by SSRC."""
        self._reporters: Final[set[int]] = set()
        """SSRCs that RTCP came from."""
        self._session: Final = pylibsrtp.Session(policy)
        self._srtp: Final[Any] = self._session._srtp[0]
        self._length: Final[Any] = ffi.new("int *")
        names = ("srtp_unprotect", "srtp_unprotect_rtcp") if is_inbound else ("srtp_protect", "srtp_protect_rtcp")
        self._functions: Final[tuple[Any, Any]] = (getattr(lib, names[0]), getattr(lib, names[1]))

    def run(self, buffer: PacketBuffer, size: int, is_rtcp: bool) -> int:
        """The packet's size afterwards; -1: not authentic, a replay, malformed, or one SSRC too many."""
        if is_rtcp:
            return self._run_rtcp(buffer, size)
        if size < 12:
            return -1
        data, length = buffer.data, self._length
        length[0] = size
        ssrc = int.from_bytes(data[8:12], "big")
        position = self.positions.get(ssrc)
        if position is None and len(self.positions) >= SOURCES:
            return -1
        if self._functions[0](self._srtp, buffer.pointer, length) != 0:
            return -1
        sequence = data[2] << 8 | data[3]
        if position is None:
            self.positions[ssrc] = sequence
        else:
            ahead = (sequence - position) & 0xFFFF
            if ahead < 0x8000:
                self.positions[ssrc] = position + ahead
        return int(length[0])

    def _run_rtcp(self, buffer: PacketBuffer, size: int) -> int:
        if size < 8:
            return -1
        length, reporters = self._length, self._reporters
        ssrc = int.from_bytes(buffer.data[4:8], "big")
        if ssrc not in reporters and len(reporters) >= SOURCES:
            return -1
        length[0] = size
        if self._functions[1](self._srtp, buffer.pointer, length) != 0:
            return -1
        reporters.add(ssrc)
        return int(length[0])

    def continue_from(self, former: _Context, *, is_inbound: bool) -> None:
        """Take over the rollover counters of the former key (section 3.3.1: they are not reset)."""
        sealer = _Context(self.line, is_inbound=False) if is_inbound else self
        buffer = PacketBuffer(12)
        for ssrc, position in former.positions.items():
            if position <= 0xFFFF:
                continue
            for index in (*range(0, position, _STRIDE), position):
                struct.pack_into("!BBHII", buffer.data, 0, 0x80, 0, index & 0xFFFF, 0, ssrc)
                size = sealer.run(buffer, 12, is_rtcp=False)
                if is_inbound and size > 0:
                    self.run(buffer, size, is_rtcp=False)


class Srtp:
    """The cryptography of one m-line's leg, RTP and RTCP alike. Without keys nothing passes, least of all in clear."""

    __slots__ = ("_inbound", "_outbound")

    def __init__(self) -> None:
        self._inbound: list[_Context] = []
        """Tried in this order. More than one only after a new key, until the first packet under it."""
        self._outbound: _Context | None = None

    @property
    def suite(self) -> str:
        """The suite that packets of ours are sealed with; empty without a key."""
        return self._outbound.line.suite.name if self._outbound is not None else ""

    def set_keys(self, local: CryptoLine, remote: CryptoLine) -> None:
        """What was agreed. The same keys again change nothing, so that a refresh keeps counters and replay lists."""
        outbound = self._outbound
        if outbound is None or not _is_same(outbound.line, local):
            fresh = _Context(local, is_inbound=False)
            if outbound is not None:
                fresh.continue_from(outbound, is_inbound=False)
            self._outbound = fresh
        if self._inbound and _is_same(self._inbound[0].line, remote):
            return
        former = self._inbound[:1]
        self._inbound = [_Context(remote, is_inbound=True)]
        if former and any(position > 0xFFFF for position in former[0].positions.values()):
            # A peer that follows RFC 3711 goes on counting; one that began anew has the first context.
            primed = _Context(remote, is_inbound=True)
            primed.continue_from(former[0], is_inbound=True)
            self._inbound.append(primed)
        self._inbound += former

    def open(self, buffer: PacketBuffer, size: int, is_rtcp: bool) -> int:
        """A packet of the peer; its size in clear, -1 where it is not authentic."""
        contexts = self._inbound
        if len(contexts) == 1:
            return contexts[0].run(buffer, size, is_rtcp)
        sealed = bytes(buffer.data[:size])  # an AEAD that fails leaves the buffer in ruins
        for context in contexts:
            buffer.data[:size] = sealed
            opened = context.run(buffer, size, is_rtcp)
            if opened >= 0:
                if not is_rtcp and _is_same(context.line, contexts[0].line):
                    self._inbound = [context]
                return opened
        return -1

    def seal(self, buffer: PacketBuffer, size: int, is_rtcp: bool) -> int:
        """A packet for the peer; its size sealed, -1 where it cannot be."""
        return self._outbound.run(buffer, size, is_rtcp) if self._outbound is not None else -1


def _is_same(one: CryptoLine, two: CryptoLine) -> bool:
    return one.key == two.key and one.suite is two.suite
