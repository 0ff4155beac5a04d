"""Taps: every frame on the node's wires, both ways, with the kernel's time of it."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import threading
from collections.abc import Iterable
from pathlib import Path

from tests.rig.frames import Frame, Packet, decode
from tests.rig.namespaces import entered

_ETH_P_ALL = 3
_SO_TIMESTAMPNS = 35
_OUTGOING = 4
_ROOM = 32 * 1024 * 1024
_SO_RCVBUFFORCE = 33


class Taps:
    """A reader of the node's interfaces `outside` and `inside` on a thread of its own.

    A frame carries its realm and who sent it, so nothing has to be guessed from addresses. `settle` waits until what
    was already on the wire has been read. Frames lost by the kernel are an error: an oracle that missed a packet
    proves nothing.
    """

    def __init__(self, namespace: str, realms: Iterable[str]) -> None:
        self._frames: list[Frame] = []
        self._sockets: dict[int, tuple[socket.socket, str]] = {}
        self._stop, self._stopped = socket.socketpair()
        with entered(namespace):
            for realm in realms:
                tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL))
                tap.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _ROOM)
                tap.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
                tap.bind((realm, 0))
                tap.setblocking(False)
                self._sockets[tap.fileno()] = (tap, realm)
        self._idle = threading.Event()
        self._thread = threading.Thread(target=self._run, name="taps", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        poll = select.poll()
        for descriptor in (*self._sockets, self._stopped.fileno()):
            poll.register(descriptor, select.POLLIN)
        while True:
            ready = poll.poll(5)
            if not ready:
                self._idle.set()
                continue
            for descriptor, _ in ready:
                if descriptor == self._stopped.fileno():
                    return
                self._drain(*self._sockets[descriptor])

    def _drain(self, tap: socket.socket, realm: str) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, address = tap.recvmsg(65600, 64)
                when = 0.0
                for level, kind, value in ancillary:
                    if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                        seconds, nanoseconds = struct.unpack("qq", value[:16])
                        when = seconds + nanoseconds / 1e9
                self._frames.append(Frame(when, realm, address[2] == _OUTGOING, data))

    def settle(self) -> None:
        """Wait until the wires were quiet for a moment and all of it is here."""
        self._idle.clear()
        self._idle.wait(5)

    def frames(self) -> list[Frame]:
        """Everything so far, in the order of the wire."""
        self.settle()
        for tap, realm in self._sockets.values():
            lost = struct.unpack("II", tap.getsockopt(263, 6, 8))[1]
            if lost:
                raise RuntimeError(f"the tap of {realm} lost {lost} frames")
        return sorted(self._frames, key=lambda frame: frame.when)

    def packets(self) -> list[Packet]:
        """The same, decoded."""
        return decode(self.frames())

    def clear(self) -> None:
        """Forget what was seen."""
        self.settle()
        self._frames = []

    def close(self) -> None:
        """Stop reading."""
        self._stop.send(b"x")
        self._thread.join(5)
        for tap, _ in self._sockets.values():
            tap.close()
        self._stop.close()
        self._stopped.close()


def write_pcap(path: Path, frames: Iterable[Frame]) -> None:
    """The frames as a capture that other tools read."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65600, 1))
        for frame in frames:
            seconds = int(frame.when)
            size = len(frame.data)
            file.write(struct.pack("<IIII", seconds, int((frame.when - seconds) * 1e6), size, size) + frame.data)
