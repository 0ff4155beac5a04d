"""What is read from a SIPp's error file."""

from __future__ import annotations

from tests.rig.sipp import without_dead_calls

_GIVEN_UP = (
    "2026-01-02\t03:04:05.000001\t1767323045.000001: Call-Id: 1@host, receive timeout on message x:8, aborting call"
)
_LATE = (
    "2026-01-02\t03:04:05.000002\t1767323045.000002: Dead call 1@host (aborted), received 'SIP/2.0 481 No\nVia: x\n\n"
)


def test_a_late_copy_does_not_hide_why_the_call_was_given_up() -> None:
    """SIPp writes the next event onto the last one's line, and one after a quoted message behind a quotation mark."""
    assert without_dead_calls(f"These:\n{_GIVEN_UP}{_LATE}'") == f"These:\n{_GIVEN_UP}"
    assert without_dead_calls(f"These:\n{_LATE}'{_GIVEN_UP}") == f"These:\n{_GIVEN_UP}"
