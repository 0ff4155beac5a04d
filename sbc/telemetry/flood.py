"""Keeps a flood of the same event out of the log: the first few in full, the rest as one line with their number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FULL: Final = 5
"""Events of one kind from one source that are logged in full in each window."""

WINDOW: Final = 10.0
"""Seconds until the rest is summed up."""

KINDS: Final = 1024
"""Pairs of kind and source told apart in one window; the sources beyond are summed up together."""

ELSEWHERE: Final = "other sources"


@dataclass(frozen=True, slots=True)
class Summary:
    """What was not logged in one window."""

    kind: str
    source: str
    count: int


class Flood:
    """Counts events by kind and source. Time is an argument; the owner asks for `due` now and then."""

    __slots__ = ("_counts", "_opened")

    def __init__(self) -> None:
        self._counts: Final[dict[tuple[str, str], int]] = {}
        self._opened: float | None = None

    def admit(self, kind: str, source: str, now: float) -> bool:
        """True when this one should be logged in full."""
        if self._opened is None:
            self._opened = now
        key = (kind, source)
        count = self._counts.get(key)
        if count is None and len(self._counts) >= KINDS:
            key = (kind, ELSEWHERE)
            count = self._counts.get(key, FULL)  # nothing in full any more: that would be a flood again
        count = (count or 0) + 1
        self._counts[key] = count
        return count <= FULL

    def due(self, now: float) -> list[Summary]:
        """What the window that is over kept back, most frequent first; an empty list while it lasts."""
        if self._opened is None or now - self._opened < WINDOW:
            return []
        return self.flush()

    def flush(self) -> list[Summary]:
        """As `due`, without waiting for the window's end."""
        summaries = [
            Summary(kind, source, count - FULL) for (kind, source), count in self._counts.items() if count > FULL
        ]
        self._counts.clear()
        self._opened = None
        return sorted(summaries, key=lambda summary: -summary.count)
