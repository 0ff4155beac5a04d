"""A file that takes nothing for a while, or never: the disk is full, somebody holds it, it is another's or broken."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sbc.journal import SqliteStore, StateError
from sbc.outputs import ACKED, KEPT, CallMeasured, Journal, LegMeasure
from tests.journal.kept import ended, rows


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sbc.journal.store.PATIENCE", 0.01)


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Somebody else writes into the file, and takes their time."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    yield
    database.execute("ROLLBACK")
    database.close()


def test_what_the_file_does_not_take_is_written_once_it_does(tmp_path: Path) -> None:
    """A backup that holds the file for long, a disk that is full for an hour: neither a live call nor a record is lost,
    and no call that has ended meanwhile is live to the next process.
    """
    path = tmp_path / "sbc.sqlite"
    store = SqliteStore(path)
    store.append(Journal("before", KEPT, 1.0, b"one"))
    store.flush()
    with held(path):
        store.append(Journal("during", KEPT, 2.0, b"two"))
        store.append(CallMeasured("over", 3.0, "two-way", "", LegMeasure(10), LegMeasure(10)))
        store.flush()
        assert (store.trouble, store.waiting, store.lost) == ("database is locked", 2, 0)
        store.append(ended("before"))
        store.append(Journal("during", ACKED, 3.0, b""))
        store.append(ended("over"))
        store.flush()
        assert store.waiting == 5
    store.append(ended("after"))
    store.close()
    assert (store.trouble, store.waiting, store.lost) == ("", 0, 0)
    assert rows(path, "SELECT call, acked, record FROM live") == [("during", 1, b"two")]
    assert rows(path, "SELECT call FROM cdr ORDER BY call") == [("after",), ("before",), ("over",)]
    assert rows(path, "SELECT call, packets FROM quality") == [("over", 10), ("over", 10)]


def test_what_waits_is_tried_again_though_nothing_comes_after_it(tmp_path: Path) -> None:
    path = tmp_path / "sbc.sqlite"
    store = SqliteStore(path)
    with held(path):
        store.append(ended("c1"))
        store.flush()
        assert store.waiting == 1
    store.flush()
    assert store.waiting == 0
    assert rows(path, "SELECT call FROM cdr") == [("c1",)]
    store.close()


def test_what_waits_at_the_end_is_lost_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "sbc.sqlite"
    store = SqliteStore(path)
    with held(path):
        store.append(ended("c1"))
        store.close()
    assert store.lost == 1


def test_a_record_that_no_file_takes_costs_itself_alone(tmp_path: Path) -> None:
    """SQLite's whole numbers have 64 bits: what comes before and after one that is larger is kept."""
    store = SqliteStore(tmp_path / "sbc.sqlite")
    for call in ("c1", "c2", "c3"):
        store.append(ended(call))
        huge = 2**70 if call == "c2" else 1
        store.append(CallMeasured(call, 3.0, "two-way", "", LegMeasure(huge), LegMeasure()))
    store.flush()
    assert (store.lost, store.waiting) == (1, 0)
    store.append(ended("c4"))
    store.close()
    assert (store.lost, store.trouble) == (1, "")
    assert rows(tmp_path / "sbc.sqlite", "SELECT call FROM cdr ORDER BY call") == [("c1",), ("c2",), ("c3",), ("c4",)]
    assert rows(tmp_path / "sbc.sqlite", "SELECT DISTINCT call FROM quality ORDER BY call") == [("c1",), ("c3",)]


@pytest.mark.parametrize(
    "harm",
    [
        "DROP TABLE live; CREATE TABLE live (call TEXT PRIMARY KEY, record BLOB NOT NULL)",
        "DROP TABLE cdr; CREATE TABLE cdr (call TEXT, start REAL)",
    ],
)
def test_a_file_with_tables_of_another_version_is_refused_by_name(tmp_path: Path, harm: str) -> None:
    """Until now every record was lost without a word."""
    path = tmp_path / "sbc.sqlite"
    SqliteStore(path).close()
    database = sqlite3.connect(path)
    database.executescript(harm)
    database.close()
    with pytest.raises(StateError, match=r"sbc\.sqlite: .*; move it away"):
        SqliteStore(path)


def test_a_file_that_breaks_off_in_the_middle_is_refused_by_name(tmp_path: Path) -> None:
    """Each worker that was to adopt from it died of it."""
    path = tmp_path / "sbc.sqlite"
    store = SqliteStore(path)
    for number in range(400):
        store.append(Journal(f"c{number}", KEPT, 1.0, b"x" * 2000))
    store.close()
    data = bytearray(path.read_bytes())
    quarter = len(data) // 4
    data[quarter : 2 * quarter] = b"\xff" * quarter
    path.write_bytes(bytes(data))
    with pytest.raises(StateError, match=r"sbc\.sqlite: database disk image is malformed; move it away"):
        SqliteStore(path)
