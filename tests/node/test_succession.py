"""Which calls the next life of a worker is given, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from sbc.crew import Marks, marks_memory
from sbc.journal import SqliteStore
from sbc.outputs import Journal
from sbc.supervisor.succession import AT_ONCE, HASTY, UNPAUSED, Succession, abandoned, adopt_late, marked
from tests.journal.servers import kept


def test_calls_are_given_at_once_after_hasty_deaths_by_somebodys_hand() -> None:
    succession = Succession()
    for _ in range(AT_ONCE - 1):
        assert succession.die(1.0, "") == ""
        assert succession.adopts_after == 0.0
    assert succession.die(1.0, "") == ""
    assert succession.adopts_after == HASTY, "it may die of them: new calls first, these later"
    assert succession.die(HASTY + 1, "") == ""
    assert succession.adopts_after == succession.pause == 0.0


def test_a_worker_that_dies_all_the_time_is_begun_anew_at_a_measured_pace() -> None:
    succession = Succession()
    pauses = []
    for _ in range(20):
        pauses.append(succession.pause)
        succession.die(0.1, "")
    assert pauses[:UNPAUSED] == [0.0] * UNPAUSED
    assert pauses[-1] == max(pauses) == 10.0


def test_a_call_that_was_being_adopted_at_two_deaths_is_given_up() -> None:
    succession = Succession()
    assert succession.die(0.2, "c7") == ""
    assert succession.die(0.2, "c9") == "", "killed by chance, at another one"
    assert succession.die(0.2, "c9") == "c9"
    assert succession.die(0.2, "") == ""


def test_a_call_is_marked_for_as_long_as_it_is_being_adopted() -> None:
    descriptor = marks_memory()
    ours, theirs = Marks(descriptor), Marks(descriptor)
    seen = []
    for call in marked([kept("c1"), kept("c" * 80)], lambda call: ours.set(3, call)):
        seen.append((call.call[:64], theirs.get(3)))
    assert all(call == mark for call, mark in seen)
    assert (theirs.get(3), theirs.get(2)) == ("", "")


def test_a_call_that_is_given_up_leaves_its_record_and_nothing_else(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sbc.sqlite")
    store.append(kept("c1"))
    store.append(abandoned("c1", 5.0))
    store.flush()
    assert store.live() == []
    store.close()


class Adopting:
    def __init__(self) -> None:
        self.done: list[str] = []

    def adopt(self, left: Iterable[Journal]) -> None:
        self.done += [one.call for one in left]

    def settle(self) -> None:
        self.done.append("settled")


def test_calls_that_are_given_late_are_those_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    worker, marks = Adopting(), list[str]()
    asyncio.run(adopt_late(worker, [kept("c1"), kept("c2")], marks.append, HASTY))
    assert (worker.done, marks, slept) == (["c1", "c2", "settled"], ["c1", "c2", ""], [HASTY])
