"""The regression guard: the script that it plays, and what it says of a count."""

from __future__ import annotations

from sbc.outputs import CallEnded, Transmit
from tests.bench import instructions, script


def test_script_played_to_a_fresh_engine_is_the_recorded_conversation() -> None:
    """The same key mints the same values: each of the calls is answered, and ended by its BYE."""
    inputs = script.record(3)
    engine = script.engine()
    ended: list[CallEnded] = []
    sent = 0
    for one in inputs:
        if isinstance(one, script.Datagram):
            outputs = engine.receive(one.data, one.flow, one.now)
        elif isinstance(one, script.MediaReply):
            outputs = engine.media_reply(one.id, one.reply, one.now)
        else:
            outputs = engine.handle_timer(one.now)
        ended += [output for output in outputs if isinstance(output, CallEnded)]
        sent += sum(isinstance(output, Transmit) for output in outputs)

    assert [call.cause for call in ended] == ["bye"] * 3
    assert sent == 3 * 7
    assert engine.active_calls == 0


def test_five_percent_more_fails_and_less_passes() -> None:
    """Below the limit a change is told, not judged."""
    assert instructions.judge(1_040, 1_000)[1]
    assert instructions.judge(900, 1_000)[1]
    line, passed = instructions.judge(1_051, 1_000)
    assert not passed
    assert "+5.1%" in line


def test_without_a_recorded_value_nothing_is_judged() -> None:
    """Another Python, or the first compiled build: its count says nothing about ours."""
    assert instructions.judge(1_000, None)[1]
