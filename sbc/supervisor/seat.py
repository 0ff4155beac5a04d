"""Where a worker's process sits: of one worker two live at a time while one makes room for the other.

Their connections, boxes and counts must be told apart, and no third is there before the first is gone: two seats a
worker are enough, taken by turns.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

_ROUNDS: Final = 256
_ROUND_BITS: Final = 16


class Standing(Enum):
    """Which part a process has in being its worker."""

    FRONT = "front"
    """It reads the sockets, and there is no other."""
    LEAVING = "leaving"
    """It reads the sockets and hands on what is not its own."""
    KEEPING = "keeping"
    """It has connections left, and reads nothing else."""
    BEHIND = "behind"
    """Another process reads, and hands on."""


@dataclass(frozen=True)
class Seat:
    """Of the process that is `worker` in this generation; `workers` is how many the node has."""

    worker: int
    workers: int
    generation: int = 0
    """How many processes made room for the next one before."""
    standing: Standing = Standing.FRONT

    @property
    def number(self) -> int:
        """Of the seat."""
        return self._seat(self.generation)

    @property
    def box(self) -> int:
        """Where letters for this process go: behind the boxes of the workers."""
        return self.box_of(self.number)

    @property
    def next_box(self) -> int:
        """The same of the one after us, and of the one before us: they never live both."""
        return self.box_of(self._seat(self.generation + 1))

    former_box = next_box

    @property
    def former_number(self) -> int:
        """The seat of the process before us."""
        return self._seat(self.generation + 1)

    @property
    def first_connection(self) -> int:
        """What connections are numbered from, in the seat's own 24 bits: not where the last one here began."""
        return self.generation // 2 % _ROUNDS << _ROUND_BITS

    def box_of(self, number: int) -> int:
        """The box of a seat."""
        return self.workers + number

    def _seat(self, generation: int) -> int:
        return self.worker + generation % 2 * self.workers
