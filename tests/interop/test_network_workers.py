"""Addresses come and go under a node of several workers, whose processes change meanwhile: each has all listeners."""

from __future__ import annotations

import http.client
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.halfway import LONG, HalfWay, answered, stands
from tests.interop.test_network import MOVED, VIP, call, change, config, events
from tests.interop.test_races import Talk
from tests.interop.test_workers import status
from tests.rig.needs import need
from tests.rig.node import ask
from tests.rig.process import wait_until
from tests.rig.rig import OUTSIDE, Rig
from tests.rig.ua import Ua
from tests.rig.upgrades import sbc, upgrade

WORKERS = 2
NEXT = "198.51.100.3"
UP, DOWN = "up", "down"
TIMERS = {"t1": 0.25, "t2": 4}
"""Finished transactions linger for 64*T1: so long the old processes read on."""


@pytest.fixture
def rig() -> Iterator[Rig]:
    """A rig whose node has several workers, and keeps its calls."""
    need("sipp", "ip")
    with Rig() as rig:
        node = rig.start(lambda state: config(state, WORKERS, store="sqlite", media="bypass", timers=TIMERS))
        first = node.process
        yield rig
    first.stop()


def places(control: Path) -> list[tuple[str, str]]:
    """Where one process has the outside listeners, and whether they are up; nothing where there is no process."""
    try:
        rows = ask(control, "GET", "/status")["listeners"]
    except (OSError, http.client.HTTPException):
        return []
    return [(row["host"], row["state"]) for row in rows if row["realm"] == "outside"]


def wait_all_at(rig: Rig, processes: int, host: str, vip: str) -> None:
    """Until so many processes have the listener of the interface at this address, and the others up or down."""
    wanted = [[(host, UP), (VIP, vip), (VIP, vip)]] * processes

    def found() -> list[list[tuple[str, str]]]:
        return [one for path in sorted(rig.node.directory.glob("control-*.sock")) if (one := places(path))]

    wait_until(lambda: found() == wanted, 30, f"all processes to be at {host}, with the VIP {vip}")


def move(rig: Rig, old: str, new: str) -> None:
    """Give the outside interface another address."""
    change(rig, f"addr del {old}/24 dev outside", f"addr add {new}/24 dev outside")


def pids(rig: Rig) -> set[int]:
    """Of the processes that answer; perhaps none does."""
    return {int(one["pid"]) for one in status(rig).get("workers", [])}


def assert_vip_serves(rig: Rig, far: Ua) -> None:
    """An INVITE by its address reaches the other side, whose answer comes back from there."""
    near = rig.ua(OUTSIDE, call=True)
    near.send(near.request("INVITE", f"sip:4930222@{VIP}:5060", body=near.sdp()), (VIP, 5060))
    invite = far.expect("INVITE")
    far.respond(invite, 486, "Busy Here", tag="busy")
    far.expect("ACK")
    refused = near.expect(486, "INVITE")
    assert refused.source[0] == VIP
    near.close()


def test_workers_that_are_born_later_serve_at_the_addresses_of_now(rig: Rig) -> None:
    wait_all_at(rig, WORKERS, OUTSIDE.node, DOWN)
    change(rig, f"addr add {VIP}/32 dev lo")
    wait_all_at(rig, WORKERS, OUTSIDE.node, UP)
    move(rig, OUTSIDE.node, MOVED)
    wait_all_at(rig, WORKERS, MOVED, UP)
    before = pids(rig)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: len(pids(rig) - before) == WORKERS, 30, "the workers' successors")
    wait_all_at(rig, WORKERS, MOVED, UP)
    for _ in range(4):
        call(rig, MOVED)
        call(rig, VIP)
    steering = status(rig)["steering"]
    assert not (steering["kernel"] and steering["handed"]), "the kernel knows the new sockets"
    call(rig, VIP, "-t", "t1")
    change(rig, f"addr del {VIP}/32 dev lo")
    wait_all_at(rig, WORKERS, MOVED, DOWN)
    call(rig, MOVED)
    rig.node.wait_idle()


def test_processes_that_make_room_follow_and_so_do_those_behind_them(rig: Rig) -> None:
    """A call that rings keeps its process, which reads what comes for the VIP until it is answered."""
    talk = Talk(rig)
    talk.start()
    talk.ring()
    for worker in range(WORKERS):
        assert sbc(rig.node, "drain", "--worker", str(worker), "--deadline", LONG).returncode == 0
    change(rig, f"addr add {VIP}/32 dev lo")  # before they are there, or just then
    wait_until(lambda: sorted(stands(rig)) == ["behind", "front", "leaving"], 60, "one process to make room")
    wait_all_at(rig, WORKERS + 1, OUTSIDE.node, UP)
    assert_vip_serves(rig, talk.far)
    change(rig, f"addr del {VIP}/32 dev lo")
    wait_all_at(rig, WORKERS + 1, OUTSIDE.node, DOWN)
    change(rig, f"addr add {VIP}/32 dev lo")
    wait_all_at(rig, WORKERS + 1, OUTSIDE.node, UP)
    assert_vip_serves(rig, talk.far)
    near = answered(talk)
    wait_until(lambda: stands(rig) == ["front"] * WORKERS, 60, "room to be made")
    assert_vip_serves(rig, talk.far)
    near.cseq += 1
    talk.hang_up(near)
    talk.close()
    rig.node.wait_idle()
    call(rig, VIP, "-t", "t1")


def test_an_upgraded_node_goes_on_where_its_addresses_are_and_follows_them(rig: Rig) -> None:
    """The file says what it said: the interface's name, and a VIP that is not there."""
    move(rig, OUTSIDE.node, MOVED)
    wait_all_at(rig, WORKERS, MOVED, DOWN)
    upgrade(rig.node, "--wait")
    wait_all_at(rig, WORKERS, MOVED, DOWN)
    call(rig, MOVED)
    change(rig, f"addr add {VIP}/32 dev lo")
    move(rig, MOVED, NEXT)
    wait_all_at(rig, WORKERS, NEXT, UP)
    call(rig, NEXT)
    call(rig, VIP)
    rig.node.wait_idle()
    assert [line["was"] for line in events(rig, "listener moved")] == [f"{OUTSIDE.node}:5060", f"{MOVED}:5060"]


def test_a_supervisor_that_takes_everything_back_has_the_addresses_of_now(rig: Rig) -> None:
    """The next one has made sockets for a VIP that came meanwhile, and died."""
    half = HalfWay(rig)
    change(rig, f"addr add {VIP}/32 dev lo")
    wait_all_at(rig, WORKERS + 1, OUTSIDE.node, UP)
    assert_vip_serves(rig, half.talk.far)
    half.kill_next()
    wait_all_at(rig, WORKERS, OUTSIDE.node, UP)
    assert_vip_serves(rig, half.talk.far)
    half.hang_up(half.answer())
