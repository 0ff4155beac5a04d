"""`python -m tests.bench.connections [--connections N] [--handshakes R]`: TLS connections held, handshakes a second,
and what becomes of them all when the certificate is changed meanwhile.

Client and node share the machine, in a namespace of the run's own; the CPU of each is told apart.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.bench.tls_clients import Clients, Phase
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
                run.scenario(options.connections)
        finally:
            node.stop()
    say(f"not opened {run.failed}, not answered {run.unanswered}")
    for why in run.clients.failures[:5]:
        say(f"  {why}")
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
        self.clients = Clients(authority.issue("client", dns=("carrier.example",)), authority.ca, NAME, PORT)

    def scenario(self, connections: int) -> None:
        """Up, asked, certificate changed while more come, asked again."""
        empty = group_rss(self.node.process.pid)
        self.open(connections, "connections come up")
        held = group_rss(self.node.process.pid)
        up = self.node.ask("GET", "/status")["connections"]
        say(f"{up} held: {empty / 1e6:.1f} MB before, {held / 1e6:.1f} MB with them,")
        say(f"  {(held - empty) / max(1, up) / 1000:.1f} kB a connection")
        self.ask_all("answered over them")
        before = self.clients.up[0].serial
        self.authority.issue("edge", dns=(NAME,))
        with ThreadPoolExecutor(1) as beside:
            changing = beside.submit(self.node.ask, "POST", "/reload", {})
            self.open(int(self.rate * 5), "more come while the certificate is changed")
            findings = changing.result()
        fresh = sum(client.serial != before for client in self.clients.up)
        say(f"  {findings}; {fresh} of the newcomers were shown the new one")
        self.ask_all("answered afterwards")
        status = self.node.ask("GET", "/status")
        dropped = len(self.clients.up) - status["connections"]
        say(f"dropped {dropped}; handshakes failed {status['transport']['handshakes_failed']}")
        self.failed += max(0, dropped) + (not fresh)
        self.clients.close()
        cpu = self.cpu()
        phase = self.clients.hurry(5.0)
        self.failed += phase.failed
        say(f"as fast as it goes: {self.told(phase, cpu)}")

    def open(self, count: int, what: str) -> None:
        """So many more, at the rate."""
        cpu, known = self.cpu(), len(self.clients.up)
        phase = self.clients.open(count, self.rate)
        self.failed += phase.failed
        times = sorted(client.took for client in self.clients.up[known:])
        say(f"{count} {what}: {self.told(phase, cpu)}")
        if times:
            middle, late = times[len(times) // 2], times[len(times) * 99 // 100]
            say(f"  a handshake takes {middle * 1e3:.0f} ms (median), {late * 1e3:.0f} ms (99 of 100)")

    def ask_all(self, what: str) -> None:
        """OPTIONS on each, 50 at a time."""
        cpu = self.cpu()
        phase = self.clients.ask_all()
        self.unanswered += phase.failed
        node, client = (self.cpu() - cpu) / max(1, phase.done) * 1e6, phase.cpu / max(1, phase.done) * 1e6
        say(f"{phase.done} of {len(self.clients.up)} {what}, {phase.done / phase.seconds:.0f}/s,")
        say(f"  CPU of one OPTIONS: {node:.0f} us here, {client:.0f} us its client")

    def told(self, phase: Phase, cpu: float) -> str:
        """A burst of full handshakes, each with one OPTIONS, in a line."""
        done = max(1, phase.done)
        node, client = (self.cpu() - cpu) / done * 1e6, phase.cpu / done * 1e6
        return (
            f"{phase.done / phase.seconds:.0f} full handshakes/s (slowest 5 s: {phase.slowest:.0f}/s),\n"
            f"  CPU of each with one OPTIONS: {node:.0f} us here, {client:.0f} us its client"
        )

    def cpu(self) -> float:
        """CPU seconds of the node so far."""
        return group_cpu(self.node.process.pid)


if __name__ == "__main__":
    sys.exit(main())
