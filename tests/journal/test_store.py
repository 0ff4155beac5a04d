"""The SQLite store: written behind, in order; the end of a call leaves its record and nothing else."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sbc.journal import MemoryStore, SqliteStore, StateError, open_store
from sbc.outputs import ACKED, KEPT, CallEnded, CallMeasured, Journal, LegMeasure, TargetChanged
from tests.journal.kept import ended, rows


def test_the_journal_keeps_live_calls_and_cdr_ended_ones(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "state" / "sbc.sqlite")
    store.append(Journal("c1", KEPT, 1.0, b"one"))
    store.append(Journal("c2", KEPT, 1.5, b"two"))
    store.append(ended("c1"))
    store.close()
    path = tmp_path / "state" / "sbc.sqlite"
    assert rows(path, "SELECT call, acked, record FROM live") == [("c2", 0, b"two")]
    assert rows(path, 'SELECT call, caller, status, "end" FROM cdr') == [("c1", "alice", 200, 3.0)]
    assert store.lost == 0


def test_what_the_engine_tells_of_media_stands_beside_the_call_record_a_row_a_leg(tmp_path: Path) -> None:
    """What a peer did not say of what it received is NULL, not minus one: averages leave it out."""
    store = SqliteStore(tmp_path / "sbc.sqlite")
    store.append(ended("c1"))
    store.append(
        CallMeasured("c1", 3.0, "one-way", "callee", LegMeasure(150, 25800, 1, 3, 2.0, 4.5, 20.5, 4.2), LegMeasure())
    )
    store.close()
    legs = "SELECT side, audio, unheard, packets, octets, errors, lost, loss, jitter, round_trip, mos FROM cdr"
    assert rows(tmp_path / "sbc.sqlite", f"{legs} JOIN quality USING (call) ORDER BY side DESC") == [
        ("caller", "one-way", "callee", 150, 25800, 1, 3, 2.0, 4.5, 20.5, 4.2),
        ("callee", "one-way", "callee", 0, 0, 0, None, None, None, None, None),
    ]
    assert rows(tmp_path / "sbc.sqlite", "SELECT call FROM live") == []


def test_of_a_call_whose_media_have_moved_the_last_session_is_kept(tmp_path: Path) -> None:
    """A transfer ends one session and goes on with another."""
    store = SqliteStore(tmp_path / "sbc.sqlite")
    for packets in (10, 20):
        store.append(CallMeasured("c1", 3.0, "two-way", "", LegMeasure(packets), LegMeasure(packets)))
    store.close()
    assert rows(tmp_path / "sbc.sqlite", "SELECT side, packets FROM quality ORDER BY side") == [
        ("callee", 20),
        ("caller", 20),
    ]


def test_a_file_of_an_earlier_run_is_added_to(tmp_path: Path) -> None:
    for call in ("c1", "c2"):
        store = SqliteStore(tmp_path / "sbc.sqlite")
        store.append(ended(call))
        store.close()
    assert rows(tmp_path / "sbc.sqlite", "SELECT call FROM cdr ORDER BY call") == [("c1",), ("c2",)]


def test_bytes_that_were_no_utf8_are_kept_as_replacement_characters(tmp_path: Path) -> None:
    """A From with stray bytes lives as surrogates in our texts, which SQLite refuses."""
    store = SqliteStore(tmp_path / "sbc.sqlite")
    store.append(ended("c1", b"al\xffice".decode("utf-8", "surrogateescape")))
    store.close()
    assert rows(tmp_path / "sbc.sqlite", "SELECT caller FROM cdr") == [("al\ufffdice",)]
    assert store.lost == 0


def test_many_records_are_written_before_close_returns(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sbc.sqlite")
    for number in range(12_000):
        store.append(Journal(str(number), KEPT, 0.0, b""))
    store.close()
    assert rows(tmp_path / "sbc.sqlite", "SELECT count(*) FROM live") == [(12_000,)]


def test_what_is_out_of_service_stays_so_in_the_next_process(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "sbc.sqlite")
    for trunk, target, state in (
        ("a", "", "disabled"),
        ("b", "sip:x", "disabled"),
        ("b", "", "disabled"),
        ("b", "sip:x", "disabled"),
        ("b", "", "enabled"),
    ):
        store.switch(TargetChanged(trunk, target, state, "operator", 1.0))
    store.close()
    again = SqliteStore(tmp_path / "sbc.sqlite")
    assert again.disabled() == [("a", ""), ("b", "sip:x")]
    assert again.lost == 0
    again.close()
    assert MemoryStore().disabled() == []


def test_a_store_may_be_closed_by_another_thread(tmp_path: Path) -> None:
    """A node that stops closes it beside its event loop."""
    store = open_store("sqlite", tmp_path)
    with ThreadPoolExecutor(1) as threads:
        threads.submit(store.close).result(10)
    assert store.lost == 0


def test_memory_keeps_nothing(tmp_path: Path) -> None:
    store = open_store("memory", tmp_path)
    assert isinstance(store, MemoryStore)
    store.append(ended("c1"))
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_the_next_process_gets_the_last_record_of_each_call_that_has_not_ended(tmp_path: Path) -> None:
    first = SqliteStore(tmp_path / "sbc.sqlite")
    records: list[Journal | CallEnded] = [
        Journal("c1", KEPT, 1.0, b"one"),
        Journal("c2", KEPT, 2.0, b"two"),
        Journal("c1", KEPT, 3.0, b"one again"),
        Journal("c3", KEPT, 4.0, b"three"),
        Journal("c2", ACKED, 5.0, b""),
        ended("c3"),
    ]
    for record in records:
        first.append(record)
    first.close()

    second = SqliteStore(tmp_path / "sbc.sqlite")
    found = [(one.call, one.kind, one.wall, one.record) for one in second.live()]
    second.close()
    assert found == [("c2", ACKED, 2.0, b"two"), ("c1", KEPT, 3.0, b"one again")]


def test_an_ack_is_kept_whatever_batch_it_comes_in(tmp_path: Path) -> None:
    for batch in ([Journal("c1", KEPT, 1.0, b"one")], [Journal("c1", ACKED, 2.0, b"")]):
        store = SqliteStore(tmp_path / "sbc.sqlite")
        for record in batch:
            store.append(record)
        store.close()
    assert rows(tmp_path / "sbc.sqlite", "SELECT call, acked, record FROM live") == [("c1", 1, b"one")]


def test_a_record_after_the_ack_counts_for_itself(tmp_path: Path) -> None:
    """A re-INVITE makes a new 2xx that waits for an ACK of its own."""
    store = SqliteStore(tmp_path / "sbc.sqlite")
    for record in [Journal("c1", ACKED, 1.0, b""), Journal("c1", KEPT, 2.0, b"anew")]:
        store.append(record)
    store.close()
    assert rows(tmp_path / "sbc.sqlite", "SELECT call, acked, record FROM live") == [("c1", 0, b"anew")]


def test_a_file_that_is_no_database_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "sbc.sqlite").write_bytes(b"nothing that SQLite has written" * 100)
    with pytest.raises(StateError, match=r"sbc\.sqlite: file is not a database; move it away, or name another"):
        SqliteStore(tmp_path / "sbc.sqlite")


def test_a_state_directory_that_is_a_file_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(StateError, match=r"state: File exists; `sbc run --state DIR` names another directory"):
        SqliteStore(tmp_path / "state" / "sbc.sqlite")
