"""What waits: a cancelled INVITE for its end."""

from __future__ import annotations

from typing import Final

from sbc.transaction import InviteClientTransaction, TransactionState


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
