"""What the workers of a node tell each other many times a second: what trunks carry, since limits hold for the node;
and how targets answered, since one worker asks for all.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from sbc.config import Config
from sbc.crew import Counts, Findings
from sbc.engine import Engine
from sbc.probes import Key, Prober
from sbc.trunks import Trunks
from sbc.worker import Worker

EVERY: Final = 0.02
"""Seconds between two looks: what several workers may admit too many, at the rate at which calls come."""

LOOK: Final = 0.1
"""Seconds between two looks at what others have found."""

SELDOM: Final = 0.5
"""Seconds between two looks where nothing of the configuration asks for them: another one may be loaded."""


async def share_counts(trunks: Trunks, counts: Counts, config: Callable[[], Config]) -> None:
    """For ever; `config` gives the one that new calls run on."""
    while True:
        now = time.monotonic()
        for name, load in trunks.loads():
            load.calls_elsewhere, load.rate_elsewhere = counts.exchange(name, load.calls, load.rate(now))
        await asyncio.sleep(EVERY if counts_calls(config()) else SELDOM)


def counts_calls(config: Config) -> bool:
    """True where a trunk or a target takes so many calls and no more."""
    limits = [trunk.limits for trunk in config.trunks.values()]
    limits += [target.limits for trunk in config.trunks.values() for target in trunk.targets]
    return any(one.calls or one.calls_per_second for one in limits)


async def share_probes(engine: Engine, worker: Worker, findings: Findings) -> None:
    """For ever. Whoever owns a target asks it; who comes after a worker that dies owns the same ones."""
    prober = engine.prober
    prober.owns = lambda key: findings.owns(_name(key))
    while True:
        exchange(prober, findings, worker.probe_heard)
        is_probed = any(one.probe for one in engine.egress.snapshot.config.trunks.values())
        await asyncio.sleep(LOOK if is_probed else SELDOM)


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
