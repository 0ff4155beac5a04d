"""A transfer joins two callers on connections that two workers have: each is asked by its own connection."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from tests.node.test_fleet import WORKERS
from tests.node.test_run import INVITE, NODE, PATIENCE, Running, eventually
from tests.rig.ua import Message

pytestmark = pytest.mark.interop

SDP = "v=0\r\no=a 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP 8\r\n"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, "bypass", NODE.replace("[node]\n", WORKERS))
    yield running
    running.close()


def with_body(text: str, port: int) -> bytes:
    """The message with a session description; everybody has another port."""
    sdp = SDP.format(port=port)
    head = text.replace("Content-Length: 0\r\n\r\n", "")
    return f"{head}Content-Type: application/sdp\r\nContent-Length: {len(sdp)}\r\n\r\n{sdp}".encode()


class Caller:
    """A phone on a connection of its own."""

    def __init__(self, port: int, worker: int) -> None:
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.own = self.stream.getsockname()[1]
        self.held = b""
        names = (f"call-{number}-{self.own}" for number in range(99))
        self.call_id = next(name for name in names if (crc32(name.encode()) & 255) % 2 == worker)
        text = INVITE.format(port=port, own=self.own).replace("SIP/2.0/UDP", "SIP/2.0/TCP")
        text = text.replace("test-call", self.call_id).replace("z9hG4bKtest", f"z9hG4bK{self.call_id}")
        text = text.replace(f"200@127.0.0.1:{self.own}>", f"200@127.0.0.1:{self.own};transport=tcp>")
        self.stream.sendall(with_body(text, self.own))

    def expect(self, what: str) -> Message:
        """The next message that begins so; others are left out."""
        while True:
            while b"\r\n\r\n" not in self.held:
                self._read()
            head, _, rest = self.held.partition(b"\r\n\r\n")
            length = int(Message(head + b"\r\n\r\n", ("", 0)).get("content-length") or 0)
            while len(rest) < length:
                self._read()
                rest = self.held.partition(b"\r\n\r\n")[2]
            message = Message(head + b"\r\n\r\n" + rest[:length], ("", 0))
            self.held = rest[length:]
            if message.start.startswith(what):
                return message

    def _read(self) -> None:
        more = self.stream.recv(65536)
        assert more, "the connection was closed"
        self.held += more

    def acknowledge(self, answer: Message) -> None:
        """ACK to a 200."""
        self.stream.sendall(
            (
                f"ACK {answer.target} SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:{self.own};branch=z9hG4bKack{self.own}\r\n"
                f"From: {answer.get('from')}\r\nTo: {answer.get('to')}\r\nCall-ID: {self.call_id}\r\n"
                "CSeq: 1 ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            ).encode()
        )

    def answer(self, request: Message) -> None:
        """200 to a request of the node's."""
        lines = [f"{name.title()}: {value}" for name, value in request.headers if name in COPIED]
        text = "\r\n".join(["SIP/2.0 200 OK", *lines, f"Contact: <sip:200@127.0.0.1:{self.own};transport=tcp>", ""])
        body = request.method == "INVITE"
        self.stream.sendall(with_body(text, self.own) if body else f"{text}Content-Length: 0\r\n\r\n".encode())


COPIED = ("via", "from", "to", "call-id", "cseq")


class Pbx:
    """Answers both calls, then refers one to the other."""

    def __init__(self, node: Running) -> None:
        self.socket = node.pbx
        self.way = ("127.0.0.1", node.port("inside"))
        self.own = self.socket.getsockname()[1]
        self._seen: set[bytes] = set()
        self._waiting: list[Message] = []

    def expect(self, what: str) -> Message:
        """The next message that begins so; others are put by for later, copies left out."""
        while not (found := [one for one in self._waiting if one.start.startswith(what)]):
            message = Message(*self.socket.recvfrom(65536))
            if message.data not in self._seen:
                self._seen.add(message.data)
                self._waiting.append(message)
        self._waiting.remove(found[0])
        return found[0]

    def answer(self, request: Message) -> None:
        lines = [f"{name.title()}: {value}" for name, value in request.headers if name in COPIED]
        lines = [line + ";tag=pbx" if line.startswith("To:") and ";tag=" not in line else line for line in lines]
        text = "\r\n".join(["SIP/2.0 200 OK", *lines, f"Contact: <sip:pbx@127.0.0.1:{self.own}>", ""])
        is_invite = request.method == "INVITE"
        self.socket.sendto(
            with_body(text, self.own) if is_invite else f"{text}Content-Length: 0\r\n\r\n".encode(), self.way
        )

    def refer(self, first: Message, second: Message) -> None:
        named = f"{second.get('call-id')}%3Bto-tag%3D{second.tag('from')}%3Bfrom-tag%3Dpbx"
        self.socket.sendto(
            (
                f"REFER {first.target} SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{self.own};branch=z9hG4bKrefer\r\n"
                f"From: {first.get('to')};tag=pbx\r\nTo: {first.get('from')}\r\nCall-ID: {first.get('call-id')}\r\n"
                f"CSeq: 7 REFER\r\nMax-Forwards: 70\r\nContact: <sip:pbx@127.0.0.1:{self.own}>\r\n"
                f"Refer-To: <sip:100@127.0.0.1?Replaces={named}>\r\nContent-Length: 0\r\n\r\n"
            ).encode(),
            self.way,
        )


@pytest.fixture
def callers(node: Running) -> Iterator[list[Caller]]:
    """A caller of each worker's, not yet answered."""
    made = [Caller(node.port("outside", "TCP"), worker) for worker in (0, 1)]
    yield made
    for one in made:
        one.stream.close()


def test_a_moved_call_still_speaks_by_the_connections_of_its_peers(node: Running, callers: list[Caller]) -> None:
    """Design 3a: a connection stays with its acceptor; the re-INVITEs of the join find it from another worker."""
    pbx = Pbx(node)
    invites: list[Message] = []
    for _ in callers:
        invites.append(pbx.expect("INVITE"))
        pbx.answer(invites[-1])
        pbx.expect("ACK")
    for caller in callers:
        caller.acknowledge(caller.expect("SIP/2.0 200"))
    eventually(lambda: [one["calls"] for one in node.status()["workers"]] == [1, 1])
    others = [caller.own for caller in callers]
    pbx.refer(*invites)
    pbx.expect("SIP/2.0 202")
    for caller in callers:
        asked = caller.expect("INVITE")
        assert f"m=audio {others.pop()} ".encode() in asked.body
        caller.answer(asked)
        caller.expect("ACK")
    while not (said := pbx.expect("NOTIFY")).body.startswith(b"SIP/2.0 200"):
        pbx.answer(said)
    pbx.answer(said)
    status = node.status()
    assert status["events"]["calls.moved"] == 1
    assert status["connections"] == 2
