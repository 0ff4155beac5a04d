"""A fixed script of inputs for one engine: calls from the first INVITE to the answered BYE, media anchored.

The bytes depend on what the engine mints, which the same key makes the same: `record` plays the peers once against an
engine and keeps every input; `play` gives them to a fresh engine with nothing of ours around them.
"""

from __future__ import annotations

from typing import Final

import rtpengine
from sbc.engine import Engine
from sbc.outputs import MediaCommand, Output, Transmit
from sbc.wire import Flow, Now
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, FakeMedia, config
from tests.kit.peer import sdp

_KEY: Final = bytes(range(32))
_CALLER: Final = Flow(OUTSIDE, "UDP", CARRIER, 5060)
_CALLEE: Final = Flow(INSIDE, "UDP", PBX, 5060)
_WALL: Final = 1_800_000_000.0
_RATE: Final = 500.0  # calls a second: the 32 s linger of transactions comes into play behind 16,000 calls


class Datagram:
    """One message in."""

    __slots__ = ("data", "flow", "now")

    def __init__(self, data: bytes, flow: Flow, now: Now) -> None:
        self.data = data
        self.flow = flow
        self.now = now


class MediaReply:
    """One answer of the media engine."""

    __slots__ = ("id", "now", "reply")

    def __init__(self, id_: int, reply: rtpengine.Reply | None, now: Now) -> None:
        self.id = id_
        self.reply = reply
        self.now = now


class Tick:
    """The alarm."""

    __slots__ = ("now",)

    def __init__(self, now: Now) -> None:
        self.now = now


Input = Datagram | MediaReply | Tick


def engine() -> Engine:
    """The engine that every script is played to: anchoring, audit in the default mode."""
    return Engine(config(mode="anchor"), _KEY, Now(0.0, _WALL))


def play(target: Engine, inputs: list[Input]) -> None:
    """Nothing but the engine's work."""
    for one in inputs:
        if isinstance(one, Datagram):
            target.receive(one.data, one.flow, one.now)
        elif isinstance(one, MediaReply):
            target.media_reply(one.id, one.reply, one.now)
        else:
            target.handle_timer(one.now)


def record(calls: int, *, hang_up: bool = True, linger: float = 0.0) -> list[Input]:
    """Every input of so many calls, one after the other, and of the timers in the `linger` seconds behind them."""
    recorder = _Recorder()
    for number in range(calls):
        recorder.call(number, hang_up)
    recorder.wait(linger)
    return recorder.inputs


def position(inputs: list[Input], number: int) -> int:
    """Where the inputs of call `number` begin."""
    start = _Head(number).request("INVITE", f"sip:service@{CARRIER}", 1)[:150]
    return next(i for i, one in enumerate(inputs) if isinstance(one, Datagram) and one.data.startswith(start))


class _Recorder:
    """Plays SIPp's part on both sides, and the media engine's."""

    def __init__(self) -> None:
        self.inputs: list[Input] = []
        self._engine = engine()
        self._media = FakeMedia()
        self._now = Now(0.0, _WALL)

    def call(self, number: int, hang_up: bool) -> None:
        """One call, ended or left standing."""
        time = number / _RATE
        self._now = Now(time, _WALL + time)
        offer, answer = sdp(CARRIER), sdp(PBX)
        head = _Head(number)
        sent = self._feed(head.request("INVITE", f"sip:service@{CARRIER}", 1, offer), _CALLER)
        invite = _first(sent, b"INVITE")
        self._feed(_response(invite, "180 Ringing", number), _CALLEE)
        ok = _first(self._feed(_response(invite, "200 OK", number, answer), _CALLEE), b"SIP/2.0 200")
        head.to = _value(ok, "To")
        target = _value(ok, "Contact")[1:-1]
        self._feed(head.request("ACK", target, 1), _CALLER)
        if hang_up:
            self._bye(head, target, number)
        self._ring()

    def _bye(self, head: _Head, target: str, number: int) -> None:
        bye = _first(self._feed(head.request("BYE", target, 2), _CALLER), b"BYE")
        self._feed(_response(bye, "200 OK", number), _CALLEE)

    def wait(self, seconds: float) -> None:
        """Let time pass, timer by timer."""
        end = self._now.monotonic + seconds
        while (due := self._engine.next_timer) is not None and due <= end:
            self._now = Now(due, _WALL + due)
            self._ring()

    def _ring(self) -> None:
        while (due := self._engine.next_timer) is not None and due <= self._now.monotonic:
            self.inputs.append(Tick(self._now))
            self._act(self._engine.handle_timer(self._now))

    def _feed(self, data: bytes, flow: Flow) -> list[bytes]:
        self.inputs.append(Datagram(data, flow, self._now))
        return self._act(self._engine.receive(data, flow, self._now))

    def _act(self, outputs: list[Output]) -> list[bytes]:
        sent: list[bytes] = []
        for output in outputs:
            if isinstance(output, Transmit):
                sent.append(output.data)
            elif isinstance(output, MediaCommand):
                reply = self._media(output.command)
                self.inputs.append(MediaReply(output.id, reply, self._now))
                sent += self._act(self._engine.media_reply(output.id, reply, self._now))
        return sent


class _Head:
    """What the caller's requests of one call have in common."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._from = f"sipp <sip:sipp@{CARRIER}:5060>;tag=4242SIPpTag00{number}"
        self.to = f"service <sip:service@{CARRIER}:5060>"

    def request(self, method: str, uri: str, cseq: int, body: bytes = b"") -> bytes:
        """One request as SIPp writes it."""
        number = self._number
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/UDP {CARRIER}:5060;branch=z9hG4bK-4242-{number}-{cseq}{len(method)}",
            f"From: {self._from}",
            f"To: {self.to}",
            f"Call-ID: {number}-4242@{CARRIER}",
            f"CSeq: {cseq} {method}",
            f"Contact: sip:sipp@{CARRIER}:5060",
            "Max-Forwards: 70",
            "Subject: Performance Test",
        ]
        return _message(lines, body)


def _response(request: bytes, status: str, number: int, body: bytes = b"") -> bytes:
    to = _value(request, "To")
    lines = [
        f"SIP/2.0 {status}",
        *[f"{name}: {_value(request, name)}" for name in ("Via", "From", "Call-ID", "CSeq")],
        f"To: {to}" if ";tag=" in to else f"To: {to};tag=4343SIPpTag01{number}",
        f"Contact: <sip:{PBX}:5060;transport=UDP>",
    ]
    return _message(lines, body)


def _message(lines: list[str], body: bytes) -> bytes:
    if body:
        lines.append("Content-Type: application/sdp")
    return ("\r\n".join([*lines, f"Content-Length: {len(body)}"]) + "\r\n\r\n").encode() + body


def _first(sent: list[bytes], start: bytes) -> bytes:
    return next(data for data in sent if data.startswith(start))


def _value(message: bytes, name: str) -> str:
    start = message.index(f"\r\n{name}: ".encode()) + len(name) + 4
    return message[start : message.index(b"\r\n", start)].decode()
