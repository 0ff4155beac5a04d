"""`sbc run` as a process: starts, answers, reloads, drains, stops; on free ports of the loopback."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.rig.node import ask

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0
"""Seconds that a thing may take which has to come, however busy the machine is."""
pytestmark = pytest.mark.interop

NODE = """
[node]
name = "test"
policies = "library:quickstart"
[realm.outside]
listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]
[realm.inside]
listen = ["udp:127.0.0.1:0"]
trusted = true
[trunk.pbx]
realm = "inside"
targets = [{{ uri = "sip:127.0.0.1:{pbx}" }}]
[trunk.carrier]
realm = "outside"
targets = [{{ uri = "sip:127.0.0.1:{pbx}" }}]
[media]
mode = "{media}"
"""

INVITE = (
    "INVITE sip:100@127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bKtest\r\n"
    "From: <sip:200@127.0.0.1>;tag=a\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: test-call\r\nCSeq: 1 INVITE\r\n"
    "Contact: <sip:200@127.0.0.1:{own}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


class Running:
    """A node as a child process."""

    def __init__(self, folder: Path, media: str, text: str = NODE) -> None:
        self.folder = folder
        self.pbx = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.pbx.bind(("127.0.0.1", 0))
        self.pbx.settimeout(PATIENCE)
        self.config = folder / "node.toml"
        self.config.write_text(text.format(pbx=self.pbx.getsockname()[1], media=media), encoding="utf-8")
        self.control = folder / "state" / "control.sock"
        command = ["run", "--config", str(self.config), "--state", str(folder / "state"), "--log-format", "json"]
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "sbc", *command],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        self.said: list[str] = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line)
            if "sbc status" in line:
                break

    def sbc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "sbc", *arguments, "--control", str(self.control)]
        return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)})

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = ask(self.control, "GET", "/status")
        return found

    def port(self, realm: str, transport: str = "UDP") -> int:
        rows = self.status()["listeners"]
        return next(int(row["port"]) for row in rows if (row["realm"], row["transport"]) == (realm, transport))

    def log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "log").read_text().splitlines()]

    def invite(self) -> socket.socket:
        """A call from outside that the PBX has seen and not answered."""
        caller = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        caller.bind(("127.0.0.1", 0))
        caller.settimeout(PATIENCE)
        port = self.port("outside")
        caller.sendto(INVITE.format(port=port, own=caller.getsockname()[1]).encode(), ("127.0.0.1", port))
        assert caller.recv(4096).startswith(b"SIP/2.0 100 ")
        while not self.pbx.recv(4096).startswith(b"INVITE "):
            pass  # what is left of an earlier call
        return caller

    def invite_refused(self) -> bytes:
        """The final answer to a call from outside that the PBX does not see."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.bind(("127.0.0.1", 0))
            caller.settimeout(PATIENCE)
            port = self.port("outside")
            caller.sendto(INVITE.format(port=port, own=caller.getsockname()[1]).encode(), ("127.0.0.1", port))
            while (said := caller.recv(4096)).startswith(b"SIP/2.0 1"):
                pass
            return said

    def ended(self, seconds: float = PATIENCE) -> int:
        return self.process.wait(seconds)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.pbx.close()


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "bypass")
    yield running
    running.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One node for the tests that leave it running as they found it."""
    running = Running(tmp_path_factory.mktemp("shared"), "bypass")
    yield running
    running.close()


@pytest.fixture
def anchoring(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "anchor")
    yield running
    running.process.terminate()  # killed, it would leave its media engine for the next one
    running.process.wait(PATIENCE)
    running.close()


def eventually(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.1)


def test_it_says_what_listens_where_and_stops_on_ctrl_c(node: Running) -> None:
    text = "".join(node.said)
    assert f"udp 127.0.0.1:{node.port('outside')}" in text
    assert f"sbc status --control {node.control}" in text
    node.process.send_signal(signal.SIGINT)
    assert node.ended() == 0
    assert not node.control.exists()
    assert "Traceback" not in (node.folder / "log").read_text()


def test_a_second_node_on_the_same_state_is_refused(shared: Running) -> None:
    command = ["run", "--config", str(shared.config), "--state", str(shared.folder / "state")]
    second = subprocess.run(
        [sys.executable, "-m", "sbc", *command],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=PATIENCE,
    )
    assert second.returncode == 1
    assert "another node is running on it" in second.stderr
    assert shared.status()["state"] == "running"


def test_garbage_is_dropped_with_a_named_reason(shared: Running) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"\xff\x00garbage", ("127.0.0.1", shared.port("outside")))
    eventually(lambda: any(line["event"] == "dropped" for line in shared.log()))
    line = next(line for line in shared.log() if line["event"] == "dropped")
    assert line["reason"] in ("malformed", "no-via-to-answer")
    assert line["peer"].startswith("127.0.0.1:")


def test_a_drain_waits_for_the_call_and_ends_it_at_the_deadline(node: Running) -> None:
    with node.invite() as caller:
        assert node.sbc("drain", "--deadline", "4").stdout.startswith("draining: 1 call to go")
        assert node.status()["state"] == "draining"
        answers = [caller.recv(4096)[:11]]
        while not answers[-1].startswith((b"SIP/2.0 4", b"SIP/2.0 5")):
            answers.append(caller.recv(4096)[:11])
        assert node.ended() == 0


def test_a_second_signal_stops_at_once(node: Running) -> None:
    with node.invite():
        node.process.send_signal(signal.SIGTERM)
        eventually(lambda: any(line["event"] == "draining" for line in node.log()))
        assert node.process.poll() is None
        node.process.send_signal(signal.SIGTERM)
        assert node.ended() == 0


def test_a_call_can_be_listed_traced_and_hung_up(shared: Running) -> None:
    with shared.invite():
        (call,) = json.loads(shared.sbc("calls", "--json").stdout)["calls"]
        assert "INVITE sip:100@" in shared.sbc("trace", call["id"]).stdout
        assert "INVITE sip:100@" in shared.sbc("trace", "test-call").stdout
        assert json.loads(shared.sbc("calls", "show", call["id"], "--json").stdout)["id"] == call["id"]
        assert shared.sbc("calls", "hangup", call["id"]).returncode == 0
        assert shared.sbc("calls", "hangup", "none").returncode == 1


def test_a_reload_is_taken_whole_or_not_at_all(shared: Running) -> None:
    good = shared.config.read_text()
    shared.config.write_text(good.replace('name = "test"', 'name = "renamed"'))
    assert shared.sbc("reload").returncode == 0
    assert shared.status()["name"] == "renamed"
    shared.config.write_text(good + '\nnonsense = 1\n[audit]\nmode = "maybe"\n')
    refused = shared.sbc("reload")
    assert refused.returncode == 1
    assert "audit.mode" in refused.stderr
    assert "nonsense" in refused.stderr
    shared.config.write_text(good.replace("[trunk.pbx]", "[trunk.other]"))
    shared.process.send_signal(signal.SIGHUP)
    eventually(lambda: sum(line["event"].startswith("reload refused") for line in shared.log()) == 2)
    assert shared.status()["configuration"]["version"] == 2
    assert shared.status()["name"] == "renamed"


def test_the_embedded_engine_is_a_child_that_is_restarted_and_ends_with_the_node(anchoring: Running) -> None:
    first = anchoring.status()["media"]["embedded"]["pid"]
    os.kill(first, signal.SIGKILL)
    eventually(lambda: anchoring.status()["media"]["embedded"]["pid"] not in (0, first))
    second = anchoring.status()["media"]["embedded"]["pid"]
    assert any("media engine died" in line["event"] for line in anchoring.log())
    anchoring.process.send_signal(signal.SIGTERM)
    assert anchoring.ended() == 0
    eventually(lambda: not Path(f"/proc/{second}").exists())


def test_a_node_without_a_journal_takes_the_embedded_engine_with_it(tmp_path: Path) -> None:
    running = Running(tmp_path, "anchor", NODE + '[state]\nstore = "memory"\n')
    child = running.status()["media"]["embedded"]["pid"]
    running.close()
    eventually(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))
    after = Running(tmp_path, "anchor", NODE + '[state]\nstore = "memory"\n')
    engine = after.status()["media"]["embedded"]
    after.close()
    assert engine["pid"] not in (0, child)
    assert engine["restarts"] == 0, "a new one was started, none was found"


def test_the_embedded_engine_of_a_node_that_was_killed_is_found_again(tmp_path: Path) -> None:
    """Its calls are in the journal: their audio must not stop."""
    first = Running(tmp_path, "anchor")
    child = first.status()["media"]["embedded"]["pid"]
    first.close()
    second = Running(tmp_path, "anchor")
    again = second.status()["media"]["embedded"]["pid"]
    second.process.send_signal(signal.SIGTERM)
    assert second.ended() == 0
    second.close()
    assert again == child
    eventually(lambda: not Path(f"/proc/{child}").exists() or _is_zombie(child))


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_tcp_reaches_the_engine(shared: Running) -> None:
    async def scenario() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", shared.port("outside", "TCP"))
        own = writer.get_extra_info("sockname")[1]
        text = INVITE.format(port=5060, own=own).replace("SIP/2.0/UDP", "SIP/2.0/TCP").replace("test-call", "over-tcp")
        writer.write(text.encode())
        async with asyncio.timeout(PATIENCE):
            answer = await reader.readuntil(b"\r\n\r\n")
        writer.close()
        return answer

    assert asyncio.run(scenario()).startswith(b"SIP/2.0 100 ")
