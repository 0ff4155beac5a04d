"""`sbc run --workers 2` as processes on the loopback: streams between workers, commands to all, the end of all."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sbc.probes import FIRST_WITHIN
from tests.node.test_offspring import children_of
from tests.node.test_run import INVITE, NODE, PATIENCE, Running, eventually

pytestmark = pytest.mark.interop

WORKERS = "[node]\nworkers = 2\n"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "bypass", NODE.replace("[node]\n", WORKERS))
    yield running
    running.close()


def call_over_tcp(port: int, number: int) -> socket.socket:
    """An INVITE of its own call on a connection of its own."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
    text = INVITE.format(port=port, own=stream.getsockname()[1]).replace("SIP/2.0/UDP", "SIP/2.0/TCP")
    text = text.replace("Call-ID: test-call", f"Call-ID: call-{number}").replace("z9hG4bKtest", f"z9hG4bKtest{number}")
    stream.sendall(text.encode())
    return stream


def test_a_connection_is_its_acceptors_and_the_call_its_owners(node: Running) -> None:
    """Design 3a: the acceptor frames and hands whole messages to the owner; answers go out by its connection."""
    port = node.port("outside", "TCP")
    streams = [call_over_tcp(port, number) for number in range(8)]
    address = ("127.0.0.1", node.port("inside"))
    refused: set[bytes] = set()
    while len(refused) < len(streams):
        if (said := node.pbx.recv(4096)).startswith(b"INVITE "):  # or a copy of one, where the machine is slow
            node.pbx.sendto(response("486 Busy Here", said), address)
            refused.add(call_id_of(said))
    for stream in streams:
        answer = b""
        while b"SIP/2.0 486" not in answer:
            more = stream.recv(4096)
            assert more, answer
            answer += more
        stream.close()
    eventually(lambda: is_settled(node.status()["steering"]))
    assert node.status()["steering"]["lost"] == 0


def is_settled(steering: dict[str, int]) -> bool:
    """Whether all that was handed over has arrived: each worker counts for itself, one after the other."""
    return steering["handed"] == steering["taken"] > 0


def call_id_of(request: bytes) -> bytes:
    return next(line for line in request.split(b"\r\n") if line.startswith(b"Call-ID"))


def test_commands_reach_all_workers_and_a_drain_ends_the_node(node: Running) -> None:
    assert node.sbc("reload").returncode == 0
    status = node.status()
    assert status["configuration"]["version"] == 2
    assert [one["state"] for one in status["workers"]] == ["running"] * 2
    assert [row["name"] for row in json.loads(node.sbc("trunk", "list", "--json").stdout)["trunks"]] == [
        "pbx",
        "carrier",
    ]
    assert node.sbc("trunk", "disable", "pbx").returncode == 0
    caller = node.invite_refused()
    assert caller.startswith(b"SIP/2.0 503 ")
    assert node.sbc("drain").returncode == 0
    assert node.ended() == 0
    assert not list((node.folder / "state").glob("*.sock"))


def test_a_configuration_with_errors_is_refused_for_all(node: Running) -> None:
    node.config.write_text(node.config.read_text().replace("workers = 2", "workers = 2\nwrong = 1"))
    refused = node.sbc("reload")
    assert refused.returncode == 1
    assert "wrong" in refused.stdout + refused.stderr


def test_workers_do_not_outlive_their_supervisor(node: Running) -> None:
    """They would keep the ports that the next node needs; nor does what they were forked from."""
    children = children_of(node.process.pid)
    assert set(children) > {int(one["pid"]) for one in node.status()["workers"]}
    node.process.send_signal(signal.SIGKILL)
    node.process.wait(PATIENCE)
    eventually(lambda: not any(is_alive(pid) for pid in children))


def test_a_worker_that_dies_is_forked_again_and_so_it_is_when_the_nursery_died_before(node: Running) -> None:
    supervisor = node.process.pid
    for victim in ("sbc worker 1", "sbc nursery", "sbc worker 0", "sbc worker 1"):
        (pid,) = [pid for pid in children_of(supervisor) if name_of(pid) == victim]
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: pid not in children_of(supervisor))  # noqa: B023 - it is not kept
        eventually(lambda: [one["state"] for one in node.status()["workers"]] == ["running"] * 2)
    deaths = [(line["worker"], line["status"]) for line in node.log() if line["event"] == "worker died"]
    assert deaths == [(1, -9), (0, -9), (1, -9)]
    eventually(lambda: "sbc nursery" in [name_of(pid) for pid in children_of(supervisor)])
    node.invite().close()


def test_a_target_is_probed_by_one_worker_and_known_to_all(tmp_path: Path) -> None:
    probed = NODE.replace('realm = "inside"\n', 'realm = "inside"\nprobe = {{ every = 30 }}\n')
    node = Running(tmp_path, "bypass", probed.replace("[node]\n", WORKERS))
    try:
        asked = set()
        with contextlib.suppress(TimeoutError):
            while True:
                said, peer = node.pbx.recvfrom(4096)
                asked.add(call_id_of(said))
                node.pbx.sendto(response("200 OK", said), peer)
                node.pbx.settimeout(FIRST_WITHIN + 2)  # in which whoever else would ask had asked
        assert len(asked) == 1
        eventually(lambda: known_in(node) == 2)
    finally:
        node.close()


def response(status: str, request: bytes) -> bytes:
    """The PBX's answer to a request outside dialogs."""
    names = ("Via", "From", "To", "Call-ID", "CSeq")
    lines = [line for line in request.decode().split("\r\n") if line.startswith(names)]
    head = "\r\n".join([line + ";tag=pbx" if line.startswith("To:") else line for line in lines])
    return f"SIP/2.0 {status}\r\n{head}\r\nContent-Length: 0\r\n\r\n".encode()


def known_in(node: Running) -> int:
    """How many workers know that the PBX answers."""
    members = [node.folder / "state" / f"control-{worker}.sock" for worker in range(2)]
    argv = [sys.executable, "-m", "sbc", "trunk", "list", "--json", "--control"]
    said = [subprocess.run([*argv, str(one)], capture_output=True, text=True, check=False).stdout for one in members]
    return sum("answered in" in one for one in said)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False


def name_of(pid: int) -> str:
    """As `ps` shows it; empty for one that has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""
