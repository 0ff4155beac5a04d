"""Between a worker's sockets and its engine: what is another worker's goes there, whoever's socket it came by."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final, Protocol, TypeVar

from sbc.crew import (
    Letter,
    Mailbox,
    open_letter,
    pack_answers,
    pack_call,
    pack_questions,
    seal,
    unpack_answers,
    unpack_call,
    unpack_questions,
)
from sbc.outputs import HandOver, Inquiry
from sbc.sip import ParseError
from sbc.steering import SLOTS, Table, call_id_of, key_of, named_key
from sbc.topology import DialogIds
from sbc.transport import Ended, NotTaken, Receiver
from sbc.wire import Flow

CONNECTION_BITS: Final = 24
"""Bits of a connection's number; those above say whose it is."""
_REMEMBERED: Final = 16_384
_NOWHERE: Final = Flow(0, "UDP", "", 0)
"""What letters say that are about no message."""


class Sender(Protocol):
    """The transports."""

    def send(self, data: bytes, flow: Flow) -> None:
        """Send one message."""


class Worker(Receiver, Protocol):
    """Whose messages these are."""

    def take_over(self, call: str, record: bytes, data: bytes, flow: Flow) -> None:
        """A call that another worker gives us, and the message that it came for."""

    def inquire(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        """What another worker asks for."""

    def told(self, number: int, told: list[tuple[DialogIds, DialogIds]]) -> None:
        """What another worker was asked for."""


class Steersman:
    """A `Receiver` before the worker's own, and the way out of its messages.

    UDP is answered by whoever owns the call, since all workers send from the same port. A connection is its acceptor's:
    what is to be sent by it goes there by letter, and so does a request to a peer whose messages come from there.
    """

    def __init__(self, worker: Worker, mailbox: Mailbox, table: Table, me: int) -> None:
        self._worker: Final[Worker] = worker
        self._sender: Sender | None = None
        self._mailbox: Final = mailbox
        self._table: Final = table
        self._me: Final = me
        self._homes: Final[OrderedDict[tuple[int, str, int], int]] = OrderedDict()
        """Stream peers and the worker that has their connection."""
        self._askers: Final[OrderedDict[Flow, int]] = OrderedDict()
        """By whose letter something was last sent to a flow."""
        self._led: Final[OrderedDict[bytes, int]] = OrderedDict()
        """Call-IDs of INVITEs that went by the dialog they name: a CANCEL names none, and follows."""
        self.is_steered = False
        """The kernel gives datagrams to their owners: what is handed on came by a connection, or is a rare spelling."""
        self.own = 0
        self.handed = 0
        self.taken = 0

    def start(self, sender: Sender) -> None:
        """Read the mailbox, and send by these transports, from now on."""
        self._sender = sender
        self._mailbox.start(self._take, self._worker.settle)

    def status(self) -> dict[str, object]:
        """Messages that came by our sockets and are ours, those handed to others and taken from them, letters lost."""
        return {
            "kernel": self.is_steered,
            "own": self.own,
            "handed": self.handed,
            "taken": self.taken,
            "lost": self.lost,
        }

    @property
    def lost(self) -> int:
        """Letters that their readers had no room for."""
        return self._mailbox.lost

    # From the sockets

    def receive(self, data: bytes, flow: Flow) -> None:
        """To our engine, or to the worker that owns it."""
        key = key_of(data)
        if key >= SLOTS and data.startswith((b"INVITE ", b"REFER ", b"CANCEL ")):
            key = self._lead(data, key)
        owner = self._table.owner(key)
        if owner == self._me:
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
        else:
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
        if home == self._me:
            self._askers.pop(flow, None)
            self._sender.send(data, flow)
        elif not self._mailbox.post(home, seal(Letter.SEND, data, flow, self._me)):
            self._worker.undeliverable(flow, "no room in the mailbox of the connection's worker")

    def hand_over(self, output: HandOver) -> bool:
        """A message of the engine's for another worker, and perhaps its call; False where it has no room for it."""
        kind, data = Letter.RECEIVE, output.data
        if output.record:
            homes = [(one.listener, one.host, one.port, self._home(one)) for one in output.streams]
            kind, data = Letter.MOVE, pack_call(output.call, output.record, data, homes)
        is_posted = self._mailbox.post(self._table.owner(output.slot), seal(kind, data, output.flow, self._me))
        self.handed += is_posted
        return is_posted

    def inquire(self, output: Inquiry) -> None:
        """A question for another worker; without room for it there is no answer, which costs no more than a name."""
        data = pack_questions(output.number, output.sender, output.viewer, output.questions)
        self._mailbox.post(self._table.owner(output.slot), seal(Letter.ASK, data, _NOWHERE, self._me))

    def _home(self, flow: Flow) -> int:
        """The worker that has a peer's connection, us where it has none: whoever asks may make one."""
        key = (flow.listener, flow.host, flow.port)
        return flow.connection >> CONNECTION_BITS if flow.connection else self._homes.get(key, self._me)

    # From the mailbox

    def _take(self, letter: bytes) -> None:
        kind, writer, data, flow = open_letter(letter)
        if kind is Letter.RECEIVE or kind is Letter.MOVE:
            self.taken += 1
            if flow.connection:
                _remember(self._homes, (flow.listener, flow.host, flow.port), flow.connection >> CONNECTION_BITS)
            if kind is Letter.RECEIVE:
                self._worker.receive(data, flow)
                return
            call, record, message, homes = unpack_call(data)
            for listener, host, port, home in homes:
                _remember(self._homes, (listener, host, port), home)
            self._worker.take_over(call, record, message, flow)
        elif kind is Letter.ASK:
            number, sender, viewer, questions = unpack_questions(data)
            found = self._worker.inquire(sender, viewer, [DialogIds(*ids) for ids in questions])
            self._mailbox.post(writer, seal(Letter.TELL, pack_answers(number, found), _NOWHERE, self._me))
        elif kind is Letter.TELL:
            number, answers = unpack_answers(data)
            self._worker.told(number, [(DialogIds(*ids), DialogIds(*other)) for ids, other in answers])
        elif kind is Letter.SEND:
            assert self._sender is not None
            _remember(self._askers, flow, writer)
            self._sender.send(data, flow)
        else:
            self._homes.pop((flow.listener, flow.host, flow.port), None)
            self._worker.undeliverable(flow, data.decode("utf-8", "replace"))


_Key = TypeVar("_Key")


def _remember(table: OrderedDict[_Key, int], key: _Key, worker: int) -> None:
    table[key] = worker
    table.move_to_end(key)
    if len(table) > _REMEMBERED:
        table.popitem(last=False)
