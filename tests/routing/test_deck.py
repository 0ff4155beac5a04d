"""Cards and dice."""

from __future__ import annotations

from collections import Counter
from itertools import islice, pairwise
from random import Random

import pytest

from sbc.routing.deck import MOST, Deck


@pytest.mark.parametrize("weights", [(60, 40), (1, 1, 1), (7,), (0, 3, 5), (65535, 65535), (4999, 5001)])
def test_each_round_is_exact(weights: tuple[int, ...]) -> None:
    """As often as the weight says, in the least number that can be."""
    random = Random(1)
    deck = Deck(weights)
    dealt = Counter(deck.deal(random.randrange) for _ in range(10000))
    for at, weight in enumerate(weights):
        assert abs(dealt[at] - 10000 * weight / sum(weights)) < 1


def test_the_order_is_not_to_be_foretold() -> None:
    """Requests that come in pairs, a call and its message say, are not parted by kind."""
    random = Random(1)
    deck = Deck((1, 1))
    pairs = [(deck.deal(random.randrange), deck.deal(random.randrange)) for _ in range(1000)]
    firsts = Counter(one for one, _ in pairs)
    assert all(one != other for one, other in pairs)
    assert 400 < firsts[0] < 600
    assert len(set(islice(pairwise(pairs), 100))) == 4


def test_weights_without_a_small_round_hold_on_the_average() -> None:
    """A deck is bounded."""
    random = Random(1)
    weights = (65535, 65534, 0)
    assert sum(weights) > MOST
    deck = Deck(weights)
    dealt = Counter(deck.deal(random.randrange) for _ in range(10000))
    assert abs(dealt[0] - 5000) < 200
    assert dealt[0] + dealt[1] == 10000
