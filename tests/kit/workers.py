"""A node of two workers in virtual time: two engines behind one address, messages to whom `sbc.steering` says."""

from __future__ import annotations

from random import Random

from sbc.adoption import divide
from sbc.config import Config
from sbc.engine import Engine
from sbc.outputs import HandOver, Inquiry, Output
from sbc.steering import SLOTS, Table, assign, call_id_of, key_of, named_key
from sbc.topology import DialogIds
from sbc.wire import Flow
from tests.kit.peer import Peer
from tests.kit.transfers import Transfers, transfer_config


class Workers(Transfers):
    """`engine` is the one that has just had, or is to have, an input. `handed` is what engines gave each other."""

    def __init__(self, settings: Config | None = None, workers: int = 2) -> None:
        super().__init__(settings or transfer_config())
        self.table: Table = assign(b"", workers, Random(7).randrange)
        self.engines = [self._engine(number) for number in range(workers)]
        self.engine = self.engines[0]
        self.handed: list[HandOver] = []
        self.led: dict[bytes, int] = {}
        self.has_room = True
        """Mailboxes take letters."""

    def _engine(self, number: int, start: int = 0) -> Engine:
        key = bytes([number, start]) + bytes(30)
        return Engine(self.config, key, self.now, self.table.slots(number), self.table.others(number))

    def worker_for(self, data: bytes) -> int:
        """The worker that a message from outside ends at (`sbc/supervisor/steersman.py` does the same)."""
        key = key_of(data)
        if key >= SLOTS and data.startswith((b"INVITE ", b"REFER ")) and (named := named_key(data)) >= 0:
            key = self.led[call_id_of(data)] = named
        elif key >= SLOTS and data.startswith(b"CANCEL "):
            key = self.led.get(call_id_of(data), key)
        return self.table.owner(key)

    def carry(self, data: bytes, flow: Flow) -> None:
        """A datagram arrives at whose it is."""
        self.engine = self.engines[self.worker_for(data)]
        super().carry(data, flow)

    def act(self, outputs: list[Output]) -> None:
        """As the node with one engine; what is for another one goes there."""
        given = [output for output in outputs if isinstance(output, HandOver | Inquiry)]
        super().act([output for output in outputs if not isinstance(output, HandOver | Inquiry)])
        for output in given:
            if isinstance(output, Inquiry):
                self._ask(output)
                continue
            self.handed.append(output)
            assert len(self.handed) < 50, "engines give each other the same over and over"
            self._give(output)

    def _ask(self, output: Inquiry) -> None:
        if self.has_room:
            asker, other = self.engine, self.engines[self.table.owner(output.slot)]
            found = other.inquire(output.sender, output.viewer, [DialogIds(*ids) for ids in output.questions])
            self.act(asker.told(output.number, found, self.now))

    def _give(self, output: HandOver) -> None:
        giver, taker = self.engine, self.engines[self.table.owner(output.slot)]
        assert taker is not giver
        if not self.has_room:
            if output.record:
                call, record, data = output.call, output.record, output.data
                self.act(giver.take_over(call, record, data, output.flow, self.now, is_back=True))
            return
        self.engine = taker
        if output.record:
            self.act(taker.take_over(output.call, output.record, output.data, output.flow, self.now))
        else:
            self.act(taker.receive(output.data, output.flow, self.now))
        self.engine = giver

    def kill(self, number: int) -> None:
        """A worker's process is killed, and its successor goes on from the journal."""
        self.starts += 1
        engine = self.engine = self.engines[number] = self._engine(number, self.starts)
        own, gone = divide(list(self.journal.values()), self.table, number)
        engine.moves.expect(gone)
        for one in own:
            del self.journal[one.call]
        for one in own:
            self.act(engine.adopt(one, self.now))

    def advance(self, seconds: float) -> None:
        """Let virtual time pass in both."""
        end = self.time + seconds
        while True:
            due = [(one.next_timer, number) for number, one in enumerate(self.engines) if one.next_timer is not None]
            if not due or min(due)[0] > end:
                break
            when, number = min(due)
            self.time = max(self.time, when)
            self.engine = self.engines[number]
            self.act(self.engine.handle_timer(self.now))
        self.time = end

    def assert_clean(self) -> None:
        """Nothing leaked, nothing is left, in neither."""
        self.advance(200)
        for number in range(len(self.engines)):
            self.engine = self.engines[number]
            super().assert_clean()
        for engine in self.engines:
            assert (len(engine.egress.dialogs), len(engine.egress.transactions), engine.active_calls) == (0, 0, 0)
            assert engine.egress.trunks.places == 0
        assert self.journal == {}

    def place(self, peer: Peer, worker: int) -> None:
        """The next call of this peer is to be this worker's: by its Call-ID."""
        number = 0
        while self.table.owner(key_of(f"INVITE sip:a@b SIP/2.0\r\nCall-ID: {peer.call_id}\r\n".encode())) != worker:
            peer.call_id = f"{peer.name}-{number}@{peer.host}"
            number += 1

    def holders(self) -> list[int]:
        """How many calls each engine has."""
        return [engine.active_calls for engine in self.engines]
