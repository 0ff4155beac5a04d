"""Live calls as a shared server has them: written behind, begun anew after an outage, never without the lease.

The local file has every record too. So nothing is kept back for a server that is away: what it has missed is read from
the file once it answers again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final

from sbc.journal.folding import folded
from sbc.journal.server import LEASE, Away, Batch, Server
from sbc.outputs import CallMeasured, Journal, Record

BACKLOG: Final = 50_000
"""Records that may wait for the server; beyond, it is told of all live calls anew."""
DELAY: Final = 0.05
"""Seconds that a record may wait for company."""
AGAIN: Final = 1.0
"""Seconds before a server that was away is asked again."""
_BATCH: Final = 5_000
_HOLD: Final = LEASE / 4


class Standing(Enum):
    """How we stand with the server."""

    UP = "up"
    AWAY = "away"
    LOST = "taken over"
    """Another node has the lease: our calls are its own now, and we must not speak in them any more."""


class Replica:
    """One node's calls on a server. `append` is the event loop's; `step` is one other thread's.

    `live` reads the calls of the local file, with everything in it that was appended before.
    """

    def __init__(self, server: Server, me: str, live: Callable[[], list[Journal]]) -> None:
        self.standing = Standing.UP
        self.why = ""
        """Why it is away, or who has taken over."""
        self.since = time.time()
        self.missed = 0
        """Records that the server was not told of when they were made."""
        self.restored = 0
        """Calls that it was told of anew."""
        self._server: Final = server
        self._me: Final = me
        self._live: Final = live
        self._queue: Final[deque[Record]] = deque()
        self._token = ""
        self._hold_at = 0.0
        self._is_behind = True
        self._slots = ""
        self._stopping: Final = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """Records that wait for the server."""
        return len(self._queue)

    def begin(self, token: str, why: str = "") -> None:
        """The lease is ours with this token; the server does not know our calls yet. Without one, it is away."""
        self._token = token
        if not token:
            self.standing, self.why = Standing.AWAY, why

    def start(self, token: str, why: str = "") -> None:
        """`begin`, and a thread of its own from now on."""
        self.begin(token, why)
        self._thread = threading.Thread(target=self._run, name="journal replica", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> None:
        """For the server, after the local file has it. What is told of media is not of its business."""
        if isinstance(record, CallMeasured):
            return
        if self._is_behind or self.standing is not Standing.UP:
            self.missed += 1
        elif len(self._queue) >= BACKLOG:
            self._is_behind = True
            self.missed += 1
        else:
            self._queue.append(record)

    def keep_slots(self, slots: str) -> None:
        """Who owns which slot, for the node that comes after; with the next step."""
        self._slots = slots
        self._is_behind = True

    def close(self) -> None:
        """Tell the server what waits, and let whoever comes after take the lease at once."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(10.0)
        if self._token and self.standing is Standing.UP:
            self.step(time.monotonic())
        if self._token and self.standing is Standing.UP:
            try:
                self._server.release(self._token)
            except Away as error:
                self._leave(Standing.AWAY, str(error))
        self._server.close()

    def step(self, now: float) -> float:
        """Do what there is to do: seconds until the next time."""
        if self.standing is Standing.LOST:
            return AGAIN
        try:
            if self.standing is Standing.AWAY or now >= self._hold_at:
                self._hold(now)
            if self.standing is Standing.UP and self._is_behind:
                self._catch_up()
            while self._queue and self.standing is Standing.UP and not self._is_behind:
                self._write()
        except Away as error:
            self._leave(Standing.AWAY, str(error))
            self._server.close()
            return AGAIN
        return DELAY

    def _hold(self, now: float) -> None:
        held = self._server.hold(self._token)
        holder = held.partition(" ")[2]
        if not held or (held != self._token and holder == self._me):
            self._take()  # it has ended, or is what a process before us on this directory had
        elif held != self._token:
            self._leave(Standing.LOST, holder)
        if self.standing is Standing.LOST:
            return
        self._hold_at = now + _HOLD
        if self.standing is Standing.AWAY:
            self.standing, self.why, self.since = Standing.UP, "", time.time()
            self._is_behind = True

    def _take(self) -> None:
        """Our lease has ended while we could not speak to the server, or it has lost everything."""
        grant = self._server.take()
        if not grant.token:
            self._leave(Standing.LOST, grant.holder)
        elif grant.former not in ("", self._me):
            self._server.release(grant.token)  # one that came and went: our calls were its own for a while
            self._leave(Standing.LOST, grant.former)
        else:
            self._token = grant.token
            self._is_behind = True

    def _catch_up(self) -> None:
        """All live calls anew; what is appended from here on comes after them."""
        self._queue.clear()
        self._is_behind = False
        try:
            calls = self._live()
            if self._slots:
                self._server.keep_slots(self._token, self._slots)
            if not self._server.replace(self._token, calls):
                self._hold_at = 0.0  # find out who has it
                self._is_behind = True
            self.restored += len(calls)
        except Away:
            self._is_behind = True
            raise

    def _write(self) -> None:
        queue = self._queue
        records = [queue.popleft() for _ in range(min(_BATCH, len(queue)))]
        try:
            if self._server.write(self._token, batch_of(records)):
                return
        except Away:
            self.missed += len(records)
            raise
        self.missed += len(records)
        self._hold_at = 0.0
        self._is_behind = True

    def _leave(self, standing: Standing, why: str) -> None:
        if standing is not self.standing:
            self.since = time.time()
        self.missed += len(self._queue)
        self._queue.clear()
        self.standing, self.why = standing, why

    def _run(self) -> None:
        delay = 0.0
        while not self._stopping.wait(delay):
            delay = self.step(time.monotonic())


def batch_of(records: Sequence[Record]) -> Batch:
    """What is left to do of these."""
    kept, acked, ended = folded(records)
    return Batch(kept, acked, [record.call for record in ended])
