"""The wheel: who is due, and nobody twice or never."""

from __future__ import annotations

from sbc.wheel import Wheel


class _Machine:
    def __init__(self, next_timer: float) -> None:
        self.next_timer: float | None = next_timer


def test_a_deadline_that_the_clock_misses_by_less_than_it_can_tell_does_not_hold_the_wheel() -> None:
    """The slot counts as over a hundred-millionth of a second early; its machine then goes to the next look."""
    wheel, late = Wheel(), _Machine(9.999999999)
    wheel.arm(late, 9.999999999)
    assert wheel.due(9.999999998) == []
    assert wheel.due(10.0) == [late]
    assert wheel.next_timer is None
