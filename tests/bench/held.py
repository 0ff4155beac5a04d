"""`python -m tests.bench.held [--calls N] [--workers W] [--session S]`: bytes a held call costs, process by process;
what is left when all have ended; how long the node's event loop was held up meanwhile.

Calls come at a steady rate, all are up at once, and each ends with a BYE of its caller. With `--session` both peers
have session timers and the node refreshes each leg once, half an interval after the call was made, before its BYE. With
`--growth` short calls follow, and the memory is told after each ten thousand.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from typing import Any

from tests.bench.installed import run_installed
from tests.rig.needs import lacking
from tests.rig.node import Node
from tests.rig.process import group_rss, rss_by_process
from tests.rig.rig import INSIDE, OUTSIDE, Rig
from tests.rig.sipp import Sipp

_SPARE = 45
"""Seconds for which all calls are up together."""
_SLOWER = 1.2
"""A busy machine takes this much longer to put them up."""


def main() -> int:
    """Measure and print; exit 1 if a call is left over, or not all came up."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.held", description=__doc__)
    parser.add_argument("--calls", type=int, default=20000, help="calls held at a time (%(default)s)")
    parser.add_argument("--rate", type=int, default=200, help="calls a second (%(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="of the node (%(default)s)")
    parser.add_argument("--store", choices=["sqlite", "memory"], default="sqlite", help="the journal (%(default)s)")
    parser.add_argument("--session", action="store_true", help="with session timers on both legs")
    parser.add_argument("--growth", type=int, default=0, help="then so many short calls, watching the memory")
    options = parser.parse_args()
    if reason := lacking("sipp"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    say(f"the node: {run_installed()}")
    ramp = options.calls / options.rate
    session = 2 * max(45, int(_SLOWER * ramp + _SPARE)) if options.session else 0
    with Rig(taps=False) as rig:
        timers: dict[str, float] = {"liveness": 0, "session": session}
        node = rig.start_with(
            media="bypass",
            timers=timers,
            store=options.store,
            workers=options.workers,
        )
        empty = rss_by_process(node.process.pid)
        up = hold(rig, node, options, session, empty)
        left = settle(node)
        say(f"after the last call: {left} calls, {group_rss(node.process.pid) / 1e6:.1f} MB; {loop_of(node)}")
        tell_events(node)
        for done in range(0, options.growth, 10000):
            run(rig, 10000, options.rate)
            left += settle(node)
            say(f"{done + 10000} short calls: {group_rss(node.process.pid) / 1e6:.1f} MB")
    return 1 if left or up < options.calls else 0


def say(text: str) -> None:
    """One line on the screen."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def hold(rig: Rig, node: Node, options: argparse.Namespace, session: int, empty: dict[int, int]) -> int:
    """Put them all up, read the memory when no more come, let them end; how many were up."""
    calls, rate = options.calls, options.rate
    # With timers a call first waits for its refresh, which comes once all are up.
    held = 10 if session else int(_SLOWER * calls / rate + _SPARE)
    caller, callee = start(rig, calls, rate, held, session=session)
    began, up, since = time.monotonic(), 0, time.monotonic()
    while up < calls and time.monotonic() - since < _SPARE / 2 and caller.process.running:
        now = int(node.ask("GET", "/status")["calls"])
        if now > up:
            up, since = now, time.monotonic()
        time.sleep(1.0)
    full = rss_by_process(node.process.pid)
    say(f"{up} calls up within {since - began:.0f} s, {calls - up} were not taken; {loop_of(node)}")
    for pid, size in full.items():
        before = empty.get(pid, 0)
        if size - before > up * 50:
            tell_growth(f"process {pid}", before, size, up)
    tell_growth("all of them", sum(empty.values()), sum(full.values()), up)
    asked = time.monotonic()
    shown = node.ask("GET", "/calls?limit=100")
    say(f"`sbc calls`: {len(shown['calls'])} of {shown['total']} shown after {time.monotonic() - asked:.3f} s")
    code = caller.process.wait(calls / rate * 4 + session + 200)
    say(f"the callers ended with {code}: {'every call ended with a BYE' if code == 0 else caller.complaint()[:600]}")
    callee.stop()
    return up


def tell_growth(what: str, before: int, after: int, calls: int) -> None:
    """What so many calls have cost."""
    each = (after - before) / max(1, calls)
    say(f"{what}: {before / 1e6:.1f} MB, then {after / 1e6:.1f}: {each:.0f} bytes a held call")


def loop_of(node: Node) -> str:
    """The event loop's pauses, in words."""
    found = node.ask("GET", "/status")["loop"]
    return (
        f"longest pause of the event loop {1000 * found['longest_pause']:.0f} ms (lately"
        f" {1000 * found['longest_pause_lately']:.0f}), longest run of the collector"
        f" {1000 * found['longest_collection']:.0f} ms, all its runs {found['collected']:.1f} s"
    )


def tell_events(node: Node) -> None:
    """What the node counted, and what its journal lost."""
    found = node.ask("GET", "/status")
    events = {name: count for name, count in found["events"].items() if not name.startswith("overload")}
    say(f"counted: {events}; journal: {found['journal']}")


def run(rig: Rig, calls: int, rate: int) -> None:
    """Short calls; those that the node sheds are the load's fault and leave nothing behind either."""
    caller, callee = start(rig, calls, rate, 0)
    caller.process.wait(calls / rate * 3 + 120)
    callee.stop()


def start(
    rig: Rig, calls: int, rate: int, seconds: int, session: int = 0, options: Sequence[str] = ()
) -> tuple[Sipp, Sipp]:
    """A caller and a callee for calls of that length, which is counted from their refresh where they have timers.

    `options` are more of the caller's.
    """
    rig.begin()
    limit = int(calls / rate * 4 + session + seconds + 100)
    each: dict[str, Any] = {"calls": calls, "held": calls + 100, "timeout": limit, "receive_timeout": limit * 1000}
    kind = "timed" if session else "bench"
    timed = {"session": str(session), "patience": str(limit * 1000)} if session else {}
    callee = rig.sipp(INSIDE, f"{kind}_uas", call=False, values=timed, **each)
    values = timed | {"held": str(seconds * 1000)}
    options = ("-s", "4930222", "-max_retrans", "20", "-max_invite_retrans", "20", *options)
    return rig.sipp(OUTSIDE, f"{kind}_uac", call=True, rate=rate, values=values, options=options, **each), callee


def settle(node: Node) -> int:
    """Wait until finished transactions are let go; the calls left then."""
    deadline = time.monotonic() + 60
    while node.ask("GET", "/status")["engine"]["transactions"] and time.monotonic() < deadline:
        time.sleep(0.5)
    return int(node.ask("GET", "/status")["calls"])


if __name__ == "__main__":
    sys.exit(main())
