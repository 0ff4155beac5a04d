"""What a node of several workers consists of beside its processes: sockets, boxes, rings, memory that they share.

All of it is made before the first worker and outlives each; the supervisor that comes after this one inherits it.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sbc.config import Config
from sbc.crew import counts_memory, findings_memory, marks_memory, open_mailbox, phones_memory, ring_memory
from sbc.kernel import Steering
from sbc.transport import ListenError, open_datagrams, open_stream_listener

_PATIENCE: Final = 2.0
"""Seconds that the workers of a node that was killed may take to let its ports go."""
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

    async def bind(self, config: Config) -> None:
        """All workers' sockets. A node that was killed may take a moment to let them go. Raises ListenError."""
        deadline = time.monotonic() + _PATIENCE
        for listener in config.listeners:
            dscp = config.realms[listener.realm].dscp_sip
            while True:
                try:
                    if listener.transport == "UDP":
                        found = open_datagrams(listener, dscp, self.workers)
                    else:
                        found = [open_stream_listener(listener, dscp)] * self.workers
                    break
                except ListenError:
                    if time.monotonic() > deadline:
                        raise
                    await asyncio.sleep(0.05)
            for mine, sock in zip(self.sockets, found, strict=True):
                mine[listener.index] = sock

    def steer(self, config: Config, owner: Callable[[int], int]) -> None:
        """Have the kernel give each datagram to its owner. Raises OSError where it does not let us."""
        steering = Steering()
        for listener in config.listeners:
            if listener.transport == "UDP":
                steering.attach([mine[listener.index] for mine in self.sockets], owner)
        steering.close()
        self.is_steered = True

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
