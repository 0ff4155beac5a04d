"""What has become of listeners, told by the supervisor and taken up by a worker: without a socket that peers know."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from sbc.config import Config, Listener
from sbc.crew import Letter, open_letter, unpack_listener
from sbc.supervisor import moorings as module
from sbc.supervisor.following import NO_ADDRESS
from sbc.supervisor.moorings import Mooring, Moorings, moored
from sbc.supervisor.ports import without
from tests.node.fakes import FakeLogger
from tests.node.test_following import NAMED, VIP, config

PAIR = (VIP, replace(NAMED, index=1))
MOVED = replace(PAIR[1], host="192.0.2.6")
BOX = 4


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BREATH", 0)


class FakeEstate:
    """Two workers' sockets, which are pipes; letters by their box, with a copy of what came with them."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.at = {one.index: one.host for one in PAIR}
        self.steps: list[str] = []
        self.failure = ""
        self.letters: list[tuple[int, bytes, int]] = []
        self.room = 1000

    async def open(self, listener: Listener, dscp: int) -> None:
        if self.failure:
            raise OSError(self.failure)
        self.steps.append(f"open {listener.host} {dscp}")
        self.at[listener.index] = listener.host

    def rest(self, listener: Listener) -> None:
        self.steps.append(f"rest {listener.host}")

    def is_at(self, listener: Listener) -> bool:
        return self.at.get(listener.index) == listener.host

    def descriptor(self, worker: int, index: int) -> int:
        return self.ours.fileno()

    def post(self, box: int, letter: bytes, descriptor: int) -> bool:
        self.room -= 1
        if self.room < 0:
            return False
        self.letters.append((box, letter, os.dup(descriptor) if descriptor >= 0 else -1))
        return True


class Rig:
    """A supervisor, and one worker that hears what is posted."""

    def __init__(self) -> None:
        self.config = config(*PAIR)
        self.worker = self.config
        self.estate = FakeEstate()
        self.logger = FakeLogger()
        self.steered: list[str] = []
        self.held = [False]
        self.applied = 0
        self.failure = ""
        self.rebound: list[tuple[Listener, str]] = []
        self.taken: list[socket.socket] = []
        self.moorings = Moorings(
            self.estate,
            lambda: self.config,
            lambda one: self.steered.append(one.host),
            lambda: self.held.pop() if self.held else False,
            self.logger,
        )
        self.moorings.boxes = lambda: [(1, BOX)]
        self.mooring = Mooring(lambda: self.worker, self._apply, self, self.logger)

    def _apply(self, config: Config) -> None:
        self.worker = config
        self.applied += 1

    async def rebind(self, listener: Listener, why: str, given: socket.socket | None = None) -> str:
        self.rebound.append((listener, why))
        if given is not None:
            self.taken.append(given)
        return self.failure

    def publish(self, settings: Config) -> None:
        """The supervisor's configuration is this now."""
        self.config = settings
        asyncio.run(self.moorings.publish())

    def deliver(self) -> None:
        """The worker reads its box, and acts."""
        letters, self.estate.letters = self.estate.letters, []
        for box, letter, descriptor in letters:
            assert box == BOX
            kind, _, data, flow = open_letter(letter)
            assert kind is Letter.LISTENER
            self.mooring.hear(data, flow, descriptor)
        asyncio.run(self._act())

    async def _act(self) -> None:
        task = asyncio.ensure_future(self.mooring.run())
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()


@pytest.fixture
def rig() -> Iterator[Rig]:
    before = len(os.listdir("/proc/self/fd"))
    rig = Rig()
    yield rig
    for sock in (rig.estate.ours, rig.estate.theirs, *rig.taken):
        sock.close()
    assert len(os.listdir("/proc/self/fd")) == before, "what was not needed is closed"


def on(host: str) -> Config:
    """The second listener is at another address."""
    return moored(config(*PAIR), [[VIP.host, 5060, True, ""], [host, 5060, True, ""]])


def test_a_worker_gives_a_listener_up_and_takes_it_again_with_its_socket(rig: Rig) -> None:
    rig.publish(without(rig.config, frozenset([0])))
    rig.deliver()
    assert rig.rebound == [(replace(VIP, is_up=False), NO_ADDRESS)]
    assert [one.is_up for one in rig.worker.realms["outside"].listeners] == [False, True]
    rig.publish(config(*PAIR))
    rig.deliver()
    assert rig.rebound[1:] == [(VIP, "")]
    assert len(rig.taken) == 1
    assert rig.worker.listeners == PAIR
    assert rig.applied == 2


def test_a_listener_moves_with_a_socket_of_its_new_address(rig: Rig) -> None:
    rig.publish(on(MOVED.host))
    rig.deliver()
    assert rig.rebound == [(MOVED, "")]
    assert rig.worker.listeners == (VIP, MOVED)


def test_what_is_known_already_changes_nothing(rig: Rig) -> None:
    rig.publish(rig.config)
    rig.deliver()
    rig.moorings.tell(1, BOX)
    rig.deliver()
    assert (rig.rebound, rig.applied) == ([], 0)


def test_letters_of_an_earlier_change_are_left(rig: Rig) -> None:
    """They may have waited in the box for a process that has died; its successor's orders were newer."""
    rig.publish(on("192.0.2.9"))
    old, rig.estate.letters = rig.estate.letters, []
    rig.publish(on(MOVED.host))
    rig.deliver()
    rig.estate.letters = old
    rig.deliver()
    assert rig.worker.listeners == (VIP, MOVED)


def test_half_of_a_change_is_forgotten_when_the_next_one_comes(rig: Rig) -> None:
    rig.publish(on("192.0.2.9"))
    lost = rig.estate.letters.pop()
    os.close(lost[2])
    rig.deliver()
    assert rig.rebound == []
    rig.publish(on(MOVED.host))
    rig.deliver()
    assert rig.rebound == [(MOVED, "")]


def test_a_listener_that_the_worker_cannot_open_is_down_there(rig: Rig) -> None:
    rig.failure = "no"
    rig.publish(on(MOVED.host))
    rig.deliver()
    assert rig.worker.listeners == (VIP, replace(MOVED, is_up=False))
    assert rig.logger.events() == ["a worker cannot listen"]


def test_a_box_that_is_full_is_tried_again(rig: Rig) -> None:
    rig.estate.room = 1
    tries = iter(range(3))

    async def publish() -> None:
        task = asyncio.ensure_future(rig.moorings.publish())
        for _ in tries:
            await asyncio.sleep(0)
        rig.estate.room = 2
        await task

    rig.config = on(MOVED.host)
    asyncio.run(publish())
    rig.deliver()
    assert rig.worker.listeners == (VIP, MOVED)
    assert rig.logger.events() == []


def test_a_worker_that_never_reads_is_named(rig: Rig) -> None:
    rig.estate.room = 0
    rig.publish(rig.config)
    assert [(line[1], line[2]["workers"]) for line in rig.logger.lines] == [
        ("workers do not hear where listeners are", [1])
    ]


def test_a_process_that_begins_before_anything_has_changed_is_told_nothing(rig: Rig) -> None:
    assert rig.moorings.tell(1, BOX)
    assert rig.estate.letters == []


def rebound(rig: Rig, listener: Listener, why: str = "") -> str:
    return asyncio.run(rig.moorings.rebind(listener, why))


def test_sockets_stay_while_their_address_is_gone_and_are_made_for_another_one(rig: Rig) -> None:
    rebind = partial(rebound, rig)
    assert rebind(replace(VIP, is_up=False), NO_ADDRESS) == ""
    assert rebind(VIP) == ""
    assert (rig.estate.steps, rig.steered) == ([f"rest {VIP.host}"], [])
    assert rebind(MOVED) == ""
    assert (rig.estate.steps[1:], rig.steered) == ([f"open {MOVED.host} 24"], [MOVED.host])


def test_orders_say_where_listeners_are_and_why_one_is_down(rig: Rig) -> None:
    rig.estate.failure = "another process has this port"
    assert rebound(rig, MOVED) == rig.estate.failure
    rig.config = without(rig.config, frozenset([1]))
    told: list[list[Any]] = rig.moorings.told()
    assert told == [[VIP.host, 5060, True, ""], [NAMED.host, 5060, False, rig.estate.failure]]
    assert moored(config(*PAIR), told).listeners == rig.config.listeners
    rig.publish(rig.config)
    whys = [unpack_listener(open_letter(letter)[2])[2] for _, letter, _ in rig.estate.letters[-2:]]
    assert whys == ["", rig.estate.failure]
    rig.deliver()


def test_workers_hear_why_a_listener_stays_down_though_nothing_else_changes(rig: Rig) -> None:
    """`sbc status` shows what they know: it said that the address was not there, when another process had the port."""
    rig.worker = without(rig.worker, frozenset([0]))
    rig.publish(without(rig.config, frozenset([0])))
    rig.deliver()
    assert rig.rebound == [(replace(VIP, is_up=False), NO_ADDRESS)]
    rig.estate.at.clear()
    rig.estate.failure = "another process has this port"
    for _ in range(3):
        assert rebound(rig, VIP) == rig.estate.failure
    assert len(rig.estate.letters) == 2
    rig.deliver()
    assert rig.rebound[1:] == [(replace(VIP, is_up=False), rig.estate.failure)]
    rig.publish(rig.config)
    rig.deliver()
    assert (len(rig.rebound), rig.applied) == (2, 0)


def test_nothing_changes_while_sockets_are_being_handed_to_the_next_supervisor(rig: Rig) -> None:
    rig.held = [False, True, True]
    assert rebound(rig, MOVED) == ""
    assert rig.held == []
