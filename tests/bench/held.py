"""`python -m tests.bench.held [--calls N]`: bytes a held call costs, what is left when all have ended, growth over
many calls.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.rig.needs import lacking
from tests.rig.node import Node
from tests.rig.process import group_rss, wait_until
from tests.rig.rig import INSIDE, OUTSIDE, Rig


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
        held = hold(rig, node, arguments.calls, arguments.rate)
        say(f"empty {empty / 1e6:.1f} MB; {arguments.calls} calls {held / 1e6:.1f} MB")
        say(f"{(held - empty) / arguments.calls:.0f} bytes a held call")
        left = settle(node)
        say(f"after the last call: {left} calls, {group_rss(node.process.pid) / 1e6:.1f} MB")
        for done in range(0, arguments.growth, 10000):
            run(rig, 10000, arguments.rate, 0)
            left += settle(node)
            say(f"{done + 10000} short calls: {group_rss(node.process.pid) / 1e6:.1f} MB")
    return 1 if left else 0


def say(text: str) -> None:
    """One line on the screen."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def hold(rig: Rig, node: Node, calls: int, rate: int) -> int:
    """Put so many calls up, read the memory when all are, let them end; the resident bytes."""
    return run(rig, calls, rate, int(calls / rate + 20), node)


def run(rig: Rig, calls: int, rate: int, seconds: int, node: Node | None = None) -> int:
    """Calls of that length; with `node`, its resident bytes while all of them are up."""
    rig.begin()
    limit = int(calls / rate * 2 + seconds + 120)
    options = ("-s", "4930222", "-max_retrans", "20")
    callee = rig.sipp(
        INSIDE, "bench_uas", call=False, calls=calls, held=calls + 100, timeout=limit, receive_timeout=limit * 1000
    )
    caller = rig.sipp(
        OUTSIDE,
        "bench_uac",
        call=True,
        calls=calls,
        rate=rate,
        held=calls + 100,
        values={"held": str(seconds * 1000)},
        options=options,
        timeout=limit,
        receive_timeout=limit * 1000,
    )
    size = 0
    if node is not None:
        wait_until(
            lambda: node.ask("GET", "/status")["calls"] >= calls or not caller.process.running, limit, "all calls up"
        )
        size = group_rss(node.process.pid)
    caller.assert_ok(limit)
    callee.assert_ok(limit)
    return size


def settle(node: Node) -> int:
    """Wait until finished transactions are let go; the calls left then."""
    deadline = time.monotonic() + 60
    while node.ask("GET", "/status")["engine"]["transactions"] and time.monotonic() < deadline:
        time.sleep(0.5)
    return int(node.ask("GET", "/status")["calls"])


if __name__ == "__main__":
    sys.exit(main())
