"""Events become lines and counters; what peers choose cannot forge either."""

from __future__ import annotations

import io
import json
import threading
from functools import partial

import pytest

from sbc.outputs import (
    CallAnswered,
    CallEnded,
    CallStarted,
    Dropped,
    DropReason,
    Event,
    Leaked,
    LoadChanged,
    Refused,
    TargetChanged,
)
from sbc.telemetry import Sink, Telemetry, build_logger
from sbc.telemetry.flood import FULL, WINDOW
from sbc.wire import Flow
from tests.node.fakes import FakeLogger

FLOW = Flow(0, "UDP", "192.0.2.1", 5060)
STARTED = CallStarted("c1", 0.0, "alice", "bob", "outside", "inside", "to the PBX")
ENDED = CallEnded("c1", 0.0, 1.0, 4.5, "outside", "inside", "pbx", "alice", "bob", 200, "caller", "", "to the PBX")


def test_a_call_is_three_lines() -> None:
    logger = FakeLogger()
    telemetry = Telemetry(logger)
    events: list[Event] = [STARTED, CallAnswered("c1", 1.0), ENDED]
    for event in events:
        telemetry.record(event, 0.0)
    assert logger.events() == ["call started", "call answered", "call ended"]
    assert [fields["call"] for _, _, fields in logger.lines] == ["c1"] * 3
    assert logger.lines[2][2]["duration"] == 3.5
    assert telemetry.counters == {"calls.started": 1, "calls.answered": 1, "calls.ended": 1, "calls.status.2xx": 1}


def test_a_target_that_falls_is_a_warning_and_its_return_is_told() -> None:
    logger = FakeLogger()
    telemetry = Telemetry(logger)
    for state in ("down", "up", "disabled"):
        telemetry.record(TargetChanged("carrier", "sip:192.0.2.1", state, "why", 0.0), 0.0)
    assert [(level, fields["state"]) for level, _, fields in logger.lines] == [
        ("warning", "down"),
        ("info", "up"),
        ("info", "disabled"),
    ]
    assert telemetry.counters == {"targets.down": 1, "targets.up": 1, "targets.disabled": 1}


def test_overload_is_told_at_both_ends() -> None:
    logger = FakeLogger()
    telemetry = Telemetry(logger)
    telemetry.record(LoadChanged(True, 0.25, 0.0), 0.0)
    telemetry.record(LoadChanged(False, 0.01, 0.0), 0.0)
    assert logger.events() == ["overload", "overload"]
    assert [fields["begins"] for _, _, fields in logger.lines] == [True, False]
    assert telemetry.counters == {"overload.begun": 1, "overload.ended": 1}


@pytest.mark.parametrize("reason", [reason for reason in DropReason if reason is not DropReason.KEEPALIVE])
def test_each_dropped_message_has_a_named_reason(reason: DropReason) -> None:
    logger = FakeLogger()
    telemetry = Telemetry(logger)
    telemetry.record(Dropped(reason, FLOW, "detail"), 0.0)
    ((_, event, fields),) = logger.lines
    assert (event, fields["reason"], fields["peer"]) == ("dropped", reason.value, "192.0.2.1:5060")
    assert telemetry.counters[f"dropped.{reason.value}"] == 1


def test_keepalives_are_counted_and_not_logged() -> None:
    logger = FakeLogger()
    telemetry = Telemetry(logger)
    telemetry.record(Dropped(DropReason.KEEPALIVE, FLOW), 0.0)
    assert logger.lines == []
    assert telemetry.counters["dropped.keepalive"] == 1


@pytest.mark.parametrize(
    "event",
    [
        Dropped(DropReason.MALFORMED, FLOW),
        Refused(403, "INVITE", FLOW),
        Leaked("outside", "10.0.0.1", "Via", "stripped"),
    ],
)
def test_a_flood_does_not_flood_the_log_and_is_counted_in_full(event: Event) -> None:
    logger = FakeLogger()
    telemetry = Telemetry(logger)
    for _ in range(10_000):
        telemetry.record(event, 0.0)
    assert len(logger.lines) == FULL
    assert sum(telemetry.counters.values()) == 10_000
    telemetry.tick(WINDOW)
    assert logger.lines[-1][1] == "and more of the same"
    assert logger.lines[-1][2]["count"] == 10_000 - FULL


def _lines(style: str, level: str = "info") -> tuple[Telemetry, Sink, io.StringIO]:
    stream = io.StringIO()
    sink = Sink(stream)
    return Telemetry(build_logger(sink, style, level)), sink, stream


def test_json_lines_can_be_read_back() -> None:
    telemetry, sink, stream = _lines("json")
    telemetry.record(STARTED, 0.0)
    sink.close()
    line = json.loads(stream.getvalue())
    assert line["event"] == "call started"
    assert line["level"] == "info"
    assert line["caller"] == "alice"
    assert line["time"].endswith("Z")


def test_text_from_a_peer_cannot_forge_a_line_or_move_the_cursor() -> None:
    telemetry, sink, stream = _lines("text")
    telemetry.record(Dropped(DropReason.MALFORMED, FLOW, 'x"\n12:00:00 info call started \x1b[2J'), 0.0)
    sink.close()
    assert stream.getvalue().count("\n") == 1
    assert "\x1b" not in stream.getvalue()
    assert '\\"\\x0a' in stream.getvalue()


def test_a_bug_is_logged_with_its_trace() -> None:
    telemetry, sink, stream = _lines("text")
    try:
        raise KeyError("tag")
    except KeyError as error:
        telemetry.failure("receive", error, 0.0)
    sink.close()
    assert "KeyError: 'tag'" in stream.getvalue()
    assert "test_telemetry.py" in stream.getvalue()


def test_what_is_below_the_level_is_not_written() -> None:
    telemetry, sink, stream = _lines("text", "warning")
    telemetry.record(STARTED, 0.0)
    sink.close()
    assert stream.getvalue() == ""


def test_a_reader_that_went_away_is_no_error() -> None:
    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    sink = Sink(Gone())
    sink.msg("line")
    sink.close()
    assert sink.lost == 1


def test_the_end_of_a_connection_is_logged_by_its_gravity_and_not_when_the_node_stops() -> None:
    logger = FakeLogger()
    telemetry = Telemetry(logger)
    for reason in ("idle", "peer does not read", "shutting down"):
        telemetry.connection_ended("192.0.2.1", 40000, "TCP", reason, 0.0)
    assert [(level, fields["reason"]) for level, _, fields in logger.lines] == [
        ("info", "idle"),
        ("warning", "peer does not read"),
    ]


def test_a_line_is_rendered_by_the_writer_and_not_by_the_call() -> None:
    """What a call pays for its log line is a dictionary in a queue, whoever reads the log."""

    def line(number: int) -> str:
        return f"{threading.current_thread().name} {number}"

    stream = io.StringIO()
    sink = Sink(stream)
    for number in range(100):
        sink.msg(partial(line, number))
    sink.close()
    assert stream.getvalue().splitlines() == [f"log writer {number}" for number in range(100)]
