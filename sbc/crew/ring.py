"""The journal's way from a worker to the one writer: a ring in memory that both see and that outlives the worker.

One writes, one reads, neither waits: the writer moves `head` when a record is whole, the reader `tail` when it has
taken one. What was put in before a worker was killed is all there. A full ring loses records, which are counted.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from dataclasses import astuple, fields
from typing import Final, Protocol

from sbc.outputs import ACKED, KEPT, CallEnded, CallMeasured, Journal, LegMeasure, Record, TargetChanged

SIZE: Final = 16 << 20
"""Bytes for records: some 5,000 calls that begin, while the writer looks twenty-five times a second."""
_HEAD, _TAIL, _LOST = 0, 1, 2
_START: Final = 64
"""Bytes before the records: three numbers, in one store each. One read as nothing would bring all records once more."""
_RECORD: Final = struct.Struct("<IBHd")
_KINDS: Final = (KEPT, ACKED)
_ENDED: Final = 2
_FACTS: Final = tuple([field.name for field in fields(CallEnded)])
_MEASURED: Final = 3


def ring_memory(size: int = SIZE) -> int:
    """A descriptor of memory for one ring, all zeros: an empty one."""
    descriptor = os.memfd_create("journal")
    os.ftruncate(descriptor, _START + size)
    return descriptor


class Ring:
    """One end of a ring."""

    def __init__(self, descriptor: int) -> None:
        length = os.fstat(descriptor).st_size
        self._memory: Final = mmap.mmap(descriptor, length)
        self._numbers: Final = memoryview(self._memory)[:_START].cast("Q")
        self._size: Final = length - _START

    @property
    def lost(self) -> int:
        """Records that found no room."""
        return self._numbers[_LOST]

    def append(self, record: Record) -> None:
        """Put a record in; the writer's."""
        data = _packed(record)
        memory, numbers, size = self._memory, self._numbers, self._size
        head = numbers[_HEAD]
        if head - numbers[_TAIL] + len(data) > size:
            numbers[_LOST] += 1
            return
        at = head % size
        first = min(len(data), size - at)
        memory[_START + at : _START + at + first] = data[:first]
        if first < len(data):
            memory[_START : _START + len(data) - first] = data[first:]
        numbers[_HEAD] = head + len(data)

    def take(self) -> list[Record]:
        """Everything that is in; the reader's."""
        head, tail = self._numbers[_HEAD], self._numbers[_TAIL]
        if head == tail:
            return []
        memory, size = self._memory, self._size
        at, length = tail % size, head - tail
        first = min(length, size - at)
        data = memory[_START + at : _START + at + first] + memory[_START : _START + length - first]
        self._numbers[_TAIL] = head
        return _unpacked(data)

    def close(self) -> None:
        """Let the memory go."""
        self._numbers.release()
        self._memory.close()


class Switches(Protocol):
    """Where an operator's word is kept."""

    def switch(self, change: TargetChanged) -> bool:
        """A trunk or a target out of service, or back in it."""

    def disabled(self) -> list[tuple[str, str]]:
        """What is out of service."""

    def close(self) -> None:
        """Let it go."""


class RingStore:
    """The `Store` of a worker: its records go into the ring, what operators switch into the file itself."""

    def __init__(self, ring: Ring, switches: Switches) -> None:
        self._ring: Final = ring
        self._switches: Final = switches

    def switch(self, change: TargetChanged) -> None:
        """Every worker is told, and each writes the same."""
        self._switches.switch(change)

    def disabled(self) -> list[tuple[str, str]]:
        """What is out of service."""
        return self._switches.disabled()

    @property
    def lost(self) -> int:
        """Records that found no room."""
        return self._ring.lost

    def append(self, record: Record) -> None:
        """For the writer."""
        self._ring.append(record)

    def live(self) -> list[Journal]:
        """Not here: the file has them."""
        return []

    def flush(self) -> None:
        """What is in the ring is safe."""

    def close(self) -> None:
        """The ring stays: its reader is another process."""
        self._switches.close()


def _packed(record: Record) -> bytes:
    if isinstance(record, Journal):
        kind, wall, payload = _KINDS.index(record.kind), record.wall, record.record
    else:
        if isinstance(record, CallEnded):
            kind, wall, facts = _ENDED, record.end, tuple([getattr(record, name) for name in _FACTS])
        else:
            kind, wall, facts = _MEASURED, record.wall, astuple(record)
        payload = json.dumps(facts).encode()
    call = record.call.encode()
    return _RECORD.pack(len(payload), kind, len(call), wall) + call + payload


def _unpacked(data: bytes) -> list[Record]:
    found: list[Record] = []
    at = 0
    while at < len(data):
        length, kind, call_length, wall = _RECORD.unpack_from(data, at)
        at += _RECORD.size
        call = data[at : at + call_length].decode()
        payload = data[at + call_length : at + call_length + length]
        at += call_length + length
        if kind == _ENDED:
            found.append(CallEnded(*json.loads(payload)))
        elif kind == _MEASURED:
            name, told, audio, unheard, caller, callee = json.loads(payload)
            found.append(CallMeasured(name, told, audio, unheard, LegMeasure(*caller), LegMeasure(*callee)))
        else:
            found.append(Journal(call, _KINDS[kind], wall, payload))
    return found
