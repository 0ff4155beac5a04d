"""Opens the sockets that listeners need: options set, errors told in words an operator can act on."""

from __future__ import annotations

import errno
import os
import resource
import socket
from collections.abc import Callable
from typing import Final

from sbc.config import Listener

RECEIVE_BUFFER: Final = 8 << 20
"""Bytes asked for in a datagram socket's receive buffer: half a second of INVITEs at 10,000 a second."""

# Linux numbers that the socket module of Python 3.11 does not name.
IP_RECVERR: Final = 11
IPV6_RECVERR: Final = 25
SO_TIMESTAMPNS: Final = 35
_SO_RCVBUFFORCE: Final = 33
BACKLOG: Final = 4096
"""Connections that the kernel holds until they are accepted; net.core.somaxconn is the ceiling."""
_SKIPPED: Final = 64
"""Connections found to be reset in one go, before others get their turn."""
_UNACKED: Final = 30_000
"""Milliseconds after which the kernel gives up a connection whose peer acknowledges nothing (RFC 5482)."""
_ALIVE: Final = ((socket.TCP_KEEPIDLE, 120), (socket.TCP_KEEPINTVL, 20), (socket.TCP_KEEPCNT, 4))


UNDELIVERED: Final = {
    errno.ECONNREFUSED: "refused",
    errno.EHOSTUNREACH: "host unreachable",
    errno.ENETUNREACH: "network unreachable",
    errno.EHOSTDOWN: "host down",
    errno.EACCES: "prohibited",
    errno.EPERM: "prohibited",
    errno.EINVAL: "not an address of this family",
    errno.EAFNOSUPPORT: "not an address of this family",
    errno.ENETDOWN: "network down",
    errno.EADDRNOTAVAIL: "address gone",
}
"""Why something could not be delivered, by errno."""


class ListenError(OSError):
    """A listener's socket could not be opened; the text says which, why and what to do."""

    def __init__(self, listener: Listener, error: OSError) -> None:
        where = f"{listener.transport.lower()}:{listener.shown_host}:{listener.port}"
        remedy = {
            errno.EADDRINUSE: "another process has this port: stop it, or choose another port (`sbc doctor` names it)",
            errno.EADDRNOTAVAIL: "no interface of this machine has this address",
            errno.EACCES: "ports under 1024 need CAP_NET_BIND_SERVICE",
        }.get(error.errno or 0, "")
        text = f"cannot listen on {where} of realm {listener.realm}: {error.strerror or error}"
        super().__init__(error.errno or 0, f"{text}; {remedy}" if remedy else text)
        self.text: Final = str(self.strerror)

    def __str__(self) -> str:
        return self.text


def reason_of(error: OSError) -> str:
    """A failure to send or connect in a few words; never the text of asyncio, which holds addresses."""
    code = error.errno or 0
    return UNDELIVERED.get(code) or (os.strerror(code).lower() if code else "failed")


def family_of(host: str) -> socket.AddressFamily:
    """AF_INET6 for an IPv6 address, AF_INET for the rest."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def is_address(host: str, family: int) -> bool:
    """True for an address of this family in its usual form, without brackets or zone."""
    try:
        socket.inet_pton(family, host)
    except (OSError, ValueError):
        return False
    return True


def scope_of(listener: Listener) -> int:
    """The zone of a link-local listener, 0 for any other."""
    if listener.interface and listener.host.lower().startswith("fe80:"):
        return socket.if_nametoindex(listener.interface)
    return 0


def open_datagrams(listener: Listener, dscp: int, count: int) -> list[socket.socket]:
    """As many sockets for the workers of one node, which share the port and among which the kernel spreads datagrams.

    That nobody else has the port is found out before, by a socket that shares with nobody. Raises ListenError.
    """
    open_datagram(listener, dscp).close()
    return [open_datagram(listener, dscp, is_shared=True) for _ in range(count)]


def open_datagram(listener: Listener, dscp: int, *, is_shared: bool = False) -> socket.socket:
    """A bound, non-blocking UDP socket that hears of ICMP errors.

    Neither SO_REUSEADDR nor SO_REUSEPORT, unless `is_shared` among the workers of one node: on Linux either lets a
    second node take half of our datagrams without a word. Raises ListenError.
    """
    sock = socket.socket(family_of(listener.host), socket.SOCK_DGRAM)
    try:
        _common(sock, dscp)
        _hear_errors(sock)
        _stamp(sock)
        _grow_receive_buffer(sock)
        if is_shared:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(_address(listener, listener.port))
    except OSError as error:
        sock.close()
        raise ListenError(listener, error) from error
    return sock


class Doorway(socket.socket):
    """A listening socket that takes no connection whose peer has reset it already.

    Such a one waits in the kernel like all others, and to make a connection of it takes many times as long as to find
    that it is none: behind thousands of them nobody would get in.
    """

    skipped: Callable[[], None] | None = None
    """Called for each."""

    def accept(self) -> tuple[socket.socket, object]:
        """The next connection; BlockingIOError where none waits, or as many were skipped as one turn allows."""
        for _ in range(_SKIPPED):
            taken, peer = super().accept()
            try:
                taken.getpeername()
            except OSError:
                taken.close()
                if self.skipped is not None:
                    self.skipped()
            else:
                return taken, peer
        raise BlockingIOError


def open_stream_listener(listener: Listener, dscp: int) -> Doorway:
    """A bound, listening, non-blocking TCP socket. Raises ListenError."""
    sock = Doorway(family_of(listener.host), socket.SOCK_STREAM)
    try:
        _common(sock, dscp)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(_address(listener, listener.port))
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise ListenError(listener, error) from error
    return sock


def open_stream_client(listener: Listener, dscp: int) -> socket.socket:
    """A TCP socket bound to the listener's address and any port, so that the peer sees the realm's own address."""
    sock = socket.socket(family_of(listener.host), socket.SOCK_STREAM)
    try:
        _common(sock, dscp)
        sock.bind(_address(listener, 0))
    except OSError as error:
        sock.close()
        raise ListenError(listener, error) from error
    return sock


def raise_file_limit() -> int:
    """Use all the descriptors that we may; how many those are."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard if hard != resource.RLIM_INFINITY else 1 << 20


def prepare_accepted(sock: socket.socket, dscp: int) -> None:
    """Set on an accepted or connected stream what the listening socket does not hand on."""
    _mark(sock, dscp)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKED)
    for option, value in _ALIVE:
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def _address(listener: Listener, port: int) -> tuple[str, int] | tuple[str, int, int, int]:
    if ":" in listener.host:
        return (listener.host, port, 0, scope_of(listener))
    return (listener.host, port)


def _common(sock: socket.socket, dscp: int) -> None:
    sock.setblocking(False)
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    _mark(sock, dscp)


def _mark(sock: socket.socket, dscp: int) -> None:
    # The two low bits of the octet belong to ECN (RFC 3168).
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, dscp << 2)
    else:
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)


def _stamp(sock: socket.socket) -> None:
    """Let the kernel note when each datagram came: `UdpListener` asks where it is behind."""
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)


def _hear_errors(sock: socket.socket) -> None:
    # Without this an unconnected UDP socket never learns that a peer's port is closed, and failover waits for Timer B.
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVERR, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, IP_RECVERR, 1)


def _grow_receive_buffer(sock: socket.socket) -> None:
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
    except OSError:  # needs CAP_NET_ADMIN; without it net.core.rmem_max is the ceiling
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
