"""Shares that are exact: cards dealt from a shuffled deck, and not dice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import gcd
from typing import Final

MOST: Final = 10_000
"""Cards in a deck; weights that would need more are drawn one by one, and hold on the average only."""


class Deck:
    """Indexes of weights, each as often in a round as its weight says, in an order that nobody can foretell.

    A round is as long as the weights' sum divided by what they have in common: 60 to 40 is three to two in any five
    in a row that begin with a round. Indexes of weight 0 are never dealt; one weight at least must be more.
    """

    __slots__ = ("_cards", "_left", "_weights")

    def __init__(self, weights: Sequence[int]) -> None:
        self._weights: Final = list(weights)
        common = gcd(*weights)
        is_small = sum(weights) <= MOST * common
        self._cards: Final = (
            [at for at, weight in enumerate(weights) for _ in range(weight // common)] if is_small else []
        )
        self._left: list[int] = []

    def deal(self, draw: Callable[[int], int]) -> int:
        """The next index; `draw(n)` gives an even random number in [0, n)."""
        if not self._cards:
            return self._throw(draw)
        left = self._left
        if not left:
            left.extend(self._cards)
        at = draw(len(left))
        found = left[at]
        left[at] = left[-1]
        left.pop()
        return found

    def _throw(self, draw: Callable[[int], int]) -> int:
        number = draw(sum(self._weights))
        at = 0
        while number >= self._weights[at]:
            number -= self._weights[at]
            at += 1
        return at
