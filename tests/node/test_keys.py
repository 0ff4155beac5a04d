"""What media engines tell of keys that they have heard."""

from __future__ import annotations

import json

import pytest

from sbc.supervisor.keys import key_in

NOTICE = {
    "callid": "sbc-1",
    "source_tag": "a",
    "tags": ["a", "b"],
    "type": "DTMF",
    "timestamp": 1795321866,
    "source_ip": "127.0.0.1",
    "event": 11,
    "duration": 120,
    "volume": 10,
}
"""As 10.5.3 sends it."""


def test_a_notice_has_session_party_key_and_length() -> None:
    """RFC 4733 section 3.2: event 11 is the number sign."""
    assert key_in(json.dumps(NOTICE).encode()) == ("sbc-1", "a", "#", 120)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b"null",
        json.dumps(NOTICE | {"type": "other"}).encode(),
        json.dumps(NOTICE | {"event": 16}).encode(),
        json.dumps(NOTICE | {"event": "5"}).encode(),
        json.dumps(NOTICE | {"duration": None}).encode(),
        json.dumps(NOTICE | {"callid": 7}).encode(),
        json.dumps(NOTICE | {"volume": "x" * 3000}).encode(),
        b"[" * 2000,
    ],
)
def test_anything_else_is_no_key(data: bytes) -> None:
    """Whoever sends it."""
    assert key_in(data) is None


def test_a_press_is_of_a_sensible_length() -> None:
    """What an engine says is not believed."""
    assert key_in(json.dumps(NOTICE | {"duration": 10**9}).encode()) == ("sbc-1", "a", "#", 10_000)
