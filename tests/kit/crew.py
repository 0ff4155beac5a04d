"""Two engines that look like one: what `tests.kit.scene` plays with a node of one worker, played with one of two."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import rtpengine
from sbc.adoption import divide
from sbc.config import Config
from sbc.engine import Engine
from sbc.outputs import HandOver, Inquiry, Journal, MediaCommand, Output
from sbc.steering import SLOTS, assign, call_id_of, key_of, named_key
from sbc.topology import DialogIds
from sbc.wire import Flow, Now
from tests.kit.agent import Agent, Phase
from tests.kit.movers import Mover
from tests.kit.node import CARRIER, INSIDE, OUTSIDE, PBX, PBX2
from tests.kit.referee import Referee
from tests.kit.scene import Scene
from tests.kit.transfers import CARRIER2, TO_CARRIER2, transfer_config
from tests.kit.wire import Chaos

_THIRD = "10.20.0.7"


class _Sum:
    """What both have of something, for who counts."""

    def __init__(self, count: Callable[[], int]) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count()


class Pair:
    """Takes an engine's inputs and gives them to whose they are; numbers of media commands tell whose they were."""

    def __init__(self, config: Config, random: Random, now: Now) -> None:
        self._config, self._random = config, random
        self._table = assign(b"", 2, random.randrange)
        self._starts = 0
        self.engines = [self._engine(0, now), self._engine(1, now)]
        self._led: dict[bytes, int] = {}
        self.moved = 0

    def _engine(self, number: int, now: Now) -> Engine:
        self._starts += 1
        key = bytes([number, self._starts]) + bytes(30)
        return Engine(self._config, key, now, self._table.slots(number), self._table.others(number))

    # An engine's inputs

    def receive(self, data: bytes, flow: Flow, now: Now) -> list[Output]:
        key = key_of(data)
        if key >= SLOTS and data.startswith((b"INVITE ", b"REFER ")) and (named := named_key(data)) >= 0:
            key = self._led[call_id_of(data)] = named
        elif key >= SLOTS and data.startswith(b"CANCEL "):
            key = self._led.get(call_id_of(data), key)
        return self._input(self._table.owner(key), lambda engine: engine.receive(data, flow, now), now)

    def handle_timer(self, now: Now) -> list[Output]:
        due = [(one.next_timer, number) for number, one in enumerate(self.engines) if one.next_timer is not None]
        return self._input(min(due)[1], lambda engine: engine.handle_timer(now), now)

    def media_reply(self, command_id: int, reply: rtpengine.Reply | None, now: Now) -> list[Output]:
        number = command_id // 2
        return self._input(command_id % 2, lambda engine: engine.media_reply(number, reply, now), now)

    def media_lost(self, engine: int, seconds: float, now: Now) -> list[Output]:
        return self._both(lambda one: one.media_lost(engine, seconds, now), now)

    def send_failed(self, flow: Flow, now: Now) -> list[Output]:
        return self._both(lambda one: one.send_failed(flow, now), now)

    def kill(self, number: int, journal: dict[str, Journal], now: Now) -> list[Output]:
        """One process is killed; its successor has what is its own of the journal."""
        engine = self.engines[number] = self._engine(number, now)
        own, gone = divide(list(journal.values()), self._table, number)
        engine.moves.expect(gone)
        outputs: list[Output] = []
        for one in own:
            del journal[one.call]
        for one in own:
            outputs += self._input(number, lambda engine, one=one: engine.adopt(one, now), now)  # type: ignore[misc]
        return outputs

    def _both(self, step: Callable[[Engine], list[Output]], now: Now) -> list[Output]:
        return self._input(0, step, now) + self._input(1, step, now)

    def _input(self, number: int, step: Callable[[Engine], list[Output]], now: Now) -> list[Output]:
        found: list[Output] = []
        for output in step(self.engines[number]):
            if isinstance(output, MediaCommand):
                found.append(MediaCommand(output.id * 2 + number, output.command, output.engine))
            elif isinstance(output, HandOver):
                found += self._hand_over(number, output, now)
            elif isinstance(output, Inquiry):
                raise AssertionError("nobody watches here")
            else:
                found.append(output)
        return found

    def _hand_over(self, number: int, output: HandOver, now: Now) -> list[Output]:
        taker = self._table.owner(output.slot)
        assert taker != number, "handed to itself"
        if not output.record:
            return self._input(taker, lambda engine: engine.receive(output.data, output.flow, now), now)
        self.moved += 1
        call, record, data, flow = output.call, output.record, output.data, output.flow
        is_back = self._random.random() < 0.1  # no room
        taker = number if is_back else taker
        return self._input(taker, lambda engine: engine.take_over(call, record, data, flow, now, is_back=is_back), now)

    def inquire(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        return []

    # What is looked at

    @property
    def next_timer(self) -> float | None:
        return min([one.next_timer for one in self.engines if one.next_timer is not None], default=None)

    @property
    def active_calls(self) -> int:
        return sum(one.active_calls for one in self.engines)

    @property
    def egress(self) -> Pair:
        return self

    @property
    def calls(self) -> list[str]:
        return [call for one in self.engines for call in one.egress.calls]

    @property
    def dialogs(self) -> _Sum:
        return _Sum(lambda: sum(len(one.egress.dialogs) for one in self.engines))

    @property
    def transactions(self) -> _Sum:
        return _Sum(lambda: sum(len(one.egress.transactions) for one in self.engines))

    @property
    def waiting(self) -> _Sum:
        return _Sum(lambda: sum(len(one.egress.waiting) for one in self.engines))

    @property
    def trunks(self) -> Pair:
        return self

    @property
    def places(self) -> int:
        return sum(one.egress.trunks.places for one in self.engines)

    @property
    def wheel(self) -> Pair:
        return self

    @property
    def _slots(self) -> dict[int, list[object]]:
        slots = [slot for one in self.engines for slot in one.egress.wheel._slots.values()]
        return {number: list(slot) for number, slot in enumerate(slots)}


class CrewScene(Scene):
    """The same scripts with two workers; where a process is killed it is one of them."""

    def _stage(self, settings: Config) -> None:
        super()._stage(settings)
        self.pair = Pair(self.node.config, self.random, self.node.now)
        self.node.engine = self.pair  # type: ignore[assignment]

    def _restart(self) -> None:
        self.has_restarted = True
        number = self.random.randrange(2)
        kept = set(self.node.journal)
        self.over |= {call for call in self.pair.engines[number].egress.calls if call not in kept}
        self.chaos._act(self.pair.kill(number, self.node.journal, self.node.now))

    def _judge(self, chaos: Chaos) -> list[str]:
        if self.has_restarted:
            chaos.referee = Referee()  # it knows no process of which a half has died
        return super()._judge(chaos)

    def attended(self) -> list[str]:
        """Two lines of a PBX talk to two carriers, by any worker; one brings them together, or a third picks up."""
        random = self.random
        settings = transfer_config(mode=self.mode, timers=self._timers(), inside="terminate")
        trunks = dict(settings.trunks)
        trunks["pbx"] = replace(trunks["pbx"], sources=(f"{PBX}/32", f"{PBX2}/32", f"{_THIRD}/32"))
        trunks["pbx2"] = replace(trunks["pbx2"], sources=("10.20.9.9/32",))
        self._stage(self._settings(replace(settings, trunks=trunks)))
        places = [("carrier", CARRIER, OUTSIDE), ("pbx", PBX, INSIDE), ("carriertwo", CARRIER2, OUTSIDE)]
        places += [("pbxtwo", PBX2, INSIDE), ("pbxthree", _THIRD, INSIDE)]
        movers = [_Asker(self.chaos, name, host, self._listener(side), random) for name, host, side in places]
        _, first, _, second, third = movers
        first.colleague, second.colleague = second, first
        first.targets = second.targets = [TO_CARRIER2]
        chaos = self.chaos
        chaos.later(0.2 + random.random() * 2, lambda: second.dial(late=False, number=TO_CARRIER2))
        for _ in range(8):
            chaos.later(2 + random.random() * 18, random.choice([first, second]).ask)
        if random.random() < 0.4:
            chaos.later(1 + random.random() * 9, lambda: third.take_over(random.choice([first, second])))
        return self._perform(list(movers), random.choice(movers[:2]), 25, 3)


class _Asker(Mover):
    """One that can be told to refer, whatever it would like."""

    def ask(self) -> None:
        if self.phase is Phase.TALKING and self.ours is None and self.invite_tx is None:
            self.refer()

    def take_over(self, victim: Agent) -> None:
        """Ringing ones too."""
        if victim.phase is Phase.RINGING and self.phase is Phase.IDLE:
            self.replaces = f"{victim.call_id};to-tag={victim.remote_tag};from-tag={victim.tag}"
            self.dial(late=False)
        else:
            super().take_over(victim)
