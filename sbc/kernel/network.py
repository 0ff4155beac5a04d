"""The addresses of this machine, kept up to date by rtnetlink."""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

# Numbers of linux/rtnetlink.h, linux/netlink.h and linux/if_addr.h.
_GROUPS: Final = 0x1 | 0x10 | 0x100  # links, IPv4 addresses, IPv6 addresses
_NEW_LINK, _DEL_LINK, _NEW_ADDRESS, _DEL_ADDRESS, _GET_LINK, _GET_ADDRESS = 16, 17, 20, 21, 18, 22
_DONE: Final = 3
_REQUEST_DUMP: Final = 0x1 | 0x300
_HEADER: Final = struct.Struct("=IHHII")
_NOT_USABLE: Final = 0x40 | 0x08  # tentative: another host may have it; and that was found so (RFC 4862 section 5.4)
_BUFFER: Final = 1 << 20
_MESSAGE: Final = 65536


class Address(NamedTuple):
    """One address of one interface; IPv6 without zone."""

    interface: str
    host: str


class Network:
    """The interfaces and their usable addresses at one time. Never changed."""

    __slots__ = ("addresses",)

    def __init__(self, addresses: Iterable[Address] = ()) -> None:
        self.addresses: Final = frozenset(addresses)

    def has(self, host: str) -> bool:
        """True where some interface has this address; all of 127.0.0.0/8 are the loopback's."""
        return any(one.host == host for one in self.addresses) or host.startswith("127.")

    def of(self, interface: str, *, ipv6: bool) -> list[str]:
        """The addresses of one family that an interface has, link-local ones left out, in order."""
        found = [one.host for one in self.addresses if one.interface == interface and (":" in one.host) == ipv6]
        return sorted(host for host in found if not ip_address(host).is_link_local)


class NetworkWatch:
    """Tells `hear` the network as it is at the start, and as it is each time an address has come or gone.

    One socket on the loop, read by hand; pyroute2 takes its messages apart. Where the kernel has told more than the
    socket could hold, everything is asked for again.
    """

    def __init__(self, hear: Callable[[Network], None]) -> None:
        # 0.2 s of a processor's time, which processes that follow nothing do without: the workers of a supervisor.
        from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # type: ignore[import-untyped]
        from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg  # type: ignore[import-untyped]

        self._link: Final = ifinfmsg
        self._address: Final = ifaddrmsg
        self._hear: Final = hear
        self._names: Final[dict[int, str]] = {}
        self._hosts: Final[dict[tuple[int, str], None]] = {}
        self._waiting: Final[list[int]] = []
        self._told: frozenset[Address] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sock: socket.socket | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen to the kernel. Raises OSError where it does not let us."""
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            sock.bind((0, _GROUPS))
        except OSError:
            sock.close()
            raise
        self._sock = sock
        self._loop = loop
        loop.add_reader(sock.fileno(), self._readable)
        self._ask_everything()

    def close(self) -> None:
        """Hear no more."""
        sock, self._sock = self._sock, None
        if sock is not None and self._loop is not None:
            self._loop.remove_reader(sock.fileno())
            sock.close()

    def _ask_everything(self) -> None:
        """Links first: addresses name theirs by number. The kernel works off one question at a time."""
        self._names.clear()
        self._hosts.clear()
        self._waiting[:] = [_GET_LINK, _GET_ADDRESS]
        self._ask()

    def _ask(self) -> None:
        if self._sock is not None and self._waiting:
            body = struct.pack("=BBHiII", 0, 0, 0, 0, 0, 0)
            self._sock.send(_HEADER.pack(_HEADER.size + len(body), self._waiting[0], _REQUEST_DUMP, 1, 0) + body)

    def _readable(self) -> None:
        while self._sock is not None:
            try:
                data = self._sock.recv(_MESSAGE)
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._ask_everything()
                continue
            self.take(data)
        self._tell()

    def take(self, data: bytes) -> None:
        """The messages of one read."""
        for kind, message in _messages(data):
            if kind == _DONE and self._waiting:
                del self._waiting[0]
                self._ask()
            elif kind in (_NEW_LINK, _DEL_LINK):
                self._note_link(kind, _decoded(self._link, message))
            elif kind in (_NEW_ADDRESS, _DEL_ADDRESS):
                self._note_address(kind, _decoded(self._address, message))

    def _note_link(self, kind: int, link: Any) -> None:  # noqa: ANN401 - pyroute2 has no types
        index = int(link["index"])
        if kind == _NEW_LINK:
            self._names[index] = str(link.get_attr("IFLA_IFNAME"))
            return
        self._names.pop(index, None)
        for key in [key for key in self._hosts if key[0] == index]:
            del self._hosts[key]

    def _note_address(self, kind: int, address: Any) -> None:  # noqa: ANN401 - pyroute2 has no types
        # IFA_LOCAL is ours; IFA_ADDRESS is the far end's on a point-to-point link, and the same on any other.
        key = (int(address["index"]), str(address.get_attr("IFA_LOCAL") or address.get_attr("IFA_ADDRESS")))
        flags = int(address.get_attr("IFA_FLAGS") or address["flags"])
        if kind == _NEW_ADDRESS and not flags & _NOT_USABLE:
            self._hosts[key] = None
        else:
            self._hosts.pop(key, None)

    def _tell(self) -> None:
        if self._waiting:
            return
        network = Network(Address(self._names.get(index, str(index)), host) for index, host in self._hosts)
        if network.addresses != self._told:
            self._told = network.addresses
            self._hear(network)


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(type, message) for each netlink message of a read."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if length < _HEADER.size:
            return
        yield kind, data[at : at + length]
        at += (length + 3) & ~3


def _decoded(kind: Any, data: bytes) -> Any:  # noqa: ANN401 - pyroute2 has no types
    message = kind(data)
    message.decode()
    return message
