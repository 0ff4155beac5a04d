"""A wire that loses, delays, repeats and reorders on a seed, and the virtual clock everything on it shares."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

from sbc.outputs import CallEnded, Event, Journal, Leaked, MediaCommand, Output, Transmit
from sbc.wire import Flow
from tests.kit.node import FakeMedia, Node
from tests.kit.referee import Referee


class Chaos:
    """The node of the kit behind a bad network: `loss`, `repeat` are probabilities, `delay` the longest in seconds."""

    def __init__(self, node: Node, random: Random, *, loss: float, repeat: float, delay: float) -> None:
        self.node = node
        self.random = random
        self.loss = loss
        self.repeat = repeat
        self.delay = delay
        self.media = FakeMedia()
        self.referee = Referee()
        self.events: list[Event] = []
        self.ends: dict[tuple[str, int], Callable[[bytes], None]] = {}
        self.shown: dict[str, list[bytes]] = {}
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    @property
    def time(self) -> float:
        """Virtual seconds."""
        return self.node.time

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` in so many seconds."""
        self.at(self.node.time + seconds, action)

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Do `action` then."""
        self._serial += 1
        heapq.heappush(self._queue, (moment, self._serial, action))

    def _carry(self, deliver: Callable[[], None]) -> None:
        random = self.random
        if random.random() < self.loss:
            return
        self.later(random.random() * self.delay, deliver)
        if random.random() < self.repeat:
            self.later(random.random() * self.delay * 3, deliver)

    def to_node(self, data: bytes, flow: Flow) -> None:
        """A peer sends."""
        self._carry(lambda: self._deliver(data, flow))

    def _deliver(self, data: bytes, flow: Flow) -> None:
        self.referee.received(data, flow, self.time)
        self._act(self.node.engine.receive(data, flow, self.node.now))

    def _act(self, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Transmit):
                self._to_peer(output)
            elif isinstance(output, MediaCommand):
                self._ask_media(output)
            elif isinstance(output, Journal):
                self.node.note(output)
            elif isinstance(output, Event):
                self.events.append(output)
                if isinstance(output, CallEnded):
                    self.node.journal.pop(output.call, None)

    def _to_peer(self, output: Transmit) -> None:
        host, port = output.flow.host, output.flow.port
        self.shown.setdefault(host, []).append(output.data)
        self.referee.sent(output.data, output.flow, self.time)
        end = self.ends.get((host, port))
        if end is not None:
            self._carry(lambda: end(output.data))

    def _ask_media(self, output: MediaCommand) -> None:
        reply = self.media(output.command)
        self.later(
            self.random.random() * 0.05,
            lambda: self._act(self.node.engine.media_reply(output.id, reply, self.node.now)),
        )

    def run(self, seconds: float) -> None:
        """Let that much time pass, event by event."""
        node, queue = self.node, self._queue
        end = node.time + seconds
        while True:
            due = node.engine.next_timer
            if queue and (due is None or queue[0][0] < due):
                moment = queue[0][0]
                if moment > end:
                    break
                if moment > node.time:
                    node.time = moment
                heapq.heappop(queue)[2]()
            elif due is not None and due <= end:
                node.time = max(node.time, due)
                self._act(node.engine.handle_timer(node.now))
            else:
                break
        node.time = end

    def leaks(self) -> list[Event]:
        """What the audit found."""
        return [event for event in self.events if isinstance(event, Leaked)]
