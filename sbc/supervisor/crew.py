"""One worker of a node as its supervisor sees it: the process that is it now, and the ones that come after."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from sbc.supervisor.offspring import Worker
from sbc.supervisor.words import DRAINED, READY

UNREAD: Final = 65_536
"""Bytes that may wait for a worker that does not read."""


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
        self.process: Worker | None = None

    @property
    def pid(self) -> int:
        """Of the process, 0 while there is none."""
        return self.process.pid if self.process is not None and self.process.returncode is None else 0

    def say(self, word: str, *, may_be_lost: bool = False) -> None:
        """A line to the process, if there is one; what may be lost is, while it does not read."""
        if self.process is not None and not (may_be_lost and self.process.unread > UNREAD):
            self.process.say(word)

    async def live(self, process: Worker, say: Callable[[str], None]) -> int:
        """Be this process until it ends: its exit status. What it says beside the expected goes to `say`."""
        self.process = process
        async for line in process.said:
            word = line.decode("utf-8", "backslashreplace").strip()
            if word == READY:
                self.ready.set()
            elif word == DRAINED:
                self.drained.set()
            else:
                say(word)
        return await process.wait()
