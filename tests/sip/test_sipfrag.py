"""Fragments of messages: the status line, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sbc.sip import fragment_status, status_fragment


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"SIP/2.0 200 OK\r\n", 200),
        (b"SIP/2.0 100 Trying", 100),
        (b"\r\nSIP/2.0 503 Service Unavailable\r\nVia: SIP/2.0/UDP 10.20.0.5\r\n", 503),
        (b"sip/2.0 486\r\n", 486),
        (b"SIP/2.0 603", 603),
        (b"", 0),
        (b"SIP/2.0 20", 0),
        (b"SIP/2.0 2000 OK", 0),
        (b"SIP/2.0 999 X", 0),
        (b"INVITE sip:a@b SIP/2.0\r\n", 0),
        (b"Via: SIP/2.0/UDP x\r\n", 0),
    ],
)
def test_the_status_of_a_fragment_is_read(body: bytes, status: int) -> None:
    """RFC 3420 section 2.1: a fragment may begin with a status line."""
    assert fragment_status(body) == status


def test_a_fragment_of_ours_is_one_line() -> None:
    """RFC 3515 section 2.4.5; a phrase of a peer never stands in it."""
    assert status_fragment(200) == b"SIP/2.0 200 OK\r\n"
    assert status_fragment(481) == b"SIP/2.0 481 Call/Transaction Does Not Exist\r\n"


@given(st.integers(100, 699))
def test_a_fragment_of_ours_reads_back(status: int) -> None:
    assert fragment_status(status_fragment(status)) == status


@given(st.binary(max_size=80))
def test_any_bytes_give_a_status_or_none(body: bytes) -> None:
    assert fragment_status(body) == 0 or 100 <= fragment_status(body) <= 699
