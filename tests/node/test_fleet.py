"""`sbc run --workers 2` as processes on the loopback: streams between workers, commands to all, the end of all."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.test_run import INVITE, NODE, Running, eventually

pytestmark = pytest.mark.interop

WORKERS = "[node]\nworkers = 2\n"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "bypass", NODE.replace("[node]\n", WORKERS))
    yield running
    running.close()


def call_over_tcp(port: int, number: int) -> socket.socket:
    """An INVITE of its own call on a connection of its own."""
    stream = socket.create_connection(("127.0.0.1", port), timeout=10)
    text = INVITE.format(port=port, own=stream.getsockname()[1]).replace("SIP/2.0/UDP", "SIP/2.0/TCP")
    text = text.replace("Call-ID: test-call", f"Call-ID: call-{number}").replace("z9hG4bKtest", f"z9hG4bKtest{number}")
    stream.sendall(text.encode())
    return stream


def test_a_connection_is_its_acceptors_and_the_call_its_owners(node: Running) -> None:
    """Design 3a: the acceptor frames and hands whole messages to the owner; answers go out by its connection."""
    port = node.port("outside", "TCP")
    streams = [call_over_tcp(port, number) for number in range(8)]
    for _ in streams:
        while not (invite := node.pbx.recv(4096)).startswith(b"INVITE "):
            pass
        lines = [
            line for line in invite.decode().split("\r\n") if line.startswith(("Via", "From", "To", "Call-ID", "CSeq"))
        ]
        head = "\r\n".join([line + ";tag=pbx" if line.startswith("To:") else line for line in lines])
        address = ("127.0.0.1", node.port("inside"))
        node.pbx.sendto(f"SIP/2.0 486 Busy Here\r\n{head}\r\nContent-Length: 0\r\n\r\n".encode(), address)
    for stream in streams:
        said = b""
        while b"SIP/2.0 486" not in said:
            more = stream.recv(4096)
            assert more, said
            said += more
        stream.close()
    steering = node.status()["steering"]
    assert steering["handed"] == steering["taken"] > 0
    assert steering["lost"] == 0


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
    assert node.ended(30) == 0
    assert not list((node.folder / "state").glob("*.sock"))


def test_a_configuration_with_errors_is_refused_for_all(node: Running) -> None:
    node.config.write_text(node.config.read_text().replace("workers = 2", "workers = 2\nwrong = 1"))
    refused = node.sbc("reload")
    assert refused.returncode == 1
    assert "wrong" in refused.stdout + refused.stderr


def test_workers_do_not_outlive_their_supervisor(node: Running) -> None:
    """They would keep the ports that the next node needs."""
    workers = [int(one["pid"]) for one in node.status()["workers"]]
    node.process.send_signal(signal.SIGKILL)
    node.process.wait(10)
    eventually(lambda: not any(is_alive(pid) for pid in workers))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except OSError:
        return False
