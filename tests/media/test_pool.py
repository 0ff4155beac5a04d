"""Which engine gets a new session."""

from __future__ import annotations

from collections import Counter
from random import Random

from sbc.media import NOBODY, MediaPool
from sbc.media.pool import PAUSE


def pool(*weights: int) -> MediaPool:
    return MediaPool([(f"e{index}", weight) for index, weight in enumerate(weights)])


def test_sessions_are_shared_by_weight() -> None:
    """Every number that can be drawn, once."""
    one = pool(1, 3, 2)
    numbers = iter(range(6))
    drawn = Counter(one.choose(lambda _: next(numbers), 0.0) for _ in range(6))
    assert drawn == {0: 1, 1: 3, 2: 2}


def test_silent_engine_is_passed_over_until_its_time_is_over_or_it_answers() -> None:
    one, draw = pool(5, 1), Random(1).randrange
    one.note_silence(0, 100.0)
    assert {one.choose(draw, 100.0 + PAUSE - 1) for _ in range(50)} == {1}
    assert 0 in {one.choose(draw, 100.0 + PAUSE) for _ in range(50)}
    one.note_silence(0, 200.0)
    one.note_answer(0)
    assert 0 in {one.choose(draw, 201.0) for _ in range(50)}


def test_engine_that_was_tried_for_a_session_is_not_tried_again() -> None:
    one, draw = pool(5, 1), Random(1).randrange
    assert {one.choose(draw, 0.0, (0,)) for _ in range(20)} == {1}
    assert one.choose(draw, 0.0, (0, 1)) == NOBODY


def test_where_all_are_silent_one_is_tried_all_the_same() -> None:
    one = pool(1, 1)
    one.note_silence(0, 0.0)
    one.note_silence(1, 0.0)
    assert one.choose(Random(1).randrange, 1.0) == 0


def test_drained_engine_gets_nothing_even_where_it_is_the_last() -> None:
    one = pool(1)
    assert one.switch("e0", False)
    assert one.choose(Random(1).randrange, 0.0) == NOBODY
    assert one.members[0].state(0.0) == "drained"
    assert one.switch("e0", True)
    assert one.choose(Random(1).randrange, 0.0) == 0
    assert not one.switch("e7", False)
