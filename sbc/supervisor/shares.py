"""Limits of trunks hold for the whole node: what the other workers carry is looked up many times a second."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from sbc.crew import Counts
from sbc.trunks import Trunks

EVERY: Final = 0.02
"""Seconds between two looks: what several workers may admit too many, at the rate at which calls come."""


async def share_counts(trunks: Trunks, counts: Counts) -> None:
    """For ever."""
    while True:
        now = time.monotonic()
        for name, load in trunks.loads():
            load.calls_elsewhere, load.rate_elsewhere = counts.exchange(name, load.calls, load.rate(now))
        await asyncio.sleep(EVERY)
