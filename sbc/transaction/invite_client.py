"""The INVITE client transaction: RFC 3261 section 17.1.1, figure 5, with the Accepted state of RFC 6026 section 7.2.

state       input            action                     next state
----------  ---------------  -------------------------  ----------
Calling     Timer A          send INVITE, double A
            Timer B          TimedOut                   Terminated
            1xx              pass up                    Proceeding
            2xx              pass up, set M             Accepted
            3xx-6xx          ask for ACK, pass up, set D  Completed
Proceeding  1xx              pass up
            2xx              pass up, set M             Accepted
            3xx-6xx          ask for ACK, pass up, set D  Completed
Accepted    2xx              pass up
            Timer M                                     Terminated
Completed   the ACK's bytes  send ACK
            3xx-6xx          send ACK
            Timer D                                     Terminated
"""

from __future__ import annotations

from typing import Final

from sbc.outputs import Transmit
from sbc.sip import Response
from sbc.transaction.outputs import AckNeeded, ResponseReceived, Terminated, TimedOut, TransactionOutput
from sbc.transaction.states import Timer, TimerValues, TransactionState
from sbc.wire import Flow

_CALLING: Final = TransactionState.CALLING
_PROCEEDING: Final = TransactionState.PROCEEDING
_ACCEPTED: Final = TransactionState.ACCEPTED
_COMPLETED: Final = TransactionState.COMPLETED
_TERMINATED: Final = TransactionState.TERMINATED


class InviteClientTransaction:
    """An INVITE of ours, from its first copy to the last answer absorbed.

    Keeps the INVITE's bytes in Calling and the ACK's in Completed, nothing else. On a reliable transport Timer A is
    never armed and Timer D is zero: `next_timer` is then the instant of the failure. The ACK to a 2xx is the
    dialog's, and so is giving up in Proceeding, for which the RFC has no timer here (`abandon`).
    """

    __slots__ = ("_end_at", "_interval", "_repeat_at", "_wire", "flow", "key", "next_timer", "state", "timers", "user")

    def __init__(self, key: tuple[str, str], wire: bytes, flow: Flow, timers: TimerValues, now: float) -> None:
        self.key: Final = key
        self.flow: Final = flow
        self.timers: Final = timers
        self.user: object | None = None
        self.state = _CALLING
        self._wire = wire
        self._interval = timers.t1
        self._repeat_at: float | None = None if flow.is_reliable else now + timers.t1
        self._end_at = now + timers.give_up
        self.next_timer: float | None = self._end_at if self._repeat_at is None else self._repeat_at

    @property
    def wire(self) -> bytes:
        """What would be sent again."""
        return self._wire

    @property
    def is_reliable(self) -> bool:
        """True where the transport repeats for us."""
        return self.flow.is_reliable

    def __repr__(self) -> str:
        return f"<InviteClientTransaction {self.key[0]} {self.state.value}>"

    # Inputs

    def start(self) -> list[TransactionOutput]:
        """Send the INVITE."""
        return [Transmit(self._wire, self.flow)] if self.state is _CALLING else []

    def receive(self, response: Response, now: float) -> list[TransactionOutput]:
        """Take a response that the table matched to this transaction."""
        status = response.status
        state = self.state
        if state is _CALLING or state is _PROCEEDING:
            if status < 200:
                return self._provisional(response)
            if status < 300:
                return self._accept(response, now)
            return self._complete(response, now)
        if state is _ACCEPTED and 200 <= status < 300:
            return [ResponseReceived(self, response)]
        if state is _COMPLETED and status >= 300:
            return self._repeat_ack()
        return []

    def acknowledge(self, ack: bytes, now: float) -> list[TransactionOutput]:
        """The answer to `AckNeeded`: send this ACK now, and again for each copy of the failure."""
        if self.state is not _COMPLETED:
            return []
        self._wire = ack
        return self._repeat_ack()

    def abandon(self, now: float) -> list[TransactionOutput]:
        """Give up: on a transport error, after Timer C, or 64*T1 after a CANCEL without an answer (section 9.1)."""
        return [] if self.state is _TERMINATED else [self._terminate(None)]

    def handle_timer(self, now: float) -> list[TransactionOutput]:
        """Act on the timers that are due; early calls do nothing."""
        due = self.next_timer
        if due is None or now < due:
            return []
        state = self.state
        if state is _CALLING:
            return self._timer_b() if now >= self._end_at else self._timer_a(now)
        return [self._terminate(Timer.M if state is _ACCEPTED else Timer.D)]

    # Arrows

    def _timer_a(self, now: float) -> list[TransactionOutput]:
        # 17.1.1.2: doubles without a ceiling.
        self._interval *= 2
        self._repeat_at = now + self._interval
        self.next_timer = min(self._repeat_at, self._end_at)
        return [Transmit(self._wire, self.flow)]

    def _timer_b(self) -> list[TransactionOutput]:
        return [TimedOut(self), self._terminate(Timer.B)]

    def _provisional(self, response: Response) -> list[TransactionOutput]:
        self.state = _PROCEEDING
        self._wire = b""
        self.next_timer = None
        return [ResponseReceived(self, response)]

    def _accept(self, response: Response, now: float) -> list[TransactionOutput]:
        # RFC 6026 section 7.2
        self.state = _ACCEPTED
        self._wire = b""
        self.next_timer = now + self.timers.give_up
        return [ResponseReceived(self, response)]

    def _complete(self, response: Response, now: float) -> list[TransactionOutput]:
        self.state = _COMPLETED
        self._wire = b""
        self.next_timer = now if self.flow.is_reliable else now + self.timers.ack_linger
        return [AckNeeded(self, response), ResponseReceived(self, response)]

    def _repeat_ack(self) -> list[TransactionOutput]:
        return [Transmit(self._wire, self.flow)] if self._wire else []

    def _terminate(self, timer: Timer | None) -> Terminated:
        self.state = _TERMINATED
        self._wire = b""
        self.next_timer = None
        return Terminated(self, timer)
