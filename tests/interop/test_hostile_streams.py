"""Peers that only want to cost us something, over TCP and TLS: memory stays bounded, and who speaks is served."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.kit.certificates import Authority
from tests.node.test_run import NODE, PATIENCE, Running, eventually
from tests.rig.process import group_rss

OPTIONS = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:5061;branch=z9hG4bK{serial}\r\n"
    "From: <sip:a@example.net>;tag=1\r\nTo: <sip:127.0.0.1>\r\nCall-ID: hostile-{serial}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\n{more}Content-Length: {length}\r\n\r\n"
)
LISTEN = """listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0", "tls:127.0.0.1:0"]
tls = {{ certificate = "edge.pem", key = "edge.key" }}
limits = {{ connections = 1800, connections_per_source = 200 }}"""
MEMORY = 160 << 20
"""Bytes that the node may grow by under any of this: 64 MB of half messages, as much again for sockets and tables."""

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A node on loopback with UDP, TCP and TLS; 127.0.0.0/8 is where its enemies come from."""
    folder: Path = tmp_path_factory.mktemp("hostile")
    Authority(folder, "ca").issue("edge", dns=("sbc.example.net",), addresses=("127.0.0.1",))
    listen = 'listen = ["udp:127.0.0.1:0", "tcp:127.0.0.1:0"]'
    running = Running(folder, "bypass", NODE.replace(listen, LISTEN))
    yield running
    running.close()


class Customer:
    """Somebody with an honest question, asked over and over on a connection of its own."""

    def __init__(self, peer: Peer) -> None:
        self.reader, self.writer = peer
        self.served = 0

    async def ask(self) -> bytes:
        """One OPTIONS; the status line of its answer."""
        self.served += 1
        self.writer.write(OPTIONS.format(serial=f"ask{id(self)}-{self.served}", more="", length=0).encode())
        async with asyncio.timeout(PATIENCE):
            answer = await self.reader.readuntil(b"\r\n\r\n")
        return answer.partition(b"\r\n")[0]

    async def keep_asking(self) -> None:
        """Until cancelled; whoever is not served fails."""
        while True:
            assert await self.ask() == b"SIP/2.0 200 OK"
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def served(node: Running) -> AsyncIterator[Customer]:
    """A customer who is served before, during and after the block, and one who comes only then."""
    port = node.port("outside", "TCP")
    customer = Customer(await asyncio.open_connection("127.0.0.1", port))
    assert await customer.ask() == b"SIP/2.0 200 OK"
    asking = asyncio.ensure_future(customer.keep_asking())
    try:
        yield customer
        newcomer = Customer(await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.9.9", 0)))
        assert await newcomer.ask() == b"SIP/2.0 200 OK"
        newcomer.writer.close()
        assert not asking.done(), asking
    finally:
        asking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asking
        customer.writer.close()


async def crowd(node: Running, count: int, transport: str, said: bytes) -> list[Peer]:
    """So many connections, 150 from each address, that say this and no more."""
    port = node.port("outside", transport)
    peers: list[Peer] = []
    for number in range(count):
        host = f"127.0.{1 + number // 150}.1"
        with contextlib.suppress(ConnectionError):
            peer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
            peer[1].write(said)
            peers.append(peer)
    return peers


async def disperse(peers: list[Peer]) -> None:
    """Hang up, all of them."""
    for _, writer in peers:
        writer.transport.abort()
    await asyncio.sleep(0)


async def expect_told(node: Running, condition: Callable[[dict[str, int], dict[str, int]], bool]) -> None:
    """Until this holds of the node's transport counters and of what it holds; that never is more than it may."""
    async with asyncio.timeout(PATIENCE):
        while True:
            status = await asyncio.to_thread(node.status)
            assert status["held"]["half_received"] <= 64 << 20
            if condition(status["transport"], status["held"]):
                return
            await asyncio.sleep(0.1)


def refusals(node: Running) -> set[str]:
    """Why TLS clients were refused."""
    return {line["reason"] for line in node.log() if line["event"] == "TLS client refused"}


def assert_bounded(node: Running, before: int) -> None:
    """The node has not grown by more than it may."""
    grown = group_rss(node.process.pid) - before
    assert grown < MEMORY, f"{grown / 1e6:.0f} MB more than before"


def test_half_messages_hold_bounded_memory_and_the_oldest_go(node: Running) -> None:
    """1,500 times 60 kB of a header that never ends is more than all may hold together."""

    async def scenario() -> None:
        before = group_rss(node.process.pid)
        half = b"OPTIONS sip:a@b SIP/2.0\r\nX: " + b"x" * 60_000
        async with served(node):
            peers = await crowd(node, 1500, "TCP", half)
            reason = "connections_closed.too much half received"
            await expect_told(node, lambda seen, held: seen.get(reason, 0) > 200 and held["half_received"] > 32 << 20)
            assert_bounded(node, before)
            await disperse(peers)
        await expect_told(node, lambda _, held: held == {"half_received": 0, "unsent": 0})

    asyncio.run(scenario())


def test_a_flood_of_silent_connections_keeps_nobody_out(node: Running) -> None:
    """The realm has 1,800 places: whoever says nothing makes room for the next."""

    async def scenario() -> None:
        before = group_rss(node.process.pid)
        async with served(node):
            peers = await crowd(node, 2400, "TCP", b"")
            await expect_told(node, lambda seen, _: seen.get("connections_closed.crowded out", 0) >= 600)
            assert_bounded(node, before)
            await disperse(peers)

    asyncio.run(scenario())


def test_one_source_has_only_its_share(node: Running) -> None:
    async def scenario() -> None:
        async with served(node):
            port = node.port("outside", "TCP")
            peers = [await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.7.1", 0)) for _ in range(230)]
            await expect_told(node, lambda seen, _: seen.get("connections_refused.source full", 0) >= 30)
            await disperse(peers)

    asyncio.run(scenario())


def test_a_slow_sender_costs_nobody_else_anything(node: Running) -> None:
    """Bytes that drip keep a connection no longer than the time for its first message (`tests/transport`)."""

    async def scenario() -> None:
        async with served(node):
            peers = await crowd(node, 300, "TCP", b"O")
            for byte in b"PTIONS sip:a@b SIP":
                for _, writer in peers:
                    writer.write(bytes([byte]))
                await asyncio.sleep(0.05)
            status = await asyncio.to_thread(node.status)
            assert status["held"]["half_received"] <= 300 * 20
            await disperse(peers)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("more", "length"),
    [("", 100_000_000), ("X-Long: " + "x" * 2_000_000 + "\r\n", 0), ("X: y\r\n" * 300_000, 0)],
    ids=["100 MB of body", "a header of 2 MB", "300,000 headers"],
)
def test_what_is_too_large_is_answered_or_cut_off_and_never_collected(node: Running, more: str, length: int) -> None:
    """513 where the head could be read, else the end of the connection (RFC 3261 section 21.5.7)."""

    async def scenario() -> None:
        before = group_rss(node.process.pid)
        async with served(node):
            port = node.port("outside", "TCP")
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.8.1", 0))
            writer.write(OPTIONS.format(serial=f"large{length}", more=more, length=length).encode() + b"x" * 1_000_000)
            answer = b""
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(PATIENCE):
                    answer = await reader.read()
            if length:
                assert answer.startswith(b"SIP/2.0 513 "), answer
            writer.transport.abort()
            assert_bounded(node, before)

    asyncio.run(scenario())


def test_handshakes_that_never_end_give_way_to_those_that_do(node: Running) -> None:
    async def scenario() -> None:
        before = group_rss(node.process.pid)
        context = ssl.create_default_context(cafile=str(node.folder / "ca.pem"))
        async with served(node):
            port = node.port("outside", "TLS")
            peers: list[Peer] = []
            for number in range(1300):
                host = f"127.0.{1 + number // 100}.1"
                peer = await asyncio.open_connection("127.0.0.1", port, local_addr=(host, 0))
                peer[1].write(b"\x16\x03\x01\x02\x00\x01\x00")  # the first bytes of a ClientHello
                peers.append(peer)
            secure = Customer(
                await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="sbc.example.net")
            )
            assert await secure.ask() == b"SIP/2.0 200 OK"
            secure.writer.close()
            status = await asyncio.to_thread(node.status)
            assert status["handshakes"] <= 1024
            assert_bounded(node, before)
            await disperse(peers)
        eventually(lambda: "crowded out by newer handshakes" in refusals(node))

    asyncio.run(scenario())
