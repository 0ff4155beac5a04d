"""A timer wheel: many machines, one clock, no order kept inside a hundredth of a second."""

from __future__ import annotations

import heapq
from typing import Final, Protocol

_GRAIN: Final = 100  # slots a second


class Machine(Protocol):
    """Anything with a deadline of its own."""

    @property
    def next_timer(self) -> float | None:
        """When it wants to be woken (monotonic seconds), None for never."""


class Wheel:
    """Holds machines by the moment they asked for; whether they still want it is read from the machine when it comes.

    A machine may stand in several slots; only the ones whose `next_timer` is due are handed out.
    """

    __slots__ = ("_heap", "_slots")

    def __init__(self) -> None:
        self._slots: dict[int, list[Machine]] = {}
        self._heap: list[int] = []

    def arm(self, machine: Machine, deadline: float) -> None:
        """Hand `machine` out at `deadline`, at most a hundredth of a second late."""
        slot = int(deadline * _GRAIN) + 1
        waiting = self._slots.get(slot)
        if waiting is None:
            self._slots[slot] = [machine]
            heapq.heappush(self._heap, slot)
        else:
            waiting.append(machine)

    @property
    def next_timer(self) -> float | None:
        """When the next slot falls due, None for an empty wheel."""
        return self._heap[0] / _GRAIN if self._heap else None

    def due(self, now: float) -> list[Machine]:
        """The machines whose time has come; each must be armed again by whoever handles it."""
        found: list[Machine] = []
        early: list[tuple[Machine, float]] = []
        limit = int(now * _GRAIN + 1e-6)
        while self._heap and self._heap[0] <= limit:
            slot = heapq.heappop(self._heap)
            # Each once: whoever repeats a request arms its machine again with every copy.
            for machine in dict.fromkeys(self._slots.pop(slot)):
                deadline = machine.next_timer
                if deadline is None:
                    continue
                if deadline <= now:
                    found.append(machine)
                else:
                    early.append((machine, deadline))  # by less than the clock can tell, it may be the same slot again
        for machine, deadline in early:
            self.arm(machine, deadline)
        return found
