"""What a store shared by several nodes must do for one of them: a lease, the last record of each live call, the slots.

Everything is kept under the node's name. Whoever has the lease owns the calls under it; each change carries the token
of the lease, and the server refuses one whose token is not the lease's any more, in the same step as it would make it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from sbc.outputs import ACKED, KEPT, Journal

LEASE: Final = 10.0
"""Seconds after which a node that says nothing has lost its calls to whoever asks for them."""
LIFE: Final = 3600
"""Seconds for which the calls of a node wait for one of its name to come; the node that has them begins anew all the
time."""


class Away(OSError):
    """The server cannot be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What became of asking for the lease."""

    token: str
    """To be shown with every change; empty where another has the lease."""
    holder: str
    """Who has it now."""
    former: str
    """Who kept calls here last, empty where nobody did."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes in the order in which they are made: whole records, ACKs to those there, calls that have ended."""

    kept: list[Journal]
    acked: list[str]
    ended: list[str]

    def __len__(self) -> int:
        return len(self.kept) + len(self.acked) + len(self.ended)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is and how it is spoken to."""

    url: str
    """Without a password."""
    password: str = field(default="", repr=False)
    ca: str = ""
    """A file of authorities, for TLS; empty: those of the machine."""


class Server(Protocol):
    """One node's part of the server. Everything may raise Away."""

    def look(self) -> Grant:
        """Who has the lease, and who kept calls here last; without a token."""

    def take(self) -> Grant:
        """The lease, unless another has it; one of ours of earlier is replaced."""

    def hold(self, token: str) -> str:
        """Have the lease for another while if it is ours; the token that it has now, empty where it has ended."""

    def write(self, token: str, batch: Batch) -> bool:
        """Make these changes; False where the lease is not ours any more."""

    def replace(self, token: str, calls: Iterable[Journal]) -> bool:
        """Put these in the place of all that is kept, in one step, and be who kept calls here last."""

    def left(self) -> Iterator[tuple[Journal, str]]:
        """All that was set aside, each with the instance that had it, then all that is kept, with an empty text."""

    def set_aside(self, calls: Iterable[tuple[Journal, str]]) -> None:
        """Keep these, and no others, apart for whoever can go on with them."""

    def slots(self) -> str:
        """What `keep_slots` was given last."""

    def keep_slots(self, token: str, slots: str) -> None:
        """Who owns which slot, as text."""

    def release(self, token: str) -> None:
        """End the lease if it is ours."""

    def close(self) -> None:
        """Let the connection go."""


def open_server(place: Place, name: str, me: str) -> Server:
    """The server there, for the node of this name; it is spoken to when something is asked of it."""
    from sbc.journal.redis_server import RedisServer  # half a second, which other stores do without

    return RedisServer(place, name, me)


def examine_server(place: Place, name: str) -> tuple[str, str, str]:
    """The server's version, what it does when its memory is full, who has the lease. Raises Away."""
    from sbc.journal.redis_server import examine

    return examine(place, name)


def packed(call: Journal) -> bytes:
    """A record as a value: `1` for one whose ACK has come, the wall time, the record."""
    return b"%d %.6f\n%b" % (call.kind == ACKED, call.wall, call.record)


def unpacked(call: str, value: bytes) -> Journal | None:
    """The other way; None for what is no value of ours."""
    head, _, record = value.partition(b"\n")
    flag, _, wall = head.partition(b" ")
    try:
        return Journal(call, ACKED if flag == b"1" else KEPT, float(wall), record)
    except ValueError:
        return None
