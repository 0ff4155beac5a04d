"""Port pairs: RTP on an even port, RTCP on the next (RFC 3550 section 11), taken at random and rested after use."""

from __future__ import annotations

import errno
import random
import socket
from collections import deque
from collections.abc import Callable
from typing import Final, TypeAlias

from rtpengine.embedded.description import Fault

RAN_OUT: Final = "Ran out of ports"

Bind: TypeAlias = Callable[[str, int], socket.socket]
"""Opens a datagram socket on an address and a port, or raises OSError."""

_FOR_ALL_PORTS: Final = frozenset({errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def bind_socket(host: str, port: int) -> socket.socket:
    """A non-blocking datagram socket for media."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind((host, port))
    except OSError:
        sock.close()
        raise
    return sock


class PortPool:
    """The pairs of one local address.

    The order is random and a freed pair goes to the back: guessing the next port is no easier than guessing one, and
    late packets of an ended call rarely meet a new one.
    """

    __slots__ = ("_bind", "_free", "host", "last", "maximum", "minimum", "total")

    def __init__(self, host: str, minimum: int, maximum: int, bind: Bind, shuffle: random.Random) -> None:
        ports = list(range(minimum + minimum % 2, maximum, 2))
        self.host: Final = host
        self.minimum: Final = minimum
        self.maximum: Final = maximum
        self.total: Final = len(ports)
        """Pairs."""
        self.last = 0
        """The RTP port given out last."""
        shuffle.shuffle(ports)
        self._free: Final = deque(ports)
        self._bind: Final = bind

    @property
    def free(self) -> int:
        """Pairs that are not in use here; another process may sit on some."""
        return len(self._free)

    def open(self) -> tuple[socket.socket, socket.socket, int]:
        """Sockets for RTP and RTCP, and the RTP port. Raises `Fault` where there is no pair left."""
        for _ in range(len(self._free)):
            port = self._free.popleft()
            try:
                rtp = self._bind(self.host, port)
            except OSError as error:
                self._free.append(port)
                if error.errno in _FOR_ALL_PORTS:
                    break
                continue
            try:
                rtcp = self._bind(self.host, port + 1)
            except OSError as error:
                rtp.close()
                self._free.append(port)
                if error.errno in _FOR_ALL_PORTS:
                    break
                continue
            self.last = port
            return rtp, rtcp, port
        raise Fault(RAN_OUT)

    def release(self, port: int) -> None:
        """The pair whose RTP port is `port` has been closed."""
        self._free.append(port)
