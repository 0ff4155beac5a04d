"""A worker's mailbox: a pair of Unix datagram sockets kept by the supervisor, so that letters outlive their readers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable, Sequence
from typing import Final

BATCH: Final = 64
"""Letters read in one wake-up."""
_BUFFER: Final = 4 << 20
_SO_SNDBUFFORCE: Final = 32
LONGEST: Final = 1 << 18
"""Bytes of a letter."""


def open_mailbox() -> tuple[socket.socket, socket.socket]:
    """The end to read from and the end that everybody else writes to.

    A connected pair is bounded by the size of its buffer alone; other Unix sockets hold ten datagrams.
    """
    reader, writer = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    for sock in (reader, writer):
        sock.setblocking(False)
    for option in (socket.SO_SNDBUF, _SO_SNDBUFFORCE):
        with contextlib.suppress(OSError):  # the second needs CAP_NET_ADMIN
            writer.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
    return reader, writer


class Mailbox:
    """One worker's: reads its own, writes to the others'. `posted`, `taken` and `lost` count letters."""

    def __init__(self, reader: socket.socket, writers: Sequence[socket.socket]) -> None:
        self.posted = 0
        self.taken = 0
        self.lost = 0
        """Letters that had no room: their reader is gone or does not keep up, or they are too long."""
        self._reader: Final = reader
        self._writers: Final = writers
        self._loop: asyncio.AbstractEventLoop | None = None
        self._take: Callable[[bytes], None] = lambda letter: None
        self._settle: Callable[[], None] = lambda: None

    def start(self, take: Callable[[bytes], None], settle: Callable[[], None]) -> None:
        """Read from now on: `take` each letter, `settle` at the end of a wake-up."""
        self._take, self._settle = take, settle
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader.fileno(), self._readable)

    def close(self) -> None:
        """Read no more; letters wait for the next reader."""
        if self._loop is not None:
            self._loop.remove_reader(self._reader.fileno())
            self._loop = None

    def post(self, worker: int, letter: bytes) -> bool:
        """Put a letter into another's mailbox; False where it has no room, or its reader would get a part of it."""
        if len(letter) > LONGEST:
            self.lost += 1
            return False
        try:
            self._writers[worker].send(letter)
        except OSError:
            self.lost += 1
            return False
        self.posted += 1
        return True

    def _readable(self) -> None:
        for _ in range(BATCH):
            try:
                letter = self._reader.recv(LONGEST)
            except (BlockingIOError, InterruptedError):
                break
            self.taken += 1
            self._take(letter)
            if self._loop is None:
                return
        self._settle()
