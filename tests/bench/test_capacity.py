"""The search for the highest rate, percentiles and slopes, without any load."""

from __future__ import annotations

import pytest

from tests.bench.capacity import Search
from tests.bench.load import percentiles
from tests.bench.soak import slope


@pytest.mark.parametrize("limit", [90.0, 205.0, 799.0, 800.0, 1311.0, 5000.0])
def test_the_highest_good_rate_is_found_to_within_what_may_stay_open(limit: float) -> None:
    search = Search(100.0, 0.05, 6400.0)
    runs = 0
    while search.rate:
        search.tell(search.rate <= limit)
        runs += 1
    assert limit * 0.94 <= search.best <= limit
    assert runs < 15


def test_a_subject_that_takes_everything_ends_at_the_most_asked() -> None:
    search = Search(100.0, 0.05, 400.0)
    while search.rate:
        search.tell(True)
    assert search.best == 400.0


def test_percentiles_are_values_that_were_seen() -> None:
    """Nearest rank: no value is made up between two."""
    assert percentiles([float(value) for value in range(1, 201)]) == (100.0, 190.0, 198.0)
    assert percentiles([7.0]) == (7.0, 7.0, 7.0)
    assert percentiles([]) == (0.0, 0.0, 0.0)


def test_a_slope_is_that_of_the_line_through_the_points() -> None:
    assert slope([(0.0, 5.0), (1.0, 7.0), (2.0, 9.0)]) == pytest.approx(2.0)
    assert slope([(0.0, 5.0), (1.0, 6.0), (2.0, 5.0)]) == pytest.approx(0.0)
    assert slope([(1.0, 5.0)]) == 0.0
