"""Seats: two processes of one worker are told apart, and so are their connections."""

from __future__ import annotations

from itertools import pairwise

from sbc.supervisor.seat import Seat
from sbc.supervisor.steersman import CONNECTION_BITS


def test_no_two_living_processes_share_a_box() -> None:
    """Of each worker the one that makes room and the one that comes; no third is there."""
    for generation in range(6):
        boxes = [Seat(worker, 4, generation + more).box for worker in range(4) for more in (0, 1)]
        assert len({*boxes, *range(4)}) == 12
        assert max(boxes) < 12


def test_the_box_of_the_next_process_is_known_before_it_is_there() -> None:
    for one, other in pairwise([Seat(2, 4, generation) for generation in range(5)]):
        assert one.next_box == other.box
        assert other.former_box == one.box
        assert other.former_number == one.number


def test_connections_are_not_numbered_as_those_of_the_last_process_in_the_same_seat() -> None:
    """One that was handed on twice keeps its number."""
    numbers = [Seat(1, 2, generation).first_connection for generation in range(0, 12, 2)]
    assert len(set(numbers)) == 6
    assert max(numbers) < 1 << CONNECTION_BITS
