"""A media engine dies in mid-call: how many calls keep their audio, and for how long they are without."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.crowd import Crowd
from tests.rig.needs import need
from tests.rig.node import node_file
from tests.rig.process import engines_of, wait_until
from tests.rig.rig import Rig
from tests.rig.rtpengine import Rtpengine

CALLS = 100
LOST_AFTER = 4.0
LONGEST_GAP = 20.0
"""Seconds; a loaded machine makes everything slower."""


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A network without a node yet."""
    with Rig(taps=False) as rig:
        yield rig


def lost_calls(rig: Rig) -> list[int]:
    """Calls at each engine of the pool, in the order of the configuration."""
    return [row["calls"] for row in rig.node.ask("GET", "/media")["engines"]]


def moved(rig: Rig) -> int:
    """Calls that another engine has by now."""
    return int(rig.node.ask("GET", "/status")["events"].get("calls.reanchored", 0))


def cut_of(crowd: Crowd, since: float) -> list[float]:
    """The gaps of all phones that heard nothing for longer than their pace explains, or their being late."""
    gaps = sorted(phone.gap(since) for phone in crowd.phones)
    return [gap for gap in gaps if gap > 1.0 + crowd.late]


def test_calls_of_a_killed_engine_keep_their_audio_by_another(rig: Rig) -> None:
    """Issue, must show: real rtpengine killed during 100 calls, a second one in the pool."""
    need("rtpengine")
    directory = rig.work()
    engines = [Rtpengine(directory, rig.network.node, number) for number in range(2)]
    rig.start(lambda state: node_file(state=state, engine=" ".join(one.ng for one in engines)))
    crowd = Crowd(rig, CALLS)
    try:
        crowd.establish()
        before = lost_calls(rig)
        assert sum(before) == CALLS
        victim = before.index(max(before))
        killed = time.monotonic()
        engines[victim].process.kill()
        wait_until(lambda: moved(rig) == before[victim], 40, "all calls of the dead engine to move")
        quiet = time.monotonic()
        wait_until(lambda: all(phone.hears(quiet) for phone in crowd.phones), 10, "all phones to hear again")
        cut = cut_of(crowd, killed)
        assert len(cut) == 2 * before[victim], "calls of the other engine are left alone"
        assert cut[-1] < LONGEST_GAP
        assert crowd.reinvites == 2 * before[victim]
        assert not any(phone.wrong for phone in crowd.phones)
        assert lost_calls(rig) == ([0, CALLS] if victim == 0 else [CALLS, 0])
        crowd.hang_up()
        rig.node.wait_idle()
        wait_until(lambda: crowd.byes == CALLS, 5, "the callees to hear of the end")
    finally:
        crowd.close()
        for engine in engines:
            engine.stop()


@pytest.mark.parametrize("workers", [1, 2])
def test_calls_of_the_embedded_engine_go_on_with_its_successor(workers: int, rig: Rig) -> None:
    """Its process is killed and started again; nobody has to call anew, whichever worker has the call."""
    node = rig.start_with(workers=workers)
    crowd = Crowd(rig, 20)
    try:
        crowd.establish()
        if workers > 1:
            assert min(one["calls"] for one in node.ask("GET", "/status")["workers"]) > 0
        killed = time.monotonic()
        (engine,) = engines_of(node.process.pid)
        assert node.ask("GET", "/status")["media"]["embedded"]["pid"] == engine
        os.kill(engine, signal.SIGKILL)
        wait_until(lambda: moved(rig) == 20, 30, "all calls to move")
        quiet = time.monotonic()
        wait_until(lambda: all(phone.hears(quiet) for phone in crowd.phones), 10, "all phones to hear again")
        assert max(phone.gap(killed) for phone in crowd.phones) < LONGEST_GAP
        crowd.hang_up()
        rig.node.wait_idle()
    finally:
        crowd.close()


@pytest.mark.long
def test_an_embedded_engine_that_hangs_is_replaced(rig: Rig) -> None:
    """It is there, and does nothing any more."""
    node = rig.start()
    crowd = Crowd(rig, 5)
    try:
        crowd.establish()
        os.kill(node.ask("GET", "/status")["media"]["embedded"]["pid"], signal.SIGSTOP)
        wait_until(lambda: moved(rig) == 5, 40, "all calls to move")
        quiet = time.monotonic()
        wait_until(lambda: all(phone.hears(quiet) for phone in crowd.phones), 10, "all phones to hear again")
        assert node.ask("GET", "/status")["media"]["embedded"]["restarts"] == 1
        crowd.hang_up()
        rig.node.wait_idle()
    finally:
        crowd.close()


def test_a_peer_that_refuses_the_other_engine_hears_the_end(rig: Rig, tmp_path: Path) -> None:
    """And so does the other one, with the cause in the call's record."""
    need("rtpengine")
    engine = Rtpengine(tmp_path, rig.network.node)
    second = Rtpengine(tmp_path, rig.network.node, 1)
    rig.start(lambda state: node_file(state=state, engine=f"{engine.ng} {second.ng}", store="sqlite"))
    crowd = Crowd(rig, 1)
    try:
        crowd.establish()
        crowd.refuses = True
        (engine, second)[lost_calls(rig).index(1)].process.kill()
        wait_until(lambda: crowd.byes == 2, 30, "both ends to hear BYE")
        cause = "media engine lost, caller said 488"
        wait_until(lambda: rig.node.records() != [], 5, "the call record")
        assert rig.node.records() == [(200, "sbc", cause)]
        rig.node.expect_logged(cause)
    finally:
        crowd.close()
        engine.stop()
        second.stop()
