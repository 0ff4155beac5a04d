"""Stand-ins for what a worker drives and reports to: scripted, no sockets, no clock."""

from __future__ import annotations

from collections.abc import Callable

import rtpengine
from sbc.config import Config
from sbc.outputs import HandOver, Inquiry, Journal, Lookup, MediaCommand, Output, Record, TargetChanged
from sbc.records import Located
from sbc.sip import ParseError
from sbc.topology import DialogIds
from sbc.wire import Flow, Now

FLOW = Flow(0, "UDP", "192.0.2.1", 5060)
OTHER = Flow(0, "UDP", "192.0.2.2", 5060)


class FakeEngine:
    """Says what it was told to say; `heard` is every input in order."""

    def __init__(self) -> None:
        self.next_timer: float | None = None
        self.active_calls = 0
        self.is_leaving = False
        self.heard: list[tuple[object, ...]] = []
        self.says: dict[str, list[Output]] = {}
        self.raises: dict[str, Exception] = {}
        self.then: Callable[[], None] = lambda: None

    def _hear(self, name: str, *what: object) -> list[Output]:
        self.heard.append((name, *what))
        if name in self.raises:
            raise self.raises[name]
        self.then()
        return self.says.get(name, [])

    def start(self, now: Now) -> list[Output]:
        return self._hear("start")

    def receive_fault(self, error: ParseError, flow: Flow, now: Now) -> list[Output]:
        return self._hear("fault", error, flow)

    def receive(self, data: bytes, flow: Flow, now: Now) -> list[Output]:
        return self._hear("receive", data, flow)

    def take_over(
        self, call: str, record: bytes, data: bytes, flow: Flow, now: Now, *, is_back: bool = False
    ) -> list[Output]:
        return self._hear("take back" if is_back else "take over", call, record, data, flow)

    def inquire(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        self.heard.append(("inquire", sender, viewer))
        return [(ids, DialogIds("c", "l", "r")) for ids in questions]

    def inherit(self, call: str, record: bytes, now: Now) -> list[Output]:
        return self._hear("inherit", call, record)

    def read_notes(self, notes: bytes, now: Now) -> list[Output]:
        return self._hear("notes", notes)

    def give(self, most: int, now: Now) -> list[Output]:
        return self._hear("give", most)

    def unregister(self, now: Now) -> list[Output]:
        return self._hear("unregister")

    def told(self, number: int, told: list[tuple[DialogIds, DialogIds]], now: Now) -> list[Output]:
        return self._hear("told", number, told)

    def handle_timer(self, now: Now) -> list[Output]:
        return self._hear("timer", now.monotonic)

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None, now: Now) -> list[Output]:
        return self._hear("media reply", command_id, reply)

    def lookup_answer(self, lookup_id: int, located: Located, now: Now) -> list[Output]:
        return self._hear("lookup answer", lookup_id, located)

    def send_failed(self, flow: Flow, now: Now) -> list[Output]:
        return self._hear("send failed", flow)

    def hangup(self, call: str, now: Now) -> list[Output]:
        return self._hear("hangup", call)

    def measure(self, delay: float, now: Now) -> list[Output]:
        return self._hear("measure", delay)

    def adopt(self, kept: Journal, now: Now) -> list[Output]:
        return self._hear("adopt", kept)

    def media_health(self, engine: int, is_alive: bool, now: Now) -> list[Output]:
        return self._hear("media health", engine, is_alive)

    def media_lost(self, engine: int, silent: float, now: Now) -> list[Output]:
        return self._hear("media lost", engine)

    def media_known(
        self, engine: int, interfaces: frozenset[str], capabilities: rtpengine.Capabilities, now: Now
    ) -> list[Output]:
        return self._hear("media greeting", engine, interfaces)

    def media_listed(
        self, engine: int, listed: frozenset[str], uptime: float, is_complete: bool, now: Now
    ) -> list[Output]:
        return self._hear("media list", engine, listed, uptime, is_complete)

    def key_heard(self, session: str, tag: str, key: str, duration: int, now: Now) -> list[Output]:
        return self._hear("key", session, tag, key, duration)

    def media_timed_out(self, session: str, now: Now) -> list[Output]:
        return self._hear("media timeout", session)

    def switch_media(self, engine: str, is_enabled: bool, now: Now) -> list[Output]:
        return self._hear("media switch", engine, is_enabled)

    def switch_trunk(self, trunk: str, target: str, is_enabled: bool, now: Now) -> list[Output]:
        return self._hear("switch", trunk, target, is_enabled)

    def probe_trunk(self, trunk: str, target: str, now: Now) -> list[Output]:
        return self._hear("probe", trunk, target)

    def probe_heard(self, key: tuple[str, str, int, str], fault: str, answer: str, now: Now) -> list[Output]:
        return self._hear("probe heard", key, fault, answer)

    def drain(self, now: Now) -> list[Output]:
        return self._hear("drain")

    def swap(self, config: Config, now: Now) -> list[Output]:
        return self._hear("swap", config)


class FakeOutlets:
    """Keeps what was sent, asked and looked up; `on_send` is called within `send`, as a failing socket does."""

    def __init__(self) -> None:
        self.done: list[object] = []
        self.on_send: Callable[[Flow], None] = lambda flow: None
        self.has_room = True

    def send(self, data: bytes, flow: Flow) -> None:
        self.done.append((data, flow))
        self.on_send(flow)

    def ask(self, command: MediaCommand) -> None:
        self.done.append(command)

    def resolve(self, lookup: Lookup) -> None:
        self.done.append(lookup)

    def inquire(self, output: Inquiry) -> None:
        self.done.append(output)

    def hand_over(self, output: HandOver) -> bool:
        self.done.append(output)
        return self.has_room


class FakeAlarm:
    """Remembers the last deadline."""

    def __init__(self) -> None:
        self.deadline: float | None = None

    def set(self, deadline: float | None) -> None:
        self.deadline = deadline


class FakeStore:
    """Keeps records in a list."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.switches: list[tuple[str, str, str]] = []
        self.lost = 0

    def switch(self, change: TargetChanged) -> None:
        self.switches.append((change.trunk, change.target, change.state))

    def disabled(self) -> list[tuple[str, str]]:
        """Everything is in service."""
        return []

    def live(self) -> list[Journal]:
        """Nothing is left of an earlier process."""
        return []

    def flush(self) -> None:
        """Nothing waits."""

    def append(self, record: Record) -> None:
        self.records.append(record)

    def close(self) -> None:
        pass


class FakeLogger:
    """Keeps (level, event, fields)."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str, dict[str, object]]] = []

    def debug(self, event: str, **fields: object) -> None:
        self.lines.append(("debug", event, fields))

    def info(self, event: str, **fields: object) -> None:
        self.lines.append(("info", event, fields))

    def warning(self, event: str, **fields: object) -> None:
        self.lines.append(("warning", event, fields))

    def error(self, event: str, **fields: object) -> None:
        self.lines.append(("error", event, fields))

    def events(self) -> list[str]:
        return [event for _, event, _ in self.lines]
