"""Our 2xx to an INVITE, repeated until its ACK (RFC 3261 section 13.3.1.4)."""

from __future__ import annotations

from typing import Final

from sbc.outputs import Transmit
from sbc.wire import Flow


class AnswerUnacknowledged:
    """No ACK came within 64*T1: the dialog stands, and its user should send BYE (RFC 3261 section 13.3.1.4)."""

    __slots__ = ("answer",)

    def __init__(self, answer: Answer) -> None:
        self.answer: Final = answer


AnswerOutput = Transmit | AnswerUnacknowledged


class Answer:
    """A 2xx that the INVITE transaction has sent once, and that is repeated from here whatever the transport.

    T1 after it was sent, then doubling up to T2, until `acknowledge` or 64*T1. An ACK to it has the same CSeq number;
    comparing is the caller's, since the ACK is matched to the dialog first.
    """

    __slots__ = ("_end_at", "_interval", "_t2", "_wire", "cseq", "flow", "next_timer")

    def __init__(self, wire: bytes, flow: Flow, cseq: int, t1: float, t2: float, now: float) -> None:
        self.flow: Final = flow
        self.cseq: Final = cseq
        self._wire = wire
        self._interval = t1
        self._t2: Final = t2
        self._end_at: Final = now + 64 * t1
        self.next_timer: float | None = now + t1

    @property
    def wire(self) -> bytes:
        """The 2xx, empty once its ACK has come."""
        return self._wire

    @property
    def is_pending(self) -> bool:
        """True until the ACK has come or nobody waits for it any more."""
        return self.next_timer is not None

    def acknowledge(self) -> None:
        """The ACK has come: repeat no more. Copies of the ACK change nothing."""
        self._wire = b""
        self.next_timer = None

    def handle_timer(self, now: float) -> list[AnswerOutput]:
        """Repeat, or give up; early calls do nothing."""
        due = self.next_timer
        if due is None or now < due:
            return []
        if now >= self._end_at:
            self.acknowledge()
            return [AnswerUnacknowledged(self)]
        self._interval = min(2 * self._interval, self._t2)
        self.next_timer = min(now + self._interval, self._end_at)
        return [Transmit(self._wire, self.flow)]
