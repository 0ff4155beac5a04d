"""Calls whose listener has moved to another address: their peers are told, a few at a time."""

from __future__ import annotations

from collections import deque
from typing import Final

from sbc import call as calls
from sbc.call import Leg
from sbc.config import Listener
from sbc.egress import Egress

AT_ONCE: Final = 10
EVERY: Final = 0.1
"""Seconds between two bunches: a hundred legs a second."""
AGAIN: Final = 3.0
"""Seconds until a peer is told again that could not be told, or did not agree."""
TRIES: Final = 10


class Relocation:
    """Legs that show an address which has left this machine; `Egress.wheel` holds it by its `next_timer`.

    From the move on a leg speaks with its new address, in Contact and Via. What tells the peer so is a target refresh:
    UPDATE without SDP where it takes that, else a re-INVITE that changes nothing (RFC 3261 section 12.2).
    """

    __slots__ = ("_egress", "_queue", "next_timer")

    def __init__(self, egress: Egress) -> None:
        self._egress: Final = egress
        self._queue: Final[deque[tuple[float, int, Leg]]] = deque()
        self.next_timer: float | None = None

    def __len__(self) -> int:
        return len(self._queue)

    def move(self, before: tuple[Listener, ...], after: tuple[Listener, ...]) -> None:
        """The listeners are these now, in their order."""
        moved = {new.index: new for old, new in zip(before, after, strict=True) if new.is_up and new.host != old.host}
        if not moved:
            return
        egress = self._egress
        for call in egress.calls.values():
            for leg in (call.a, call.b):
                if leg is not None and leg.listener.index in moved:
                    leg.listener = moved[leg.listener.index]
                    leg.is_moved = True
                    self._queue.append((egress.now.monotonic, TRIES, leg))
        self._arm()

    def handle_timer(self) -> None:
        """Those whose turn it is."""
        egress = self._egress
        time = egress.now.monotonic
        for _ in range(AT_ONCE):
            if not self._queue or self._queue[0][0] > time:
                break
            _, left, leg = self._queue.popleft()
            if leg.call.is_over or not leg.is_moved:
                continue
            calls.readdress(leg.call, leg, egress)
            egress.arm(leg.call)
            if left > 1:
                self._queue.append((time + AGAIN, left - 1, leg))
        self._arm()

    def _arm(self) -> None:
        if self._queue:
            self.next_timer = max(self._queue[0][0], self._egress.now.monotonic + EVERY)
            self._egress.wheel.arm(self, self.next_timer)
        else:
            self.next_timer = None
