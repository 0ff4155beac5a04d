"""One UDP listener: a reader that drains its socket, and a sender that sends at once.

A protocol class of asyncio wakes once for each datagram and costs 65 microseconds; draining by hand costs 10.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import deque
from typing import Final

from sbc.config import Listener
from sbc.transport.receiver import Counters, Receiver
from sbc.transport.sockets import UNDELIVERED, is_address, reason_of, scope_of
from sbc.wire import Flow

BATCH: Final = 64
"""Datagrams read in one wake-up, so that timers and other listeners get their turn in a flood."""

QUEUE: Final = 1024
"""Datagrams held while the kernel's send buffer is full; SIP repeats what is lost beyond."""

_DATAGRAM: Final = 65535
_FLOWS: Final = 8192


class UdpListener:
    """Reads and writes the datagrams of one listener. `start` and `close` bracket its life; it owns `sock`."""

    __slots__ = (
        "_behind_since",
        "_counters",
        "_flows",
        "_hosts",
        "_listener",
        "_loop",
        "_queue",
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

    def behind(self, now: float) -> float:
        """Seconds for which datagrams have been waiting in the socket without a break, as far as reads have shown."""
        if not self._behind_since:
            return 0.0
        try:
            self._sock.recv(1, socket.MSG_PEEK)
        except OSError:  # empty: what was read last was all, and nothing woke us since
            self._behind_since = 0.0
            return 0.0
        return now - self._behind_since

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
        receive, recvfrom, counters = self._receiver.receive, self._sock.recvfrom, self._counters
        flows = self._flows
        for count in range(BATCH):
            try:
                data, address = recvfrom(_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                if not count:  # woken for the error queue alone
                    self._read_errors()
                self._behind_since = 0.0
                break
            except OSError:  # an ICMP error about something sent; it has been taken off the socket by this call
                self._read_errors()
                continue
            counters.received += 1
            counters.bytes_received += len(data)
            # address[:2]: an IPv6 address comes with flow label and zone, which are not the peer's identity.
            key = address if len(address) == 2 else address[:2]
            flow = flows.get(key)
            if flow is None:
                flow = self._remember(key)
            receive(data, flow)
            if self._loop is None:  # closed by what the message caused
                return
        else:
            if not self._behind_since and self._loop is not None:
                self._behind_since = self._loop.time()
        self._receiver.settle()

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
            if not ancillary or not address:
                continue
            # struct sock_extended_err opens with the errno in host order.
            code = int.from_bytes(ancillary[0][2][:4], sys.byteorder)
            reason = UNDELIVERED.get(code)
            if reason is not None:
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
