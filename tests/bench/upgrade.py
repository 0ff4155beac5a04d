"""`python -m tests.bench.upgrade [--rate R] [--seconds S] [--upgrades N] [--without]`: `sbc upgrade` under load, as
callers and operators saw it.

Calls of two seconds come at a steady rate, all from one port, while the node is upgraded again and again; then the same
without an upgrade. Told for each: calls that failed, INVITEs and BYEs that SIPp repeated, how long answers took, how
long the control socket was silent, what a worker got that was not its own, and for each upgrade the seconds from the
command until the new version had taken over, and until the old processes were gone. Exit 1 if a call failed or was
left, a message came to a wrong worker, or the calls ended before the last upgrade.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import sys
import time
from typing import Final

from tests.bench.held import say, settle, start
from tests.bench.installed import run_installed
from tests.bench.load import percentiles
from tests.rig.needs import lacking
from tests.rig.node import Node
from tests.rig.process import wait_until
from tests.rig.rig import Rig
from tests.rig.sipp import Sipp
from tests.rig.upgrades import Watcher, answers, repeated, upgrade

HELD: Final = 2
"""Seconds from an answer to its BYE."""
_BEFORE: Final = 5.0
"""Seconds of load before each upgrade."""
_RELIEF: Final = 100.0
"""Seconds that the old processes may take: transactions linger for 64*T1."""
_RTT: Final = ("-trace_rtt", "-rtt_freq", "20")


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.upgrade", description=__doc__)
    parser.add_argument("--rate", type=int, default=100, help="calls a second (%(default)s)")
    parser.add_argument("--seconds", type=int, default=120, help="of load (%(default)s)")
    parser.add_argument("--upgrades", type=int, default=2, help="meanwhile (%(default)s)")
    parser.add_argument("--without", action="store_true", help="only the run without an upgrade")
    parser.add_argument("--workers", type=int, default=2, help="of the node, two at the least (%(default)s)")
    options = parser.parse_args()
    if reason := lacking("sipp"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    say(f"the node: {run_installed()}")
    runs = [0] if options.without else [options.upgrades, 0]
    return max([run(options, upgrades) for upgrades in runs])


def run(options: argparse.Namespace, upgrades: int) -> int:
    """One node, upgraded so often; 0 where all was as it should be."""
    calls = options.rate * options.seconds
    with Rig(taps=False) as rig:
        node = rig.start_with(store="sqlite", workers=options.workers, media="bypass")
        first = node.process
        try:
            caller, callee = start(rig, calls, options.rate, HELD, options=_RTT)
            watcher = Watcher(node)
            changes = [change(node) for _ in range(upgrades)]
            is_whole = not upgrades or caller.process.running
            code = caller.process.wait(calls / options.rate * 5 + 120)
            callee.stop()
            left = settle(node)
            watcher.stop()
            say(f"{upgrades or 'no'} upgrades, {calls} calls at {options.rate} a second, {options.workers} workers:")
            for at, (handed, over) in enumerate(changes, 1):
                say(f"  upgrade {at}: handed over after {handed:.1f} s, the old processes gone after {over:.1f} s")
            report(caller, watcher, left)
            if not is_whole:
                say("  the calls had ended before the last upgrade: more --seconds are needed")
            if code:
                say(f"  the callers complain: {caller.complaint()[:600]}")
        finally:
            first.stop()
    return 0 if is_whole and not code and not left and not watcher.astray else 1


def change(node: Node) -> tuple[float, float]:
    """Upgrade it: seconds until the next version has taken over, and until the former one is gone."""
    time.sleep(_BEFORE)
    began = time.monotonic()
    upgrade(node, "--deadline", f"{_RELIEF:g}")
    handed = time.monotonic() - began
    wait_until(lambda: is_relieved(node), 2 * _RELIEF, "the old processes to end")
    return handed, time.monotonic() - began


def is_relieved(node: Node) -> bool:
    """Whether no worker has two processes; looks a few times a second."""
    time.sleep(0.2)
    with contextlib.suppress(OSError):
        return "relieving" not in node.ask("GET", "/status").get("supervisor", {"relieving": {}})
    return False


def report(caller: Sipp, watcher: Watcher, left: int) -> None:
    """What was seen meanwhile."""
    times = answers(caller)
    half, _, nearly_all = percentiles(times)
    found = re.findall(r"Failed call +\| +\d+ +\| +(\d+)", caller.process.output())
    say(f"  calls failed: {found[-1] if found else 'unknown'}, left: {left}; requests repeated: {repeated(caller)}")
    say(
        f"  answers: median {1000 * half:.0f} ms, p99 {1000 * nearly_all:.0f} ms,"
        f" the longest {1000 * times[-1]:.0f} ms, {sum(one > 0.5 for one in times)} of {len(times)} over half a second"
    )
    say(f"  the control socket: silent for {watcher.longest:.2f} s at the longest, {watcher.failures} times not there")
    say(f"  given to a wrong worker: {watcher.astray or 'nothing'}")


if __name__ == "__main__":
    sys.exit(main())
