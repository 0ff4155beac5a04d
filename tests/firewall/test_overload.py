"""How much new work is let in while messages wait."""

from __future__ import annotations

import pytest

from sbc.firewall import Overload, is_emergency
from sbc.firewall.overload import FLOOR
from tests.firewall.test_sanity import request


def measured(*delays: float, limit: float = 0.1) -> Overload:
    made = Overload()
    for delay in delays:
        made.measure(delay, limit)
    return made


def admitted(overload: Overload, of: int = 1000) -> int:
    return sum([overload.admit() for _ in range(of)])


def test_everything_is_let_in_while_nothing_waits() -> None:
    overload = measured(*[0.09] * 100)
    assert admitted(overload) == 1000
    assert overload.refused == 0


@pytest.mark.parametrize("delays", [(5.0,), (5.0, 5.0), (5.0, 5.0, 0.0), (0.0, 5.0, 5.0), (5.0, 0.0, 5.0, 5.0, 0.0)])
def test_a_hiccup_is_no_queue(delays: tuple[float, ...]) -> None:
    """Only what every one of three measurements showed counts (the standing queue of RFC 8289)."""
    assert measured(*delays).share == 1.0


def test_the_longer_messages_wait_the_less_is_let_in() -> None:
    assert measured(0.125, 0.125, 0.125).share == pytest.approx(0.8)
    assert measured(5.0, 5.0, 5.0).share == pytest.approx(0.5)
    assert measured(*[5.0] * 50).share == FLOOR


def test_the_part_let_in_is_exact_and_even() -> None:
    overload = measured(5.0, 5.0, 5.0, 5.0)
    assert overload.share == pytest.approx(0.25)
    assert [overload.admit() for _ in range(8)] == [False, False, False, True] * 2
    assert admitted(overload) == 250
    assert overload.refused == 756


def test_it_grows_back_and_both_ends_are_told() -> None:
    overload = Overload()
    told = [overload.measure(delay, 0.1) for delay in [5.0] * 3 + [0.0] * 60]
    assert [index for index, one in enumerate(told) if one] == [2, 12]
    assert overload.share == 1.0
    assert admitted(overload) == 1000


def test_a_limit_of_nothing_admits_everything() -> None:
    assert measured(*[60.0] * 10, limit=0.0).share == 1.0


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("urn:service:sos", True),
        ("URN:service:SOS.fire", True),
        ("urn:service:sosx", False),
        ("urn:service:counseling", False),
        ("sip:sos@example.net", False),
        ("sip:112@example.net", False),
    ],
)
def test_a_call_for_help_is_known_by_its_urn(uri: str, expected: bool) -> None:
    """RFC 5031 section 4.2."""
    assert is_emergency(request(uri=uri)) is expected
