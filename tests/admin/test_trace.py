"""The ring of recent messages, read for one call."""

from __future__ import annotations

from collections import deque

from sbc.admin import Record, Recorder, Trace
from sbc.wire import Flow

FLOW = Flow(0, "UDP", "192.0.2.1", 5060)


def record(call: str, call_id: str, direction: str = "in", wall: float = 1.0) -> Record:
    return (wall, call, direction, FLOW, f"INVITE sip:a SIP/2.0\r\nCall-ID: {call_id}\r\n\r\nbody".encode())


def ring(*records: Record) -> Recorder:
    return deque(records, maxlen=4)


def calls_of(entries: list[dict[str, object]]) -> list[object]:
    return [entry["call"] for entry in entries]


def test_a_call_is_found_by_the_beginning_of_its_id_oldest_first() -> None:
    recorder = ring(record("3fa2", "a", wall=1.0), record("77bb", "c"), record("3fa2", "b", "out", 2.0))
    entries = Trace("3f").fresh(recorder)
    assert [(entry["time"], entry["direction"]) for entry in entries] == [(1.0, "in"), (2.0, "out")]


def test_the_call_id_of_one_leg_finds_both() -> None:
    """An operator knows what the phone shows: the other leg has another Call-ID, minted here."""
    recorder = ring(record("3fa2", "phone"), record("3fa2", "minted", "out"), record("77bb", "phone-2"))
    assert calls_of(Trace("phone").fresh(recorder)) == ["3fa2", "3fa2"]


def test_a_message_that_became_no_call_is_found_by_its_call_id() -> None:
    assert len(Trace("phone").fresh(ring(record("", "phone"), record("", "other")))) == 1


def test_all_is_everything() -> None:
    assert len(Trace("all").fresh(ring(record("", "a"), record("3fa2", "b")))) == 2


def test_each_message_is_given_once_although_the_ring_turns() -> None:
    recorder = ring(*(record("1", str(n)) for n in range(4)))
    trace = Trace("all")
    assert len(trace.fresh(recorder)) == 4
    assert trace.fresh(recorder) == []
    recorder.append(record("1", "new"))
    assert len(trace.fresh(recorder)) == 1
    for number in range(9):  # the last one seen has fallen out of the ring
        recorder.append(record("1", str(number)))
    assert len(trace.fresh(recorder)) == 4


def test_a_name_in_a_body_is_no_call_id() -> None:
    assert Trace("body").fresh(ring(record("", "a"))) == []


def test_bytes_that_are_no_text_are_shown_escaped() -> None:
    (entry,) = Trace("all").fresh(ring((1.0, "", "in", FLOW, b"\xff\x00")))
    assert entry["message"] == "\\xff\x00"
