"""Between a worker's sockets and its engine: what is another worker's goes there, whoever's socket it came by.

While one process makes room for the next of the same worker, the first reads, and what its engine hands on goes to the
next by letter. What the next one is sent by connections of its own takes the same way: to the first, and back from it.
"""

from __future__ import annotations

import socket
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from sbc.crew import (
    Letter,
    Mailbox,
    open_letter,
    pack_answers,
    pack_call,
    pack_notes,
    pack_questions,
    seal,
    unpack_answers,
    unpack_call,
    unpack_notes,
    unpack_questions,
)
from sbc.outputs import SUCCESSOR, HandOver, Inquiry
from sbc.sip import ParseError
from sbc.steering import SLOTS, Table, call_id_of, key_of, named_key
from sbc.supervisor.seat import Seat, Standing
from sbc.topology import DialogIds
from sbc.transport import Ended, NotTaken, Receiver
from sbc.wire import Flow

CONNECTION_BITS: Final = 24
"""Bits of a connection's number; those above say in which seat it was numbered."""
_REMEMBERED: Final = 16_384
_NOWHERE: Final = Flow(0, "UDP", "", 0)
"""What letters say that are about no message."""


class Sender(Protocol):
    """The transports."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one message."""

    def has(self, flow: Flow) -> bool:
        """Whether a connection for this flow is open."""

    def take_stream(self, sock: socket.socket, flow: Flow, partial: bytes) -> None:
        """Go on with a connection of the process before us."""


class Worker(Receiver, Protocol):
    """Whose messages these are."""

    def take_over(self, call: str, record: bytes, data: bytes, flow: Flow) -> None:
        """A call that another worker gives us, and the message that it came for."""

    def inquire(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        """What another worker asks for."""

    def told(self, number: int, told: list[tuple[DialogIds, DialogIds]]) -> None:
        """What another worker was asked for."""

    def inherit(self, call: str, record: bytes) -> None:
        """A call of the process before us."""

    def read_notes(self, notes: bytes) -> None:
        """What that one knows beside calls."""


class Steersman:
    """A `Receiver` before the worker's own, and the way out of its messages.

    UDP is answered by whoever owns the call, since all workers send from the same port. A connection is its acceptor's:
    what is to be sent by it goes there by letter, and so does a request to a peer whose messages come from there.
    """

    def __init__(self, worker: Worker, mailbox: Mailbox, table: Table, seat: Seat) -> None:
        self._worker: Final[Worker] = worker
        self._sender: Sender | None = None
        self._mailbox: Final = mailbox
        self._table: Final = table
        self._seat: Final = seat
        self._me: Final = seat.worker
        self._box: Final = seat.box
        self._mine: Final = {seat.box}
        """Boxes that we read, whoever they were made for: connections that were numbered there are ours."""
        self.standing = seat.standing
        self.on_notes: Callable[[], None] = lambda: None
        """Called when the process before us has begun to make room."""
        self.on_listener: Callable[[bytes, Flow, int], None] = lambda data, flow, descriptor: None
        """Hears the supervisor's letters about listeners, with their descriptors."""
        self._homes: Final[OrderedDict[tuple[int, str, int], int]] = OrderedDict()
        """Stream peers and the box of whoever has their connection."""
        self._askers: Final[OrderedDict[Flow, int]] = OrderedDict()
        """By whose letter something was last sent to a flow."""
        self._led: Final[OrderedDict[bytes, int]] = OrderedDict()
        """Call-IDs of INVITEs that went by the dialog they name: a CANCEL names none, and follows."""
        self.is_steered = False
        """The kernel gives datagrams to their owners: what is handed on came by a connection, or is a rare spelling."""
        self.own = 0
        self.handed = 0
        self.taken = 0
        self.passed = 0

    def start(self, sender: Sender) -> None:
        """Read the mailbox, and send by these transports, from now on."""
        self._sender = sender
        if self.standing is Standing.BEHIND:
            for letter in self._mailbox.empty():  # for one that died here: its messages go back, its calls have
                if letter[0] == Letter.RECEIVE:
                    self._mailbox.post(self._me, letter)
        self._mailbox.start(self._take, self._worker.settle, is_behind=self.standing is Standing.BEHIND)

    def status(self) -> dict[str, object]:
        """Messages that came by our sockets and are ours, those handed to others and taken from them, those and calls
        that went to the process after us, letters lost.
        """
        return {
            "worker": self._me,
            "standing": self.standing.value,
            "kernel": self.is_steered,
            "own": self.own,
            "handed": self.handed,
            "taken": self.taken,
            "passed": self.passed,
            "lost": self.lost,
        }

    @property
    def lost(self) -> int:
        """Letters that their readers had no room for."""
        return self._mailbox.lost

    # Making room, and coming forward

    def leave(self, notes: bytes, streams: list[Flow]) -> None:
        """What is not ours goes to the next process from now on. It is told what our engine notes, and which peers'
        connections we have.
        """
        self.standing = Standing.LEAVING
        self._mine.intersection_update({self._box})  # a box that we have from the one before us is the next one's
        self.tell(notes, streams)

    def tell(self, notes: bytes, streams: list[Flow]) -> None:
        """Notes for the next process: at the beginning and at the end."""
        homes = [(*key, box) for key, box in self._homes.items() if box != self._seat.next_box]
        homes += [(one.listener, one.host, one.port, self._box) for one in streams]
        self._mailbox.post(self._seat.next_box, seal(Letter.NOTES, pack_notes(notes, homes, self._led), _NOWHERE))

    def stay(self) -> None:
        """There is no next process."""
        self.standing = Standing.FRONT

    def keep_streams(self) -> None:
        """All that is left of us are connections: what comes by them is for whoever reads in our place."""
        self.standing = Standing.KEEPING
        self._mailbox.step_back()

    def give_stream(self, sock: socket.socket, flow: Flow, partial: bytes) -> bool:
        """A connection to the next process; False where that has no room for it."""
        return self._mailbox.post(self._seat.next_box, seal(Letter.STREAM, partial, flow), sock.fileno())

    def come_forward(self) -> None:
        """The process before us reads no more: we do."""
        self.standing = Standing.FRONT
        self._mailbox.come_forward()

    def be_alone(self, former: socket.socket) -> None:
        """The process before us has ended: what still comes for its connections is ours."""
        self._mine.add(self._seat.former_box)
        for key in [key for key, box in self._homes.items() if box in self._mine]:
            del self._homes[key]
        self._mailbox.follow(former)

    # From the sockets

    def receive(self, data: bytes, flow: Flow) -> None:
        """To our engine, or to the worker that owns it."""
        if self.standing is Standing.BEHIND:
            self.handed += self._mailbox.post(self._me, seal(Letter.RECEIVE, data, flow))
            return
        key = key_of(data)
        if key >= SLOTS and data.startswith((b"INVITE ", b"REFER ", b"CANCEL ")):
            key = self._lead(data, key)
        owner = self._table.owner(key)
        if owner == self._me and self.standing is not Standing.KEEPING:
            self.own += 1
            self._worker.receive(data, flow)
        elif self._mailbox.post(owner, seal(Letter.RECEIVE, data, flow)):
            self.handed += 1

    def _lead(self, data: bytes, key: int) -> int:
        """The key of what begins outside of dialogs and may name one."""
        if data.startswith(b"CANCEL "):
            return self._led.get(call_id_of(data), key) if self._led else key
        named = named_key(data)
        if named < 0:
            return key
        _remember(self._led, call_id_of(data), named)
        return named

    def malformed(self, error: ParseError, flow: Flow) -> None:
        """Nobody can be named as its owner: it is ours."""
        self._worker.malformed(error, flow)

    def undeliverable(self, flow: Flow, reason: str) -> None:
        """To whom had asked for it."""
        asker = self._askers.get(flow)
        if asker is not None:
            self._mailbox.post(asker, seal(Letter.FAILED, reason.encode(), flow))
            return
        if self.standing is Standing.LEAVING:  # we may be told of what the next one has sent
            self._mailbox.post(self._seat.next_box, seal(Letter.FAILED, reason.encode(), flow))
        if self.standing is not Standing.KEEPING:
            self._worker.undeliverable(flow, reason)

    def handshake_failed(self, flow: Flow, reason: str, certificate: str) -> None:
        """As it is."""
        self._worker.handshake_failed(flow, reason, certificate)

    def connection_ended(self, flow: Flow, reason: Ended | NotTaken) -> None:
        """As it is."""
        self._worker.connection_ended(flow, reason)

    def settle(self) -> None:
        """As it is."""
        self._worker.settle()

    # To the sockets

    def send(self, data: bytes, flow: Flow) -> None:
        """By our own sockets, or by the worker that has the connection."""
        assert self._sender is not None, "start comes first"
        if flow.transport == "UDP":
            self._sender.send(data, flow)
            return
        home = self._home(flow)
        if home == self._box:
            self._askers.pop(flow, None)
            self._sender.send(data, flow)
        elif not self._mailbox.post(home, seal(Letter.SEND, data, flow, self._box)):
            self._worker.undeliverable(flow, "no room in the mailbox of the connection's worker")

    def hand_over(self, output: HandOver) -> bool:
        """A message of the engine's for another worker, and perhaps its call; False where it has no room for it."""
        kind, data = Letter.RECEIVE, output.data
        if output.slot == SUCCESSOR:
            return self._pass_on(output)
        if output.record:
            homes = [(one.listener, one.host, one.port, self._home(one)) for one in output.streams]
            kind, data = Letter.MOVE, pack_call(output.call, output.record, data, homes)
        is_posted = self._mailbox.post(self._table.owner(output.slot), seal(kind, data, output.flow, self._box))
        self.handed += is_posted
        return is_posted

    def _pass_on(self, output: HandOver) -> bool:
        """A message or a call for the process that comes after us."""
        kind, data = Letter.RECEIVE, output.data
        if output.record:
            kind, data = Letter.INHERIT, pack_call(output.call, output.record, b"", [])
        is_posted = self._mailbox.post(self._seat.next_box, seal(kind, data, output.flow, self._box))
        self.passed += is_posted
        return is_posted

    def inquire(self, output: Inquiry) -> None:
        """A question for another worker; without room for it there is no answer, which costs no more than a name."""
        data = pack_questions(output.number, output.sender, output.viewer, output.questions)
        self._mailbox.post(self._table.owner(output.slot), seal(Letter.ASK, data, _NOWHERE, self._box))

    def _home(self, flow: Flow) -> int:
        """The box of whoever has a peer's connection, ours where nobody has it: whoever asks may make one."""
        if flow.connection:
            box = self._seat.box_of(flow.connection >> CONNECTION_BITS)
            return self._box if box in self._mine else box
        return self._homes.get((flow.listener, flow.host, flow.port), self._box)

    # From the mailbox

    def _take(self, letter: bytes, descriptor: int = -1) -> None:
        kind, writer, data, flow = open_letter(letter)
        if kind is Letter.RECEIVE or kind is Letter.MOVE:
            self.taken += 1
            self._note_home(flow)
            if kind is Letter.RECEIVE:
                self._worker.receive(data, flow)
            elif self.standing is Standing.LEAVING and self._mailbox.post(self._seat.next_box, letter):
                self.passed += 1
            else:
                self._take_over(data, flow)
        elif kind is Letter.ASK:
            self._answer(letter, writer, data)
        elif kind is Letter.TELL:
            number, answers = unpack_answers(data)
            self._worker.told(number, [(DialogIds(*ids), DialogIds(*other)) for ids, other in answers])
        elif kind is Letter.SEND:
            self._send_for(letter, writer, data, flow)
        elif kind is Letter.FAILED:
            self._homes.pop((flow.listener, flow.host, flow.port), None)
            self._worker.undeliverable(flow, data.decode("utf-8", "replace"))
        else:
            self._succeed(kind, data, flow, descriptor)

    def _note_home(self, flow: Flow) -> None:
        if flow.connection:
            box = self._seat.box_of(flow.connection >> CONNECTION_BITS)
            if box not in self._mine:
                _remember(self._homes, (flow.listener, flow.host, flow.port), box)

    def _take_over(self, data: bytes, flow: Flow) -> None:
        call, record, message, homes = unpack_call(data)
        for listener, host, port, home in homes:
            _remember(self._homes, (listener, host, port), home)
        self._worker.take_over(call, record, message, flow)

    def _answer(self, letter: bytes, writer: int, data: bytes) -> None:
        """Of a question what we know; while we leave, the next process may know all of it."""
        number, sender, viewer, questions = unpack_questions(data)
        found = self._worker.inquire(sender, viewer, [DialogIds(*ids) for ids in questions])
        if self.standing is Standing.LEAVING and len(found) < len(questions):
            self._mailbox.post(self._seat.next_box, letter)
            return
        self._mailbox.post(writer, seal(Letter.TELL, pack_answers(number, found), _NOWHERE, self._box))

    def _send_for(self, letter: bytes, writer: int, data: bytes, flow: Flow) -> None:
        """What another process has for a peer by a connection of ours, or of the process before us."""
        assert self._sender is not None
        if self.standing is Standing.BEHIND and not self._sender.has(flow):
            self._mailbox.post(self._seat.former_box, letter)
            return
        _remember(self._askers, flow, writer)
        self._sender.send(data, flow)

    def _succeed(self, kind: Letter, data: bytes, flow: Flow, descriptor: int) -> None:
        """What only the process before us has for us, or the supervisor."""
        if kind is Letter.INHERIT:
            call, record, _, _ = unpack_call(data)
            self._worker.inherit(call, record)
        elif kind is Letter.NOTES:
            notes, homes, led = unpack_notes(data)
            self._worker.read_notes(notes)
            for listener, host, port, box in homes:
                if box != self._box:
                    _remember(self._homes, (listener, host, port), box)
            for call_id, key in led.items():
                _remember(self._led, call_id, key)
            self.on_notes()
        elif kind is Letter.LISTENER:
            self.on_listener(data, flow, descriptor)
        elif descriptor >= 0:
            assert self._sender is not None
            self._homes.pop((flow.listener, flow.host, flow.port), None)
            self._sender.take_stream(socket.socket(fileno=descriptor), flow, data)


_Key = TypeVar("_Key")


def _remember(table: OrderedDict[_Key, int], key: _Key, worker: int) -> None:
    table[key] = worker
    table.move_to_end(key)
    if len(table) > _REMEMBERED:
        table.popitem(last=False)
