"""The real rtpengine, in the node's namespace, with the realms' names for its interfaces."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.rig.namespaces import INSIDE_NODE, OUTSIDE_NODE, entered
from tests.rig.process import Process, wait_until

PORT = 2223


class Rtpengine:
    """A daemon in user space, one of several by `number`; `ng` is what the node file calls it."""

    ng = f"127.0.0.1:{PORT}"

    def __init__(self, directory: Path, namespace: str, number: int = 0, options: tuple[str, ...] = ()) -> None:
        self._namespace = namespace
        self._port = PORT + number
        self.ng = f"127.0.0.1:{self._port}"
        argv = [
            "rtpengine",
            "--config-file=none",
            "--table=-1",
            "--foreground",
            "--log-stderr",
            "--log-level=5",
            f"--listen-ng={self.ng}",
            f"--port-min={32000 + 2000 * number}",
            f"--port-max={33999 + 2000 * number}",
            f"--interface=outside/{OUTSIDE_NODE}",
            f"--interface=inside/{INSIDE_NODE}",
            f"--pidfile={directory / f'rtpengine{number}.pid'}",
            *options,
        ]
        self.process = Process(argv, namespace=namespace, log=directory / f"rtpengine{number}.log")
        wait_until(self._answers, 10, "rtpengine to answer a ping")

    def _answers(self) -> bool:
        with entered(self._namespace):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(0.1)
            try:
                sock.sendto(b"wait d7:command4:pinge", ("127.0.0.1", self._port))
                return b"pong" in sock.recv(100)
            except OSError:
                return False

    def stop(self) -> None:
        """End it."""
        self.process.stop()
