"""One UDP listener: a reader that drains its socket, and a sender that sends at once.

A protocol class of asyncio wakes once for each datagram and costs 65 microseconds; draining by hand costs 10.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import time
from collections import deque
from typing import Any, Final

from sbc.config import Listener
from sbc.transport.receiver import Counters, Receiver
from sbc.transport.sockets import IP_RECVERR, IPV6_RECVERR, SO_TIMESTAMPNS, UNDELIVERED, is_address, reason_of, scope_of
from sbc.wire import Flow

BATCH: Final = 64
"""Datagrams read in one wake-up, so that timers and other listeners get their turn in a flood."""

QUEUE: Final = 1024
"""Datagrams held while the kernel's send buffer is full; SIP repeats what is lost beyond."""

STALE: Final = 1.0
"""Seconds in the socket after which a request that begins new work is thrown away: it has been repeated since (Timer A,
RFC 3261 section 17.1.1.2), and to answer every copy would keep the queue as long as it is."""

STALE_BATCH: Final = 2048
"""Datagrams thrown away in one wake-up, at most: they cost a fortieth of one that is looked at."""

_NEW_WORK: Final = (b"INVITE ", b"REGISTER ", b"MESSAGE ", b"SUBSCRIBE ", b"PUBLISH ")
_EMERGENCY: Final = b"service:sos"
_STAMP: Final = struct.Struct("=qq")
_ANCILLARY: Final = 64
_ERRORS: Final = (IP_RECVERR, IPV6_RECVERR)
_LINE: Final = 128

_DATAGRAM: Final = 65535
_FLOWS: Final = 8192


class UdpListener:
    """Reads and writes the datagrams of one listener. `start` and `close` bracket its life; it owns `sock`."""

    __slots__ = (
        "_age",
        "_behind_since",
        "_counters",
        "_flows",
        "_hosts",
        "_listener",
        "_loop",
        "_queue",
        "_read_at",
        "_receiver",
        "_scope",
        "_sock",
    )

    def __init__(self, listener: Listener, sock: socket.socket, receiver: Receiver, counters: Counters) -> None:
        self._listener: Final = listener
        self._sock: Final = sock
        self._receiver: Final = receiver
        self._counters: Final = counters
        self._scope: Final = scope_of(listener)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flows: dict[tuple[str, int], Flow] = {}
        self._hosts: Final[set[str]] = set()
        self._queue: Final[deque[tuple[bytes, Flow]]] = deque()
        self._behind_since = 0.0
        self._read_at = 0.0
        self._age = 0.0

    def behind(self, now: float) -> float:
        """Seconds that datagrams wait in the socket, as far as reads have shown: how old the last one was, or, where
        that is more, for how long nothing was read although more was there.
        """
        if not self._behind_since:
            return 0.0
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except OSError:  # empty: what was read last was all, and nothing woke us since
            self._behind_since = 0.0
            return 0.0
        return max(self._age, now - self._read_at)

    @property
    def port(self) -> int:
        """The port bound; interesting where 0 was asked for."""
        return int(self._sock.getsockname()[1])

    def start(self) -> None:
        """Read from now on."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._sock.fileno(), self._readable)

    def close(self) -> None:
        """Stop and release the port; what is queued is lost."""
        if self._loop is not None:
            self._loop.remove_reader(self._sock.fileno())
            self._loop.remove_writer(self._sock.fileno())
            self._loop = None
        self._sock.close()

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one datagram now, or queue it while the kernel has no room."""
        if self._queue:
            self._enqueue(data, flow)
        elif not self._send_now(data, flow):
            self._enqueue(data, flow)
            if self._loop is not None:
                self._loop.add_writer(self._sock.fileno(), self._writable)

    def _readable(self) -> None:
        """Hand on a batch. Where the one before left something behind, each datagram's age is looked at, too."""
        is_late = self._behind_since > 0.0
        counters, flows = self._counters, self._flows
        taken = thrown = 0
        while taken < BATCH and thrown < STALE_BATCH:
            try:
                data, address = self._next_stamped() if is_late else self._sock.recvfrom(_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                if not taken and not thrown:  # woken for the error queue alone
                    self._read_errors()
                self._behind_since = self._age = 0.0
                break
            except OSError:  # an ICMP error about something sent; it has been taken off the socket by this call
                self._read_errors()
                taken += 1
                continue
            counters.received += 1
            counters.bytes_received += len(data)
            if self._age >= STALE and data.startswith(_NEW_WORK) and _EMERGENCY not in data[:_LINE]:
                counters.stale += 1
                thrown += 1
                continue
            taken += 1
            # address[:2]: an IPv6 address comes with flow label and zone, which are not the peer's identity.
            key = address if len(address) == 2 else address[:2]
            self._receiver.receive(data, flows.get(key) or self._remember(key))
            if self._loop is None:  # closed by what the message caused
                return
        else:
            if self._loop is not None:
                self._read_at = self._loop.time()
                self._behind_since = self._behind_since or self._read_at
        self._receiver.settle()

    def _next_stamped(self) -> tuple[bytes, Any]:
        """The next datagram; how long it has waited is noted."""
        data, ancillary, _, address = self._sock.recvmsg(_DATAGRAM, _ANCILLARY)
        self._age = _age_of(ancillary)
        return data, address

    def _remember(self, key: tuple[str, int]) -> Flow:
        if len(self._flows) >= _FLOWS:
            self._flows.clear()
        flow = Flow(self._listener.index, "UDP", key[0].partition("%")[0], key[1])
        self._flows[key] = flow
        return flow

    def _read_errors(self) -> int:
        """Empty the socket's error queue, which names the destination of each datagram refused; how many it held."""
        for count in range(BATCH):
            try:
                _, ancillary, _, address = self._sock.recvmsg(64, 512, socket.MSG_ERRQUEUE)
            except OSError:
                return count
            # struct sock_extended_err opens with the errno in host order.
            codes = [int.from_bytes(data[:4], sys.byteorder) for _, kind, data in ancillary if kind in _ERRORS]
            reason = UNDELIVERED.get(codes[0]) if codes else None
            if reason is not None and address:
                flow = Flow(self._listener.index, "UDP", str(address[0]).partition("%")[0], int(address[1]))
                self._fail(flow, reason)
        return BATCH

    def _send_now(self, data: bytes, flow: Flow) -> bool:
        """True when there is nothing more to do for this datagram."""
        if flow.host not in self._hosts and not self._is_sendable(flow.host):
            self._counters.send_errors += 1
            self._fail(flow, "not an address of this family")
            return True
        address = (flow.host, flow.port, 0, self._scope) if self._scope else (flow.host, flow.port)
        reason = ""
        for _ in range(3):
            try:
                self._sock.sendto(data, address)
            except (BlockingIOError, InterruptedError):
                return False
            except OSError as error:
                reason = reason_of(error)
                # An earlier datagram's ICMP error is reported at the next call: then this one was not tried.
                if self._read_errors():
                    continue
                break
            self._counters.sent += 1
            self._counters.bytes_sent += len(data)
            return True
        self._counters.send_errors += 1
        self._fail(flow, reason)
        return True

    def _is_sendable(self, host: str) -> bool:
        """True for an address of the socket's family. A name would make `sendto` ask a resolver, and wait for it."""
        if not is_address(host, self._sock.family):
            return False
        if len(self._hosts) >= _FLOWS:
            self._hosts.clear()
        self._hosts.add(host)
        return True

    def _fail(self, flow: Flow, reason: str) -> None:
        self._counters.undeliverable += 1
        self._receiver.undeliverable(flow, reason)

    def _enqueue(self, data: bytes, flow: Flow) -> None:
        if len(self._queue) >= QUEUE:
            self._counters.send_queue_full += 1
            return
        self._queue.append((data, flow))

    def _writable(self) -> None:
        queue = self._queue
        while queue:
            data, flow = queue[0]
            if not self._send_now(data, flow):
                return
            queue.popleft()
        if self._loop is not None:
            self._loop.remove_writer(self._sock.fileno())
        self._receiver.settle()


def _age_of(ancillary: list[tuple[int, int, bytes]]) -> float:
    """Seconds since the kernel has had this datagram; 0 where it did not say, or the clock was set back."""
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS and len(data) >= _STAMP.size:
            seconds, nanoseconds = _STAMP.unpack_from(data)
            return max(0.0, time.time() - float(seconds) - float(nanoseconds) / 1e9)
    return 0.0
