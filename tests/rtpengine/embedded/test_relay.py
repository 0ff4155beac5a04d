"""When the relay is woken, and when it looks by itself."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Final

import pytest

from rtpengine.embedded.relay import Relay


class Loop:
    """Stands for the event loop: what it was asked to watch and to call."""

    def __init__(self) -> None:
        self.reader: Callable[[], None] | None = None
        self.later: list[Callable[[], None]] = []

    def add_reader(self, _: int, callback: Callable[[], None]) -> None:
        """Watch."""
        self.reader = callback

    def remove_reader(self, _: int) -> None:
        """Watch no more."""
        self.reader = None

    def call_later(self, _: float, callback: Callable[[], None]) -> SimpleNamespace:
        """Call once."""
        self.later.append(callback)
        return SimpleNamespace(cancel=self.later.clear)


class Crowd:
    """A relay on that loop, with a clock to turn; each look or wake-up finds `found` packets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        self.found = 1
        self.loop: Final = Loop()
        self.relay: Final = Relay()
        monkeypatch.setattr("rtpengine.embedded.relay.time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(Relay, "serve", lambda _: self.found)
        self.relay.attach(self.loop)  # type: ignore[arg-type]

    def run(self, seconds: float, every: float) -> None:
        """Packets at that distance."""
        for _ in range(round(seconds / every)):
            self.now += every
            if self.loop.reader is not None:
                self.loop.reader()
            elif self.loop.later:
                self.loop.later.pop()()


@pytest.fixture
def crowd(monkeypatch: pytest.MonkeyPatch) -> Crowd:
    """Idle at first."""
    return Crowd(monkeypatch)


def test_few_packets_wake_the_relay_one_by_one(crowd: Crowd) -> None:
    """No delay where there is nothing to gain by one."""
    crowd.run(1.0, 0.005)
    assert crowd.loop.reader is not None
    assert crowd.loop.later == []


def test_many_packets_are_looked_for(crowd: Crowd) -> None:
    """Nobody wakes the relay then; it goes on looking as long as it finds enough."""
    crowd.run(0.1, 0.0005)
    assert crowd.loop.reader is None
    assert len(crowd.loop.later) == 1
    crowd.found = 10
    crowd.run(1.0, 0.002)
    assert crowd.loop.reader is None
    assert len(crowd.loop.later) == 1


def test_relay_is_woken_again_when_the_crowd_has_gone(crowd: Crowd) -> None:
    """A window without enough of them ends it."""
    crowd.run(0.1, 0.0005)
    crowd.found = 0
    crowd.run(0.05, 0.002)
    assert crowd.loop.reader is not None
    assert crowd.loop.later == []


def test_end_leaves_nothing_behind(crowd: Crowd) -> None:
    """While looking too."""
    crowd.run(0.1, 0.0005)
    crowd.relay.detach(crowd.loop)  # type: ignore[arg-type]
    assert crowd.loop.reader is None
    assert crowd.loop.later == []
