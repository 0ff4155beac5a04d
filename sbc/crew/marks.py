"""What each worker was about to do when it died: a call's name in memory that outlives the process."""

from __future__ import annotations

import mmap
import os
from typing import Final

from sbc.steering import WORKERS

_CELL: Final = 64


def marks_memory() -> int:
    """A descriptor of memory for the marks of all workers, all empty."""
    descriptor = os.memfd_create("marks")
    os.ftruncate(descriptor, WORKERS * _CELL)
    return descriptor


class Marks:
    """Everybody's; a worker sets its own, the supervisor reads it once the worker is dead."""

    def __init__(self, descriptor: int) -> None:
        self._memory: Final = mmap.mmap(descriptor, WORKERS * _CELL)

    def set(self, worker: int, call: str) -> None:
        """This call is being adopted; an empty text: none."""
        self._memory[worker * _CELL : (worker + 1) * _CELL] = call.encode()[:_CELL].ljust(_CELL, b"\0")

    def get(self, worker: int) -> str:
        """What was set last."""
        cell = self._memory[worker * _CELL : (worker + 1) * _CELL]
        return cell.rstrip(b"\0").decode("utf-8", "replace")
