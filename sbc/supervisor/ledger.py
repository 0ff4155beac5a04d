"""The one writer of a node of several workers: from their rings into the store, in the order of time.

The store can be let go of, for another supervisor to write it; meanwhile records wait in the rings.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from sbc.crew import Ring
from sbc.journal import Store
from sbc.outputs import CallEnded, Record

PUMP: Final = 0.04
"""Seconds between two looks into the rings; what is found there is written at once."""


class Ledger:
    """Reads all rings; `open` and `release` bracket the time in which it writes."""

    def __init__(self, rings: list[int], open_store: Callable[[], Awaitable[Store]]) -> None:
        self.store: Store | None = None
        self._readers: Final = [Ring(ring) for ring in rings]
        self._open: Final = open_store

    async def open(self) -> Store:
        """Write from now on. Raises OSError or sqlite3.Error."""
        self.store = store = await self._open()
        return store

    async def release(self) -> None:
        """Write what there is, and nothing more."""
        self.drain()
        store, self.store = self.store, None
        if store is not None:
            await asyncio.get_running_loop().run_in_executor(None, store.close)

    def close(self) -> None:
        """At the end of the node: what there is, and the store."""
        self.drain()
        store, self.store = self.store, None
        if store is not None:
            store.close()

    async def run(self) -> None:
        """For ever."""
        while True:
            await asyncio.sleep(PUMP)
            self.drain()

    def drain(self) -> None:
        """What is in the rings, to the store."""
        store = self.store
        if store is None:
            return
        records = [record for reader in self._readers for record in reader.take()]
        records.sort(key=_wall)  # a call that moved has its last record in another worker's ring
        for record in records:
            store.append(record)

    def append(self, record: Record) -> None:
        """One of the supervisor's own."""
        if self.store is not None:
            self.store.append(record)

    async def flush(self) -> None:
        """Once this is done, whoever reads the journal finds everything that workers had recorded before."""
        self.drain()
        if self.store is not None:
            await asyncio.get_running_loop().run_in_executor(None, self.store.flush)


def _wall(record: Record) -> float:
    return record.end if isinstance(record, CallEnded) else record.wall
