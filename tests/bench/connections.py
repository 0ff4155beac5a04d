"""`python -m tests.bench.connections [--connections N] [--handshakes R]`: TLS connections held, handshakes a second,
and what becomes of them all when the certificate is changed meanwhile.

Client and node share the machine, in a namespace of the run's own; CPU is the node's alone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import ssl
import sys
import tempfile
import time
from pathlib import Path

from tests.kit.certificates import Authority
from tests.rig.namespaces import Namespace, entered
from tests.rig.needs import lacking
from tests.rig.node import Node
from tests.rig.process import group_cpu, group_rss

PORT = 5061
NAME = "sbc.example.net"
_NODE = """
[node]
name = "bench"
policies = "library:quickstart"
[realm.outside]
listen = ["tls:127.0.0.1:5061"]
tls = {{ certificate = "edge.pem", key = "edge.key", ca = "ca.pem", verify_client = "required" }}
limits = {{ connections = 100000, connections_per_source = 100000 }}
[realm.inside]
listen = ["udp:127.0.0.1:5070"]
trusted = true
[trunk.pbx]
realm = "inside"
targets = [{{ uri = "sip:127.0.0.1:5080" }}]
[trunk.carrier]
realm = "outside"
targets = [{{ uri = "sips:{name}" }}]
tls_names = ["carrier.example"]
[media]
mode = "bypass"
[state]
store = "memory"
[control]
socket = "{state}/control.sock"
"""
_OPTIONS = (
    f"OPTIONS sip:{NAME} SIP/2.0\r\nVia: SIP/2.0/TLS 127.0.0.1:5061;branch=z9hG4bK{{serial}}\r\n"
    "From: <sip:a@carrier.example>;tag=1\r\nTo: <sip:b@carrier.example>\r\nCall-ID: {serial}\r\nCSeq: 1 OPTIONS\r\n"
    "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)

Peer = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def main() -> int:
    """Measure and print; exit 1 if a connection was refused, dropped or not answered."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.connections", description=__doc__)
    parser.add_argument("--connections", type=int, default=5000, help="held at a time (%(default)s)")
    parser.add_argument("--handshakes", type=float, default=200.0, help="a second, while they come up (%(default)s)")
    options = parser.parse_args()
    if reason := lacking():
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="sbc-bench-") as folder, Namespace("tls") as namespace:
        directory = Path(folder)
        authority = Authority(directory, "ca")
        authority.issue("edge", dns=(NAME,))
        node = Node(directory, namespace.name, _NODE.format(name=NAME, state=directory))
        try:
            with entered(namespace.name):
                run = Run(node, authority, options.handshakes)
                asyncio.run(run.scenario(options.connections))
        finally:
            node.stop()
    say(f"not opened {run.failed}, not answered {run.unanswered}")
    return 1 if run.failed or run.unanswered else 0


def say(text: str) -> None:
    """One line on the screen."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Run:
    """One node, and the clients that hold on to it."""

    def __init__(self, node: Node, authority: Authority, rate: float) -> None:
        self.node = node
        self.authority = authority
        self.rate = rate
        self.failed = 0
        self.unanswered = 0
        self.peers: list[Peer] = []
        own = authority.issue("client", dns=("carrier.example",))
        self.context = ssl.create_default_context(cafile=authority.ca)
        self.context.load_cert_chain(own.certificate, own.key)

    async def scenario(self, connections: int) -> None:
        """Up, asked, certificate changed while more come, asked again."""
        empty = group_rss(self.node.process.pid)
        await self.open(connections, "connections come up")
        held = group_rss(self.node.process.pid)
        up = self.node.ask("GET", "/status")["connections"]
        say(
            f"{up} held: {empty / 1e6:.1f} MB before, {held / 1e6:.1f} MB with them,",
        )
        say(f"  {(held - empty) / max(1, up) / 1000:.1f} kB a connection")
        await self.ask_all("answered over them")
        before = self.serial(self.peers[0])
        self.authority.issue("edge", dns=(NAME,))
        changing = asyncio.get_running_loop().run_in_executor(None, self.node.ask, "POST", "/reload", {})
        await self.open(max(200, int(self.rate)), "more come while the certificate is changed")
        findings = await changing
        fresh = sum(self.serial(peer) != before for peer in self.peers)
        say(f"  {findings}; {fresh} of the newcomers were shown the new one")
        await self.ask_all("answered afterwards")
        status = self.node.ask("GET", "/status")
        dropped = len(self.peers) - status["connections"]
        say(f"dropped {dropped}; handshakes failed {status['transport']['handshakes_failed']}")
        self.failed += max(0, dropped) + (not fresh)
        for _, writer in self.peers:
            writer.transport.abort()
        await self.hurry()

    async def open(self, count: int, what: str) -> None:
        """So many more, at the rate."""
        loop = asyncio.get_running_loop()
        cpu, start = group_cpu(self.node.process.pid), loop.time()
        under_way: set[asyncio.Future[None]] = set()
        for number in range(count):
            await asyncio.sleep(max(0.0, start + number / self.rate - loop.time()))
            under_way.add(asyncio.ensure_future(self.one()))
            under_way = {one for one in under_way if not one.done()}
        await asyncio.gather(*under_way)
        took = loop.time() - start
        spent = group_cpu(self.node.process.pid) - cpu
        say(f"{count} {what}: {count / took:.0f} handshakes/s, {spent / count * 1e6:.0f} us of CPU each")

    async def one(self) -> None:
        """One connection."""
        try:
            async with asyncio.timeout(20):
                peer = await asyncio.open_connection("127.0.0.1", PORT, ssl=self.context, server_hostname=NAME)
        except (OSError, TimeoutError):
            self.failed += 1
        else:
            self.peers.append(peer)
            if not await self.ask(peer):  # who says nothing for long is cut off
                self.unanswered += 1

    async def ask_all(self, what: str) -> None:
        """OPTIONS on each, 50 at a time."""
        start = time.monotonic()
        answered = 0
        for at in range(0, len(self.peers), 50):
            outcomes = [self.ask(peer) for peer in self.peers[at : at + 50]]
            answered += sum(await asyncio.gather(*outcomes))
        self.unanswered += len(self.peers) - answered
        say(f"{answered} of {len(self.peers)} {what}, {answered / (time.monotonic() - start):.0f}/s")

    async def ask(self, peer: Peer) -> bool:
        """One OPTIONS."""
        reader, writer = peer
        writer.write(_OPTIONS.format(serial=os.urandom(8).hex()).encode())
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError):
            async with asyncio.timeout(20):
                return (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200 ")
        return False

    async def hurry(self, seconds: float = 5.0, clients: int = 16) -> None:
        """As many handshakes as the two processes manage."""
        loop = asyncio.get_running_loop()
        cpu, end, done = group_cpu(self.node.process.pid), loop.time() + seconds, 0

        async def again() -> None:
            nonlocal done
            while loop.time() < end:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", PORT, ssl=self.context, server_hostname=NAME)
                    done += 1
                    writer.transport.abort()

        await asyncio.gather(*[again() for _ in range(clients)])
        spent = group_cpu(self.node.process.pid) - cpu
        say(f"as fast as it goes: {done / seconds:.0f} handshakes/s, {spent / done * 1e6:.0f} us of CPU each")

    @staticmethod
    def serial(peer: Peer) -> str:
        """Of the certificate that the node has shown here."""
        return str(peer[1].get_extra_info("peercert")["serialNumber"])


if __name__ == "__main__":
    sys.exit(main())
