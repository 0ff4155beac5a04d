"""`python -m tests.bench.held [--calls N]`: bytes a held call costs, what is left when all have ended, growth over
many calls.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

from tests.rig.needs import lacking
from tests.rig.node import Node
from tests.rig.process import group_rss
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.sipp import Sipp


def main() -> int:
    """Measure and print; exit 1 if a call is left over."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.held", description=__doc__)
    parser.add_argument("--calls", type=int, default=20000, help="calls held at a time")
    parser.add_argument("--rate", type=int, default=200, help="calls a second")
    parser.add_argument("--growth", type=int, default=0, help="then so many short calls, watching the memory")
    arguments = parser.parse_args()
    if reason := lacking("sipp"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    with Rig(taps=False) as rig:
        node = rig.start_with(media="bypass", timers={"liveness": 0})
        empty = group_rss(node.process.pid)
        up, held = hold(rig, node, arguments.calls, arguments.rate)
        say(f"empty {empty / 1e6:.1f} MB; {up} calls {held / 1e6:.1f} MB; {arguments.calls - up} were not taken")
        say(f"{(held - empty) / max(1, up):.0f} bytes a held call")
        left = settle(node)
        say(f"after the last call: {left} calls, {group_rss(node.process.pid) / 1e6:.1f} MB")
        for done in range(0, arguments.growth, 10000):
            run(rig, 10000, arguments.rate)
            left += settle(node)
            say(f"{done + 10000} short calls: {group_rss(node.process.pid) / 1e6:.1f} MB")
    return 1 if left else 0


def say(text: str) -> None:
    """One line on the screen."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def hold(rig: Rig, node: Node, calls: int, rate: int) -> tuple[int, int]:
    """Put so many calls up, read the memory when no more come, let them end; how many were up, resident bytes."""
    caller, callee = start(rig, calls, rate, int(calls / rate + 20))
    up, since = 0, time.monotonic()
    while up < calls and time.monotonic() - since < 5 and caller.process.running:
        now = int(node.ask("GET", "/status")["calls"])
        if now > up:
            up, since = now, time.monotonic()
        time.sleep(0.25)
    size = group_rss(node.process.pid)
    caller.process.wait(calls / rate * 3 + 120)
    callee.stop()
    return up, size


def run(rig: Rig, calls: int, rate: int) -> None:
    """Short calls; those that the node sheds are the load's fault and leave nothing behind either."""
    caller, callee = start(rig, calls, rate, 0)
    caller.process.wait(calls / rate * 3 + 120)
    callee.stop()


def start(rig: Rig, calls: int, rate: int, seconds: int) -> tuple[Sipp, Sipp]:
    """A caller and a callee for calls of that length."""
    rig.begin()
    limit = int(calls / rate * 3 + seconds + 100)
    each: dict[str, Any] = {"calls": calls, "held": calls + 100, "timeout": limit, "receive_timeout": limit * 1000}
    callee = rig.sipp(INSIDE, "bench_uas", call=False, **each)
    values = {"held": str(seconds * 1000)}
    options = ("-s", "4930222", "-max_retrans", "20")
    return rig.sipp(OUTSIDE, "bench_uac", call=True, rate=rate, values=values, options=options, **each), callee


def settle(node: Node) -> int:
    """Wait until finished transactions are let go; the calls left then."""
    deadline = time.monotonic() + 60
    while node.ask("GET", "/status")["engine"]["transactions"] and time.monotonic() < deadline:
        time.sleep(0.5)
    return int(node.ask("GET", "/status")["calls"])


if __name__ == "__main__":
    sys.exit(main())
