"""One process, one event loop, one engine: the only place where machines meet sockets and clocks.

The run loop, numbered as the code below:

1. an input comes in: a message, a timer, a media reply, an address, something undeliverable, an operator's command;
2. the engine takes it and returns a list of outputs;
3. every output is acted on before the next input (what cannot be sent meanwhile is noted, an input for later);
4. when a wake-up's inputs are done, the alarm is set to the engine's next deadline.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial
from typing import Final, Protocol

import rtpengine
from sbc.config import Config
from sbc.journal import Store
from sbc.outputs import (
    SUCCESSOR,
    CallEnded,
    CallMeasured,
    Dropped,
    DropReason,
    HandOver,
    Inquiry,
    Journal,
    Lookup,
    MediaCommand,
    Output,
    TargetChanged,
    Transmit,
)
from sbc.records import Located
from sbc.sip import ParseError
from sbc.telemetry import Telemetry
from sbc.topology import DialogIds
from sbc.wire import Flow, Now

FAILURES: Final = 256
"""Failed sends handled in one wake-up; the rest wait for the next, so that a dead network cannot hold the loop."""

NOTED: Final = 8192
"""Peers whose failures may wait to be told to the engine."""

PAUSE: Final = 0.25
"""Seconds before a timer that raised is tried again: a bug must not become a spin."""


class Drivable(Protocol):
    """The engine as its driver sees it."""

    @property
    def next_timer(self) -> float | None:
        """The earliest deadline on the monotonic clock."""

    @property
    def active_calls(self) -> int:
        """Calls that are not over."""

    @property
    def is_leaving(self) -> bool:
        """True while what was asked of others at the end is not answered."""

    def start(self, now: Now) -> list[Output]:
        """Before the first message: names to look up."""

    def adopt(self, kept: Journal, now: Now) -> list[Output]:
        """A call of a process that is gone."""

    def receive(self, data: bytes, flow: Flow, now: Now) -> list[Output]:
        """A message."""

    def receive_fault(self, error: ParseError, flow: Flow, now: Now) -> list[Output]:
        """What a stream's framing could not cut a message from."""

    def take_over(
        self, call: str, record: bytes, data: bytes, flow: Flow, now: Now, *, is_back: bool = False
    ) -> list[Output]:
        """A call that another worker gives us, or one of ours that had no room there, and the message it went for."""

    def inherit(self, call: str, record: bytes, now: Now) -> list[Output]:
        """A call of the process before us, or one of ours that the next one had no room for."""

    def read_notes(self, notes: bytes, now: Now) -> list[Output]:
        """What the process before us knows beside calls."""

    def give(self, most: int, now: Now) -> list[Output]:
        """Calls that rest go to the next process."""

    def unregister(self, now: Now) -> list[Output]:
        """Our bindings at trunks are given back."""

    def inquire(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        """What another worker asks for."""

    def told(self, number: int, told: list[tuple[DialogIds, DialogIds]], now: Now) -> list[Output]:
        """What another worker was asked for."""

    def handle_timer(self, now: Now) -> list[Output]:
        """What is due."""

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None, now: Now) -> list[Output]:
        """The media engine's answer; None: unreachable."""

    def lookup_answer(self, lookup_id: int, located: Located, now: Now) -> list[Output]:
        """Where a name leads."""

    def send_failed(self, flow: Flow, now: Now) -> list[Output]:
        """What went to this flow did not arrive."""

    def hangup(self, call: str, now: Now) -> list[Output]:
        """End one call from here."""

    def measure(self, delay: float, now: Now) -> list[Output]:
        """How long messages wait for their turn."""

    def media_health(self, engine: int, is_alive: bool, now: Now) -> list[Output]:
        """A media engine answered a ping, or did not."""

    def media_lost(self, engine: int, silent: float, now: Now) -> list[Output]:
        """A media engine is gone, for `silent` seconds already."""

    def media_known(
        self, engine: int, interfaces: frozenset[str], capabilities: rtpengine.Capabilities, now: Now
    ) -> list[Output]:
        """What a media engine has."""

    def media_listed(
        self, engine: int, listed: frozenset[str], uptime: float, is_complete: bool, now: Now
    ) -> list[Output]:
        """What a media engine holds."""

    def media_timed_out(self, session: str, now: Now) -> list[Output]:
        """A media engine has given up a session."""

    def key_heard(self, session: str, tag: str, key: str, duration: int, now: Now) -> list[Output]:
        """A media engine has heard a party press a key."""

    def switch_media(self, engine: str, is_enabled: bool, now: Now) -> list[Output]:
        """New sessions for a media engine, or none."""

    def switch_trunk(self, trunk: str, target: str, is_enabled: bool, now: Now) -> list[Output]:
        """A trunk, or one target of it, in or out of service."""

    def probe_trunk(self, trunk: str, target: str, now: Now) -> list[Output]:
        """Ask its targets whether they live."""

    def probe_heard(self, key: tuple[str, str, int, str], fault: str, answer: str, now: Now) -> list[Output]:
        """What another worker has found of a target."""

    def drain(self, now: Now) -> list[Output]:
        """Refuse new calls from now on."""

    def swap(self, config: Config, now: Now) -> list[Output]:
        """New calls run on this configuration."""


class Outlets(Protocol):
    """Where outputs go that are not events. None of these may raise or wait."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Transmit one message."""

    def ask(self, command: MediaCommand) -> None:
        """Put a command to a media engine; the answer comes to `Worker.media_reply`."""

    def resolve(self, lookup: Lookup) -> None:
        """Look a name up; the answer comes to `Worker.lookup_answer`."""

    def hand_over(self, output: HandOver) -> bool:
        """Give a message, and perhaps its call, to another worker; False where it cannot be given."""

    def inquire(self, output: Inquiry) -> None:
        """Ask another worker; the answer comes to `Worker.told`."""


class Alarm(Protocol):
    """One wake-up call."""

    def set(self, deadline: float | None) -> None:
        """Ring at this monotonic time; a ring that comes too early does no harm. None: silence is fine."""


def system_clock() -> Now:
    """Both clocks of this machine."""
    return Now(time.monotonic(), time.time())


class Worker:
    """Drives one engine. It is the transports' `Receiver`; `connect` says where outputs go, before the first input."""

    def __init__(
        self, engine: Drivable, telemetry: Telemetry, store: Store, clock: Callable[[], Now] = system_clock
    ) -> None:
        self.drained: Final = asyncio.Event()
        self._engine: Final = engine
        self._telemetry: Final = telemetry
        self._store: Final = store
        self._clock: Final = clock
        self._undelivered: Final[deque[Flow]] = deque()
        self._noted: Final[set[Flow]] = set()  # the same ones
        self._returned: Final[deque[HandOver]] = deque()
        self._outlets: Outlets | None = None
        self._alarm: Alarm | None = None
        self._is_draining = False
        self._quiet_until = 0.0
        self.over: set[str] | None = None
        """Calls that have ended here, where somebody wants to know: the journal may not know yet."""

    def connect(self, outlets: Outlets, alarm: Alarm) -> None:
        """Say where outputs go and who rings."""
        self._outlets = outlets
        self._alarm = alarm

    # 1. Inputs.

    def start(self) -> None:
        """Let the engine say what it needs before the first message."""
        now = self._clock()
        self._act(self._engine.start(now), now)

    def adopt(self, left: Iterable[Journal]) -> None:
        """Go on with the calls of a process that is gone; before the first message. A bug costs the call it meets."""
        for kept in left:
            self._input("adopt", partial(self._engine.adopt, kept))

    def receive(self, data: bytes, flow: Flow) -> None:
        """A message. A bug that it meets costs this message and nothing else."""
        now = self._clock()
        try:
            self._act(self._engine.receive(data, flow, now), now)
        except Exception as error:
            self._telemetry.record(Dropped(DropReason.INTERNAL, flow, type(error).__name__), now.monotonic)
            self._telemetry.failure("receive", error, now.monotonic, peer=flow.host, data=repr(data[:300]))

    def malformed(self, error: ParseError, flow: Flow) -> None:
        """Bytes of a stream that no message can be cut from."""
        now = self._clock()
        self._act(self._engine.receive_fault(error, flow, now), now)

    def take_over(self, call: str, record: bytes, data: bytes, flow: Flow) -> None:
        """A call that another worker gives us, and the message that it came for."""
        self._input("take over", lambda now: self._engine.take_over(call, record, data, flow, now))

    def inherit(self, call: str, record: bytes) -> None:
        """A call of the process before us."""
        self._input("inherit", lambda now: self._engine.inherit(call, record, now))

    def read_notes(self, notes: bytes) -> None:
        """What the process before us knows beside calls."""
        self._input("notes", lambda now: self._engine.read_notes(notes, now))

    def give(self, most: int) -> None:
        """Calls that rest go to the next process, so many at most."""
        self._input("give", lambda now: self._engine.give(most, now))
        self.settle()

    def unregister(self) -> None:
        """Give our bindings at trunks back: the next process has its own."""
        self._input("unregister", self._engine.unregister)
        self.settle()

    def inquire(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        """What another worker asks for: dialogs as a viewer has them."""
        return self._engine.inquire(sender, viewer, questions)

    def told(self, number: int, told: list[tuple[DialogIds, DialogIds]]) -> None:
        """What another worker was asked for."""
        self._input("told", lambda now: self._engine.told(number, told, now))

    def ring(self) -> None:
        """The alarm."""
        now = self._clock()
        deadline = self._engine.next_timer
        if deadline is not None and deadline <= now.monotonic + 0.001:  # loops wake up to one tick early
            if deadline > now.monotonic:
                now = Now(deadline, now.wall)
            if not self._input("timer", self._engine.handle_timer, now):
                self._quiet_until = now.monotonic + PAUSE
        self.settle()

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None) -> None:
        """A media engine's answer, or None where there was none."""
        self._input("media reply", lambda now: self._engine.media_reply(command_id, reply, now))
        self.settle()

    def lookup_answer(self, lookup_id: int, located: Located) -> None:
        """The servers found."""
        self._input("lookup answer", lambda now: self._engine.lookup_answer(lookup_id, located, now))
        self.settle()

    def undeliverable(self, flow: Flow, reason: str) -> None:
        """Noted now, told to the engine by `settle`: the outputs at hand come first."""
        now = self._clock().monotonic
        self._telemetry.undeliverable(flow.host, flow.port, flow.transport, reason, now)
        if flow in self._noted:
            return
        if len(self._noted) < NOTED:
            self._noted.add(flow)
            self._undelivered.append(flow)
        else:  # what was sent there times out by itself
            self._telemetry.record(Dropped(DropReason.SEND_FAILED, flow, "too many failures at once"), now)

    def handshake_failed(self, flow: Flow, reason: str, certificate: str) -> None:
        """A TLS client was turned away: a log line, and nothing to the engine."""
        self._telemetry.handshake_failed(flow, reason, certificate, self._clock().monotonic)

    def connection_ended(self, flow: Flow, reason: str) -> None:
        """A stream connection was closed from here, or not taken: a log line; calls on it are told by their sends."""
        self._telemetry.connection_ended(flow.host, flow.port, flow.transport, reason, self._clock().monotonic)

    def hangup(self, call: str) -> None:
        """End one call."""
        self._input("hangup", lambda now: self._engine.hangup(call, now))
        self.settle()

    def measure(self, delay: float) -> None:
        """How long messages wait for their turn now, in seconds: new calls are refused before that grows."""
        self._input("measure", lambda now: self._engine.measure(delay, now))

    def media_health(self, engine: int, is_alive: bool) -> None:
        """A media engine answered a ping, or did not."""
        self._input("media health", lambda now: self._engine.media_health(engine, is_alive, now))

    def media_lost(self, engine: int, silent: float = 0.0) -> None:
        """A media engine is gone, for `silent` seconds already: calls on it move to another one."""
        self._input("media lost", lambda now: self._engine.media_lost(engine, silent, now))
        self.settle()

    def media_known(self, engine: int, interfaces: frozenset[str], capabilities: rtpengine.Capabilities) -> None:
        """A media engine's interfaces and abilities: new sessions go to who has what they need."""
        self._input("media greeting", lambda now: self._engine.media_known(engine, interfaces, capabilities, now))

    def media_listed(self, engine: int, listed: frozenset[str], uptime: float, is_complete: bool) -> None:
        """The sessions that a media engine holds: those of no call are deleted, calls without theirs end or move."""
        self._input("media list", lambda now: self._engine.media_listed(engine, listed, uptime, is_complete, now))
        self.settle()

    def media_timed_out(self, session: str) -> None:
        """A media engine has given up a session: its call ends."""
        self._input("media timeout", lambda now: self._engine.media_timed_out(session, now))
        self.settle()

    def key_heard(self, session: str, tag: str, key: str, duration: int) -> None:
        """A media engine has heard a party press a key."""
        self._input("key", lambda now: self._engine.key_heard(session, tag, key, duration, now))
        self.settle()

    def switch_media(self, engine: str, is_enabled: bool) -> None:
        """New sessions for a media engine, or none; those it has go on."""
        self._input("media switch", lambda now: self._engine.switch_media(engine, is_enabled, now))

    def switch_trunk(self, trunk: str, target: str, is_enabled: bool) -> None:
        """A trunk, or one target of it, in or out of service."""
        self._input("trunk", lambda now: self._engine.switch_trunk(trunk, target, is_enabled, now))
        self.settle()

    def probe_trunk(self, trunk: str, target: str) -> None:
        """Ask its targets whether they live."""
        self._input("probe", lambda now: self._engine.probe_trunk(trunk, target, now))
        self.settle()

    def probe_heard(self, key: tuple[str, str, int, str], fault: str, answer: str) -> None:
        """What another worker has found of a target."""
        self._input("probe heard", lambda now: self._engine.probe_heard(key, fault, answer, now))
        self.settle()

    def drain(self) -> None:
        """Refuse new calls; `drained` is set once the last call is over, at once where there is none."""
        self._is_draining = True
        self._input("drain", self._engine.drain)
        self.settle()

    def swap(self, config: Config) -> None:
        """Run new calls on this configuration."""
        self._input("swap", lambda now: self._engine.swap(config, now))
        self.settle()

    # 2. and 3. The engine, and its outputs.

    def _input(self, what: str, step: Callable[[Now], list[Output]], now: Now | None = None) -> bool:
        now = now or self._clock()
        try:
            self._act(step(now), now)
        except Exception as error:
            self._telemetry.failure(what, error, now.monotonic)
            return False
        return True

    def _act(self, outputs: Iterable[Output], now: Now) -> None:
        outlets = self._outlets
        assert outlets is not None, "connect comes first"
        for output in outputs:
            match output:
                case Transmit():
                    outlets.send(output.data, output.flow)
                case MediaCommand():
                    outlets.ask(output)
                case Lookup():
                    outlets.resolve(output)
                case HandOver():
                    if not outlets.hand_over(output) and output.record:
                        self._returned.append(output)
                case Inquiry():
                    outlets.inquire(output)
                case Journal():
                    self._store.append(output)
                case TargetChanged() if output.state in ("disabled", "enabled"):
                    self._store.switch(output)
                    self._telemetry.record(output, now.monotonic)
                case CallEnded() | CallMeasured():
                    self._store.append(output)
                    if self.over is not None:
                        self.over.add(output.call)
                    self._telemetry.record(output, now.monotonic)
                case _:
                    self._telemetry.record(output, now.monotonic)

    # 4. The end of a wake-up.

    def settle(self) -> None:
        """Tell the engine what could not be delivered, then set the alarm."""
        while self._returned:
            kept = self._returned.popleft()
            self._take_back(kept)
        undelivered = self._undelivered
        for _ in range(min(FAILURES, len(undelivered)) if undelivered else 0):
            flow = undelivered.popleft()
            self._noted.discard(flow)
            self._send_failed(flow)
        assert self._alarm is not None, "connect comes first"
        deadline = self._clock().monotonic if undelivered else self._engine.next_timer
        self._alarm.set(None if deadline is None else max(deadline, self._quiet_until))
        if self._is_draining and not self._engine.active_calls and not self._engine.is_leaving:
            self.drained.set()

    def _take_back(self, kept: HandOver) -> None:
        call, record, data, flow = kept.call, kept.record, kept.data, kept.flow
        if kept.slot == SUCCESSOR:
            self.inherit(call, record)
            return
        self._input("take back", lambda now: self._engine.take_over(call, record, data, flow, now, is_back=True))

    def _send_failed(self, flow: Flow) -> None:
        self._input("send failed", lambda now: self._engine.send_failed(flow, now))


class LoopAlarm:
    """An alarm on an asyncio loop, armed anew only for an earlier deadline: most move later, and rings are cheap."""

    __slots__ = ("_armed", "_handle", "_loop", "_ring")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], None]) -> None:
        self._loop: Final = loop
        self._ring: Final = ring
        self._armed = 0.0
        self._handle: asyncio.TimerHandle | None = None

    def set(self, deadline: float | None) -> None:
        """Ring at `deadline`, which is on the loop's clock (`time.monotonic`)."""
        if deadline is None or (self._handle is not None and self._armed <= deadline):
            return
        self.cancel()
        self._armed = deadline
        self._handle = self._loop.call_at(deadline, self._fire)

    def cancel(self) -> None:
        """Silence."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _fire(self) -> None:
        self._handle = None
        self._ring()
