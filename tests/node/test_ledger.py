"""The one writer: in the order of time, and nothing lost while nobody writes."""

from __future__ import annotations

import asyncio

from sbc.crew import Ring, ring_memory
from sbc.journal import MemoryStore, Store
from sbc.outputs import KEPT, Journal, Record
from sbc.supervisor.ledger import Ledger


class Kept(MemoryStore):
    """Keeps what it was given, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[Record] = []
        self.is_closed = False

    def append(self, record: Record) -> None:
        self.records.append(record)

    def close(self) -> None:
        self.is_closed = True


def record(call: str, wall: float) -> Journal:
    return Journal(call, KEPT, wall, call.encode())


def test_records_wait_in_the_rings_while_another_supervisor_is_to_write() -> None:
    """Between the store that one closes and the one that the next opens, workers go on."""
    memories = [ring_memory(1 << 16), ring_memory(1 << 16)]
    rings = [Ring(memory) for memory in memories]
    stores: list[Kept] = []

    async def open_store() -> Store:
        stores.append(Kept())
        return stores[-1]

    async def play() -> None:
        former, heir = Ledger(memories, open_store), Ledger(memories, open_store)
        await former.open()
        rings[0].append(record("late", 2.0))
        rings[1].append(record("early", 1.0))
        await former.release()
        rings[0].append(record("meanwhile", 3.0))
        former.drain()
        former.append(record("nobody's", 4.0))
        await former.flush()
        await heir.open()
        await heir.flush()
        heir.close()

    asyncio.run(play())
    walls = [[one.call for one in store.records] for store in stores]
    assert walls == [["early", "late"], ["meanwhile"]]
    assert all(store.is_closed for store in stores)
