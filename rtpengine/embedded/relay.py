"""The relay: datagrams from a socket to a source check to the socket on the other side, with nothing made per packet
but its address.

All media sockets are in one epoll set of our own, and asyncio watches that set: a wake-up serves each socket that is
ready, without a callback object for each. Level-triggered and one datagram a socket and round, so no socket starves
another, and no read comes back empty.

Waking up costs as much as relaying a packet. So where wake-ups come thick, the relay stops being woken and looks by
itself every millisecond or two instead, as network drivers do: many packets a look, at the price of that much delay.
When there is little to find it goes back to being woken.
"""

from __future__ import annotations

import asyncio
import select
import time
from typing import Final

from rtpengine.embedded.fastpath import FastPath, FastPathCounters, Flow
from rtpengine.embedded.rtcp import rename
from rtpengine.embedded.srtp import PacketBuffer
from rtpengine.embedded.stream import Stream, StreamState

_EVENTS: Final = 128
"""Sockets served before asyncio gets its turn."""
_DATAGRAM: Final = 65535
_REST: Final = 0.001
"""Seconds between two looks while polling; the loop rounds up to its own milliseconds."""
_WINDOW: Final = 0.02
"""Seconds over which wake-ups and packets are counted."""
_CROWD: Final = 20
"""Wake-ups in a window that begin polling, and packets in one below which it ends: a thousand a second."""
_GLANCE: Final = 63
"""One packet of as many, and one more, has its header looked at."""
_OFFLOAD_AFTER: Final = 8
"""Packets that a stream must have taken before a fast path is asked."""


class RelayStatistics:
    """Totals since the start; streams that are still open count too."""

    __slots__ = ("errors", "octets", "packets")

    def __init__(self, packets: int, octets: int, errors: int) -> None:
        self.packets: Final = packets
        self.octets: Final = octets
        self.errors: Final = errors


class Relay:
    """Owns the readiness of all media sockets. Single-threaded: everything runs on the loop it was attached to."""

    def __init__(self, fast_path: FastPath | None = None) -> None:
        self._epoll: Final = select.epoll()
        self._streams: Final[dict[int, Stream]] = {}
        self._buffer: Final = PacketBuffer(_DATAGRAM)
        self._view: Final = memoryview(self._buffer.data)
        self._fast_path: Final = fast_path
        self._packets = self._octets = self._errors = 0
        """Of streams already removed."""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._looking: asyncio.TimerHandle | None = None
        """Set while polling."""
        self._since = 0.0
        self._count = 0
        """Of the window that began at `_since`."""

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve from now on."""
        self._loop = loop
        loop.add_reader(self._epoll.fileno(), self._wake)

    def detach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve no more; streams that are left are closed."""
        self._loop = None
        if self._looking is not None:
            self._looking.cancel()
        loop.remove_reader(self._epoll.fileno())
        for stream in list(self._streams.values()):
            self.remove(stream)
        self._epoll.close()

    def add(self, stream: Stream) -> None:
        """Watch the stream's socket."""
        fd = stream.sock.fileno()
        self._streams[fd] = stream
        self._epoll.register(fd, select.EPOLLIN)

    def remove(self, stream: Stream) -> None:
        """Stop watching, close the socket, keep its counts."""
        self.reclaim(stream)
        fd = stream.sock.fileno()
        if self._streams.pop(fd, None) is not None:
            self._epoll.unregister(fd)
            self._packets += stream.packets
            self._octets += stream.octets
            self._errors += stream.errors
        stream.forget()
        stream.sock.close()

    def _wake(self) -> None:
        """The kernel says that there is something."""
        self.serve()
        now = time.monotonic()
        self._count += 1
        if now - self._since < _WINDOW:
            return
        if self._count >= _CROWD and self._loop is not None:
            self._loop.remove_reader(self._epoll.fileno())
            self._looking = self._loop.call_later(_REST, self._look)
        self._since, self._count = now, 0

    def _look(self) -> None:
        """Nobody says anything: see for ourselves."""
        served = self.serve()
        self._count += served
        loop = self._loop
        if loop is None:
            return
        now = time.monotonic()
        if now - self._since >= _WINDOW:
            is_quiet = self._count < _CROWD
            self._since, self._count = now, 0
            if is_quiet:
                self._looking = None
                loop.add_reader(self._epoll.fileno(), self._wake)
                return
        self._looking = loop.call_later(0 if served == _EVENTS else _REST, self._look)

    def serve(self) -> int:
        """One round: each ready socket gives one datagram. The number of sockets that were ready."""
        streams, packet, view = self._streams, self._buffer, self._view
        buffer = packet.data
        now = time.monotonic()
        ready = self._epoll.poll(0, _EVENTS)
        for fd, _ in ready:
            stream = streams[fd]
            try:
                size, source = stream.sock.recvfrom_into(buffer)
            except OSError:
                continue
            if not size or not stream.lowest <= buffer[0] <= stream.highest:
                channel = stream.channel
                if not size or channel is None or not channel.receive(bytes(view[:size]), source, now):
                    stream.errors += 1
                continue
            is_rtcp = stream.is_rtcp or (stream.is_muxed and size > 1 and 192 <= buffer[1] <= 223)
            srtp = stream.srtp
            if srtp is not None:
                # Authenticity first: a source is never learnt from a packet that anybody could have sent.
                if source != stream.agreed and stream.is_settled:
                    stream.errors += 1
                    continue
                size = srtp.open(packet, size, is_rtcp)
            if size < 0 or (source != stream.agreed and not stream.admit(source, now)):
                stream.errors += 1
                continue
            if not stream.packets & _GLANCE and size >= 12:
                stream.payload_type = buffer[1] & 127
                stream.ssrc = int.from_bytes(buffer[4:8] if is_rtcp else buffer[8:12], "big")
            stream.packets += 1
            stream.octets += size
            stream.last = now
            if stream.detour is not None:
                size = stream.detour.handle(packet, size, is_rtcp, now)
                if size < 0:
                    continue
            out = stream.rtcp_out if is_rtcp and stream.is_muxed else stream.out
            if out is None or out.remote is None:
                continue
            if is_rtcp:
                size = _reported(stream, out, buffer, size, now)
            elif out.veil is not None:
                size = out.veil.cover(buffer, size, stream.rate, now)
            if out.srtp is not None and size > 0:
                size = out.srtp.seal(packet, size, is_rtcp)
            if size < 0:
                out.errors += 1
                continue
            try:
                out.sock.sendto(view[:size], out.remote)
            except OSError:
                out.errors += 1
        return len(ready)

    def offload(self, stream: Stream, now: float) -> None:
        """Offer a stream to the fast path where its addresses are agreed on both sides; refresh the counts of one
        already there.

        Only strict RTP streams without mux, in clear on both sides, go: RTCP is wanted here for its reports, and a fast
        path checks the source.
        """
        fast_path = self._fast_path
        if fast_path is None or stream.is_rtcp:
            return
        if stream.state is StreamState.OFFLOADED:
            _count(stream, fast_path.counters(stream.handle), now)
            return
        out = stream.out
        if (
            stream.state is not StreamState.LATCHED
            or not stream.is_strict
            or stream.is_muxed
            or stream.srtp is not None
            or stream.detour is not None
            or stream.veil is not None
            or not stream.is_sure
            or stream.packets < _OFFLOAD_AFTER
            or out is None
            or out.srtp is not None
            or out.veil is not None
            or out.is_muxed
            or out.remote is None
            or stream.agreed is None
            or out.state not in (StreamState.LATCHED, StreamState.OFFLOADED)
        ):
            return
        stream.handle = fast_path.take(Flow(stream.agreed, stream.local, out.local, out.remote))
        if stream.handle:
            stream.state = StreamState.OFFLOADED

    def reclaim(self, stream: Stream) -> None:
        """Take a stream back before its addresses change. It stays LATCHED; signalling moves it on."""
        if stream.state is not StreamState.OFFLOADED or self._fast_path is None:
            return
        _count(stream, self._fast_path.give_back(stream.handle), stream.last)
        stream.handle = stream.fast_packets = stream.fast_octets = 0
        stream.state = StreamState.LATCHED

    def statistics(self) -> RelayStatistics:
        """Totals."""
        streams = self._streams.values()
        return RelayStatistics(
            self._packets + sum(stream.packets for stream in streams),
            self._octets + sum(stream.octets for stream in streams),
            self._errors + sum(stream.errors for stream in streams),
        )


def _reported(stream: Stream, out: Stream, data: bytearray, size: int, now: float) -> int:
    """RTCP of a peer on its way to the other one: read, and told under names of ours; -1 where nothing is left."""
    if stream.veil is not None:
        stream.veil.uncover_reports(data, size)
    if stream.reports is not None:
        stream.reports.take(data, size, stream.rate, now)
    size = rename(data, size, stream.cname)
    return size if size < 0 or out.veil is None else out.veil.cover_reports(data, size)


def _count(stream: Stream, counters: FastPathCounters, now: float) -> None:
    """Add to a stream's counts what a fast path has carried since it was last asked."""
    if counters.packets > stream.fast_packets:
        stream.packets += counters.packets - stream.fast_packets
        stream.octets += counters.octets - stream.fast_octets
        stream.last = now
    stream.fast_packets = counters.packets
    stream.fast_octets = counters.octets
