"""A worker of a node on the loopback is drained: its connections go on in the next process, cut in two as they are."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.node.test_fleet import WORKERS
from tests.node.test_run import NODE, Running, eventually

pytestmark = pytest.mark.interop

OPTIONS = (
    "OPTIONS sip:127.0.0.1:{port} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:{own};branch=z9hG4bKo{number}\r\n"
    "From: <sip:200@127.0.0.1>;tag=a\r\nTo: <sip:127.0.0.1>\r\nCall-ID: options-{number}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "bypass", NODE.replace("[node]\n", WORKERS))
    yield running
    running.close()


class Stream:
    """A connection that asks OPTIONS and reads the answers."""

    def __init__(self, port: int) -> None:
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._port = port
        self._number = 0

    def message(self) -> bytes:
        """The next question."""
        self._number += 1
        own = self._sock.getsockname()[1]
        return OPTIONS.format(port=self._port, own=own, number=f"{own}-{self._number}").encode()

    def send(self, data: bytes) -> None:
        self._sock.sendall(data)

    def expect_answer(self) -> None:
        said = b""
        while b"\r\n\r\n" not in said:
            more = self._sock.recv(4096)
            assert more, f"the connection has ended after {said!r}"
            said += more
        assert b"SIP/2.0 200 " in said
        assert f"options-{self._sock.getsockname()[1]}-{self._number}".encode() in said

    def close(self) -> None:
        self._sock.close()


def relieve_all(node: Running) -> list[int]:
    """Drain both workers; the process ids before."""
    before = [int(one["pid"]) for one in node.status()["workers"]]
    for worker in range(len(before)):
        done = node.sbc("drain", "--worker", str(worker), "--json")
        assert json.loads(done.stdout)["worker"] == worker, done.stderr
    eventually(lambda: not {*before} & {int(one["pid"]) for one in node.status()["workers"]}, 150)
    eventually(lambda: "relieving" not in node.status()["supervisor"], 60)
    return before


def test_connections_go_on_in_the_next_process(node: Running) -> None:
    """Issue: the sockets are handed over without a lost packet; each is asked before, cut in two, and asked after."""
    port = node.port("outside", "TCP")
    streams = [Stream(port) for _ in range(6)]
    for stream in streams:
        stream.send(stream.message())
        stream.expect_answer()
    halves = [stream.message() for stream in streams]
    for stream, half in zip(streams, halves, strict=True):
        stream.send(half[:70])
    relieve_all(node)
    eventually(lambda: node.status()["connections"] == len(streams))
    for stream, half in zip(streams, halves, strict=True):
        stream.send(half[70:])
        stream.expect_answer()
        stream.send(stream.message())
        stream.expect_answer()
    late = Stream(port)
    late.send(late.message())
    late.expect_answer()
    for stream in (*streams, late):
        stream.close()
    eventually(lambda: node.status()["connections"] == 0)
    assert node.status()["steering"]["lost"] == 0


def test_only_workers_that_there_are_can_be_drained(node: Running) -> None:
    done = node.sbc("drain", "--worker", "7")
    assert done.returncode == 1
    assert "there is no worker 7" in done.stderr
