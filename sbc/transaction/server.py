"""The non-INVITE server transaction: RFC 3261 section 17.2.2, figure 8, within the bounds of RFC 4320.

state       input              action                        next state
----------  -----------------  ----------------------------  ----------
Trying      request
            100 from user      send, on UDP not too soon     Proceeding
            2xx-6xx            send, set J                   Completed
            64*T1 have passed                                Terminated
Proceeding  request            send the 100
            100 from user      send
            2xx-6xx            send, set J                   Completed
            64*T1 have passed                                Terminated
Completed   request            send the response
            Timer J                                          Terminated
"""

from __future__ import annotations

from typing import Final

from sbc.outputs import Transmit
from sbc.sip import Request
from sbc.transaction.keys import merge_key
from sbc.transaction.outputs import Terminated, TransactionOutput
from sbc.transaction.states import Timer, TimerValues, TransactionState
from sbc.wire import Flow

_TRYING: Final = TransactionState.TRYING
_PROCEEDING: Final = TransactionState.PROCEEDING
_COMPLETED: Final = TransactionState.COMPLETED
_TERMINATED: Final = TransactionState.TERMINATED


class ServerTransaction:
    """A request received that is neither INVITE nor ACK, from its first copy to the last one absorbed.

    RFC 4320 section 4: a 408 and any provisional response but 100 are discarded; a 100 handed in early waits, on
    UDP, until the peer's Timer E has reached T2 (3.5 s), unless a final response comes first. Without a final
    response the machine ends with the peer's Timer F, since nobody would listen any more.

    `request` is there until the final response, then None. On a reliable transport Timer J is zero: the final
    response ends the machine in the same step.
    """

    __slots__ = (
        "_end_at",
        "_trying_at",
        "_wire",
        "flow",
        "key",
        "merge_key",
        "next_timer",
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
        self.state = _TRYING
        self._wire = b""
        self._trying_at = now if flow.is_reliable else now + timers.trying_delay
        self._end_at = now + timers.give_up
        self.next_timer: float | None = self._end_at

    @property
    def is_reliable(self) -> bool:
        """True where the transport repeats for us."""
        return self.flow.is_reliable

    def __repr__(self) -> str:
        return f"<ServerTransaction {self.key.partition(' ')[0]} {self.state.value}>"

    # Inputs

    def respond(self, status: int, wire: bytes, now: float) -> list[TransactionOutput]:
        """Send a response of the transaction user; one that may not or can no longer be sent is discarded."""
        state = self.state
        if state is _TRYING or state is _PROCEEDING:
            if status >= 200:
                return [] if status == 408 else self._complete(wire, now)
            if status == 100:
                return self._hold(wire) if now < self._trying_at else self._proceed(wire)
        return []

    def receive(self, request: Request, now: float) -> list[TransactionOutput]:
        """Take a copy of the request."""
        state = self.state
        if state is _PROCEEDING or state is _COMPLETED:
            return [Transmit(self._wire, self.flow)]
        return []

    def abandon(self, now: float) -> list[TransactionOutput]:
        """End it without an answer: on a transport error, or where policy wants silence."""
        return [] if self.state is _TERMINATED else [self._terminate(None)]

    def handle_timer(self, now: float) -> list[TransactionOutput]:
        """Act on the timers that are due; early calls do nothing."""
        due = self.next_timer
        if due is None or now < due:
            return []
        if self.state is _COMPLETED:
            return [self._terminate(Timer.J)]
        return [self._terminate(Timer.F)] if now >= self._end_at else self._proceed(self._wire)

    # Arrows

    def _hold(self, wire: bytes) -> list[TransactionOutput]:
        # RFC 4320 section 4.1
        self._wire = wire
        self.next_timer = min(self._trying_at, self._end_at)
        return []

    def _proceed(self, wire: bytes) -> list[TransactionOutput]:
        self.state = _PROCEEDING
        self._wire = wire
        self.next_timer = self._end_at
        return [Transmit(wire, self.flow)]

    def _complete(self, wire: bytes, now: float) -> list[TransactionOutput]:
        if self.flow.is_reliable:
            return [Transmit(wire, self.flow), self._terminate(None)]
        self.state = _COMPLETED
        self.request = None
        self._wire = wire
        # One number lingers, not three.
        self.next_timer = self._end_at = self._trying_at = now + self.timers.give_up
        return [Transmit(wire, self.flow)]

    def _terminate(self, timer: Timer | None) -> Terminated:
        self.state = _TERMINATED
        self.request = None
        self._wire = b""
        self.next_timer = None
        return Terminated(self, timer)
