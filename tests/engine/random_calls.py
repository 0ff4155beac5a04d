"""Scripts at random by the thousand: `python -m tests.engine.random_calls --scripts 100000 --seed 0`.

Each seed is one script (`tests.kit.scene`), and the same script every time: what fails is told with the line that plays
it again. A run can be cut into portions: seeds from `--seed` on are played, `--scripts` of them. With `--kind` all are
of one kind; else their kind follows from the seed.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import traceback
from concurrent.futures import ProcessPoolExecutor

from tests.kit import chain
from tests.kit.scene import KINDS, play

CHAIN = "chain"
"""Scripts through two nodes, one behind the other; never chosen by a seed."""
PORTION = 250
"""Scripts between two words about how it goes."""


def judged(seed: int, kind: str = "") -> list[str]:
    """What was wrong with a script; an exception of the node is one fault more."""
    try:
        return chain.play(seed) if kind == CHAIN else play(seed, kind)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__}: {error} ({frame.filename.rpartition('/')[2]}:{frame.lineno})"]


def portion(seeds: range, kind: str) -> dict[int, list[str]]:
    """The scripts among these that went wrong, and how."""
    gc.collect()  # or what the last portion left would be frozen with the rest, and stay
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)  # a script is short: there is little to be found in the midst of it
    found = {seed: judged(seed, kind) for seed in seeds}
    return {seed: faults for seed, faults in found.items() if faults}


def run(first: int, scripts: int, processes: int, kind: str) -> int:
    """Play them all and say how it went; how many failed."""
    end = first + scripts
    portions = [range(start, min(start + PORTION, end)) for start in range(first, end, PORTION)]
    begun, done, failed = time.monotonic(), 0, 0
    with ProcessPoolExecutor(processes) as pool:
        for seeds, found in zip(portions, pool.map(portion, portions, [kind] * len(portions)), strict=True):
            done += len(seeds)
            failed += len(found)
            for seed, faults in found.items():
                _say(f"seed {seed}: {'; '.join(faults)}")
                _say(f"  python -m tests.engine.random_calls --scripts 1 --seed {seed}{kind and f' --kind {kind}'}")
            rate = done / max(time.monotonic() - begun, 1e-9)
            _say(f"{done} of {scripts} scripts, seeds {first} to {seeds[-1]}, {rate:.0f} a second, {failed} failed")
    return failed


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """The command line; 1 where a script failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.random_calls", description=__doc__)
    parser.add_argument("--scripts", type=int, default=1000, help="how many seeds are played")
    parser.add_argument("--seed", type=int, default=0, help="the first one")
    parser.add_argument("--processes", type=int, default=1, help="how many at a time")
    parser.add_argument("--kind", choices=(*KINDS, CHAIN), default="", help="only this kind of script")
    chosen = parser.parse_args()
    return 1 if run(chosen.seed, chosen.scripts, chosen.processes, chosen.kind) else 0


if __name__ == "__main__":
    sys.exit(main())
