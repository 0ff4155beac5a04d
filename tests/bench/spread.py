"""`python -m tests.bench.spread [--calls N] [--rate R]`: how evenly the calls of one source port load the workers.

A trunk sends everything from one port. For two and for four workers, with the kernel giving each datagram to its owner
and without its help, told: what each worker was given, what was handed on, and what came to a worker that could do
nothing with it. Exit 1 if the busiest worker has over a tenth more than the idlest, or a request was given to a wrong
one.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from tests.bench.held import say, settle, start
from tests.bench.installed import run_installed
from tests.rig.needs import lacking
from tests.rig.node import node_file
from tests.rig.rig import Rig

MOST: Final = 0.1
_BPF: Final = ("bpf", "sys_admin")
_STRAYS: Final = ("dropped.stray-response", "refused.481")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.spread", description=__doc__)
    parser.add_argument("--calls", type=int, default=4000, help="in each run (%(default)s)")
    parser.add_argument("--rate", type=int, default=80, help="calls a second (%(default)s)")
    parser.add_argument("--workers", type=int, nargs="+", default=[2, 4], help="of the node, run by run")
    options = parser.parse_args()
    if reason := lacking("sipp"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    say(f"the node: {run_installed()}")
    runs = [(workers, steers) for workers in options.workers for steers in (True, False)]
    found = [run(workers, steers, options.calls, options.rate) for workers, steers in runs]
    return 0 if all(found) else 1


def run(workers: int, steers: bool, calls: int, rate: int) -> bool:
    """One node; True where all was as it should be."""

    def config(state: Path) -> str:
        return node_file(state=state, media="bypass", store="sqlite", workers=workers)

    with Rig(taps=False) as rig:
        node = rig.start(config, without=() if steers else _BPF)
        caller, callee = start(rig, calls, rate, 0)
        code = caller.process.wait(calls / rate * 5 + 120)
        callee.stop()
        left = settle(node)
        found: dict[str, Any] = node.ask("GET", "/status")
    each = [one["steering"] for one in found["workers"]]
    shares = [one["own"] + one["taken"] for one in each]
    spread = (max(shares) - min(shares)) / (sum(shares) / workers)
    handed, taken = sum(one["handed"] for one in each), sum(one["taken"] for one in each)
    strays = sum(found["events"].get(name, 0) for name in _STRAYS)
    helped = "the kernel steers" if found["steering"]["kernel"] else "workers hand over"
    say(f"{workers} workers, {helped}: {calls} calls from one port, callers ended with {code}, {left} calls left")
    if code:
        say(f"  the callers complain: {caller.complaint()[:600]}")
    say(f"  messages by worker: {shares}; the busiest has {100 * spread:.1f} % of the mean more than the idlest")
    lost = found["steering"]["lost"]
    say(f"  handed over {handed}, taken {taken}, lost {lost}; given to a wrong worker: {strays}")
    is_sound = found["steering"]["kernel"] is steers and not code and not left and not strays and not lost
    return is_sound and spread <= MOST and handed == taken


if __name__ == "__main__":
    sys.exit(main())
