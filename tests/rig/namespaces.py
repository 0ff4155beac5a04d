"""Network namespaces with disjoint addresses: `outside`, `node` and `inside`, joined by veth pairs.

The names carry the process id, so that runs go in parallel and what a killed run left behind is found and removed.
Routing between the two realms does not exist: a packet crosses only because the node sent it.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import itertools
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

_MOUNTED = Path("/run/netns")
_PREFIX = "sbcrig"
_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)
_libc = ctypes.CDLL(None, use_errno=True)

OUTSIDE_NODE, INSIDE_NODE = "198.51.100.1", "10.20.0.1"
OUTSIDE_NODE6, INSIDE_NODE6 = "2001:db8:1::1", "fd20::1"
OUTSIDE_PEERS = ("198.51.100.10", "198.51.100.11", "198.51.100.66")
INSIDE_PEERS = ("10.20.0.10", "10.20.0.11", "10.20.0.66")
OUTSIDE_PEERS6 = ("2001:db8:1::10", "2001:db8:1::11")
INSIDE_PEERS6 = ("fd20::10", "fd20::11")


def _ip(*arguments: str, batch: str = "") -> None:
    done = subprocess.run(["ip", *arguments], input=batch, text=True, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _set(descriptor: int) -> None:
    if _libc.setns(descriptor, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


@contextlib.contextmanager
def entered(name: str) -> Iterator[None]:
    """This thread stands in the namespace for the length of the block; sockets and processes made there stay there."""
    if not name:
        yield
        return
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        other = os.open(_MOUNTED / name, os.O_RDONLY)
        try:
            _set(other)
        finally:
            os.close(other)
        try:
            yield
        finally:
            _set(own)
    finally:
        os.close(own)


def ip_in(name: str, *commands: str) -> None:
    """Give these commands to `ip` in the namespace."""
    _ip("-n", name, "-batch", "-", batch="\n".join([*commands, ""]))


def remove_stale() -> None:
    """Remove namespaces of runs whose process is gone."""
    if not _MOUNTED.is_dir():
        return
    for entry in _MOUNTED.iterdir():
        parts = entry.name.split("-")
        if parts[0] == _PREFIX and len(parts) > 1 and parts[1].isdigit() and not Path("/proc", parts[1]).exists():
            with contextlib.suppress(RuntimeError):
                _ip("netns", "del", entry.name)


class Namespace:
    """One empty namespace with its loopback up, for whoever needs 127.0.0.1 for itself alone."""

    def __init__(self, label: str = "lo") -> None:
        self.name = f"{_PREFIX}-{os.getpid()}-{next(_numbers)}-{label}"
        _ip("netns", "add", self.name)
        atexit.register(self.remove)
        _ip("-n", self.name, "link", "set", "lo", "up")

    def remove(self) -> None:
        """Remove it; safe to call twice."""
        atexit.unregister(self.remove)
        if (_MOUNTED / self.name).exists():
            with contextlib.suppress(RuntimeError):
                _ip("netns", "del", self.name)

    def __enter__(self) -> Namespace:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()


class Network:
    """Three namespaces: peers outside and inside, the node between them with interfaces named after its realms."""

    def __init__(self) -> None:
        remove_stale()
        self._made: list[Namespace] = []
        try:
            self.node = self._make("node")
            self.outside = self._make("out")
            self.inside = self._make("in")
            self._join("outside", self.outside, (OUTSIDE_NODE, OUTSIDE_NODE6), OUTSIDE_PEERS, OUTSIDE_PEERS6, 24)
            self._join("inside", self.inside, (INSIDE_NODE, INSIDE_NODE6), INSIDE_PEERS, INSIDE_PEERS6, 16)
        except BaseException:
            self.remove()
            raise

    def _make(self, label: str) -> str:
        namespace = Namespace(label)
        self._made.append(namespace)
        return namespace.name

    def _join(
        self, realm: str, peers: str, node: tuple[str, str], four: tuple[str, ...], six: tuple[str, ...], length: int
    ) -> None:
        _ip("link", "add", realm, "netns", self.node, "type", "veth", "peer", "name", "eth0", "netns", peers)
        _ip(
            "-n",
            self.node,
            "-batch",
            "-",
            batch=f"addr add {node[0]}/{length} dev {realm}\naddr add {node[1]}/64 dev {realm} nodad\n"
            f"link set {realm} up\n",
        )
        lines = [f"addr add {address}/{length} dev eth0" for address in four]
        lines += [f"addr add {address}/64 dev eth0 nodad" for address in six]
        _ip("-n", peers, "-batch", "-", batch="\n".join([*lines, "link set eth0 up", ""]))

    def namespace_of(self, side: str) -> str:
        """The namespace of the peers of a realm."""
        return {"outside": self.outside, "inside": self.inside, "node": self.node}[side]

    def join_realms(self) -> None:
        """Routes for an element that uses one address on both sides; never for the node."""
        _ip("-n", self.inside, "route", "add", "198.51.100.0/24", "via", INSIDE_NODE)
        _ip("-n", self.outside, "route", "add", "10.20.0.0/16", "via", OUTSIDE_NODE)

    def remove(self) -> None:
        """Remove all three; safe to call twice."""
        for namespace in self._made:
            namespace.remove()

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()
