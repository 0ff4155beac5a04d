"""Whatever comes in whatever order: nothing raises, nothing leaves that was not handed in, and all of it ends."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sbc.outputs import Transmit
from sbc.sip import Request
from sbc.transaction import (
    AckNeeded,
    ClientTransaction,
    InviteClientTransaction,
    InviteServerTransaction,
    ServerTransaction,
    Terminated,
    TimedOut,
    Transaction,
    TransactionOutput,
    TransactionState,
    TransactionTable,
    server_key,
)
from sbc.wire import Flow
from tests.transaction.script import TCP, UDP, T, request, response

STATUSES = (100, 180, 183, 200, 202, 302, 408, 486, 503, 603)
LONGEST = 2 * T.give_up + T.t4  # waiting for the answer, then lingering
METHODS = ("INVITE", "ACK", "OPTIONS", "CANCEL", "BYE")
REQUESTS = [request(method, branch=branch) for method in METHODS for branch in (";branch=z9hG4bKa1", ";branch=1")]
RESPONSES = [response(status, method) for status in STATUSES for method in ("INVITE", "BYE")]

flows = st.sampled_from([UDP, TCP])
steps = st.lists(
    st.tuples(
        st.sampled_from(["receive", "respond", "acknowledge", "timer", "deadline"]),
        st.integers(0, 19),
        st.sampled_from([0.0, 0.1, 0.5, 1.0, 3.9, 7.0, 33.0]),
    ),
    max_size=14,
)


def drive(tx: Transaction, kind: str, number: int, now: float) -> list[TransactionOutput]:
    """One input for any machine; what it has no method for is left out."""
    if kind == "timer":
        return tx.handle_timer(now)
    if isinstance(tx, InviteServerTransaction | ServerTransaction):
        if kind == "respond":
            return tx.respond(STATUSES[number % len(STATUSES)], b"response %d" % number, now)
        return tx.receive(REQUESTS[number % len(REQUESTS)], now) if kind == "receive" else []
    if kind == "receive":
        return tx.receive(RESPONSES[number % len(RESPONSES)], now)
    if kind == "acknowledge" and isinstance(tx, InviteClientTransaction):
        return tx.acknowledge(b"ack %d" % number, now)
    return []


def check(tx: Transaction, outputs: list[TransactionOutput]) -> None:
    """What holds after every input."""
    ends = [output for output in outputs if isinstance(output, Terminated)]
    assert (tx.state is TransactionState.TERMINATED) >= bool(ends)
    assert ends == outputs[-1:][: len(ends)], "Terminated is the last word"
    for output in outputs:
        match output:
            case Transmit(data=data, flow=flow):
                assert data
                assert flow is tx.flow
            case TimedOut():
                assert ends
            case AckNeeded():
                assert tx.state is TransactionState.COMPLETED
    if tx.state is TransactionState.TERMINATED:
        assert tx.next_timer is None


def finish(tx: Transaction, now: float) -> list[TransactionOutput]:
    """What the transaction user owes in Proceeding, then time alone. Returns everything that came out."""
    seen: list[TransactionOutput] = []
    if isinstance(tx, InviteServerTransaction):
        seen += tx.respond(500, b"500", now)
    elif isinstance(tx, InviteClientTransaction):
        seen += tx.receive(response(500), now)
    firings = 0
    while tx.next_timer is not None:
        at = max(now, tx.next_timer)
        assert at <= now + LONGEST
        outputs = tx.handle_timer(at)
        assert outputs, "a timer that is due does something"
        check(tx, outputs)
        seen += outputs
        firings += 1
        assert firings < 20
    return seen


def assert_ends(tx: Transaction, inputs: list[tuple[str, int, float]]) -> None:
    now = 0.0
    seen: list[TransactionOutput] = []
    for kind, number, wait in inputs:
        if kind == "deadline" and tx.next_timer is not None:
            kind, now = "timer", max(now, tx.next_timer)
        else:
            now += wait
        was_over = tx.state is TransactionState.TERMINATED
        outputs = drive(tx, kind, number, now)
        assert not (was_over and outputs), "the dead say nothing"
        check(tx, outputs)
        seen += outputs
    seen += finish(tx, now)
    assert tx.state is TransactionState.TERMINATED
    assert len([output for output in seen if isinstance(output, Terminated)]) == 1


@settings(max_examples=120, deadline=None)
@given(flows, steps)
def test_invite_client_survives_everything_and_ends(flow: Flow, inputs: list[tuple[str, int, float]]) -> None:
    """RFC 3261 figure 5."""
    assert_ends(InviteClientTransaction(("z9hG4bKours", "INVITE"), b"INVITE", flow, T, 0.0), inputs)


@settings(max_examples=120, deadline=None)
@given(flows, steps)
def test_client_survives_everything_and_ends(flow: Flow, inputs: list[tuple[str, int, float]]) -> None:
    """RFC 3261 figure 6."""
    assert_ends(ClientTransaction(("z9hG4bKours", "BYE"), b"BYE", flow, T, 0.0), inputs)


@settings(max_examples=120, deadline=None)
@given(flows, steps)
def test_invite_server_survives_everything_and_ends(flow: Flow, inputs: list[tuple[str, int, float]]) -> None:
    """RFC 3261 figure 7."""
    assert_ends(InviteServerTransaction("key", REQUESTS[0], flow, T, 0.0), inputs)


@settings(max_examples=120, deadline=None)
@given(flows, steps)
def test_server_survives_everything_and_ends(flow: Flow, inputs: list[tuple[str, int, float]]) -> None:
    """RFC 3261 figure 8."""
    assert_ends(ServerTransaction("key", REQUESTS[4], flow, T, 0.0), inputs)


class Node(RuleBasedStateMachine):
    """A table with its machines, driven as the engine does: match, else create; forget what has terminated."""

    @initialize()
    def start(self) -> None:
        self.table = TransactionTable()
        self.living: list[Transaction] = []
        self.now = 0.0
        self.minted = 0

    def handle(self, tx: Transaction, outputs: list[TransactionOutput]) -> None:
        check(tx, outputs)
        for output in outputs:
            if isinstance(output, AckNeeded):
                self.handle(tx, output.tx.acknowledge(b"ACK", self.now))
            elif isinstance(output, Terminated):
                self.table.remove(tx)
                self.living.remove(tx)

    def create(self, tx: Transaction) -> None:
        self.table.add(tx)
        self.living.append(tx)

    @rule(flow=flows, incoming=st.sampled_from(REQUESTS))
    def a_request_arrives(self, flow: Flow, incoming: Request) -> None:
        tx = self.table.match_request(incoming, flow)
        if tx is not None:
            self.handle(tx, tx.receive(incoming, self.now))
        elif incoming.method == "CANCEL":
            named = self.table.find_invite(incoming, flow)
            if named is not None:
                self.handle(named, named.respond(487, b"487", self.now))
        elif incoming.method == "INVITE":
            tx = InviteServerTransaction(server_key(incoming, flow), incoming, flow, T, self.now)
            self.create(tx)
            self.table.first_way(tx)
        elif incoming.method != "ACK":
            self.create(ServerTransaction(server_key(incoming, flow), incoming, flow, T, self.now))

    @rule(flow=flows, method=st.sampled_from(["INVITE", "BYE"]))
    def we_send_a_request(self, flow: Flow, method: str) -> None:
        self.minted += 1
        key = (f"z9hG4bK{self.minted}", method)
        tx: InviteClientTransaction | ClientTransaction
        if method == "INVITE":
            tx = InviteClientTransaction(key, b"INVITE", flow, T, self.now)
        else:
            tx = ClientTransaction(key, b"BYE", flow, T, self.now)
        self.create(tx)
        self.handle(tx, tx.start())

    @rule(number=st.integers(1, 4), status=st.sampled_from(STATUSES), method=st.sampled_from(["INVITE", "BYE"]))
    def a_response_arrives(self, number: int, status: int, method: str) -> None:
        message = response(status, method, branch=f"z9hG4bK{number}")
        tx = self.table.match_response(message)
        if tx is not None:
            self.handle(tx, tx.receive(message, self.now))

    @precondition(lambda self: self.living)
    @rule(number=st.integers(0, 99), status=st.sampled_from(STATUSES))
    def the_user_answers(self, number: int, status: int) -> None:
        tx = self.living[number % len(self.living)]
        if isinstance(tx, InviteServerTransaction | ServerTransaction):
            self.handle(tx, tx.respond(status, b"answer", self.now))

    @rule(wait=st.sampled_from([0.1, 0.5, 4.0, 33.0]))
    def time_passes(self, wait: float) -> None:
        self.now += wait
        for tx in list(self.living):
            if tx.next_timer is not None and tx.next_timer <= self.now:
                self.handle(tx, tx.handle_timer(self.now))

    @invariant()
    def the_table_holds_the_living(self) -> None:
        assert len(self.table) == len(self.living)

    def teardown(self) -> None:
        if not hasattr(self, "table"):
            return
        for tx in list(self.living):
            finish(tx, self.now)
            self.table.remove(tx)
        assert len(self.table) == 0
        assert self.table._merged == {}


Node.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestNode = Node.TestCase
