"""Which worker of a node a message is for: read from the message alone, by any worker, without a table of calls.

A token of ours names a slot, and slots have owners: a request by the user of its Request-URI or by its To tag, a
response by the branch of its top Via. Everything else (a first INVITE with its copies, its CANCEL and the ACK to its
failure; what comes outside dialogs) goes by its Call-ID, so that one source port feeds all workers alike. Of that, what
names a dialog by Replaces, Join or Target-Dialog goes on to who has that dialog.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from zlib import crc32

SLOTS: Final = 256
PER_WORKER: Final = 15
"""Slots a worker mints with. The rest is for workers to come: what was minted keeps its owner when they do."""
WORKERS: Final = 16
_HEXADECIMAL: Final[frozenset[int]] = frozenset(b"0123456789abcdef")
_BRANCH: Final = b"branch=z9hG4bK"
_NAMING: Final[frozenset[bytes]] = frozenset({b"replaces", b"join", b"target-dialog"})
_OURS_FIRST: Final = (b"to-tag=", b"remote-tag=", b"from-tag=", b"local-tag=")
"""The receiver's tag is ours, or else the sender's: who means the far end of a call names it from there."""


def key_of(data: bytes) -> int:
    """Where to look a message up in `Table`: a slot below 256 of a token of ours, or 256 and more by its Call-ID."""
    if data.startswith(b"SIP/2.0 "):
        start = data.find(_BRANCH) + len(_BRANCH)
        slot = _slot(data[start : start + 22]) if start >= len(_BRANCH) else -1
        return slot if slot >= 0 else _key_of_call(data)
    start = data.find(b":", 0, 64) + 1
    if data[start + 22 : start + 23] == b"@":
        slot = _slot(data[start : start + 22])
        if slot >= 0:
            return slot
    value = _header(data, b"to", b"t")
    start = value.find(b";tag=")
    if start >= 0:
        slot = _slot(value[start + 5 : start + 28].partition(b";")[0].rstrip())
        if slot >= 0:
            return slot
    return _key_of_call(data)


def named_key(data: bytes) -> int:
    """The same for the dialog that an INVITE or REFER names by Replaces, Join or Target-Dialog; -1 where it names none.

    RFC 3891, RFC 3911, RFC 4538. A dialog whose tags are both somebody else's began with an INVITE that went by its
    Call-ID.
    """
    head = data.partition(b"\r\n\r\n")[0]
    lower = head.lower()
    if max(lower.find(b"\nreplaces"), lower.find(b"\njoin"), lower.find(b"\ntarget-dialog")) < 0:
        return -1
    for line in head.split(b"\n")[1:]:
        name, colon, value = line.partition(b":")
        if colon and name.strip().lower() in _NAMING:
            return _key_of_named(value)
    return -1


def _key_of_named(value: bytes) -> int:
    call_id, *params = [part.strip() for part in value.split(b";")]
    for name in _OURS_FIRST:
        for param in params:
            if param[: len(name)].lower() == name and (slot := _slot(param[len(name) :].strip())) >= 0:
                return slot
    return SLOTS + (crc32(call_id[:256]) & 255)


def call_id_of(data: bytes) -> bytes:
    """The Call-ID of a message, as far as it counts here."""
    return _header(data, b"call-id", b"i").strip()[:256]


def _slot(token: bytes) -> int:
    """The slot of a minted token, -1 for anything else."""
    if len(token) != 22 or not _HEXADECIMAL.issuperset(token):
        return -1
    return int(token[:2], 16)


def _key_of_call(data: bytes) -> int:
    return SLOTS + (crc32(call_id_of(data)) & 255)


def _header(data: bytes, name: bytes, compact: bytes) -> bytes:
    """The first header field of this name (lower case), empty where there is none."""
    for line in data.split(b"\r\n\r\n", 1)[0].split(b"\n")[1:]:
        head, colon, value = line.partition(b":")
        if colon and (head := head.strip().lower()) in (name, compact):
            return value
    return b""


class Table:
    """Who owns which slot, for a node of so many workers. `owners` is kept with the node's state: a byte a slot.

    A slot that a worker of an earlier start minted with keeps its owner, or, where there are fewer workers now, goes to
    one that also has all the others of that worker: the tokens of one call never part.
    """

    __slots__ = ("_workers", "owners")

    def __init__(self, owners: bytes, workers: int) -> None:
        self.owners: Final = owners
        self._workers: Final = workers

    @property
    def workers(self) -> int:
        """How many there are."""
        return self._workers

    def owner(self, key: int) -> int:
        """The worker for a key of `key_of`; what nobody minted, or the node when it had one worker, is the first's."""
        if key >= SLOTS:
            return (key - SLOTS) % self._workers
        owner = self.owners[key]
        return 0 if owner == NOBODY else owner % self._workers

    def others(self, worker: int) -> frozenset[int]:
        """What all other workers mint with, or have to answer for."""
        return frozenset([slot for slot in range(SLOTS) if self.owners[slot] != NOBODY and self.owner(slot) != worker])

    def slots(self, worker: int) -> bytes:
        """What a worker mints with."""
        return bytes([slot for slot in range(SLOTS) if self.owners[slot] == worker])


NOBODY: Final = 255


def owners_in(text: str) -> bytes:
    """The owners that a file or a server has kept in hexadecimal digits; empty where it is no table that we make."""
    try:
        owners = bytes.fromhex(text)
    except ValueError:
        return b""
    if len(owners) != SLOTS or owners[0] != NOBODY:
        return b""
    counts = {owner: owners.count(owner) for owner in set(owners) - {NOBODY}}
    return owners if all(owner < WORKERS and count == PER_WORKER for owner, count in counts.items()) else b""


def assign(owners: bytes, workers: int, draw: Callable[[int], int]) -> Table:
    """The table for so many workers: what was assigned before stays, who has nothing draws from what is free.

    Slot 0 is never drawn: a node with one worker mints with it. `draw(n)` gives a random number below n.
    """
    table = bytearray(owners if len(owners) == SLOTS else bytes([NOBODY]) * SLOTS)
    for worker in range(workers):
        if worker in table:
            continue
        free = [slot for slot in range(1, SLOTS) if table[slot] == NOBODY]
        for _ in range(PER_WORKER):
            table[free.pop(draw(len(free)))] = worker
    return Table(bytes(table), workers)
