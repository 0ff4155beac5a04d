"""The stores: an SQLite file behind a thread, or nothing at all."""

from __future__ import annotations

import json
import queue
import sqlite3
import threading
from pathlib import Path
from typing import Final, Protocol

from sbc.outputs import CallEnded, Journal

BACKLOG: Final = 200_000
"""Records that may wait for the disk; beyond, records are lost and counted, calls are not."""

_BATCH: Final = 5_000
_DELAY: Final = 0.05
"""Seconds a record may wait for company: what a crash of the machine can cost."""

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS journal (
    id INTEGER PRIMARY KEY, call TEXT NOT NULL, kind TEXT NOT NULL, wall REAL NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS journal_call ON journal (call);
CREATE TABLE IF NOT EXISTS cdr (
    call TEXT NOT NULL, start REAL NOT NULL, answer REAL NOT NULL, "end" REAL NOT NULL,
    ingress TEXT NOT NULL, egress TEXT NOT NULL, trunk TEXT NOT NULL, caller TEXT NOT NULL, callee TEXT NOT NULL,
    status INTEGER NOT NULL, released_by TEXT NOT NULL, cause TEXT NOT NULL, rule TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS cdr_start ON cdr (start);
"""
_INSERT_CDR: Final = f"INSERT INTO cdr VALUES ({', '.join('?' * 13)})"
_INSERT_JOURNAL: Final = "INSERT INTO journal (call, kind, wall, payload) VALUES (?, ?, ?, ?)"
_FORGET: Final = "DELETE FROM journal WHERE call = ?"


class Store(Protocol):
    """Takes records without waiting."""

    @property
    def lost(self) -> int:
        """Records that could not be kept."""

    def append(self, record: Journal | CallEnded) -> None:
        """Keep this record, after all that were appended before it."""

    def close(self) -> None:
        """Keep what is waiting, then stop."""


class MemoryStore:
    """Keeps nothing: `state.store = "memory"`. Calls die with the process."""

    @property
    def lost(self) -> int:
        """Nothing is promised, so nothing is lost."""
        return 0

    def append(self, record: Journal | CallEnded) -> None:
        """Forget it."""

    def close(self) -> None:
        """Nothing waits."""


class SqliteStore:
    """An SQLite file in WAL mode. The end of a call drops its journal rows and leaves its call record in `cdr`."""

    def __init__(self, path: Path) -> None:
        """Open or create the file; raises OSError or sqlite3.Error when it cannot be used."""
        self.lost = 0
        self._queue: Final[queue.SimpleQueue[Journal | CallEnded | None]] = queue.SimpleQueue()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._database: Final = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)
        self._thread: Final = threading.Thread(target=self._run, name="journal writer", daemon=True)
        self._thread.start()

    def append(self, record: Journal | CallEnded) -> None:
        """Queue the record."""
        if self._queue.qsize() >= BACKLOG:
            self.lost += 1
        else:
            self._queue.put(record)

    def close(self) -> None:
        """Write what is queued and close the file."""
        self._queue.put(None)
        self._thread.join(10.0)
        self._database.close()

    def _run(self) -> None:
        pause = threading.Event()
        while True:
            first = self._queue.get()
            if first is None:
                return
            pause.wait(_DELAY)
            batch = [first]
            last = False
            while len(batch) < _BATCH:
                try:
                    record = self._queue.get_nowait()
                except queue.Empty:
                    break
                if record is None:
                    last = True
                    break
                batch.append(record)
            self._write(batch)
            if last:
                return

    def _write(self, batch: list[Journal | CallEnded]) -> None:
        try:
            self._database.execute("BEGIN")
            for record in batch:
                if isinstance(record, CallEnded):
                    self._database.execute(_FORGET, (record.call,))
                    self._database.execute(_INSERT_CDR, _row(record))
                else:
                    payload = json.dumps(record.payload)
                    self._database.execute(_INSERT_JOURNAL, (record.call, record.kind, record.wall, payload))
            self._database.execute("COMMIT")
        except sqlite3.Error:  # disk full, file locked by a backup: the calls go on
            self.lost += len(batch)
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")


def open_store(kind: str, state: Path) -> Store:
    """The store that `state.store` names: `memory`, or `sqlite` in the state directory."""
    return MemoryStore() if kind == "memory" else SqliteStore(state / "sbc.sqlite")


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


def _storable(text: str) -> str:
    # Peers' bytes that were no UTF-8 live as surrogates in our texts; SQLite takes UTF-8 alone.
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
