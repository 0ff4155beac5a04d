"""What waits: a request for the address of its next hop, a look-up for its answer, a cancelled INVITE for its end."""

from __future__ import annotations

from typing import Final

from sbc.call import Outgoing
from sbc.config import Listener
from sbc.transaction import InviteClientTransaction, TransactionState

_LOOKUP_SECONDS: Final = 10.0
"""A look-up without an answer by then has failed."""
_NAME_SECONDS: Final = 60.0
"""How long a resolved name is kept; the resolver behind `Lookup` does not tell the TTL."""
_NAMES: Final = 4096
"""Names kept at most: peers choose them, in their Contacts."""


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


class Names:
    """Host names: what they resolved to, which are being looked up, and what waits for them."""

    __slots__ = ("_asked", "_known", "_parked", "_waiting")

    def __init__(self) -> None:
        self._known: Final[dict[str, tuple[tuple[str, ...], float]]] = {}
        self._asked: Final[dict[str, int]] = {}
        self._waiting: Final[dict[int, str]] = {}
        self._parked: Final[dict[int, list[Parked]]] = {}

    def resolved(self, name: str, now: float) -> str:
        """The first address of a name that was looked up not long ago, or an empty string."""
        known = self._known.get(name)
        return known[0][0] if known is not None and known[1] > now else ""

    def is_asked(self, name: str) -> bool:
        """True while a look-up of the name is under way."""
        return name in self._asked

    def ask(self, lookup: int, name: str, now: float) -> Unanswered:
        """A look-up is on its way; what is given back wants to be woken at its deadline."""
        self._asked[name] = lookup
        self._waiting[lookup] = name
        self._parked[lookup] = []
        return Unanswered(lookup, self._parked, now + _LOOKUP_SECONDS)

    def park(self, parked: Parked) -> None:
        """A finished request waits for the look-up of its next hop, which has been asked for."""
        self._parked[self._asked[parked.name]].append(parked)

    def take(self, lookup: int, addresses: tuple[str, ...], now: float) -> tuple[str, list[Parked]] | None:
        """The name and what waited for it; None where nobody waits for that look-up."""
        waiting = self._parked.pop(lookup, None)
        if waiting is None:
            return None
        name = self._waiting.pop(lookup)
        del self._asked[name]
        if addresses:
            if len(self._known) >= _NAMES:
                self._known.clear()
            self._known[name] = (addresses, now + _NAME_SECONDS)
        return name, waiting
