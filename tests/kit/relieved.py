"""The kit's node while one process makes room for the next: `engine` is the one that reads, `next` stands behind it."""

from __future__ import annotations

from sbc.config import Config
from sbc.engine import Engine
from sbc.outputs import SUCCESSOR, HandOver, MediaCommand, Output
from sbc.wire import Flow
from tests.kit.node import Node


class Relieved(Node):
    """`begin` starts the next process, `settle` has calls that rest go there, `finish` ends the one before."""

    def __init__(self, settings: Config | None = None) -> None:
        super().__init__(settings)
        self.front = self.engine
        self.next: Engine | None = None
        self.passed: list[bytes] = []
        self.has_room = True

    def begin(self) -> None:
        """The next one is there, and the first one hands on what is not its own."""
        self.starts += 1
        self.next = Engine(self.config, self.starts.to_bytes(2) + bytes(30), self.now)
        self.next.relief.read(self.front.relief.notes())
        self.front.relief.leave()

    def settle(self) -> None:
        """Calls that rest go to the next one."""
        self.of(self.front, self.front.give(100, self.now))

    def finish(self) -> None:
        """The first one is done."""
        assert self.next is not None
        assert self.front.relief.is_empty
        self.next.relief.read(self.front.relief.notes())
        self.engine, self.front, self.next = self.next, self.next, None

    def of(self, engine: Engine, outputs: list[Output]) -> None:
        """Act on what one of the two says; replies to its media commands are its own."""
        before, self.engine = self.engine, engine
        try:
            self.act(outputs)
        finally:
            self.engine = before

    def act(self, outputs: list[Output]) -> None:
        """As the node with one engine; what is handed on goes to the next one."""
        for output in outputs:
            if isinstance(output, HandOver):
                assert output.slot == SUCCESSOR
                self._pass(output)
            elif isinstance(output, MediaCommand) and self.media is not None:
                reply = self.media(output.command)
                self.act(self.engine.media_reply(output.id, reply, self.now))
            else:
                super().act([output])

    def _pass(self, output: HandOver) -> None:
        taker = self.next
        assert taker is not None
        if output.record and not self.has_room:
            self.act(self.engine.inherit(output.call, output.record, self.now))
        elif output.record:
            self.of(taker, taker.inherit(output.call, output.record, self.now))
        else:
            self.passed.append(output.data)
            self.of(taker, taker.receive(output.data, output.flow, self.now))

    def carry(self, data: bytes, flow: Flow) -> None:
        """A datagram arrives: the first one reads it."""
        self.of(self.front, self.front.receive(data, flow, self.now))

    def advance(self, seconds: float) -> None:
        """Let virtual time pass in both."""
        end = self.time + seconds
        while True:
            both = [one for one in (self.front, self.next) if one is not None]
            due = [(one.next_timer, at) for at, one in enumerate(both) if one.next_timer is not None]
            if not due or min(due)[0] > end:
                break
            when, at = min(due)
            self.time = max(self.time, when)
            self.of(both[at], both[at].handle_timer(self.now))
        self.time = end

    def holders(self) -> tuple[int, int]:
        """How many calls the first one has, and the next one."""
        return self.front.active_calls, self.next.active_calls if self.next is not None else 0
