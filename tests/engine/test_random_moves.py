"""Scripts at random on a node of two workers: calls move between them, workers die, nothing is left of anything."""

from __future__ import annotations

import pytest

from tests.kit.crew import CrewScene

BLOCKS = 4
SEEDS = 12


@pytest.mark.parametrize("kind", ["transfer", "attended"])
@pytest.mark.parametrize("block", range(BLOCKS))
def test_transfers_at_random_across_two_workers(kind: str, block: int) -> None:
    """Design 3a: a transfer finds what it replaces on any worker; RFC 3515, RFC 3891."""
    found: dict[int, list[str]] = {}
    for seed in range(block * SEEDS, (block + 1) * SEEDS):
        scene = CrewScene(seed)
        found[seed] = scene.transfer() if kind == "transfer" else scene.attended()
    assert {seed: faults for seed, faults in found.items() if faults} == {}
