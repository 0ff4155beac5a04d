"""Many calls at a time with audio on both legs, packet by packet: who hears whom, and for how long nobody did.

Each phone sends ten packets a second that say whose they are, answers re-INVITEs with what it has, and talks to where
the last description says. Light enough for a hundred calls beside what is tested.
"""

from __future__ import annotations

import itertools
import re
import selectors
import socket
import threading
import time
from typing import Final

from tests.rig.namespaces import entered
from tests.rig.process import wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig, Side
from tests.rig.ua import DialogOf, Message, Ua

PACE: Final = 0.1
"""Seconds between two packets of a phone."""
_PACKET: Final = 160
_PORT = re.compile(rb"^m=audio (\d+)", re.MULTILINE)
_HOST = re.compile(rb"^c=IN IP4 (\S+)", re.MULTILINE)


class Phone:
    """One end of one call: its media socket, where it speaks to, and when it heard the other end."""

    def __init__(self, rig: Rig, side: Side, number: int, port: int) -> None:
        self.number: Final = number
        self.mark: Final = b"%s %d " % (side.name.encode(), number)
        self.host: Final = side.peers[0]
        self.port: Final = port
        with entered(rig.network.namespace_of(side.name)):
            self.socket: Final = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((self.host, port))
        self.socket.setblocking(False)
        self.destination: tuple[str, int] | None = None
        self.heard: list[float] = []
        self.awaits = b""
        self.is_mute = False
        self.wrong = 0
        """Packets of somebody else's call."""
        self._sequence = 0

    def sdp(self) -> str:
        """What it says of itself, always the same."""
        return (
            f"v=0\r\no=- {self.port} 1 IN IP4 {self.host}\r\ns=-\r\nc=IN IP4 {self.host}\r\nt=0 0\r\n"
            f"m=audio {self.port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\na=sendrecv\r\n"
        )

    def follow(self, body: bytes) -> None:
        """Talk to where a description says."""
        host, port = _HOST.search(body), _PORT.search(body)
        if host is not None and port is not None:
            self.destination = (host[1].decode(), int(port[1]))

    def speak(self) -> None:
        """One packet."""
        if self.destination is None or self.is_mute:
            return
        self._sequence += 1
        header = b"\x80\x08" + (self._sequence & 0xFFFF).to_bytes(2, "big")
        header += (self._sequence * 800).to_bytes(4, "big") + self.number.to_bytes(4, "big")
        try:
            self.socket.sendto(header + self.mark.ljust(_PACKET, b"."), self.destination)
        except OSError:
            return

    def hear(self, now: float) -> None:
        """All that has come."""
        while True:
            try:
                packet = self.socket.recv(2048)
            except OSError:
                return
            if packet[12:].startswith(self.awaits):
                self.heard.append(now)
            else:
                self.wrong += 1

    def gap(self, since: float) -> float:
        """The longest time without a packet from then until now."""
        times = [since, *[at for at in self.heard if at >= since], time.monotonic()]
        return max(later - earlier for earlier, later in itertools.pairwise(times))

    def hears(self, since: float) -> bool:
        """Whether anything has come since."""
        return bool(self.heard) and self.heard[-1] >= since


class Crowd:
    """Calls from outside to inside, all by two user agents that answer what they are asked."""

    def __init__(self, rig: Rig, calls: int) -> None:
        self.near: Final = rig.ua(OUTSIDE, call=True)
        self.far: Final = rig.ua(INSIDE, call=False)
        self.callers: Final = [Phone(rig, OUTSIDE, number, 20000 + 2 * number) for number in range(calls)]
        self.callees: Final = [Phone(rig, INSIDE, number, 20000 + 2 * number) for number in range(calls)]
        for one, other in zip(self.callers, self.callees, strict=True):
            one.awaits, other.awaits = other.mark, one.mark
        self.dialogs: Final[dict[int, DialogOf]] = {}
        self.acked: Final[set[int]] = set()
        self.byes = 0
        self.reinvites = 0
        self.late = 0.0
        """The most by which a round of speaking took longer than it should, in seconds: the machine has others too."""
        self.refuses = False
        """Whether re-INVITEs get 488."""
        self._by_call: Final[dict[tuple[bool, str], Phone]] = {}
        self._answered: Final[set[tuple[bool, str, str]]] = set()
        self._is_open = True
        runs = [lambda: self._listen(True), lambda: self._listen(False), self._speak, self._hear]
        self._threads: Final = [threading.Thread(target=run, daemon=True) for run in runs]
        for thread in self._threads:
            thread.start()

    @property
    def phones(self) -> list[Phone]:
        """Both ends of all calls."""
        return self.callers + self.callees

    def establish(self, *, all_hear: bool = True) -> None:
        """All calls up, and each end has heard the other."""
        for phone in self.callers:
            call_id = f"crowd-{phone.number}@{phone.host}"
            self._by_call[True, call_id] = phone
            uri = f"sip:49302{phone.number:04d}@{OUTSIDE.node_address}"
            self.near.send(self.near.request("INVITE", uri, call_id=call_id, body=phone.sdp()))
            time.sleep(0.02)
        count = len(self.callers)
        wait_until(lambda: len(self.dialogs) == count, 20, "all calls to be answered")
        began = time.monotonic()
        if all_hear:
            wait_until(lambda: all(phone.hears(began) for phone in self.phones), 20, "all phones to hear")

    def hang_up(self) -> None:
        """BYE from the callers of all calls that are left."""
        for number in sorted(self.dialogs):
            self.near.send(self.near.in_dialog("BYE", self.dialogs[number]))
            time.sleep(0.005)

    def close(self) -> None:
        """Fall silent."""
        self._is_open = False
        for thread in self._threads:
            thread.join(2)
        for phone in self.phones:
            phone.socket.close()

    def _listen(self, is_near: bool) -> None:
        ua = self.near if is_near else self.far
        while self._is_open:
            message = ua.receive(0.1)
            ua.heard.clear()
            if message is not None:
                self._take(ua, is_near, message)

    def _take(self, ua: Ua, is_near: bool, message: Message) -> None:
        call_id = message.get("call-id")
        if message.method == "INVITE":
            phone = self._by_call.get((is_near, call_id))
            if phone is None:
                number = int(re.sub(r"^sip:49302(\d+)@.*", r"\1", message.uri))
                phone = self._by_call[is_near, call_id] = self.callees[number]
            elif self.refuses:
                ua.respond(message, 488)
                return
            elif (is_near, call_id, message.get("cseq")) not in self._answered:
                self.reinvites += 1
            self._answered.add((is_near, call_id, message.get("cseq")))
            phone.follow(message.body)
            ua.respond(message, 200, "OK", body=phone.sdp())
        elif message.method == "BYE":
            self.byes += 1
            ua.respond(message, 200, "OK")
            phone = self._by_call.get((is_near, call_id))
            if phone is not None:
                phone.destination = None
                self.dialogs.pop(phone.number, None)
        elif message.status == 200 and message.cseq_method == "INVITE":
            phone = self._by_call[is_near, call_id]
            if phone.number not in self.dialogs:
                self.dialogs[phone.number] = DialogOf.as_caller(message)
                phone.follow(message.body)
            ua.send(ua.in_dialog("ACK", self.dialogs[phone.number]))

    def _speak(self) -> None:
        bunch = max(1, len(self.phones) // 10)
        while self._is_open:
            began = time.monotonic()
            for start in range(0, len(self.phones), bunch):
                for phone in self.phones[start : start + bunch]:
                    phone.speak()
                time.sleep(PACE / (len(self.phones) / bunch))
            self.late = max(self.late, time.monotonic() - began - PACE)

    def _hear(self) -> None:
        with selectors.DefaultSelector() as selector:
            for phone in self.phones:
                selector.register(phone.socket, selectors.EVENT_READ, phone)
            while self._is_open:
                for key, _ in selector.select(0.1):
                    key.data.hear(time.monotonic())
