"""`python -m tests.bench.sessions [--calls N] [--engine embedded|rtpengine]`: sessions left in the media engine after
calls of every ending.

Two scripted user agents make anchored calls that end in turn by each of `ENDINGS`; now and then the node is killed with
calls up and started again. At the end the engine is asked what it still holds, which has to be nothing. Exit 1 if it
holds something, or if calls ended otherwise than meant.
"""

from __future__ import annotations

import argparse
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import rtpengine
from tests.rig.namespaces import entered
from tests.rig.needs import lacking
from tests.rig.node import node_file
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.rtpengine import Rtpengine
from tests.rig.ua import DialogOf, Message

ENDINGS: Final = (
    "caller hangs up",
    "callee hangs up",
    "both hang up at once",
    "cancelled while it rings",
    "cancelled with early media",
    "busy",
    "declined after early media",
    "offer that no engine takes",
    "answer without media",
    "re-INVITE refused, then BYE",
    "caller vanishes before its ACK",
    "callee says nothing",
)
FLIGHT: Final = 60
"""Calls at a time; those that wait for a timer come on top."""
SWEEP: Final = 2
TIMERS: Final = {"t1": 0.1, "t2": 0.4}
_NUMBER: Final = re.compile(r"49302(\d+)@")


class Driver:
    """Both ends of all calls. A call's number says how it ends."""

    def __init__(self, rig: Rig) -> None:
        self.near: Final = rig.ua(OUTSIDE, call=True)
        self.far: Final = rig.ua(INSIDE, call=False)
        for ua in (self.near, self.far):
            ua._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.open: Final[dict[int, float]] = {}
        self.dialogs: Final[dict[int, DialogOf]] = {}
        self.invites: Final[dict[int, Message]] = {}
        self.by_call: Final[dict[str, int]] = {}
        self.requests: Final[dict[int, str]] = {}
        self.ended: Final[Counter[str]] = Counter()
        self.odd: Final[Counter[str]] = Counter()

    def ending(self, number: int) -> str:
        """How this call is meant to end."""
        return ENDINGS[number % len(ENDINGS)]

    def begin(self, number: int) -> None:
        """The caller's INVITE."""
        uri = f"sip:49302{number:06d}@{OUTSIDE.node_address}"
        body = self.near.sdp(20000 + number % 1000 * 2)
        if self.ending(number) == "offer that no engine takes":
            body = body.replace("RTP/AVP", "x").replace("m=audio", "m=")
        call_id = f"sessions-{number}@{self.near.host}"
        text = self.near.request("INVITE", uri, call_id=call_id, body=body, tag=f"near{number}")
        self.by_call[call_id] = number
        self.requests[number] = text
        self.open[number] = time.monotonic()
        self.near.send(text)

    def work(self, seconds: float) -> None:
        """Whatever comes within this time."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            for ua, take in ((self.near, self._near), (self.far, self._far)):
                message = ua.receive(min(left, 0.002))
                while message is not None:
                    take(message)
                    message = ua.receive(0.0)
                ua.heard.clear()

    def forget(self) -> None:
        """The node was killed: nothing more will come of these."""
        self.ended["node killed"] += len(self.open)
        self.open.clear()

    def _end(self, number: int, how: str = "") -> None:
        if self.open.pop(number, None) is None:
            return
        meant = self.ending(number)
        self.ended[meant] += 1
        if how and how != meant:
            self.odd[f"{meant}: {how}"] += 1

    # The caller

    def _near(self, message: Message) -> None:
        number = self.by_call.get(message.get("call-id"), -1)
        ending = self.ending(number)
        if message.method == "BYE":
            self.near.respond(message, 200, "OK")
            self._end(number)
        elif message.cseq_method == "BYE" and message.status >= 200:
            self._end(number)
        elif message.cseq_method != "INVITE" or message.method or message.status < 180:
            return
        elif message.status < 200:
            if ending.startswith("cancelled"):
                self._cancel(number, message)
        elif message.status >= 300:
            self._refused(number, message)
        elif ending != "caller vanishes before its ACK":
            self._answered(number, message)

    def _answered(self, number: int, message: Message) -> None:
        dialog = self.dialogs.get(number)
        is_new = dialog is None
        if dialog is None:
            dialog = self.dialogs[number] = DialogOf.as_caller(message)
        self.near.send(self.near.in_dialog("ACK", dialog))
        ending = self.ending(number)
        if not is_new:
            return
        if ending in ("caller hangs up", "both hang up at once", "answer without media"):
            self.near.send(self.near.in_dialog("BYE", dialog))
        elif ending == "re-INVITE refused, then BYE":
            self.near.send(self.near.in_dialog("INVITE", dialog, body=self.near.sdp(30000, version=2)))

    def _refused(self, number: int, message: Message) -> None:
        dialog = self.dialogs.get(number)
        if dialog is not None:  # of the re-INVITE
            self.near.send(self.near.in_dialog("ACK", dialog, branch=_branch(message)))
            self.near.send(self.near.in_dialog("BYE", dialog))
            return
        invite = self.requests[number]
        text = invite.partition("\r\n\r\n")[0].replace("INVITE", "ACK")
        text = re.sub(r"\r\nTo: [^\r]*", f"\r\nTo: {message.get('to')}", text)
        text = re.sub(r"\r\nContent-(Type|Length): [^\r]*", "", text)
        self.near.send(text + "\r\nContent-Length: 0\r\n\r\n")
        self._end(number)

    def _cancel(self, number: int, message: Message) -> None:
        text = self.requests[number].partition("\r\n\r\n")[0].replace("INVITE", "CANCEL")
        text = re.sub(r"\r\nCo[^\r]*-(Type|Length): [^\r]*", "", text)
        self.near.send(text.replace(f"sip:CANCEL{number}", "") + "\r\nContent-Length: 0\r\n\r\n")

    # The callee

    def _far(self, message: Message) -> None:
        found = _NUMBER.search(message.get("to") + message.uri) or _NUMBER.search(message.get("from"))
        number = int(found[1]) if found else -1
        ending = self.ending(number)
        if message.method == "INVITE":
            self._called(number, message, ending)
        elif message.method == "CANCEL":
            self.far.respond(message, 200, "OK")
            if number in self.invites:
                self.far.respond(self.invites[number], 487, tag=f"far{number}")
        elif message.method == "BYE":
            self.far.respond(message, 200, "OK")
            if ending == "caller vanishes before its ACK":
                self._end(number)
        elif message.method == "ACK" and ending in ("callee hangs up", "both hang up at once"):
            invite = self.invites.get(number)
            if invite is not None and number in self.open:
                self.far.send(self.far.in_dialog("BYE", DialogOf.as_callee(invite, f"far{number}")))

    def _called(self, number: int, message: Message, ending: str) -> None:
        tag = f"far{number}"
        if ";tag=" in message.get("to"):
            self.far.respond(message, 488)
            return
        self.invites[number] = message
        body = self.far.sdp(20000 + number % 1000 * 2)
        if ending == "callee says nothing":
            return
        if ending in ("cancelled with early media", "declined after early media"):
            self.far.respond(message, 183, tag=tag, body=body)
        elif ending == "cancelled while it rings":
            self.far.respond(message, 180, tag=tag)
        if ending.startswith("cancelled"):
            return
        if ending == "busy":
            self.far.respond(message, 486, tag=tag)
        elif ending == "declined after early media":
            self.far.respond(message, 603, tag=tag)
        elif ending == "answer without media":
            self.far.respond(message, 200, "OK", tag=tag)
        else:
            self.far.respond(message, 200, "OK", tag=tag, body=body)


def _branch(message: Message) -> str:
    return message.get("via").partition("branch=")[2].partition(";")[0]


class Engine:
    """Whom the node has its sessions at: asked from outside what is left."""

    def __init__(self, rig: Rig, kind: str) -> None:
        self._rig: Final = rig
        self.daemon: Final = Rtpengine(rig.work(), rig.network.node) if kind == "rtpengine" else None

    def config(self) -> Callable[..., str]:
        """The node's file."""
        engine = self.daemon.ng if self.daemon is not None else ""
        return lambda state: node_file(state=state, engine=engine, timers=TIMERS).replace(
            "[media]\n", f"[media]\nsweep = {SWEEP}\n"
        )

    def sessions(self) -> list[str]:
        """What it holds."""
        port = int(self.daemon.ng.rpartition(":")[2]) if self.daemon is not None else 0
        port = port or self._rig.node.ask("GET", "/status")["media"]["embedded"]["port"]
        with entered(self._rig.network.node):
            sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with sock:
            sock.settimeout(5)
            cookie = f"left{time.monotonic()}".encode()
            sock.sendto(rtpengine.encode_request(cookie, rtpengine.List(1000)), ("127.0.0.1", port))
            return list(rtpengine.read_calls(rtpengine.decode_reply(sock.recv(65535))[1]))

    def stop(self) -> None:
        """End the daemon."""
        if self.daemon is not None:
            self.daemon.stop()


@contextmanager
def engine_of(rig: Rig, kind: str) -> Iterator[Engine]:
    """The engine, ended again."""
    engine = Engine(rig, kind)
    try:
        yield engine
    finally:
        engine.stop()


def run(rig: Rig, engine: Engine, calls: int, kills: int) -> tuple[Driver, int]:
    """Make the calls, killing the node so many times meanwhile; the driver, and the sessions that are left."""
    rig.start(engine.config())
    driver = Driver(rig)
    kill_at = {calls * turn // (kills + 1) for turn in range(1, kills + 1)}
    for number in range(calls):
        driver.begin(number)
        driver.work(0.002)
        while len([one for one in driver.open if driver.ending(one) not in ENDINGS[-2:]]) >= FLIGHT:
            driver.work(0.01)
        if number in kill_at:
            rig.restart()
            driver.forget()
    deadline = time.monotonic() + 60
    while driver.open and time.monotonic() < deadline:
        driver.work(0.1)
    for number in list(driver.open):
        driver.odd[f"{driver.ending(number)}: not ended"] += 1
    rig.node.wait_idle(60)
    deadline = time.monotonic() + 6 * SWEEP
    while (left := len(engine.sessions())) and time.monotonic() < deadline:
        time.sleep(0.2)
    return driver, left


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sessions", description=__doc__)
    parser.add_argument("--calls", type=int, default=10000)
    parser.add_argument("--kills", type=int, default=3, help="how often the node is killed with calls up")
    parser.add_argument("--engine", choices=("embedded", "rtpengine"), default="rtpengine")
    arguments = parser.parse_args()
    if reason := lacking(*(["rtpengine"] if arguments.engine == "rtpengine" else [])):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    began = time.monotonic()
    with Rig(taps=False) as rig, engine_of(rig, arguments.engine) as engine:
        driver, left = run(rig, engine, arguments.calls, arguments.kills)
        media = rig.node.ask("GET", "/status")["engine"]["media"]
    for ending, count in sorted(driver.ended.items()):
        print(f"{count:7d}  {ending}")
    for odd, count in sorted(driver.odd.items()):
        print(f"{count:7d}  otherwise than meant: {odd}")
    seconds = time.monotonic() - began
    print(f"{sum(driver.ended.values())} calls in {seconds:.0f} s; orphans deleted after kills: {media['orphans']}")
    print(f"sessions left in the {arguments.engine} engine: {left}")
    return 1 if left or driver.odd else 0


if __name__ == "__main__":
    sys.exit(main())
