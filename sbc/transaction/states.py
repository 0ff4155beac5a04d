"""The states and timers of the figures in RFC 3261 section 17, by the RFC's names."""

from __future__ import annotations

from enum import Enum
from typing import Final


class TransactionState(Enum):
    """Where a transaction is. Accepted comes from RFC 6026; not every machine has every state."""

    CALLING = "Calling"
    TRYING = "Trying"
    PROCEEDING = "Proceeding"
    ACCEPTED = "Accepted"
    COMPLETED = "Completed"
    CONFIRMED = "Confirmed"
    TERMINATED = "Terminated"


class Timer(Enum):
    """The timers of RFC 3261 table 4 and RFC 6026 section 8.7 that live in a transaction (Timer C is the call's)."""

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741 - the RFC's letter
    J = "J"
    K = "K"
    L = "L"
    M = "M"


class TimerValues:
    """T1, T2 and T4 in seconds (RFC 3261 section 17.1.1.1) and what follows from them; one value for a whole node."""

    __slots__ = ("ack_linger", "give_up", "t1", "t2", "t4", "trying_delay")

    def __init__(self, t1: float = 0.5, t2: float = 4.0, t4: float = 5.0) -> None:
        self.t1: Final = t1
        self.t2: Final = t2
        self.t4: Final = t4
        self.give_up: Final = 64 * t1
        """Timers B, F, H, J, L and M."""
        self.ack_linger: Final = max(32.0, 64 * t1)
        """Timer D on UDP: the peer's T1 is unknown, so never below 32 s (section 17.1.1.2)."""
        self.trying_delay: Final = _trying_delay(t1, t2)
        """When a peer's Timer E is first set to T2: no 100 to a non-INVITE on UDP before (RFC 4320 section 4.1)."""


def _trying_delay(t1: float, t2: float) -> float:
    elapsed = 0.0
    interval = t1
    while 0 < interval < t2:
        elapsed += interval
        interval *= 2
    return elapsed
