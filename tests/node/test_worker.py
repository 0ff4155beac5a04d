"""The run loop: one input at a time, every output acted on before the next, one alarm for all deadlines."""

from __future__ import annotations

import pytest

import rtpengine
from sbc.outputs import (
    CallEnded,
    Dropped,
    DropReason,
    HandOver,
    Journal,
    Lookup,
    MediaCommand,
    Output,
    TargetChanged,
    Transmit,
)
from sbc.records import Located, Sought
from sbc.telemetry import Telemetry
from sbc.wire import Flow, Now
from sbc.worker import FAILURES, NOTED, PAUSE, Worker
from tests.node.fakes import FLOW, OTHER, FakeAlarm, FakeEngine, FakeLogger, FakeOutlets, FakeStore

NOWHERE = Located((), 30.0)
ENDED = CallEnded("c1", 1.0, 2.0, 3.0, "outside", "inside", "pbx", "a", "b", 200, "caller", "", "r")


class Rig:
    """A worker between fakes; `time` is the clock."""

    def __init__(self) -> None:
        self.time = 100.0
        self.engine = FakeEngine()
        self.outlets = FakeOutlets()
        self.alarm = FakeAlarm()
        self.store = FakeStore()
        self.logger = FakeLogger()
        self.telemetry = Telemetry(self.logger)
        self.worker = Worker(self.engine, self.telemetry, self.store, lambda: Now(self.time, 1e9))
        self.worker.connect(self.outlets, self.alarm)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_what_an_operator_takes_out_of_service_is_stored_and_what_fails_is_not(rig: Rig) -> None:
    changes: list[Output] = [
        TargetChanged("pbx", "", state, "", 1e9) for state in ("disabled", "down", "up", "enabled")
    ]
    rig.engine.says["receive"] = changes
    rig.worker.receive(b"x", FLOW)
    assert rig.store.switches == [("pbx", "", "disabled"), ("pbx", "", "enabled")]


def test_outputs_go_where_they_belong_in_their_order(rig: Rig) -> None:
    journal = Journal("c1", "kept", 1e9, b"")
    command = MediaCommand(1, rtpengine.Ping(), 0)
    lookup = Lookup(2, Sought("pbx.example.net"))
    rig.engine.says["receive"] = [journal, Transmit(b"one", FLOW), command, lookup, Transmit(b"two", OTHER), ENDED]

    rig.worker.receive(b"INVITE", FLOW)

    assert rig.outlets.done == [(b"one", FLOW), command, lookup, (b"two", OTHER)]
    assert rig.store.records == [journal, ENDED]
    assert rig.telemetry.counters["calls.ended"] == 1


def test_a_bug_costs_one_message_and_is_counted_and_logged(rig: Rig) -> None:
    """The outermost guard: count, log with the trace, drop, go on."""
    rig.engine.raises["receive"] = KeyError("tag")
    rig.worker.receive(b"BAD", FLOW)
    rig.engine.raises.clear()
    rig.engine.says["receive"] = [Transmit(b"100", FLOW)]
    rig.worker.receive(b"GOOD", FLOW)

    assert rig.telemetry.counters["internal-errors"] == 1
    assert rig.telemetry.counters["dropped.internal-error"] == 1
    assert "internal error" in rig.logger.events()
    assert any(isinstance(fields.get("exc_info"), KeyError) for _, _, fields in rig.logger.lines)
    assert rig.outlets.done == [(b"100", FLOW)]


def test_a_failed_send_is_an_input_only_after_the_outputs_at_hand(rig: Rig) -> None:
    """Single mutation: the engine is not entered while its last outputs are still being acted on."""
    rig.engine.says["receive"] = [Transmit(b"one", FLOW), Transmit(b"two", OTHER)]
    rig.outlets.on_send = lambda flow: rig.worker.undeliverable(flow, "refused") if flow is FLOW else None

    rig.worker.receive(b"INVITE", FLOW)
    assert [what[0] for what in rig.engine.heard] == ["receive"]
    assert len(rig.outlets.done) == 2

    rig.outlets.on_send = lambda flow: None
    rig.worker.settle()
    assert rig.engine.heard[1:] == [("send failed", FLOW)]


def test_a_dead_network_cannot_hold_the_loop(rig: Rig) -> None:
    """Each failed send causes another: the rest waits for the next wake-up, which is asked for at once."""
    rig.engine.says["send failed"] = [Transmit(b"again", FLOW)]
    rig.outlets.on_send = lambda flow: rig.worker.undeliverable(flow, "refused")
    for port in range(FAILURES + 5):
        rig.worker.undeliverable(Flow(0, "UDP", "192.0.2.1", port), "refused")

    rig.worker.settle()

    assert len(rig.engine.heard) == FAILURES
    assert rig.alarm.deadline == rig.time


def test_a_peer_that_fails_often_is_told_once(rig: Rig) -> None:
    """All that was sent there fails with the first word of it."""
    for _ in range(3):
        rig.worker.undeliverable(FLOW, "refused")

    rig.worker.settle()

    assert rig.engine.heard == [("send failed", FLOW)]


def test_failures_beyond_a_bound_are_counted_and_not_kept(rig: Rig) -> None:
    """What was sent there times out by itself."""
    for number in range(NOTED + 7):
        rig.worker.undeliverable(Flow(0, "UDP", "192.0.2.1", 1, number), "refused")

    for _ in range(NOTED // FAILURES + 1):
        rig.worker.settle()

    assert len(rig.engine.heard) == NOTED
    assert rig.telemetry.counters["dropped.send-failed"] == 7


def test_the_alarm_is_set_to_the_next_deadline_when_a_wake_up_is_done(rig: Rig) -> None:
    rig.engine.next_timer = 100.5
    rig.worker.receive(b"INVITE", FLOW)
    assert rig.alarm.deadline is None  # more may be waiting on the socket
    rig.worker.settle()
    assert rig.alarm.deadline == 100.5


def test_a_ring_before_the_deadline_runs_nothing(rig: Rig) -> None:
    rig.engine.next_timer = 101.0
    rig.worker.ring()
    assert rig.engine.heard == []
    assert rig.alarm.deadline == 101.0


def test_a_loop_that_wakes_a_tick_early_runs_what_is_due(rig: Rig) -> None:
    """The later of clock and deadline is passed, or the engine would find nothing due and be woken again at once."""
    rig.engine.next_timer = rig.time + 0.0005
    rig.worker.ring()
    assert rig.engine.heard == [("timer", 100.0005)]


def test_a_timer_that_raises_is_not_tried_in_a_spin(rig: Rig) -> None:
    rig.engine.next_timer = 99.0
    rig.engine.raises["timer"] = RuntimeError("bug")
    rig.worker.ring()
    assert rig.alarm.deadline == rig.time + PAUSE
    rig.worker.settle()
    assert rig.alarm.deadline == rig.time + PAUSE


def test_replies_and_answers_are_inputs(rig: Rig) -> None:
    rig.engine.says["media reply"] = [Transmit(b"200", FLOW)]
    rig.worker.media_reply(7, None)
    rig.worker.lookup_answer(8, NOWHERE)
    assert rig.engine.heard == [("media reply", 7, None), ("lookup answer", 8, NOWHERE)]
    assert rig.outlets.done == [(b"200", FLOW)]


def test_what_messages_wait_is_an_input(rig: Rig) -> None:
    rig.worker.measure(0.25)
    assert rig.engine.heard == [("measure", 0.25)]


def test_an_operator_s_word_about_a_trunk_is_an_input(rig: Rig) -> None:
    rig.engine.says["probe"] = [Transmit(b"OPTIONS", FLOW)]
    rig.worker.switch_trunk("carrier", "sip:192.0.2.1", False)
    rig.worker.probe_trunk("carrier", "")
    assert rig.engine.heard == [("switch", "carrier", "sip:192.0.2.1", False), ("probe", "carrier", "")]
    assert rig.outlets.done == [(b"OPTIONS", FLOW)]


def test_drained_is_set_at_once_without_calls(rig: Rig) -> None:
    rig.worker.drain()
    assert rig.worker.drained.is_set()


def test_drained_waits_for_the_last_call(rig: Rig) -> None:
    rig.engine.active_calls = 1
    rig.worker.drain()
    assert not rig.worker.drained.is_set()

    def over() -> None:
        rig.engine.active_calls = 0

    rig.engine.then = over
    rig.worker.receive(b"BYE", FLOW)
    rig.worker.settle()
    assert rig.worker.drained.is_set()


def test_a_dropped_message_is_counted_by_its_reason(rig: Rig) -> None:
    dropped: list[Output] = [Dropped(DropReason.STRAY_ACK, Flow(0, "UDP", "192.0.2.3", 1))]
    rig.engine.says["receive"] = dropped
    rig.worker.receive(b"ACK", FLOW)
    assert rig.telemetry.counters == {"dropped.stray-ack": 1}


def test_a_call_that_finds_no_room_comes_back() -> None:
    """Nothing is lost: the peer is told to try again, the call is where it was."""
    rig = Rig()
    whole = HandOver(5, b"REFER", FLOW, "c1", b"record")
    rig.engine.says["receive"] = [whole, HandOver(5, b"BYE", FLOW)]
    rig.outlets.has_room = False
    rig.worker.receive(b"", FLOW)
    rig.worker.settle()
    assert rig.outlets.done == [whole, HandOver(5, b"BYE", FLOW)]
    assert rig.engine.heard[1:] == [("take back", "c1", b"record", b"REFER", FLOW)]
