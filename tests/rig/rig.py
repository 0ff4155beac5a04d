"""The rig: a network, taps on it, a node in the middle, and peers made with one line each."""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from tests.rig import oracle
from tests.rig.namespaces import (
    INSIDE_NODE,
    INSIDE_NODE6,
    INSIDE_PEERS,
    INSIDE_PEERS6,
    OUTSIDE_NODE,
    OUTSIDE_NODE6,
    OUTSIDE_PEERS,
    OUTSIDE_PEERS6,
    Network,
)
from tests.rig.node import CARRIER_PORT, PBX_PORT, Node, node_file
from tests.rig.sipp import Sipp, render
from tests.rig.tap import Taps, write_pcap
from tests.rig.ua import Ua


class Side:
    """One realm as its peers see it: where they live and where the node answers them."""

    def __init__(self, name: str, peers: Sequence[str], node: str, node_port: int, trunk_port: int) -> None:
        self.name = name
        self.peers = tuple(peers)
        self.node = node
        self.node_port = node_port
        self.trunk_port = trunk_port
        """The port at which this side's trunk listens, on the first of `peers`."""

    @property
    def node_address(self) -> str:
        """The node's host:port on this side."""
        return f"{bracketed(self.node)}:{self.node_port}"


def bracketed(host: str) -> str:
    """The host as it stands in a URI."""
    return f"[{host}]" if ipaddress.ip_address(host).version == 6 else host


OUTSIDE = Side("outside", OUTSIDE_PEERS, OUTSIDE_NODE, 5060, CARRIER_PORT)
INSIDE = Side("inside", INSIDE_PEERS, INSIDE_NODE, 5070, PBX_PORT)
OUTSIDE6 = Side("outside", OUTSIDE_PEERS6, OUTSIDE_NODE6, 5060, CARRIER_PORT)
INSIDE6 = Side("inside", INSIDE_PEERS6, INSIDE_NODE6, 5070, PBX_PORT)


class Rig:
    """Everything one test needs, removed at the end.

    `start` runs the node; without it the network is there for anything else placed between the two sides.
    """

    def __init__(self, taps: bool = True) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="rig-"))
        self._stack = contextlib.ExitStack()
        self._stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
        self._numbers = itertools.count(1)
        self._ports = itertools.count(0)
        self._peers: list[Sipp] = []
        self.nodes: list[Node] = []
        try:
            self.network = self._stack.enter_context(Network())
            self.taps = Taps(self.network.node, ("outside", "inside") if taps else ())
            self._stack.callback(self.taps.close)
        except BaseException:
            self._stack.close()
            raise

    def start(self, config: Callable[[Path], str] | None = None, without: Sequence[str] = ()) -> Node:
        """Start a node with a file made for its state directory (default: `node_file` as it stands), `without` these
        capabilities.
        """
        state = self.directory / f"node{next(self._numbers)}"
        text = config(state) if config else node_file(state=state)
        node = Node(state, self.network.node, text, without=without)
        self.nodes.append(node)
        return node

    def stand_by(self, config: Callable[[Path], str]) -> Node:
        """Start a node that will wait for its turn: `await_ready` says when that has come."""
        state = self.directory / f"node{next(self._numbers)}"
        node = Node(state, self.network.node, config(state), waits=False)
        self.nodes.append(node)
        return node

    def start_with(self, **keys: Any) -> Node:  # noqa: ANN401
        """Start a node with some keys of `node_file` set."""
        return self.start(lambda state: node_file(state=state, **keys))

    def restart(self, config: Callable[[Path], str] | None = None) -> Node:
        """Kill the node's process, it alone and without a word to it, and start another on what it has left."""
        dead = self.node
        dead.process.signal(signal.SIGKILL)
        dead.process.wait(30)
        state = dead.directory
        node = Node(state, self.network.node, config(state) if config else (state / "node.toml").read_text())
        self.nodes.append(node)
        return node

    @property
    def node(self) -> Node:
        """The node started last."""
        return self.nodes[-1]

    def sipp(
        self,
        side: Side,
        scenario: str | Path,
        *,
        call: bool,
        peer: int = 0,
        port: int = 0,
        values: dict[str, str] | None = None,
        options: Sequence[str] = (),
        target: str = "",
        **arguments: object,
    ) -> Sipp:
        """A SIPp on a side: as caller (to the node, or `target`) or as callee (on the trunk's address). Ready when this
        returns.

        `scenario` is the name of one of ours, rendered with `values`, or the path of a file.
        """
        where = self.work()
        path = render(scenario, where, {"side": side.name, **(values or {})}) if isinstance(scenario, str) else scenario
        host = side.peers[peer]
        offset = next(self._ports) % 400
        made = Sipp(
            where,
            self.network.namespace_of(side.name),
            path,
            host=bracketed(host),
            port=port or (15000 + offset if call else side.trunk_port),
            target=target or (side.node_address if call else ""),
            media_port=20000 + offset * 20,
            options=options,
            **arguments,  # type: ignore[arg-type]
        )
        self._peers.append(made)
        return made

    def ua(self, side: Side, *, call: bool, peer: int = 0, port: int = 0) -> Ua:
        """A scripted user agent on a side, as caller or on the trunk's address."""
        host = side.peers[peer]
        made = Ua(
            self.network.namespace_of(side.name),
            host,
            port or (16000 + next(self._ports) % 400 if call else side.trunk_port),
            (side.node, side.node_port),
        )
        self._stack.callback(made.close)
        return made

    def work(self) -> Path:
        """A fresh directory for a peer's files."""
        path = self.directory / f"peer{next(self._numbers)}"
        path.mkdir()
        return path

    def begin(self) -> None:
        """Before a scenario: end left-over peers and forget what the taps saw."""
        for peer in self._peers:
            peer.stop()
        self._peers.clear()
        self.taps.clear()

    def assert_hidden(self, *, secrets: Iterable[str] = (), allowed: Iterable[str] = ()) -> None:
        """No token of one side on the other since `begin`, but the name that rtpengine has for itself."""
        packets = self.taps.packets()
        if any(node.has_daemon for node in self.nodes):
            allowed = [*allowed, *oracle.names_of_engine(packets)]
        oracle.assert_no_leak(packets, secrets=secrets, allowed=allowed)

    def assert_clean_end(self) -> None:
        """The node is sound and holds no call."""
        self.node.wait_idle()
        self.node.assert_sound()

    def save(self, path: Path) -> None:
        """What the taps saw, as a capture."""
        write_pcap(path, self.taps.frames())

    def close(self) -> None:
        """End every process and remove the network."""
        for peer in self._peers:
            peer.stop()
        for node in self.nodes:
            node.process.stop(3)
        self._stack.close()

    def __enter__(self) -> Rig:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
