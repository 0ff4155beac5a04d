"""What a node of several workers consists of beside its processes: sockets, boxes, rings, memory that they share.

All of it is made before the first worker, but sockets for addresses that come later, and outlives each; the supervisor
that comes after this one inherits it.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from sbc.config import Config, Listener
from sbc.crew import Mailbox, counts_memory, findings_memory, marks_memory, open_mailbox, phones_memory, ring_memory
from sbc.kernel import Steering
from sbc.supervisor.sharing import is_here
from sbc.transport import ListenError, open_datagrams, open_stream_listener

PATIENCE: Final = 10.0
"""Seconds that workers may take to let a port go that they had."""
_FIRST_PATIENCE: Final = 2.0
"""The same for those of a node that was killed: at the start somebody waits for the answer."""
Pair = tuple[socket.socket, socket.socket]


@dataclass
class Estate:
    """Descriptors, by number. Of boxes and rings there is one a seat (`sbc/supervisor/seat.py`)."""

    workers: int
    boxes: list[Pair]
    """The workers', then those of the seats: the end to read from, and the end to write to."""
    rings: list[int]
    counts: int
    phones: int
    findings: int
    marks: int
    sockets: list[dict[int, socket.socket]] = field(default_factory=list)
    """Of each worker, by the listener's index."""
    is_steered: bool = False

    @staticmethod
    def make(workers: int) -> Estate:
        """Everything but the sockets that peers know."""
        return Estate(
            workers,
            [open_mailbox() for _ in range(3 * workers)],
            [ring_memory() for _ in range(2 * workers)],
            counts_memory(),
            phones_memory(),
            findings_memory(),
            marks_memory(),
            [{} for _ in range(workers)],
        )

    async def bind(self, config: Config) -> frozenset[int]:
        """All workers' sockets; the indexes of listeners that have none, as their address is missing. Raises
        ListenError, for a missing address only where no listener has its own.
        """
        missing: dict[int, ListenError] = {}
        for listener in config.listeners:
            try:
                await self.open(listener, config.realms[listener.realm].dscp_sip, _FIRST_PATIENCE)
            except ListenError as error:
                if error.errno != errno.EADDRNOTAVAIL:
                    raise
                missing[listener.index] = error
        if missing and len(missing) == len(config.listeners):
            raise next(iter(missing.values()))
        return frozenset(missing)

    async def open(self, listener: Listener, dscp: int, patience: float = PATIENCE) -> None:
        """All workers' sockets for a listener, in the place of those that it had. Whoever had the port, a node that was
        killed or workers that hear late, may take a moment to let it go. Raises ListenError.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                if listener.transport == "UDP":
                    found = open_datagrams(listener, dscp, self.workers)
                else:
                    found = [open_stream_listener(listener, dscp)] * self.workers
                break
            except ListenError as error:
                if error.errno == errno.EADDRNOTAVAIL or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.05)
        self._close(listener.index)
        for mine, sock in zip(self.sockets, found, strict=True):
            mine[listener.index] = sock

    def rest(self, listener: Listener) -> None:
        """It is not up. Its sockets stay while its address is gone, and are there when that comes back; where the
        machine has the address and it is not this listener's, nobody may wait in them.
        """
        if is_here(listener.host):
            self._close(listener.index)

    def is_at(self, listener: Listener) -> bool:
        """Whether its sockets are at the address that it names."""
        sock = self.sockets[0].get(listener.index)
        if sock is None:
            return False
        return ip_address(str(sock.getsockname()[0]).partition("%")[0]) == ip_address(listener.host)

    def descriptor(self, worker: int, index: int) -> int:
        """Of a worker's socket for a listener; -1 where it has none."""
        sock = self.sockets[worker].get(index)
        return sock.fileno() if sock is not None else -1

    def steer(self, listeners: Sequence[Listener], owner: Callable[[int], int]) -> None:
        """Have the kernel give each datagram for these to its owner. Raises OSError where it does not let us."""
        steering = Steering()
        for listener in listeners:
            if listener.transport == "UDP" and listener.index in self.sockets[0]:
                steering.attach([mine[listener.index] for mine in self.sockets], owner)
        steering.close()
        self.is_steered = True

    def _close(self, index: int) -> None:
        for mine in self.sockets:
            sock = mine.pop(index, None)
            if sock is not None:
                sock.close()

    def post(self, box: int, letter: bytes, descriptor: int) -> bool:
        """Put a letter into a box, with a descriptor unless that is -1; False where it has no room."""
        return Mailbox(self.boxes[box][0], [writer for _, writer in self.boxes]).post(box, letter, descriptor)

    @property
    def descriptors(self) -> list[int]:
        """All of them, for a process to inherit."""
        sockets = {sock.fileno() for mine in self.sockets for sock in mine.values()}
        ends = {end.fileno() for pair in self.boxes for end in pair}
        return sorted(sockets | ends | {self.counts, self.phones, self.findings, self.marks, *self.rings})

    def told(self) -> dict[str, Any]:
        """As JSON, for `inherit` in a process that has the descriptors."""
        return {
            "workers": self.workers,
            "boxes": [[end.fileno() for end in pair] for pair in self.boxes],
            "rings": self.rings,
            "counts": self.counts,
            "phones": self.phones,
            "findings": self.findings,
            "marks": self.marks,
            "sockets": [{str(index): sock.fileno() for index, sock in mine.items()} for mine in self.sockets],
            "is_steered": self.is_steered,
        }

    @staticmethod
    def inherit(told: dict[str, Any]) -> Estate:
        """What `told` has told. Raises OSError, KeyError or ValueError for anything else."""
        known: dict[int, socket.socket] = {}

        def opened(number: int) -> socket.socket:
            return known.setdefault(number, known.get(number) or socket.socket(fileno=number))

        return Estate(
            int(told["workers"]),
            [(opened(reader), opened(writer)) for reader, writer in told["boxes"]],
            [int(ring) for ring in told["rings"]],
            int(told["counts"]),
            int(told["phones"]),
            int(told["findings"]),
            int(told["marks"]),
            [{int(index): opened(number) for index, number in mine.items()} for mine in told["sockets"]],
            bool(told["is_steered"]),
        )
