"""When a silent connection has to go; no sockets, time as numbers."""

from __future__ import annotations

import pytest

from sbc.config import Listener
from sbc.sip import Limits
from sbc.transport import Ended, StreamLimits
from sbc.transport.receiver import Counters
from sbc.transport.stream import StreamConnection
from sbc.transport.table import ConnectionTable
from tests.transport.kit import Heard


def connection() -> StreamConnection:
    counters = Counters()
    table = ConnectionTable({}, StreamLimits(), 10)
    return StreamConnection(1, Listener(0, "outside", "TCP", "192.0.2.1", 5060), Heard(), table, Limits(), counters)


@pytest.mark.parametrize(
    ("spoken", "heard_at", "partial_since", "unread_since", "now", "reason"),
    [
        (False, 0.0, None, None, 29.0, None),
        (False, 25.0, None, None, 31.0, Ended.NO_MESSAGE),
        (True, 25.0, None, None, 31.0, None),
        (True, 0.0, None, None, 3601.0, Ended.IDLE),
        (True, 60.0, 30.0, None, 61.0, Ended.INCOMPLETE),
        (True, 60.0, 50.0, None, 61.0, None),
        (True, 60.0, None, 40.0, 61.0, None),
        (True, 60.0, None, 30.0, 61.0, Ended.NOT_READING),
    ],
)
def test_silence_is_judged_by_what_was_said_before(
    spoken: bool,
    heard_at: float,
    partial_since: float | None,
    unread_since: float | None,
    now: float,
    reason: Ended | None,
) -> None:
    it = connection()
    it.has_spoken = spoken
    it.heard_at = heard_at
    it.partial_since = partial_since
    it.unread_since = unread_since
    assert it.overdue(now, StreamLimits()) is reason
