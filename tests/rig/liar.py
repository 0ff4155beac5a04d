"""A media engine that lies: an ng socket in the node's namespace whose replies to offers are wrong in one way."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from rtpengine import Value, decode, encode
from tests.rig.namespaces import INSIDE_NODE, entered

PORT: Final = 2224
LATE: Final = 1.5
"""Seconds: the nodes of the tests give up after one at the latest."""


def _sdp(request: dict[str, Value], change: Callable[[bytes], bytes]) -> dict[str, Value]:
    body = request.get("sdp")
    return {"result": b"ok", "sdp": change(body if isinstance(body, bytes) else b"")}


def _elsewhere(body: bytes) -> bytes:
    """Another call's description: two streams where one was offered."""
    return body + body[body.index(b"m=") :]


def _late(cookie: bytes, request: dict[str, Value]) -> bytes:
    """The truth, when nobody waits for it any more."""
    time.sleep(LATE)
    return cookie + b" " + encode(_sdp(request, bytes))


LIES: Final[dict[str, Callable[[bytes, dict[str, Value]], bytes]]] = {
    "is slow": _late,
    "is silent": lambda cookie, request: b"",
    "answers under another cookie": lambda cookie, request: b"0" + cookie + b" " + encode(_sdp(request, bytes)),
    "cuts its reply short": lambda cookie, request: cookie + b" " + encode(_sdp(request, bytes))[:-40],
    "talks nonsense": lambda cookie, request: cookie + b" " + b"d" * 5000,
    "is out of ports": lambda cookie, request: (
        cookie + b" " + encode({"result": b"error", "error-reason": b"Ran out of ports"})
    ),
    "is full": lambda cookie, request: (
        cookie + b" " + encode({"result": b"load limit", "message": b"Load limit exceeded"})
    ),
    "knows no such call": lambda cookie, request: (
        cookie + b" " + encode({"result": b"error", "error-reason": b"Unknown call-id"})
    ),
    "returns no description": lambda cookie, request: cookie + b" " + encode({"result": b"ok"}),
    "returns another's description": lambda cookie, request: cookie + b" " + encode(_sdp(request, _elsewhere)),
    "returns no SDP": lambda cookie, request: cookie + b" " + encode(_sdp(request, lambda body: b"\nm=\0nothing")),
    "returns the caller's own": lambda cookie, request: cookie + b" " + encode(_sdp(request, bytes)),
}
"""What it does, and its reply to an offer or an answer; to all else it is honest."""


KEEPS_NOTHING: Final = frozenset({"is out of ports", "is full"})
"""After these the real daemon has no session."""


class Liar:
    """One such engine. `sessions` are the call-ids that it was asked for and not yet to forget."""

    ng: Final = f"127.0.0.1:{PORT}"

    def __init__(self, namespace: str) -> None:
        self.lie = "is silent"
        self.sessions: set[str] = set()
        self.asked = 0
        """Offers, with their copies."""
        with entered(namespace):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", PORT))
        self._socket.settimeout(0.2)
        self._is_open = True
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Be gone."""
        self._is_open = False
        self._thread.join(2)
        self._socket.close()

    def _serve(self) -> None:
        while self._is_open:
            try:
                data, source = self._socket.recvfrom(65535)
            except TimeoutError:
                continue
            cookie, _, payload = data.partition(b" ")
            request = decode(payload)
            assert isinstance(request, dict)
            reply = self._reply(cookie, request)
            if reply:
                self._socket.sendto(reply, source)

    def _reply(self, cookie: bytes, request: dict[str, Value]) -> bytes:
        command, call_id = request.get("command"), request.get("call-id")
        name = call_id.decode() if isinstance(call_id, bytes) else ""
        if command in (b"offer", b"answer"):
            self.asked += 1
            if self.lie not in KEEPS_NOTHING:
                self.sessions.add(name)
            return LIES[self.lie](cookie, request)
        if command == b"delete":
            self.sessions.discard(name)
        honest: dict[str, Value] = {"result": b"pong" if command == b"ping" else b"ok"}
        if command == b"list":
            honest["calls"] = [call.encode() for call in self.sessions]
        if command == b"statistics":
            honest["statistics"] = {"interfaces": [{"name": name, "address": INSIDE_NODE} for name in _NAMES]}
        return cookie + b" " + encode(honest)


_NAMES: Final = (b"outside", b"inside")
