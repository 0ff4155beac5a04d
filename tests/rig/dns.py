"""A name server of the rig's own: a zone that tests change, on loopback in the node's namespace."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import Counter

import dns.message
import dns.rcode
import dns.rrset

from tests.rig.namespaces import entered

HOST, PORT = "127.0.0.1", 5353


class NameServer:
    """Answers over UDP from `zone`: (name with its dot, type) to lines of (ttl, text). All else does not exist.

    `asked` counts questions; `is_silent` answers none.
    """

    def __init__(self, namespace: str) -> None:
        self.zone: dict[tuple[str, str], list[tuple[int, str]]] = {}
        self.asked: Counter[tuple[str, str]] = Counter()
        self.is_silent = False
        with entered(namespace):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self._socket.bind((HOST, PORT))
        self._thread = threading.Thread(target=self._serve, name="name server", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                data, peer = self._socket.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            if not self.is_silent:
                self._socket.sendto(self._answer(data), peer)

    def _answer(self, data: bytes) -> bytes:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), question.rdtype.name
        self.asked[(name, kind)] += 1
        response = dns.message.make_response(query)
        lines = self.zone.get((name, kind))
        if lines is None:
            if all(known != name for known, _ in self.zone):
                response.set_rcode(dns.rcode.NXDOMAIN)
            response.authority.append(dns.rrset.from_text(name, 1, "IN", "SOA", "ns. root. 1 2 3 4 1"))
        for ttl, text in lines or ():
            response.answer.append(dns.rrset.from_text(name, ttl, "IN", kind, text))
        return response.to_wire()

    def close(self) -> None:
        """Answer no more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._socket.close()
        self._thread.join(2)
