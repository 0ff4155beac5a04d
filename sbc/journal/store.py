"""The stores: an SQLite file behind a thread, or nothing at all."""

from __future__ import annotations

import queue
import sqlite3
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

from sbc.journal.directory import StateError, make_state
from sbc.journal.folding import folded
from sbc.outputs import ACKED, KEPT, CallEnded, CallMeasured, Journal, LegMeasure, Record, TargetChanged

BACKLOG: Final = 200_000
"""Records that may wait for the disk; beyond, records are lost and counted, calls are not."""
AGAIN: Final = 1.0
"""Seconds before a file that took nothing is tried again."""
PATIENCE: Final = 1.0
"""Seconds for which somebody else may hold the file until a write has failed."""

_FILE: Final = "sbc.sqlite"
_BATCH: Final = 5_000
_LONGEST: Final = 5.0
COMPANY: Final = 0.05
"""Seconds a record may wait for company: what a crash of the machine can cost."""

_SCHEMA: Final = """
DROP TABLE IF EXISTS journal;
CREATE TABLE IF NOT EXISTS live (
    call TEXT PRIMARY KEY, wall REAL NOT NULL, acked INTEGER NOT NULL, record BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS cdr (
    call TEXT NOT NULL, start REAL NOT NULL, answer REAL NOT NULL, "end" REAL NOT NULL,
    ingress TEXT NOT NULL, egress TEXT NOT NULL, trunk TEXT NOT NULL, caller TEXT NOT NULL, callee TEXT NOT NULL,
    status INTEGER NOT NULL, released_by TEXT NOT NULL, cause TEXT NOT NULL, rule TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS quality (
    call TEXT NOT NULL, side TEXT NOT NULL, audio TEXT NOT NULL, unheard TEXT NOT NULL,
    packets INTEGER NOT NULL, octets INTEGER NOT NULL, errors INTEGER NOT NULL,
    lost INTEGER, loss REAL, jitter REAL, round_trip REAL, mos REAL, PRIMARY KEY (call, side)
);
CREATE TABLE IF NOT EXISTS disabled (trunk TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (trunk, target));
CREATE INDEX IF NOT EXISTS cdr_start ON cdr (start);
"""
_INSERT_CDR: Final = f"INSERT INTO cdr VALUES ({', '.join('?' * 13)})"
_INSERT_QUALITY: Final = f"INSERT OR REPLACE INTO quality VALUES ({', '.join('?' * 12)})"
_KEEP: Final = "INSERT OR REPLACE INTO live VALUES (?, ?, ?, ?)"
_ACK: Final = "UPDATE live SET acked = 1 WHERE call = ?"
_FORGET: Final = "DELETE FROM live WHERE call = ?"
_DISABLE: Final = "INSERT OR IGNORE INTO disabled VALUES (?, ?)"
_ENABLE: Final = "DELETE FROM disabled WHERE trunk = ? AND target = ?"
_LIVE: Final = "SELECT call, acked, wall, record FROM live ORDER BY wall"
_LOOK: Final = "SELECT count(call), max(acked), max(wall), max(typeof(record)) FROM live"
_PASSING: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""What keeps a file from being written for a while: the disk is full, a backup holds it."""


class Store(Protocol):
    """Takes records without waiting."""

    @property
    def lost(self) -> int:
        """Records that could not be kept."""

    def append(self, record: Record) -> None:
        """Keep this record, after all that were appended before it."""

    def switch(self, change: TargetChanged) -> None:
        """An operator has taken a trunk or a target out of service, or put it back: that is to outlive the process."""

    def disabled(self) -> list[tuple[str, str]]:
        """What is out of service: trunks, with the URI of a target or an empty string. Waits for the disk."""

    def live(self) -> list[Journal]:
        """The last record of each call that has not ended, oldest first: what another process has left, at the start.

        Waits for the disk.
        """

    def flush(self) -> None:
        """Wait until everything appended before is where `live` finds it."""

    def close(self) -> None:
        """Keep what is waiting, then stop."""


class MemoryStore:
    """Keeps nothing: `state.store = "memory"`. Calls die with the process."""

    @property
    def lost(self) -> int:
        """Nothing is promised, so nothing is lost."""
        return 0

    def append(self, record: Record) -> None:
        """Forget it."""

    def switch(self, change: TargetChanged) -> None:
        """Forget it."""

    def disabled(self) -> list[tuple[str, str]]:
        """Nothing was kept."""
        return []

    def live(self) -> list[Journal]:
        """Nothing was kept."""
        return []

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """Nothing waits."""


class SqliteStore:
    """An SQLite file in WAL mode: the last record of each live call in `live`, what became of it in `cdr`, what its
    media were like in `quality`.

    A call that begins and ends within one batch is never written but for its call record. What the file does not take,
    since the disk is full or somebody holds it, waits until it does.
    """

    def __init__(self, path: Path, company: float = COMPANY) -> None:
        """Open or create the file; a record waits `company` seconds for others. Raises StateError where it cannot be
        used.
        """
        self.lost = 0
        self.trouble = ""
        """Why the file takes nothing at the moment, empty while it does."""
        self.waiting = 0
        """Records that the file has not taken so far."""
        self._company: Final = company
        self._queue: Final[queue.SimpleQueue[Record | threading.Event | None]] = queue.SimpleQueue()
        make_state(path.parent)
        self._database: Final = _opened(path)
        self._switches: Final = Switches(path)
        self._thread: Final = threading.Thread(target=self._run, name="journal writer", daemon=True)
        self._thread.start()

    def append(self, record: Record) -> None:
        """Queue the record."""
        if self._queue.qsize() + self.waiting >= BACKLOG:
            self.lost += 1
        else:
            self._queue.put(record)

    def switch(self, change: TargetChanged) -> None:
        """Write it: seldom, and by an operator who wants to know that it is done."""
        if not self._switches.switch(change):
            self.lost += 1

    def disabled(self) -> list[tuple[str, str]]:
        """What an earlier process was told."""
        return self._switches.disabled()

    def live(self) -> list[Journal]:
        """What an earlier process has left; before the first `append`."""
        return _rows(self._database)

    def replace_live(self, calls: Sequence[Journal]) -> None:
        """These live calls and no others, before the first `append`. Raises sqlite3.Error."""
        self._database.execute("BEGIN")
        self._database.execute("DELETE FROM live")
        self._database.executemany(_KEEP, map(_live_row, calls))
        self._database.execute("COMMIT")

    def flush(self) -> None:
        """Wait for the writer, who tries once; ten seconds at the longest."""
        done = threading.Event()
        self._queue.put(done)
        done.wait(10.0)

    def close(self) -> None:
        """Write what is queued and close the file."""
        self._queue.put(None)
        self._thread.join(10.0)
        self._switches.close()
        self._database.close()

    def _run(self) -> None:
        pause = threading.Event()
        left: list[Record] = []
        again = AGAIN
        while True:
            try:
                mark = self._queue.get(timeout=again if left else None)
            except queue.Empty:
                mark = threading.Event()  # nobody waits for it
            if not isinstance(mark, threading.Event) and mark is not None:
                pause.wait(again if left else self._company)
            batch = left
            most = len(left) + _BATCH
            while isinstance(mark, Journal | CallEnded | CallMeasured):
                batch.append(mark)
                if len(batch) >= most:
                    break
                try:
                    mark = self._queue.get_nowait()
                except queue.Empty:
                    break
            began = time.monotonic()
            left = _gist(self._write(batch)) if batch else []
            again = min(AGAIN + 10 * (time.monotonic() - began), _LONGEST)  # a tenth of one's time is enough
            self.waiting = len(left)
            if isinstance(mark, threading.Event):
                mark.set()
            if mark is None:
                self.lost += len(left)
                return

    def _write(self, batch: list[Record]) -> list[Record]:
        """Put these into the file: those that it did not take, but may yet. One that it will never take is lost."""
        try:
            self._put(batch)
        except (sqlite3.Error, ValueError, OverflowError) as error:
            self.trouble = str(error)
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _PASSING:
                return batch
            if len(batch) == 1:
                self.lost += 1
                return []
            middle = len(batch) // 2
            left = self._write(batch[:middle])
            return left + batch[middle:] if left else self._write(batch[middle:])
        self.trouble = ""
        return []

    def _put(self, batch: list[Record]) -> None:
        kept, acked, ended = folded(batch)
        database = self._database
        database.execute("BEGIN IMMEDIATE")
        database.executemany(_KEEP, map(_live_row, kept))
        database.executemany(_ACK, [(call,) for call in acked])
        database.executemany(_FORGET, [(record.call,) for record in ended])
        database.executemany(_INSERT_CDR, [_row(record) for record in ended])
        database.executemany(_INSERT_QUALITY, [row for record in batch for row in _quality_rows(record)])
        database.execute("COMMIT")


def _gist(left: list[Record]) -> list[Record]:
    """The same with one whole record, and one ACK, for each call that goes on."""
    kept, acked, ended = folded(left)
    whole = [Journal(one.call, KEPT, one.wall, one.record) for one in kept]
    acked += [one.call for one in kept if one.kind == ACKED]
    measured = [record for record in left if isinstance(record, CallMeasured)]
    return [*whole, *[Journal(call, ACKED, 0.0, b"") for call in acked], *ended, *measured]


class Switches:
    """What operators have taken out of service, in the file that another thread or process writes calls into."""

    def __init__(self, path: Path) -> None:
        """The file must be there. Raises sqlite3.Error."""
        # One thread at a time, but not always the same: a node that stops lets its files go beside its loop.
        self._database: Final = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=0.2)

    def switch(self, change: TargetChanged) -> bool:
        """Write it; False where that could not be done."""
        try:
            self._database.execute(_ENABLE if change.state == "enabled" else _DISABLE, (change.trunk, change.target))
        except sqlite3.Error:
            return False
        return True

    def disabled(self) -> list[tuple[str, str]]:
        """Trunks, with the URI of a target or an empty string."""
        return [(str(trunk), str(target)) for trunk, target in self._database.execute("SELECT * FROM disabled")]

    def close(self) -> None:
        """Let the file go."""
        self._database.close()


def _opened(path: Path) -> sqlite3.Connection:
    database = None
    try:
        database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
        for statement, values in ((_KEEP, 4), (_INSERT_CDR, 13), (_INSERT_QUALITY, 12), (_DISABLE, 2)):
            database.execute(f"EXPLAIN {statement}", [None] * values)  # a table of another shape takes none of ours
        database.execute(_LOOK).fetchall()  # one that breaks off would end each worker that is to adopt these
        database.execute(f"PRAGMA busy_timeout = {int(PATIENCE * 1000)}")
    except sqlite3.Error as error:
        if database is not None:
            database.close()
        raise StateError(
            f"{path}: {error}; move it away, or name another directory with `sbc run --state DIR`"
        ) from error
    return database


def open_switches(state: Path) -> Switches:
    """Those in this directory, where a store has been opened."""
    return Switches(state / _FILE)


def read_live(state: Path) -> list[Journal]:
    """What the file in this directory holds of live calls, while another process writes it; empty without a file."""
    path = state / _FILE
    if not path.exists():
        return []
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return _rows(database)
    finally:
        database.close()


def _rows(database: sqlite3.Connection) -> list[Journal]:
    found = database.execute(_LIVE).fetchall()
    return [Journal(call, ACKED if acked else KEPT, wall, record) for call, acked, wall, record in found]


def open_store(kind: str, state: Path, company: float = COMPANY) -> Store:
    """The store that `state.store` names: `memory`, or a file in the state directory, where a record waits so many
    seconds for others.
    """
    return MemoryStore() if kind == "memory" else SqliteStore(state / _FILE, company)


def _live_row(record: Journal) -> tuple[object, ...]:
    return record.call, record.wall, record.kind == ACKED, record.record


def _row(record: CallEnded) -> tuple[object, ...]:
    return (
        record.call,
        record.start,
        record.answer,
        record.end,
        record.ingress,
        record.egress,
        record.trunk,
        _storable(record.caller),
        _storable(record.callee),
        record.status,
        record.released_by,
        _storable(record.cause),
        record.rule,
    )


def _quality_rows(record: Record) -> list[tuple[object, ...]]:
    """Both legs' rows of what is told of media; none of anything else."""
    if not isinstance(record, CallMeasured):
        return []
    head = record.call, record.audio, record.unheard
    return [_leg_row("caller", record.caller, *head), _leg_row("callee", record.callee, *head)]


def _leg_row(side: str, leg: LegMeasure, call: str, audio: str, unheard: str) -> tuple[object, ...]:
    told = (leg.lost, leg.loss, leg.jitter, leg.round_trip, leg.mos)
    counted = (leg.packets, leg.octets, leg.errors)
    return call, side, audio, unheard, *counted, *(None if value == -1 else value for value in told)


def _storable(text: str) -> str:
    # Peers' bytes that were no UTF-8 live as surrogates in our texts; SQLite takes UTF-8 alone.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
