"""How long the event loop was held up, as operators see it."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from sbc.supervisor.pauses import Pauses


class Clock:
    """Time that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pauses(clock: Clock) -> Iterator[Pauses]:
    made = Pauses(clock)
    made.start()
    yield made
    made.close()


def test_the_longest_pause_is_remembered_and_the_longest_lately_for_two_minutes(pauses: Pauses, clock: Clock) -> None:
    for at, late in ((101, 0.2), (170, 0.05), (171, 0.01)):
        clock.now = at
        pauses.note(late)
    assert pauses.status()["longest_pause"] == pauses.status()["longest_pause_lately"] == 0.2
    clock.now = 231
    pauses.note(0.02)
    assert pauses.status()["longest_pause"] == 0.2
    assert pauses.status()["longest_pause_lately"] == 0.05
    clock.now = 500
    pauses.note(0.001)
    assert pauses.status()["longest_pause_lately"] == 0.001


def test_the_collectors_runs_are_timed(pauses: Pauses, clock: Clock) -> None:
    def take_time(phase: str, _: object) -> None:
        clock.now += 0.25 if phase == "start" else 0.0

    gc.disable()
    gc.callbacks.append(take_time)
    try:
        gc.collect()
        gc.collect()
    finally:
        gc.callbacks.remove(take_time)
        gc.enable()
    assert pauses.status()["longest_collection"] == 0.25
    assert pauses.status()["collected"] == 0.5
    pauses.close()
    gc.collect()
    assert pauses.status()["collected"] == 0.5
