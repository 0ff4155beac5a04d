"""Which media engine a new session goes to; an old one stays where it is.

By weight among engines that are in service and have answered of late. One that keeps silent gets nothing for `PAUSE`
seconds, or until a ping is answered; one at its limit is passed over for this one session only. Where all are silent,
the first that is in service is tried all the same: better a late call than none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from math import inf
from typing import Final

PAUSE: Final = 30.0
"""Seconds without new sessions after a silence."""
NOBODY: Final = -1


class Member:
    """One engine."""

    __slots__ = ("failures", "is_enabled", "limited", "name", "placed", "silent_until", "weight")

    def __init__(self, name: str, weight: int) -> None:
        self.name: Final = name
        self.weight: Final = weight
        self.is_enabled = True
        self.silent_until = 0.0
        self.failures = 0
        """Silences in a row."""
        self.limited = 0
        """Sessions turned away, `load limit` and its like."""
        self.placed = 0
        """Sessions given to it."""

    def state(self, now: float) -> str:
        """`up`, `down` or `drained`."""
        if not self.is_enabled:
            return "drained"
        return "down" if self.silent_until > now else "up"


class MediaPool:
    """All engines, in the order of the configuration; an engine's place in it is what a session keeps."""

    __slots__ = ("members",)

    def __init__(self, members: list[tuple[str, int]]) -> None:
        self.members: Final = [Member(name, weight) for name, weight in members]

    def choose(self, draw: Callable[[int], int], now: float, tried: Collection[int] = ()) -> int:
        """An engine for a new session that has not been tried for it, or NOBODY. `draw(n)` gives a number below n."""
        open_ = [index for index, one in enumerate(self.members) if one.is_enabled and index not in tried]
        candidates = [index for index in open_ if self.members[index].silent_until <= now]
        if not candidates:
            return open_[0] if open_ else NOBODY
        ticket = draw(sum(self.members[index].weight for index in candidates)) if len(candidates) > 1 else 0
        for index in candidates:
            ticket -= self.members[index].weight
            if ticket < 0:
                return index
        return candidates[-1]

    def note_silence(self, index: int, now: float) -> None:
        """A command, or a ping, was not answered."""
        member = self.members[index]
        member.failures += 1
        member.silent_until = max(member.silent_until, now + PAUSE)

    def note_loss(self, index: int) -> None:
        """It is gone: nothing for it until it says something."""
        self.members[index].silent_until = inf

    def note_answer(self, index: int) -> None:
        """It said something, be it no."""
        member = self.members[index]
        member.failures = 0
        member.silent_until = 0.0

    def has_live(self, now: float) -> bool:
        """True where one is in service and not silent."""
        return any(member.state(now) == "up" for member in self.members)

    def switch(self, name: str, is_enabled: bool) -> bool:
        """Out of service for new sessions, or back into it; False: there is none of this name."""
        found = [member for member in self.members if member.name == name]
        for member in found:
            member.is_enabled = is_enabled
            member.silent_until = 0.0
        return bool(found)
