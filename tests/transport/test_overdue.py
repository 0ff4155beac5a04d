"""When a silent connection has to go; no sockets, time as numbers."""

from __future__ import annotations

import pytest

from sbc.config import Listener
from sbc.sip import Limits
from sbc.transport.receiver import Counters
from sbc.transport.stream import StreamConnection, StreamLimits
from sbc.transport.streams import Streams
from tests.transport.kit import Heard


class NoTasks:
    def create_task(self, work: object, /, *, name: str) -> object:
        raise AssertionError("no task is wanted here")


def connection() -> StreamConnection:
    counters = Counters()
    table = Streams(Heard(), NoTasks(), Limits(), StreamLimits(), counters)
    return StreamConnection(1, Listener(0, "outside", "TCP", "192.0.2.1", 5060), Heard(), table, Limits(), counters)


@pytest.mark.parametrize(
    ("spoken", "heard_at", "partial_since", "now", "reason"),
    [
        (False, 0.0, None, 29.0, ""),
        (False, 25.0, None, 31.0, "no message"),
        (True, 25.0, None, 31.0, ""),
        (True, 0.0, None, 3601.0, "idle"),
        (True, 60.0, 30.0, 61.0, "message never completed"),
        (True, 60.0, 50.0, 61.0, ""),
    ],
)
def test_silence_is_judged_by_what_was_said_before(
    spoken: bool, heard_at: float, partial_since: float | None, now: float, reason: str
) -> None:
    it = connection()
    it.has_spoken = spoken
    it.heard_at = heard_at
    it.partial_since = partial_since
    assert it.overdue(now, StreamLimits()) == reason
