"""`python -m tests.bench.loss [--calls N]`: rtpengine is killed in mid-call, a second one is in the pool: how many
calls keep their audio, and for how long each leg heard nothing. Ten packets a second and stream.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time

from tests.rig.crowd import PACE, Crowd
from tests.rig.needs import lacking
from tests.rig.node import node_file
from tests.rig.process import NotReady, wait_until
from tests.rig.rig import Rig
from tests.rig.rtpengine import Rtpengine


def main() -> int:
    """Measure and print; exit 1 if a call lost its audio for good."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.loss", description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    arguments = parser.parse_args()
    if reason := lacking("rtpengine"):
        sys.stderr.write(f"cannot run here: {reason}\n")
        return 2
    with Rig(taps=False) as rig:
        engines = [Rtpengine(rig.work(), rig.network.node, number) for number in range(2)]
        rig.start(lambda state: node_file(state=state, engine=" ".join(one.ng for one in engines), sheds=True))
        crowd = Crowd(rig, arguments.calls)
        try:
            crowd.establish()
            return 0 if measure(rig, engines, crowd) else 1
        finally:
            crowd.close()
            for engine in engines:
                engine.stop()


def measure(rig: Rig, engines: list[Rtpengine], crowd: Crowd) -> bool:
    """Kill the engine with most calls, print what that meant; whether all calls have audio again."""
    held = [row["calls"] for row in rig.node.ask("GET", "/media")["engines"]]
    victim = held.index(max(held))
    time.sleep(1)
    killed = time.monotonic()
    engines[victim].process.kill()
    try:
        wait_until(lambda: events(rig).get("calls.reanchored", 0) == held[victim], 60, "the calls to move")
    except NotReady as error:
        print(error)
    moved = time.monotonic() - killed
    quiet = time.monotonic()
    time.sleep(2)
    hearing = sum(
        one.hears(quiet) and other.hears(quiet) for one, other in zip(crowd.callers, crowd.callees, strict=True)
    )
    cut = sorted(gap for phone in crowd.phones if (gap := phone.gap(killed)) > 5 * PACE)
    print(f"{len(crowd.phones) // 2} calls, {held[victim]} on the engine that was killed")
    print(f"{hearing} calls with audio both ways afterwards; all moved after {moved:.1f} s")
    if cut:
        least, median, most = cut[0], statistics.median(cut), cut[-1]
        print(f"gap of {len(cut)} streams: {least:.1f} s at least, {median:.1f} median, {most:.1f} most")
    return hearing == len(crowd.callers)


def events(rig: Rig) -> dict[str, int]:
    """The node's counters."""
    found: dict[str, int] = rig.node.ask("GET", "/status")["events"]
    return found


if __name__ == "__main__":
    sys.exit(main())
