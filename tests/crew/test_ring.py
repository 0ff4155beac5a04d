"""The ring: everything put in comes out once and in its order, whatever becomes of whoever put it in."""

from __future__ import annotations

import os
import subprocess
import sys
from random import Random

from sbc.crew import Ring, RingStore, ring_memory
from sbc.outputs import ACKED, KEPT, CallEnded, CallMeasured, Journal, LegMeasure, Record, TargetChanged


class NoSwitches:
    def switch(self, change: TargetChanged) -> bool:
        return True

    def disabled(self) -> list[tuple[str, str]]:
        return [("pbx", "")]

    def close(self) -> None:
        pass


def ended(call: str) -> CallEnded:
    caller = b"al\xffice".decode("utf-8", "surrogateescape")
    return CallEnded(call, 1.0, 2.0, 3.0, "outside", "inside", "pbx", caller, "bob", 200, "caller", "", "rule")


def shown(records: list[Record]) -> list[object]:
    return [(one.call, one.kind, one.wall, one.record) if isinstance(one, Journal) else one for one in records]


def pair(size: int) -> tuple[Ring, Ring]:
    memory = ring_memory(size)
    ends = Ring(memory), Ring(memory)
    os.close(memory)
    return ends


def test_records_of_every_kind_come_out_as_they_went_in() -> None:
    writer, reader = pair(4096)
    measured = CallMeasured(
        "c1", 3.5, "one-way", "callee", LegMeasure(100, 17200, 0, 2, 1.5, 3.0, 20.5, 4.1), LegMeasure()
    )
    records: list[Record] = [Journal("c1", KEPT, 1.5, b"one"), Journal("c1", ACKED, 2.5, b""), ended("c1"), measured]
    store = RingStore(writer, NoSwitches())
    for record in records:
        store.append(record)
    store.close()
    assert shown(reader.take()) == shown(records)
    assert reader.take() == []


def test_records_outlive_the_end_that_wrote_them() -> None:
    """Design 3a: `kill -9` of a worker loses no confirmed call."""
    writer, reader = pair(4096)
    writer.append(Journal("c1", KEPT, 1.0, b"one"))
    writer.close()
    assert shown(reader.take()) == [("c1", KEPT, 1.0, b"one")]


def test_the_ring_goes_round_and_round() -> None:
    random = Random(3)
    writer, reader = pair(500)
    waiting: list[Record] = []
    for number in range(2000):
        record = Journal(f"c{number}", KEPT, float(number), random.randbytes(random.randrange(60)))
        writer.append(record)
        waiting.append(record)
        if random.random() < 0.4 or len(waiting) > 4:
            assert shown(reader.take()) == shown(waiting)
            waiting.clear()
    assert writer.lost == 0


def test_what_finds_no_room_is_lost_and_counted_and_harms_nothing() -> None:
    writer, reader = pair(100)
    writer.append(Journal("c1", KEPT, 1.0, b"x" * 50))
    writer.append(Journal("c2", KEPT, 2.0, b"y" * 50))
    assert RingStore(writer, NoSwitches()).lost == reader.lost == 1
    assert [one.call for one in reader.take()] == ["c1"]
    writer.append(Journal("c3", KEPT, 3.0, b"z" * 50))
    assert [one.call for one in reader.take()] == ["c3"]


def test_what_another_process_puts_in_meanwhile_comes_out_once() -> None:
    """Neither waits for the other, so neither may see a number of the other's that is half written."""
    memory = ring_memory(4 << 20)
    reader = Ring(memory)
    other = subprocess.Popen([sys.executable, "-c", _WRITER, str(memory)], pass_fds=[memory])
    found: list[Record] = []
    while other.poll() is None:
        found += reader.take()
    found += reader.take()
    os.close(memory)
    assert [one.call for one in found] == [str(number) for number in range(40_000)]
    assert reader.lost == 0


_WRITER = """
import sys
from sbc.crew import Ring
from sbc.outputs import KEPT, Journal

ring = Ring(int(sys.argv[1]))
for number in range(40_000):
    ring.append(Journal(str(number), KEPT, 1.0, b"record"))
"""
