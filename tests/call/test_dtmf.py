"""Keys in INFO as peers write them."""

from __future__ import annotations

import pytest

from sbc.call.dtmf import needs_pressing, pressed


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"Signal=5\r\nDuration=160\r\n", ("5", 160)),
        (b"Signal= #\r\nDuration= 250 \r\n", ("#", 250)),
        (b"signal=a\nduration=99999", ("A", 5000)),
        (b"Signal=10\r\nDuration=1\r\n", ("*", 100)),
        (b"Duration=300\r\nSignal=11\r\n", ("#", 300)),
        (b"7", ("7", 250)),
        (b"Signal=5\r\nDuration=soon\r\n", ("5", 250)),
        (b"Signal=55\r\n", None),
        (b"Signal=\r\n", None),
        (b"", None),
        (b"\xff\x00=1", None),
        (b"Hello", None),
    ],
)
def test_key_and_length_of_an_info(body: bytes, found: tuple[str, int] | None) -> None:
    """`application/dtmf-relay` and `application/dtmf`: no RFC has them, every gateway does."""
    assert pressed(body) == found


def test_engine_is_needed_where_one_says_it_and_the_other_hears_it() -> None:
    """Two of a kind, and those that take both, need nobody."""
    assert needs_pressing(("info", "events"))
    assert needs_pressing(("events", "info"))
    for pair in (("any", "events"), ("info", "info"), ("info", "any"), ("events", "events")):
        assert not needs_pressing(pair)
