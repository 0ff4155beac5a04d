"""Whose child a process becomes when its parent ends: prctl(2)."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SET_CHILD_SUBREAPER: Final = 36


@contextmanager
def adopting_orphans() -> Iterator[None]:
    """While this lasts, our descendants whose parent ends become our children, to be waited for like any other.

    Where the kernel does not let us they become init's, as they do afterwards: how they end is then not known.
    """
    libc = ctypes.CDLL(None)
    libc.prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        libc.prctl(_SET_CHILD_SUBREAPER, 0, 0, 0, 0)
