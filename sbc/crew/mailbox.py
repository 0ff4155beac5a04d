"""A worker's mailbox: a pair of Unix datagram sockets kept by the supervisor, so that letters outlive their readers."""

from __future__ import annotations

import asyncio
import contextlib
import os
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
    """One worker's: reads what is for it, writes to the others. `posted`, `taken` and `lost` count letters.

    A worker has a box that whoever is that worker reads, and each process one of its `own`, for what is about its
    connections and from the process before it. While that one still reads the first box, this one is behind.
    """

    def __init__(
        self, reader: socket.socket, writers: Sequence[socket.socket], own: socket.socket | None = None
    ) -> None:
        self.posted = 0
        self.taken = 0
        self.lost = 0
        """Letters that had no room: their reader is gone or does not keep up, or they are too long."""
        self._reader: Final = reader
        self._own: Final = own
        self._writers: Final = writers
        self._read: Final[dict[int, socket.socket]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._take: Callable[[bytes, int], None] = lambda letter, descriptor: None
        self._settle: Callable[[], None] = lambda: None

    def start(self, take: Callable[[bytes, int], None], settle: Callable[[], None], *, is_behind: bool = False) -> None:
        """Read from now on: `take` each letter with the descriptor that came with it, -1 where there was none; `settle`
        at the end of a wake-up. One that `is_behind` reads its own box alone.
        """
        self._take, self._settle = take, settle
        self._loop = asyncio.get_running_loop()
        if self._own is not None:
            self.follow(self._own)
        if not is_behind:
            self.follow(self._reader)

    def empty(self) -> list[bytes]:
        """What our own box holds from before us; it is empty then."""
        found: list[bytes] = []
        while self._own is not None:
            try:
                letter, descriptors, _, _ = socket.recv_fds(self._own, LONGEST, 1)
            except (BlockingIOError, InterruptedError):
                break
            for descriptor in descriptors:
                os.close(descriptor)
            found.append(letter)
        return found

    def come_forward(self) -> None:
        """Read the worker's box too, once everything that the process before us has sent is read."""
        if self._own is not None:
            while self._readable(self._own):
                pass
        self.follow(self._reader)

    def step_back(self) -> None:
        """Read the worker's box no more: somebody else does, or will."""
        self.unfollow(self._reader)

    def follow(self, reader: socket.socket) -> None:
        """Read this box, too."""
        if self._loop is not None and reader.fileno() not in self._read:
            self._read[reader.fileno()] = reader
            self._loop.add_reader(reader.fileno(), self._readable, reader)

    def unfollow(self, reader: socket.socket) -> None:
        """Read it no more; letters wait for the next reader."""
        if self._loop is not None and self._read.pop(reader.fileno(), None) is not None:
            self._loop.remove_reader(reader.fileno())

    def close(self) -> None:
        """Read no more; letters wait for the next reader."""
        for reader in list(self._read.values()):
            self.unfollow(reader)
        self._loop = None

    def post(self, box: int, letter: bytes, descriptor: int = -1) -> bool:
        """Put a letter into a box, perhaps with a descriptor (unix(7), SCM_RIGHTS); False where it has no room, or its
        reader would get a part of it.
        """
        if len(letter) > LONGEST:
            self.lost += 1
            return False
        try:
            if descriptor >= 0:
                socket.send_fds(self._writers[box], [letter], [descriptor])
            else:
                self._writers[box].send(letter)
        except OSError:
            self.lost += 1
            return False
        self.posted += 1
        return True

    def _readable(self, reader: socket.socket) -> bool:
        """Whether it was worth while."""
        before = self.taken
        for _ in range(BATCH):
            descriptor = -1
            try:
                if reader is self._reader:
                    letter = reader.recv(LONGEST)
                else:
                    letter, descriptors, _, _ = socket.recv_fds(reader, LONGEST, 1)
                    descriptor = descriptors[0] if descriptors else -1
            except (BlockingIOError, InterruptedError):
                break
            self.taken += 1
            self._take(letter, descriptor)
            if self._loop is None:
                return False
        self._settle()
        return self.taken > before
