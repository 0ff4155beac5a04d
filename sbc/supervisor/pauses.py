"""How long the event loop was held up: by a burst of messages, the collector of garbage, or the machine."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol

BEAT: Final = 0.05
"""Seconds between two measurements of the load."""
_WINDOW: Final = 60.0
"""Seconds of "lately": this minute and the one before."""


class Pauses:
    """The longest ones so far, and lately. `start` when the node serves: what was before held up nobody."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock: Final = clock
        self._longest = 0.0
        self._lately = [0.0, 0.0]
        self._turns = 0.0
        self._collecting = 0.0
        self._longest_collection = 0.0
        self._collected = 0.0

    def start(self) -> None:
        """Watch the collector from now on."""
        self._turns = self._clock() + _WINDOW
        gc.callbacks.append(self._hear)

    def close(self) -> None:
        """Watch it no more."""
        if self._hear in gc.callbacks:
            gc.callbacks.remove(self._hear)

    def note(self, late: float) -> None:
        """The loop came so many seconds later than it was asked to."""
        now = self._clock()
        if now >= self._turns:
            is_old = now >= self._turns + _WINDOW
            self._lately = [0.0, 0.0 if is_old else self._lately[0]]
            self._turns = now + _WINDOW
        self._lately[0] = max(self._lately[0], late)
        self._longest = max(self._longest, late)

    def status(self) -> dict[str, object]:
        """Seconds, for operators: the longest pauses, the longest run of the collector, and its share of the time."""
        return {
            "longest_pause": round(self._longest, 4),
            "longest_pause_lately": round(max(self._lately), 4),
            "longest_collection": round(self._longest_collection, 4),
            "collected": round(self._collected, 3),
        }

    def _hear(self, phase: str, _: dict[str, Any]) -> None:
        now = self._clock()
        if phase == "start":
            self._collecting = now
        else:
            took = now - self._collecting
            self._collected += took
            self._longest_collection = max(self._longest_collection, took)


class Hearer(Protocol):
    """The worker."""

    def measure(self, delay: float) -> None:
        """How long messages wait for their turn now."""


class Inlets(Protocol):
    """The transports."""

    def behind(self, now: float) -> float:
        """For how long a socket has not been emptied."""


class Engine(Protocol):
    """The way to a media engine."""

    def delay(self) -> float | None:
        """How long it takes at the least, None where that is not known."""


async def beat(hearer: Hearer, inlets: Inlets, engines: Sequence[Engine], pauses: Pauses) -> None:
    """Measure how long messages wait: how late this loop is, for how long a socket has not been emptied, and how
    long a media engine takes at the least: a call waits for it twice. Until cancelled.
    """
    while True:
        due = time.monotonic() + BEAT
        await asyncio.sleep(BEAT)
        now = time.monotonic()
        pauses.note(now - due)
        media = min([delay for engine in engines if (delay := engine.delay()) is not None], default=0.0)
        hearer.measure(max(now - due, inlets.behind(now), media))
