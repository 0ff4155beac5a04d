"""The non-INVITE client transaction: RFC 3261 section 17.1.2, figure 6.

state       input      action                                next state
----------  ---------  ------------------------------------  ----------
Trying      Timer E    send request, double E, at most T2
            Timer F    TimedOut                              Terminated
            1xx        pass up                               Proceeding
            2xx-6xx    pass up, set K                        Completed
Proceeding  Timer E    send request, E is T2
            Timer F    TimedOut                              Terminated
            1xx        pass up
            2xx-6xx    pass up, set K                        Completed
Completed   Timer K                                          Terminated
"""

from __future__ import annotations

from typing import Final

from sbc.outputs import Transmit
from sbc.sip import Response
from sbc.transaction.outputs import ResponseReceived, Terminated, TimedOut, TransactionOutput
from sbc.transaction.states import Timer, TimerValues, TransactionState
from sbc.wire import Flow

_TRYING: Final = TransactionState.TRYING
_PROCEEDING: Final = TransactionState.PROCEEDING
_COMPLETED: Final = TransactionState.COMPLETED
_TERMINATED: Final = TransactionState.TERMINATED


class ClientTransaction:
    """A request of ours that is neither INVITE nor ACK, from its first copy to the last answer absorbed.

    Keeps the request's bytes until the final response. On a reliable transport Timer E is never armed and Timer K
    is zero: the final response ends the machine in the same step. A CANCEL is one of these, with its INVITE's
    branch.
    """

    __slots__ = ("_end_at", "_interval", "_wire", "flow", "key", "next_timer", "state", "timers", "user")

    def __init__(self, key: tuple[str, str], wire: bytes, flow: Flow, timers: TimerValues, now: float) -> None:
        self.key: Final = key
        self.flow: Final = flow
        self.timers: Final = timers
        self.user: object | None = None
        self.state = _TRYING
        self._wire = wire
        self._interval = timers.t1
        self._end_at = now + timers.give_up
        self.next_timer: float | None = self._end_at if flow.is_reliable else now + timers.t1

    @property
    def wire(self) -> bytes:
        """What would be sent again."""
        return self._wire

    @property
    def is_reliable(self) -> bool:
        """True where the transport repeats for us."""
        return self.flow.is_reliable

    def __repr__(self) -> str:
        return f"<ClientTransaction {self.key[1]} {self.key[0]} {self.state.value}>"

    # Inputs

    def start(self) -> list[TransactionOutput]:
        """Send the request."""
        return [Transmit(self._wire, self.flow)] if self.state is _TRYING else []

    def receive(self, response: Response, now: float) -> list[TransactionOutput]:
        """Take a response that the table matched to this transaction."""
        state = self.state
        if state is _TRYING or state is _PROCEEDING:
            return self._provisional(response) if response.status < 200 else self._complete(response, now)
        return []

    def abandon(self, now: float) -> list[TransactionOutput]:
        """Give up: on a transport error, or because nobody waits for the answer any more."""
        return [] if self.state is _TERMINATED else [self._terminate(None)]

    def handle_timer(self, now: float) -> list[TransactionOutput]:
        """Act on the timers that are due; early calls do nothing."""
        due = self.next_timer
        if due is None or now < due:
            return []
        if self.state is _COMPLETED:
            return [self._terminate(Timer.K)]
        return self._timer_f() if now >= self._end_at else self._timer_e(now)

    # Arrows

    def _timer_e(self, now: float) -> list[TransactionOutput]:
        # 17.1.2.2: in Proceeding the interval is T2 at once.
        t2 = self.timers.t2
        self._interval = t2 if self.state is _PROCEEDING else min(2 * self._interval, t2)
        self.next_timer = min(now + self._interval, self._end_at)
        return [Transmit(self._wire, self.flow)]

    def _timer_f(self) -> list[TransactionOutput]:
        return [TimedOut(self), self._terminate(Timer.F)]

    def _provisional(self, response: Response) -> list[TransactionOutput]:
        self.state = _PROCEEDING
        return [ResponseReceived(self, response)]

    def _complete(self, response: Response, now: float) -> list[TransactionOutput]:
        if self.flow.is_reliable:
            return [ResponseReceived(self, response), self._terminate(None)]
        self.state = _COMPLETED
        self._wire = b""
        self.next_timer = self._end_at = now + self.timers.t4
        return [ResponseReceived(self, response)]

    def _terminate(self, timer: Timer | None) -> Terminated:
        self.state = _TERMINATED
        self._wire = b""
        self.next_timer = None
        return Terminated(self, timer)
