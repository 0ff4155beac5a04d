"""Telephone numbers in user parts (RFC 3966 section 3, RFC 3261 section 19.1.6)."""

from __future__ import annotations

import pytest

from policies import Source, number_of


@pytest.mark.parametrize(
    ("user", "number"),
    [
        ("+493012345", "+493012345"),
        ("030-123.45", "03012345"),
        ("+1(212)555-0100", "+12125550100"),
        ("100", "100"),
        ("*21#", "*21#"),
        ("+493012345;phone-context=example.net", "+493012345"),
        ("100:secret", "100"),
    ],
)
def test_a_number_is_read_without_separators_and_parameters(user: str, number: str) -> None:
    assert number_of(user) == number


@pytest.mark.parametrize("user", ["", "alice", "+", "+alice", "12a4x", "abba", "++49", "1+1", "%31"])
def test_what_is_no_number_has_none(user: str) -> None:
    assert number_of(user) == ""


def test_a_source_without_a_trunk_is_a_stranger() -> None:
    assert Source("outside", "", "192.0.2.1").stranger
    assert not Source("outside", "carrier", "192.0.2.1").stranger
