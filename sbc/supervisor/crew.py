"""One worker of a node as its supervisor sees it: the process that is it now, and the ones that come after."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from sbc.supervisor.words import DRAINED, READY

UNREAD: Final = 65_536
"""Bytes that may wait for a worker that does not read."""


class Understudy:
    """A process that has loaded everything and waits to be told who it is: a worker that dies is replaced at once."""

    def __init__(self, command: Sequence[str], descriptors: Sequence[int]) -> None:
        self._command: Final = command
        self._descriptors: Final = descriptors
        self._preparing: Final = asyncio.Lock()
        self._waiting: Process | None = None

    async def prepare(self) -> None:
        """Have one waiting."""
        async with self._preparing:
            if self._waiting is None or self._waiting.returncode is not None:
                self._waiting = await self._start()

    async def take(self) -> Process:
        """The one that waits; `prepare` makes another."""
        process, self._waiting = self._waiting, None
        return process if process is not None and process.returncode is None else await self._start()

    async def close(self) -> None:
        """End the one that waits: its input ends."""
        process, self._waiting = self._waiting, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _start(self) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, *self._command, stdin=PIPE, stdout=PIPE, pass_fds=self._descriptors, process_group=0
        )


class Heir(Protocol):
    """Who is told what a process says and does that makes room."""

    async def said(self, worker: int, word: str) -> None:
        """It says this."""

    async def ended(self, worker: int) -> bool:
        """It has ended; whether that was all, or else it is to be replaced after all."""


class Hand:
    """One worker: `process` is who it is now, `deaths` how many it has been before."""

    def __init__(self, number: int, generation: int = 0) -> None:
        self.number: Final = number
        self.generation: Final = generation
        self.heir: Heir | None = None
        """Who is to take its place."""
        self.deaths = 0
        self.ready: Final = asyncio.Event()
        self.drained: Final = asyncio.Event()
        self.process: Process | None = None

    @property
    def pid(self) -> int:
        """Of the process, 0 while there is none."""
        return self.process.pid if self.process is not None and self.process.returncode is None else 0

    def say(self, word: str, *, may_be_lost: bool = False) -> None:
        """A line to the process, if there is one; what may be lost is, while it does not read."""
        if self.process is not None and self.process.stdin is not None:
            if may_be_lost and self.process.stdin.transport.get_write_buffer_size() > UNREAD:
                return
            with contextlib.suppress(OSError):
                self.process.stdin.write(f"{word}\n".encode())

    async def live(self, process: Process, orders: str, say: Callable[[str], None]) -> int:
        """Be this process until it ends: its exit status. What it says beside the expected goes to `say`."""
        self.process = process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(orders.encode())
        async for line in process.stdout:
            word = line.decode("utf-8", "backslashreplace").strip()
            if word == READY:
                self.ready.set()
            elif word == DRAINED:
                self.drained.set()
            else:
                say(word)
        return await process.wait()
