"""Where phones are registered, known to all workers of a node and to whoever comes after one that died."""

from __future__ import annotations

import mmap
import os
import struct
import time
from hashlib import blake2b
from typing import Final

_ROWS: Final = 65_536
_ROW: Final = struct.Struct("<QQ")
"""Eight bytes of a place's hash, and the second on the wall's clock until which it counts."""


def phones_memory() -> int:
    """A descriptor of memory for the places of one node's phones, none yet."""
    descriptor = os.memfd_create("phones")
    os.ftruncate(descriptor, _ROWS * _ROW.size)
    return descriptor


class Phones:
    """Everybody's, to write and to read. Of two places in one row the later one counts: the other has to come again."""

    def __init__(self, descriptor: int) -> None:
        self._memory: Final = mmap.mmap(descriptor, _ROWS * _ROW.size)

    def note(self, place: str, seconds: float) -> None:
        """A registrar has taken a phone at this place, for so long."""
        at, mark = _row_of(place)
        self._memory[at : at + _ROW.size] = _ROW.pack(mark, int(time.time() + max(0.0, seconds)))

    def has(self, place: str) -> bool:
        """Whether one is registered there still."""
        at, mark = _row_of(place)
        found, until = _ROW.unpack_from(self._memory, at)
        return bool(found == mark and until >= time.time())


def _row_of(place: str) -> tuple[int, int]:
    """The row, and what tells the place from others in it: nobody can choose an address that has both of another's."""
    digest = blake2b(place.encode("utf-8", "surrogateescape"), digest_size=10).digest()
    return int.from_bytes(digest[:2], "big") % _ROWS * _ROW.size, int.from_bytes(digest[2:], "big")
