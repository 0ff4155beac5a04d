"""`python -m tests.bench.soak [--minutes M --rate R]`: whether the node's memory grows under steady calls, and its
longest waits.

Each quarter of a minute the resident memory of the process group is read; the slope is the least-squares line through
what was read in the second half, when caches and rings are full.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Final

from tests.bench.held import say, settle, start
from tests.rig.needs import lacking
from tests.rig.process import group_rss
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
    options = parser.parse_args()
    if reason := lacking("sipp"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    calls = int(options.minutes * 60 * options.rate)
    with Rig(taps=False) as rig:
        node = rig.start_with(media="bypass")
        caller, callee = start(rig, calls, options.rate, options.seconds)
        began, points, longest = time.monotonic(), [], 0.0
        while caller.process.running:
            time.sleep(EVERY)
            status = node.ask("GET", "/status")
            longest = max(longest, float(status["engine"]["overload"]["delay"]))
            hours = (time.monotonic() - began) / 3600
            points.append((hours, group_rss(node.process.pid) / 1e6))
            say(f"{hours * 60:5.1f} min: {status['calls']} calls, {points[-1][1]:.1f} MB")
        failed = "0" if caller.process.wait(10) == 0 else "some"
        callee.stop()
        left = settle(node)
        later = [point for point in points if point[0] > points[-1][0] / 2]
        say(
            f"{calls} calls, {failed} failed, {left} left; slope {slope(later):+.2f} MB an hour; {points[-1][1]:.1f} MB"
        )
        say(f"longest wait of a message for its turn that the node saw: {1000 * longest:.0f} ms")
    return 1 if left or failed != "0" else 0


if __name__ == "__main__":
    sys.exit(main())
