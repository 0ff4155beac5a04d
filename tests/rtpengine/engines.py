"""Engines under test, as processes: the embedded one and the real daemon, behind one small interface."""

from __future__ import annotations

import asyncio
import re
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import pytest

import rtpengine
from rtpengine import Answer, Delete, Offer, Options, Query, Reply, Request
from rtpengine.embedded.g711 import PCMA, encode_samples
from tests.rtpengine.leases import leased_ports

HOST: Final = "127.0.0.1"
WAIT: Final = 15.0
"""Longest wait for a datagram that must come, in seconds."""
SILENCE: Final = 0.15
"""How long a datagram that must not come is waited for."""

STRICT: Final = Options(flags=(rtpengine.Flag.STRICT_SOURCE, rtpengine.Flag.PORT_LATCHING))


KEY: Final = 5


class EngineUnderTest:
    """A control socket to a running engine."""

    def __init__(self, name: str, port: int, pid: int, ports: range) -> None:
        self.name: Final = name
        self.port: Final = port
        self.pid: Final = pid
        self.ports: Final = ports
        """Its media ports."""
        self.socket: Final = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.connect((HOST, port))
        self.socket.settimeout(WAIT)

    def exchange(self, data: bytes) -> bytes:
        """Raw bytes out, raw bytes in."""
        self.socket.send(data)
        return self.socket.recv(65536)

    def ask(self, command: Request) -> Reply:
        """A command under a cookie of its own."""
        cookie = secrets.token_hex(8).encode()
        while True:
            got, reply = rtpengine.decode_reply(self.exchange(rtpengine.encode_request(cookie, command)))
            if got == cookie:
                return reply

    def parties(self, call_id: str) -> dict[str, rtpengine.Value]:
        """The `tags` of a query."""
        tags = self.ask(Query(call_id)).body["tags"]
        assert isinstance(tags, dict)
        return tags


class Peer:
    """A SIP user agent's media sockets: RTP on an even port, RTCP above."""

    def __init__(self, host: str = HOST) -> None:
        self.host = host
        self.rtp, self.rtcp = _pair(host)
        self.port = int(self.rtp.getsockname()[1])

    def close(self) -> None:
        """Close both."""
        self.rtp.close()
        self.rtcp.close()

    def sdp(self, *, direction: str = "sendrecv", version: int = 1, extra: str = "", host: str = "") -> bytes:
        """One audio line at this peer."""
        host = host or self.host
        family = "IP6" if ":" in host else "IP4"
        return (
            f"v=0\r\no=- 1 {version} IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP 8 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
            f"a=ptime:20\r\n{extra}a={direction}\r\n"
        ).encode()


def _pair(host: str) -> tuple[socket.socket, socket.socket]:
    """Two neighbouring sockets, the lower port even."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for _ in range(50):
        rtp = socket.socket(family, socket.SOCK_DGRAM)
        rtp.bind((host, 0))
        port = rtp.getsockname()[1]
        rtcp = socket.socket(family, socket.SOCK_DGRAM)
        try:
            if port % 2:
                raise OSError
            rtcp.bind((host, port + 1))
        except OSError:
            rtp.close()
            rtcp.close()
            continue
        rtp.settimeout(WAIT)
        rtcp.settimeout(WAIT)
        return rtp, rtcp
    raise AssertionError("no pair of ports")


def rtp_packet(sequence: int, payload: bytes = b"\xd5" * 160, ssrc: int = 0x11111111) -> bytes:
    """A PCMA packet."""
    return (
        b"\x80\x08"
        + sequence.to_bytes(2, "big")
        + (sequence * 160).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + payload
    )


def event_packet(sequence: int) -> bytes:
    """A whole press in one packet, the end marked."""
    packet = bytearray(rtp_packet(sequence, payload=bytes([KEY, 0x8A, 0x03, 0x20])))
    packet[1] = 101 | 0x80
    return bytes(packet)


def decoded(octets: bytes) -> list[int]:
    """A-law to samples, by the table turned round."""
    table = {encode_samples([sample], PCMA)[0]: sample for sample in range(-32768, 32768, 64)}
    return [table.get(octet, 0) for octet in octets]


def rtcp_packet(ssrc: int = 0x11111111) -> bytes:
    """A receiver report without blocks, and nothing else."""
    return b"\x80\xc9\x00\x01" + ssrc.to_bytes(4, "big")


def media_ports(sdp: bytes) -> list[int]:
    """The ports of the m-lines."""
    return [int(port) for port in re.findall(rb"^m=\w+ (\d+)", sdp, re.MULTILINE)]


def connection(sdp: bytes) -> str:
    """The first c= line's value."""
    found = re.search(rb"^c=(.*?)\r?$", sdp, re.MULTILINE)
    assert found
    return found[1].decode()


def heard(sock: socket.socket, timeout: float = WAIT) -> bytes | None:
    """The next datagram, or None."""
    sock.settimeout(timeout)
    try:
        return sock.recv(65536)
    except TimeoutError:
        return None


class Conversation:
    """A call with two peers and its ports, offered and answered."""

    def __init__(
        self,
        engine: EngineUnderTest,
        caller: Peer,
        callee: Peer,
        *,
        options: Options = STRICT,
        answer_options: Options | None = None,
        offer_extra: str = "",
        answer_extra: str = "",
    ) -> None:
        self.engine: Final = engine
        self.call_id: Final = f"call-{secrets.token_hex(6)}"
        self.caller: Final = caller
        self.callee: Final = callee
        self.options: Final = options
        self.answer_options: Final = answer_options or options
        offered = engine.ask(Offer(self.call_id, "a", caller.sdp(extra=offer_extra), options=options))
        offered.check()
        self.offered: Final = offered.sdp
        answered = engine.ask(
            Answer(self.call_id, "a", "b", callee.sdp(extra=answer_extra), options=self.answer_options)
        )
        answered.check()
        self.answered: Final = answered.sdp
        self.to_callee: Final = media_ports(self.offered)[0]
        """The port the callee was shown."""
        self.to_caller: Final = media_ports(self.answered)[0]

    def say(self, speaker: Peer, packet: bytes, *, rtcp: bool = False) -> None:
        """Send from a peer to where it was told."""
        port = self.to_caller if speaker is self.caller else self.to_callee
        if rtcp:
            speaker.rtcp.sendto(packet, (HOST, port + 1))
        else:
            speaker.rtp.sendto(packet, (HOST, port))

    def crosses(self, speaker: Peer, listener: Peer, packet: bytes) -> bool:
        """True where the packet arrives as it was sent."""
        self.say(speaker, packet)
        return heard(listener.rtp) == packet

    def end(self) -> None:
        """Delete at once."""
        self.engine.ask(Delete(self.call_id))


def free_port() -> int:
    """A UDP port of the loopback that was free a moment ago."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((HOST, 0))
        return int(sock.getsockname()[1])


@contextmanager
def embedded(*options: str, interfaces: tuple[str, ...] = (HOST,)) -> Iterator[EngineUnderTest]:
    """The embedded engine as a child that ends with its standard input."""
    arguments = [*options]
    for interface in interfaces:
        arguments += ["--interface", interface]
    command = [sys.executable, "-m", "rtpengine", "--listen", f"{HOST}:0"]
    with (
        leased_ports() as ports,
        subprocess.Popen(
            [*command, "--ports", f"{ports[0]}-{ports[-1]}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        line = process.stdout.readline().decode()
        assert line.startswith("ready "), line
        engine = EngineUnderTest("embedded", int(line.rpartition(":")[2]), process.pid, ports)
        try:
            yield engine
        finally:
            engine.socket.close()
            process.stdin.close()
            assert process.wait(WAIT) == 0


@contextmanager
def real(*options: str, interfaces: tuple[str, ...] = (HOST,)) -> Iterator[EngineUnderTest]:
    """The real daemon in user space."""
    program = shutil.which("rtpengine")
    if program is None:
        pytest.skip("the rtpengine daemon is not installed")
    port = free_port()
    command = [program, "--config-file=none", "--table=-1", "--foreground", "--log-level=0", "--log-stderr"]
    command += [f"--listen-ng={HOST}:{port}", *options, *(f"--interface={interface}" for interface in interfaces)]
    with leased_ports() as ports:
        process = subprocess.Popen(
            [*command, f"--port-min={ports[0]}", f"--port-max={ports[-1]}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        engine = EngineUnderTest("rtpengine", port, process.pid, ports)
        try:
            _wait_ready(engine, process)
            yield engine
        finally:
            engine.socket.close()
            process.terminate()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


@asynccontextmanager
async def serving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], host: str = HOST
) -> AsyncIterator[int]:
    """A server's port; connections that it has let be are closed at the end."""
    writers: list[asyncio.StreamWriter] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        await serve(reader, writer)

    server = await asyncio.start_server(keep, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()


def _wait_ready(engine: EngineUnderTest, process: subprocess.Popen[bytes]) -> None:
    """Ask until it answers."""
    deadline = time.monotonic() + 4 * WAIT
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:  # late answers are nobody's
        asking.connect((HOST, engine.port))
        asking.settimeout(0.1)
        while time.monotonic() < deadline:
            assert process.poll() is None, "the daemon ended"
            try:
                asking.send(b"wait d7:command4:pinge")
                asking.recv(4096)
            except OSError:
                time.sleep(0.05)
                continue
            return
    raise AssertionError("the daemon does not answer")
