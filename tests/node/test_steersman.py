"""Between sockets and engine: what is another worker's goes to its mailbox, and what follows it goes there too."""

from __future__ import annotations

import socket
from collections.abc import Callable

from sbc.crew import Letter, open_letter, seal
from sbc.outputs import SUCCESSOR, HandOver, Inquiry
from sbc.sip import ParseError
from sbc.steering import NOBODY, SLOTS, Table, key_of
from sbc.supervisor.seat import Seat, Standing
from sbc.supervisor.steersman import CONNECTION_BITS, Steersman
from sbc.topology import DialogIds
from sbc.wire import Flow
from tests.node.fakes import FLOW

HEAD = "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKx\r\nFrom: <sip:a@h>;tag=x\r\nTo: <sip:b@h>\r\n"
SECOND = "05" + 20 * "a"
"""A token of the second worker's."""
TABLE = Table(bytes([NOBODY, NOBODY, NOBODY, NOBODY, 0, 1]) + bytes([NOBODY]) * (SLOTS - 6), 2)
STREAM = Flow(0, "TCP", "192.0.2.9", 40001, (1 << CONNECTION_BITS) + 7)


class FakeMailbox:
    """Keeps letters by whom they are for; `read` hands one to who reads here."""

    def __init__(self) -> None:
        self.letters: list[tuple[int, bytes]] = []
        self.has_room = True
        self.lost = 0
        self.waiting: list[bytes] = []
        self.read: Callable[[bytes], None] = lambda letter: None

    def start(self, take: Callable[[bytes], None], settle: Callable[[], None], *, is_behind: bool = False) -> None:
        self.read = take

    def post(self, worker: int, letter: bytes, descriptor: int = -1) -> bool:
        if self.has_room:
            self.letters.append((worker, letter))
        return self.has_room

    def empty(self) -> list[bytes]:
        waiting, self.waiting = self.waiting, []
        return waiting

    def step_back(self) -> None:
        """Nobody reads."""

    def come_forward(self) -> None:
        """Somebody does."""

    def follow(self, reader: socket.socket) -> None:
        """One box more."""


class FakeWorker:
    """Keeps what came."""

    def __init__(self) -> None:
        self.heard: list[tuple[object, ...]] = []

    def receive(self, data: bytes, flow: Flow) -> None:
        self.heard.append(("receive", data, flow))

    def inherit(self, call: str, record: bytes) -> None:
        self.heard.append(("inherit", call, record))

    def read_notes(self, notes: bytes) -> None:
        self.heard.append(("notes", notes))

    def take_over(self, call: str, record: bytes, data: bytes, flow: Flow) -> None:
        self.heard.append(("take over", call, record, data, flow))

    def inquire(self, sender: str, viewer: str, questions: list[DialogIds]) -> list[tuple[DialogIds, DialogIds]]:
        self.heard.append(("inquire", sender, viewer))
        return [(questions[0], DialogIds("other", "ours", "theirs"))]

    def told(self, number: int, told: list[tuple[DialogIds, DialogIds]]) -> None:
        self.heard.append(("told", number, told))

    def malformed(self, error: ParseError, flow: Flow) -> None:
        self.heard.append(("malformed",))

    def undeliverable(self, flow: Flow, reason: str) -> None:
        self.heard.append(("undeliverable", flow))

    def handshake_failed(self, flow: Flow, reason: str, certificate: str) -> None:
        self.heard.append(("handshake",))

    def connection_ended(self, flow: Flow, reason: str) -> None:
        self.heard.append(("ended",))

    def settle(self) -> None:
        """Nothing waits."""


class FakeSender:
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[Flow] = []

        self.known: set[Flow] = set()
        self.streams: list[tuple[Flow, bytes]] = []

    def send(self, data: bytes, flow: Flow) -> None:
        self.sent.append(flow)

    def has(self, flow: Flow) -> bool:
        return flow in self.known

    def take_stream(self, sock: socket.socket, flow: Flow, partial: bytes) -> None:
        sock.close()
        self.streams.append((flow, partial))


class Rig:
    """One worker's steersman."""

    def __init__(self, me: int = 0) -> None:
        self.worker, self.mailbox, self.sender = FakeWorker(), FakeMailbox(), FakeSender()
        self.steersman = Steersman(self.worker, self.mailbox, TABLE, Seat(me, 2))  # type: ignore[arg-type]
        self.steersman.start(self.sender)

    def posted(self) -> list[tuple[int, Letter, bytes]]:
        """What went to others, in short."""
        found = [(worker, open_letter(letter)) for worker, letter in self.mailbox.letters]
        self.mailbox.letters.clear()
        return [(worker, kind, data) for worker, (kind, _, data, _) in found]


def begun(method: str, more: str = "") -> bytes:
    """A message outside of dialogs whose Call-ID is the first worker's."""
    for number in range(99):
        data = f"{method} sip:b@h SIP/2.0\r\n{HEAD}{more}Call-ID: {number}@h\r\n\r\n".encode()
        if TABLE.owner(key_of(data)) == 0:
            return data
    raise AssertionError


def test_an_invite_that_replaces_goes_to_who_has_the_dialog_and_so_does_its_cancel() -> None:
    """RFC 3891; RFC 3261 section 9.1: the CANCEL has the INVITE's Call-ID, and names no dialog."""
    rig = Rig()
    rig.steersman.receive(begun("CANCEL"), FLOW)
    assert len(rig.worker.heard) == 1
    invite = begun("INVITE", f"Replaces: x@h;to-tag={SECOND};from-tag=y\r\n")
    rig.steersman.receive(invite, FLOW)
    rig.steersman.receive(begun("CANCEL"), FLOW)
    assert rig.posted() == [(1, Letter.RECEIVE, invite), (1, Letter.RECEIVE, begun("CANCEL"))]
    rig.steersman.receive(begun("INVITE"), FLOW)
    assert rig.posted() == []


def test_a_call_goes_with_its_message_and_where_its_streams_are() -> None:
    """A connection is its acceptor's: the new holder sends by it through its acceptor."""
    rig = Rig()
    rig.steersman.hand_over(HandOver(5, b"REFER", FLOW, "c1", b"record", (STREAM, FLOW)))
    other = Rig(1)
    worker, letter = rig.mailbox.letters[0]
    assert worker == 1
    other.mailbox.read(letter)
    assert other.worker.heard == [("take over", "c1", b"record", b"REFER", FLOW)]
    home = Flow(0, "TCP", FLOW.host, FLOW.port)
    other.steersman.send(b"BYE", home)
    assert [(worker, kind) for worker, kind, _ in other.posted()] == [(2, Letter.SEND)]


def test_a_message_alone_is_as_if_it_had_come_there() -> None:
    rig = Rig()
    assert rig.steersman.hand_over(HandOver(5, b"BYE", FLOW))
    assert rig.posted() == [(1, Letter.RECEIVE, b"BYE")]
    assert rig.steersman.handed == 1
    rig.mailbox.has_room = False
    assert not rig.steersman.hand_over(HandOver(5, b"BYE", FLOW))
    assert rig.steersman.handed == 1


def test_a_question_comes_back_with_its_answer() -> None:
    rig, other = Rig(), Rig(1)
    first, second = DialogIds("a@h", "x", "y"), DialogIds("b@h", "x", "z")
    rig.steersman.inquire(Inquiry(5, 7, "inside", "outside", (tuple(first), tuple(second))))
    ((worker, letter),) = rig.mailbox.letters
    assert worker == 1
    other.mailbox.read(letter)
    assert other.worker.heard == [("inquire", "inside", "outside")]
    ((box, letter),) = other.mailbox.letters
    assert box == Seat(0, 2).box
    rig.mailbox.read(letter)
    assert rig.worker.heard == [("told", 7, [(first, DialogIds("other", "ours", "theirs"))])]


def test_letters_are_for_the_engine() -> None:
    rig = Rig()
    rig.mailbox.read(seal(Letter.RECEIVE, b"BYE", FLOW))
    assert rig.worker.heard == [("receive", b"BYE", FLOW)]


def seated(standing: Standing, generation: int = 0) -> Rig:
    """The first worker's process while there are two of it."""
    rig = Rig()
    seat = Seat(0, 2, generation, standing)
    rig.steersman = Steersman(rig.worker, rig.mailbox, TABLE, seat)  # type: ignore[arg-type]
    rig.steersman.start(rig.sender)
    return rig


NEXT = Seat(0, 2).next_box


def test_what_the_engine_hands_on_goes_to_the_next_process_and_calls_go_as_such() -> None:
    """Issue: binary upgrade hands over without a lost packet."""
    former, heir = seated(Standing.FRONT), seated(Standing.BEHIND, 1)
    former.steersman.leave(b"notes", [])
    former.steersman.hand_over(HandOver(SUCCESSOR, b"BYE", FLOW))
    former.steersman.hand_over(HandOver(SUCCESSOR, b"", FLOW, "c1", b"record"))
    assert {box for box, _ in former.mailbox.letters} == {NEXT}
    for _, letter in former.mailbox.letters:
        heir.mailbox.read(letter)
    assert heir.worker.heard == [("notes", b"notes"), ("receive", b"BYE", FLOW), ("inherit", "c1", b"record")]
    assert former.steersman.passed == 2


def test_the_next_process_sends_by_connections_of_the_former_one() -> None:
    """A phone behind a NAT has no other way."""
    former, heir = seated(Standing.FRONT), seated(Standing.BEHIND, 1)
    stream = Flow(0, "TCP", "192.0.2.9", 40001, 7)
    former.steersman.leave(b"notes", [stream])
    heir.mailbox.read(former.mailbox.letters[0][1])
    heir.steersman.send(b"INVITE", Flow(0, "TCP", "192.0.2.9", 40001))
    assert heir.posted() == [(Seat(0, 2).box, Letter.SEND, b"INVITE")]
    assert heir.sender.sent == []


def test_what_comes_by_a_connection_of_the_next_process_is_asked_of_the_former_one_first() -> None:
    heir = seated(Standing.BEHIND, 1)
    heir.steersman.receive(begun("INVITE"), FLOW)
    assert heir.posted() == [(0, Letter.RECEIVE, begun("INVITE"))]
    assert heir.worker.heard == []
    heir.steersman.come_forward()
    heir.steersman.receive(begun("INVITE"), FLOW)
    assert heir.worker.heard == [("receive", begun("INVITE"), FLOW)]


def test_a_process_that_has_connections_left_is_their_acceptor_and_nothing_else() -> None:
    former = seated(Standing.FRONT)
    former.steersman.leave(b"notes", [])
    former.steersman.keep_streams()
    former.mailbox.letters.clear()
    former.steersman.receive(begun("INVITE"), STREAM)
    assert former.posted() == [(0, Letter.RECEIVE, begun("INVITE"))]
    assert former.worker.heard == []


def test_a_connection_comes_with_what_was_read_of_it() -> None:
    former, heir = seated(Standing.FRONT), seated(Standing.BEHIND, 1)
    near, far = socket.socketpair()
    stream = Flow(0, "TCP", "192.0.2.9", 40001, 7)
    with near, far:
        assert former.steersman.give_stream(near, stream, b"INVI")
        heir.steersman._take(former.mailbox.letters[0][1], near.detach())
    assert heir.sender.streams == [(stream, b"INVI")]


def test_connections_of_a_process_that_has_ended_are_the_next_ones() -> None:
    """Other workers still write to the box that they knew."""
    heir = seated(Standing.BEHIND, 1)
    stream = Flow(0, "TCP", "192.0.2.9", 40001, 7)
    heir.steersman.send(b"BYE", stream)
    assert heir.posted() == [(Seat(0, 2).box, Letter.SEND, b"BYE")]
    heir.steersman.come_forward()
    near, far = socket.socketpair()
    with near, far:
        heir.steersman.be_alone(near)
    heir.steersman.send(b"BYE", stream)
    assert heir.sender.sent == [stream]


def test_letters_for_one_that_died_behind_are_not_the_next_ones_to_act_on() -> None:
    """Its calls are the former process's again; messages go back to where they came from."""
    rig = Rig()
    rig.mailbox.waiting = [seal(Letter.INHERIT, b"", FLOW), seal(Letter.RECEIVE, b"BYE", FLOW)]
    seat = Seat(0, 2, 1, Standing.BEHIND)
    rig.steersman = Steersman(rig.worker, rig.mailbox, TABLE, seat)  # type: ignore[arg-type]
    rig.steersman.start(rig.sender)
    assert rig.posted() == [(0, Letter.RECEIVE, b"BYE")]
    assert rig.worker.heard == []
