"""A wire that loses, delays, repeats and reorders on a seed, and the virtual clock everything on it shares."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random

import rtpengine
from sbc.outputs import CallEnded, Event, Journal, Leaked, MediaCommand, Output, Transmit
from sbc.wire import Flow
from tests.kit.node import FakeMedia, Node
from tests.kit.referee import Referee

FULL = rtpengine.Reply({"result": b"error", "error-reason": b"Ran out of ports"})
"""What an engine says that has no place for a session."""
MEDIA_SECONDS = 7.9
"""After so long without a reply its client says that there is none."""


class Clock:
    """The virtual time of one node, or of several that stand one behind the other, and what happens when."""

    def __init__(self) -> None:
        self.members: list[Chaos] = []
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._serial = 0

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Do `action` then."""
        self._serial += 1
        heapq.heappush(self._queue, (moment, self._serial, action))

    def run(self, end: float) -> None:
        """Let time pass, event by event."""
        queue = self._queue
        while True:
            first, due = None, end
            for member in self.members:
                timer = member.node.engine.next_timer
                if timer is not None and timer <= due:
                    first, due = member, timer
            if queue and (queue[0][0] < due or (first is None and queue[0][0] <= end)):
                moment, _, action = heapq.heappop(queue)
                self._set(moment)
                action()
            elif first is not None:
                self._set(due)
                first.wake()
            else:
                break
        self._set(end)

    def _set(self, moment: float) -> None:
        for member in self.members:
            if moment > member.node.time:
                member.node.time = moment


class Chaos:
    """The node of the kit behind a bad network: `loss`, `repeat` are probabilities, `delay` the longest in seconds.

    Streams lose nothing and keep their order, until they break. `trouble` is the probability that a media command is
    answered late, refused, or not at all; `has_icmp`: the node hears of datagrams that reach nobody.
    """

    def __init__(
        self, node: Node, random: Random, *, loss: float, repeat: float, delay: float, clock: Clock | None = None
    ) -> None:
        self.node = node
        self.clock = clock or Clock()
        self.clock.members.append(self)
        self.random = random
        self.loss = loss
        self.repeat = repeat
        self.delay = delay
        self.media = FakeMedia()
        self.referee = Referee()
        self.events: list[Event] = []
        self.ends: dict[tuple[str, int], Callable[[bytes], None]] = {}
        self.shown: dict[str, list[bytes]] = {}
        """What each host has been sent."""
        self.sent: dict[int, list[bytes]] = {}
        """What each listener has sent."""
        self.trouble = 0.0
        self.has_icmp = False
        self.has_cut = False
        """A stream broke: what was on its way is lost, and nobody says it again."""
        self.engines: dict[str, int] = {}
        """Media sessions, and the engines that they are on."""
        self._streams: dict[tuple[str, int], int] = {}
        self._behind: dict[tuple[str, int, bool], float] = {}
        """When the last message of a stream arrives: none of this direction overtakes it."""
        self._opened = 0

    @property
    def time(self) -> float:
        """Virtual seconds."""
        return self.node.time

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Do `action` in so many seconds."""
        self.at(self.node.time + seconds, action)

    def at(self, moment: float, action: Callable[[], None]) -> None:
        """Do `action` then."""
        self.clock.at(moment, action)

    def _carry(self, deliver: Callable[[], None]) -> None:
        random = self.random
        if random.random() < self.loss:
            return
        self.later(random.random() * self.delay, deliver)
        if random.random() < self.repeat:
            self.later(random.random() * self.delay * 3, deliver)

    def to_node(self, data: bytes, flow: Flow) -> None:
        """A peer sends."""
        if not flow.is_reliable:
            self._carry(lambda: self.deliver(data, flow))
            return
        place = (flow.host, flow.port)
        number = self._connection(place)
        seen = Flow(flow.listener, flow.transport, flow.host, flow.port, number)
        self._stream(place, True, number, lambda: self.deliver(data, seen))

    def _connection(self, place: tuple[str, int]) -> int:
        if place not in self._streams:
            self._opened += 1
            self._streams[place] = self._opened
        return self._streams[place]

    def _stream(self, place: tuple[str, int], is_inward: bool, number: int, deliver: Callable[[], None]) -> None:
        """What is on its way when its connection breaks is lost."""
        key = (*place, is_inward)
        arrival = max(self._behind.get(key, 0.0), self.time + self.random.random() * self.delay)
        self._behind[key] = arrival
        self.at(arrival, lambda: deliver() if self._streams.get(place) == number else None)

    def cut(self, place: tuple[str, int]) -> None:
        """The connection to this peer breaks."""
        self._streams.pop(place, None)
        self.has_cut = True

    def lose_engine(self, engine: int) -> None:
        """A media engine begins anew."""
        self.media.sessions -= {session for session, place in self.engines.items() if place == engine}
        self._act(self.node.engine.media_lost(engine, 0.0, self.node.now))

    def deliver(self, data: bytes, flow: Flow) -> None:
        """A message arrives at the node."""
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
        flow = output.flow
        place = (flow.host, flow.port)
        self.shown.setdefault(flow.host, []).append(output.data)
        self.sent.setdefault(flow.listener, []).append(output.data)
        self.referee.sent(output.data, flow, self.time)
        if flow.back and flow.connection != self._streams.get(place):  # RFC 3261 section 18.2.2
            flow = Flow(flow.listener, flow.transport, flow.host, flow.back)
            place = (flow.host, flow.back)
        end = self.ends.get(place)
        if flow.is_reliable:
            if end is None or (flow.connection and flow.connection != self._streams.get(place)):
                self.later(0.0, lambda: self._fail(flow))
                return
            self._stream(place, False, self._connection(place), lambda: end(output.data))
        elif end is not None:
            self._carry(lambda: end(output.data))
        elif self.has_icmp:
            self._carry(lambda: self._fail(flow))

    def _fail(self, flow: Flow) -> None:
        self.referee.lost(flow)
        self._act(self.node.engine.send_failed(flow, self.node.now))

    def _ask_media(self, output: MediaCommand) -> None:
        random, command = self.random, output.command
        seconds = random.random() * 0.05
        is_delete = isinstance(command, rtpengine.Delete)
        roll = random.random() / self.trouble if self.trouble and not is_delete else 1.0
        if isinstance(command, rtpengine.Offer):
            self.engines[command.call_id] = output.engine
        reply = None if roll < 0.2 else FULL if roll < 0.4 else self.media(command)
        if roll < 0.2 or 0.4 <= roll < 0.6:
            reply, seconds = None, MEDIA_SECONDS
        elif roll < 1.0:
            seconds = random.random() * 7
        engine = self.node.engine

        def answer() -> None:
            if engine is self.node.engine:
                self._act(engine.media_reply(output.id, reply, self.node.now))

        self.later(seconds, answer)

    def restart(self) -> None:
        """The process is killed, and another one goes on with what is in the journal."""
        self.referee.restart()
        kept = self.node.begin_anew()
        for one in kept:
            self._act(self.node.engine.adopt(one, self.node.now))

    def run(self, seconds: float) -> None:
        """Let that much time pass, event by event."""
        self.clock.run(self.node.time + seconds)

    def wake(self) -> None:
        """A timer of the node is due."""
        self._act(self.node.engine.handle_timer(self.node.now))

    def leaks(self) -> list[Event]:
        """What the audit found."""
        return [event for event in self.events if isinstance(event, Leaked)]
