"""What trunks carry in all workers together: each writes its own column and reads the others'."""

from __future__ import annotations

import mmap
import os
import struct
import zlib
from typing import Final

from sbc.steering import WORKERS

ROWS: Final = 4096
"""Trunks and targets are told apart by a checksum of their names; two in one row are counted together."""
_CELL: Final = struct.Struct("<II")
SEATS: Final = 2 * WORKERS
"""Of a worker two processes may live at a time, while one makes room for the other."""
_ROW: Final = SEATS * _CELL.size


def counts_memory() -> int:
    """A descriptor of memory for one node's counts, all zeros."""
    descriptor = os.memfd_create("counts")
    os.ftruncate(descriptor, ROWS * _ROW)
    return descriptor


class Counts:
    """One worker's view."""

    def __init__(self, descriptor: int, seat: int) -> None:
        self._memory: Final = mmap.mmap(descriptor, ROWS * _ROW)
        self._seat: Final = seat

    def exchange(self, name: str, calls: int, rate: int) -> tuple[int, int]:
        """Say what we carry, calls and calls begun within a second; what all the others do."""
        start = zlib.crc32(name.encode()) % ROWS * _ROW
        self._set(start, calls, rate)
        cells = list(_CELL.iter_unpack(self._memory[start : start + _ROW]))
        others = [cell for seat, cell in enumerate(cells) if seat != self._seat]
        return sum(cell[0] for cell in others), sum(cell[1] for cell in others)

    def clear(self) -> None:
        """We begin: what a worker that died had written in our place is no more."""
        for row in range(ROWS):
            self._set(row * _ROW, 0, 0)

    def _set(self, row: int, calls: int, rate: int) -> None:
        at = row + self._seat * _CELL.size
        self._memory[at : at + _CELL.size] = _CELL.pack(calls, rate)
