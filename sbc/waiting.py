"""What waits: a request for the address of its next hop, a look-up for its answer, a cancelled INVITE for its end."""

from __future__ import annotations

from typing import Final

from sbc.call import Outgoing
from sbc.config import Listener
from sbc.transaction import InviteClientTransaction, TransactionState


class Parked:
    """A finished request that waits for the address of its next hop."""

    __slots__ = ("listener", "name", "out", "port", "proof", "wire")

    def __init__(
        self, out: Outgoing | None, wire: bytes, listener: Listener, name: str, port: int, proof: tuple[str, ...]
    ) -> None:
        self.out: Final = out
        self.wire: Final = wire
        self.listener: Final = listener
        self.name: Final = name
        self.port: Final = port
        self.proof: Final = proof


class GiveUp:
    """A cancelled INVITE is waited for 64*T1 and no longer (RFC 3261 section 9.1); a machine for the wheel."""

    __slots__ = ("deadline", "tx")

    def __init__(self, tx: InviteClientTransaction, deadline: float) -> None:
        self.tx: Final = tx
        self.deadline: Final = deadline

    @property
    def next_timer(self) -> float | None:
        """The deadline, None once the INVITE has its final response."""
        state = self.tx.state
        waits = state is TransactionState.CALLING or state is TransactionState.PROCEEDING
        return self.deadline if waits else None


class Unanswered:
    """A look-up that nobody answers has failed (design 3a, async facts); a machine for the wheel."""

    __slots__ = ("deadline", "lookup", "parked")

    def __init__(self, lookup: int, parked: dict[int, list[Parked]], deadline: float) -> None:
        self.lookup: Final = lookup
        self.parked: Final = parked
        self.deadline: Final = deadline

    @property
    def next_timer(self) -> float | None:
        """The deadline, None once the answer came."""
        return self.deadline if self.lookup in self.parked else None
