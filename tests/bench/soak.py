"""`python -m tests.bench.soak [--minutes M --rate R --workers W]`: whether the node's memory grows under steady calls,
process by process, and its longest waits.

Each quarter of a minute the resident memory of each process is read, without what is shared (the journal's rings take
some minutes to be full); a slope is the least-squares line through what was read in the second half.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from tests.bench.held import loop_of, say, settle, start, tell_events
from tests.rig.needs import lacking
from tests.rig.process import private_by_process
from tests.rig.rig import Rig

EVERY: Final = 15.0


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the least-squares line through points, y a unit of x; 0.0 for fewer than two."""
    if len(points) < 2:
        return 0.0
    middle = sum(x for x, _ in points) / len(points)
    height = sum(y for _, y in points) / len(points)
    spread = sum((x - middle) ** 2 for x, _ in points)
    return sum((x - middle) * (y - height) for x, y in points) / spread


def main() -> int:
    """Load, read, print; exit 1 if a call failed or is left over."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="length (%(default)s)")
    parser.add_argument("--rate", type=int, default=50, help="calls a second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=5, help="length of a call (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of the node (%(default)s)")
    parser.add_argument("--store", choices=["sqlite", "memory"], default="sqlite", help="the journal (%(default)s)")
    parser.add_argument("--media", choices=["bypass", "anchor"], default="bypass", help="(%(default)s)")
    options = parser.parse_args()
    if reason := lacking("sipp"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    calls = int(options.minutes * 60 * options.rate)
    with Rig(taps=False) as rig:
        node = rig.start_with(media=options.media, store=options.store, workers=options.workers, sheds=True)
        caller, callee = start(rig, calls, options.rate, options.seconds)
        began, longest = time.monotonic(), 0.0
        points: dict[int, list[tuple[float, float]]] = {}
        while caller.process.running:
            time.sleep(EVERY)
            status = node.ask("GET", "/status")
            longest = max(longest, float(status["engine"]["overload"]["delay"]))
            hours = (time.monotonic() - began) / 3600
            sizes = private_by_process(node.process.pid)
            for pid, size in sizes.items():
                points.setdefault(pid, []).append((hours, size / 1e6))
            each = ", ".join([f"{size / 1e6:.1f}" for size in sizes.values()])
            say(f"{hours * 60:5.1f} min: {status['calls']} calls, {sum(sizes.values()) / 1e6:.1f} MB ({each})")
        failed = "0" if caller.process.wait(10) == 0 else "some"
        callee.stop()
        left = settle(node)
        tell_slopes(points)
        say(f"{calls} calls, {failed} failed, {left} left; {loop_of(node)}")
        tell_events(node)
        say(f"longest wait of a message for its turn that the node saw: {1000 * longest:.0f} ms")
    return 1 if left or failed != "0" else 0


def tell_slopes(points: dict[int, list[tuple[float, float]]]) -> None:
    """Of each process that lived through the second half, and of all together."""
    last = max((where for found in points.values() for where, _ in found), default=0.0)
    whole: Counter[float] = Counter()
    for pid, found in points.items():
        later = [point for point in found if point[0] > last / 2]
        whole.update(dict(later))
        say(f"process {pid}: {found[0][1]:.1f} MB, then {found[-1][1]:.1f}; slope {slope(later):+.2f} MB an hour")
    say(f"all of them: slope {slope(sorted(whole.items())):+.2f} MB an hour over the second half")


if __name__ == "__main__":
    sys.exit(main())
