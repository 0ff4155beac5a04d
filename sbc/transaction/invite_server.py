"""The INVITE server transaction: RFC 3261 section 17.2.1, figure 7, with the Accepted state of RFC 6026 section 7.1.

state       input            action                          next state
----------  ---------------  ------------------------------  ----------
Proceeding  INVITE           send the last 1xx, if any
            1xx from user    send
            2xx from user    send, set L                     Accepted
            3xx-6xx          send, set G and H               Completed
Accepted    INVITE
            ACK              pass up
            2xx from user    send
            Timer L                                          Terminated
Completed   INVITE           send the response
            Timer G          send the response, double G, at most T2
            ACK              set I                           Confirmed
            Timer H                                          Terminated
Confirmed   Timer I                                          Terminated
"""

from __future__ import annotations

from typing import Final

from sbc.outputs import Transmit
from sbc.sip import Request
from sbc.transaction.keys import answered_tag, merge_key
from sbc.transaction.outputs import AckReceived, Terminated, TransactionOutput
from sbc.transaction.states import Timer, TimerValues, TransactionState
from sbc.wire import Flow

_PROCEEDING: Final = TransactionState.PROCEEDING
_ACCEPTED: Final = TransactionState.ACCEPTED
_COMPLETED: Final = TransactionState.COMPLETED
_CONFIRMED: Final = TransactionState.CONFIRMED
_TERMINATED: Final = TransactionState.TERMINATED

MOST_REPEATS: Final = 1000
"""More than Timer H leaves time for, whatever T1 and T2 are."""


class InviteServerTransaction:
    """An INVITE received, from its first copy to the last ACK absorbed.

    `request` is there until the final response, then None. Of responses only the last is kept: a 1xx in Proceeding,
    the failure in Completed, nothing in Accepted, since repeating a 2xx until its ACK is the dialog's duty. On a
    reliable transport Timer G is never armed and Timer I is zero. The 100 within 200 ms is the user's to hand in;
    the user also ends Proceeding, for which the RFC has no timer.
    """

    __slots__ = (
        "_end_at",
        "_interval",
        "_wire",
        "flow",
        "key",
        "merge_key",
        "next_timer",
        "repeats",
        "request",
        "state",
        "timers",
        "user",
    )

    def __init__(self, key: str, request: Request, flow: Flow, timers: TimerValues, now: float) -> None:
        self.key: Final = key
        self.request: Request | None = request
        self.flow: Final = flow
        self.timers: Final = timers
        self.merge_key: Final = merge_key(request)
        """What RFC 3261 section 8.2.2.2 compares, empty inside a dialog."""
        self.user: object | None = None
        self.repeats = MOST_REPEATS
        """How often a failure is still repeated by Timer G; its copies are answered in any case."""
        self.state = _PROCEEDING
        self.next_timer: float | None = None
        self._wire = b""
        self._interval = timers.t1
        self._end_at = 0.0

    @property
    def is_reliable(self) -> bool:
        """True where the transport repeats for us."""
        return self.flow.is_reliable

    def __repr__(self) -> str:
        return f"<InviteServerTransaction {self.key.partition(' ')[0]} {self.state.value}>"

    # Inputs

    def respond(self, status: int, wire: bytes, now: float) -> list[TransactionOutput]:
        """Send a response of the transaction user; one that comes too late for the state is discarded."""
        state = self.state
        if state is _PROCEEDING:
            if status < 200:
                return self._provisional(wire)
            return self._accept(wire, now) if status < 300 else self._complete(wire, now)
        if state is _ACCEPTED and 200 <= status < 300:
            return [Transmit(wire, self.flow)]
        return []

    def receive(self, request: Request, now: float) -> list[TransactionOutput]:
        """Take a copy of the INVITE, or an ACK, that the table matched to this transaction."""
        state = self.state
        if request.method == "ACK":
            if state is _COMPLETED:
                return self._confirm(request, now)
            return [AckReceived(self, request)] if state is _ACCEPTED else []
        if request.method == "INVITE" and (state is _PROCEEDING or state is _COMPLETED):
            return self._repeat()
        return []

    def abandon(self, now: float) -> list[TransactionOutput]:
        """End it without an answer: on a transport error, or where policy wants silence."""
        return [] if self.state is _TERMINATED else [self._terminate(None)]

    def handle_timer(self, now: float) -> list[TransactionOutput]:
        """Act on the timers that are due; early calls do nothing."""
        due = self.next_timer
        if due is None or now < due:
            return []
        state = self.state
        if state is _COMPLETED:
            return [self._terminate(Timer.H)] if now >= self._end_at else self._timer_g(now)
        return [self._terminate(Timer.L if state is _ACCEPTED else Timer.I)]

    def is_answered_as(self, to_tag: str) -> bool:
        """True where our last response carried this To tag, or none is kept; asked for an RFC 2543 ACK (17.2.3)."""
        return not self._wire or answered_tag(self._wire) == to_tag

    # Arrows

    def _provisional(self, wire: bytes) -> list[TransactionOutput]:
        self._wire = wire
        return [Transmit(wire, self.flow)]

    def _accept(self, wire: bytes, now: float) -> list[TransactionOutput]:
        # RFC 6026 section 7.1
        self.state = _ACCEPTED
        self.request = None
        self._wire = b""
        self.next_timer = now + self.timers.give_up
        return [Transmit(wire, self.flow)]

    def _complete(self, wire: bytes, now: float) -> list[TransactionOutput]:
        self.state = _COMPLETED
        self.request = None
        self._wire = wire
        self._end_at = now + self.timers.give_up
        self.next_timer = self._end_at if self.flow.is_reliable else now + self._interval
        return [Transmit(wire, self.flow)]

    def _repeat(self) -> list[TransactionOutput]:
        return [Transmit(self._wire, self.flow)] if self._wire else []

    def _timer_g(self, now: float) -> list[TransactionOutput]:
        if not self.repeats:
            self.next_timer = self._end_at
            return []
        self.repeats -= 1
        self._interval = min(2 * self._interval, self.timers.t2)
        self.next_timer = min(now + self._interval, self._end_at)
        return [Transmit(self._wire, self.flow)]

    def _confirm(self, ack: Request, now: float) -> list[TransactionOutput]:
        if self.flow.is_reliable:
            return [AckReceived(self, ack), self._terminate(None)]
        self.state = _CONFIRMED
        self._wire = b""
        self.next_timer = now + self.timers.t4
        return [AckReceived(self, ack)]

    def _terminate(self, timer: Timer | None) -> Terminated:
        self.state = _TERMINATED
        self.request = None
        self._wire = b""
        self.next_timer = None
        return Terminated(self, timer)
