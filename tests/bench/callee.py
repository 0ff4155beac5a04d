"""A target of calls that answers everything: INVITE after ringing a while, BYE, and OPTIONS; and that can fall silent.

`python -m tests.bench.callee HOST:PORT [SECONDS]`: rings so long (0). SIGUSR1 makes it deaf and mute, as a host whose
cable was pulled; SIGUSR2 ends that. Killed, its port is closed. SIGHUP makes it say how many calls ring. It keeps no
state, so that copies get the same answer.
"""

from __future__ import annotations

import select
import signal
import socket
import sys
import time
from collections import deque

from tests.rig.ua import Message

_BODY = "v=0\r\no=callee 1 1 IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\nm=audio 30000 RTP/AVP 0\r\n"


class Callee:
    """One UDP socket, and the answers that wait for their time."""

    def __init__(self, host: str, port: int, ringing: float) -> None:
        self.is_mute = False
        self._host = host
        self._port = port
        self._ringing = ringing
        self._later: deque[tuple[float, bytes, tuple[str, int]]] = deque()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self._socket.bind((host, port))
        self._socket.setblocking(False)

    def say_ringing(self) -> None:
        """How many calls are not answered yet."""
        sys.stdout.write(f"ringing {len(self._later)}\n")
        sys.stdout.flush()

    def run(self) -> None:
        """Answer until killed."""
        while True:
            wait = max(0.0, self._later[0][0] - time.monotonic()) if self._later else 1.0
            if select.select([self._socket], [], [], wait)[0]:
                self._read()
            while self._later and self._later[0][0] <= time.monotonic():
                _, data, peer = self._later.popleft()
                self._send(data, peer)

    def _read(self) -> None:
        while True:
            try:
                data, peer = self._socket.recvfrom(65535)
            except BlockingIOError:
                return
            except OSError:  # an ICMP error about something sent
                continue
            message = Message(data, peer)
            if self.is_mute or message.status or message.method == "ACK":
                continue
            if message.method == "INVITE":
                self._send(self._answer(message, "180 Ringing"), peer)
                body = _BODY.format(host=self._host)
                self._later.append((time.monotonic() + self._ringing, self._answer(message, "200 OK", body), peer))
            else:
                self._send(self._answer(message, "200 OK"), peer)

    def _send(self, data: bytes, peer: tuple[str, int]) -> None:
        if not self.is_mute:
            self._socket.sendto(data, peer)

    def _answer(self, request: Message, status: str, body: str = "") -> bytes:
        to = request.get("to")
        if ";tag=" not in to:
            to += f";tag=callee{self._port}"
        lines = [f"SIP/2.0 {status}", *[f"Via: {value}" for value in request.all("via")]]
        lines += [f"From: {request.get('from')}", f"To: {to}", f"Call-ID: {request.get('call-id')}"]
        lines += [f"CSeq: {request.get('cseq')}", f"Contact: <sip:callee@{self._host}:{self._port}>"]
        if body:
            lines.append("Content-Type: application/sdp")
        return ("\r\n".join(lines) + f"\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def main() -> None:
    """Answer at the address of the first argument."""
    host, _, port = sys.argv[1].rpartition(":")
    callee = Callee(host, int(port), float(sys.argv[2]) if len(sys.argv) > 2 else 0.0)

    def silence(number: int, _: object) -> None:
        callee.is_mute = number == signal.SIGUSR1

    signal.signal(signal.SIGHUP, lambda *_: callee.say_ringing())
    signal.signal(signal.SIGUSR1, silence)
    signal.signal(signal.SIGUSR2, silence)
    callee.run()


if __name__ == "__main__":
    main()
