"""What a bystander adds up while processes come and go."""

from __future__ import annotations

from collections import Counter

from tests.rig.upgrades import Growth


def test_what_ended_processes_had_counted_is_not_forgotten() -> None:
    growth = Growth()
    for strays in (0, 2, 3, 0, 1):  # the process that had counted three is gone
        growth.add(Counter({"strays": strays, "lost": 0}))
    assert dict(growth.total) == {"strays": 4}
