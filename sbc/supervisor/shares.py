"""What the workers of a node tell each other many times a second: what trunks carry, since limits hold for the node;
and how targets answered, since one worker asks for all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from sbc.crew import Counts, Findings
from sbc.engine import Engine
from sbc.probes import Key, Prober
from sbc.trunks import Trunks
from sbc.worker import Worker

EVERY: Final = 0.02
"""Seconds between two looks: what several workers may admit too many, at the rate at which calls come."""


async def share_counts(trunks: Trunks, counts: Counts) -> None:
    """For ever."""
    while True:
        now = time.monotonic()
        for name, load in trunks.loads():
            load.calls_elsewhere, load.rate_elsewhere = counts.exchange(name, load.calls, load.rate(now))
        await asyncio.sleep(EVERY)


LOOK: Final = 0.1
"""Seconds between two looks at what others have found."""


async def share_probes(engine: Engine, worker: Worker, findings: Findings) -> None:
    """For ever. Whoever owns a target asks it; who comes after a worker that dies owns the same ones."""
    prober = engine.prober
    prober.owns = lambda key: findings.owns(_name(key))
    while True:
        exchange(prober, findings, worker.probe_heard)
        await asyncio.sleep(LOOK)


def exchange(prober: Prober, findings: Findings, hear: Callable[[Key, str, str], None]) -> None:
    """What we found, to the others; `hear` what they did."""
    for key, fault, answer in prober.take_findings():
        findings.put(_name(key), fault, answer)
    for key in prober.others():
        found = findings.get(_name(key))
        if found is not None:
            hear(key, *found)


def _name(key: Key) -> str:
    return " ".join([str(part) for part in key])
