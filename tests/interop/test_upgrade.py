"""A node is upgraded, and one worker drained, while it works: no call is lost, no message is missed."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.interop.halfway import LONG, HalfWay, stands
from tests.interop.test_races import Talk
from tests.interop.test_workers import assert_no_strays, status, workers_of
from tests.rig.needs import need
from tests.rig.process import wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.sipp import Sipp, render
from tests.rig.upgrades import Watcher, answers, repeated, sbc, upgrade

WORKERS = 2
RATE, SECONDS = 25, 240
"""Calls a second, and for how long: two upgrades must find room in it."""
TIMERS = {"t1": 0.25, "t2": 4}
"""Finished transactions linger for 64*T1: so long the old processes read on."""


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A rig whose node has several workers."""
    need("sipp")
    with Rig() as rig:
        node = rig.start_with(store="sqlite", workers=WORKERS, media="bypass", timers=TIMERS)
        first = node.process
        rig.begin()
        yield rig
    first.stop()


def peers(rig: Rig, calls: int, rate: int, held: int) -> tuple[Sipp, Sipp]:
    """A callee, and a caller that sends everything from one port and counts what it had to repeat."""
    callee = rig.sipp(INSIDE, "bench_uas", call=False, calls=calls, timeout=400, receive_timeout=120000)
    patient = render("bench_uac", rig.work(), {"side": "outside", "held": str(held)})
    patient.write_text(patient.read_text().replace('retrans="500"', 'retrans="4000"'))  # late is not lost
    caller = rig.sipp(
        OUTSIDE,
        patient,
        call=True,
        calls=calls,
        rate=rate,
        held=calls,
        timeout=400,
        receive_timeout=30000,
        options=("-s", "4930222", "-trace_rtt", "-rtt_freq", "20"),
    )
    return callee, caller


def settled(rig: Rig) -> list[int]:
    """The workers' process ids, once all of them answer: on a busy machine one may be left out."""
    wait_until(lambda: len(workers_of(rig)) == WORKERS, 30, "all workers to answer")
    return workers_of(rig)


def test_a_live_call_goes_through_two_upgrades(rig: Rig) -> None:
    """Issue: binary upgrade hands the sockets over; the call is changed and ended by who did not begin it."""
    talk = Talk(rig)
    near, far = talk.establish()
    seen = [(status(rig)["supervisor"]["pid"], *settled(rig))]
    for _ in range(2):
        said = upgrade(rig.node, "--wait")
        assert said["former"] == seen[-1][0]
        seen.append((said["pid"], *settled(rig)))
        assert stands(rig) == ["front"] * WORKERS
        assert status(rig)["calls"] == 1
    assert len({pid for one in seen for pid in one}) == 3 * (1 + WORKERS), seen
    talk.far.send(talk.far.in_dialog("INVITE", far, body=talk.far.sdp(18000, version=2)))
    talk.near.respond(talk.near.expect("INVITE"), 200, "OK", body=talk.near.sdp(version=2))
    talk.near.expect("ACK")
    talk.far.expect(200, "INVITE")
    talk.far.send(talk.far.in_dialog("ACK", far))
    near.cseq += 1
    talk.hang_up(near)
    rig.node.wait_idle()
    wait_until(lambda: rig.node.records() == [(200, "caller", "bye")], 5, "the call record")
    rig.node.assert_sound()
    assert rig.node.stop() == 0


def test_a_call_that_rings_is_answered_through_the_process_that_has_it(rig: Rig) -> None:
    """Transactions under way are finished by the one that goes, while new calls are the next one's."""
    half = HalfWay(rig)
    near = half.answer()
    wait_until(lambda: stands(rig) == ["front"] * WORKERS, 60, "the old processes to end")
    half.hang_up(near)
    wait_until(lambda: rig.node.records() == [(200, "caller", "bye")], 5, "the call record")
    assert rig.node.stop() == 0


def test_a_new_version_that_does_not_start_changes_nothing(rig: Rig) -> None:
    """The running one goes on and says so; the operator reads why, and the exit status is 1."""
    talk = Talk(rig)
    near, _ = talk.establish()
    before = settled(rig)
    file = rig.node.directory / "node.toml"
    good = file.read_text()
    file.write_text(good.replace("[node]\n", "[node]\nwrong = 1\n"))
    done = sbc(rig.node, "upgrade")
    assert done.returncode == 1
    assert "the running version goes on" in done.stderr
    assert "wrong" in done.stderr
    file.write_text(good.replace(":5060", ":5061"))
    done = sbc(rig.node, "upgrade")
    assert done.returncode == 1
    assert "`listen` differs from what runs" in done.stderr
    file.write_text(good)
    assert settled(rig) == before
    assert status(rig)["supervisor"]["upgrade"] == "idle"
    near.cseq += 1
    talk.hang_up(near)
    rig.node.wait_idle()
    assert rig.node.stop() == 0


def test_a_new_version_that_dies_half_way_gives_everything_back(rig: Rig) -> None:
    """Its calls are in the journal, and the former supervisor has the sockets still."""
    half = HalfWay(rig)
    half.kill_next()
    half.hang_up(half.answer())
    assert rig.node.stop() == 0


def test_a_worker_is_drained_while_calls_come_and_go(rig: Rig) -> None:
    """Issue: `drain` hands the sockets over without a lost packet; new calls go elsewhere, live ones move."""
    callee, caller = peers(rig, calls=300, rate=15, held=4000)
    wait_until(lambda: status(rig)["calls"] > 30, 30, "calls")
    before = settled(rig)
    done = sbc(rig.node, "drain", "--worker", "0", "--deadline", LONG, "--json")
    assert json.loads(done.stdout)["pid"] == before[0]
    wait_until(lambda: before[0] not in workers_of(rig), 120, "the process to end")
    caller.assert_ok(200)
    callee.assert_ok(60)
    assert settled(rig)[1] == before[1]
    assert repeated(caller) == 0
    rig.node.wait_idle()
    wait_until(lambda: len(rig.node.records()) == 300, 5, "the call records")  # they are written behind
    assert set(rig.node.records()) == {(200, "caller", "bye")}
    assert_no_strays(rig)
    rig.node.assert_sound()
    assert rig.node.stop() == 0


@pytest.mark.long
def test_two_upgrades_under_load_lose_no_call(rig: Rig) -> None:
    """Issue: calls come all the time while the node is upgraded twice; all end by BYE on both legs."""
    calls = RATE * SECONDS
    callee, caller = peers(rig, calls=calls, rate=RATE, held=3000)
    wait_until(lambda: int(status(rig).get("calls", 0)) > RATE, 60, "calls")
    watcher = Watcher(rig.node)
    seen = [(status(rig)["supervisor"]["pid"], *settled(rig))]
    for _ in range(2):
        said = upgrade(rig.node, "--wait")
        seen.append((said["pid"], *settled(rig)))
    assert caller.process.running, "both upgrades were under load"
    caller.assert_ok(300)
    callee.assert_ok(60)
    watcher.stop()
    assert len({pid for one in seen for pid in one}) == 3 * (1 + WORKERS), seen
    rig.node.wait_idle()
    assert_no_strays(rig)
    figures = f"longest answer {answers(caller)[-1]:.3f} s, {repeated(caller)} requests repeated of {2 * calls}"
    wait_until(lambda: len(rig.node.records()) == calls, 5, "the call records")
    assert set(rig.node.records()) == {(200, "caller", "bye")}, figures
    assert watcher.failures == 0, "the control socket is the next one's from the same moment on"
    rig.node.assert_sound()
    assert rig.node.stop() == 0
