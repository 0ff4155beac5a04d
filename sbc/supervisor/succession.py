"""Who comes after a worker that died is given the same calls, unless one of them was its death twice.

A worker may die many times within a minute and all of it by somebody's hand: then its calls must be gone on with each
time. Or it dies of what it is given. A call that it was adopting at two deaths is not given a third time; where it dies
again and again of something else, the one that comes after serves new calls first and is given the others when it has
lived for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from sbc.outputs import CallEnded, Journal
from sbc.supervisor.berth import Berth
from sbc.supervisor.tasks import Tasks

HASTY: Final = 10.0
"""Seconds: whoever lives shorter has died hastily."""
AT_ONCE: Final = 4
"""Hasty deaths in a row after which calls are given late."""
UNPAUSED: Final = 3
"""Those without a pause before the next life."""
_LONGEST: Final = 10.0


class Succession:
    """One worker's lives, as far as they matter to the next."""

    def __init__(self) -> None:
        self.hasty = 0
        """Hasty deaths in a row."""
        self._suspect = ""

    @property
    def pause(self) -> float:
        """Seconds before the next life."""
        return 0.0 if self.hasty < UNPAUSED else min(float(self.hasty), _LONGEST)

    @property
    def adopts_after(self) -> float:
        """Seconds of the next life after which it is given the calls there are."""
        return 0.0 if self.hasty < AT_ONCE else HASTY

    def die(self, lived: float, adopting: str) -> str:
        """A life has ended after so many seconds, while adopting this call, if any: the one that has been its death."""
        self.hasty = self.hasty + 1 if lived < HASTY else 0
        culprit = adopting if adopting == self._suspect else ""
        self._suspect = "" if culprit else adopting
        return culprit


def abandoned(call: str, wall: float) -> CallEnded:
    """The record of a call that nobody is to adopt any more."""
    return CallEnded(call, wall, wall, wall, "", "", "", "", "", 200, "sbc", "not adopted: it killed its worker", "")


class Adopting(Protocol):
    """The worker."""

    def adopt(self, left: Iterable[Journal]) -> None:
        """Go on with these calls."""

    def settle(self) -> None:
        """At the end of a wake-up."""


def marked(left: Iterable[Journal], mark: Callable[[str], None]) -> Iterator[Journal]:
    """One after the other, each marked for as long as it is being adopted."""
    for kept in left:
        mark(kept.call)
        yield kept
    mark("")


def adopt_all(worker: Adopting, left: list[Journal], berth: Berth | None, tasks: Tasks) -> None:
    """What is left, now, or later where the worker's berth says so."""
    if berth is None:
        worker.adopt(left)
    elif berth.adopts_after:
        tasks.create_task(adopt_late(worker, left, berth.mark, berth.adopts_after), name="late adoption")
    else:
        worker.adopt(marked(left, berth.mark))


async def adopt_late(worker: Adopting, left: list[Journal], mark: Callable[[str], None], after: float) -> None:
    """What was left at the start, to one that has lived for a while; nobody has touched it meanwhile."""
    await asyncio.sleep(after)
    worker.adopt(marked(left, mark))
    worker.settle()
