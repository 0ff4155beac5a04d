"""An upgrade and what surrounds a node: another interpreter, the embedded media engine, the service manager."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sbc.supervisor.relief import TRIES
from tests.interop.halfway import HalfWay
from tests.interop.test_upgrade import WORKERS, settled
from tests.interop.test_workers import status
from tests.rig.crowd import Crowd
from tests.rig.needs import need
from tests.rig.process import wait_until
from tests.rig.rig import Rig
from tests.rig.upgrades import upgrade

TIMERS = {"t1": 0.1, "t2": 1}
"""Old processes read on for 64*T1."""
CALLS = 4


class ServiceManager:
    """What systemd is to a service of `Type=notify`: a datagram socket, and what was said there."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        self._socket.setblocking(False)
        self._said: list[str] = []

    def said(self) -> list[str]:
        """The lines so far."""
        while True:
            try:
                self._said += self._socket.recv(4096).decode().splitlines()
            except BlockingIOError:
                return self._said

    def close(self) -> None:
        """Gone."""
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServiceManager]:
    """Nodes started from now on are its services."""
    made = ServiceManager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    yield made
    made.close()


@pytest.fixture
def python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another environment with the same packages, which the next version is to run in."""
    own = Path(sys.prefix)
    there = tmp_path / "next"
    (there / "bin").mkdir(parents=True)
    (there / "lib").symlink_to(own / "lib")
    (there / "pyvenv.cfg").write_text((own / "pyvenv.cfg").read_text())
    path = there / "bin" / "python"
    path.symlink_to(Path(sys.executable).resolve())
    monkeypatch.setenv("SBC_PYTHON", str(path))
    return path


def start(rig: Rig, media: str) -> None:
    """A node of several workers."""
    rig.start_with(store="sqlite", workers=WORKERS, media=media, timers=TIMERS)
    rig.begin()


def program_of(pid: int) -> str:
    """The path that a process was started by."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0].decode()


def test_audio_goes_on_while_another_interpreter_takes_over(python: Path) -> None:
    """`SBC_PYTHON` names the next version's; the embedded engine is the former one's, and nobody's audio stops."""
    need()
    with Rig() as rig:
        start(rig, "anchor")
        first = rig.node.process
        settled(rig)
        engine = (rig.node.directory / "media-engine").read_text()
        crowd = Crowd(rig, CALLS)
        try:
            crowd.establish()
            began = time.monotonic()
            said = upgrade(rig.node, "--wait")
            assert program_of(said["pid"]) == str(python)
            assert all(program_of(pid) == str(python) for pid in settled(rig))
            assert not first.running
            gaps = [phone.gap(began) for phone in crowd.phones]
            assert max(gaps) < 1.0 + crowd.late, gaps
            before = {phone.number: phone.destination for phone in crowd.callers}
            for number in sorted(crowd.dialogs):
                crowd.near.send(crowd.near.in_dialog("INVITE", crowd.dialogs[number], body=crowd.callers[number].sdp()))
            again = time.monotonic() + 0.5
            wait_until(lambda: all(phone.hears(again) for phone in crowd.phones), 15, "all phones to hear")
            assert {phone.number: phone.destination for phone in crowd.callers} == before
            assert not any(phone.wrong for phone in crowd.phones)
            assert (rig.node.directory / "media-engine").read_text() == engine
            crowd.hang_up()
            rig.node.wait_idle()
        finally:
            crowd.close()
        wait_until(lambda: rig.node.records() == [(200, "caller", "bye")] * CALLS, 5, "the call records")
        rig.node.assert_sound()
        assert rig.node.stop() == 0


def test_the_service_manager_is_told_who_runs_the_service(manager: ServiceManager) -> None:
    """sd_notify(3): READY=1 once, MAINPID when another has taken over, STOPPING=1 from who ends the service."""
    need()
    with Rig() as rig:
        start(rig, "bypass")
        first = rig.node.process
        wait_until(lambda: manager.said() == ["READY=1"], 10, "the node to be ready")
        said = upgrade(rig.node, "--wait")
        wait_until(lambda: not first.running, 10, "the former supervisor to end")
        assert manager.said() == ["READY=1", f"MAINPID={said['pid']}"]
        assert rig.node.stop() == 0
        assert manager.said()[2:] == ["STOPPING=1"]


def test_a_version_whose_workers_die_gives_back_what_it_had_and_stops_nothing(manager: ServiceManager) -> None:
    """The control socket, the media engine, the service: STOPPING=1 of who is not the service would have it ended."""
    need()
    with Rig() as rig:
        start(rig, "anchor")
        before = settled(rig)
        engine = (rig.node.directory / "media-engine").read_text()
        half = HalfWay(rig)
        gone: set[int] = set()
        while len(gone) < TRIES:
            wait_until(lambda: bool(nexts(rig, before) - gone), 60, "a process of the next version")
            pid = min(nexts(rig, before) - gone)
            gone.add(pid)
            os.kill(pid, signal.SIGKILL)
        half.wait_given_back()
        assert (rig.node.directory / "media-engine").read_text() == engine
        half.hang_up(half.answer())
        assert "media engine died" not in rig.node.log()
        assert manager.said() == ["READY=1", f"MAINPID={half.said['pid']}", f"MAINPID={half.former.pid}"]
        assert rig.node.stop() == 0
        assert manager.said()[3:] == ["STOPPING=1"]


def nexts(rig: Rig, before: list[int]) -> set[int]:
    """Processes of the next version that stand behind one of the former."""
    rows = status(rig).get("workers", [])
    return {int(one["pid"]) for one in rows if one["steering"]["standing"] == "behind"} - {*before}
